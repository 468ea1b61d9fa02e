/* SPDX-License-Identifier: MIT
 *
 * vow_task.c - await as floor.c defines it (W7): two that wait for each other in turn, a
 * promise made, settled and awaited each time. `vow_task WORKLOAD [N]` runs one of them N
 * times (for callgrind), without N it reports the best of five. await_memory reports the
 * resident bytes of 100,000 idle fibers, of a million suspended tasks.
 */
#include "bench.h"

#include <unistd.h>

#include "vow.h"

static vow_loop *loop;
static vow_promise *pa, *pb;
static vow_resolver *ra, *rb;
static long rounds, sum;

static long await(vow_promise *p)
{
    vow_value v;
    vow_await(p, &v);
    return vow_as_int(v);
}

static vow_value fiber_b(void *data)
{
    for (long i = 0; i < rounds; i++) {
        vow_promise *p = pb;
        sum += await(p);
        pb = vow_promise_new(loop, &rb);
        vow_resolve(ra, vow_int(1));
    }
    return (void)data, vow_none();
}

static vow_value fiber_a(void *data)
{
    for (long i = 0; i < rounds; i++) {
        vow_promise *p = vow_promise_new(loop, &ra);
        vow_resolve(rb, vow_int(1));
        sum += await(p);
    }
    return (void)data, vow_none();
}

static void end(vow_promise *a, vow_promise *b)
{
    while (vow_drain(loop, SIZE_MAX))
        ;
    CHECK(vow_state(a) == VOW_FULFILLED && vow_state(b) == VOW_FULFILLED);
    CHECK(sum == rounds * 2);
    vow_unref(a);
    vow_unref(b);
    vow_resolver_abandon(rb);
    vow_unref(pb);
}

static void await_fiber(long n)
{
    rounds = n / 2;
    sum = 0;
    pb = vow_promise_new(loop, &rb);
    vow_promise *b = vow_spawn(loop, fiber_b, NULL, NULL);
    end(vow_spawn(loop, fiber_a, NULL, NULL), b);
}

struct task {
    vow_task task;
    long i;
};

static vow_value task_b(vow_task *task)
{
    struct task *t = (struct task *)task;
    VOW_TASK_BEGIN(task);
    for (t->i = 0; t->i < rounds; t->i++) {
        VOW_AWAIT(task, pb);
        sum += vow_as_int(task->value);
        pb = vow_promise_new(loop, &rb);
        vow_resolve(ra, vow_int(1));
    }
    VOW_TASK_END(vow_none());
}

static vow_value task_a(vow_task *task)
{
    struct task *t = (struct task *)task;
    VOW_TASK_BEGIN(task);
    for (t->i = 0; t->i < rounds; t->i++) {
        pa = vow_promise_new(loop, &ra);
        vow_resolve(rb, vow_int(1));
        VOW_AWAIT(task, pa);
        sum += vow_as_int(task->value);
    }
    VOW_TASK_END(vow_none());
}

static void await_task(long n)
{
    struct task a = {0}, b = {0};
    rounds = n / 2;
    sum = 0;
    pb = vow_promise_new(loop, &rb);
    vow_promise *p = vow_task_start(loop, task_b, &b.task, NULL);
    end(vow_task_start(loop, task_a, &a.task, NULL), p);
}

/* Memory: those that wait share a promise, which is not theirs. */

static vow_promise *gate;

static vow_value idle_fiber(void *data)
{
    long *arrived = data;
    ++*arrived;
    vow_await(vow_ref(gate), NULL);
    return vow_none();
}

static vow_value idle_task(vow_task *task)
{
    VOW_TASK_BEGIN(task);
    ++sum;
    VOW_AWAIT(task, vow_ref(gate));
    VOW_TASK_END(vow_none());
}

static double resident(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    double kib = 0;
    CHECK(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "Rss: %lf", &kib) == 1)
            break;
    fclose(file);
    return kib * 1024;
}

static double page_tables(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    double kib = 0;
    CHECK(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmPTE: %lf", &kib) == 1)
            break;
    fclose(file);
    return kib * 1024;
}

static void memory(const char *name, long n, vow_promise *(*start)(void))
{
    vow_resolver *r;
    vow_promise **all = calloc((size_t)n, sizeof *all);
    gate = vow_promise_new(loop, &r);
    sum = 0;
    double before = resident() + page_tables();
    for (long i = 0; i < n; i++)
        all[i] = start();
    while (vow_drain(loop, SIZE_MAX))
        ;
    CHECK(sum == n);
    report(name, "vow", 0, (resident() + page_tables() - before) / (double)n);
    vow_resolve(r, vow_none());
    vow_unref(gate);
    while (vow_drain(loop, SIZE_MAX))
        ;
    for (long i = 0; i < n; i++)
        vow_unref(all[i]);
    free(all);
}

static vow_promise *start_fiber(void) { return vow_spawn(loop, idle_fiber, &sum, NULL); }
static vow_promise *start_task(void)
{
    return vow_task_start(loop, idle_task, calloc(1, sizeof(vow_task)), free);
}

int main(int argc, char **argv)
{
    CHECK(argc > 1);
    loop = vow_loop_new();
    CHECK(loop);
    void (*workload)(long) = !strcmp(argv[1], "await_fiber")  ? await_fiber
                             : !strcmp(argv[1], "await_task") ? await_task
                                                              : NULL;
    if (workload && argc > 2) {
        workload(atol(argv[2]));
    } else if (workload) {
        report(argv[1], "vow", best_ns(workload, 4000000), 0);
    } else {
        memory("fibers_memory", 100000, start_fiber);
        memory("tasks_memory", 1000000, start_task);
    }
    CHECK(vow_stats(loop).live == 0);
    vow_loop_free(loop);
    return 0;
}
