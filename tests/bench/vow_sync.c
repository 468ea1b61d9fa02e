/* SPDX-License-Identifier: MIT
 *
 * vow_sync.c - locks and channels with nobody in the way, per lock and unlock, per value:
 *     mutex          vow_mutex_lock and giving the permit back
 *     semaphore      the same, for two permits of four
 *     channel        a value sent into a buffer and received from it
 *     channel_fibers a value handed from fiber to fiber without a buffer
 *     spawn          a fiber that is started, gives a number and is waited for
 *     seq_map        a value pulled from an array through a map
 * `vow_sync WORKLOAD [N]` runs one of them N times (for callgrind), without N it reports the
 * best of five.
 */
#include "bench.h"

#include "vow.h"

static vow_loop *loop;
static long sum;

static void mutex(long n)
{
    vow_mutex *m = vow_mutex_new(loop);
    for (long i = 0; i < n; i++) {
        vow_promise *p = vow_mutex_lock(m);
        CHECK(vow_state(p) == VOW_FULFILLED);
        vow_unref(p);
    }
    vow_mutex_free(m);
}

static void semaphore(long n)
{
    vow_semaphore *s = vow_semaphore_new(loop, 4);
    for (long i = 0; i < n; i++) {
        vow_promise *p = vow_semaphore_acquire(s, 2);
        CHECK(vow_state(p) == VOW_FULFILLED);
        vow_unref(p);
    }
    CHECK(vow_semaphore_available(s) == 4);
    vow_semaphore_free(s);
}

static void channel(long n)
{
    vow_channel *ch = vow_channel_new(loop, 16);
    sum = 0;
    for (long i = 0; i < n; i++) {
        vow_unref(vow_channel_send(ch, vow_int(i)));
        vow_promise *p = vow_channel_receive(ch);
        sum += vow_as_int(vow_peek(p));
        vow_unref(p);
    }
    CHECK(sum == n * (n - 1) / 2);
    vow_channel_unref(ch);
}

static long rounds;

static vow_value sender(void *ch)
{
    for (long i = 0; i < rounds; i++)
        CHECK(vow_await(vow_channel_send(ch, vow_int(i)), NULL) == 0);
    return vow_none();
}

static vow_value receiver(void *ch)
{
    vow_value v;
    for (long i = 0; i < rounds; i++) {
        CHECK(vow_await(vow_channel_receive(ch), &v) == 0);
        sum += vow_as_int(v);
    }
    return vow_none();
}

static void channel_fibers(long n)
{
    vow_channel *ch = vow_channel_new(loop, 0);
    rounds = n;
    sum = 0;
    vow_promise *both =
        vow_all(loop, vow_spawn(loop, sender, ch, NULL), vow_spawn(loop, receiver, ch, NULL));
    CHECK(vow_run(loop, both, NULL) == 0 && sum == n * (n - 1) / 2);
    vow_channel_unref(ch);
}

static vow_value give_number(void *number) { return vow_int(*(long *)number); }

static vow_value spawner(void *data)
{
    vow_value v;
    for (long i = 0; i < rounds; i++) {
        CHECK(vow_await(vow_spawn(loop, give_number, &i, NULL), &v) == 0);
        sum += vow_as_int(v);
    }
    return (void)data, vow_none();
}

static void spawn(long n)
{
    rounds = n;
    sum = 0;
    CHECK(vow_run(loop, vow_spawn(loop, spawner, NULL, NULL), NULL) == 0 && sum == n * (n - 1) / 2);
}

static vow_value add(vow_value v, void *data)
{
    (void)data;
    sum += vow_as_int(v);
    return vow_none();
}

static vow_value twice(vow_value v, void *data)
{
    (void)data;
    return vow_int(2 * vow_as_int(v));
}

static vow_value next_number(void *data)
{
    long *left = data;
    return *left > 0 ? vow_int((*left)--) : vow_end();
}

static void seq_map(long n)
{
    long left = n;
    sum = 0;
    vow_seq *seq = vow_seq_map(vow_seq_new(loop, next_number, &left, NULL), twice, NULL);
    CHECK(vow_run(loop, vow_seq_for_each(loop, seq, 1, add, NULL), NULL) == 0 &&
          sum == n * (n + 1));
}

static const struct {
    const char *name;
    bench_fn fn;
} workloads[] = {{"mutex", mutex},
                 {"semaphore", semaphore},
                 {"channel", channel},
                 {"channel_fibers", channel_fibers},
                 {"spawn", spawn},
                 {"seq_map", seq_map}};

int main(int argc, char **argv)
{
    loop = vow_loop_new();
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads && argc > 1; i++) {
        if (strcmp(argv[1], workloads[i].name) != 0)
            continue;
        if (argc > 2)
            workloads[i].fn(atol(argv[2]));
        else
            report(workloads[i].name, "vow", best_ns(workloads[i].fn, 1000000), 0);
    }
    vow_loop_free(loop);
    return 0;
}
