/* SPDX-License-Identifier: MIT
 *
 * race and any.
 */
#include "common.h"

/* scenario 71 */
TEST(any_gives_the_first_value_however_many_failed_before)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_promise *p = vow_any(loop, failure(loop, EIO), op_start(loop, &a), failure(loop, EPROTO),
                             op_start(loop, &b));
    vow_poll(loop);
    IS(p, "pending");
    op_resolve(&b, vow_v(4));
    vow_poll(loop);
    OUTCOME(p, "4");
    EQ_TRACE(seen, "a-stopped");
}

/* scenario 72 */
TEST(any_of_failures_gives_one_aggregate_with_the_errors_in_input_order)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_any(loop, op_start(loop, &a), failure(loop, EPROTO), failure(loop, EPIPE));
    vow_mark_handled(p);
    op_resolve(&a, vow_fail(EIO, "last in time"));
    vow_poll(loop);
    char text[400];
    vow_describe(vow_error_of(p), VOW_LINES, text, sizeof text);
    HAS_TEXT(text, "all of them failed");
    HAS_TEXT(text, "last in time");
    HAS_TEXT(text, "test_race.c:");
    OUTCOME(p, "!EAGGREGATE[!EIO !EPROTO !EPIPE]");
}

TEST(a_loser_that_settles_in_the_same_turn_goes_unless_the_program_holds_it)
{
    vow_resolver *first, *lost, *held;
    vow_promise *winner = vow_promise_new(loop, &first), *loser = vow_promise_new(loop, &lost);
    vow_promise *mine = vow_promise_new(loop, &held);
    vow_promise *p = vow_race(loop, winner, loser, vow_ref(mine));
    vow_resolve(first, vow_v(1));
    vow_resolve(lost, vow_v(2));
    vow_resolve(held, vow_v(3));
    vow_drain(loop, SIZE_MAX);
    EQ_UINT(vow_stats(loop).live, 2);
    OUTCOME(p, "1");
    OUTCOME(mine, "3");
}

/* scenario 73 */
TEST(race_goes_to_the_first_outcome_either_way)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_promise *won = vow_race(loop, pending(loop), op_start(loop, &a));
    vow_promise *lost = vow_race(loop, op_start(loop, &b), pending(loop));
    vow_mark_handled(lost);
    op_resolve(&a, vow_v(1));
    op_resolve(&b, vow_fail(EIO, NULL));
    vow_poll(loop);
    OUTCOME(won, "1");
    OUTCOME(lost, "!EIO");
}

/* scenario 74 */
TEST(two_that_are_ready_in_one_turn_make_one_winner)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL}, done = {&seen, "done", NULL};
    vow_promise *p = vow_race(loop, op_start(loop, &a), op_start(loop, &b));
    p = vow_then(p, op_done, &done);
    op_resolve(&b, vow_v(2));
    op_resolve(&a, vow_v(1));
    vow_poll(loop);
    OUTCOME(p, "2"); /* settled first */
    EQ_TRACE(seen, "done");
}

TEST(of_two_that_were_settled_before_the_first_input_wins)
{
    vow_promise *second = value(loop, 2), *first = value(loop, 1);
    vow_promise *p = vow_race(loop, first, second);
    vow_poll(loop);
    OUTCOME(p, "1");
}

/* scenario 75 */
TEST(an_eager_second_input_beats_a_lazy_first)
{
    struct trace seen = {""};
    struct op lazy = {&seen, "lazy", NULL};
    vow_promise *first = vow_then(vow_then(value(loop, 1), op_done, &lazy), op_done, &lazy);
    vow_promise *p = vow_race(loop, vow_delay(loop, 0), first, value(loop, 2));
    vow_poll(loop);
    OUTCOME(p, "2");
}

/* scenario 76 */
TEST(the_loser_is_cancelled_and_freed)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_promise *loser = vow_attach(op_start_clean(loop, &a), &a, op_destroy);
    vow_promise *p = vow_race(loop, loser, op_start(loop, &b));
    op_resolve(&b, vow_v(1));
    vow_poll(loop);
    EQ_TRACE(seen, "a-stopped a-clean ~a");
    EQ_UINT(vow_stats(loop).live, 1); /* the result */
    OUTCOME(p, "1");
}

/* scenario 78 */
TEST(any_moves_a_value_that_only_it_holds)
{
    int destroyed = 0;
    vow_promise *p = vow_any(loop, vow_resolved(loop, vow_box(&destroyed, count_destroy)));
    vow_poll(loop);
    EQ_PTR(vow_unbox(vow_peek(p)), &destroyed);
    EQ_UINT(vow_peek(p).type->count(vow_peek(p).as.p), 1);
    EQ_INT(destroyed, 0);
    vow_unref(p);
    EQ_INT(destroyed, 1);
}

TEST(the_loser_s_clean_up_delays_the_result)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, done = {&seen, "done", NULL};
    vow_promise *p = vow_race(loop, op_start_slow(loop, &a), value(loop, 1));
    p = vow_then(p, op_done, &done);
    vow_clock_advance(loop, 9);
    EQ_TRACE(seen, "a-stopped a-clean");
    IS(p, "pending");
    vow_clock_advance(loop, 1);
    EQ_TRACE(seen, "a-stopped a-clean a-cleaned done");
    OUTCOME(p, "1");
}

TEST(a_shielded_loser_is_neither_cancelled_nor_waited_for)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_race(loop, vow_shield(op_start_slow(loop, &a)), value(loop, 1));
    vow_poll(loop);
    OUTCOME(p, "1");
    EQ_TRACE(seen, "");
    op_resolve(&a, vow_v(2));
    vow_clock_advance(loop, 10);
    EQ_TRACE(seen, "a-clean a-cleaned");
}

TEST(the_error_of_a_loser_is_suppressed_by_the_winning_error)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p =
        vow_race(loop, vow_catch(op_start(loop, &a), op_break, &a), failure(loop, EIO));
    vow_mark_handled(p);
    vow_poll(loop);
    OUTCOME(p, "!EIO+EPROTO");
}

TEST(the_error_of_a_loser_to_a_value_is_reported)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_on_unhandled(loop, note_unhandled, &seen);
    EXPECT_UNHANDLED(1);
    vow_promise *p = vow_race(loop, vow_catch(op_start(loop, &a), op_break, &a), value(loop, 1));
    vow_poll(loop);
    OUTCOME(p, "1");
    EQ_TRACE(seen, "a-stopped unhandled-EPROTO");
}

TEST(an_error_that_was_there_when_another_won_is_overlooked)
{
    vow_promise *p = vow_race(loop, value(loop, 1), failure(loop, EIO));
    vow_promise *q = vow_any(loop, failure(loop, EIO), value(loop, 1), failure(loop, EIO));
    vow_poll(loop);
    OUTCOME(p, "1");
    OUTCOME(q, "1");
}

TEST(a_loser_that_recovers_from_its_cancel_changes_nothing)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_race(loop, vow_catch(op_start(loop, &a), op_recover, &a), value(loop, 1));
    vow_poll(loop);
    OUTCOME(p, "1");
    EQ_TRACE(seen, "a-stopped a-recovers");
}

/* A stop hook that settles its promise: the loser's cancel loses. */
static void settle_instead(void *data) { op_resolve(data, vow_v(9)); }

TEST(a_loser_may_settle_in_its_stop_hook)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_promise *bare = vow_promise_new(loop, &a.r);
    vow_on_stop(a.r, settle_instead, &a, NULL);
    vow_promise *p = vow_promise_new(loop, &b.r);
    vow_on_stop(b.r, settle_instead, &b, NULL);
    p = vow_race(loop, bare, vow_then(p, op_done, &b), value(loop, 1));
    vow_poll(loop);
    OUTCOME(p, "1");
    EQ_TRACE(seen, "b");
}

struct hooked {
    struct trace seen;
    vow_promise *race;
};
static void drop_the_race(void *data)
{
    struct hooked *hooked = data;
    trace_add(&hooked->seen, "drop");
    hooked->race = vow_unref(hooked->race);
    trace_add(&hooked->seen, "dropped");
}

TEST(a_stop_hook_may_drop_the_race_that_is_being_cancelled)
{
    struct hooked hooked = {.seen = {""}};
    struct op a = {&hooked.seen, "a", NULL}, b = {&hooked.seen, "b", NULL};
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_on_stop(r, drop_the_race, &hooked, NULL);
    p = vow_then(p, op_done, &a);
    hooked.race = vow_race(loop, op_start_clean(loop, &a), p, op_start_clean(loop, &b));
    vow_cancel(hooked.race);
    vow_poll(loop);
    EQ_TRACE(hooked.seen, "a-stopped drop b-stopped dropped"); /* and no clean-up is run */
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(a_stop_hook_may_drop_the_race_that_is_being_decided)
{
    struct hooked hooked = {.seen = {""}};
    struct op a = {&hooked.seen, "a", NULL}, b = {&hooked.seen, "b", NULL};
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_on_stop(r, drop_the_race, &hooked, NULL);
    p = vow_race(loop, op_start_clean(loop, &a), p, value(loop, 1), op_start_clean(loop, &b));
    hooked.race = vow_attach(p, &a, op_destroy);
    vow_poll(loop);
    EQ_TRACE(hooked.seen,
             "a-stopped drop dropped b-stopped ~a"); /* inside a drop: worked off by that */
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(nested_combinators_are_cancelled_inside_out)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL}, c = {&seen, "c", NULL},
              d = {&seen, "d", NULL}, done = {&seen, "done", NULL};
    vow_promise *left = vow_all(loop, op_start_slow(loop, &a), op_start_clean(loop, &b));
    vow_promise *right = vow_race(loop, op_start(loop, &c), op_start_clean(loop, &d));
    vow_promise *p = vow_race(loop, left, vow_any(loop, right, pending(loop)));
    p = vow_handle(vow_all(loop, p, pending(loop)), op_done, &done);
    vow_mark_handled(p);
    vow_poll(loop);
    vow_cancel(p);
    vow_poll(loop);
    EQ_TRACE(seen, "c-stopped d-stopped a-stopped b-stopped d-clean a-clean b-clean");
    IS(p, "pending");
    vow_clock_advance(loop, 10);
    OUTCOME(p, "!ECANCELED");
}

enum { RACES = 1000000 };

TEST(a_million_races_against_one_promise_take_constant_memory)
{
    vow_promise *never = pending(loop), *p;
    size_t bytes = 0;
    for (int i = 0; i < RACES; i++) {
        p = vow_race(loop, vow_ref(never), value(loop, i));
        vow_drain(loop, SIZE_MAX);
        CHECK(vow_as_int(vow_peek(p)) == i);
        vow_unref(p);
        if (i == 0)
            bytes = vow_stats(loop).bytes;
    }
    EQ_UINT(vow_stats(loop).bytes, bytes);
    EQ_UINT(vow_stats(loop).live, 1);
    vow_unref(never);
}

TEST(a_million_abandoned_races_against_one_promise_take_constant_memory)
{
    vow_promise *never = pending(loop);
    size_t bytes = vow_stats(loop).bytes;
    for (int i = 0; i < RACES; i++)
        vow_unref(vow_race(loop, vow_ref(never), pending(loop)));
    EQ_UINT(vow_stats(loop).bytes, bytes);
    vow_unref(never);
}

TEST(a_hundred_thousand_nested_races_are_cancelled_without_recursion)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = op_start_clean(loop, &a);
    for (int i = 0; i < 100000; i++)
        p = i % 2 ? vow_all(loop, p) : vow_race(loop, p);
    vow_mark_handled(p);
    vow_cancel(p);
    vow_drain(loop, SIZE_MAX);
    EQ_TRACE(seen, "a-stopped a-clean");
    OUTCOME(p, "!ECANCELED");
}
