/* SPDX-License-Identifier: MIT
 *
 * Promises/A+ 2.3: the resolution procedure. A foreign thenable is a value whose type has
 * a `then` hook; hook and resolver are taken once, so the clauses about reading `then`
 * twice and calling back twice hold by construction.
 */
#include "core/common.h"

/* 2.3.1 */

static vow_value give_held(UNUSED vow_value v, void *data)
{
    return vow_v(vow_ref(*(vow_promise **)data));
}

TEST(a2_3_1_a_handler_that_returns_its_own_promise_rejects_it)
{
    vow_promise *p = vow_resolved(loop, vow_none());
    p = vow_then(p, give_held, &p);
    vow_mark_handled(p);
    drain(loop);
    EQ_INT(error_code(p), VOW_ECYCLE);
    vow_unref(p);
}

TEST(a2_3_1_a_promise_resolved_with_itself_is_rejected)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_mark_handled(p);
    vow_resolve(r, vow_v(vow_ref(p)));
    EQ_INT(error_code(p), VOW_ECYCLE);
    vow_unref(p);
}

/* 2.3.2 */

/* scenario 7 */
TEST(a2_3_2_1_resolved_with_a_pending_promise_it_stays_pending_until_that_settles)
{
    vow_resolver *outer_r, *inner_r;
    vow_promise *outer = vow_promise_new(loop, &outer_r);
    vow_resolve(outer_r, vow_v(vow_promise_new(loop, &inner_r)));
    drain(loop);
    EQ_INT(vow_state(outer), VOW_PENDING);
    vow_resolve(inner_r, vow_v(4));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(outer)), 4);
    vow_unref(outer);
}

TEST(a2_3_2_2_it_takes_over_the_value_of_a_promise_fulfilled_before_and_after)
{
    vow_resolver *r, *outer_r;
    vow_promise *before = vow_resolved(loop, vow_v(vow_resolved(loop, vow_v(1))));
    vow_promise *after = vow_promise_new(loop, &outer_r);
    vow_resolve(outer_r, vow_v(vow_promise_new(loop, &r)));
    vow_resolve(r, vow_v(2));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(before)), 1);
    EQ_INT(vow_as_int(vow_peek(after)), 2);
    vow_unref(before);
    vow_unref(after);
}

TEST(a2_3_2_3_it_takes_over_the_reason_of_a_promise_rejected_before_and_after)
{
    vow_resolver *r, *outer_r;
    vow_promise *before = vow_resolved(loop, vow_v(vow_rejected(loop, eio())));
    vow_promise *after = vow_promise_new(loop, &outer_r);
    vow_mark_handled(before);
    vow_mark_handled(after);
    vow_resolve(outer_r, vow_v(vow_promise_new(loop, &r)));
    vow_reject(r, eio());
    drain(loop);
    EQ_INT(error_code(before), EIO);
    EQ_INT(error_code(after), EIO);
    vow_unref(before);
    vow_unref(after);
}

/* scenario 19 */
TEST(a2_3_2_a_promise_that_a_handler_returns_is_followed)
{
    vow_resolver *r;
    vow_promise *inner = vow_promise_new(loop, &r);
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_promise, &inner);
    drain(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_resolve(r, vow_v(8));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 8);
    vow_unref(p);
}

/* 2.3.3: what a foreign object's `then` does with its resolver */

struct thenable {
    int references, calls;
    void (*act)(struct thenable *self, vow_resolver *r);
    vow_value with;     /* what it settles with */
    vow_resolver *kept; /* for later */
    struct trace *seen;
};

static void *thenable_ref(void *object)
{
    ((struct thenable *)object)->references++;
    return object;
}
static void thenable_unref(void *object) { ((struct thenable *)object)->references--; }
static size_t thenable_count(const void *object)
{
    return (size_t)((const struct thenable *)object)->references;
}
static void thenable_then(void *object, vow_resolver *r)
{
    struct thenable *self = object;
    self->calls++;
    CHECK(self->references > 0);
    self->act(self, r);
}
static const vow_type thenable_type = {.size = sizeof(vow_type),
                                       .name = "thenable",
                                       .ref = thenable_ref,
                                       .unref = thenable_unref,
                                       .count = thenable_count,
                                       .then = thenable_then};

static vow_value thenable_value(struct thenable *self)
{
    self->references++;
    return vow_of(&thenable_type, self);
}

static void act_now(struct thenable *self, vow_resolver *r)
{
    if (self->seen)
        trace_add(self->seen, "called");
    vow_resolve(r, self->with);
}
static void act_later(struct thenable *self, vow_resolver *r) { self->kept = r; }
static void act_drop(UNUSED struct thenable *self, vow_resolver *r) { vow_resolver_drop(r); }
static void act_abandon(UNUSED struct thenable *self, vow_resolver *r) { vow_resolver_abandon(r); }

TEST(a2_3_3_1_the_hook_of_the_type_is_called_once_with_the_object)
{
    struct thenable foreign = {.act = act_now, .with = vow_int(6)};
    vow_promise *p = vow_resolved(loop, thenable_value(&foreign));
    drain(loop);
    EQ_INT(foreign.calls, 1);
    EQ_INT(vow_as_int(vow_peek(p)), 6);
    vow_unref(p);
    EQ_INT(foreign.references, 0);
}

TEST(a2_3_3_3_the_hook_is_not_called_inside_resolve_but_from_the_queue_in_turn)
{
    struct trace seen = {""};
    struct note before = {&seen, "before"}, after = {&seen, "after"}, p_note = {&seen, "p"};
    struct thenable foreign = {.act = act_now, .with = vow_int(6), .seen = &seen};
    vow_promise *a = vow_then(vow_resolved(loop, vow_v(1)), note_value, &before);
    vow_promise *p = vow_then(vow_resolved(loop, thenable_value(&foreign)), note_value, &p_note);
    vow_promise *b = vow_then(vow_resolved(loop, vow_v(2)), note_value, &after);
    EQ_INT(foreign.calls, 0);
    drain(loop);
    EQ_TRACE(seen, "before=1 called after=2 p=6");
    vow_unref(a);
    vow_unref(b);
    vow_unref(p);
}

static vow_value give_thenable(UNUSED vow_value v, void *data) { return thenable_value(data); }

TEST(a2_3_3_a_thenable_that_a_handler_returns_is_followed)
{
    struct thenable foreign = {.act = act_now, .with = vow_int(6)};
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_thenable, &foreign);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 6);
    vow_unref(p);
    EQ_INT(foreign.references, 0);
}

TEST(a2_3_3_3_1_a_thenable_may_resolve_with_a_value_later)
{
    struct thenable foreign = {.act = act_later};
    vow_promise *p = vow_resolved(loop, thenable_value(&foreign));
    drain(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_INT(foreign.references, 0); /* it was borrowed for the call only */
    vow_resolve(foreign.kept, vow_v(3));
    EQ_INT(vow_as_int(vow_peek(p)), 3);
    vow_unref(p);
}

TEST(a2_3_3_3_1_a_thenable_may_resolve_with_a_promise)
{
    vow_resolver *r;
    struct thenable foreign = {.act = act_now, .with = vow_v(vow_promise_new(loop, &r))};
    vow_promise *p = vow_resolved(loop, thenable_value(&foreign));
    drain(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_resolve(r, vow_v(5));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 5);
    vow_unref(p);
}

TEST(a2_3_3_3_1_a_thenable_may_resolve_with_a_thenable)
{
    struct thenable inner = {.act = act_now, .with = vow_int(7)};
    struct thenable outer = {.act = act_now, .with = thenable_value(&inner)};
    vow_promise *p = vow_resolved(loop, thenable_value(&outer));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 7);
    EQ_INT(inner.calls + outer.calls, 2);
    EQ_INT(inner.references + outer.references, 0);
    vow_unref(p);
}

TEST(a2_3_3_3_2_a_thenable_may_reject)
{
    struct thenable foreign = {.act = act_now, .with = vow_fail(EIO, NULL)};
    vow_promise *p = vow_resolved(loop, thenable_value(&foreign));
    vow_mark_handled(p);
    drain(loop);
    EQ_INT(error_code(p), EIO);
    vow_unref(p);
}

/* 2.3.3.3.3: both callbacks called, or one twice: the resolver is taken by the first. */
TEST_PANICS(a2_3_3_3_3_a_thenable_cannot_settle_twice, "the resolver was used already")
{
    struct thenable foreign = {.act = act_later};
    vow_promise *p = vow_resolved(loop, thenable_value(&foreign));
    drain(loop);
    vow_resolve(foreign.kept, vow_v(3));
    vow_resolve(foreign.kept, vow_v(4));
    vow_unref(p);
}

TEST(a2_3_3_3_3_a_thenable_that_resolved_with_a_pending_promise_has_decided)
{
    vow_resolver *r;
    struct thenable foreign = {.act = act_later};
    vow_promise *p = vow_resolved(loop, thenable_value(&foreign));
    drain(loop);
    vow_resolve(foreign.kept, vow_v(vow_promise_new(loop, &r)));
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_mark_handled(p);
    vow_reject(r, eio());
    drain(loop);
    EQ_INT(error_code(p), EIO);
    vow_unref(p);
}

/* 2.3.3.3.4: what throwing is there, dropping the resolver is here. */
TEST(a2_3_3_3_4_a_thenable_that_drops_its_resolver_breaks_the_promise)
{
    struct thenable foreign = {.act = act_drop};
    vow_promise *p = vow_resolved(loop, thenable_value(&foreign));
    vow_mark_handled(p);
    drain(loop);
    EQ_INT(error_code(p), VOW_EBROKEN);
    vow_unref(p);
}

TEST(a2_3_3_a_thenable_that_never_settles_leaves_the_promise_pending_until_it_is_dropped)
{
    struct thenable foreign = {.act = act_abandon};
    vow_promise *p = vow_then(vow_resolved(loop, thenable_value(&foreign)), never_called, NULL);
    drain(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
    EQ_INT(foreign.references, 0);
}

TEST(a2_3_3_a_promise_dropped_before_its_thenable_was_called_never_calls_it)
{
    struct thenable foreign = {.act = act_now};
    vow_unref(vow_resolved(loop, thenable_value(&foreign)));
    EQ_INT(foreign.references, 0);
    drain(loop);
    EQ_INT(foreign.calls, 0);
}

TEST(a2_3_3_a_promise_cancelled_before_its_thenable_was_called_never_calls_it)
{
    struct thenable foreign = {.act = act_now};
    vow_promise *p = vow_resolved(loop, thenable_value(&foreign));
    vow_cancel(p);
    EQ_INT(foreign.references, 0);
    drain(loop);
    EQ_INT(foreign.calls, 0);
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
}

TEST(a2_3_3_a_promise_cancelled_after_its_thenable_was_called_leaves_an_inert_resolver)
{
    struct thenable foreign = {.act = act_later};
    vow_promise *p = vow_resolved(loop, thenable_value(&foreign));
    drain(loop);
    vow_cancel(p);
    CHECK(!vow_is_wanted(foreign.kept));
    vow_resolve(foreign.kept, vow_v(3));
    EQ_INT(error_code(p), ECANCELED);
    vow_unref(p);
}

static vow_value cancel_and_give_thenable(UNUSED vow_value v, void *data)
{
    struct {
        vow_promise *self;
        struct thenable *foreign;
    } *two = data;
    vow_cancel(two->self);
    return thenable_value(two->foreign);
}

TEST(a2_3_3_a_handler_cancelled_while_it_runs_cancels_the_thenable_it_returns)
{
    struct thenable foreign = {.act = act_drop};
    struct {
        vow_promise *self;
        struct thenable *foreign;
    } two = {NULL, &foreign};
    two.self = vow_then(vow_resolved(loop, vow_none()), cancel_and_give_thenable, &two);
    drain(loop);
    EQ_INT(foreign.calls, 0);
    EQ_INT(foreign.references, 0);
    EQ_INT(error_code(two.self), ECANCELED);
    vow_unref(two.self);
}

static vow_promise *dropped_by_hook;
static void act_drop_promise(struct thenable *self, vow_resolver *r)
{
    dropped_by_hook = vow_unref(dropped_by_hook);
    CHECK(!vow_is_wanted(r));
    vow_resolve(r, self->with);
}

TEST(a2_3_3_the_hook_may_drop_the_promise_it_is_called_for)
{
    struct thenable foreign = {.act = act_drop_promise, .with = vow_int(1)};
    dropped_by_hook = vow_resolved(loop, thenable_value(&foreign));
    drain(loop);
    EQ_INT(foreign.calls, 1);
}

/* 2.3.4 */

TEST(a2_3_4_any_other_value_fulfils)
{
    int destroyed = 0;
    vow_value values[] = {vow_none(), vow_v(true), vow_v(2.5), VOW_LIT("text"),
                          counted(&destroyed)};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        vow_promise *p = vow_resolved(loop, values[i]);
        EQ_INT(vow_state(p), VOW_FULFILLED);
        EQ_TEXT(vow_type_name(vow_peek(p)), vow_type_name(values[i]));
        vow_unref(p);
    }
    EQ_INT(destroyed, 1);
}
