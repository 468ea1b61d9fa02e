/* SPDX-License-Identifier: MIT
 *
 * Promises that would wait for themselves reject with the cycle error and are freed.
 */
#include "core/common.h"
#include "vow/flow.h"
#include "vow/inspect.h"

/* scenario 54 */
TEST(two_promises_resolved_with_each_other_get_the_cycle_error_and_are_freed)
{
    vow_resolver *r, *s;
    vow_promise *p = vow_promise_new(loop, &r), *q = vow_promise_new(loop, &s);
    vow_mark_handled(p);
    vow_mark_handled(q);
    vow_resolve(r, vow_v(vow_ref(q)));
    vow_resolve(s, vow_v(vow_ref(p)));
    drain(loop);
    EQ_INT(error_code(p), VOW_ECYCLE);
    EQ_INT(error_code(q), VOW_ECYCLE);
    vow_unref(p);
    vow_unref(q);
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(a_ring_of_a_hundred_is_a_cycle)
{
    enum { N = 100 };
    vow_resolver *r[N];
    vow_promise *p[N];
    for (int i = 0; i < N; i++) {
        p[i] = vow_promise_new(loop, &r[i]);
        vow_mark_handled(p[i]);
    }
    for (int i = 0; i < N; i++)
        vow_resolve(r[i], vow_v(vow_ref(p[(i + 1) % N])));
    drain(loop);
    for (int i = 0; i < N; i++) {
        EQ_INT(error_code(p[i]), VOW_ECYCLE);
        vow_unref(p[i]);
    }
}

static vow_value give_held(UNUSED vow_value v, void *data)
{
    return vow_v(vow_ref(*(vow_promise **)data));
}

TEST(a_handler_that_returns_what_waits_for_it_is_a_cycle)
{
    vow_promise *last = NULL;
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_held, &last);
    last = vow_context(chain_of(p, 3, never_called, NULL), "further down");
    vow_mark_handled(last);
    drain(loop);
    EQ_INT(error_code(last), VOW_ECYCLE);
    vow_unref(last);
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(a_cycle_of_promises_that_nobody_holds_is_freed)
{
    vow_promise *last = NULL;
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_promise, &last);
    last = vow_then(p, never_called, NULL);
    drain(loop);
    EQ_TRACE(seen, "unhandled!ECYCLE");
    EXPECT_UNHANDLED(1);
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(a_cycle_through_all_is_a_cycle)
{
    vow_promise *both = NULL;
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_held, &both);
    both = vow_all(loop, vow_resolved(loop, vow_v(1)), p);
    vow_mark_handled(both);
    drain(loop);
    EQ_INT(error_code(both), VOW_ECYCLE);
    vow_unref(both);
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(a_cycle_through_a_race_of_races_is_a_cycle)
{
    vow_resolver *r, *never;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_promise *inner = vow_race(loop, vow_promise_new(loop, &never), vow_then(p, same, NULL));
    vow_promise *outer = vow_race(loop, vow_then(inner, same, NULL));
    vow_mark_handled(outer);
    vow_resolve(r, vow_v(vow_ref(outer)));
    drain(loop);
    EQ_INT(error_code(outer), VOW_ECYCLE);
    vow_unref(outer);
    vow_resolver_drop(never);
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(a_cycle_through_a_combinator_that_nobody_holds_is_freed)
{
    vow_promise *both = NULL;
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_promise, &both);
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    both = vow_all(loop, p, vow_resolved(loop, vow_none()));
    drain(loop);
    EQ_TRACE(seen, "unhandled!ECYCLE");
    EXPECT_UNHANDLED(1);
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(a_promise_shared_by_two_branches_of_a_combinator_is_no_cycle)
{
    vow_resolver *r, *s;
    vow_promise *source = vow_promise_new(loop, &r), *p = vow_promise_new(loop, &s);
    vow_promise *both = vow_all(loop, vow_ref(source), vow_then(vow_ref(source), same, NULL));
    vow_promise *tail = vow_then(vow_ref(p), same, NULL);
    vow_resolve(s, vow_v(vow_all(loop, both, source)));
    vow_resolve(r, vow_v(1));
    drain(loop);
    EQ_INT(vow_state(tail), VOW_FULFILLED);
    vow_unref(p);
    vow_unref(tail);
}
