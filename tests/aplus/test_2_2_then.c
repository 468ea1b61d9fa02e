/* SPDX-License-Identifier: MIT
 *
 * Promises/A+ 2.2: then. What JavaScript throws, vow returns as an error value.
 */
#include "core/common.h"

TEST(a2_2_1_1_a_fulfilled_handler_that_is_no_function_is_ignored)
{
    vow_promise *p = vow_then_catch(vow_resolved(loop, vow_v(5)), NULL, never_caught, NULL);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 5);
    vow_unref(p);
}

TEST(a2_2_1_2_a_rejected_handler_that_is_no_function_is_ignored)
{
    vow_promise *p = vow_then_catch(vow_rejected(loop, eio()), never_called, NULL, NULL);
    vow_mark_handled(p);
    drain(loop);
    EQ_INT(error_code(p), EIO);
    vow_unref(p);
}

TEST(a2_2_2_1_the_fulfilled_handler_gets_the_value_as_its_argument)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_promise *p = vow_then(vow_resolved(loop, vow_v(7)), note_value, &a);
    drain(loop);
    EQ_TRACE(seen, "a=7");
    vow_unref(p);
}

TEST(a2_2_2_2_the_fulfilled_handler_does_not_run_before_the_promise_is_fulfilled)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_resolver *r;
    vow_promise *p = vow_then(vow_promise_new(loop, &r), note_value, &a);
    drain(loop);
    EQ_TRACE(seen, "");
    vow_resolve(r, vow_v(1));
    drain(loop);
    EQ_TRACE(seen, "a=1");
    vow_unref(p);
}

TEST(a2_2_2_3_the_fulfilled_handler_runs_only_once)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_promise *source = vow_resolved(loop, vow_v(1));
    vow_promise *p = vow_then(vow_ref(source), note_value, &a);
    drain(loop);
    vow_promise *q = vow_then(source, same, NULL);
    drain(loop);
    EQ_TRACE(seen, "a=1");
    vow_unref(p);
    vow_unref(q);
}

TEST(a2_2_3_1_the_rejected_handler_gets_the_reason_as_its_argument)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_promise *p = vow_catch(vow_rejected(loop, eio()), note_recover, &a);
    drain(loop);
    EQ_TRACE(seen, "a!EIO");
    vow_unref(p);
}

TEST(a2_2_3_2_the_rejected_handler_does_not_run_before_the_promise_is_rejected)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_resolver *r;
    vow_promise *p = vow_catch(vow_promise_new(loop, &r), note_recover, &a);
    drain(loop);
    EQ_TRACE(seen, "");
    vow_reject(r, eio());
    drain(loop);
    EQ_TRACE(seen, "a!EIO");
    vow_unref(p);
}

TEST(a2_2_3_3_the_rejected_handler_runs_only_once)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_promise *source = vow_rejected(loop, eio());
    vow_promise *p = vow_catch(vow_ref(source), note_recover, &a);
    drain(loop);
    vow_promise *q = vow_catch(source, note_recover, &b);
    drain(loop);
    EQ_TRACE(seen, "a!EIO b!EIO");
    vow_unref(p);
    vow_unref(q);
}

/* scenario 17 */
TEST(a2_2_4_handlers_run_only_after_the_caller_returned)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_resolver *r;
    vow_promise *p = vow_then(vow_promise_new(loop, &r), note_value, &a);
    vow_resolve(r, vow_v(1));
    trace_add(&seen, "resolved");
    vow_promise *q = vow_then(vow_resolved(loop, vow_v(2)), note_value, &b);
    trace_add(&seen, "registered");
    drain(loop);
    EQ_TRACE(seen, "resolved registered a=1 b=2");
    vow_unref(p);
    vow_unref(q);
}

struct nested {
    struct trace *seen;
    vow_loop *loop;
    vow_promise *inner;
};

static vow_value register_inside(UNUSED vow_value v, void *data)
{
    struct nested *nested = data;
    static struct note inner;
    inner = (struct note){nested->seen, "inner"};
    nested->inner = vow_then(vow_resolved(nested->loop, vow_v(2)), note_value, &inner);
    trace_add(nested->seen, "outer");
    return vow_none();
}

TEST(a2_2_4_a_handler_does_not_run_under_the_handler_that_registered_it)
{
    struct trace seen = {""};
    struct nested nested = {&seen, loop, NULL};
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), register_inside, &nested);
    drain(loop);
    EQ_TRACE(seen, "outer inner=2");
    vow_unref(p);
    vow_unref(nested.inner);
}

static vow_value resolve_inside(UNUSED vow_value v, void *data)
{
    vow_resolve(*(vow_resolver **)data, vow_v(3));
    return vow_none();
}

TEST(a2_2_4_a_promise_settled_inside_a_handler_runs_its_handlers_after_that)
{
    struct trace seen = {""};
    struct note other = {&seen, "other"}, mine = {&seen, "mine"};
    vow_resolver *r;
    vow_promise *p = vow_then(vow_promise_new(loop, &r), note_value, &other);
    vow_promise *q = vow_then(vow_resolved(loop, vow_v(1)), resolve_inside, &r);
    q = vow_then(q, note_value, &mine);
    drain(loop);
    EQ_TRACE(seen, "other=3 mine=none");
    vow_unref(p);
    vow_unref(q);
}

/* C has no `this`: a handler gets the data it was registered with and nothing else. */
TEST(a2_2_5_handlers_are_called_as_plain_functions_with_their_data)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_promise *p = vow_then(vow_resolved(loop, vow_v(1)), note_value, &a);
    p = vow_then(p, note_value, &b);
    drain(loop);
    EQ_TRACE(seen, "a=1 b=1");
    vow_unref(p);
}

/* scenario 34 */
TEST(a2_2_6_1_fulfilled_handlers_run_in_the_order_of_their_registration)
{
    struct trace seen = {""};
    struct note notes[] = {{&seen, "a"}, {&seen, "b"}, {&seen, "c"}};
    vow_resolver *r;
    vow_promise *source = vow_promise_new(loop, &r), *p[3];
    for (int i = 0; i < 3; i++)
        p[i] = vow_then(vow_ref(source), note_value, &notes[i]);
    vow_resolve(r, vow_v(1));
    drain(loop);
    EQ_TRACE(seen, "a=1 b=1 c=1");
    for (int i = 0; i < 3; i++)
        vow_unref(p[i]);
    vow_unref(source);
}

TEST(a2_2_6_1_a_failing_handler_does_not_keep_the_others_from_running)
{
    struct trace seen = {""};
    struct note b = {&seen, "b"};
    vow_resolver *r;
    vow_promise *source = vow_promise_new(loop, &r);
    vow_promise *p = vow_then(vow_ref(source), fail_eproto, NULL);
    vow_promise *q = vow_then(source, note_value, &b);
    vow_mark_handled(p);
    vow_resolve(r, vow_v(1));
    drain(loop);
    EQ_TRACE(seen, "b=1");
    EQ_INT(error_code(p), EPROTO);
    vow_unref(p);
    vow_unref(q);
}

TEST(a2_2_6_2_rejected_handlers_run_in_the_order_of_their_registration)
{
    struct trace seen = {""};
    struct note notes[] = {{&seen, "a"}, {&seen, "b"}, {&seen, "c"}};
    vow_resolver *r;
    vow_promise *source = vow_promise_new(loop, &r), *p[3];
    for (int i = 0; i < 3; i++)
        p[i] = vow_catch(vow_ref(source), note_recover, &notes[i]);
    vow_reject(r, eio());
    drain(loop);
    EQ_TRACE(seen, "a!EIO b!EIO c!EIO");
    for (int i = 0; i < 3; i++)
        vow_unref(p[i]);
    vow_unref(source);
}

TEST(a2_2_7_then_gives_a_promise_of_its_own)
{
    vow_promise *p = vow_resolved(loop, vow_v(1));
    vow_promise *q = vow_then(vow_ref(p), add_one, NULL);
    CHECK(p != q);
    EQ_INT(vow_state(q), VOW_PENDING);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 1);
    vow_unref(p);
    vow_unref(q);
}

/* scenario 18 */
TEST(a2_2_7_1_what_a_handler_returns_resolves_the_promise_of_then)
{
    vow_promise *p = vow_then(vow_resolved(loop, vow_v(1)), add_one, NULL);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 2);
    vow_unref(p);
}

static vow_value recover_with_nine(UNUSED const vow_error *e, UNUSED void *data)
{
    return vow_int(9);
}

/* scenario 22 */
TEST(a2_2_7_1_what_a_rejected_handler_returns_fulfils_the_promise_of_catch)
{
    vow_promise *p = vow_catch(vow_rejected(loop, eio()), recover_with_nine, NULL);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 9);
    vow_unref(p);
}

TEST(a2_2_7_2_an_error_that_a_fulfilled_handler_returns_rejects)
{
    vow_promise *p = vow_then(vow_resolved(loop, vow_v(1)), fail_eproto, NULL);
    vow_mark_handled(p);
    drain(loop);
    EQ_INT(error_code(p), EPROTO);
    vow_unref(p);
}

static vow_value replace(UNUSED const vow_error *e, UNUSED void *data)
{
    return vow_fail(EPROTO, "replaced");
}

/* scenario 23 */
TEST(a2_2_7_2_an_error_that_a_rejected_handler_returns_rejects)
{
    vow_promise *p = vow_catch(vow_rejected(loop, eio()), replace, NULL);
    vow_mark_handled(p);
    drain(loop);
    EQ_TEXT(vow_error_message(vow_error_of(p)), "replaced");
    vow_unref(p);
}

TEST(a2_2_7_3_without_a_fulfilled_handler_the_value_passes)
{
    int destroyed = 0;
    vow_promise *p = vow_catch(vow_resolved(loop, counted(&destroyed)), never_caught, NULL);
    drain(loop);
    EQ_PTR(vow_unbox(vow_peek(p)), &destroyed);
    vow_unref(p);
    EQ_INT(destroyed, 1);
}

/* scenario 21 */
TEST(a2_2_7_4_without_a_rejected_handler_the_reason_passes)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_promise *p = vow_rejected(loop, eio());
    p = vow_then(p, never_called, NULL);
    p = vow_then(p, never_called, NULL);
    p = vow_catch(p, note_recover, &a);
    drain(loop);
    EQ_TRACE(seen, "a!EIO");
    vow_unref(p);
}
