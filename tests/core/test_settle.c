/* SPDX-License-Identifier: MIT
 *
 * Settled promises: states, the values and errors they carry, and who frees them.
 */
#include "core/common.h"
#include "vow/inspect.h"
#include "vow/type.h"

struct thing {
    int *freed;
};
static void thing_free(struct thing *thing)
{
    ++*thing->freed;
    free(thing);
}
VOW_TYPE_DECLARE(thing, struct thing)
VOW_BOX_DEFINE(thing, struct thing, thing_free)

/* scenario 2 */
TEST(promises_born_settled_say_so_before_any_turn)
{
    vow_promise *p = vow_resolved(loop, vow_v(1)), *q = vow_rejected(loop, eio());
    EQ_INT(vow_state(p), VOW_FULFILLED);
    EQ_INT(vow_state(q), VOW_REJECTED);
    EQ_INT(vow_as_int(vow_peek(p)), 1);
    EQ_INT(error_code(q), EIO);
    CHECK(vow_error_of(p) == NULL);
    CHECK(vow_is_none(vow_peek(q)));
    vow_mark_handled(q);
    vow_unref(p);
    vow_unref(q);
}

TEST(a_pending_promise_has_neither_value_nor_error)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    EQ_INT(vow_state(p), VOW_PENDING);
    CHECK(vow_is_none(vow_peek(p)));
    CHECK(vow_error_of(p) == NULL);
    EQ_PTR(vow_loop_of(p), loop);
    vow_resolver_drop(r);
    vow_mark_handled(p);
    vow_unref(p);
}

/* scenario 3 */
TEST(each_kind_of_value_comes_back_with_its_type)
{
    int freed = 0;
    struct thing *thing = malloc(sizeof *thing);
    *thing = (struct thing){&freed};
    vow_value values[] = {vow_v(INT64_MIN),  vow_v(true),     vow_v(0.25),
                          VOW_LIT("text"),   vow_text("own"), vow_box(&freed, NULL),
                          thing_value(thing)};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        vow_promise *p = vow_then(vow_resolved(loop, vow_keep(values[i])), same, NULL);
        drain(loop);
        vow_value got = vow_peek(p);
        EQ_PTR(got.type, values[i].type);
        EQ_INT(got.as.i, values[i].as.i);
        vow_unref(p);
        vow_release(values[i]);
    }
    EQ_INT(freed, 1);
}

/* scenario 4 */
TEST(a_promise_of_nothing_settles_and_its_handler_runs)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_resolver *r;
    vow_promise *p = vow_then(vow_promise_new(loop, &r), note_value, &a);
    vow_resolve(r, vow_none());
    drain(loop);
    EQ_TRACE(seen, "a=none");
    vow_unref(p);
}

/* scenario 10 */
TEST(settled_with_no_listener_nothing_leaks)
{
    int destroyed = 0;
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_resolve(r, counted(&destroyed));
    vow_unref(p);
    EQ_INT(destroyed, 1);
    EQ_UINT(vow_stats(loop).live, 0);
}

/* scenario 11 */
TEST(a_value_is_destroyed_once_if_the_promise_was_settled_and_never_if_not)
{
    int destroyed = 0;
    vow_resolver *r;
    vow_promise *incomplete = vow_promise_new(loop, &r);
    vow_unref(incomplete);
    vow_resolver_drop(r);
    EQ_INT(destroyed, 0);
    vow_unref(vow_resolved(loop, counted(&destroyed)));
    EQ_INT(destroyed, 1);
}

TEST(a_value_for_a_promise_that_nobody_wants_is_released)
{
    int destroyed = 0;
    vow_resolver *r;
    vow_unref(vow_promise_new(loop, &r));
    vow_resolve(r, counted(&destroyed));
    EQ_INT(destroyed, 1);
}

/* scenario 12 */
TEST(an_error_keeps_domain_code_and_text_through_ten_hops)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_promise *p = vow_rejected(loop, vow_error_new(vow_gai_domain(), -2, "no such host"));
    for (int i = 0; i < 5; i++)
        p = vow_catch(vow_then(p, never_called, NULL), note_error, &a);
    vow_mark_handled(p);
    drain(loop);
    const vow_error *e = vow_error_of(p);
    EQ_PTR(vow_error_domain(e), vow_gai_domain());
    EQ_INT(vow_error_code(e), -2);
    EQ_TEXT(vow_error_message(e), "no such host");
    vow_unref(p);
}

TEST(a_rejection_is_always_an_error_object_that_may_carry_any_value)
{
    int destroyed = 0;
    vow_promise *p = vow_rejected(loop, vow_error_of_value(counted(&destroyed)));
    p = vow_then(p, never_called, NULL);
    vow_mark_handled(p);
    drain(loop);
    EQ_INT(error_code(p), VOW_EVALUE);
    EQ_PTR(vow_unbox(vow_error_payload(vow_error_of(p))), &destroyed);
    EQ_INT(destroyed, 0);
    vow_unref(p);
    EQ_INT(destroyed, 1);
}

TEST(resolving_with_an_error_value_rejects)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r), *q = vow_resolved(loop, vow_fail(EPROTO, NULL));
    vow_resolve(r, vow_fail(EIO, NULL));
    EQ_INT(error_code(p), EIO);
    EQ_INT(error_code(q), EPROTO);
    vow_mark_handled(p);
    vow_mark_handled(q);
    vow_unref(p);
    vow_unref(q);
}

TEST(an_error_says_where_it_was_made)
{
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), fail_eproto, NULL);
    vow_mark_handled(p);
    drain(loop);
    HAS_TEXT(vow_error_place(vow_error_of(p)), "common.h:");
    vow_unref(p);
}

TEST(a_promise_held_as_a_value_is_dropped_with_the_value)
{
    struct op op = {0};
    vow_value items[] = {vow_v(op_start(loop, &op))};
    vow_unref(vow_resolved(loop, vow_array(1, items)));
    EQ_INT(op.stops, 1);
    EQ_INT(op.destroys, 1);
}

TEST(a_promise_held_as_a_value_is_shared_by_keeping_the_value)
{
    vow_value v = vow_v(vow_resolved(loop, vow_v(1))), kept = vow_keep(v);
    vow_release(v);
    EQ_UINT(vow_stats(loop).handles, 1);
    vow_release(kept);
    EQ_UINT(vow_stats(loop).handles, 0);
}
