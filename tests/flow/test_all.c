/* SPDX-License-Identifier: MIT
 *
 * all and all_settled.
 */
#include "common.h"

/* scenario 66 */
TEST(all_gives_values_in_input_order_void_included)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_promise *p = vow_all(loop, op_start(loop, &a), vow_delay(loop, 5), op_start(loop, &b));
    op_resolve(&b, VOW_LIT("two"));
    vow_clock_advance(loop, 5);
    IS(p, "pending");
    op_resolve(&a, vow_v(1));
    vow_poll(loop);
    OUTCOME(p, "[1 none 'two']");
}

/* scenario 67 */
TEST(all_of_settled_inputs_settles_from_the_queue)
{
    vow_promise *p = vow_all(loop, value(loop, 1), value(loop, 2));
    vow_promise *q = vow_all(loop, value(loop, 1), failure(loop, EIO), value(loop, 2));
    vow_mark_handled(q);
    IS(p, "pending");
    IS(q, "pending");
    vow_poll(loop);
    OUTCOME(p, "[1 2]");
    OUTCOME(q, "!EIO");
}

/* scenario 68 */
TEST(all_settled_waits_for_everybody_and_shows_values_and_errors)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_all_settled(loop, failure(loop, EIO), op_start(loop, &a), value(loop, 3));
    vow_poll(loop);
    IS(p, "pending");
    op_resolve(&a, vow_fail(EPROTO, NULL));
    vow_poll(loop);
    OUTCOME(p, "[!EIO !EPROTO 3]");
}

TEST(the_error_of_a_wait_for_all_can_be_chosen_by_a_handler)
{
    vow_promise *kept = failure(loop, EIO), *slow = vow_delay(loop, 10);
    vow_promise *both = vow_all_settled(loop, vow_ref(kept), vow_ref(slow));
    vow_clock_advance(loop, 10);
    IS(kept, "!EIO"); /* the inputs stay readable for those who hold them */
    IS(slow, "none");
    OUTCOME(both, "[!EIO none]");
    vow_unref(kept);
    vow_unref(slow);
}

/* scenario 69 */
TEST(all_rejects_at_the_first_error)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_promise *p = vow_all(loop, op_start(loop, &a), op_start(loop, &b));
    vow_mark_handled(p);
    op_resolve(&b, vow_fail(EIO, NULL));
    vow_poll(loop);
    OUTCOME(p, "!EIO");
    EQ_TRACE(seen, "a-stopped");
}

/* scenario 70 */
TEST(no_handler_of_another_input_runs_after_all_has_failed)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL}, done = {&seen, "done", NULL};
    vow_promise *slow = vow_catch(op_start_slow(loop, &b), op_recover, &b);
    vow_promise *p = vow_all(loop, op_start(loop, &a), vow_then(slow, op_done, &b));
    p = vow_handle(p, op_done, &done);
    vow_mark_handled(p);
    op_resolve(&a, vow_fail(EIO, NULL));
    vow_poll(loop);
    IS(p, "pending"); /* b's clean-up holds it up */
    EQ_TRACE(seen, "b-stopped b-clean");
    vow_clock_advance(loop, 1000);
    OUTCOME(p, "!EIO");
    EQ_TRACE(seen, "b-stopped b-clean b-cleaned b-recovers b done");
}

TEST(all_stops_its_inputs_in_input_order)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL}, c = {&seen, "c", NULL};
    vow_promise *p = vow_all(loop, op_start(loop, &a), op_start_clean(loop, &b), failure(loop, EIO),
                             op_start(loop, &c));
    vow_mark_handled(p);
    vow_poll(loop);
    OUTCOME(p, "!EIO");
    EQ_TRACE(seen, "a-stopped b-stopped c-stopped b-clean");
}

TEST(errors_of_losers_are_suppressed_by_the_error_of_all)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_promise *p = vow_all(loop, vow_catch(op_start(loop, &a), op_break, &a),
                             vow_catch(op_start(loop, &b), op_break, &b), failure(loop, EIO),
                             failure(loop, EPIPE));
    vow_mark_handled(p);
    vow_poll(loop);
    OUTCOME(p, "!EIO+EPIPE+EPROTO+EPROTO");
}

/* scenario 79 */
TEST(nothing_to_wait_for_is_an_empty_array)
{
    OUTCOME(vow_all_n(loop, 0, NULL), "[]");
    OUTCOME(vow_all_settled_n(loop, 0, NULL), "[]");
    OUTCOME(vow_any_n(loop, 0, NULL), "!EAGGREGATE[]");
    OUTCOME(vow_race_n(loop, 0, NULL), "!ENONE");
}

/* scenario 80 */
TEST(the_same_promise_twice_gives_its_value_twice)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = op_start(loop, &a);
    vow_promise *all = vow_all(loop, vow_ref(p), p);
    op_resolve(&a, vow_text("shared"));
    vow_poll(loop);
    OUTCOME(all, "['shared' 'shared']");
}

TEST(the_same_promise_twice_is_cancelled_once)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = op_start_slow(loop, &a);
    vow_promise *all = vow_all(loop, vow_ref(p), failure(loop, EIO), p);
    vow_mark_handled(all);
    vow_poll(loop);
    IS(all, "pending");
    EQ_TRACE(seen, "a-stopped a-clean");
    vow_clock_advance(loop, 10);
    OUTCOME(all, "!EIO");
}

TEST_PANICS(the_same_handle_twice_is_misuse, "given away")
{
    vow_promise *p = pending(loop);
    vow_unref(vow_all(loop, p, p));
}

/* scenario 81 */
TEST(the_array_of_inputs_is_taken_and_zeroed)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_promise *inputs[] = {op_start(loop, &a), op_start(loop, &b)};
    vow_promise *keep = vow_ref(inputs[0]);
    vow_promise *p = vow_all_n(loop, 2, inputs);
    EQ_PTR(inputs[0], NULL);
    EQ_PTR(inputs[1], NULL);
    vow_unref(keep);
    op_resolve(&a, vow_v(1));
    op_resolve(&b, vow_v(2));
    vow_poll(loop);
    OUTCOME(p, "[1 2]");
    EQ_TRACE(seen, "");
}

/* scenario 77 */
TEST(a_dropped_all_leaves_nothing_of_a_never_settling_input)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_promise *p = vow_all(loop, op_start_clean(loop, &a), pending(loop),
                             vow_attach(op_start(loop, &b), &b, op_destroy));
    vow_unref(p);
    EQ_TRACE(seen, "a-stopped b-stopped ~b");
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(a_dropped_all_reports_an_error_that_nobody_saw)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    EXPECT_UNHANDLED(1);
    vow_unref(vow_all(loop, pending(loop), failure(loop, EIO)));
    vow_poll(loop);
    EQ_TRACE(seen, "unhandled-EIO");
}

TEST(an_input_that_others_hold_is_only_let_go)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *a_too = op_start_clean(loop, &a);
    vow_promise *p = vow_all(loop, vow_ref(a_too), failure(loop, EIO));
    vow_mark_handled(p);
    vow_poll(loop);
    OUTCOME(p, "!EIO");
    EQ_TRACE(seen, "");
    op_resolve(&a, vow_v(1));
    vow_poll(loop);
    OUTCOME(a_too, "1");
}

TEST(all_results_are_shared_with_those_who_hold_the_inputs)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = op_start(loop, &a);
    vow_promise *all = vow_all(loop, vow_ref(p), vow_resolved(loop, vow_text("x")));
    vow_promise *again = vow_all_settled(loop, vow_ref(all), vow_ref(p));
    op_resolve(&a, vow_text("counted"));
    vow_poll(loop);
    OUTCOME(again, "[['counted' 'x'] 'counted']");
    OUTCOME(all, "['counted' 'x']");
    OUTCOME(p, "'counted'");
}

TEST(an_input_that_waits_for_its_all_is_a_cycle)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_promise *all = vow_all(loop, p, value(loop, 2));
    all = vow_context(vow_race(loop, all), "round and round");
    vow_mark_handled(all);
    vow_resolve(r, vow_v(vow_ref(all)));
    vow_poll(loop);
    OUTCOME(all, "!ECYCLE(!ECYCLE)");
}

TEST(an_input_of_another_loop_is_refused_and_the_others_are_dropped)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL}, c = {&seen, "c", NULL};
    vow_loop *other = vow_loop_new();
    vow_promise *inputs[] = {op_start(loop, &a), op_start(other, &b), op_start(loop, &c)};
    OUTCOME(vow_all_n(loop, 3, inputs), "!ELOOP");
    CHECK(inputs[0] == NULL && inputs[1] == NULL && inputs[2] == NULL);
    EQ_TRACE(seen, "a-stopped b-stopped c-stopped");
    vow_loop_free(other);
}

TEST(a_closed_loop_refuses_and_drops_the_inputs)
{
    vow_loop *closed = vow_loop_new();
    vow_promise *left = value(closed, 1);
    vow_loop_close(closed);
    OUTCOME(vow_all(closed, vow_ref(left), vow_ref(left)), "!ECLOSED");
    OUTCOME(vow_race(closed, vow_ref(left), vow_ref(left)), "!ECLOSED");
    vow_unref(left);
    vow_loop_free(closed);
}

TEST(what_waits_at_close_sees_the_loop_close)
{
    vow_loop *closed = vow_loop_new();
    vow_promise *p = vow_all(closed, pending(closed), vow_delay(closed, 5));
    vow_mark_handled(p);
    vow_promise *q = vow_all_settled(closed, pending(closed), vow_delay(closed, 5));
    vow_loop_close(closed);
    OUTCOME(p, "!ECLOSED");
    OUTCOME(q, "[!ECLOSED !ECLOSED]");
    vow_loop_free(closed);
}
