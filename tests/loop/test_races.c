/* SPDX-License-Identifier: MIT
 *
 * test_races.c - eight threads post, settle and let go, two of them always at the same
 * promise, while the loop's thread cancels and drops, and ends the loop before, during or
 * after that. Each item and each promise keeps its own ledger: what was to happen once has
 * happened once, and a call that said it worked did.
 *     VOW_RACES=n    n operations a thread; `tests/run threads` says a million
 */
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"

enum { THREADS = 8, ITEMS = 1000, PAIRS = THREADS / 2, OPERATIONS = 50000 };
enum end { BEFORE, DURING, AFTER };
enum what { POST, NODE, RESOLVE, REJECT, LET_GO, SHARE, KINDS };

/* A promise that two threads may settle, and what became of it. */
struct bet {
    vow_promise *end; /* of the handler that sees it; NULL: dropped */
    bool cancelled;
    int seen, code; /* how often the handler ran, and what it saw: an error's code, or */
    struct item *got;
};

/* What one operation of a thread works on. */
struct item {
    vow_node node; /* first */
    enum what what;
    vow_remote_resolver *resolver; /* the thread's reference */
    struct bet *bet;
    atomic_int runs, ends; /* of the function; of the data or value */
    bool good;             /* what the call answered */
};

static struct worker {
    pthread_t thread;
    uint64_t random;
    vow_remote *remote; /* the thread's reference, for one round */
    struct item items[ITEMS];
} workers[THREADS];
static struct bet bets[PAIRS][ITEMS];
static pthread_barrier_t begin, finish;
static int rounds;
static struct {
    size_t posted, refused, settled, lost, cancelled, dropped, loops[3];
} sums;

static uint64_t random_of(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* On the threads. */

static void run_item(void *item) { atomic_fetch_add(&((struct item *)item)->runs, 1); }
static void end_item(void *item) { atomic_fetch_add(&((struct item *)item)->ends, 1); }
static void run_node(vow_node *node) { run_item(node); }
static void end_node(vow_node *node) { end_item(node); }

static void operate(struct worker *w, struct item *item)
{
    vow_remote_resolver *r = item->resolver;
    switch (item->what) {
    case POST:
        item->good = vow_post(w->remote, run_item, item, end_item) == 0;
        break;
    case NODE:
        item->good = vow_post_node(w->remote, &item->node) == 0;
        break;
    case RESOLVE:
        item->good = vow_remote_resolve(r, vow_box(item, end_item));
        break;
    case REJECT:
        item->good = vow_remote_reject(r, vow_error_of_value(vow_box(item, end_item)));
        break;
    case SHARE:
        vow_remote_resolver_unref(vow_remote_resolver_ref(r));
        item->good = vow_remote_is_wanted(r) && vow_remote_resolve(r, vow_box(item, end_item));
        break;
    default:
        break;
    }
    vow_remote_resolver_unref(r);
}

static void *work(void *data)
{
    struct worker *w = data;
    for (int round = 0; round < rounds; round++) {
        pthread_barrier_wait(&begin);
        for (int i = 0; i < ITEMS; i++)
            operate(w, &w->items[i]);
        vow_remote_unref(w->remote);
        pthread_barrier_wait(&finish);
    }
    return NULL;
}

/* On the loop's thread. */

static vow_value see(vow_value v, void *data)
{
    struct bet *bet = data;
    bet->seen++;
    if (vow_is_error(v)) {
        bet->code = vow_error_code(vow_as_error(v));
        v = vow_error_payload(vow_as_error(v));
    }
    bet->got = vow_is_none(v) ? NULL : vow_unbox(v);
    return vow_none();
}

/* The items of two threads; where both settle, they have one promise. */
static void make_pair(vow_remote *remote, struct bet *bet, struct item *a, struct item *b)
{
    *bet = (struct bet){.end = NULL};
    *a = (struct item){.node = {NULL, run_node, end_node}, .what = a->what, .bet = bet};
    *b = (struct item){.node = {NULL, run_node, end_node}, .what = b->what, .bet = bet};
    if (a->what <= NODE && b->what <= NODE)
        return;
    struct item *one = a->what > NODE ? a : b, *other = one == a ? b : a;
    vow_promise *p = vow_promise_new_remote(remote, &one->resolver);
    if (other->what > NODE)
        other->resolver = vow_remote_resolver_ref(one->resolver);
    bet->end = vow_handle(p, see, bet);
}

static void make_round(vow_loop *loop, uint64_t *random)
{
    vow_remote *remote = vow_remote_new(loop);
    for (int i = 0; i < ITEMS; i++) {
        for (int pair = 0; pair < PAIRS; pair++) {
            struct item *a = &workers[2 * pair].items[i], *b = &workers[2 * pair + 1].items[i];
            a->what = random_of(random) % KINDS;
            b->what = random_of(random) % KINDS;
            make_pair(remote, &bets[pair][i], a, b);
        }
    }
    for (int i = 0; i < THREADS; i++)
        workers[i].remote = vow_remote_ref(remote);
    vow_remote_unref(remote);
}

/* Turns the loop a few times; in between somebody loses interest. */
static void turn(vow_loop *loop, uint64_t most, uint64_t *random)
{
    for (uint64_t turns = random_of(random) % (most + 1); turns > 0; turns--) {
        for (int i = 0; i < 50; i++) {
            struct bet *bet = &bets[random_of(random) % PAIRS][random_of(random) % ITEMS];
            if (bet->end == NULL)
                continue;
            if (random_of(random) % 2) {
                bet->cancelled = bet->cancelled || bet->seen == 0;
                vow_cancel(bet->end);
            } else {
                bet->end = vow_unref(bet->end);
                sums.dropped++;
            }
        }
        vow_poll(loop);
    }
}

static void check_item(const struct item *item, enum end end)
{
    int runs = atomic_load(&item->runs), ends = atomic_load(&item->ends);
    if (item->what <= NODE) {
        *(item->good ? &sums.posted : &sums.refused) += 1;
        EQ_INT(item->what == POST ? ends : runs + ends, item->what == POST || item->good);
        CHECK(runs == 0 || item->good);
        CHECK(end != AFTER || runs == 1);
        CHECK(end != BEFORE || !item->good);
    } else if (item->what != LET_GO) {
        *(item->good ? &sums.settled : &sums.lost) += 1;
        CHECK(ends == 1 || (item->what == SHARE && ends == 0 && !item->good));
    }
}

/* Who saw what of a promise that was kept: the one winner's value, or why there is none. */
static void check_bet(const struct bet *bet, const struct item *a, const struct item *b,
                      enum end end)
{
    const struct item *winner = a->what > NODE && a->good ? a : NULL;
    if (b->what > NODE && b->good) {
        CHECK(winner == NULL);
        winner = b;
    }
    EQ_INT(bet->seen, 1);
    sums.cancelled += bet->code == ECANCELED;
    if (bet->code == ECANCELED)
        CHECK(bet->cancelled && bet->got == NULL);
    else if (winner != NULL)
        CHECK(bet->got == winner && bet->code == (winner->what == REJECT ? VOW_EVALUE : 0));
    else if (end == AFTER)
        EQ_INT(bet->code, VOW_EBROKEN);
    else
        CHECK(bet->code == VOW_ECLOSED || bet->code == VOW_EBROKEN);
}

static void check_round(enum end end)
{
    for (int i = 0; i < ITEMS; i++) {
        for (int pair = 0; pair < PAIRS; pair++) {
            struct item *a = &workers[2 * pair].items[i], *b = &workers[2 * pair + 1].items[i];
            struct bet *bet = &bets[pair][i];
            check_item(a, end);
            check_item(b, end);
            if (bet->end != NULL)
                check_bet(bet, a, b, end);
            else
                CHECK(bet->seen <= 1);
        }
    }
}

static void drop_all(void)
{
    for (int pair = 0; pair < PAIRS; pair++)
        for (int i = 0; i < ITEMS; i++)
            vow_unref(bets[pair][i].end); /* the ledger still asks whether it was kept */
}

static void run_round(enum end end, uint64_t *random)
{
    vow_loop *loop = vow_loop_new();
    CHECK(loop != NULL);
    make_round(loop, random);
    if (end == BEFORE)
        vow_loop_close(loop);
    pthread_barrier_wait(&begin);
    if (end != BEFORE)
        turn(loop, end == DURING ? 5 : 20, random);
    if (end == DURING)
        vow_loop_close(loop);
    if (end == AFTER)
        EQ_INT(event_base_dispatch(vow_loop_base(loop)), 1); /* until all have let go */
    pthread_barrier_wait(&finish);
    drop_all();
    if (end == AFTER)
        EQ_UINT(vow_stats(loop).live, 0);
    EQ_UINT(vow_loop_close(loop), 0);
    check_round(end);
    vow_loop_free(loop);
    sums.loops[end]++;
}

static void start_threads(void)
{
    pthread_barrier_init(&begin, NULL, THREADS + 1);
    pthread_barrier_init(&finish, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
}

static void join_threads(void)
{
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    pthread_barrier_destroy(&begin);
    pthread_barrier_destroy(&finish);
}

TEST_PLAIN(eight_threads_race_with_each_other_and_with_a_loop_that_ends)
{
    const char *wanted = getenv("VOW_RACES");
    uint64_t random = 0x9E3779B97F4A7C15u;
    rounds = (wanted != NULL ? atoi(wanted) : OPERATIONS) / ITEMS;
    CHECK(rounds > 0);
    if (wanted != NULL)
        alarm(0); /* Check's, when it does not fork: however long it takes */
    start_threads();
    for (int round = 0; round < rounds; round++)
        run_round(round % 8 == 0 ? BEFORE : round % 8 < 4 ? AFTER : DURING, &random);
    join_threads();
    printf("%d threads, %d operations each: %zu posted, %zu refused, %zu settled, %zu lost, "
           "%zu cancelled, %zu dropped; loops ended %zu before, %zu during, %zu after\n",
           THREADS, rounds * ITEMS, sums.posted, sums.refused, sums.settled, sums.lost,
           sums.cancelled, sums.dropped, sums.loops[BEFORE], sums.loops[DURING], sums.loops[AFTER]);
}
