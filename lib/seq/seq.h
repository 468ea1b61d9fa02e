/* SPDX-License-Identifier: MIT
 *
 * seq/seq.h - inside seq/ only: what a sequence is.
 */
#ifndef VOW_SEQ_SEQ_H
#define VOW_SEQ_SEQ_H

#include "base/mem.h"
#include "scope/parcel.h"
#include "value/error.h"
#include "vow/seq.h"

/* A value that has come is somewhere at any time, whoever is cancelled or dropped: in what the
 * next one is of (a stage's `held`, a stream), `ready`, or in a parcel. */
struct vow_seq {
    struct vow__parcel_home home; /* first: found by it */
    vow_loop *loop;
    size_t refs; /* the program's, and the pending next's */
    size_t uses; /* parcels', and one for all references */
    vow_step_fn *next;
    void *data; /* until `over` */
    vow_destroy_fn *destroy;
    bool over, pulling;
    bool users;                /* `next` is the user's: to be called from the queue */
    bool is_ready;
    vow_value ready;           /* what a next, cancelled meanwhile or not, has come to */
    struct vow__parcels back;
    struct vow__waiter *cover; /* for the next parcel; or NULL */
    uint64_t given;
    const char *where;
};

/* What sequences of vow's own are made of starts with this. */
struct vow__part {
    vow_seq *seq;
};

/* A sequence of vow's own, whose `next` may be called anywhere. Takes data, a vow__part, which is
 * never NULL but for want of memory: then it gives NULL. */
vow_seq *vow__seq_new(vow_loop *loop, vow_step_fn *next, void *data, vow_destroy_fn *destroy,
                      const char *where);

/* What a handler gives that has made v, or an error, of something that is gone: v (taken) is
 * safe. */
static inline vow_value vow__seq_ready(vow_seq *seq, vow_value v)
{
    seq->ready = v;
    seq->is_ready = true;
    return vow_none();
}

/* What a function gave, foreign objects as promises. */
static inline vow_value vow__seq_adopt(vow_seq *seq, vow_value v)
{
    return vow__is_thenable(v) ? vow_promise_value(vow_resolved_at(seq->loop, v, seq->where)) : v;
}

static inline vow_seq *vow__seq_refuse(vow_seq *seq, void *data, vow_destroy_fn *destroy)
{
    vow_seq_unref(seq);
    if (destroy)
        destroy(data);
    return NULL;
}

#endif
