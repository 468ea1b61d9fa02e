/* SPDX-License-Identifier: MIT
 *
 * A scope owns what was started in it: failing, cancelling, joining, freeing.
 */
#include "flow/common.h"

/* Looked at only when it has been rejected. */
static vow_promise *quiet(vow_promise *p)
{
    vow_mark_handled(p);
    return p;
}

/* scenario 109 */
TEST(join_settles_when_all_children_have)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_add(scope, op_start(loop, &a));
    vow_scope_add(scope, op_start(loop, &b));
    vow_promise *all = quiet(vow_scope_join(scope));
    op_resolve(&b, vow_v(1));
    vow_poll(loop);
    IS(all, "pending");
    EQ_UINT(vow_scope_running(scope), 1);
    op_resolve(&a, vow_v(2));
    vow_poll(loop);
    OUTCOME(all, "none");
    vow_scope_free(scope);
}

/* scenario 108 */
TEST(the_first_error_cancels_the_siblings_and_is_what_join_gives)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL}, c = {&seen, "c", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_add(scope, op_start_slow(loop, &a));
    vow_scope_add(scope, op_start(loop, &b));
    vow_scope_add(scope, vow_catch(op_start(loop, &c), op_break, &c));
    vow_promise *all = quiet(vow_scope_join(scope));
    op_resolve(&b, vow_fail(EIO, "b"));
    vow_poll(loop);
    EQ_TRACE(seen, "a-stopped c-stopped a-clean");
    IS(all, "pending");
    CHECK(vow_scope_is_over(scope));
    vow_clock_advance(loop, 10);
    OUTCOME(all, "!EIO+EPROTO");
    EQ_TRACE(seen, "a-stopped c-stopped a-clean a-cleaned");
    vow_scope_free(scope);
}

/* scenario 103 */
TEST(collecting_goes_on_after_errors_and_gives_all_of_them)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_COLLECT);
    vow_promise *held = failure(loop, EPIPE);
    vow_scope_add(scope, vow_handle(op_start(loop, &a), op_done, &a));
    vow_scope_add(scope, vow_handle(op_start(loop, &b), op_done, &b));
    vow_scope_add(scope, failure(loop, EIO));
    vow_scope_add(scope, vow_ref(held)); /* shared: is wrapped */
    vow_promise *all = quiet(vow_scope_join(scope));
    vow_poll(loop);
    CHECK(!vow_scope_is_over(scope));
    op_resolve(&a, vow_v(1));
    op_resolve(&b, vow_fail(EPROTO, "b"));
    vow_poll(loop);
    EQ_TRACE(seen, "a b");
    const vow_error *second = vow_error_next(vow_error_suppressed(vow_error_of(all)));
    CHECK(vow_error_cause(second) == vow_error_of(held));
    OUTCOME(all, "!EAGGREGATE+EIO+EPIPE+EPROTO");
    OUTCOME(held, "!EPIPE");
    vow_scope_free(scope);
}

/* scenario 104 */
TEST(a_hundred_thousand_children_are_freed_on_a_flat_stack)
{
    struct trace seen = {""};
    struct op x = {&seen, "x", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_COLLECT);
    vow_on_unhandled(loop, note_unhandled, &seen);
    EXPECT_UNHANDLED(1);
    for (int i = 0; i < 100000; i++)
        vow_scope_add(scope, pending(loop));
    vow_scope_add(scope, vow_catch(pending(loop), op_break, &x));
    vow_scope_free(scope);
    vow_poll(loop);
    EQ_TRACE(seen, "unhandled-EPROTO");
}

static vow_value add_another(UNUSED const vow_error *e, void *data)
{
    static struct trace none;
    static struct op late = {&none, "late", NULL};
    vow_scope *scope = data;
    vow_scope_add(scope, op_start(vow_current(), &late));
    CHECK(late.r == NULL); /* stopped */
    return vow_none();
}

/* scenario 105 */
TEST(a_child_added_while_the_scope_is_being_cancelled_is_cancelled_too)
{
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_add(scope, vow_catch(pending(loop), add_another, scope));
    vow_promise *all = quiet(vow_scope_join(scope));
    vow_scope_cancel(scope);
    vow_poll(loop);
    OUTCOME(all, "!ECANCELED");
    vow_scope_free(scope);
}

/* scenario 106 */
TEST(join_tells_of_the_last_child_each_time_and_of_a_cancel)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    OUTCOME(vow_scope_join(scope), "none"); /* nothing runs */
    vow_scope_add(scope, op_start(loop, &a));
    vow_promise *first = quiet(vow_scope_join(scope)), *other = quiet(vow_scope_join(scope));
    op_resolve(&a, vow_none());
    vow_poll(loop);
    OUTCOME(first, "none");
    OUTCOME(other, "none");
    vow_scope_add(scope, op_start(loop, &a)); /* it may be used on */
    first = quiet(vow_scope_join(scope));
    vow_scope_cancel(scope);
    vow_poll(loop);
    OUTCOME(first, "!ECANCELED");
    vow_scope_free(scope);
}

static vow_value free_scope(const vow_error *e, void *data)
{
    vow_scope **scope = data;
    *scope = vow_scope_free(*scope);
    return vow_rethrow(e);
}

/* scenario 107 */
TEST(a_scope_may_be_freed_by_the_handler_of_its_error_and_by_that_of_a_child)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_add(scope, op_start_slow(loop, &b));
    vow_scope_add(scope, vow_catch(op_start(loop, &a), free_scope, &scope));
    vow_promise *all = quiet(vow_scope_join(scope));
    op_resolve(&a, vow_fail(EPERM, "a"));
    EXPECT_UNHANDLED(1); /* nobody is left to be told of a's */
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_poll(loop);
    OUTCOME(all, "!ECANCELED");
    scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_add(scope, failure(loop, EIO));
    all = quiet(vow_catch(vow_scope_join(scope), free_scope, &scope));
    vow_clock_advance(loop, 10);
    OUTCOME(all, "!EIO");
    EQ_TRACE(seen, "b-stopped b-clean unhandled-E? b-cleaned");
}

/* scenario 110 */
TEST(a_scope_cancels_those_inside_it_and_not_the_reverse)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL}, c = {&seen, "c", NULL};
    vow_scope *outer = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope *inner = vow_scope_new_in(outer, VOW_FAIL_FAST);
    vow_scope *deep = vow_scope_new_in(inner, VOW_FAIL_FAST);
    vow_scope_add(outer, op_start(loop, &a));
    vow_scope_add(inner, op_start(loop, &b));
    vow_scope_add(deep, op_start_slow(loop, &c));
    vow_promise *all = quiet(vow_scope_join(outer));
    vow_scope_cancel(inner);
    vow_poll(loop);
    CHECK(!vow_scope_is_over(outer) && vow_scope_is_over(deep));
    EQ_TRACE(seen, "b-stopped c-stopped c-clean");
    op_resolve(&a, vow_none());
    vow_poll(loop);
    IS(all, "pending"); /* c is still cleaning up, two scopes below */
    vow_clock_advance(loop, 10);
    OUTCOME(all, "none");
    vow_scope_free(deep);
    vow_scope_free(inner);
    vow_scope_free(outer);
}

/* scenario 110 */
TEST(cancelling_a_scope_ends_all_scopes_below)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL}, c = {&seen, "c", NULL};
    vow_scope *outer = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope *left = vow_scope_new_in(outer, VOW_COLLECT);
    vow_scope *right = vow_scope_new_in(outer, VOW_FAIL_FAST);
    vow_scope *deep = vow_scope_new_in(left, VOW_FAIL_FAST);
    vow_scope_add(deep, op_start(loop, &a));
    vow_scope_add(right, op_start(loop, &b));
    vow_scope_cancel(outer);
    EQ_TRACE(seen, "b-stopped a-stopped");
    vow_scope *late = vow_scope_new_in(outer, VOW_FAIL_FAST);
    CHECK(vow_scope_is_over(late));
    vow_scope_add(late, op_start(loop, &c));
    EQ_TRACE(seen, "b-stopped a-stopped c-stopped");
    vow_promise *all = quiet(vow_scope_join(outer));
    vow_poll(loop);
    OUTCOME(all, "!ECANCELED");
    vow_scope_free(outer); /* those inside may go later */
    vow_scope_free(deep);
    vow_scope_free(left);
    vow_scope_free(right);
    vow_scope_free(late);
}

TEST(an_error_of_a_scope_inside_reaches_the_outer_one_when_nobody_was_told)
{
    vow_scope *outer = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope *told = vow_scope_new_in(outer, VOW_FAIL_FAST);
    vow_scope *untold = vow_scope_new_in(outer, VOW_FAIL_FAST);
    vow_scope_add(told, failure(loop, EIO));
    vow_scope_add(untold, failure(loop, EPIPE));
    vow_poll(loop);
    OUTCOME(vow_scope_join(told), "!EIO");
    vow_scope_free(told);
    OUTCOME(vow_scope_join(outer), "none");
    vow_scope_free(untold);
    OUTCOME(vow_scope_join(outer), "!EPIPE");
    vow_scope_free(outer);
}

static void free_when_told(UNUSED const vow_error *e, UNUSED const char *made, UNUSED bool late,
                           void *data)
{
    vow_scope **scope = data, *outer = *scope;
    *scope = NULL;
    vow_scope_free(outer);
}

TEST(a_scope_may_be_freed_by_who_is_told_of_an_error_of_one_inside_it)
{
    vow_resolver *r;
    vow_scope *outer = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope *inner = vow_scope_new_in(outer, VOW_FAIL_FAST);
    vow_scope_add(inner, failure(loop, EIO));
    vow_poll(loop);
    vow_scope_add(outer, vow_promise_new(loop, &r));
    vow_resolver_drop(r); /* an error to which none can be added */
    vow_poll(loop);
    vow_on_unhandled(loop, free_when_told, &outer);
    vow_scope_free(inner);
    CHECK(outer == NULL);
    EXPECT_UNHANDLED(2); /* and that of the outer one, when that went */
}

TEST(children_that_fail_with_the_same_error_tell_of_it_once)
{
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_promise *failed = failure(loop, EIO);
    vow_scope_add(scope, vow_ref(failed));
    vow_scope_add(scope, vow_ref(failed));
    vow_poll(loop);
    OUTCOME(vow_scope_join(scope), "!EIO");
    vow_scope_add(scope, failed);
    vow_poll(loop);
    vow_scope_free(scope); /* nothing is left to be reported */
}

TEST(an_error_that_no_join_has_told_is_reported_when_the_scope_goes)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    EXPECT_UNHANDLED(1);
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_add(scope, failure(loop, EIO));
    vow_poll(loop);
    EQ_TRACE(seen, "");
    vow_scope_free(scope);
    EQ_TRACE(seen, "unhandled-EIO");
}

/* scenario 111 */
TEST(freeing_a_scope_cancels_its_children_and_returns_at_once)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_add(scope, vow_attach(op_start_slow(loop, &a), &a, op_destroy));
    vow_promise *held = op_start(loop, &b);
    vow_scope_add(scope, vow_ref(held)); /* others may hold it: it is cancelled all the same */
    vow_promise *all = quiet(vow_scope_join(scope));
    vow_scope_free(scope);
    EQ_TRACE(seen, "a-stopped b-stopped");
    vow_poll(loop);
    OUTCOME(all, "!ECANCELED");
    OUTCOME(held, "!ECANCELED");
    vow_clock_advance(loop, 10); /* the clean-up goes on without the scope */
    EQ_TRACE(seen, "a-stopped b-stopped a-clean a-cleaned ~a");
}

TEST(a_child_that_is_cancelled_on_its_own_is_no_error)
{
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_promise *held = pending(loop), *other = pending(loop);
    vow_scope_add(scope, vow_ref(held));
    vow_scope_add(scope, vow_ref(other));
    vow_cancel(held);
    vow_poll(loop);
    EQ_UINT(vow_scope_running(scope), 1);
    CHECK(!vow_scope_is_over(scope));
    vow_unref(held);
    vow_unref(other); /* the scope keeps it */
    EQ_UINT(vow_scope_running(scope), 1);
    vow_scope_free(scope);
    vow_poll(loop);
}

static vow_value add_a_delay(vow_value v, void *scope)
{
    (void)v;
    vow_scope_add(scope, vow_delay(vow_current(), 5));
    return vow_none();
}

TEST(a_join_that_was_told_leaves_alone_what_is_added_before_its_turn)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_promise *child = op_start(loop, &a);
    vow_scope_add(scope, vow_ref(child));
    vow_promise *next = vow_then(child, add_a_delay, scope);
    vow_promise *all = vow_scope_join(scope);
    op_resolve(&a, vow_none());
    vow_drain(loop, SIZE_MAX);
    OUTCOME(all, "none");
    CHECK(!vow_scope_is_over(scope));
    EQ_UINT(vow_scope_running(scope), 1);
    vow_unref(next);
    vow_scope_free(scope);
}

TEST(cancelling_the_join_cancels_the_scope_and_waits_for_it)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_add(scope, op_start_slow(loop, &a));
    vow_promise *limited = quiet(vow_timeout(vow_scope_join(scope), 5));
    vow_clock_advance(loop, 5);
    EQ_TRACE(seen, "a-stopped a-clean");
    IS(limited, "pending");
    vow_clock_advance(loop, 10);
    OUTCOME(limited, "!ETIMEDOUT");
    EQ_TRACE(seen, "a-stopped a-clean a-cleaned");
    vow_scope_free(scope);
}

TEST(dropping_the_join_leaves_the_scope_alone)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_add(scope, op_start(loop, &a));
    vow_unref(vow_scope_join(scope));
    EQ_TRACE(seen, "");
    CHECK(!vow_scope_is_over(scope));
    vow_scope_free(scope);
    vow_poll(loop);
}

TEST(a_shielded_child_outlives_its_scope)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_promise *inside = vow_handle(op_start(loop, &a), op_done, &a);
    vow_scope_add(scope, vow_shield(inside));
    vow_promise *all = quiet(vow_scope_join(scope));
    vow_scope_cancel(scope);
    vow_poll(loop);
    OUTCOME(all, "!ECANCELED");
    vow_scope_free(scope);
    op_resolve(&a, vow_none());
    vow_poll(loop);
    EQ_TRACE(seen, "a");
}

TEST(closing_the_loop_ends_a_scope)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_add(scope, op_start(loop, &a));
    vow_promise *all = quiet(vow_scope_join(scope));
    vow_loop_close(loop);
    EQ_TRACE(seen, "a-stopped");
    OUTCOME(all, "!ECLOSED");
    CHECK(vow_scope_new(loop, VOW_FAIL_FAST) == NULL);
    CHECK(vow_scope_is_over(scope));
    OUTCOME(vow_scope_join(scope), "!ECLOSED");
    vow_scope_free(scope);
}

TEST_PANICS(a_promise_of_another_loop_is_misuse, "another loop")
{
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_add(scope, pending(vow_loop_new()));
}
