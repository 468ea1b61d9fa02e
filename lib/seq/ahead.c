/* SPDX-License-Identifier: MIT
 *
 * seq/ahead.c - buffer and merge: sources that are asked ahead, into a ring. Each pull that is
 * under way has a place in the ring reserved. An error waits behind what is in the ring.
 */
#include "scope/waiters.h"
#include "seq/seq.h"

struct ahead;

struct branch {
    struct ahead *ahead;
    vow_seq *seq;   /* NULL: at its end */
    vow_promise *p; /* of what is done with its next value, while it is pulled */
};

struct ahead {
    struct vow__part part; /* first */
    vow_loop *loop;
    size_t refs; /* the sequence's, and that of a call under way: it runs code of the user's */
    bool gone;   /* the sequence has; nothing is asked for any more */
    struct vow__queue waiters; /* at most one */
    vow_value error;           /* if it has failed: what comes behind the ring */
    size_t room, count, head, pulling;
    size_t n, live, turn; /* branches; those not at their end; who is asked first */
    vow_value *ring;
    struct branch branches[];
};

static void stop_all(struct ahead *a)
{
    for (size_t i = 0; i < a->n; i++) {
        struct branch *b = &a->branches[i];
        b->p = vow_unref(b->p);
        b->seq = vow_seq_unref(b->seq);
    }
    a->live = a->pulling = 0;
}

/* The end, or the error, once: then the sequence asks no more. */
static vow_value ending(struct ahead *a)
{
    vow_value error = a->error;
    a->error = vow_none();
    return vow_is_none(error) ? vow_end() : error;
}

static void let_go(struct ahead *a)
{
    if (--a->refs > 0)
        return;
    vow__free(a->ring);
    vow__free(a);
}

static void leave_ahead(void *data)
{
    struct ahead *a = data;
    a->gone = true;
    stop_all(a);
    while (a->count > 0) {
        vow_value v = a->ring[a->head];
        a->head = (a->head + 1) % a->room;
        a->count--;
        vow__release(v);
    }
    vow__release(ending(a));
    let_go(a);
}

static void pull_ahead(struct ahead *a);

static void add(struct ahead *a, vow_value v)
{
    if (a->waiters.first)
        vow__waiter_call(a->waiters.first, vow__seq_ready(a->part.seq, v));
    else
        a->ring[(a->head + a->count++) % a->room] = v;
}

static void fail(struct ahead *a, vow_value error)
{
    stop_all(a);
    if (a->gone)
        vow__release(error);
    else
        a->error = error;
}

/* What a branch has given; its own promise goes first: stop_all must not drop it. */
static vow_value arrived(vow_value v, void *data)
{
    struct branch *b = data;
    struct ahead *a = b->ahead;
    a->refs++;
    b->p = vow_unref(b->p);
    a->pulling--;
    if (vow__has_kind(v, VOW__ERROR)) {
        fail(a, vow_keep(v));
    } else if (vow_is_end(v)) {
        b->seq = vow_seq_unref(b->seq);
        a->live--;
    } else {
        add(a, vow_keep(v));
    }
    pull_ahead(a);
    if (a->live == 0 && a->waiters.first)
        vow__waiter_call(a->waiters.first, ending(a));
    let_go(a);
    return vow_none();
}

static void pull_branch(struct ahead *a, struct branch *b)
{
    vow_promise *p = vow_handle(vow_seq_next(b->seq), arrived, b);
    if (a->gone) {
        vow_unref(p);
        return;
    }
    if (!vow__settled(p)) {
        b->p = p;
        a->pulling++;
        return;
    }
    vow_value error = vow_error_value(vow_error_ref(vow_error_of(p))); /* refused */
    vow_mark_handled(p);
    vow_unref(p);
    fail(a, error);
}

static void pull_ahead(struct ahead *a)
{
    for (size_t i = 0; i < a->n && !a->gone && a->count + a->pulling < a->room; i++) {
        struct branch *b = &a->branches[(a->turn + i) % a->n];
        if (b->seq && !b->p)
            pull_branch(a, b);
    }
    a->turn = (a->turn + 1) % a->n;
}

static vow_value ahead_next(void *data)
{
    struct ahead *a = data;
    pull_ahead(a);
    if (a->count > 0) {
        vow_value v = a->ring[a->head];
        a->head = (a->head + 1) % a->room;
        a->count--;
        pull_ahead(a);
        return v;
    }
    if (a->live == 0)
        return ending(a);
    return vow_promise_value(vow__wait_for_turn(a->loop, &a->waiters, VOW_HERE));
}

/* Takes seqs, on failure too. */
static vow_seq *new_ahead(vow_loop *loop, size_t room, size_t n, vow_seq **seqs)
{
    struct ahead *a = vow__alloc_zeroed(sizeof *a + n * sizeof(struct branch));
    vow_value *ring = a ? vow__alloc(room * sizeof *ring) : NULL;
    bool complete = ring != NULL;
    for (size_t i = 0; i < n; i++)
        complete &= seqs[i] != NULL;
    for (size_t i = 0; i < n; i++) {
        if (complete)
            a->branches[i] = (struct branch){a, seqs[i], NULL};
        else
            vow_seq_unref(seqs[i]);
        seqs[i] = NULL;
    }
    if (!complete) {
        vow__free(ring);
        vow__free(a);
        return NULL;
    }
    a->loop = loop;
    a->refs = 1;
    a->room = room;
    a->n = a->live = n;
    a->ring = ring;
    return vow__seq_new(loop, ahead_next, a, leave_ahead, NULL);
}

vow_seq *vow_seq_buffer(vow_seq *seq, size_t n)
{
    VOW_CHECK(n > 0, "vow_seq_buffer: a buffer of nothing");
    return seq ? new_ahead(seq->loop, n, 1, &seq) : NULL;
}

vow_seq *vow_seq_merge(vow_loop *loop, size_t n, vow_seq **seqs)
{
    VOW_CHECK(n > 0, "vow_seq_merge: nothing to merge");
    vow__check_loop(loop, "vow_seq_merge");
    return new_ahead(loop, n, n, seqs);
}
