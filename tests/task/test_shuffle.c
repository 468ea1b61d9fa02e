/* SPDX-License-Identifier: MIT
 *
 * Fibers and tasks in random orders: workers that take a lock in turn, and are cancelled and
 * dropped at random meanwhile. VOW_SEED=n replays one seed.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "task/switch.h" /* is there ASan? */
#include "vow/async.h"
#include "vow/inspect.h"
#include "vow/task.h"

#ifndef SEEDS
#define SEEDS 1000
#endif
enum { FIBERS = 4, WORKERS = 8, ROUNDS = 3 };

struct bank {
    uint64_t random;
    vow_promise *last; /* fulfilled when nobody has the lock or waits for it */
    int inside, balance, destroyed;
    unsigned order; /* a sum over who went on when */
};

struct worker {
    vow_task task;
    struct bank *bank;
    int number, round, code;
    vow_promise *turn;   /* not NULL: waits for the lock, or has it */
    vow_resolver *after; /* whose promise the next one waits for */
    bool inside;
};

static unsigned pick(struct bank *bank, unsigned n)
{
    bank->random = bank->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(bank->random >> 33) % n;
}

/* The lock: everybody waits for the one before. */

static vow_promise *queue_up(struct worker *w)
{
    w->turn = w->bank->last;
    w->bank->last = vow_promise_new(vow_current(), &w->after);
    return vow_ref(w->turn);
}

static void enter(struct worker *w)
{
    CHECK(w->bank->inside++ == 0);
    w->bank->order = w->bank->order * 31 + (unsigned)w->number;
    w->bank->balance--;
    w->inside = true;
}

static void leave(struct worker *w)
{
    vow_value to = vow_none();
    if (w->inside) {
        w->bank->balance++;
        w->bank->inside--;
        vow_unref(w->turn);
    } else {
        to = vow_v(w->turn); /* whoever comes after waits for who came before */
    }
    vow_resolve(w->after, to);
    w->turn = NULL;
    w->inside = false;
}

/* The workers. */

static vow_promise *pause_of(struct worker *w)
{
    return vow_delay(vow_current(), pick(w->bank, 3));
}

static vow_value run_fiber(void *data)
{
    struct worker *w = data;
    for (w->round = 0; w->round < ROUNDS && w->code == 0; w->round++) {
        w->code = vow_await(queue_up(w), NULL);
        if (w->code == 0) {
            enter(w);
            w->code = pick(w->bank, 2) ? vow_yield() : vow_await(pause_of(w), NULL);
        }
        leave(w);
        vow_yield();
    }
    return vow_v(w->round);
}

static vow_value run_task(vow_task *task)
{
    struct worker *w = (struct worker *)task;
    VOW_TASK_BEGIN(task);
    for (w->round = 0; w->round < ROUNDS && task->code == 0; w->round++) {
        VOW_AWAIT(task, queue_up(w));
        if (task->code == 0) {
            enter(w);
            VOW_AWAIT(task, pause_of(w));
        }
        leave(w);
        VOW_YIELD(task);
    }
    VOW_TASK_END(vow_v(w->round));
}

static void destroy(void *data)
{
    struct worker *w = data;
    if (w->turn) /* a dropped task: it was not called any more */
        leave(w);
    w->bank->destroyed++;
    free(w);
}

static vow_promise *start(vow_loop *loop, struct bank *bank, int number)
{
    struct worker *w = calloc(1, sizeof *w);
    w->bank = bank;
    w->number = number;
    return number < FIBERS ? vow_spawn(loop, run_fiber, w, destroy)
                           : vow_task_start(loop, run_task, &w->task, destroy);
}

static void disturb(struct bank *bank, vow_promise **worker)
{
    unsigned what = pick(bank, 24);
    if (what == 0)
        vow_cancel(*worker);
    if (what == 1)
        *worker = vow_unref(*worker);
}

static unsigned run_seed(vow_loop *loop, uint64_t seed)
{
    vow_promise *workers[WORKERS];
    struct bank bank = {.random = seed, .last = vow_resolved(loop, vow_none())};
    vow_test_shuffle(loop, seed);
    for (int i = 0; i < WORKERS; i++)
        workers[i] = start(loop, &bank, i);
    while (bank.destroyed < WORKERS) {
        vow_promise **worker = &workers[pick(&bank, WORKERS)];
        if (vow_drain(loop, 1 + pick(&bank, 4)) == 0)
            vow_clock_advance(loop, 1);
        if (*worker)
            disturb(&bank, worker);
    }
    for (int i = 0; i < WORKERS; i++)
        vow_unref(workers[i]);
    vow_poll(loop);
    EQ_INT(vow_state(bank.last), VOW_FULFILLED);
    EQ_INT(bank.inside, 0);
    EQ_INT(bank.balance, 0);
    vow_unref(bank.last);
    return bank.order;
}

/* A seed that fails is named: by an assertion, and by what ends the program. */
static void tell(void)
{
    size_t left = strlen(harness_note);
    if (write(STDERR_FILENO, harness_note, left) < 0)
        _exit(1);
}
static void die(int number)
{
    tell();
    signal(number, SIG_DFL);
    raise(number);
}
static void tell_when_dying(void)
{
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGALRM};
#ifdef VOW_ASAN
    __sanitizer_set_death_callback(tell);
#else
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        signal(deadly[i], die);
#endif
    (void)deadly, (void)die;
}

TEST(whatever_the_order_everybody_gets_the_lock_in_turn_and_nothing_is_lost)
{
    const char *one = getenv("VOW_SEED");
    uint64_t first = one ? strtoull(one, NULL, 10) : 1, last = one ? first : SEEDS;
    tell_when_dying();
    for (uint64_t seed = first; seed <= last; seed++) {
        snprintf(harness_note, sizeof harness_note, "VOW_SEED=%llu replays this: ",
                 (unsigned long long)seed);
        size_t lines = vow_stats(loop).live;
        run_seed(loop, seed);
        EQ_UINT(vow_stats(loop).live, lines);
    }
    harness_note[0] = '\0';
}

TEST(a_seed_replays_and_another_gives_another_order)
{
    unsigned first = run_seed(loop, 5), same = 0;
    EQ_UINT(run_seed(loop, 5), first);
    for (uint64_t seed = 6; seed < 26; seed++)
        same += run_seed(loop, seed) == first;
    EQ_UINT(same, 0);
}

static vow_value note(void *data)
{
    struct trace *trace = data;
    vow_yield();
    trace_add(trace, "f");
    return vow_none();
}

TEST(what_is_shuffled_may_be_cancelled_and_dropped_while_it_is_put_off)
{
    vow_test_shuffle(loop, 1);
    for (int i = 0; i < 100; i++) {
        struct trace trace = {""};
        vow_promise *p = vow_spawn(loop, note, &trace, NULL);
        vow_promise *q = vow_spawn(loop, note, &trace, NULL);
        vow_drain(loop, (size_t)i % 7);
        vow_cancel(p);
        vow_drain(loop, (size_t)i % 3);
        vow_unref(p);
        vow_poll(loop);
        EQ_INT(vow_state(q), VOW_FULFILLED);
        vow_unref(q);
    }
}

struct given {
    vow_promise *waits_for;
    int code, destroyed;
};
static vow_value take_it(void *data)
{
    struct given *g = data;
    g->code = vow_await(g->waits_for, NULL);
    return vow_none();
}
struct taker {
    vow_task task;
    struct given *given;
};
static vow_value take_it_as_task(vow_task *task)
{
    struct given *g = ((struct taker *)task)->given;
    VOW_TASK_BEGIN(task);
    VOW_AWAIT(task, g->waits_for);
    g->code = task->code;
    VOW_TASK_END(vow_none());
}

/* Whether it was put off or not, it has not seen the value when it is cancelled. */
TEST(a_cancel_finds_what_was_put_off_and_the_value_goes)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        vow_resolver *r;
        struct given g = {.waits_for = vow_promise_new(loop, &r), .code = -1};
        struct taker taker = {.given = &g};
        vow_test_shuffle(loop, 0);
        vow_promise *p = seed % 2 ? vow_spawn(loop, take_it, &g, NULL)
                                  : vow_task_start(loop, take_it_as_task, &taker.task, NULL);
        vow_drain(loop, 1);
        vow_test_shuffle(loop, seed);
        vow_resolve(r, vow_box(&g.destroyed, count_destroy));
        vow_drain(loop, 1); /* its turn, or it is put off */
        int seen = g.code;
        vow_cancel(p);
        vow_poll(loop);
        EQ_INT(g.code, seen == 0 ? 0 : ECANCELED);
        EQ_INT(g.destroyed, 1);
        vow_unref(p);
    }
}
