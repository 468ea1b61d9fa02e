/* SPDX-License-Identifier: MIT
 *
 * vow/resolver.h - making promises: pending ones with a resolver, settled ones.
 *
 *     vow_resolver *r;
 *     vow_promise *p = vow_promise_new(loop, &r);
 *     vow_on_stop(r, stop, op, op_free);   // nobody wants it any more: stop op
 *     ...
 *     vow_resolve(r, vow_v(42));           // takes r: a second settle is impossible
 *
 * A resolver is consumed by settling, dropping or abandoning it. All functions
 * belong to the loop's thread (vow/remote.h has resolvers for other threads).
 * Settling never allocates, never fails and never runs a handler.
 */
#ifndef VOW_RESOLVER_H
#define VOW_RESOLVER_H

#include "promise.h"

VOW_BEGIN

/* Gives a pending promise and its resolver. Without memory: the promise is rejected
 * with ENOMEM and the resolver is inert, to be used as any other. */
#define vow_promise_new(loop, ret_resolver) vow_promise_new_at(loop, ret_resolver, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_promise_new_at(vow_loop *loop, vow_resolver **ret_resolver,
                                                      const char *where);

/* Promises that are settled already. Take v and e. vow_resolved with a promise
 * follows it, with an error rejects. */
#define vow_resolved(loop, v) vow_resolved_at(loop, v, VOW_HERE)
#define vow_rejected(loop, e) vow_rejected_at(loop, e, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_resolved_at(vow_loop *loop, vow_value v, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_rejected_at(vow_loop *loop, vow_error *e, const char *where);

/* Take both. vow_resolve: a plain value fulfils, an error value rejects, a promise is
 * followed (Promises/A+ 2.3), a foreign thenable is called in a job of its own.
 * Resolving a promise with itself, also through others, rejects with VOW_ECYCLE;
 * with a promise of another loop: VOW_ELOOP. */
VOW_API void vow_resolve(vow_resolver *r, vow_value v);
VOW_API void vow_reject(vow_resolver *r, vow_error *e);

/* Takes r, unused: the promise rejects with VOW_EBROKEN. NULL ok. */
VOW_API void vow_resolver_drop(vow_resolver *r);
/* Takes r, unused and silently: the promise stays pending until it is cancelled,
 * dropped or its loop closed. */
VOW_API void vow_resolver_abandon(vow_resolver *r);

/* Looks. Is anybody waiting for the promise? False after it was dropped. */
VOW_API bool vow_is_wanted(const vow_resolver *r);

/* Looks at r, takes op. stop(op) runs inside the vow_cancel or vow_unref that leaves
 * nobody wanting the promise. It may settle the promise through r (a cancel has lost then);
 * unless it does, r is gone when it returns. destroy(op) runs exactly once: when the promise
 * has settled or was stopped. Without a stop function r outlives the promise, inert, and
 * must still be given back by settling, dropping or abandoning it. */
VOW_API void vow_on_stop(vow_resolver *r, vow_destroy_fn *stop, void *op, vow_destroy_fn *destroy);

/* Foreign thenables: when a promise is resolved with a value whose type has a `then`
 * hook, hook(object, resolver) is called once, from the queue, and decides the
 * outcome through the resolver, which it takes. The object is borrowed for the call. */

VOW_END
#endif
