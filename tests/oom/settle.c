/* SPDX-License-Identifier: MIT
 *
 * Resolvers, following, thenables, reports and closing without memory.
 */
#include "oom/oom.h"

#include "vow/type.h"

SCENARIO(resolvers_of_all_kinds)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_resolve(r, vow_text("settled"));
    EXPECT_TEXT(p, "settled");
    p = vow_promise_new(loop, &r);
    vow_reject(r, vow_error_new(vow_errno_domain(), EPIPE, "rejected"));
    EXPECT_ERROR(p, EPIPE);
    p = vow_promise_new(loop, &r);
    vow_resolve(r, vow_box(oom_owned(), oom_give_back));
    vow_value v;
    if (EXPECT(p, &v))
        CHECK(vow_is(v, vow_box_type()));
    vow_release(v);
    p = vow_promise_new(loop, &r);
    vow_resolver_drop(r);
    EXPECT_ERROR(p, VOW_EBROKEN);
    p = vow_promise_new(loop, &r);
    vow_resolver_abandon(r);
    vow_cancel(p);
    EXPECT_ERROR(p, ECANCELED);
    EXPECT_TEXT(vow_resolved(loop, vow_text("born so")), "born so");
    EXPECT_ERROR(vow_rejected(loop, vow_error_new(vow_errno_domain(), EIO, "born so")), EIO);
}

SCENARIO(promises_resolved_with_promises)
{
    enum { LENGTH = 6 };
    oom_reports(0, 1); /* of promises that no resolver takes */
    vow_resolver *r[LENGTH];
    vow_promise *p[LENGTH];
    for (int i = 0; i < LENGTH; i++)
        p[i] = vow_then(vow_promise_new(loop, &r[i]), add_one, NULL);
    for (int i = LENGTH - 1; i > 0; i--)
        vow_resolve(r[i - 1], vow_v(p[i]));
    vow_resolve(r[LENGTH - 1], vow_v(vow_then(vow_resolved(loop, vow_int(0)), add_one, NULL)));
    EXPECT_INT(p[0], LENGTH + 1);
}

/* An operation: stopped at most once, and its memory given back exactly once. */
struct op {
    void *owned;
    vow_resolver *r;
    int stopped;
};
static void stop(void *data)
{
    struct op *op = data;
    op->stopped++;
    vow_resolver_abandon(op->r);
}
static void stop_with_a_value(void *data)
{
    struct op *op = data;
    op->stopped++;
    vow_resolve(op->r, vow_int(9));
}
static void destroy_op(void *data) { oom_give_back(((struct op *)data)->owned); }
static vow_promise *begin(vow_loop *loop, struct op *op, vow_destroy_fn *how)
{
    op->owned = oom_owned();
    op->stopped = 0;
    vow_promise *p = vow_promise_new(loop, &op->r);
    vow_on_stop(op->r, how, op, destroy_op);
    return p;
}

SCENARIO(stop_hooks)
{
    struct op op[5];
    vow_promise *p = begin(loop, &op[0], stop);
    bool pending = IS_PENDING(p);
    vow_mark_handled(p);
    vow_unref(p);
    EQ_INT(op[0].stopped, pending);
    CHECK(oom_is_back(op[0].owned));
    p = begin(loop, &op[1], stop);
    pending = IS_PENDING(p);
    p = vow_then(p, add_one, NULL);
    vow_cancel(p);
    CHECK(oom_is_back(op[1].owned));
    EXPECT_ERROR(p, ECANCELED);
    EQ_INT(op[1].stopped, pending);
    p = begin(loop, &op[2], stop_with_a_value);
    vow_cancel(p);
    if (EXPECT_INT(p, 9))
        EQ_INT(op[2].stopped, 1);
    p = begin(loop, &op[3], stop);
    vow_resolve(op[3].r, vow_text("in time"));
    EXPECT_TEXT(p, "in time");
    EQ_INT(op[3].stopped, 0);
    vow_promise *q = begin(loop, &op[4], stop);
    p = vow_then(vow_ref(q), add_one, NULL);
    vow_mark_handled(p);
    vow_mark_handled(q);
    vow_unref(q);
    vow_unref(p);
    CHECK(oom_is_back(op[4].owned));
}

/* Foreign thenables. */

struct foreign {
    size_t count;
    void *owned;
};
static void *foreign_ref(void *object)
{
    ((struct foreign *)object)->count++;
    return object;
}
static void foreign_unref(void *object)
{
    struct foreign *foreign = object;
    if (--foreign->count == 0)
        oom_give_back(foreign->owned);
}
static void foreign_then(UNUSED void *object, vow_resolver *r)
{
    vow_promise *p = vow_then(vow_delay(vow_current(), 1), add_one, NULL);
    vow_mark_handled(p);
    vow_unref(p);
    vow_resolve(r, vow_v(vow_resolved(vow_current(), vow_text("from afar"))));
}
static const vow_type foreign_type = {.size = sizeof(vow_type),
                                      .name = "foreign",
                                      .ref = foreign_ref,
                                      .unref = foreign_unref,
                                      .then = foreign_then};
static vow_value give_foreign(UNUSED vow_value v, void *foreign)
{
    return vow_of(&foreign_type, foreign_ref(foreign));
}

SCENARIO(thenables)
{
    struct foreign one = {1, oom_owned()}, two = {1, oom_owned()};
    vow_promise *p = vow_resolved(loop, vow_of(&foreign_type, &one));
    EXPECT_TEXT(p, "from afar");
    p = vow_then(vow_then(vow_delay(loop, 1), give_foreign, &two), give_foreign, &two);
    EXPECT_TEXT(p, "from afar");
    foreign_unref(&two);
}

/* What must not wait for what. */

SCENARIO(cycles)
{
    vow_resolver *r;
    int ran = 0;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_mark_handled(p);
    vow_resolve(r, vow_v(vow_then(vow_then(vow_ref(p), pass, &ran), pass, &ran)));
    EXPECT_ERROR(p, VOW_ECYCLE);
    p = vow_promise_new(loop, &r);
    vow_mark_handled(p);
    vow_resolve(r, vow_v(vow_all(loop, vow_delay(loop, 1), vow_ref(p))));
    EXPECT_ERROR(p, VOW_ECYCLE);
    EQ_INT(ran, 0);
}

SCENARIO(promises_of_another_loop)
{
    vow_loop *other = oom_loop();
    if (other == NULL)
        return;
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r), *q = vow_resolved(other, vow_int(1));
    vow_mark_handled(q);
    vow_resolve(r, vow_v(vow_ref(q)));
    EXPECT_ERROR(p, VOW_ELOOP);
    EXPECT_ERROR(vow_all(loop, vow_resolved(loop, vow_int(1)), vow_ref(q)), VOW_ELOOP);
    EXPECT_ERROR(vow_ref(q), VOW_ELOOP);
    vow_unref(q);
    vow_loop_free(other);
}

/* Reports. */

SCENARIO(rejections_that_nobody_handles)
{
    oom_reports(2, 1); /* what has lost its promise, and ENOMEM in its place */
    vow_error *e = vow_error_new(vow_errno_domain(), EPROTO, "nobody cares");
    vow_unref(vow_rejected(loop, e));
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(oom_reported(), 1);
    e = vow_error_new(vow_errno_domain(), EIO, "nobody cares");
    vow_unref(vow_then(vow_rejected(loop, e), add_one, NULL));
    EQ_INT(vow_run_all(loop), 0);
    CHECK_WITH_MEMORY(oom_reported() == 2);
}

static vow_value deadlock(UNUSED vow_value v, void *data)
{
    vow_loop *loop = data;
    EXPECT_ERROR(vow_delay(loop, 1), EDEADLK);
    return vow_none();
}

SCENARIO(runs_that_cannot_end)
{
    vow_resolver *r;
    vow_promise *p = vow_then(vow_promise_new(loop, &r), add_one, NULL);
    EXPECT_ERROR(vow_context(vow_all(loop, p, vow_delay(loop, 1)), "both"), EDEADLK);
    vow_resolver_drop(r);
    oom_reports(0, 1); /* the delay in the handler */
    EXPECT_NONE(vow_then(vow_delay(loop, 1), deadlock, loop));
}

/* Closing. */

static vow_value recover(const vow_error *e, UNUSED void *data)
{
    return IS_ERROR(e, VOW_ECLOSED) ? vow_int(6) : VOW_SAME;
}
static vow_value start_something(UNUSED void *data)
{
    vow_promise *p = vow_delay(vow_current(), 1);
    vow_mark_handled(p);
    return vow_v(p);
}

SCENARIO(closing_with_everything_pending)
{
    oom_reports(0, 1); /* an ENOMEM that cannot be the cause of what came after it */
    vow_resolver *r;
    vow_promise *pending = vow_promise_new(loop, &r);
    vow_promise *delay = vow_attach(vow_delay(loop, 5), oom_owned(), oom_give_back);
    vow_promise *recovered = vow_catch(vow_delay(loop, 7), recover, NULL);
    vow_promise *all = vow_all(loop, vow_delay(loop, 9), vow_ref(pending));
    vow_promise *cleaned = vow_finally(vow_delay(loop, 11), start_something, NULL);
    vow_promise *every[] = {pending, delay, recovered, all, cleaned};
    for (int i = 0; i < 5; i++)
        vow_mark_handled(every[i]);
    EQ_INT(vow_loop_close(loop), 5);
    CHECK(vow_loop_is_closed(loop));
    vow_resolve(r, vow_int(1));
    EXPECT_ERROR(pending, VOW_ECLOSED);
    EXPECT_ERROR(delay, VOW_ECLOSED);
    EXPECT_INT(recovered, 6);
    EXPECT_ERROR(all, VOW_ECLOSED);
    EXPECT_ERROR(cleaned, VOW_ECLOSED);
    EXPECT_ERROR(vow_resolved(loop, vow_text("too late")), VOW_ECLOSED);
    EXPECT_ERROR(vow_delay(loop, 1), VOW_ECLOSED);
}

SCENARIO_PLAIN(handles_that_outlive_their_loop)
{
    loop = oom_loop();
    if (loop == NULL)
        return;
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r), *q = vow_then(vow_ref(p), add_one, NULL);
    vow_promise *done = vow_resolved(loop, vow_text("kept"));
    vow_mark_handled(q);
    vow_mark_handled(done);
    vow_loop_free(loop);
    vow_promise *more = vow_then(q, add_one, NULL);
    CHECK(oom_has_code(vow_error_of(p), VOW_ECLOSED) || oom_no_memory(vow_error_of(p)));
    CHECK(vow_error_of(done) == NULL || oom_no_memory(vow_error_of(done)));
    vow_resolve(r, vow_text("too late"));
    vow_unref(p);
    vow_unref(more);
    vow_unref(done);
}
