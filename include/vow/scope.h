/* SPDX-License-Identifier: MIT
 *
 * vow/scope.h - structured concurrency: a scope owns the promises that were started in it,
 * ends them together and says when the last one has ended.
 *
 *     vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
 *     for (int i = 0; i < 10; i++)
 *         vow_scope_add(scope, download(loop, i));
 *     vow_promise *all = vow_scope_join(scope);   // the first error cancels the rest
 *
 * A scope that has failed, was cancelled or is past its deadline is over, for good: what is
 * added then is cancelled at once, and what is awaited within it fails at once. Cancelling is
 * polite: catch and finally of the children run, and join waits for them. Loop's thread only.
 */
#ifndef VOW_SCOPE_H
#define VOW_SCOPE_H

#include "flow.h"

VOW_BEGIN

typedef struct vow_scope vow_scope;

/* What the error of a child does. That a child was cancelled on its own is no error.
 *   fail fast  the first one ends the scope: its siblings are cancelled, and it is what join
 *              gives; errors that come after it are its suppressed ones
 *   collect    the others go on; join gives VOW_EAGGREGATE with all of them as suppressed ones
 * An error that cannot travel so, because others hold it too, is reported as unhandled. */
typedef enum vow_scope_kind { VOW_FAIL_FAST, VOW_COLLECT } vow_scope_kind;

/* Gives a scope; NULL: no memory, or the loop is closed. The second one is inside `parent`:
 * cancelled with it, and the parent's join waits for it; its errors are its own and reach the
 * parent only when it is freed before anybody was told of them. */
#define vow_scope_new(loop, kind) vow_scope_new_at(loop, kind, VOW_HERE)
#define vow_scope_new_in(parent, kind) vow_scope_new_in_at(parent, kind, VOW_HERE)
VOW_API vow_scope *vow_scope_new_at(vow_loop *loop, vow_scope_kind kind, const char *where);
VOW_API vow_scope *vow_scope_new_in_at(vow_scope *parent, vow_scope_kind kind, const char *where);
/* Cancels what runs, unless the scope is over, and returns at once: what the children still do
 * for their clean-up does not touch the scope. Promises of join and within that are still pending reject with
 * ECANCELED. An error that no join has told is reported as unhandled. NULL ok; returns NULL. */
VOW_API vow_scope *vow_scope_free(vow_scope *scope);

/* Takes p, which becomes a child: it runs on whether or not anybody holds it, until it ends or
 * the scope does. Who wants its value too takes a vow_ref of it before; whatever others hold,
 * the scope's end cancels p itself. Without memory p is dropped and the scope gets ENOMEM for
 * an error of a child. */
#define vow_scope_add(scope, p) vow_scope_add_at(scope, p, VOW_HERE)
VOW_API void vow_scope_add_at(vow_scope *scope, vow_promise *p, const char *where);

/* A child given as a function: fn(data) is called from the queue, in the order of these calls,
 * when fewer than the limit run; what it gives is the child. Keeps data; destroy (may be NULL)
 * runs once: when the child has ended, or without fn when the scope is over before its turn.
 * The limit is on children started so (at first none: 0); those added always run, and count. */
#define vow_scope_start(scope, fn, data) vow_scope_start_at(scope, fn, data, NULL, VOW_HERE)
#define vow_scope_start_with(scope, fn, data, destroy) \
    vow_scope_start_at(scope, fn, data, destroy, VOW_HERE)
VOW_API void vow_scope_start_at(vow_scope *scope, vow_step_fn *fn, void *data,
                                vow_destroy_fn *destroy, const char *where);
VOW_API void vow_scope_limit(vow_scope *scope, size_t most);

/* Gives a promise that settles when nothing runs or waits in the scope and in those inside it:
 * fulfilled with nothing, or rejected with why the scope is over (ECANCELED, ETIMEDOUT or the
 * children's error). A scope that is not over may be used on. Cancelling the promise cancels
 * the scope and waits for it; dropping it does not touch the scope. */
#define vow_scope_join(scope) vow_scope_join_at(scope, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_scope_join_at(vow_scope *scope, const char *where);

/* The scope is over: cancels the children and the scopes inside; allocates nothing. A child's
 * other error than ECANCELED becomes the scope's. */
VOW_API void vow_scope_cancel(vow_scope *scope);
/* The scope is over with ETIMEDOUT in `ms` milliseconds, unless it was before. The last call
 * counts. 0, or ENOMEM or VOW_ECLOSED: then there is no deadline. */
#define vow_scope_deadline(scope, ms) vow_scope_deadline_at(scope, ms, VOW_HERE)
VOW_API int vow_scope_deadline_at(vow_scope *scope, uint64_t ms, const char *where);
VOW_API bool vow_scope_is_over(const vow_scope *scope);
VOW_API size_t vow_scope_running(const vow_scope *scope); /* children, not counting scopes inside */

/* Takes p, gives p's outcome, but never longer than the scope: once that is over p is
 * cancelled and waited for, and the promise rejects with why. For what a child awaits. */
#define vow_within(scope, p) vow_within_at(scope, p, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_within_at(vow_scope *scope, vow_promise *p,
                                                 const char *where);

/* For an object whose handlers use it and that may go before what it has started: vow_own takes
 * p and gives the promise to be handed out. vow_owner_free drops all that are still pending, as
 * vow_unref does: no handler of theirs runs any more, their data is destroyed; the promises
 * handed out reject with ECANCELED. NULL: no memory; NULL may be freed. */
typedef struct vow_owner vow_owner;
VOW_API vow_owner *vow_owner_new(vow_loop *loop);
VOW_API vow_owner *vow_owner_free(vow_owner *owner);
#define vow_own(owner, p) vow_own_at(owner, p, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_own_at(vow_owner *owner, vow_promise *p, const char *where);

VOW_END
#endif
