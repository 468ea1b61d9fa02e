/* SPDX-License-Identifier: MIT
 *
 * Random sequences: what stages give, one behind the other, of values that come at once and
 * later, is what the same stages give of plain numbers, however often a next is cancelled or
 * dropped while it waits.
 */
#include <stdlib.h>

#include "seq/common.h"
#include "vow/inspect.h"

enum { SEEDS = 500, MOST = 24, STAGES = 4 };

/* What should come; then the end, or EIO. */
struct expected {
    int at[MOST], n;
    bool fails;
};

static uint32_t random_state;
static unsigned pick(unsigned n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 12) % n;
}

/* 1, 2, ... of which none is counted before it comes. */
static vow_value count_up(UNUSED vow_value v, void *data)
{
    return vow_int(++((struct numbers *)data)->asked);
}
static vow_value count_next(void *data)
{
    struct numbers *n = data;
    if (n->asked == n->last)
        return n->code ? vow_fail(n->code, "no more numbers") : vow_end();
    if (n->ms == 0)
        return count_up(vow_none(), n);
    return vow_v(vow_then(vow_delay(vow_current(), (uint64_t)n->ms), count_up, n));
}

/* Functions of stages: at once, or later by 2 ms. */

static vow_value triple(vow_value v, UNUSED void *data) { return vow_v(3 * vow_as_int(v) + 1); }
static vow_value is_not_of_5(vow_value v, UNUSED void *data)
{
    return vow_bool(vow_as_int(v) % 5 != 0);
}

struct later {
    vow_then_fn *fn;
    vow_value v;
};
static vow_value call_later(UNUSED vow_value v, void *data)
{
    struct later *later = data;
    return later->fn(later->v, NULL);
}
static void free_later(void *data)
{
    vow_release(((struct later *)data)->v);
    free(data);
}
static vow_promise *later(vow_then_fn *fn, vow_value v)
{
    struct later *l = malloc(sizeof *l);
    *l = (struct later){fn, vow_keep(v)};
    return vow_then_with(vow_delay(vow_current(), 2), call_later, l, free_later);
}
static vow_value triple_later(vow_value v, UNUSED void *data) { return vow_v(later(triple, v)); }
static vow_value is_not_of_5_later(vow_value v, UNUSED void *data)
{
    return vow_v(later(is_not_of_5, v));
}

/* One stage, on the sequence and on what is expected of it. */

static vow_seq *map(vow_seq *seq, struct expected *e)
{
    for (int i = 0; i < e->n; i++)
        e->at[i] = 3 * e->at[i] + 1;
    return vow_seq_map(seq, pick(2) ? triple : triple_later, NULL);
}

static vow_seq *filter(vow_seq *seq, struct expected *e)
{
    int n = 0;
    for (int i = 0; i < e->n; i++)
        if (e->at[i] % 5 != 0)
            e->at[n++] = e->at[i];
    e->n = n;
    return vow_seq_filter(seq, pick(2) ? is_not_of_5 : is_not_of_5_later, NULL);
}

static vow_seq *take(vow_seq *seq, struct expected *e)
{
    int n = (int)pick(MOST);
    if (n <= e->n) {
        e->n = n;
        e->fails = false;
    }
    return vow_seq_take(seq, (size_t)n);
}

static vow_seq *add_stage(vow_seq *seq, struct expected *e)
{
    switch (pick(4)) {
    case 0:
        return map(seq, e);
    case 1:
        return filter(seq, e);
    case 2:
        return take(seq, e);
    default:
        return vow_seq_buffer(seq, 1 + pick(3));
    }
}

/* Chunks come last: their values are no numbers. */
static void describe(const struct expected *e, unsigned chunk, struct outcome *all)
{
    for (int i = 0; i < e->n; i++) {
        bool begins = chunk && (unsigned)i % chunk == 0;
        bool ends = chunk && ((unsigned)i % chunk == chunk - 1 || i == e->n - 1);
        outcome_add(all, "%s%d%s", begins ? "[" : "", e->at[i], ends ? "]; " : chunk ? " " : "; ");
    }
    outcome_add(all, e->fails ? "!EIO" : "end");
}

/* The next one, asked for again and again: each may be cancelled or dropped while it waits. */
static vow_promise *patient_next(vow_loop *loop, vow_seq *seq)
{
    for (;;) {
        vow_promise *p = quiet(vow_seq_next(seq));
        vow_poll(loop);
        bool gives_up = pick(3) == 0;
        for (int i = 0; vow_state(p) == VOW_PENDING && !(gives_up && i == 1); i++)
            vow_clock_advance(loop, 1);
        if (vow_state(p) != VOW_PENDING)
            return p;
        if (pick(2)) {
            vow_cancel(p);
            vow_poll(loop);
            if (vow_state(p) == VOW_FULFILLED) /* it had just come */
                return p;
        }
        vow_unref(p);
    }
}

static void run_seed(vow_loop *loop, uint32_t seed)
{
    random_state = seed;
    struct numbers source = {.last = (int)pick(MOST), .ms = (int)pick(3)};
    struct expected e = {.n = source.last, .fails = pick(2)};
    for (int i = 0; i < e.n; i++)
        e.at[i] = i + 1;
    vow_seq *seq = vow_seq_new(loop, count_next, &source, numbers_gone);
    for (unsigned i = pick(STAGES + 1); i > 0; i--)
        seq = add_stage(seq, &e);
    source.code = e.fails ? EIO : 0; /* not one that a buffer sees and nobody else: reported */
    unsigned chunk = pick(2) ? 1 + pick(4) : 0;
    seq = chunk ? vow_seq_chunk(seq, chunk) : seq;
    struct outcome wanted = {"", 0}, got = {"", 0};
    describe(&e, chunk, &wanted);
    for (bool ends = false; !ends;) {
        vow_promise *p = patient_next(loop, seq);
        ends = vow_state(p) == VOW_REJECTED || vow_is_end(vow_peek(p));
        outcome_add(&got, "%s%s", outcome_of(p).text, ends ? "" : "; ");
        vow_unref(p);
    }
    EQ_TEXT(got.text, wanted.text);
    EQ_INT(source.gone, 1); /* the end has stopped all there was before it */
    EQ_UINT(vow_stats(loop).timers, 0);
    vow_seq_unref(seq);
}

TEST(stages_give_of_a_sequence_what_they_give_of_numbers_whoever_gives_up_meanwhile)
{
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        snprintf(harness_note, sizeof harness_note, "seed %u: ", (unsigned)seed);
        run_seed(loop, seed);
    }
    harness_note[0] = '\0';
}
