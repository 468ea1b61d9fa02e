/* SPDX-License-Identifier: MIT
 *
 * adapt/op.h - what the start of every operation is made of: `vow__refused`, the object of
 * the operation, then its promise.
 */
#ifndef VOW_ADAPT_OP_H
#define VOW_ADAPT_OP_H

#include "loop/loop.h"

/* A pending promise for `op`, which is taken: stop(op) when nobody wants it any more,
 * destroy(op) when it has settled or was stopped. NULL: no memory, destroy(op) has run, and
 * *ret, rejected, is what the adapter gives. */
static inline vow_resolver *vow__op_begin(vow_loop *loop, void *op, vow_destroy_fn *stop,
                                          vow_destroy_fn *destroy, const char *where,
                                          vow_promise **ret)
{
    vow_resolver *resolver;
    vow_promise *p = vow_promise_new_at(loop, &resolver, where);
    bool pending = !vow__settled(p);
    vow_on_stop(resolver, stop, op, destroy);
    *ret = p;
    return VOW_LIKELY(pending) ? resolver : NULL;
}

/* What to give when the object of the operation cannot be had. */
static inline vow_promise *vow__op_no_memory(vow_loop *loop)
{
    return vow__refuse(loop, NULL, NULL, NULL);
}

/* A rejected promise: errno's code, the operation's name or more as message. */
static inline vow_promise *vow__op_failed(vow_loop *loop, int code, const char *what,
                                          const char *where)
{
    return vow_resolved_at(loop, vow_fail_at(where, vow_errno_domain(), code, "%s", what), where);
}

#endif
