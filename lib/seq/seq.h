/* SPDX-License-Identifier: MIT
 *
 * seq/seq.h - inside seq/ only: what a sequence is.
 */
#ifndef VOW_SEQ_SEQ_H
#define VOW_SEQ_SEQ_H

#include "base/mem.h"
#include "core/loop.h"
#include "value/error.h"
#include "vow/seq.h"

struct vow_seq {
    vow_loop *loop;
    size_t refs; /* the program's, and the pending next's */
    vow_step_fn *next;
    void *data; /* until `over` */
    vow_destroy_fn *destroy;
    bool over, pulling;
    bool users; /* `next` is the user's: to be called from the queue */
    const char *where;
};

/* A sequence of vow's own, whose `next` may be called anywhere. Takes data, which is never NULL
 * but for want of memory: then it gives NULL. */
vow_seq *vow__seq_new(vow_loop *loop, vow_step_fn *next, void *data, vow_destroy_fn *destroy,
                      const char *where);

/* What a function gave, as a promise. */
static inline vow_promise *vow__seq_promise(vow_loop *loop, vow_value v, const char *where)
{
    return vow__has_kind(v, VOW__PROMISE) ? v.as.p : vow_resolved_at(loop, v, where);
}

static inline vow_seq *vow__seq_refuse(vow_seq *seq, void *data, vow_destroy_fn *destroy)
{
    vow_seq_unref(seq);
    if (destroy)
        destroy(data);
    return NULL;
}

#endif
