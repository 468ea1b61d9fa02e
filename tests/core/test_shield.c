/* SPDX-License-Identifier: MIT
 *
 * vow_shield: a promise whose cancel or drop does not reach what is behind it.
 */
#include "core/common.h"

TEST(a_shield_has_the_outcome_of_its_promise)
{
    vow_resolver *r, *s;
    vow_promise *p = vow_shield(vow_promise_new(loop, &r));
    vow_promise *q = vow_shield(vow_promise_new(loop, &s));
    vow_mark_handled(q);
    vow_resolve(r, vow_v(1));
    vow_reject(s, eio());
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 1);
    EQ_INT(error_code(q), EIO);
    vow_unref(p);
    vow_unref(q);
}

/* scenario 99 */
TEST(shielded_work_survives_the_drop_of_its_reader)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    struct op op = {0};
    vow_promise *p = vow_shield(vow_then(op_start(loop, &op), note_value, &a));
    vow_unref(p);
    EQ_INT(op.stops, 0);
    vow_resolve(op.r, vow_v(1));
    drain(loop);
    EQ_TRACE(seen, "a=1");
}

TEST(shielded_work_survives_the_cancel_of_its_reader)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, reader = {&seen, "reader"};
    struct op op = {0};
    vow_promise *p = vow_shield(vow_then(op_start(loop, &op), note_value, &a));
    p = vow_catch(p, note_recover, &reader);
    vow_cancel(p);
    drain(loop);
    EQ_TRACE(seen, "reader!ECANCELED");
    EQ_INT(op.stops, 0);
    vow_resolve(op.r, vow_v(1));
    drain(loop);
    EQ_TRACE(seen, "reader!ECANCELED a=1");
    vow_unref(p);
}

TEST(an_error_behind_a_shield_that_was_dropped_is_reported)
{
    struct trace seen = {""};
    vow_resolver *r;
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_unref(vow_shield(vow_promise_new(loop, &r)));
    vow_reject(r, eio());
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO");
    EXPECT_UNHANDLED(1);
}

TEST(an_error_behind_a_shield_that_was_cancelled_is_reported)
{
    struct trace seen = {""};
    vow_resolver *r;
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = vow_shield(vow_promise_new(loop, &r));
    vow_cancel(p);
    drain(loop);
    vow_reject(r, eio());
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO");
    EXPECT_UNHANDLED(1);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
}

TEST(an_error_that_had_come_when_the_shield_was_cancelled_is_not_lost)
{
    struct trace seen = {""};
    vow_resolver *r;
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = vow_shield(vow_promise_new(loop, &r));
    vow_reject(r, eio());
    vow_cancel(p);
    drain(loop);
    bool seen_by_reader = error_code(p) == EIO;
    CHECK(seen_by_reader || strcmp(seen.text, "unhandled!EIO ") == 0);
    EXPECT_UNHANDLED(vow_unhandled_count(loop));
    vow_mark_handled(p);
    vow_unref(p);
}

TEST(an_error_that_had_come_when_the_shield_was_dropped_is_reported)
{
    vow_resolver *r;
    vow_promise *p = vow_shield(vow_promise_new(loop, &r));
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_reject(r, eio());
    vow_drain(loop, 1); /* of the two lines behind a shield one has been served */
    vow_unref(p);
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO");
    EXPECT_UNHANDLED(1);
}

TEST(an_error_that_the_reader_sees_is_not_reported)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_resolver *r;
    vow_promise *p = vow_catch(vow_shield(vow_promise_new(loop, &r)), note_recover, &a);
    vow_reject(r, eio());
    drain(loop);
    EQ_TRACE(seen, "a!EIO");
    vow_unref(p);
}

TEST(the_shield_of_a_settled_promise_settles_as_that)
{
    vow_promise *p = vow_shield(vow_resolved(loop, vow_v(1)));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 1);
    vow_unref(p);
}

TEST(a_shield_lets_the_cancel_of_another_holder_through)
{
    struct op op = {0};
    vow_promise *work = vow_then(op_start(loop, &op), never_called, NULL);
    vow_promise *p = vow_shield(vow_ref(work));
    vow_cancel(p);
    EQ_INT(op.stops, 0);
    vow_unref(p);
    vow_cancel(work);
    EQ_INT(op.stops, 1);
    vow_unref(work);
}

TEST(a_shield_may_be_followed)
{
    struct op op = {0};
    vow_promise *shield = vow_shield(op_start(loop, &op));
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_promise, &shield);
    drain(loop);
    vow_cancel(p);
    EQ_INT(op.stops, 0);
    vow_resolve(op.r, vow_v(1));
    drain(loop);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
}
