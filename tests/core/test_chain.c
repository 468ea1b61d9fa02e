/* SPDX-License-Identifier: MIT
 *
 * Handlers: handle, then, catch and the two-function form; what they may return; the
 * forms that take a destroy function.
 */
#include "core/common.h"

TEST(handle_sees_the_value_or_the_error)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_promise *p = vow_handle(vow_resolved(loop, vow_v(1)), note_value, &a);
    vow_promise *q = vow_handle(vow_rejected(loop, eio()), note_value, &b);
    vow_mark_handled(q);
    drain(loop);
    EQ_TRACE(seen, "a=1 b!EIO");
    EQ_INT(vow_as_int(vow_peek(p)), 1);
    EQ_INT(error_code(q), EIO);
    vow_unref(p);
    vow_unref(q);
}

static vow_value give_two(UNUSED vow_value v, UNUSED void *data) { return vow_int(2); }
static vow_value give_three(UNUSED const vow_error *e, UNUSED void *data) { return vow_int(3); }

TEST(the_two_function_form_calls_one_of_them)
{
    vow_promise *p = vow_then_catch(vow_resolved(loop, vow_none()), give_two, give_three, NULL);
    vow_promise *q = vow_then_catch(vow_rejected(loop, eio()), give_two, give_three, NULL);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 2);
    EQ_INT(vow_as_int(vow_peek(q)), 3);
    vow_unref(p);
    vow_unref(q);
}

TEST(the_two_function_form_does_not_catch_the_error_of_its_own_first_function)
{
    vow_promise *p = vow_then_catch(vow_resolved(loop, vow_none()), fail_eproto, give_three, NULL);
    vow_mark_handled(p);
    drain(loop);
    EQ_INT(error_code(p), EPROTO);
    vow_unref(p);
}

static vow_value give_nothing(UNUSED vow_value v, UNUSED void *data) { return vow_none(); }

/* scenario 20 */
TEST(a_handler_that_returns_nothing_fulfils_with_nothing)
{
    vow_promise *p = vow_then(vow_resolved(loop, vow_v(1)), give_nothing, NULL);
    drain(loop);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    CHECK(vow_is_none(vow_peek(p)));
    vow_unref(p);
}

static vow_value give_text(vow_value v, UNUSED void *data)
{
    return vow_textf("%d", (int)vow_as_int(v));
}

/* scenario 24 */
TEST(an_error_crosses_a_change_of_the_type_of_value)
{
    vow_promise *p = vow_then(vow_rejected(loop, eio()), give_text, NULL);
    p = vow_catch(p, give_three, NULL);
    p = vow_then(p, give_text, NULL);
    drain(loop);
    EQ_TEXT(vow_as_text(vow_peek(p)), "3");
    vow_unref(p);
}

/* scenario 25 */
TEST(discarding_the_result_keeps_the_error)
{
    vow_promise *p = vow_then(vow_rejected(loop, eio()), give_nothing, NULL);
    vow_mark_handled(p);
    drain(loop);
    EQ_INT(error_code(p), EIO);
    vow_unref(p);
}

static vow_value keep(vow_value v, UNUSED void *data) { return vow_keep(v); }
static vow_value rethrow(const vow_error *e, UNUSED void *data) { return vow_rethrow(e); }
static vow_value wrap(const vow_error *e, UNUSED void *data)
{
    return vow_wrap(e, EPROTO, "load %s", "x");
}

TEST(a_handler_that_returns_its_own_argument_says_VOW_SAME_or_keeps_it)
{
    int destroyed = 0;
    vow_promise *p = vow_then(vow_resolved(loop, counted(&destroyed)), same, NULL);
    p = vow_then(p, keep, NULL);
    drain(loop);
    EQ_PTR(vow_unbox(vow_peek(p)), &destroyed);
    EQ_INT(destroyed, 0);
    vow_unref(p);
    EQ_INT(destroyed, 1);
}

TEST(rethrow_passes_the_same_error_on)
{
    vow_error *e = eio();
    vow_promise *p = vow_catch(vow_rejected(loop, e), rethrow, NULL);
    vow_mark_handled(p);
    drain(loop);
    EQ_PTR(vow_error_of(p), e);
    vow_unref(p);
}

TEST(rethrow_passes_a_cancellation_on)
{
    vow_resolver *r;
    vow_promise *p = vow_catch(vow_promise_new(loop, &r), rethrow, NULL);
    vow_cancel(p);
    drain(loop);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
    vow_resolver_drop(r);
}

TEST(wrap_adds_a_cause)
{
    vow_promise *p = vow_catch(vow_rejected(loop, eio()), wrap, NULL);
    vow_mark_handled(p);
    drain(loop);
    EQ_INT(error_code(p), EPROTO);
    EQ_INT(vow_error_code(vow_error_cause(vow_error_of(p))), EIO);
    vow_unref(p);
}

static vow_value return_borrowed(vow_value v, UNUSED void *data) { return v; }

TEST_PANICS(returning_a_borrowed_argument_without_a_reference_names_the_handlers_place,
            "test_chain.c:")
{
    int destroyed = 0;
    vow_promise *p = vow_then(vow_resolved(loop, counted(&destroyed)), return_borrowed, NULL);
    drain(loop);
    vow_unref(p);
}

TEST(a_borrowed_number_may_be_returned_as_it_is)
{
    vow_promise *p = vow_then(vow_resolved(loop, vow_v(5)), return_borrowed, NULL);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 5);
    vow_unref(p);
}

TEST_PANICS(a_getter_of_the_wrong_type_names_both_types, "vow_as_int: wanted int, got text")
{
    vow_promise *p = vow_then(vow_resolved(loop, vow_text("x")), add_one, NULL);
    drain(loop);
    vow_unref(p);
}

static vow_value check_current(UNUSED vow_value v, void *data)
{
    EQ_PTR(vow_current(), *(vow_loop **)data);
    return vow_none();
}

TEST(vow_current_names_the_running_loop)
{
    CHECK(vow_current() == NULL);
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), check_current, &loop);
    drain(loop);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    CHECK(vow_current() == NULL);
    vow_unref(p);
}

struct finished {
    struct trace seen;
    struct note notes[8];
};

static struct finished *names(struct finished *f)
{
    static const char *const texts[] = {"ran", "skipped", "failed", "promise", "unrun"};
    for (size_t i = 0; i < 5; i++)
        f->notes[i] = (struct note){&f->seen, texts[i]};
    return f;
}

static vow_value give_pending(UNUSED vow_value v, void *data)
{
    vow_resolver *r;
    struct note *note = data;
    trace_add(note->seen, "%s", note->name);
    vow_promise *p = vow_promise_new(vow_current(), &r);
    vow_resolver_abandon(r);
    return vow_v(p);
}

/* scenario 30 */
TEST(data_is_destroyed_once_ran_skipped_failed_following_or_dropped_unrun)
{
    struct finished f = {{""}, {{0}}};
    struct note *n = names(&f)->notes;
    vow_promise *p[5];
    p[0] = vow_then_with(vow_resolved(loop, vow_v(1)), note_value, &n[0], note_destroy);
    p[1] = vow_catch_with(vow_resolved(loop, vow_v(1)), never_caught, &n[1], note_destroy);
    p[2] = vow_then_with(vow_resolved(loop, vow_v(1)), fail_eproto, &n[2], note_destroy);
    p[3] = vow_then_with(vow_resolved(loop, vow_v(1)), give_pending, &n[3], note_destroy);
    p[4] = vow_then_with(vow_resolved(loop, vow_v(1)), never_called, &n[4], note_destroy);
    vow_mark_handled(p[2]);
    vow_unref(p[4]);
    EQ_TRACE(f.seen, "~unrun");
    drain(loop);
    EQ_TRACE(f.seen, "~unrun ran=1 promise ~ran ~skipped ~failed");
    for (int i = 0; i < 4; i++)
        vow_unref(p[i]);
    EQ_TRACE(f.seen, "~unrun ran=1 promise ~ran ~skipped ~failed ~promise");
}

static vow_value do_nothing(UNUSED void *data) { return vow_none(); }

TEST(every_form_that_stores_data_has_one_that_destroys_it)
{
    int destroyed = 0;
    vow_promise *p = vow_resolved(loop, vow_v(1));
    p = vow_handle_with(p, same, &destroyed, count_destroy);
    p = vow_then_with(p, same, &destroyed, count_destroy);
    p = vow_catch_with(p, never_caught, &destroyed, count_destroy);
    p = vow_then_catch_with(p, same, NULL, &destroyed, count_destroy);
    p = vow_finally_with(p, do_nothing, &destroyed, count_destroy);
    drain(loop);
    EQ_INT(destroyed, 5);
    vow_unref(p);
}

/* scenario 33 */
TEST(catch_then_and_finally_on_a_cancelled_promise_run_once_each_in_order)
{
    struct trace seen = {""};
    struct note c = {&seen, "catch"}, t_ = {&seen, "then"}, f = {&seen, "finally"};
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_cancel(p);
    p = vow_catch(p, note_recover, &c);
    p = vow_then(p, note_value, &t_);
    p = vow_finally(p, note_finally, &f);
    drain(loop);
    EQ_TRACE(seen, "catch!ECANCELED then=none finally");
    vow_unref(p);
    vow_resolver_drop(r);
}
