/* SPDX-License-Identifier: MIT
 *
 * A rate limiter at random beside a bucket that is filled and emptied every millisecond: who
 * takes how much, waits, gives up.
 */
#include "sync/common.h"

enum { SEEDS = 300, STEPS = 120, PLACES = 24 };

struct bucket {
    uint64_t each, full, level; /* nanoseconds of dripping */
};
struct taker {
    vow_promise *p; /* NULL: nobody */
    uint64_t n;
    bool waits; /* as the bucket says */
};
struct line {
    struct bucket bucket;
    struct taker takers[PLACES]; /* in the order in which they came */
    int n;
};

static uint32_t random_state;
static unsigned pick(unsigned n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 12) % n;
}

static void serve(struct line *line)
{
    for (int i = 0; i < line->n; i++) {
        struct taker *t = &line->takers[i];
        if (!t->waits)
            continue;
        if (t->n > line->bucket.level)
            return; /* nobody overtakes */
        line->bucket.level -= t->n;
        t->waits = false;
    }
}

static void pass_a_millisecond(vow_loop *loop, struct line *line)
{
    struct bucket *b = &line->bucket;
    b->level += 1000000; /* who waits has been let in on the way: it was never over full */
    serve(line);
    b->level = b->level < b->full ? b->level : b->full;
    vow_clock_advance(loop, 1);
}

static void take(struct line *line, vow_rate *rate, unsigned n)
{
    line->takers[line->n++] = (struct taker){vow_rate_take(rate, n), n * line->bucket.each, true};
    serve(line);
}

/* Nobody has seen that t was let in: what it took goes back. */
static void put_back(struct line *line, const struct taker *t)
{
    struct bucket *b = &line->bucket;
    b->level = t->n < b->full - b->level ? b->level + t->n : b->full;
}

static void give_up(struct line *line)
{
    struct taker *t = &line->takers[pick((unsigned)line->n)];
    vow_mark_handled(t->p);
    if (pick(2))
        vow_cancel(t->p);
    t->p = vow_unref(t->p);
    if (!t->waits)
        put_back(line, t);
    t->waits = false;
    serve(line);
}

static void end(struct line *line, struct taker *t)
{
    if (pick(4) > 0)
        (void)vow_peek(t->p);
    else
        put_back(line, t);
    vow_unref(t->p);
    serve(line);
}

static void compare(vow_loop *loop, struct line *line)
{
    struct taker done[PLACES];
    int left = 0, n = 0;
    vow_poll(loop);
    for (int i = 0; i < line->n; i++) {
        struct taker *t = &line->takers[i];
        if (!t->p)
            continue;
        EQ_INT(vow_state(t->p), t->waits ? VOW_PENDING : VOW_FULFILLED);
        if (t->waits)
            line->takers[left++] = *t;
        else
            done[n++] = *t;
    }
    line->n = left;
    for (int i = 0; i < n; i++)
        end(line, &done[i]);
}

static void run_seed(vow_loop *loop, uint32_t seed)
{
    random_state = seed;
    unsigned tokens = 1 + pick(5), ms = 1 + pick(20), burst = 1 + pick(8);
    vow_rate *rate = vow_rate_new(loop, tokens, ms, burst);
    uint64_t each = ms * UINT64_C(1000000) / tokens;
    struct line line = {.bucket = {each, burst * each, burst * each}};
    for (int i = 0; i < STEPS; i++) {
        unsigned what = pick(10);
        if (what < 4 && line.n < PLACES)
            take(&line, rate, pick(burst + 1));
        else if (what < 6 && line.n > 0)
            give_up(&line);
        else
            pass_a_millisecond(loop, &line);
        compare(loop, &line);
    }
    vow_poll(loop);
    vow_rate_free(rate);
    for (int i = 0; i < line.n; i++)
        if (line.takers[i].waits)
            FAILS_WITH(line.takers[i].p, ESHUTDOWN);
        else
            vow_unref(line.takers[i].p);
}

TEST(a_rate_limiter_lets_in_whom_a_bucket_does)
{
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        snprintf(harness_note, sizeof harness_note, "seed %u: ", (unsigned)seed);
        run_seed(loop, seed);
    }
    harness_note[0] = '\0';
}
