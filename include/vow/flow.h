/* SPDX-License-Identifier: MIT
 *
 * vow/flow.h - putting promises together: all, all_settled, any, race; repeat, map,
 * for_each, reduce; timeout, deadline, interval, retry.
 *
 *     vow_promise *both = vow_all(loop, vow_delay(loop, 5), vow_file_read(loop, path, 0));
 *     both = vow_timeout(both, 1000);
 *
 * They take the promises they are given (of an array: the elements, and zero it). A
 * result is delivered only when nothing the combinator owned is still running: losers
 * are cancelled, their catch and finally run, then the result settles. An input that
 * others hold too is let go instead. Other errors of losers travel as suppressed errors
 * of the result's error; with a fulfilled result they are reported as unhandled if they
 * arose after the cancel. Cancelling the result cancels what it owns and waits for it; it
 * stays ECANCELED then, whatever an input recovers to. Users' functions are called from the
 * queue, never inside these calls; `destroy` runs when all that was started has ended.
 * Loop's thread only; without memory: ENOMEM, inputs dropped, data destroyed. An input that
 * waits for the result: VOW_ECYCLE; one of another loop: VOW_ELOOP.
 */
#ifndef VOW_FLOW_H
#define VOW_FLOW_H

#include "promise.h"

VOW_BEGIN

/* ECMA-262 27.2.4.1, .2, .3, .5. Values in input order.
 *   all          an array of values (vow_at), or the first error
 *   all_settled  an array of values and error values (vow_is_error); never rejects
 *   any          the first value, or VOW_EAGGREGATE whose payload is the array of errors
 *   race         the first outcome
 * Empty input: all and all_settled give an empty array; any rejects with an empty
 * aggregate; race rejects with VOW_ENONE (ECMAScript's would stay pending for ever). */
#ifndef __cplusplus
#define VOW_PROMISES_(...) ((vow_promise *[]){__VA_ARGS__})
#define VOW_COUNT_(...) (sizeof VOW_PROMISES_(__VA_ARGS__) / sizeof(vow_promise *))
#define vow_all(loop, ...) \
    vow_all_n_at(loop, VOW_COUNT_(__VA_ARGS__), VOW_PROMISES_(__VA_ARGS__), VOW_HERE)
#define vow_all_settled(loop, ...) \
    vow_all_settled_n_at(loop, VOW_COUNT_(__VA_ARGS__), VOW_PROMISES_(__VA_ARGS__), VOW_HERE)
#define vow_any(loop, ...) \
    vow_any_n_at(loop, VOW_COUNT_(__VA_ARGS__), VOW_PROMISES_(__VA_ARGS__), VOW_HERE)
#define vow_race(loop, ...) \
    vow_race_n_at(loop, VOW_COUNT_(__VA_ARGS__), VOW_PROMISES_(__VA_ARGS__), VOW_HERE)
#endif
#define vow_all_n(loop, n, inputs) vow_all_n_at(loop, n, inputs, VOW_HERE)
#define vow_all_settled_n(loop, n, inputs) vow_all_settled_n_at(loop, n, inputs, VOW_HERE)
#define vow_any_n(loop, n, inputs) vow_any_n_at(loop, n, inputs, VOW_HERE)
#define vow_race_n(loop, n, inputs) vow_race_n_at(loop, n, inputs, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_all_n_at(vow_loop *loop, size_t n, vow_promise **inputs,
                                                const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_all_settled_n_at(vow_loop *loop, size_t n,
                                                        vow_promise **inputs, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_any_n_at(vow_loop *loop, size_t n, vow_promise **inputs,
                                                const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_race_n_at(vow_loop *loop, size_t n, vow_promise **inputs,
                                                 const char *where);

/* Takes p. p's outcome, or ETIMEDOUT after `ms` milliseconds (at `ns`), p having been
 * cancelled and waited for; p's own last error is the cause, so a vow_context on p shows.
 * A settled p comes back as it is. */
#define vow_timeout(p, ms) vow_timeout_at(p, ms, VOW_HERE)
#define vow_deadline(p, ns) vow_deadline_at(p, ns, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_timeout_at(vow_promise *p, uint64_t ms, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_deadline_at(vow_promise *p, uint64_t ns, const char *where);

/* What a step of repeat or a tick of interval gives, itself or by its promise, to go on. */
VOW_API vow_value vow_again(void);
#define VOW_AGAIN vow_again()

/* Calls step(data), waits for what it returns, and again, as long as that
 * is VOW_AGAIN; any other value or an error is the result. Constant memory however often. */
typedef vow_value vow_step_fn(void *data);
#define vow_repeat(loop, step, data) vow_repeat_at(loop, step, data, NULL, VOW_HERE)
#define vow_repeat_with(loop, step, data, destroy) vow_repeat_at(loop, step, data, destroy, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_repeat_at(vow_loop *loop, vow_step_fn *step, void *data,
                                                 vow_destroy_fn *destroy, const char *where);

/* Calls tick(data) every `ms` milliseconds (0 counts as 1), first after `ms`; ticks neither
 * overlap nor pile up: one that took longer than `ms` skips the missed ones, and the next
 * comes when it would have come without. Ends as repeat does. */
#define vow_interval(loop, ms, tick, data) vow_interval_at(loop, ms, tick, data, NULL, VOW_HERE)
#define vow_interval_with(loop, ms, tick, data, destroy) \
    vow_interval_at(loop, ms, tick, data, destroy, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_interval_at(vow_loop *loop, uint64_t ms, vow_step_fn *tick,
                                                   void *data, vow_destroy_fn *destroy,
                                                   const char *where);

/* Calls fn(index, data) for 0 .. n-1, at most `limit` unfinished at a time (0: no limit).
 * map gives the array of results, for_each nothing. The first failure stops new calls,
 * cancels those running, waits for them, and is the result. */
typedef vow_value vow_each_fn(size_t index, void *data);
#define vow_map(loop, n, limit, fn, data) vow_map_at(loop, n, limit, fn, data, NULL, VOW_HERE)
#define vow_map_with(loop, n, limit, fn, data, destroy) \
    vow_map_at(loop, n, limit, fn, data, destroy, VOW_HERE)
#define vow_for_each(loop, n, limit, fn, data) \
    vow_for_each_at(loop, n, limit, fn, data, NULL, VOW_HERE)
#define vow_for_each_with(loop, n, limit, fn, data, destroy) \
    vow_for_each_at(loop, n, limit, fn, data, destroy, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_map_at(vow_loop *loop, size_t n, size_t limit,
                                              vow_each_fn *fn, void *data,
                                              vow_destroy_fn *destroy, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_for_each_at(vow_loop *loop, size_t n, size_t limit,
                                                   vow_each_fn *fn, void *data,
                                                   vow_destroy_fn *destroy, const char *where);

/* fn(so_far, index, data) for 0 .. n-1, one after the other; so_far is borrowed, starts
 * as `start` (taken) and becomes what fn gives. The result is the last one. */
typedef vow_value vow_reduce_fn(vow_value so_far, size_t index, void *data);
#define vow_reduce(loop, n, start, fn, data) vow_reduce_at(loop, n, start, fn, data, NULL, VOW_HERE)
#define vow_reduce_with(loop, n, start, fn, data, destroy) \
    vow_reduce_at(loop, n, start, fn, data, destroy, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_reduce_at(vow_loop *loop, size_t n, vow_value start,
                                                 vow_reduce_fn *fn, void *data,
                                                 vow_destroy_fn *destroy, const char *where);

/* Calls attempt(data) until it succeeds, at most `tries` times (0: for ever). Before
 * attempt k+1 it waits first_ms * factor^(k-1), at most most_ms (0: however long), shortened
 * at random by up to `jitter` (0 to 1) of itself; a factor below 1 counts as 1. ECANCELED is
 * never retried, nor what `again` (may be NULL) says no to. The result is the value, or the
 * last error with the one before as suppressed. Looks at policy; NULL: the default one. */
typedef struct vow_retry_policy {
    unsigned tries;
    uint64_t first_ms, most_ms;
    double factor, jitter;
    bool (*again)(const vow_error *e, void *data);
    uint64_t seed; /* of the jitter, which it decides alone; 0: from the clock */
} vow_retry_policy;
#define VOW_RETRY_DEFAULT {5, 100, 10000, 2, 0.5, NULL, 0} /* tries, first_ms, most_ms, factor, jitter */
#define vow_retry(loop, policy, attempt, data) vow_retry_at(loop, policy, attempt, data, NULL, VOW_HERE)
#define vow_retry_with(loop, policy, attempt, data, destroy) \
    vow_retry_at(loop, policy, attempt, data, destroy, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_retry_at(vow_loop *loop, const vow_retry_policy *policy,
                                                vow_step_fn *attempt, void *data,
                                                vow_destroy_fn *destroy, const char *where);

VOW_END

#ifdef __cplusplus
/* C++ has no compound literals: the lists of all, all_settled, any and race. */
template <class... P> struct vow_promise_list {
    vow_promise *items[sizeof...(P) + 1];
    static constexpr size_t count = sizeof...(P);
};
template <class... P> inline vow_promise_list<P...> vow_list_of(P... p) { return {{p..., nullptr}}; }
template <class List> inline vow_promise *vow_all_list(vow_loop *loop, List list, const char *where)
{
    return vow_all_n_at(loop, List::count, list.items, where);
}
template <class List> inline vow_promise *vow_all_settled_list(vow_loop *loop, List list, const char *where)
{
    return vow_all_settled_n_at(loop, List::count, list.items, where);
}
template <class List> inline vow_promise *vow_any_list(vow_loop *loop, List list, const char *where)
{
    return vow_any_n_at(loop, List::count, list.items, where);
}
template <class List> inline vow_promise *vow_race_list(vow_loop *loop, List list, const char *where)
{
    return vow_race_n_at(loop, List::count, list.items, where);
}
#define vow_all(loop, ...) vow_all_list(loop, vow_list_of(__VA_ARGS__), VOW_HERE)
#define vow_all_settled(loop, ...) vow_all_settled_list(loop, vow_list_of(__VA_ARGS__), VOW_HERE)
#define vow_any(loop, ...) vow_any_list(loop, vow_list_of(__VA_ARGS__), VOW_HERE)
#define vow_race(loop, ...) vow_race_list(loop, vow_list_of(__VA_ARGS__), VOW_HERE)
#endif
#endif
