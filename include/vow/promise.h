/* SPDX-License-Identifier: MIT
 *
 * vow/promise.h - chaining: handle, then, catch, finally, attach, context; and
 * what ends a chain: ref, unref (drop), cancel, detach, shield.
 *
 *     vow_promise *p = vow_sock_connect(loop, "example.org", "80");
 *     p = vow_then(p, on_connect, request);        // takes p, gives its successor
 *     p = vow_catch(p, on_error, NULL);
 *     p = vow_attach(p, request, request_free);    // freed however the chain ends
 *
 * The one ownership rule: passing a promise hands it over. Only vow_ref, vow_cancel,
 * vow_state, vow_peek, vow_error_of and vow_mark_handled look. Handlers run from the
 * loop's queue, first in first out, never inside the call that made them ready and
 * never under another handler; they borrow their argument and give their result
 * away: a value, an error (rejects), a promise (is followed) or VOW_SAME.
 *
 * All functions belong to the thread of the promise's loop; another thread panics.
 * Builders never return NULL: without memory they destroy the data they were given
 * and return a promise rejected with ENOMEM. Follows Promises/A+ 2.2 and 2.3 and
 * ECMA-262 27.2 but for what is said here.
 */
#ifndef VOW_PROMISE_H
#define VOW_PROMISE_H

#include "error.h"

VOW_BEGIN

typedef vow_value vow_then_fn(vow_value v, void *data);            /* the value, borrowed */
typedef vow_value vow_handle_fn(vow_value v, void *data);          /* value or error value */
typedef vow_value vow_catch_fn(const vow_error *e, void *data);    /* the error, borrowed */
typedef vow_value vow_finally_fn(void *data);                      /* none, an error, or a promise to wait for */
typedef void vow_error_fn(const vow_error *e, void *data);

/* Successors. Each takes p, keeps `data`, and gives the promise of fn's result.
 *   handle      fn sees the value, or the error as an error value: the primitive
 *   then        fn sees the value; errors pass by
 *   catch       fn sees the error; values pass by
 *   then_catch  ok or err sees it; either may be NULL
 *   finally     fn runs either way; the outcome passes on unless fn fails. If fn
 *               returns a promise, it is waited for; its value is dropped, its error
 *               wins and carries the outcome's error as cause.
 * The _with forms take `data`: destroy(data) runs exactly once, whether or not fn
 * ran, when the promise they give has settled or is dropped. The _at forms are the
 * function twins of the macros, with the caller's place. */
#define vow_handle(p, fn, data) vow_handle_at(p, fn, data, NULL, VOW_HERE)
#define vow_then(p, fn, data) vow_then_at(p, fn, data, NULL, VOW_HERE)
#define vow_catch(p, fn, data) vow_catch_at(p, fn, data, NULL, VOW_HERE)
#define vow_then_catch(p, ok, err, data) vow_then_catch_at(p, ok, err, data, NULL, VOW_HERE)
#define vow_finally(p, fn, data) vow_finally_at(p, fn, data, NULL, VOW_HERE)
#define vow_handle_with(p, fn, data, destroy) vow_handle_at(p, fn, data, destroy, VOW_HERE)
#define vow_then_with(p, fn, data, destroy) vow_then_at(p, fn, data, destroy, VOW_HERE)
#define vow_catch_with(p, fn, data, destroy) vow_catch_at(p, fn, data, destroy, VOW_HERE)
#define vow_then_catch_with(p, ok, err, data, destroy) \
    vow_then_catch_at(p, ok, err, data, destroy, VOW_HERE)
#define vow_finally_with(p, fn, data, destroy) vow_finally_at(p, fn, data, destroy, VOW_HERE)

VOW_API VOW_NODISCARD vow_promise *vow_handle_at(vow_promise *p, vow_handle_fn *fn, void *data,
                                                 vow_destroy_fn *destroy, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_then_at(vow_promise *p, vow_then_fn *fn, void *data,
                                               vow_destroy_fn *destroy, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_catch_at(vow_promise *p, vow_catch_fn *fn, void *data,
                                                vow_destroy_fn *destroy, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_then_catch_at(vow_promise *p, vow_then_fn *ok,
                                                     vow_catch_fn *err, void *data,
                                                     vow_destroy_fn *destroy, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_finally_at(vow_promise *p, vow_finally_fn *fn, void *data,
                                                  vow_destroy_fn *destroy, const char *where);

/* Takes p and data; destroy(data) runs when the promise given has settled or is
 * dropped, before handlers on it run. (Data of a handler that is just running is
 * destroyed when it returns.) p must have no other holder: that is misuse. */
#define vow_attach(p, data, destroy) vow_attach_at(p, data, destroy, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_attach_at(vow_promise *p, void *data,
                                                 vow_destroy_fn *destroy, const char *where);

/* Takes p; an error that comes through is wrapped in one of the same domain and
 * code whose message is this text. The text is made now, so passing allocates nothing. */
#define vow_context(p, ...) vow_context_at(p, VOW_HERE, __VA_ARGS__)
VOW_API VOW_NODISCARD vow_promise *vow_context_at(vow_promise *p, const char *where,
                                                  const char *format, ...) VOW_FORMAT(3, 4);

/* One more handle on the same promise: for a second consumer. NULL gives NULL. */
VOW_API VOW_NODISCARD vow_promise *vow_ref(vow_promise *p);

/* Gives one handle back; NULL ok; returns NULL. The last one *drops* the promise:
 * after the call no handler of the chain that only it wanted runs any more, its
 * attached data is destroyed source first, and its sources are stopped. An error
 * that was already there and unseen is still reported. */
VOW_API vow_promise *vow_unref(vow_promise *p);

/* Looks. Asks politely: the source is stopped if p was its only wanter (else only
 * this branch is cut off) and p's chain sees ECANCELED: catch and finally run, a
 * catch may recover. Settled promises are left alone. */
VOW_API void vow_cancel(vow_promise *p);

/* Takes p and lets it run to its end with nobody waiting. on_error sees its error;
 * NULL means the loop's unhandled hook. destroy(data) runs once, at the end. Without
 * memory: if there is a destroy, p is dropped, data destroyed and ENOMEM reported; if
 * not, p runs on, and its error is reported. */
#define vow_detach(p, on_error, data, destroy) vow_detach_at(p, on_error, data, destroy, VOW_HERE)
VOW_API void vow_detach_at(vow_promise *p, vow_error_fn *on_error, void *data,
                           vow_destroy_fn *destroy, const char *where);

/* Takes p, gives a promise with p's outcome whose cancel or drop does not reach p:
 * p runs on; should nobody see its error then, it is reported as unhandled. */
#define vow_shield(p) vow_shield_at(p, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_shield_at(vow_promise *p, const char *where);

/* Questions. Look. vow_peek borrows the value (vow_none() unless fulfilled);
 * vow_error_of borrows the error (NULL unless rejected). Neither counts as handling. */
typedef enum vow_state_of { VOW_PENDING, VOW_FULFILLED, VOW_REJECTED } vow_state_of;
VOW_API vow_state_of vow_state(const vow_promise *p);
VOW_API vow_value vow_peek(const vow_promise *p);
VOW_API const vow_error *vow_error_of(const vow_promise *p);
VOW_API vow_loop *vow_loop_of(const vow_promise *p);

/* Looks. p's rejection, now or later, is not to be reported as unhandled. */
VOW_API void vow_mark_handled(vow_promise *p);

/* The loop whose handler or callback is running on this thread; NULL outside. */
VOW_API vow_loop *vow_current(void);

VOW_END
#endif
