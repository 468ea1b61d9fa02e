/* SPDX-License-Identifier: MIT
 *
 * Resolvers: wanted or not, used, dropped, abandoned, with a stop hook or without.
 */
#include "core/common.h"
#include "vow/inspect.h"

/* scenario 1 */
TEST(a_new_promise_is_pending_and_its_resolver_says_that_somebody_waits)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    EQ_INT(vow_state(p), VOW_PENDING);
    CHECK(vow_is_wanted(r));
    p = vow_then(p, same, NULL);
    CHECK(vow_is_wanted(r));
    vow_unref(p);
    vow_resolver_abandon(r);
}

/* scenario 6 */
TEST(the_resolver_says_that_nobody_waits_once_the_promise_was_dropped_or_cancelled)
{
    vow_resolver *dropped, *cancelled;
    vow_unref(vow_then(vow_promise_new(loop, &dropped), never_called, NULL));
    CHECK(!vow_is_wanted(dropped));
    vow_promise *p = vow_promise_new(loop, &cancelled);
    vow_cancel(p);
    CHECK(!vow_is_wanted(cancelled));
    vow_resolver_drop(dropped);
    vow_resolver_drop(cancelled);
    vow_unref(p);
}

/* By construction: a resolver is used up by its first use. What comes after a cancel has
 * lost against it and changes nothing. */
/* scenario 5 */
TEST(what_a_resolver_says_after_the_promise_was_cancelled_is_ignored)
{
    int destroyed = 0;
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_cancel(p);
    vow_resolve(r, counted(&destroyed));
    EQ_INT(destroyed, 1);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
}

/* scenario 5 */
TEST_PANICS(a_second_resolve_is_misuse, "vow_resolve: the resolver was used already")
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_resolve(r, vow_v(1));
    vow_resolve(r, vow_v(2));
    vow_unref(p);
}

/* scenario 5 */
TEST_PANICS(a_reject_after_a_resolve_with_a_pending_promise_is_misuse,
            "the resolver was used already")
{
    vow_resolver *r, *other;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_resolve(r, vow_v(vow_promise_new(loop, &other)));
    vow_reject(r, eio());
    vow_unref(p);
}

TEST_PANICS(abandoning_a_used_resolver_is_misuse, "vow_resolver_abandon: the resolver was used")
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_resolve(r, vow_v(1));
    vow_resolver_abandon(r);
    vow_unref(p);
}

TEST_PANICS(a_resolver_that_is_NULL_is_misuse, "the resolver is NULL")
{
    vow_resolve(NULL, vow_none());
}

/* scenario 8 */
TEST(a_resolver_dropped_unused_rejects_with_broken_promise)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_mark_handled(p);
    vow_resolver_drop(r);
    EQ_INT(error_code(p), VOW_EBROKEN);
    HAS_TEXT(vow_error_message(vow_error_of(p)), "broken promise");
    vow_unref(p);
    vow_resolver_drop(NULL);
}

TEST(a_resolver_abandoned_leaves_the_promise_pending_until_it_is_cancelled)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_resolver *r;
    vow_promise *p = vow_catch(vow_promise_new(loop, &r), note_recover, &a);
    vow_resolver_abandon(r);
    drain(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_cancel(p);
    drain(loop);
    EQ_TRACE(seen, "a!ECANCELED");
    vow_unref(p);
}

TEST(a_resolver_abandoned_leaves_the_promise_pending_until_it_is_dropped)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_resolver_abandon(r);
    vow_unref(p);
    EQ_UINT(vow_stats(loop).live, 0);
}

/* An operation that fails tears itself down, its resolver with it. */
/* scenario 9 */
TEST(a_rejection_is_what_is_seen_not_the_drop_of_the_operation_behind_it)
{
    struct op op = {0};
    vow_promise *p = op_start(loop, &op);
    vow_mark_handled(p);
    vow_reject(op.r, eio());
    EQ_INT(error_code(p), EIO);
    EQ_INT(op.destroys, 1);
    EQ_INT(op.stops, 0);
    vow_unref(p);
}

/* scenario 14 */
TEST(a_promise_that_never_settles_may_be_dropped_at_any_time)
{
    struct op op = {0};
    vow_promise *fresh = op_start(loop, &op);
    vow_unref(fresh);
    EQ_INT(op.stops, 1);
    vow_promise *chained = chain_of(op_start(loop, &op), 3, never_called, NULL);
    drain(loop);
    vow_unref(chained);
    EQ_INT(op.stops, 2);
    EQ_INT(op.destroys, 2);
}

TEST(the_stop_hook_runs_inside_the_cancel_that_leaves_nobody)
{
    struct op op = {0};
    vow_promise *p = vow_then(op_start(loop, &op), never_called, NULL);
    vow_cancel(p);
    EQ_INT(op.stops, 1);
    EQ_INT(op.destroys, 1);
    drain(loop);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
    EQ_INT(op.stops, 1);
}

TEST(the_operation_is_destroyed_once_however_the_resolver_is_used)
{
    struct op ops[5] = {{0}};
    vow_promise *p[5];
    for (int i = 0; i < 5; i++) {
        p[i] = op_start(loop, &ops[i]);
        vow_mark_handled(p[i]);
    }
    vow_resolve(ops[0].r, vow_v(1));
    vow_reject(ops[1].r, eio());
    vow_resolver_drop(ops[2].r);
    vow_resolver_abandon(ops[3].r);
    vow_cancel(p[4]);
    for (int i = 0; i < 5; i++) {
        EQ_INT(ops[i].destroys, 1);
        EQ_INT(ops[i].stops, i == 4);
        vow_unref(p[i]);
        EQ_INT(ops[i].destroys, 1);
    }
}

static void stop_by_resolving(void *data)
{
    struct op *op = data;
    op->stops++;
    vow_resolve(op->r, vow_v(42));
}

/* vow's rule: a stop hook that settles has won against the cancel, which then does nothing. */
/* scenario 95 */
TEST(a_stop_hook_that_settles_the_promise_beats_the_cancel_once)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    struct op op = {0};
    vow_promise *p = vow_promise_new(loop, &op.r);
    vow_on_stop(op.r, stop_by_resolving, &op, op_destroy);
    p = vow_handle(p, note_value, &a);
    vow_cancel(p);
    vow_cancel(p);
    drain(loop);
    EQ_TRACE(seen, "a!ECANCELED"); /* the second cancel is of the handler, which is queued */
    EQ_INT(op.stops, 1);
    EQ_INT(op.destroys, 1);
    vow_unref(p);
}

TEST(a_stop_hook_that_settles_a_cancelled_promise_delivers_its_value)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    struct op op = {0};
    vow_promise *p = vow_promise_new(loop, &op.r);
    vow_on_stop(op.r, stop_by_resolving, &op, op_destroy);
    p = vow_handle(p, note_value, &a);
    vow_cancel(p);
    drain(loop);
    EQ_TRACE(seen, "a=42");
    EQ_INT(op.destroys, 1);
    vow_unref(p);
}

TEST(a_stop_hook_that_settles_a_dropped_promise_changes_nothing)
{
    struct op op = {0};
    vow_promise *p = vow_promise_new(loop, &op.r);
    vow_on_stop(op.r, stop_by_resolving, &op, op_destroy);
    vow_unref(vow_then(p, never_called, NULL));
    drain(loop);
    EQ_INT(op.stops, 1);
    EQ_INT(op.destroys, 1);
}

static void stop_by_failing(void *data)
{
    struct op *op = data;
    op->stops++;
    vow_reject(op->r, eio());
}

/* scenario 96 */
TEST(a_stop_hook_that_fails_is_reported)
{
    struct op op = {0};
    vow_promise *p = vow_promise_new(loop, &op.r);
    vow_on_stop(op.r, stop_by_failing, &op, op_destroy);
    vow_cancel(p);
    drain(loop);
    EQ_INT(error_code(p), EIO);
    EXPECT_UNHANDLED(1);
    vow_unref(p);
}

static void stop_by_dropping(void *data)
{
    struct op *op = data;
    op->stops++;
    vow_resolver_drop(op->r);
}

TEST(a_stop_hook_may_drop_its_resolver_which_is_gone_anyway)
{
    struct op op = {0};
    vow_promise *p = vow_promise_new(loop, &op.r);
    vow_on_stop(op.r, stop_by_dropping, &op, op_destroy);
    vow_cancel(p);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
    p = vow_promise_new(loop, &op.r);
    vow_on_stop(op.r, stop_by_dropping, &op, op_destroy);
    vow_unref(p);
    EQ_INT(op.stops, 2);
    EQ_INT(op.destroys, 2);
}

static void stop_by_abandoning(void *data)
{
    struct op *op = data;
    op->stops++;
    vow_resolver_abandon(op->r);
}

TEST(a_stop_hook_may_abandon_its_resolver_which_is_gone_anyway)
{
    struct op op = {0};
    vow_promise *p = vow_promise_new(loop, &op.r);
    vow_on_stop(op.r, stop_by_abandoning, &op, op_destroy);
    vow_cancel(p);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
    p = vow_promise_new(loop, &op.r);
    vow_on_stop(op.r, stop_by_abandoning, &op, op_destroy);
    vow_unref(p);
    EQ_INT(op.stops, 2);
    EQ_INT(op.destroys, 2);
}

static void destroy_by_dropping(void *data)
{
    struct op *op = data;
    op->destroys++;
    vow_resolver_drop(op->r);
}

/* Without a stop function the resolver outlives the promise; the operation that owns it
 * may give it back as it is destroyed. */
TEST(an_operation_without_a_stop_hook_may_drop_its_resolver_when_it_is_destroyed)
{
    struct op op = {0};
    vow_promise *p = vow_promise_new(loop, &op.r);
    vow_on_stop(op.r, NULL, &op, destroy_by_dropping);
    vow_unref(p);
    p = vow_promise_new(loop, &op.r);
    vow_on_stop(op.r, NULL, &op, destroy_by_dropping);
    vow_cancel(p);
    EQ_INT(op.destroys, 2);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
    vow_promise *first = vow_resolved(loop, vow_v(1)), *second = vow_resolved(loop, vow_v(2));
    EQ_UINT(vow_stats(loop).live, 2); /* no line was given back twice */
    vow_unref(first);
    vow_unref(second);
}

TEST(a_resolver_without_a_stop_hook_outlives_the_promise_inert)
{
    struct op op = {0};
    vow_unref(vow_promise_new(loop, &op.r));
    EQ_UINT(vow_stats(loop).live, 1);
    vow_on_stop(op.r, op_stop, &op, op_destroy);
    EQ_INT(op.destroys, 1);
    vow_resolve(op.r, vow_v(1));
    EQ_UINT(vow_stats(loop).live, 0);
    EQ_INT(op.stops, 0);
}

TEST(an_inert_resolver_may_be_abandoned)
{
    vow_resolver *r;
    vow_unref(vow_promise_new(loop, &r));
    vow_resolver_abandon(r);
    vow_promise *p = vow_promise_new(loop, &r);
    vow_cancel(p);
    vow_unref(p);
    vow_resolver_abandon(r);
    EQ_UINT(vow_stats(loop).live, 0);
}

/* scenario 90 */
TEST(a_stop_hook_registered_after_the_cancel_is_told_at_once)
{
    struct op op = {0};
    vow_promise *p = vow_promise_new(loop, &op.r);
    vow_cancel(p);
    vow_on_stop(op.r, op_stop, &op, op_destroy);
    EQ_INT(op.destroys, 1);
    EQ_INT(op.stops, 0);
    vow_resolver_drop(op.r);
    vow_unref(p);
}

TEST_PANICS(a_second_stop_hook_is_misuse, "the resolver has a stop hook already")
{
    struct op op = {0};
    vow_promise *p = op_start(loop, &op);
    vow_on_stop(op.r, op_stop, &op, op_destroy);
    vow_unref(p);
}

TEST(a_stop_hook_is_not_called_when_the_promise_settles)
{
    struct op op = {0};
    vow_promise *p = op_start(loop, &op);
    vow_resolve(op.r, vow_v(1));
    vow_cancel(p);
    vow_unref(p);
    EQ_INT(op.stops, 0);
    EQ_INT(op.destroys, 1);
}

TEST(resolving_with_a_promise_destroys_the_operation_at_once)
{
    struct op op = {0};
    vow_resolver *r;
    vow_promise *p = op_start(loop, &op);
    vow_resolve(op.r, vow_v(vow_promise_new(loop, &r)));
    EQ_INT(op.destroys, 1);
    vow_unref(p);
    CHECK(!vow_is_wanted(r));
    vow_resolver_drop(r);
}

static void stop_by_draining(void *data)
{
    struct op *op = data;
    op->stops++;
    EQ_UINT(vow_drain(vow_loop_of(*(vow_promise **)(op + 1)), SIZE_MAX), 0);
}

TEST(nothing_is_served_inside_a_stop_hook)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    struct {
        struct op op;
        vow_promise *other;
    } both = {{0}, NULL};
    both.other = vow_then(vow_resolved(loop, vow_v(1)), note_value, &a);
    vow_promise *p = vow_promise_new(loop, &both.op.r);
    vow_on_stop(both.op.r, stop_by_draining, &both, op_destroy);
    vow_cancel(p);
    EQ_INT(both.op.stops, 1);
    EQ_TRACE(seen, "");
    drain(loop);
    EQ_TRACE(seen, "a=1");
    vow_unref(p);
    vow_unref(both.other);
}
