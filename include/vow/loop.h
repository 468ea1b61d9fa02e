/* SPDX-License-Identifier: MIT
 *
 * vow/loop.h - the loop: a queue of handlers on a libevent event_base.
 *
 *     vow_loop *loop = vow_loop_new();
 *     vow_value v;
 *     int code = vow_run(loop, promise, &v);      // 0, or the error's code
 *     ...
 *     vow_release(v);
 *     vow_loop_free(loop);
 *
 * A loop belongs to the thread that made it; its functions and those of its promises
 * panic on any other (vow/remote.h is the door for other threads). The queue is
 * drained at the end of every vow callback, up to a budget; what is left lets I/O go
 * first. An attached base keeps its priorities, break and exit flags and hooks, and
 * event_base_dispatch returns when nothing of vow's is pending.
 */
#ifndef VOW_LOOP_H
#define VOW_LOOP_H

#include "promise.h"

struct event_base;

VOW_BEGIN

/* Gives a loop with an event_base of its own; NULL: no memory or descriptors, errno says. */
VOW_API vow_loop *vow_loop_new(void);
/* Gives the loop of `base` (looked at; it must outlive the loop). A second attach on
 * the same thread gives the same loop, to be freed as often. NULL as above. One thread
 * turns a base: attach it there. */
VOW_API vow_loop *vow_loop_attach(struct event_base *base);
/* Closes (below) and frees. NULL ok; returns NULL. From inside a handler, callback or
 * destructor of the loop it takes effect when what runs there returns; a vow_run ends then.
 * Free an attached loop before its base. A base of the loop's own goes too: where that is
 * to happen inside a callback, turn it with vow_run and not with event_base_dispatch. */
VOW_API vow_loop *vow_loop_free(vow_loop *loop);
VOW_API struct event_base *vow_loop_base(vow_loop *loop); /* borrowed */

/* Rejects everything pending with VOW_ECLOSED, runs the handlers that see it, and
 * refuses new work: starting something gives a rejected promise. Returns how many
 * promise handles the program still holds; they stay valid, do nothing, and must
 * still be given back (to the thread that had the loop, also when it is freed).
 * Inside a handler, callback or destructor: closes as vow_loop_free frees; gives 0. */
VOW_API size_t vow_loop_close(vow_loop *loop);
VOW_API bool vow_loop_is_closed(const vow_loop *loop);

/* Turns the loop until p settles. Takes p. Returns 0 and the value in *ret (give it
 * back with vow_release), or the error's code (-1 when that is 0) and the error as a
 * value. `ret` may be NULL. When nothing is left that could settle p: EDEADLK, the
 * message says what p waits for and where it was made. EDEADLK too from inside a
 * handler or callback; ECANCELED after vow_loop_stop, or a break or exit of the base;
 * VOW_ELOOP for another loop's promise; VOW_EFORK in a forked child; VOW_ECLOSED when
 * the loop is closed, unless p had settled. */
VOW_API int vow_run(vow_loop *loop, vow_promise *p, vow_value *ret);

/* Turns until nothing is pending in the base, or vow_loop_stop. 0 or a code as above. */
VOW_API int vow_run_all(vow_loop *loop);
/* Turns without waiting until nothing is ready. Returns handlers run, or -1 as above. */
VOW_API long vow_poll(vow_loop *loop);
/* Runs queued handlers, at most `most` of them, without a turn of the base. Returns how
 * many ran; 0 from inside a handler or destructor. */
VOW_API size_t vow_drain(vow_loop *loop, size_t most);

/* Makes the current or next vow_run, vow_run_all or vow_poll return. Sticky: taken back by
 * the run that it ended. Loop's thread; from others post it (remote.h). */
VOW_API void vow_loop_stop(vow_loop *loop);

/* Unhandled rejections: told when the queue is empty, or after 64 budgets. The default
 * hook writes to standard error. `late` is true when an already reported one gets a
 * handler after all. NULL restores the default. Keeps data. */
typedef void vow_unhandled_fn(const vow_error *e, const char *made, bool late, void *data);
VOW_API void vow_on_unhandled(vow_loop *loop, vow_unhandled_fn *fn, void *data);
VOW_API size_t vow_unhandled_count(const vow_loop *loop);        /* reported so far */
VOW_API void vow_unhandled_abort(vow_loop *loop, bool abort_too); /* abort after reporting */

/* How many handlers one drain runs before I/O goes first; at least 1, default 1024. */
VOW_API void vow_loop_set_budget(vow_loop *loop, size_t handlers);

/* For callbacks that call into vow from libevent: what they settle is dispatched at
 * the vow_leave of the outermost pair instead of one wake-up later. The callback has to
 * touch nothing of the loop after that: it may have been freed. */
VOW_API void vow_enter(vow_loop *loop);
VOW_API void vow_leave(vow_loop *loop);

/* In a child after fork(2), before anything else of this loop; on the thread that forked,
 * which has to be the loop's. 0, or an errno number: it may be called again. Until then run,
 * poll, timers, descriptors and remotes answer VOW_EFORK. What only the parent may settle
 * (pool jobs, other threads' resolvers) is rejected with VOW_EFORK, what was posted before
 * the fork runs in the parent only. References on remotes that other threads of the parent
 * held count on in the child: dispatch waits for them until they are given back there.
 * A child that wants none of it never touches the loop and leaves by _exit or exec. Freeing
 * the loop there is allowed (the base is given kernel objects of its own first, so that
 * nothing of the parent's is unregistered); freeing an attached base without its loop is not. */
VOW_API int vow_loop_after_fork(vow_loop *loop);

VOW_END
#endif
