/* SPDX-License-Identifier: MIT
 *
 * Cancelling: asking politely. Catch and finally run; what others want goes on.
 */
#include "core/common.h"
#include "vow/inspect.h"

/* scenario 85 */
TEST(a_handler_cancelled_before_it_ran_never_runs_and_its_data_is_destroyed)
{
    int destroyed = 0;
    vow_promise *p =
        vow_then_with(vow_resolved(loop, vow_v(1)), never_called, &destroyed, count_destroy);
    vow_cancel(p);
    drain(loop);
    EQ_INT(destroyed, 1);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
}

TEST(a_cancelled_chain_sees_ECANCELED_in_catch_and_finally_but_not_in_then)
{
    struct trace seen = {""};
    struct note c = {&seen, "catch"}, f = {&seen, "finally"};
    struct op op = {0};
    vow_promise *p = vow_then(op_start(loop, &op), never_called, NULL);
    p = vow_catch(p, note_error, &c);
    p = vow_finally(p, note_finally, &f);
    vow_cancel(p);
    EQ_TRACE(seen, ""); /* never inside the call */
    drain(loop);
    EQ_TRACE(seen, "catch!ECANCELED finally");
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
}

TEST(a_catch_may_recover_from_a_cancel)
{
    struct trace seen = {""};
    struct note c = {&seen, "catch"}, t_ = {&seen, "then"};
    struct op op = {0};
    vow_promise *p = vow_catch(op_start(loop, &op), note_recover, &c);
    p = vow_then(p, note_value, &t_);
    vow_cancel(p);
    drain(loop);
    EQ_TRACE(seen, "catch!ECANCELED then=none");
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(p);
}

static vow_value wait_for_held(void *data) { return vow_v(vow_ref(*(vow_promise **)data)); }

/* scenario 93 */
TEST(finally_runs_on_cancel_and_its_promise_is_awaited)
{
    struct op op = {0};
    vow_resolver *r;
    vow_promise *cleanup = vow_promise_new(loop, &r);
    vow_promise *p = vow_finally(op_start(loop, &op), wait_for_held, &cleanup);
    vow_cancel(p);
    drain(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_resolve(r, vow_none());
    drain(loop);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
    vow_unref(cleanup);
}

/* scenario 94 */
TEST(a_cancel_while_finally_waits_lets_the_clean_up_finish_then_rejects)
{
    int destroyed = 0;
    vow_resolver *r;
    vow_promise *cleanup = vow_promise_new(loop, &r);
    vow_promise *p = vow_finally(vow_resolved(loop, counted(&destroyed)), wait_for_held, &cleanup);
    drain(loop);
    vow_cancel(p);
    EQ_INT(destroyed, 1);
    drain(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_INT(vow_state(cleanup), VOW_PENDING);
    vow_resolve(r, vow_none());
    drain(loop);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
    vow_unref(cleanup);
}

TEST(a_cancel_while_finally_waits_does_not_hide_an_error)
{
    vow_resolver *r;
    vow_promise *cleanup = vow_promise_new(loop, &r);
    vow_promise *p = vow_finally(vow_rejected(loop, eio()), wait_for_held, &cleanup);
    vow_mark_handled(p);
    drain(loop);
    vow_cancel(p);
    vow_cancel(p);
    vow_resolve(r, vow_none());
    drain(loop);
    EQ_INT(error_code(p), EIO);
    vow_unref(p);
    vow_unref(cleanup);
}

struct running {
    vow_promise *self, *give;
};
static vow_value cancel_self_and_wait(void *data)
{
    struct running *in = data;
    vow_cancel(in->self);
    vow_promise *give = in->give;
    in->give = NULL;
    return vow_v(give);
}

TEST(a_cancel_inside_finally_lets_the_clean_up_finish_then_rejects)
{
    vow_resolver *r;
    struct running in = {NULL, vow_promise_new(loop, &r)};
    in.self = vow_finally(vow_resolved(loop, vow_v(1)), cancel_self_and_wait, &in);
    drain(loop);
    EQ_INT(vow_state(in.self), VOW_PENDING);
    vow_resolve(r, vow_none());
    drain(loop);
    EQ_INT(error_code(in.self), ECANCELED);
    vow_unref(in.self);
}

/* scenario 87 */
TEST(a_cancel_reaches_the_promise_that_a_handler_returned)
{
    struct trace seen = {""};
    struct note inside = {&seen, "inside"}, outside = {&seen, "outside"};
    struct op op = {0};
    vow_promise *inner = vow_catch(op_start(loop, &op), note_error, &inside);
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_promise, &inner);
    p = vow_catch(p, note_error, &outside);
    drain(loop);
    vow_cancel(p);
    EQ_INT(op.stops, 1);
    drain(loop);
    EQ_TRACE(seen, "inside!ECANCELED outside!ECANCELED");
    vow_unref(p);
}

/* scenario 88 */
TEST(a_cancel_after_settling_does_nothing)
{
    struct op op = {0};
    vow_promise *p = vow_then(op_start(loop, &op), add_one, NULL);
    vow_resolve(op.r, vow_v(1));
    drain(loop);
    vow_cancel(p);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 2);
    EQ_INT(op.stops, 0);
    vow_unref(p);
}

/* scenario 89 */
TEST(a_second_cancel_does_nothing)
{
    struct trace seen = {""};
    struct note c = {&seen, "catch"};
    struct op op = {0};
    vow_promise *p = vow_catch(op_start(loop, &op), note_error, &c);
    vow_cancel(p);
    vow_cancel(p);
    drain(loop);
    vow_cancel(p);
    drain(loop);
    EQ_TRACE(seen, "catch!ECANCELED");
    EQ_INT(op.stops, 1);
    vow_unref(p);
}

/* scenario 91 */
TEST(one_of_three_branches_cancelled_leaves_the_source_and_the_others)
{
    struct trace seen = {""};
    struct note notes[] = {{&seen, "a"}, {&seen, "b"}, {&seen, "c"}};
    struct op op = {0};
    vow_promise *p[3], *source = op_start(loop, &op);
    for (int i = 0; i < 3; i++)
        p[i] = vow_handle(vow_ref(source), note_value, &notes[i]);
    vow_unref(source);
    vow_cancel(p[1]);
    drain(loop);
    EQ_TRACE(seen, "b!ECANCELED");
    vow_resolve(op.r, vow_v(1));
    drain(loop);
    EQ_TRACE(seen, "b!ECANCELED a=1 c=1");
    for (int i = 0; i < 3; i++)
        vow_unref(p[i]);
}

/* scenario 91 */
TEST(all_three_branches_cancelled_cancel_the_source)
{
    struct trace seen = {""};
    struct note notes[] = {{&seen, "a"}, {&seen, "b"}, {&seen, "c"}};
    struct op op = {0};
    vow_promise *p[3], *source = op_start(loop, &op);
    for (int i = 0; i < 3; i++)
        p[i] = vow_handle(vow_ref(source), note_value, &notes[i]);
    vow_unref(source);
    for (int i = 0; i < 3; i++) {
        EQ_INT(op.stops, 0);
        vow_cancel(p[i]);
    }
    EQ_INT(op.stops, 1);
    drain(loop);
    EQ_TRACE(seen, "a!ECANCELED b!ECANCELED c!ECANCELED");
    for (int i = 0; i < 3; i++)
        vow_unref(p[i]);
}

/* scenario 92 */
TEST(a_cancelled_source_tells_every_branch)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    struct op op = {0};
    vow_promise *source = op_start(loop, &op);
    vow_promise *p = vow_handle(vow_ref(source), note_value, &a);
    vow_promise *q = vow_handle(vow_ref(source), note_value, &b);
    vow_cancel(source);
    drain(loop);
    EQ_TRACE(seen, "a!ECANCELED b!ECANCELED");
    vow_unref(source);
    vow_unref(p);
    vow_unref(q);
}

TEST(a_source_that_the_program_holds_itself_goes_on_when_its_branch_is_cancelled)
{
    struct op op = {0};
    vow_promise *source = op_start(loop, &op);
    vow_promise *p = vow_then(vow_ref(source), never_called, NULL);
    vow_cancel(p);
    drain(loop);
    EQ_INT(error_code(p), ECANCELED);
    EQ_INT(vow_state(source), VOW_PENDING);
    EQ_INT(op.stops, 0);
    vow_unref(source);
    vow_unref(p);
}

/* scenario 97 */
TEST(several_cancelled_at_once_pending_ones_get_the_reason_and_done_ones_are_unharmed)
{
    struct op ops[3] = {{0}};
    vow_promise *p[3];
    for (int i = 0; i < 3; i++)
        p[i] = op_start(loop, &ops[i]);
    vow_resolve(ops[1].r, vow_v(1));
    for (int i = 0; i < 3; i++)
        vow_cancel(p[i]);
    drain(loop);
    EQ_INT(error_code(p[0]), ECANCELED);
    EQ_INT(vow_as_int(vow_peek(p[1])), 1);
    EQ_INT(error_code(p[2]), ECANCELED);
    for (int i = 0; i < 3; i++)
        vow_unref(p[i]);
}

/* scenario 98 */
TEST(the_same_promise_cancelled_through_two_handles_is_stopped_once)
{
    struct op op = {0};
    vow_promise *p = op_start(loop, &op), *again = vow_ref(p);
    vow_cancel(p);
    vow_cancel(again);
    EQ_INT(op.stops, 1);
    EQ_INT(op.destroys, 1);
    vow_unref(p);
    vow_unref(again);
}

TEST(ECANCELED_is_never_reported)
{
    struct op op = {0};
    vow_resolver *r;
    vow_promise *p = vow_then(op_start(loop, &op), same, NULL);
    vow_cancel(p);
    drain(loop);
    vow_unref(p);
    vow_unref(vow_rejected(loop, vow_error_new(vow_errno_domain(), ECANCELED, "by hand")));
    p = vow_promise_new(loop, &r);
    vow_cancel(p);
    vow_unref(p);
    vow_resolver_drop(r);
    drain(loop);
    EQ_UINT(vow_unhandled_count(loop), 0);
}

TEST(ECANCELED_of_another_domain_is_reported)
{
    static const vow_domain *domain;
    struct trace seen = {""};
    domain = vow_gai_domain();
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_unref(vow_rejected(loop, vow_error_new(domain, ECANCELED, NULL)));
    drain(loop);
    EXPECT_UNHANDLED(1);
}

static vow_value cancel_held(UNUSED vow_value v, void *data)
{
    vow_cancel(*(vow_promise **)data);
    return vow_int(1);
}

TEST(a_plain_result_wins_against_a_cancel_inside_the_own_handler)
{
    vow_promise *p = NULL;
    p = vow_then(vow_resolved(loop, vow_none()), cancel_held, &p);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 1);
    vow_unref(p);
}

static vow_value cancel_self_and_give(UNUSED vow_value v, void *data)
{
    struct running *in = data;
    return cancel_self_and_wait(in);
}

TEST(a_cancel_inside_the_own_handler_applies_to_the_promise_it_returns)
{
    struct op op = {0};
    struct running in = {NULL, op_start(loop, &op)};
    in.self = vow_then(vow_resolved(loop, vow_none()), cancel_self_and_give, &in);
    drain(loop);
    EQ_INT(op.stops, 1);
    EQ_INT(error_code(in.self), ECANCELED);
    vow_unref(in.self);
}

TEST(a_cancel_of_the_tail_inside_a_handler_applies_to_the_promise_it_returns)
{
    struct trace seen = {""};
    struct note c = {&seen, "catch"};
    struct op op = {0};
    struct running in = {NULL, op_start(loop, &op)};
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), cancel_self_and_give, &in);
    in.self = vow_catch(vow_then(p, never_called, NULL), note_error, &c);
    drain(loop);
    EQ_TRACE(seen, "catch!ECANCELED");
    vow_unref(in.self);
}

TEST(a_cancel_of_another_chain_inside_a_handler_runs_its_catch_later)
{
    struct trace seen = {""};
    struct note c = {&seen, "catch"}, a = {&seen, "after"};
    struct op op = {0};
    vow_promise *other = vow_catch(op_start(loop, &op), note_recover, &c);
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), cancel_held, &other);
    vow_promise *q = vow_then(vow_resolved(loop, vow_v(2)), note_value, &a);
    drain(loop);
    EQ_TRACE(seen, "after=2 catch!ECANCELED");
    vow_unref(other);
    vow_unref(p);
    vow_unref(q);
}

/* scenario 40 */
TEST(cancelling_a_queued_handler_keeps_its_one_place_in_the_queue)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_promise *p = vow_handle(vow_resolved(loop, vow_v(1)), note_value, &a);
    vow_promise *q = vow_handle(vow_resolved(loop, vow_v(2)), note_value, &b);
    vow_cancel(p);
    vow_cancel(p);
    drain(loop);
    EQ_TRACE(seen, "a!ECANCELED b=2");
    vow_unref(p);
    vow_unref(q);
}

TEST(cancelling_a_branch_twice_queues_it_once)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    struct op op = {0};
    vow_promise *source = op_start(loop, &op);
    vow_promise *p = vow_handle(vow_ref(source), note_value, &a);
    vow_cancel(p);
    vow_cancel(p);
    EQ_UINT(vow_drain(loop, SIZE_MAX), 1);
    EQ_TRACE(seen, "a!ECANCELED");
    vow_unref(source);
    vow_unref(p);
}

TEST(a_branch_cut_off_may_be_dropped_before_it_ran)
{
    struct op op = {0};
    vow_promise *source = op_start(loop, &op);
    vow_promise *p = vow_handle(vow_ref(source), never_called, NULL);
    vow_cancel(p);
    vow_unref(p);
    drain(loop);
    EQ_INT(op.stops, 0);
    vow_unref(source);
}

TEST(an_error_that_had_come_when_the_chain_was_cancelled_is_reported)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_resolver *r;
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = vow_promise_new(loop, &r);
    vow_promise *q = vow_catch(vow_ref(p), note_recover, &b);
    p = vow_catch(p, note_recover, &a);
    vow_reject(r, eio());
    vow_cancel(p);
    vow_cancel(q);
    drain(loop);
    EQ_TRACE(seen, "b!ECANCELED a!ECANCELED unhandled!EIO");
    EXPECT_UNHANDLED(1);
    vow_unref(p);
    vow_unref(q);
}

TEST(an_error_that_one_branch_saw_is_not_reported_when_another_was_cancelled)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_promise *p = vow_rejected(loop, eio());
    vow_promise *q = vow_catch(vow_ref(p), note_recover, &b);
    p = vow_catch(p, note_recover, &a);
    vow_cancel(p);
    drain(loop);
    EQ_TRACE(seen, "b!EIO a!ECANCELED");
    vow_unref(p);
    vow_unref(q);
}

TEST(a_cancelled_follower_cancels_what_it_follows)
{
    struct op op = {0};
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_resolve(r, vow_v(op_start(loop, &op)));
    vow_cancel(p);
    EQ_INT(op.stops, 1);
    drain(loop);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
}

TEST(a_cancelled_follower_leaves_what_others_hold)
{
    struct op op = {0};
    vow_resolver *r;
    vow_promise *shared = op_start(loop, &op), *p = vow_promise_new(loop, &r);
    vow_resolve(r, vow_v(vow_ref(shared)));
    vow_cancel(p);
    drain(loop);
    EQ_INT(op.stops, 0);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
    vow_unref(shared);
}

static void stop_with_promise(void *data)
{
    struct running *in = data;
    vow_resolve((vow_resolver *)in->self, vow_v(in->give));
}

TEST(a_stop_hook_may_resolve_with_a_promise_which_is_then_cancelled)
{
    struct op op = {0};
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    struct running in = {(vow_promise *)r, op_start(loop, &op)};
    vow_on_stop(r, stop_with_promise, &in, NULL);
    vow_cancel(p);
    EQ_INT(op.stops, 1);
    drain(loop);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
}

static void stop_and_drop(void *data) { drop_held(data); }

TEST(a_stop_hook_may_drop_the_promise_that_is_being_cancelled)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_on_stop(r, stop_and_drop, &p, NULL);
    p = vow_catch(p, never_caught, NULL);
    vow_cancel(p);
    CHECK(p == NULL);
    drain(loop);
    EQ_UINT(vow_stats(loop).live, 0);
}

static void stop_and_cancel(void *data) { vow_cancel(*(vow_promise **)data); }

TEST(a_stop_hook_may_cancel_its_own_promise_again)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_on_stop(r, stop_and_cancel, &p, NULL);
    vow_cancel(p);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
}

TEST(cancelling_a_dropped_source_from_its_destroy_function_is_harmless)
{
    struct op op = {0};
    vow_promise *p = op_start(loop, &op);
    vow_promise *q = vow_attach(p, &op.stops, count_destroy);
    vow_cancel(q);
    drain(loop);
    EQ_INT(op.stops, 2); /* the hook, and the attached counter */
    vow_unref(q);
}
