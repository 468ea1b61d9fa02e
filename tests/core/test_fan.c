/* SPDX-License-Identifier: MIT
 *
 * Several consumers of one promise.
 */
#include "core/common.h"
#include "vow/inspect.h"

/* scenario 56 */
TEST(several_consumers_get_the_same_value)
{
    int destroyed = 0;
    vow_resolver *r;
    vow_promise *p[3], *source = vow_promise_new(loop, &r);
    for (int i = 0; i < 3; i++)
        p[i] = vow_then(vow_ref(source), same, NULL);
    vow_unref(source);
    vow_resolve(r, counted(&destroyed));
    drain(loop);
    for (int i = 0; i < 3; i++) {
        EQ_PTR(vow_unbox(vow_peek(p[i])), &destroyed);
        vow_unref(p[i]);
    }
    EQ_INT(destroyed, 1);
}

/* scenario 57 */
TEST(a_branch_dropped_early_does_not_hurt_the_others)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, c = {&seen, "c"};
    vow_resolver *r;
    vow_promise *source = vow_promise_new(loop, &r);
    vow_promise *p = vow_then(vow_ref(source), note_value, &a);
    vow_unref(vow_then(vow_ref(source), never_called, NULL));
    vow_promise *q = vow_then(source, note_value, &c);
    vow_resolve(r, vow_v(1));
    drain(loop);
    EQ_TRACE(seen, "a=1 c=1");
    vow_unref(p);
    vow_unref(q);
}

/* scenario 58 */
TEST(the_hub_may_be_dropped_before_its_branches_settle)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    struct op op = {0};
    vow_promise *hub = op_start(loop, &op);
    vow_promise *p = vow_then(vow_ref(hub), note_value, &a);
    vow_promise *q = vow_then(vow_ref(hub), note_value, &b);
    vow_unref(hub);
    EQ_INT(op.stops, 0);
    vow_resolve(op.r, vow_v(1));
    drain(loop);
    EQ_TRACE(seen, "a=1 b=1");
    vow_unref(p);
    vow_unref(q);
}

static vow_value not_yet(UNUSED vow_value v, void *data)
{
    EQ_INT(*(int *)data, 0);
    return vow_none();
}

/* scenario 59 */
TEST(a_counted_value_lives_until_the_last_branch_is_done)
{
    int destroyed = 0;
    vow_promise *source = vow_resolved(loop, counted(&destroyed));
    vow_promise *p = vow_then(vow_ref(source), not_yet, &destroyed);
    vow_promise *q = vow_then(source, not_yet, &destroyed);
    drain(loop);
    EQ_INT(destroyed, 1);
    vow_unref(p);
    vow_unref(q);
}

/* scenario 60 */
TEST(an_optional_counted_value_is_present_or_nothing)
{
    struct trace seen = {""};
    struct note present = {&seen, "present"}, absent = {&seen, "absent"};
    int destroyed = 0;
    vow_promise *p = vow_then(vow_resolved(loop, counted(&destroyed)), note_value, &present);
    vow_promise *q = vow_then(vow_resolved(loop, vow_box(NULL, free)), note_value, &absent);
    drain(loop);
    EQ_TRACE(seen, "present=box absent=none");
    vow_unref(p);
    vow_unref(q);
    EQ_INT(destroyed, 1);
}

static vow_value element(vow_value v, void *data) { return vow_keep(vow_at(v, *(size_t *)data)); }

/* scenario 61 */
TEST(an_array_is_split_into_promises_of_its_elements)
{
    size_t indices[] = {0, 1};
    vow_value items[] = {vow_v(10), vow_text("eleven")};
    vow_promise *source = vow_resolved(loop, vow_array(2, items));
    vow_promise *p = vow_then(vow_ref(source), element, &indices[0]);
    vow_promise *q = vow_then(source, element, &indices[1]);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 10);
    EQ_TEXT(vow_as_text(vow_peek(q)), "eleven");
    vow_unref(p);
    vow_unref(q);
}

/* scenario 62 */
TEST(a_branch_may_be_added_after_settling)
{
    int destroyed = 0;
    vow_promise *source = vow_resolved(loop, counted(&destroyed));
    vow_promise *p = vow_then(vow_ref(source), same, NULL);
    drain(loop);
    vow_promise *q = vow_then(source, same, NULL);
    drain(loop);
    EQ_PTR(vow_unbox(vow_peek(p)), &destroyed);
    EQ_PTR(vow_unbox(vow_peek(q)), &destroyed);
    vow_unref(p);
    vow_unref(q);
    EQ_INT(destroyed, 1);
}

/* scenario 63 */
TEST(an_error_reaches_all_branches)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_resolver *r;
    vow_promise *source = vow_promise_new(loop, &r);
    vow_promise *p = vow_catch(vow_ref(source), note_recover, &a);
    vow_promise *q = vow_catch(vow_then(vow_ref(source), never_called, NULL), note_recover, &b);
    vow_unref(source);
    vow_reject(r, eio());
    drain(loop);
    EQ_TRACE(seen, "a!EIO b!EIO");
    vow_unref(p);
    vow_unref(q);
}

/* scenario 64 */
TEST(each_consumer_is_cancelled_for_itself)
{
    struct trace seen = {""};
    struct note notes[] = {{&seen, "a"}, {&seen, "b"}};
    vow_resolver *r;
    vow_promise *p[2], *source = vow_promise_new(loop, &r);
    for (int i = 0; i < 2; i++)
        p[i] = vow_handle(vow_ref(source), note_value, &notes[i]);
    vow_unref(source);
    vow_cancel(p[0]);
    vow_resolve(r, vow_v(1));
    vow_cancel(p[1]); /* too late for the source, in time for the handler */
    drain(loop);
    EQ_TRACE(seen, "a!ECANCELED b!ECANCELED");
    for (int i = 0; i < 2; i++)
        vow_unref(p[i]);
}

/* scenario 65 */
TEST(a_handle_that_nobody_uses_is_not_an_unhandled_failure)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r), *unused = vow_ref(p);
    p = vow_catch(p, note_recover, &a);
    vow_reject(r, eio());
    drain(loop);
    vow_unref(unused);
    drain(loop);
    EQ_TRACE(seen, "a!EIO");
    EQ_UINT(vow_unhandled_count(loop), 0);
    vow_unref(p);
}

TEST(a_branch_that_does_not_handle_is_reported_though_another_does)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_resolver *r;
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = vow_promise_new(loop, &r), *other = vow_then(vow_ref(p), never_called, NULL);
    p = vow_catch(p, note_recover, &a);
    vow_reject(r, eio());
    drain(loop);
    EQ_TRACE(seen, "a!EIO unhandled!EIO");
    EXPECT_UNHANDLED(1);
    vow_unref(other);
    vow_unref(p);
}

TEST(a_consumer_registered_by_a_consumer_comes_after_those_that_wait)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"}, c = {&seen, "c"};
    vow_resolver *r;
    vow_promise *source = vow_promise_new(loop, &r);
    vow_promise *p = vow_then(vow_then(vow_ref(source), note_value, &a), note_value, &c);
    vow_promise *q = vow_then(source, note_value, &b);
    vow_resolve(r, vow_v(1));
    drain(loop);
    EQ_TRACE(seen, "a=1 b=1 c=1");
    vow_unref(p);
    vow_unref(q);
}
