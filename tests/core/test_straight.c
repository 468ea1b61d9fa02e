/* SPDX-License-Identifier: MIT
 *
 * The same rules where everything is plain: no places recorded, lines that were used
 * before, one consumer, numbers as values. There the core has shorter ways.
 */
#include "core/common.h"

/* A loop with `n` lines to be used again, its first free line the last given back. */
static vow_loop *warm_loop(size_t n)
{
    static vow_promise *p[64];
    vow_places(false);
    vow_loop *loop = vow_loop_new();
    vow_places(true);
    for (size_t i = 0; i < n; i++)
        p[i] = vow_resolved(loop, vow_none());
    for (size_t i = 0; i < n; i++)
        vow_unref(p[i]);
    return loop;
}
static void end_warm_loop(vow_loop *loop)
{
    EQ_UINT(vow_stats(loop).live, 0);
    EQ_UINT(vow_unhandled_count(loop), 0);
    vow_loop_free(loop);
}

TEST_PLAIN(a_chain_of_plain_values_runs)
{
    vow_resolver *r;
    loop = warm_loop(32);
    vow_promise *p = chain_of(vow_promise_new(loop, &r), 10, add_one, NULL);
    vow_resolve(r, vow_v(0));
    EQ_UINT(vow_drain(loop, SIZE_MAX), 10);
    EQ_INT(vow_as_int(vow_peek(p)), 10);
    EQ_UINT(vow_stats(loop).handlers, 10);
    vow_unref(p);
    end_warm_loop(loop);
}

TEST_PLAIN(a_chain_of_plain_values_is_dropped_and_cancelled)
{
    struct op ops[2] = {{0}};
    loop = warm_loop(32);
    vow_unref(chain_of(op_start(loop, &ops[0]), 10, never_called, NULL));
    vow_promise *p = chain_of(op_start(loop, &ops[1]), 10, never_called, NULL);
    vow_cancel(p);
    drain(loop);
    EQ_INT(error_code(p), ECANCELED);
    EQ_INT(ops[0].stops + ops[1].stops, 2);
    vow_unref(p);
    end_warm_loop(loop);
}

TEST_PLAIN(several_consumers_of_a_plain_value_run_in_order)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"}, late = {&seen, "late"};
    vow_resolver *r;
    loop = warm_loop(32);
    vow_promise *source = vow_promise_new(loop, &r);
    vow_promise *p = vow_then(vow_ref(source), note_value, &a);
    vow_promise *q = vow_then(vow_ref(source), note_value, &b);
    vow_resolve(r, vow_v(1));
    vow_promise *s = vow_then(source, note_value, &late);
    drain(loop);
    EQ_TRACE(seen, "a=1 b=1 late=1");
    vow_unref(p);
    vow_unref(q);
    vow_unref(s);
    end_warm_loop(loop);
}

static vow_value fail_text(UNUSED vow_value v, UNUSED void *data) { return vow_text("text"); }

TEST_PLAIN(errors_promises_and_counted_values_leave_the_straight_way)
{
    vow_then_fn *fns[] = {fail_eproto, fail_text, same};
    loop = warm_loop(32);
    for (size_t i = 0; i < 3; i++) {
        vow_resolver *r;
        vow_promise *p = vow_then(vow_promise_new(loop, &r), fns[i], NULL);
        vow_mark_handled(p);
        vow_resolve(r, vow_v(1));
        drain(loop);
        EQ_INT(error_code(p), i == 0 ? EPROTO : 0);
        vow_unref(p);
    }
    vow_promise *inner = vow_resolved(loop, vow_v(7));
    vow_resolver *r;
    vow_promise *p = vow_then(vow_promise_new(loop, &r), give_promise, &inner);
    vow_resolve(r, vow_none());
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 7);
    vow_unref(p);
    end_warm_loop(loop);
}

static vow_value drop_source(vow_value v, void *data)
{
    drop_promise(v, data);
    return vow_int(3);
}

TEST_PLAIN(a_handler_on_the_straight_way_may_drop_its_source_itself_and_its_tail)
{
    vow_resolver *r;
    loop = warm_loop(32);
    vow_promise *source = vow_promise_new(loop, &r);
    vow_promise *p = vow_then(vow_ref(source), drop_source, &source);
    vow_resolve(r, vow_v(1));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 3);
    vow_unref(p);

    p = vow_then(vow_promise_new(loop, &r), drop_source, &p);
    vow_resolve(r, vow_v(1));
    drain(loop);
    CHECK(p == NULL);

    p = vow_then(vow_promise_new(loop, &r), drop_source, &p);
    p = vow_then(p, never_called, NULL);
    vow_resolve(r, vow_v(1));
    drain(loop);
    CHECK(p == NULL);
    end_warm_loop(loop);
}

struct self {
    vow_promise *p, *late;
};
static vow_value add_consumer(UNUSED vow_value v, void *data)
{
    struct self *self = data;
    self->late = vow_then(vow_ref(self->p), add_one, NULL);
    return vow_int(4);
}
static vow_value cancel_self(UNUSED vow_value v, void *data)
{
    vow_cancel(((struct self *)data)->p);
    return vow_int(5);
}

TEST_PLAIN(a_handler_on_the_straight_way_may_get_a_consumer_or_be_cancelled)
{
    struct self self = {0};
    vow_resolver *r;
    loop = warm_loop(32);
    self.p = vow_then(vow_promise_new(loop, &r), add_consumer, &self);
    vow_resolve(r, vow_none());
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(self.late)), 5);
    vow_unref(self.p);
    vow_unref(self.late);
    self.p = vow_then(vow_promise_new(loop, &r), cancel_self, &self);
    vow_resolve(r, vow_none());
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(self.p)), 5);
    vow_unref(self.p);
    end_warm_loop(loop);
}

static vow_value late_on_source(UNUSED vow_value v, void *data)
{
    struct self *self = data;
    self->late = vow_then(self->p, add_one, NULL);
    return vow_none();
}

TEST_PLAIN(the_source_of_a_handler_on_the_straight_way_may_get_a_late_consumer)
{
    struct self self = {0};
    vow_resolver *r;
    loop = warm_loop(32);
    self.p = vow_promise_new(loop, &r);
    vow_promise *p = vow_then(vow_ref(self.p), late_on_source, &self);
    vow_resolve(r, vow_v(1));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(self.late)), 2);
    vow_unref(p);
    vow_unref(self.late);
    end_warm_loop(loop);
}

TEST_PLAIN(a_bounded_drain_counts_on_the_straight_way_too)
{
    vow_resolver *r;
    loop = warm_loop(32);
    vow_promise *p = chain_of(vow_promise_new(loop, &r), 5, add_one, NULL);
    vow_resolve(r, vow_v(0));
    EQ_UINT(vow_drain(loop, 2), 2);
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_UINT(vow_drain(loop, 2), 2);
    EQ_UINT(vow_drain(loop, 2), 1);
    EQ_INT(vow_as_int(vow_peek(p)), 5);
    vow_unref(p);
    end_warm_loop(loop);
}

TEST_PANICS(a_handle_given_away_is_misuse_on_the_straight_way_too,
            "vow_then: this handle was given")
{
    vow_resolver *r;
    loop = warm_loop(32);
    vow_promise *p = vow_promise_new(loop, &r);
    vow_promise *q = vow_then(p, add_one, NULL);
    vow_unref(vow_then(p, add_one, NULL));
    vow_unref(q);
}
