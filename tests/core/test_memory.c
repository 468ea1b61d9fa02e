/* SPDX-License-Identifier: MIT
 *
 * Memory: 64 bytes a promise, nothing allocated when settling, and what happens when
 * there is none.
 */
#include "core/common.h"
#include "core/promise.h"

TEST(one_pending_promise_is_one_64_byte_line)
{
    vow_resolver *r;
    size_t before = vow_stats(loop).live;
    vow_promise *p = vow_promise_new(loop, &r);
    EQ_UINT(vow_stats(loop).live, before + 1);
    p = vow_then(p, same, NULL);
    EQ_UINT(vow_stats(loop).live, before + 2);
    EQ_UINT(sizeof(vow_promise), 64);
    vow_unref(p);
    vow_resolver_drop(r);
}

TEST(freed_lines_are_used_again)
{
    for (int i = 0; i < 100000; i++)
        vow_unref(vow_resolved(loop, vow_v(i)));
    CHECK(vow_stats(loop).peak <= 2);
    EQ_UINT(vow_stats(loop).bytes, 1024 * 1024);
}

/* An allocator that ends the program while `forbidden`. */
static bool forbidden;
static void *checked_resize(UNUSED void *context, void *block, size_t size)
{
    if (forbidden && size > 0) {
        fprintf(stderr, "allocated while settling\n");
        abort();
    }
    if (size > 0)
        return realloc(block, size);
    free(block);
    return NULL;
}

static vow_value give_pending(UNUSED vow_value v, void *data)
{
    vow_promise **held = data, *p = *held;
    *held = NULL;
    return vow_v(p);
}
static vow_value wait_for_held(void *data) { return give_pending(vow_none(), data); }
static vow_value recover(UNUSED const vow_error *e, UNUSED void *data) { return vow_int(1); }

/* Everything that a chain can be made of, settled from `r`. */
struct everything {
    vow_resolver *r, *inner_r, *cleanup_r;
    vow_promise *inner, *cleanup, *chain, *branch, *shielded;
    int destroyed;
};
static void build_everything(struct everything *e, vow_loop *loop)
{
    vow_promise *p = vow_promise_new(loop, &e->r);
    e->inner = vow_then(vow_promise_new(loop, &e->inner_r), same, NULL);
    e->cleanup = vow_promise_new(loop, &e->cleanup_r);
    e->branch = vow_catch(vow_ref(p), recover, NULL);
    e->shielded = vow_shield(vow_ref(p));
    p = vow_then(p, give_pending, &e->inner);
    p = vow_finally(p, wait_for_held, &e->cleanup);
    p = vow_context(p, "with words");
    p = vow_attach(p, &e->destroyed, count_destroy);
    e->chain = vow_handle(p, same, NULL);
    vow_mark_handled(e->chain);
    vow_mark_handled(e->shielded);
}
static void drop_everything(struct everything *e)
{
    vow_unref(e->inner);
    vow_unref(e->cleanup);
    vow_unref(e->branch);
    vow_unref(e->shielded);
    vow_unref(e->chain);
}

/* The allocator stands from before the loop is made until after it is gone. */
static vow_loop *checked_loop(void)
{
    static const vow_allocator checked = {checked_resize, NULL};
    vow_set_allocator(&checked);
    return vow_loop_new();
}
static void end_checked_loop(vow_loop *loop)
{
    forbidden = false;
    EQ_UINT(vow_stats(loop).live, 0);
    vow_loop_free(loop);
    vow_set_allocator(NULL);
}

TEST_PLAIN(settle_and_dispatch_never_allocate)
{
    struct everything e = {0};
    loop = checked_loop();
    build_everything(&e, loop);
    forbidden = true;
    vow_resolve(e.r, vow_v(1));
    drain(loop);
    vow_resolve(e.inner_r, vow_v(2));
    drain(loop);
    vow_resolve(e.cleanup_r, vow_none());
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(e.chain)), 2);
    EQ_INT(e.destroyed, 1);
    drop_everything(&e);
    end_checked_loop(loop);
}

TEST_PLAIN(rejecting_and_passing_an_error_on_never_allocate)
{
    struct everything e = {0};
    loop = checked_loop();
    build_everything(&e, loop);
    vow_error *error = eio(), *other = vow_error_new(vow_errno_domain(), EPROTO, "clean-up");
    forbidden = true;
    vow_reject(e.r, error);
    drain(loop);
    vow_reject(e.cleanup_r, other);
    drain(loop);
    EQ_INT(error_code(e.chain), EPROTO);
    vow_resolver_abandon(e.inner_r);
    drop_everything(&e);
    drain(loop);
    end_checked_loop(loop);
}

TEST_PLAIN(cancel_never_allocates)
{
    struct everything e = {0};
    loop = checked_loop();
    build_everything(&e, loop);
    forbidden = true;
    vow_cancel(e.chain);
    vow_cancel(e.branch);
    vow_cancel(e.shielded);
    drain(loop);
    vow_resolve(e.cleanup_r, vow_none());
    drain(loop);
    EQ_INT(error_code(e.chain), ECANCELED);
    vow_resolve(e.r, vow_none());
    vow_resolver_abandon(e.inner_r);
    drop_everything(&e);
    drain(loop);
    end_checked_loop(loop);
}

TEST_PLAIN(drop_never_allocates)
{
    struct everything e = {0};
    loop = checked_loop();
    build_everything(&e, loop);
    forbidden = true;
    drop_everything(&e);
    EQ_INT(e.destroyed, 1);
    vow_resolve(e.r, vow_none());
    vow_resolver_abandon(e.inner_r);
    vow_resolver_abandon(e.cleanup_r);
    drain(loop);
    end_checked_loop(loop);
}

TEST_PLAIN(following_and_reporting_never_allocate)
{
    struct trace seen = {""};
    vow_resolver *r, *inner_r;
    loop = checked_loop();
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = vow_promise_new(loop, &r), *inner = vow_promise_new(loop, &inner_r);
    vow_error *e = eio();
    forbidden = true;
    vow_resolve(r, vow_v(inner));
    vow_reject(inner_r, e);
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO");
    vow_unref(p);
    end_checked_loop(loop);
}

/* From here on: no memory. */

TEST(a_promise_that_cannot_be_made_is_rejected_with_ENOMEM_and_its_resolver_is_inert)
{
    int destroyed = 0;
    struct op op = {0};
    struct lines lines = exhaust_lines(loop);
    vow_test_fail_allocation(1, true);
    vow_promise *p = op_start(loop, &op);
    CHECK(vow_test_failed());
    vow_test_fail_allocation(0, false);
    EQ_INT(error_code(p), ENOMEM);
    EQ_INT(op.destroys, 1);
    CHECK(!vow_is_wanted(op.r));
    vow_resolve(op.r, counted(&destroyed));
    EQ_INT(destroyed, 1);
    EQ_INT(error_code(p), ENOMEM);
    EXPECT_UNHANDLED(1);
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    drain(loop);
    EQ_TRACE(seen, "unhandled!ENOMEM");
    vow_unref(p);
    give_lines_back(&lines);
}

TEST(an_inert_resolver_of_a_refused_promise_may_be_dropped_or_abandoned)
{
    vow_resolver *r, *s;
    struct lines lines = exhaust_lines(loop);
    vow_test_fail_allocation(1, true);
    vow_promise *p = vow_promise_new(loop, &r), *q = vow_promise_new(loop, &s);
    vow_test_fail_allocation(0, false);
    vow_resolver_drop(r);
    vow_resolver_abandon(s);
    vow_cancel(p);
    vow_mark_handled(p);
    vow_mark_handled(q);
    EQ_INT(error_code(p), ENOMEM);
    vow_unref(p);
    vow_unref(q);
    drain(loop);
    give_lines_back(&lines);
}

/* Each builder once, on a promise that waits for `op`. */
static vow_promise *build(int which, vow_promise *p, int *destroyed)
{
    switch (which) {
    case 0:
        return vow_handle_with(p, same, destroyed, count_destroy);
    case 1:
        return vow_then_with(p, same, destroyed, count_destroy);
    case 2:
        return vow_catch_with(p, recover, destroyed, count_destroy);
    case 3:
        return vow_finally_with(p, wait_for_held, destroyed, count_destroy);
    case 4:
        return vow_attach(p, destroyed, count_destroy);
    case 5:
        ++*destroyed;
        return vow_context(p, "words");
    case 6:
        ++*destroyed;
        return vow_shield(p);
    default:
        return NULL;
    }
}

TEST(a_builder_without_memory_drops_its_promise_destroys_its_data_and_gives_ENOMEM)
{
    for (int i = 0; i < 7; i++) {
        int destroyed = 0;
        struct op op = {0};
        vow_promise *p = op_start(loop, &op);
        struct lines lines = exhaust_lines(loop);
        vow_test_fail_allocation(1, true);
        p = build(i, p, &destroyed);
        vow_test_fail_allocation(0, false);
        EQ_INT(error_code(p), ENOMEM);
        EQ_INT(destroyed, 1);
        EQ_INT(op.stops, 1);
        vow_mark_handled(p);
        vow_unref(p);
        give_lines_back(&lines);
    }
}

/* The step fits into the last line, the data attached to it does not. */
TEST(a_builder_that_finds_memory_for_half_of_it_gives_ENOMEM_too)
{
    for (int i = 0; i < 7; i++) {
        int destroyed = 0;
        struct op op = {0};
        vow_promise *p = op_start(loop, &op);
        struct lines lines = exhaust_lines(loop);
        vow_unref(lines.held[--lines.count]);
        vow_test_fail_allocation(i == 5 ? 2 : 1, true);
        p = build(i, p, &destroyed);
        vow_test_fail_allocation(0, false);
        bool fits = i == 4 || i == 5;
        EQ_INT(error_code(p), fits ? 0 : ENOMEM);
        EQ_INT(op.stops, fits ? 0 : 1);
        vow_mark_handled(p);
        vow_unref(p);
        EQ_INT(destroyed, 1);
        give_lines_back(&lines);
    }
}

TEST(a_context_without_memory_for_its_words_gives_ENOMEM)
{
    struct op op = {0};
    vow_promise *p = op_start(loop, &op);
    vow_test_fail_allocation(1, false);
    p = vow_context(p, "words");
    EQ_INT(error_code(p), ENOMEM);
    EQ_INT(op.stops, 1);
    vow_mark_handled(p);
    vow_unref(p);
}

TEST(then_and_catch_on_a_refused_promise_try_again)
{
    struct trace seen = {""};
    struct note c = {&seen, "catch"};
    vow_resolver *r;
    struct lines lines = exhaust_lines(loop);
    vow_test_fail_allocation(1, true);
    vow_promise *p = vow_then(vow_promise_new(loop, &r), never_called, NULL);
    vow_test_fail_allocation(0, false);
    give_lines_back(&lines);
    p = vow_catch(vow_then(p, never_called, NULL), note_recover, &c);
    vow_resolver_drop(r);
    drain(loop);
    EQ_TRACE(seen, "catch!ENOMEM");
    EQ_UINT(vow_unhandled_count(loop), 0);
    vow_unref(p);
}

TEST(running_a_refused_promise_answers_ENOMEM)
{
    vow_resolver *r;
    vow_value v;
    struct lines lines = exhaust_lines(loop);
    vow_test_fail_allocation(1, true);
    vow_promise *p = vow_promise_new(loop, &r);
    EQ_INT(vow_run(loop, p, &v), ENOMEM);
    vow_test_fail_allocation(0, false);
    EQ_INT(vow_error_code(vow_as_error(v)), ENOMEM);
    vow_release(v);
    vow_resolver_drop(r);
    EQ_UINT(vow_unhandled_count(loop), 0);
    give_lines_back(&lines);
}

TEST(refusals_are_reported_once_a_turn_however_many)
{
    struct trace seen = {""};
    struct lines lines = exhaust_lines(loop);
    vow_on_unhandled(loop, note_unhandled, &seen);
    for (int turn = 0; turn < 2; turn++) {
        vow_test_fail_allocation(1, true);
        for (int i = 0; i < 10; i++)
            vow_unref(vow_resolved(loop, vow_v(i)));
        vow_test_fail_allocation(0, false);
        vow_poll(loop);
    }
    EQ_TRACE(seen, "unhandled!ENOMEM unhandled!ENOMEM");
    EXPECT_UNHANDLED(2);
    give_lines_back(&lines);
}

static vow_value give_refused(UNUSED vow_value v, UNUSED void *data)
{
    vow_test_fail_allocation(1, true);
    vow_promise *p = vow_resolved(vow_current(), vow_v(1));
    vow_test_fail_allocation(0, false);
    return vow_v(p);
}

TEST(a_refused_promise_that_a_handler_returns_is_followed)
{
    struct trace seen = {""};
    struct note c = {&seen, "catch"};
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_refused, NULL);
    p = vow_catch(p, note_recover, &c);
    struct lines lines = exhaust_lines(loop);
    drain(loop);
    EQ_TRACE(seen, "catch!ENOMEM");
    EQ_UINT(vow_unhandled_count(loop), 0);
    vow_unref(p);
    give_lines_back(&lines);
}

TEST(a_value_for_a_promise_that_cannot_be_made_is_released)
{
    int destroyed = 0;
    struct lines lines = exhaust_lines(loop);
    vow_value v = counted(&destroyed);
    vow_test_fail_allocation(1, true);
    vow_promise *p = vow_resolved(loop, v);
    vow_test_fail_allocation(0, false);
    EQ_INT(destroyed, 1);
    vow_mark_handled(p);
    vow_unref(p);
    give_lines_back(&lines);
}

TEST(detach_without_memory_keeps_the_work_running_and_reports_its_error)
{
    struct trace seen = {""};
    vow_resolver *r;
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = vow_promise_new(loop, &r);
    struct lines lines = exhaust_lines(loop);
    vow_test_fail_allocation(1, true);
    vow_detach(p, note_detached, &seen, NULL);
    vow_test_fail_allocation(0, false);
    CHECK(vow_is_wanted(r));
    vow_reject(r, eio());
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO");
    EXPECT_UNHANDLED(1);
    give_lines_back(&lines);
}

/* It runs on, or the data goes: a handler that still runs may use the data. */
TEST(detach_without_memory_drops_the_work_before_the_data_that_it_may_use)
{
    struct trace seen = {""};
    int destroyed = 0;
    vow_resolver *r;
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = vow_then(vow_promise_new(loop, &r), same, NULL);
    struct lines lines = exhaust_lines(loop);
    vow_test_fail_allocation(1, true);
    vow_detach(p, note_detached, &destroyed, count_destroy);
    vow_test_fail_allocation(0, false);
    EQ_INT(destroyed, 1);
    CHECK(!vow_is_wanted(r));
    vow_resolve(r, vow_v(1));
    drain(loop);
    EQ_TRACE(seen, "unhandled!ENOMEM");
    EXPECT_UNHANDLED(1);
    give_lines_back(&lines);
}

/* The report waits for a drain, so the base has to be woken for one. */
TEST(a_refusal_that_nobody_handles_is_reported_in_the_next_turn)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    struct lines lines = exhaust_lines(loop);
    vow_drain(loop, 1);
    vow_test_fail_allocation(1, true);
    vow_unref(vow_resolved(loop, vow_none()));
    vow_test_fail_allocation(0, false);
    EQ_INT(vow_run_all(loop), 0);
    EQ_TRACE(seen, "unhandled!ENOMEM");
    EXPECT_UNHANDLED(1);
    give_lines_back(&lines);
}

static vow_promise *rejected_for_want_of_memory(vow_loop *loop)
{
    vow_test_fail_allocation(1, false);
    return vow_resolved(loop, vow_text("no memory for it"));
}

TEST(want_of_memory_is_reported_once_however_often_it_is_met)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = rejected_for_want_of_memory(loop);
    struct lines lines = exhaust_lines(loop);
    vow_test_fail_allocation(1, true);
    vow_unref(vow_then(vow_then(vow_ref(p), same, NULL), same, NULL));
    vow_test_fail_allocation(0, false);
    drain(loop);
    EQ_TRACE(seen, "unhandled!ENOMEM");
    EXPECT_UNHANDLED(1);
    vow_unref(p);
    give_lines_back(&lines);
}

static vow_value give_rejected(void *p) { return vow_v((vow_promise *)p); }

TEST(a_clean_up_that_fails_with_the_very_error_it_replaces_loses_none)
{
    vow_promise *p = rejected_for_want_of_memory(loop), *q = rejected_for_want_of_memory(loop);
    vow_test_fail_allocation(0, false);
    EQ_INT(vow_run(loop, vow_finally(p, give_rejected, q), NULL), ENOMEM);
}

TEST_PLAIN(work_detached_without_memory_ends_with_its_loop)
{
    vow_resolver *r;
    loop = vow_loop_new();
    vow_promise *p = vow_promise_new(loop, &r);
    struct lines lines = exhaust_lines(loop);
    vow_test_fail_allocation(1, true);
    vow_detach(p, NULL, NULL, NULL);
    vow_test_fail_allocation(0, false);
    give_lines_back(&lines);
    vow_loop_free(loop);
    vow_resolve(r, vow_v(1));
}

TEST(attach_to_a_refused_promise_with_other_handles_is_no_misuse)
{
    int destroyed = 0;
    vow_resolver *r;
    struct lines lines = exhaust_lines(loop);
    vow_test_fail_allocation(1, true);
    vow_promise *p = vow_promise_new(loop, &r), *q = vow_ref(p);
    p = vow_attach(p, &destroyed, count_destroy);
    vow_test_fail_allocation(0, false);
    EQ_INT(destroyed, 1);
    vow_mark_handled(p);
    vow_unref(p);
    vow_unref(q);
    vow_resolver_drop(r);
    give_lines_back(&lines);
}

TEST(memory_that_comes_back_is_used)
{
    vow_resolver *r;
    struct lines lines = exhaust_lines(loop);
    EQ_UINT(vow_stats(loop).bytes, 1024 * 1024);
    vow_promise *p = vow_promise_new(loop, &r);
    EQ_UINT(vow_stats(loop).bytes, 2 * 1024 * 1024);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
    vow_resolver_drop(r);
    give_lines_back(&lines);
}

TEST_PLAIN(a_loop_that_cannot_be_made_is_NULL_and_leaks_nothing)
{
    for (size_t n = 1;; n++) {
        vow_test_fail_allocation(n, true);
        loop = vow_loop_new();
        bool failed = vow_test_failed();
        vow_test_fail_allocation(0, false);
        if (!failed)
            break;
        CHECK(loop == NULL);
        EQ_INT(errno, ENOMEM);
    }
    vow_loop_free(loop);
}
