/* SPDX-License-Identifier: MIT
 *
 * Following and collapsing: chains of followers stay short.
 */
#include "core/common.h"
#include "vow/inspect.h"

enum { LONG = 200000, THOUSAND = 1000 };

/* The most lines in use while the loop runs. */
struct steps {
    vow_loop *loop;
    int left;
    size_t most_live;
    vow_resolver *r; /* of the last step, for those who settle it later */
};
static void look(struct steps *s)
{
    size_t live = s->left % 1000 == 0 ? vow_stats(s->loop).live : 0;
    if (live > s->most_live)
        s->most_live = live;
}

static vow_value give_chain(UNUSED vow_value v, void *data)
{
    struct steps *s = data;
    look(s);
    if (s->left-- == 0)
        return vow_int(42);
    vow_promise *p = vow_then(vow_resolved(s->loop, vow_none()), same, NULL);
    return vow_v(vow_then(p, give_chain, s));
}

TEST(an_endless_loop_that_returns_a_chain_runs_in_constant_memory)
{
    struct steps s = {loop, LONG, 0, NULL};
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_chain, &s);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 42);
    CHECK(s.most_live <= 6);
    vow_unref(p);
}

/* Each step's promise is resolved with the next step's, which is pending and is settled
 * from outside. */
static vow_value give_source(UNUSED vow_value v, void *data)
{
    struct steps *s = data;
    look(s);
    if (s->left-- == 0)
        return vow_int(42);
    vow_resolver *r;
    vow_promise *next = vow_promise_new(s->loop, &r);
    next = vow_then(next, give_source, s);
    vow_resolve(r, vow_none());
    return vow_v(next);
}

TEST(an_endless_loop_that_returns_a_handler_on_a_source_runs_in_constant_memory)
{
    struct steps s = {loop, LONG, 0, NULL};
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_source, &s);
    p = vow_then(p, same, NULL);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 42);
    CHECK(s.most_live <= 6);
    vow_unref(p);
}

TEST(a_promise_resolved_again_and_again_with_the_next_runs_in_constant_memory)
{
    struct steps s = {loop, LONG, 0, NULL};
    vow_resolver *r, *next_r;
    vow_promise *p = vow_then(vow_promise_new(loop, &r), same, NULL);
    for (; s.left > 0; s.left--) {
        vow_resolve(r, vow_v(vow_promise_new(loop, &next_r)));
        r = next_r;
        look(&s);
    }
    CHECK(s.most_live <= 4);
    vow_resolve(r, vow_v(42));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 42);
    vow_unref(p);
}

TEST(a_held_promise_resolved_again_and_again_with_the_next_runs_in_constant_memory)
{
    struct steps s = {loop, LONG, 0, NULL};
    vow_resolver *r, *next_r;
    vow_promise *p = vow_promise_new(loop, &r);
    for (; s.left > 0; s.left--) {
        vow_resolve(r, vow_v(vow_promise_new(loop, &next_r)));
        r = next_r;
        look(&s);
    }
    CHECK(s.most_live <= 4);
    vow_resolve(r, vow_v(42));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 42);
    vow_unref(p);
}

/* A thousand pending promises, each resolved with its neighbour. */
struct row {
    vow_promise *p[THOUSAND];
    vow_resolver *r[THOUSAND];
};
static struct row *row_of(vow_loop *loop)
{
    struct row *row = malloc(sizeof *row);
    for (int i = 0; i < THOUSAND; i++)
        row->p[i] = vow_promise_new(loop, &row->r[i]);
    return row;
}
static void settle_last(struct row *row, vow_loop *loop)
{
    CHECK(vow_stats(loop).live <= 3);
    vow_resolve(row->r[THOUSAND - 1], vow_v(42));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(row->p[0])), 42);
    vow_unref(row->p[0]);
    free(row);
}

/* scenario 49 */
TEST(a_thousand_pending_promises_resolved_outside_in_collapse_to_a_few)
{
    struct row *row = row_of(loop);
    for (int i = 0; i + 1 < THOUSAND; i++)
        vow_resolve(row->r[i], vow_v(row->p[i + 1]));
    settle_last(row, loop);
}

/* scenario 50 */
TEST(a_thousand_pending_promises_resolved_inside_out_collapse_to_a_few)
{
    struct row *row = row_of(loop);
    for (int i = THOUSAND - 2; i >= 0; i--)
        vow_resolve(row->r[i], vow_v(row->p[i + 1]));
    settle_last(row, loop);
}

static vow_value recurse(UNUSED vow_value v, void *data)
{
    struct steps *s = data;
    if (s->left-- == 0)
        return vow_v(vow_promise_new(s->loop, &s->r));
    return vow_v(vow_then(vow_resolved(s->loop, vow_none()), recurse, s));
}

/* scenario 51 */
TEST(a_thousand_steps_grown_recursively_from_handlers_collapse_to_a_few)
{
    struct steps s = {loop, THOUSAND, 0, NULL};
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), recurse, &s);
    drain(loop);
    CHECK(vow_stats(loop).live <= 3);
    vow_resolve(s.r, vow_v(42));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 42);
    vow_unref(p);
}

/* scenario 52 */
TEST(a_promise_passed_from_hand_to_hand_a_thousand_times_settles_at_the_end)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    for (int i = 0; i < THOUSAND; i++) {
        vow_promise *next = vow_then(vow_resolved(loop, vow_none()), give_promise, &p);
        drain(loop);
        CHECK(p == NULL);
        p = next;
        CHECK(vow_stats(loop).live <= 3);
    }
    vow_resolve(r, vow_v(42));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 42);
    vow_unref(p);
}

TEST(a_follower_with_a_handle_goes_when_its_handle_goes)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_resolver *r, *inner_r;
    vow_promise *inner = vow_promise_new(loop, &inner_r);
    vow_promise *p = vow_promise_new(loop, &r), *consumer = vow_then(vow_ref(p), note_value, &a);
    vow_resolve(r, vow_v(inner));
    size_t with_handle = vow_stats(loop).live;
    vow_unref(p);
    EQ_UINT(vow_stats(loop).live, with_handle - 1);
    vow_resolve(inner_r, vow_v(1));
    drain(loop);
    EQ_TRACE(seen, "a=1");
    vow_unref(consumer);
}

TEST(a_follower_spliced_out_leaves_its_siblings_in_order)
{
    for (int gone = 0; gone < 3; gone++) {
        struct trace seen = {""};
        struct note notes[] = {{&seen, "a"}, {&seen, "b"}, {&seen, "c"}};
        vow_resolver *r[3], *inner_r;
        vow_promise *p[3], *q[3], *inner = vow_promise_new(loop, &inner_r);
        for (int i = 0; i < 3; i++) {
            p[i] = vow_promise_new(loop, &r[i]);
            q[i] = vow_then(vow_ref(p[i]), note_value, &notes[i]);
            vow_resolve(r[i], vow_v(vow_ref(inner)));
        }
        p[gone] = vow_unref(p[gone]);
        vow_resolve(inner_r, vow_v(1));
        drain(loop);
        CHECK(strlen(seen.text) == strlen("a=1 b=1 c=1 "));
        vow_unref(inner);
        for (int i = 0; i < 3; i++) {
            vow_unref(p[i]);
            vow_unref(q[i]);
        }
    }
}

TEST(a_shared_promise_may_be_followed_by_many)
{
    int destroyed = 0;
    vow_resolver *r;
    vow_promise *source = vow_promise_new(loop, &r), *p[3];
    for (int i = 0; i < 3; i++)
        p[i] = vow_resolved(loop, vow_v(vow_ref(source)));
    vow_unref(source);
    vow_resolve(r, counted(&destroyed));
    drain(loop);
    for (int i = 0; i < 3; i++) {
        EQ_PTR(vow_unbox(vow_peek(p[i])), &destroyed);
        vow_unref(p[i]);
    }
    EQ_INT(destroyed, 1);
}

static vow_value resolve_with_held(UNUSED vow_value v, void *data)
{
    struct {
        vow_promise *self;
        vow_resolver *r;
    } *in = data;
    vow_promise *self = in->self;
    in->self = NULL;
    vow_resolve(in->r, vow_v(self));
    return vow_int(5);
}

TEST(a_running_handlers_promise_may_be_followed)
{
    struct {
        vow_promise *self;
        vow_resolver *r;
    } in;
    vow_promise *p = vow_promise_new(loop, &in.r);
    in.self = vow_then(vow_resolved(loop, vow_none()), resolve_with_held, &in);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 5);
    vow_unref(p);
}

TEST(following_a_promise_with_attached_data_keeps_the_data_until_it_settles)
{
    int destroyed = 0;
    vow_resolver *r;
    vow_promise *inner = vow_attach(vow_promise_new(loop, &r), &destroyed, count_destroy);
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_promise, &inner);
    drain(loop);
    EQ_INT(destroyed, 0);
    vow_resolve(r, vow_none());
    drain(loop);
    EQ_INT(destroyed, 1);
    vow_unref(p);
}

TEST(following_a_reported_rejection_is_handling_it_late)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *failed = vow_rejected(loop, eio());
    drain(loop);
    vow_promise *p = vow_resolved(loop, vow_v(failed));
    vow_mark_handled(p);
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO late!EIO");
    EXPECT_UNHANDLED(1);
    vow_unref(p);
}

TEST(a_promise_of_another_loop_is_a_typed_error)
{
    vow_loop *other = vow_loop_new();
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_mark_handled(p);
    vow_resolve(r, vow_v(vow_resolved(other, vow_v(1))));
    EQ_INT(error_code(p), VOW_ELOOP);
    vow_unref(p);
    vow_loop_free(other);
}

static vow_value give_promise_for(UNUSED const vow_error *e, void *data)
{
    return give_promise(vow_none(), data);
}
/* The cancelled handler does not see the error; the promise that it returns still does. */
TEST(a_cancelled_handler_may_return_the_rejected_promise_that_it_was_set_on)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *failed = vow_rejected(loop, eio()), *held = vow_ref(failed);
    vow_promise *p = vow_catch(failed, give_promise_for, &held);
    vow_cancel(p);
    drain(loop);
    EQ_INT(error_code(p), EIO);
    EQ_TRACE(seen, "unhandled!EIO");
    EXPECT_UNHANDLED(1);
    vow_unref(p);
}

TEST(a_rejection_that_was_followed_is_not_reported_when_a_later_consumer_goes)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *failed = vow_rejected(loop, eio());
    vow_promise *p = vow_resolved(loop, vow_v(vow_ref(failed)));
    vow_mark_handled(p);
    vow_unref(vow_then(failed, add_one, NULL));
    drain(loop);
    EQ_TRACE(seen, "");
    vow_unref(p);
}

/* The promise that is moved into the follower's line stands behind another at its source. */
TEST(what_is_followed_may_be_the_second_at_its_source)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_resolver *source_r, *r;
    vow_promise *source = vow_promise_new(loop, &source_r), *p = vow_promise_new(loop, &r);
    vow_promise *first = vow_then(vow_ref(source), note_value, &a);
    vow_promise *second = vow_then(source, note_value, &b);
    vow_resolve(r, vow_v(second));
    vow_resolve(source_r, vow_v(1));
    drain(loop);
    EQ_TRACE(seen, "a=1 b=1");
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(first);
    vow_unref(p);
}
