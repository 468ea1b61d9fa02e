/* SPDX-License-Identifier: MIT
 *
 * Attached data: destroyed once, with the promise, before its handlers.
 */
#include "core/common.h"

/* scenario 16 */
TEST(a_16_byte_aligned_context_keeps_its_alignment_to_the_destructor)
{
    struct aligned {
        _Alignas(16) char bytes[16];
        int destroyed;
    } context = {.destroyed = 0};
    vow_promise *p = vow_attach(vow_resolved(loop, vow_none()), &context.destroyed, count_destroy);
    p = vow_attach(p, &context.destroyed, count_destroy);
    drain(loop);
    EQ_INT(context.destroyed, 2);
    EQ_UINT((uintptr_t)&context % 16, 0);
    vow_unref(p);
}

/* scenario 31 */
TEST(attached_data_is_destroyed_before_handlers_on_that_promise_run)
{
    struct trace seen = {""};
    struct note before = {&seen, "before"}, data = {&seen, "data"}, after = {&seen, "after"};
    vow_promise *p = vow_then(vow_resolved(loop, vow_v(1)), note_value, &before);
    p = vow_attach(p, &data, note_destroy);
    p = vow_then(p, note_value, &after);
    drain(loop);
    EQ_TRACE(seen, "before=1 ~data after=1");
    vow_unref(p);
}

TEST(attached_data_is_destroyed_when_the_promise_rejects)
{
    struct trace seen = {""};
    struct note data = {&seen, "data"}, after = {&seen, "after"};
    vow_promise *p = vow_attach(vow_rejected(loop, eio()), &data, note_destroy);
    p = vow_catch(p, note_recover, &after);
    drain(loop);
    EQ_TRACE(seen, "~data after!EIO");
    vow_unref(p);
}

TEST(attached_data_is_destroyed_at_once_when_the_promise_is_dropped)
{
    int destroyed = 0;
    struct op op = {0};
    vow_promise *p = vow_attach(op_start(loop, &op), &destroyed, count_destroy);
    EQ_INT(destroyed, 0);
    vow_unref(p);
    EQ_INT(destroyed, 1);
}

TEST(attached_data_is_destroyed_when_the_cancelled_promise_settles)
{
    int destroyed = 0;
    struct op op = {0};
    vow_promise *p = vow_attach(op_start(loop, &op), &destroyed, count_destroy);
    vow_cancel(p);
    EQ_INT(destroyed, 0);
    drain(loop);
    EQ_INT(destroyed, 1);
    vow_unref(p);
}

/* scenario 86 */
TEST(a_dropped_chain_is_destroyed_source_first_and_attachments_from_source_to_tail)
{
    struct trace seen = {""};
    struct note source = {&seen, "source"}, a = {&seen, "a"}, b = {&seen, "b"}, c = {&seen, "c"};
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_on_stop(r, note_stop, &source, note_destroy);
    p = vow_attach(p, &a, note_destroy);
    p = vow_then_with(p, never_called, &b, note_destroy);
    p = vow_attach(p, &c, note_destroy);
    vow_unref(p);
    EQ_TRACE(seen, "source-stopped ~source ~a ~b ~c");
}

/* scenario 86 */
TEST(a_cancelled_chain_is_destroyed_stage_by_stage_as_the_rejection_passes)
{
    struct trace seen = {""};
    struct note source = {&seen, "source"}, a = {&seen, "a"}, b = {&seen, "b"};
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_on_stop(r, note_stop, &source, note_destroy);
    p = vow_catch_with(p, note_error, &a, note_destroy);
    p = vow_finally_with(p, note_finally, &b, note_destroy);
    vow_cancel(p);
    EQ_TRACE(seen, "source-stopped ~source");
    drain(loop);
    EQ_TRACE(seen, "source-stopped ~source a!ECANCELED ~a b ~b");
    vow_unref(p);
}

/* The data of a running handler stays until it returns. */
TEST(data_of_a_handler_that_drops_its_chain_is_destroyed_when_it_returns)
{
    struct {
        vow_promise *tail;
        int destroyed;
    } self = {NULL, 0};
    vow_promise *p = vow_resolved(loop, vow_v(1));
    p = vow_then(p, drop_promise, &self.tail);
    p = vow_attach(p, &self.destroyed, count_destroy);
    self.tail = vow_then(p, never_called, NULL);
    drain(loop);
    CHECK(self.tail == NULL);
    EQ_INT(self.destroyed, 1);
}

struct dropper {
    vow_promise *tail;
    int destroyed, destroyed_inside;
};
static vow_value drop_and_look(UNUSED vow_value v, void *data)
{
    struct dropper *self = data;
    self->tail = vow_unref(self->tail);
    self->destroyed_inside = self->destroyed;
    return vow_none();
}

TEST(data_of_a_running_handler_is_not_destroyed_under_it)
{
    struct dropper self = {0};
    vow_promise *p = vow_then(vow_resolved(loop, vow_v(1)), drop_and_look, &self);
    self.tail = vow_attach(p, &self.destroyed, count_destroy);
    drain(loop);
    EQ_INT(self.destroyed_inside, 0);
    EQ_INT(self.destroyed, 1);
}

TEST_PANICS(attaching_to_a_promise_with_another_handle_is_misuse, "has other holders")
{
    int destroyed = 0;
    vow_promise *p = vow_resolved(loop, vow_v(1)), *other = vow_ref(p);
    p = vow_attach(p, &destroyed, count_destroy);
    vow_unref(p);
    vow_unref(other);
}

TEST_PANICS(attaching_to_a_promise_with_another_consumer_is_misuse, "has other holders")
{
    int destroyed = 0;
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r), *other = vow_then(vow_ref(p), same, NULL);
    p = vow_attach(p, &destroyed, count_destroy);
    vow_unref(p);
    vow_unref(other);
}

TEST_PANICS(attaching_to_a_settled_promise_with_another_consumer_is_misuse, "has other holders")
{
    int destroyed = 0;
    vow_promise *p = vow_resolved(loop, vow_v(1)), *other = vow_then(vow_ref(p), same, NULL);
    p = vow_attach(p, &destroyed, count_destroy);
    vow_unref(p);
    vow_unref(other);
}

TEST_PANICS(attach_without_a_destroy_function_is_misuse, "destroy is NULL")
{
    vow_unref(vow_attach(vow_resolved(loop, vow_none()), &loop, NULL));
}

/* The handle that the destructor gives back is the last, and one consumer waits. */
TEST(a_destructor_may_give_back_the_handle_of_its_own_promise)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_promise *held = NULL;
    vow_promise *p = vow_attach(vow_resolved(loop, vow_v(1)), &held, drop_held);
    held = vow_ref(p);
    p = vow_then(p, note_value, &a);
    drain(loop);
    CHECK(held == NULL);
    EQ_TRACE(seen, "a=1");
    vow_unref(p);
}

TEST(a_destructor_may_drop_its_own_promise)
{
    vow_promise *held = NULL;
    int destroyed = 0;
    held = vow_attach(vow_resolved(loop, counted(&destroyed)), &held, drop_held);
    drain(loop);
    CHECK(held == NULL);
    EQ_INT(destroyed, 1);
}

static void cancel_held(void *data) { vow_cancel(*(vow_promise **)data); }

TEST(a_destructor_may_cancel_its_own_promise_which_has_its_outcome_by_then)
{
    vow_promise *p = NULL;
    p = vow_attach(vow_resolved(loop, vow_v(1)), &p, cancel_held);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 1);
    vow_unref(p);
}

struct in_handler {
    vow_promise *self, *tail;
};
static vow_value drop_tail(UNUSED vow_value v, void *data)
{
    struct in_handler *in = data;
    in->tail = vow_unref(in->tail);
    return vow_int(5);
}
static void cancel_self(void *data)
{
    struct in_handler *in = data;
    vow_cancel(in->self);
}

/* The chain below the running handler waits until it has returned; its destructors run
 * before the handler's promise settles. */
TEST(a_destructor_of_a_chain_dropped_by_the_handler_may_cancel_the_handlers_promise)
{
    struct in_handler in = {0};
    in.self = vow_then(vow_resolved(loop, vow_none()), drop_tail, &in);
    in.tail = vow_then_with(vow_ref(in.self), never_called, &in, cancel_self);
    drain(loop);
    CHECK(in.tail == NULL);
    EQ_INT(vow_as_int(vow_peek(in.self)), 5);
    vow_unref(in.self);
}
