/* SPDX-License-Identifier: MIT
 *
 * Promises/A+ 2.1: the states of a promise and how it leaves them.
 */
#include "core/common.h"

TEST(a2_1_1_a_pending_promise_may_become_fulfilled)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_resolve(r, vow_v(1));
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(p);
}

TEST(a2_1_1_a_pending_promise_may_become_rejected)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_mark_handled(p);
    vow_reject(r, eio());
    EQ_INT(vow_state(p), VOW_REJECTED);
    vow_unref(p);
}

TEST(a2_1_2_1_a_fulfilled_promise_stays_fulfilled)
{
    vow_promise *p = vow_resolved(loop, vow_v(1));
    vow_cancel(p);
    drain(loop);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(p);
}

/* The right to settle is used up by settling. */
TEST_PANICS(a2_1_2_1_a_fulfilled_promise_cannot_be_rejected, "the resolver was used already")
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_resolve(r, vow_v(1));
    vow_reject(r, eio());
    vow_unref(p);
}

TEST(a2_1_2_2_the_value_of_a_fulfilled_promise_does_not_change)
{
    int destroyed = 0;
    vow_promise *p = vow_resolved(loop, counted(&destroyed));
    vow_promise *first = vow_then(vow_ref(p), same, NULL);
    vow_promise *second = vow_then(vow_ref(p), same, NULL);
    drain(loop);
    EQ_PTR(vow_unbox(vow_peek(p)), &destroyed);
    EQ_PTR(vow_unbox(vow_peek(first)), &destroyed);
    EQ_PTR(vow_unbox(vow_peek(second)), &destroyed);
    vow_unref(p);
    vow_unref(first);
    vow_unref(second);
    EQ_INT(destroyed, 1);
}

TEST(a2_1_3_1_a_rejected_promise_stays_rejected)
{
    vow_promise *p = vow_rejected(loop, eio());
    vow_mark_handled(p);
    vow_cancel(p);
    drain(loop);
    EQ_INT(vow_state(p), VOW_REJECTED);
    EQ_INT(error_code(p), EIO);
    vow_unref(p);
}

TEST_PANICS(a2_1_3_1_a_rejected_promise_cannot_be_fulfilled, "the resolver was used already")
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_reject(r, eio());
    vow_resolve(r, vow_v(1));
    vow_unref(p);
}

TEST(a2_1_3_2_the_reason_of_a_rejected_promise_does_not_change)
{
    vow_promise *p = vow_rejected(loop, eio());
    const vow_error *reason = vow_error_of(p);
    vow_promise *first = vow_then(vow_ref(p), never_called, NULL);
    vow_promise *second = vow_then(vow_ref(p), never_called, NULL);
    vow_mark_handled(first);
    vow_mark_handled(second);
    drain(loop);
    EQ_PTR(vow_error_of(p), reason);
    EQ_PTR(vow_error_of(first), reason);
    EQ_PTR(vow_error_of(second), reason);
    vow_unref(p);
    vow_unref(first);
    vow_unref(second);
}
