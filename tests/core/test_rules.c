/* SPDX-License-Identifier: MIT
 *
 * Rules that belong to no single operation: who looks and who takes, when handlers run,
 * whose loop a promise is, how long memory lives.
 */
#include "core/common.h"
#include "core/loop.h"
#include "vow/flow.h"

static void no_line(UNUSED const char *line, UNUSED void *data) {}

TEST(ref_cancel_state_peek_error_of_mark_handled_and_dump_only_look)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_promise *again = vow_ref(p);
    vow_state(p);
    vow_peek(p);
    vow_error_of(p);
    vow_mark_handled(p);
    vow_dump_promise(p, no_line, NULL);
    vow_cancel(p);
    EQ_UINT(vow_stats(loop).handles, 2);
    vow_unref(p);
    vow_unref(again);
    vow_resolver_drop(r);
}

TEST(whatever_builds_a_promise_takes_the_one_it_is_given)
{
    int destroyed = 0;
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    p = vow_handle(p, same, NULL);
    EQ_UINT(vow_stats(loop).handles, 1);
    p = vow_attach(p, &destroyed, count_destroy);
    p = vow_context(p, "words");
    p = vow_shield(p);
    EQ_UINT(vow_stats(loop).handles, 1);
    vow_detach(p, NULL, NULL, NULL);
    EQ_UINT(vow_stats(loop).handles, 0);
    vow_resolve(r, vow_none());
    drain(loop);
}

static void resolve_in_stop(void *data) { vow_resolve(*(vow_resolver **)data, vow_v(1)); }

TEST(handlers_never_run_inside_then_resolve_cancel_or_unref)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"}, c = {&seen, "c"};
    struct op op = {0};
    vow_resolver *r, *stopping;
    vow_promise *p = vow_then(vow_promise_new(loop, &r), note_value, &a);
    vow_promise *q = vow_promise_new(loop, &stopping);
    vow_on_stop(stopping, resolve_in_stop, &r, NULL);
    vow_unref(q); /* settles p from the hook */
    q = vow_then(vow_resolved(loop, vow_v(2)), note_value, &b);
    vow_promise *s = vow_catch(op_start(loop, &op), note_recover, &c);
    vow_cancel(s);
    EQ_TRACE(seen, "");
    drain(loop);
    EQ_TRACE(seen, "a=1 b=2 c!ECANCELED");
    vow_unref(p);
    vow_unref(q);
    vow_unref(s);
}

static vow_value run_other(UNUSED vow_value v, void *data)
{
    vow_loop *other = data, *mine = vow_current();
    vow_value got;
    vow_promise *p = vow_then(vow_resolved(other, vow_v(1)), add_one, NULL);
    EQ_INT(vow_run(other, p, &got), 0);
    EQ_PTR(vow_current(), mine);
    return got;
}

TEST(a_handler_of_one_loop_may_run_another)
{
    vow_loop *other = vow_loop_new();
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), run_other, other);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 2);
    vow_unref(p);
    vow_loop_free(other);
}

struct attached_steps {
    vow_loop *loop;
    int left, destroyed;
    size_t live;
};
static vow_value give_attached(UNUSED vow_value v, void *data)
{
    struct attached_steps *s = data;
    if (s->left-- == 0) {
        s->live = vow_stats(s->loop).live;
        return vow_int(42);
    }
    vow_promise *p = vow_then(vow_resolved(s->loop, vow_none()), give_attached, s);
    return vow_v(vow_attach(p, &s->destroyed, count_destroy));
}

TEST(a_loop_whose_steps_attach_data_keeps_the_data_of_each_step)
{
    struct attached_steps s = {loop, 1000, 0, 0};
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_attached, &s);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 42);
    EQ_INT(s.destroyed, 1000);
    CHECK(s.live >= 1000);
    vow_unref(p);
}

TEST(only_handles_and_links_count_as_wanting_an_operation)
{
    struct op op = {0};
    vow_promise *p = op_start(loop, &op);
    CHECK(vow_is_wanted(op.r));
    EQ_INT(op.destroys, 0); /* it keeps its memory while it runs */
    vow_unref(p);
    EQ_INT(op.stops, 1); /* its own resolver does not count */
    EQ_INT(op.destroys, 1);
}

TEST(the_loop_of_a_promise_is_found_from_any_slab)
{
    struct lines lines = exhaust_lines(loop);
    vow_promise *p = vow_resolved(loop, vow_v(1));
    EQ_UINT(vow_stats(loop).bytes, 2 * 1024 * 1024);
    EQ_PTR(vow_loop_of(p), loop);
    EQ_PTR(vow_loop_of(lines.held[0]), loop);
    vow_unref(p);
    give_lines_back(&lines);
}

TEST(all_live_promises_are_walked_through_all_slabs)
{
    struct lines lines = exhaust_lines(loop);
    vow_promise *p = vow_resolved(loop, vow_v(1));
    EQ_UINT(vow_stats(loop).live, lines.count + 1);
    EQ_UINT(vow_stats(loop).handles, lines.count + 1);
    EQ_UINT(vow_stats(loop).peak, lines.count + 1);
    vow_unref(p);
    give_lines_back(&lines);
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(an_error_made_without_memory_keeps_its_code_and_loses_its_text)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_mark_handled(p);
    vow_test_fail_allocation(1, true);
    vow_reject(r, vow_error_new(vow_errno_domain(), EPROTO, "words"));
    vow_test_fail_allocation(0, false);
    EQ_INT(error_code(p), EPROTO);
    EQ_TEXT(vow_error_message(vow_error_of(p)), "Protocol error");
    vow_unref(p);
}

#ifdef VOW_ASAN
#include <sanitizer/asan_interface.h>
TEST(freed_lines_are_poisoned)
{
    vow_promise *p = vow_resolved(loop, vow_v(1));
    CHECK(!__asan_address_is_poisoned((char *)p + 8));
    vow_unref(p);
    CHECK(__asan_address_is_poisoned((char *)p + 8));
    CHECK(__asan_address_is_poisoned((char *)p + 63));
}
#endif
