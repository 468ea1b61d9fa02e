/* SPDX-License-Identifier: MIT
 *
 * The end of a loop: what is pending is rejected, what is held stays valid, nothing crashes.
 */
#include "core/common.h"
#include "vow/flow.h"
#include "vow/inspect.h"
#include "vow/resolver.h"

TEST_PLAIN(closing_rejects_what_is_pending_and_runs_the_handlers_that_see_it)
{
    struct trace seen = {""};
    struct note c = {&seen, "catch"}, f = {&seen, "finally"};
    struct op op = {0};
    loop = vow_loop_new();
    vow_promise *p = vow_catch(op_start(loop, &op), note_error, &c);
    p = vow_finally(p, note_finally, &f);
    EQ_UINT(vow_loop_close(loop), 1);
    EQ_TRACE(seen, "catch!ECLOSED finally");
    EQ_INT(op.stops, 1);
    EQ_INT(op.destroys, 1);
    CHECK(vow_loop_is_closed(loop));
    vow_unref(p);
    vow_loop_free(loop);
}

TEST_PLAIN(what_a_closing_loop_rejects_is_not_reported_not_even_with_context)
{
    struct trace seen = {""};
    struct op ops[2] = {{0}};
    loop = vow_loop_new();
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = op_start(loop, &ops[0]);
    vow_promise *q = vow_context(op_start(loop, &ops[1]), "connect %s", "somewhere");
    vow_loop_close(loop);
    EQ_INT(error_code(q), VOW_ECLOSED);
    vow_unref(p);
    vow_unref(q);
    EQ_TRACE(seen, "");
    vow_loop_free(loop);
}

TEST_PLAIN(close_returns_how_many_handles_the_program_still_holds)
{
    vow_resolver *r;
    loop = vow_loop_new();
    vow_promise *p = vow_promise_new(loop, &r), *again = vow_ref(p);
    vow_promise *q = vow_resolved(loop, vow_v(1));
    EQ_UINT(vow_loop_close(loop), 3);
    EQ_UINT(vow_loop_close(loop), 3);
    vow_unref(again);
    vow_unref(q);
    EQ_UINT(vow_loop_close(loop), 1);
    vow_unref(p);
    vow_resolver_drop(r);
    EQ_UINT(vow_loop_close(loop), 0);
    vow_loop_free(loop);
}

TEST_PLAIN(on_a_closed_loop_operations_settle_nothing_and_never_crash)
{
    vow_resolver *r, *fresh;
    int destroyed = 0;
    loop = vow_loop_new();
    vow_promise *p = vow_promise_new(loop, &r);
    vow_loop_close(loop);
    EQ_INT(error_code(p), VOW_ECLOSED);
    vow_resolve(r, counted(&destroyed));
    EQ_INT(destroyed, 1);
    vow_cancel(p);
    vow_mark_handled(p);
    p = vow_then_with(p, never_called, &destroyed, count_destroy);
    EQ_INT(destroyed, 2);
    EQ_INT(error_code(p), VOW_ECLOSED);
    vow_promise *q = vow_promise_new(loop, &fresh);
    EQ_INT(error_code(q), VOW_ECLOSED);
    CHECK(!vow_is_wanted(fresh));
    vow_resolve(fresh, vow_v(1));
    EQ_INT(vow_run(loop, q, NULL), VOW_ECLOSED);
    EQ_INT(vow_run_all(loop), VOW_ECLOSED);
    EQ_UINT(vow_drain(loop, SIZE_MAX), 0);
    vow_unref(p);
    vow_loop_free(loop);
}

TEST_PLAIN(every_builder_refuses_on_a_closed_loop)
{
    int destroyed = 0;
    loop = vow_loop_new();
    vow_promise *held = vow_resolved(loop, vow_v(1)), *p = vow_resolved(loop, vow_v(2));
    vow_loop_close(loop);
    p = vow_attach(p, &destroyed, count_destroy);
    EQ_INT(destroyed, 1);
    p = vow_attach(p, &destroyed, count_destroy);
    EQ_INT(destroyed, 2);
    p = vow_shield(vow_context(p, "context"));
    EQ_INT(error_code(p), VOW_ECLOSED);
    vow_detach(p, note_detached, &destroyed, count_destroy);
    EQ_INT(destroyed, 3);
    p = vow_resolved(loop, counted(&destroyed));
    EQ_INT(destroyed, 4);
    EQ_INT(error_code(p), VOW_ECLOSED);
    vow_unref(p);
    vow_unref(held);
    vow_loop_free(loop);
}

TEST_PLAIN(handles_stay_valid_after_the_loop_is_freed)
{
    int destroyed = 0;
    vow_resolver *r;
    loop = vow_loop_new();
    vow_promise *p = vow_promise_new(loop, &r), *q = vow_resolved(loop, counted(&destroyed));
    vow_loop_free(loop);
    EQ_INT(vow_state(p), VOW_REJECTED);
    EQ_INT(error_code(p), VOW_ECLOSED);
    EQ_PTR(vow_unbox(vow_peek(q)), &destroyed);
    vow_resolve(r, vow_v(1));
    vow_unref(p);
    vow_unref(q);
    EQ_INT(destroyed, 1);
}

TEST_PLAIN(a_refused_promise_outlives_the_loop_that_refused_it)
{
    vow_resolver *r;
    loop = vow_loop_new();
    vow_loop_close(loop);
    vow_promise *p = vow_promise_new(loop, &r), *q = vow_ref(p);
    vow_loop_free(loop);
    EQ_INT(error_code(p), VOW_ECLOSED);
    q = vow_then(q, never_called, NULL);
    EQ_INT(error_code(q), VOW_ECLOSED);
    vow_unref(p);
    vow_unref(q);
}

TEST_PLAIN(what_is_settled_but_not_yet_served_is_served_while_closing)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    loop = vow_loop_new();
    vow_promise *p = vow_then(vow_resolved(loop, vow_v(1)), note_value, &a);
    EQ_UINT(vow_loop_close(loop), 1);
    EQ_TRACE(seen, "a=1");
    vow_unref(p);
    vow_loop_free(loop);
}

static vow_value start_another(UNUSED const vow_error *e, void *data)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(vow_current(), &r);
    *(int *)data = error_code(p);
    vow_resolver_drop(r);
    return vow_v(p);
}

TEST_PLAIN(starting_work_on_a_closing_loop_gives_a_rejected_promise)
{
    int code = 0;
    vow_resolver *r;
    loop = vow_loop_new();
    vow_promise *p = vow_catch(vow_promise_new(loop, &r), start_another, &code);
    vow_loop_close(loop);
    EQ_INT(code, VOW_ECLOSED);
    EQ_INT(error_code(p), VOW_ECLOSED);
    vow_unref(p);
    vow_resolver_drop(r);
    vow_loop_free(loop);
}

static vow_value close_inside(UNUSED vow_value v, void *data)
{
    vow_loop *loop = data;
    EQ_UINT(vow_loop_close(loop), 0);
    CHECK(!vow_loop_is_closed(loop));
    return vow_int(1);
}

TEST_PLAIN(closing_from_a_handler_takes_effect_when_it_returns)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_resolver *r;
    loop = vow_loop_new();
    vow_promise *pending = vow_handle(vow_promise_new(loop, &r), note_value, &b);
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), close_inside, loop);
    p = vow_then(p, note_value, &a);
    vow_run_all(loop);
    CHECK(vow_loop_is_closed(loop));
    EQ_TRACE(seen, "a=1 b!ECLOSED");
    vow_unref(p);
    vow_unref(pending);
    vow_resolver_drop(r);
    vow_loop_free(loop);
}

static vow_value free_inside(UNUSED vow_value v, void *data)
{
    vow_loop_free(data);
    return vow_int(1);
}

TEST_PLAIN(freeing_the_loop_from_a_handler_takes_effect_when_it_returns)
{
    loop = vow_loop_new();
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), free_inside, loop);
    p = vow_then(p, add_one, NULL);
    vow_run_all(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 2);
    vow_unref(p);
}

static void free_loop(void *data) { vow_loop_free(data); }

TEST_PLAIN(freeing_the_loop_from_a_destructor_takes_effect)
{
    vow_resolver *r;
    loop = vow_loop_new();
    vow_promise *p = vow_attach(vow_promise_new(loop, &r), loop, free_loop);
    vow_resolver_abandon(r);
    vow_unref(p);
}

TEST_PLAIN(freeing_the_loop_from_a_stop_hook_takes_effect)
{
    vow_resolver *r;
    loop = vow_loop_new();
    vow_promise *p = vow_promise_new(loop, &r);
    vow_on_stop(r, free_loop, loop, NULL);
    vow_cancel(p);
    vow_unref(p);
}

TEST_PLAIN(abandoned_and_detached_promises_end_with_their_loop)
{
    struct trace seen = {""};
    struct note end = {&seen, "end"}, a = {&seen, "a"};
    vow_resolver *r, *s;
    loop = vow_loop_new();
    vow_detach(vow_promise_new(loop, &r), note_detached, &end, note_destroy);
    vow_resolver_abandon(r);
    vow_promise *p = vow_catch(vow_promise_new(loop, &s), note_recover, &a);
    vow_resolver_abandon(s);
    EQ_UINT(vow_loop_close(loop), 1);
    EQ_TRACE(seen, "end!ECLOSED ~end a!ECLOSED");
    vow_unref(p);
    vow_loop_free(loop);
}

/* Foreign thenables that are still to be called, and one that keeps its resolver. */
static vow_resolver *kept;
static void *same_object(void *object) { return object; }
static void no_unref(UNUSED void *object) {}
static void keep_resolver(UNUSED void *object, vow_resolver *r) { kept = r; }
static const vow_type keeper_type = {.size = sizeof(vow_type),
                                     .name = "keeper",
                                     .ref = same_object,
                                     .unref = no_unref,
                                     .then = keep_resolver};

TEST_PLAIN(a_thenable_that_is_not_yet_called_does_not_keep_a_closed_loop_pending)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    loop = vow_loop_new();
    kept = NULL;
    vow_promise *p = vow_resolved(loop, vow_of(&keeper_type, &seen));
    p = vow_catch(p, note_recover, &a);
    EQ_UINT(vow_loop_close(loop), 1);
    EQ_TRACE(seen, "a!ECLOSED");
    vow_unref(p);
    if (kept)
        vow_resolver_drop(kept);
    vow_loop_free(loop);
}

static vow_value return_thenable(UNUSED const vow_error *e, void *data)
{
    return vow_of(&keeper_type, data);
}

TEST_PLAIN(a_thenable_returned_while_closing_does_not_keep_a_closed_loop_pending)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_resolver *r;
    loop = vow_loop_new();
    kept = NULL;
    vow_promise *p = vow_catch(vow_promise_new(loop, &r), return_thenable, &seen);
    p = vow_catch(p, note_recover, &a);
    vow_resolver_abandon(r);
    EQ_UINT(vow_loop_close(loop), 1);
    EQ_TRACE(seen, "a!ECLOSED");
    vow_unref(p);
    if (kept)
        vow_resolver_drop(kept);
    vow_loop_free(loop);
}

TEST_PLAIN(a_stop_hook_may_settle_its_promise_while_the_loop_closes)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    loop = vow_loop_new();
    struct op op = {0};
    vow_promise *p = vow_handle(op_start(loop, &op), note_value, &a);
    vow_loop_close(loop);
    EQ_TRACE(seen, "a!ECLOSED");
    EQ_INT(op.destroys, 1);
    vow_unref(p);
    vow_loop_free(loop);
}

struct draining_op {
    vow_resolver *r;
    vow_loop *loop;
    size_t served;
};
static void settle_and_drain(void *data)
{
    struct draining_op *op = data;
    vow_resolve(op->r, vow_v(5));
    op->served = vow_drain(op->loop, 10);
}

TEST_PLAIN(a_stop_hook_has_no_handlers_run_while_the_loop_closes)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    loop = vow_loop_new();
    struct draining_op op = {NULL, loop, 99};
    vow_promise *p = vow_promise_new(loop, &op.r);
    vow_on_stop(op.r, settle_and_drain, &op, NULL);
    vow_detach(vow_then(p, note_value, &a), NULL, NULL, NULL);
    EQ_UINT(vow_loop_close(loop), 0);
    EQ_UINT(op.served, 0);
    EQ_TRACE(seen, "a=5");
    vow_loop_free(loop);
}

TEST_PLAIN(freeing_NULL_is_allowed_and_gives_NULL) { CHECK(vow_loop_free(NULL) == NULL); }

static void keep_lines(const char *line, void *data) { trace_add(data, "[%s]", line); }

TEST_PLAIN(closing_can_name_the_handles_that_are_still_out)
{
    struct trace seen = {""};
    vow_resolver *r;
    vow_places(true);
    loop = vow_loop_new();
    vow_promise *p = vow_promise_new(loop, &r), *q = vow_resolved(loop, vow_v(1));
    EQ_UINT(vow_loop_close(loop), 2);
    vow_counts counts = vow_stats(loop);
    EQ_UINT(counts.handles, 2);
    EQ_UINT(counts.pending, 0);
    vow_dump(loop, keep_lines, &seen);
    HAS_TEXT(seen.text, "[rejected made at tests/core/test_close.c:");
    HAS_TEXT(seen.text, "[fulfilled made at tests/core/test_close.c:");
    vow_unref(p);
    vow_unref(q);
    vow_resolver_drop(r);
    EQ_UINT(vow_stats(loop).handles, 0);
    EQ_UINT(vow_stats(loop).live, 0);
    vow_loop_free(loop);
}
