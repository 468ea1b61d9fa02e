/* SPDX-License-Identifier: MIT
 *
 * Dropping: giving the last handle back ends a chain at once.
 */
#include "core/common.h"
#include "vow/inspect.h"

TEST(unref_accepts_NULL_and_gives_NULL)
{
    CHECK(vow_unref(NULL) == NULL);
    CHECK(vow_ref(NULL) == NULL);
    CHECK(vow_unref(vow_resolved(loop, vow_v(1))) == NULL);
}

TEST(after_a_drop_returns_no_handler_of_that_chain_runs)
{
    vow_resolver *r;
    vow_promise *p = vow_then(vow_promise_new(loop, &r), never_called, NULL);
    p = vow_catch(p, never_caught, NULL);
    p = vow_handle(p, never_called, NULL);
    vow_unref(p);
    vow_resolve(r, vow_v(1));
    drain(loop);
}

static vow_value never_finally(UNUSED void *data) { FAIL("a finally ran that must not"); }

TEST(a_drop_runs_neither_then_nor_catch_nor_finally)
{
    struct op op = {0};
    vow_promise *p = vow_then(op_start(loop, &op), never_called, NULL);
    p = vow_finally(vow_catch(p, never_caught, NULL), never_finally, NULL);
    vow_unref(p);
    drain(loop);
    EQ_INT(op.stops, 1);
}

TEST(a_settled_chain_that_has_not_run_yet_never_runs_once_it_is_dropped)
{
    int destroyed = 0;
    vow_promise *p = vow_resolved(loop, counted(&destroyed));
    p = vow_then(p, never_called, NULL);
    p = vow_finally(p, never_finally, NULL);
    vow_unref(p);
    EQ_INT(destroyed, 1);
    drain(loop);
}

TEST(a_drop_stops_the_source_if_nobody_else_wants_it)
{
    struct op op = {0};
    vow_promise *source = op_start(loop, &op);
    vow_promise *a = vow_then(vow_ref(source), same, NULL), *b = vow_then(source, same, NULL);
    vow_unref(a);
    EQ_INT(op.stops, 0);
    vow_unref(b);
    EQ_INT(op.stops, 1);
}

TEST(a_dropped_branch_leaves_its_source_to_the_handles_on_it)
{
    struct op op = {0};
    vow_promise *source = op_start(loop, &op);
    vow_unref(chain_of(vow_ref(source), 3, never_called, NULL));
    EQ_INT(op.stops, 0);
    EQ_INT(vow_state(source), VOW_PENDING);
    vow_unref(source);
    EQ_INT(op.stops, 1);
}

TEST(an_object_may_drop_its_promises_and_be_freed)
{
    struct op *object = calloc(1, sizeof *object);
    vow_promise *p = vow_then(op_start(loop, object), never_called, object);
    vow_unref(p);
    EQ_INT(object->destroys, 1);
    free(object);
    drain(loop);
}

TEST(what_had_already_been_rejected_and_unseen_is_reported_when_it_is_dropped)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_unref(vow_rejected(loop, eio()));
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO");
    EXPECT_UNHANDLED(1);
}

TEST(a_consumer_dropped_before_it_ran_did_not_handle_the_error_it_waited_for)
{
    struct trace seen = {""};
    vow_resolver *r;
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = vow_catch(vow_promise_new(loop, &r), never_caught, NULL);
    vow_reject(r, eio());
    vow_unref(p);
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO");
    EXPECT_UNHANDLED(1);
}

TEST(a_late_consumer_dropped_before_it_ran_did_not_handle_the_error_either)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_unref(vow_catch(vow_rejected(loop, eio()), never_caught, NULL));
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO");
    EXPECT_UNHANDLED(1);
}

TEST(an_error_that_one_consumer_handled_is_not_reported_when_a_late_one_is_dropped)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_promise *source = vow_rejected(loop, eio());
    vow_promise *p = vow_catch(vow_ref(source), note_recover, &a);
    drain(loop);
    vow_unref(vow_catch(vow_ref(source), never_caught, NULL));
    drain(loop);
    vow_unref(source);
    drain(loop);
    EQ_TRACE(seen, "a!EIO");
    EQ_UINT(vow_unhandled_count(loop), 0);
    vow_unref(p);
}

TEST(an_error_waits_for_its_late_consumer_when_an_early_one_is_dropped)
{
    struct trace seen = {""};
    struct note late = {&seen, "late"};
    vow_resolver *r;
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *source = vow_promise_new(loop, &r);
    vow_promise *early = vow_catch(vow_ref(source), never_caught, NULL);
    vow_reject(r, eio());
    vow_promise *p = vow_catch(source, note_recover, &late);
    vow_unref(early);
    drain(loop);
    EQ_TRACE(seen, "late!EIO");
    vow_unref(p);
}

TEST(a_pending_drop_is_silent)
{
    vow_resolver *r;
    vow_unref(vow_then(vow_promise_new(loop, &r), fail_eproto, NULL));
    vow_reject(r, eio());
    drain(loop);
    EQ_UINT(vow_unhandled_count(loop), 0);
}

/* scenario 32 */
TEST(the_last_reference_to_a_promise_may_go_inside_its_own_handler)
{
    int destroyed = 0;
    vow_promise *p = vow_resolved(loop, counted(&destroyed));
    p = vow_then(p, drop_promise, &p);
    drain(loop);
    CHECK(p == NULL);
    EQ_INT(destroyed, 1);
}

static vow_value drop_and_give_counted(UNUSED vow_value v, void *data)
{
    struct {
        vow_promise *self;
        int destroyed;
    } *in = data;
    in->self = vow_unref(in->self);
    return counted(&in->destroyed);
}

TEST(what_a_handler_returns_for_a_promise_that_it_dropped_is_released)
{
    struct {
        vow_promise *self;
        int destroyed;
    } in = {NULL, 0};
    in.self = vow_then(vow_resolved(loop, vow_none()), drop_and_give_counted, &in);
    drain(loop);
    EQ_INT(in.destroyed, 1);
}

TEST(a_handler_may_drop_the_tail_of_its_own_chain)
{
    vow_promise *tail = NULL;
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), drop_promise, &tail);
    tail = chain_of(p, 5, never_called, NULL);
    drain(loop);
    CHECK(tail == NULL);
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(a_handler_may_drop_the_source_that_is_calling_it)
{
    struct trace seen = {""};
    struct note b = {&seen, "b"};
    int destroyed = 0;
    vow_promise *source = vow_resolved(loop, counted(&destroyed));
    vow_promise *p = vow_then(vow_ref(source), drop_promise, &source);
    vow_promise *q = vow_then(vow_ref(source), note_value, &b);
    drain(loop);
    EQ_TRACE(seen, "b=box");
    vow_unref(p);
    vow_unref(q);
    EQ_INT(destroyed, 1);
}

TEST(a_handler_may_drop_the_next_consumer_of_its_source)
{
    vow_resolver *r;
    vow_promise *source = vow_promise_new(loop, &r), *next = NULL;
    vow_promise *first = vow_then(vow_ref(source), drop_promise, &next);
    next = vow_then(source, never_called, NULL);
    vow_resolve(r, vow_v(1));
    drain(loop);
    CHECK(next == NULL);
    vow_unref(first);
}

/* scenario 39 */
TEST(a_queued_handler_may_be_dropped_at_the_head_in_the_middle_and_at_the_tail)
{
    for (int gone = 0; gone < 3; gone++) {
        struct trace seen = {""};
        struct note notes[] = {{&seen, "a"}, {&seen, "b"}, {&seen, "c"}, {&seen, "d"}};
        vow_promise *p[4];
        for (int i = 0; i < 3; i++)
            p[i] = vow_then(vow_resolved(loop, vow_v(i)), note_value, &notes[i]);
        vow_unref(p[gone]);
        p[gone] = vow_then(vow_resolved(loop, vow_v(3)), note_value, &notes[3]);
        drain(loop);
        EQ_TRACE(seen, gone == 0 ? "b=1 c=2 d=3" : gone == 1 ? "a=0 c=2 d=3" : "a=0 b=1 d=3");
        for (int i = 0; i < 3; i++)
            vow_unref(p[i]);
    }
}

TEST(consumers_of_a_pending_promise_may_be_dropped_first_middle_and_last)
{
    for (int gone = 0; gone < 3; gone++) {
        struct trace seen = {""};
        struct note notes[] = {{&seen, "a"}, {&seen, "b"}, {&seen, "c"}};
        vow_resolver *r;
        vow_promise *p[3], *source = vow_promise_new(loop, &r);
        for (int i = 0; i < 3; i++)
            p[i] = vow_then(vow_ref(source), note_value, &notes[i]);
        p[gone] = vow_unref(p[gone]);
        vow_resolve(r, vow_v(1));
        drain(loop);
        EQ_TRACE(seen, gone == 0 ? "b=1 c=1" : gone == 1 ? "a=1 c=1" : "a=1 b=1");
        for (int i = 0; i < 3; i++)
            vow_unref(p[i]);
        vow_unref(source);
    }
}

/* A row of objects, each of which drops the promise of the next as it is destroyed. */
struct row {
    vow_loop *loop;
    int *destroyed;
    vow_promise *next;
};
static void row_destroy(void *data)
{
    struct row *row = data;
    ++*row->destroyed;
    vow_promise *next = row->next;
    row->next = NULL;
    vow_unref(next);
    free(row);
}
static vow_promise *row_of(vow_loop *loop, int n, int *destroyed)
{
    vow_promise *next = NULL;
    for (int i = 0; i < n; i++) {
        struct row *row = malloc(sizeof *row);
        *row = (struct row){loop, destroyed, next};
        vow_resolver *r;
        next = vow_attach(vow_promise_new(loop, &r), row, row_destroy);
        vow_resolver_abandon(r);
    }
    return next;
}

TEST(drops_inside_destructors_are_worked_off_before_the_outermost_returns)
{
    int destroyed = 0;
    vow_unref(row_of(loop, 1000, &destroyed));
    EQ_INT(destroyed, 1000);
    EQ_UINT(vow_stats(loop).live, 0);
}

static void stop_and_drop(void *data)
{
    struct row *row = data;
    ++*row->destroyed;
    row->next = vow_unref(row->next);
}

TEST(drops_inside_stop_hooks_are_worked_off_before_the_outermost_returns)
{
    int stopped = 0;
    static struct row rows[500];
    vow_promise *next = NULL;
    for (int i = 0; i < 500; i++) {
        vow_resolver *r;
        rows[i] = (struct row){loop, &stopped, next};
        next = vow_promise_new(loop, &r);
        vow_on_stop(r, stop_and_drop, &rows[i], NULL);
    }
    vow_unref(next);
    EQ_INT(stopped, 500);
}

struct cancels {
    vow_promise *victim;
    vow_resolver *r;
};
static void stop_and_cancel(void *data) { vow_cancel(((struct cancels *)data)->victim); }
static void stop_and_resolve(void *data)
{
    struct cancels *c = data;
    vow_resolve(c->r, vow_v(7));
}

TEST(a_stop_hook_of_a_drop_may_cancel_and_settle_others)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    struct cancels c = {0}, s = {0};
    vow_resolver *r, *victim_r;
    c.victim = vow_handle(vow_promise_new(loop, &victim_r), note_value, &a);
    vow_promise *p = vow_promise_new(loop, &r);
    vow_on_stop(r, stop_and_cancel, &c, NULL);
    vow_unref(p);
    vow_promise *q = vow_handle(vow_promise_new(loop, &s.r), note_value, &b);
    p = vow_promise_new(loop, &r);
    vow_on_stop(r, stop_and_resolve, &s, NULL);
    vow_unref(p);
    drain(loop);
    EQ_TRACE(seen, "a!ECANCELED b=7");
    vow_resolver_drop(victim_r);
    vow_unref(c.victim);
    vow_unref(q);
}

static void look_inside(void *data)
{
    vow_loop *loop = data;
    EQ_UINT(vow_drain(loop, SIZE_MAX), 0);
    EQ_INT(vow_poll(loop), -1);
    EQ_INT(vow_run_all(loop), EDEADLK);
    CHECK(vow_stats(loop).live > 0);
}

TEST(a_destructor_may_look_but_not_turn_the_loop)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_resolver *r;
    vow_promise *other = vow_then(vow_resolved(loop, vow_v(1)), note_value, &a);
    vow_unref(vow_then_with(vow_promise_new(loop, &r), never_called, loop, look_inside));
    EQ_TRACE(seen, "");
    drain(loop);
    EQ_TRACE(seen, "a=1");
    vow_resolver_drop(r);
    vow_unref(other);
}

static void build_inside(void *data)
{
    vow_promise **made = data;
    *made = vow_then(vow_resolved(*(vow_loop **)(made + 1), vow_v(3)), add_one, NULL);
}

TEST(a_destructor_may_build_promises)
{
    struct {
        vow_promise *made;
        vow_loop *loop;
    } in = {NULL, loop};
    vow_resolver *r;
    vow_unref(vow_then_with(vow_promise_new(loop, &r), never_called, &in, build_inside));
    vow_resolver_drop(r);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(in.made)), 4);
    vow_unref(in.made);
}

TEST(a_drop_does_not_reach_beyond_a_settled_promise_that_others_hold)
{
    int destroyed = 0;
    vow_promise *source = vow_resolved(loop, counted(&destroyed));
    vow_unref(vow_then(vow_ref(source), never_called, NULL));
    EQ_INT(destroyed, 0);
    vow_unref(source);
    EQ_INT(destroyed, 1);
}

static void never_called_either(UNUSED void *object, UNUSED vow_resolver *r)
{
    FAIL("the thenable of a dropped promise was called");
}
static const vow_type uncallable = {.size = sizeof(vow_type),
                                    .name = "uncallable",
                                    .ref = vow_box_ref,
                                    .unref = vow_box_unref,
                                    .count = vow_box_count,
                                    .then = never_called_either};

TEST(a_dropped_thenable_leaves_the_queue_and_nobody_behind_it)
{
    int destroyed = 0;
    vow_promise *before = vow_then(vow_resolved(loop, vow_v(1)), add_one, NULL);
    vow_promise *p = vow_resolved(loop, vow_box_of(&uncallable, &destroyed, count_destroy));
    vow_promise *after = vow_then(vow_resolved(loop, vow_v(2)), add_one, NULL);
    vow_unref(p);
    EQ_INT(destroyed, 1);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(before)), 2);
    EQ_INT(vow_as_int(vow_peek(after)), 3);
    vow_unref(before);
    vow_unref(after);
}
