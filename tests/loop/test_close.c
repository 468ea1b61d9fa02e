/* SPDX-License-Identifier: MIT */
#include "common.h"

#include "vow/flow.h"

TEST(closing_rejects_what_is_pending_and_runs_who_sees_it)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_resolver *r;
    vow_promise *p = vow_handle(vow_promise_new(loop, &r), note_any, &a);
    vow_promise *q = vow_handle(vow_delay(loop, 1000), note_any, &b);
    EQ_UINT(vow_loop_close(loop), 2);
    CHECK(vow_loop_is_closed(loop));
    EQ_TRACE(seen, "a!10003 b!10003");
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    vow_unref(q);
    vow_resolver_drop(r);
}

TEST(closing_runs_what_was_queued_with_its_values)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_promise *p = vow_handle(vow_resolved(loop, vow_v(1)), note_any, &a);
    EQ_UINT(vow_loop_close(loop), 1);
    EQ_TRACE(seen, "a=1");
    vow_unref(p);
}

TEST(closing_an_idle_loop_twice_is_fine)
{
    EQ_UINT(vow_loop_close(loop), 0);
    EQ_UINT(vow_loop_close(loop), 0);
}

TEST(closing_counts_the_handles_that_are_out)
{
    vow_promise *p = vow_resolved(loop, vow_v(1)), *same = vow_ref(p);
    EQ_UINT(vow_loop_close(loop), 2);
    vow_unref(p);
    EQ_UINT(vow_loop_close(loop), 1);
    vow_unref(same);
    EQ_UINT(vow_loop_close(loop), 0);
}

TEST(what_a_closing_loop_rejects_is_not_reported)
{
    vow_promise *p = vow_delay(loop, 1000);
    vow_loop_close(loop);
    EQ_UINT(vow_unhandled_count(loop), 0);
    vow_unref(p);
}

static vow_value start_work(const vow_error *e UNUSED, void *data)
{
    vow_loop *loop = data;
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    p = vow_then(p, count_value, NULL);
    vow_resolve(r, vow_v(1));
    vow_unref(p);
    EQ_PTR(vow_remote_new(loop), NULL);
    EQ_INT(errno, ESHUTDOWN);
    return vow_v(vow_delay(loop, 1));
}

TEST(starting_work_on_a_closing_loop_gives_a_rejected_promise)
{
    vow_promise *p = vow_catch(vow_delay(loop, 1000), start_work, loop);
    vow_loop_close(loop);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
}

TEST(starting_work_on_a_closed_loop_gives_a_rejected_promise_and_destroys_the_data)
{
    int destroyed = 0;
    vow_loop_close(loop);
    vow_promise *p = vow_delay(loop, 1);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    p = vow_then_with(p, count_value, &destroyed, count_destroy);
    EQ_INT(destroyed, 1);
    p = vow_catch(p, count_error, NULL);
    p = vow_timeout(p, 10);
    p = vow_all(loop, p, vow_resolved(loop, vow_text("gone")));
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    EQ_INT(vow_run(loop, p, NULL), VOW_ECLOSED);
}

TEST(running_a_closed_loop_says_so_but_gives_what_had_settled)
{
    vow_promise *p = vow_resolved(loop, vow_v(3)), *q = vow_delay(loop, 1);
    vow_loop_close(loop);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_INT(vow_as_int(v), 3);
    EQ_INT(vow_run(loop, q, NULL), VOW_ECLOSED);
    EQ_INT(vow_run_all(loop), VOW_ECLOSED);
    EQ_INT(vow_poll(loop), -1);
    EQ_UINT(vow_drain(loop, 10), 0);
}

/* A finally's clean-up is waited for by nobody any more: its timer is rejected, too. */
static vow_value clean_up(void *data) { return vow_v(vow_delay(data, 10)); }

TEST(closing_ends_a_clean_up_that_is_under_way)
{
    vow_promise *p = vow_finally(vow_resolved(loop, vow_v(1)), clean_up, loop);
    vow_drain(loop, 10);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_loop_close(loop);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
}

/* A foreign thenable that keeps its resolver for ever. */
static vow_resolver *kept;
static void keep_resolver(void *object UNUSED, vow_resolver *r) { kept = r; }
static void *ref_none(void *object) { return object; }
static void unref_none(void *object UNUSED) {}
static const vow_type silent_type = {.size = sizeof(vow_type),
                                     .name = "silent",
                                     .ref = ref_none,
                                     .unref = unref_none,
                                     .then = keep_resolver};

TEST(closing_rejects_what_a_thenable_leaves_pending)
{
    int object;
    vow_promise *p = vow_resolved(loop, vow_of(&silent_type, &object));
    vow_promise *q = vow_then(vow_ref(p), count_value, NULL);
    EQ_UINT(vow_loop_close(loop), 2);
    EQ_INT(vow_error_code(vow_error_of(q)), VOW_ECLOSED);
    vow_resolver_drop(kept);
    vow_unref(p);
    vow_unref(q);
}

/* Inside a handler. */

struct end {
    vow_loop *loop;
    struct trace seen;
    bool free_it;
};

static vow_value end_loop(vow_value v UNUSED, void *data)
{
    struct end *end = data;
    if (end->free_it)
        EQ_PTR(vow_loop_free(end->loop), NULL);
    else
        EQ_UINT(vow_loop_close(end->loop), 0);
    CHECK(!vow_loop_is_closed(end->loop));
    trace_add(&end->seen, "asked");
    return vow_v(1);
}

TEST(closing_in_a_handler_happens_when_it_returns_and_ends_the_run)
{
    struct end end = {loop, {""}, false};
    struct note note = {&end.seen, "pending"};
    vow_promise *pending = vow_handle(vow_delay(loop, 1000), note_any, &note);
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), end_loop, &end);
    EQ_INT(vow_run(loop, vow_ref(pending), NULL), VOW_ECLOSED);
    CHECK(vow_loop_is_closed(loop));
    EQ_TRACE(end.seen, "asked pending!10003");
    EQ_INT(vow_as_int(vow_peek(p)), 1);
    vow_unref(p);
    vow_unref(pending);
}

TEST(the_run_whose_promise_closes_the_loop_gives_its_value)
{
    struct end end = {loop, {""}, false};
    EQ_INT(run_int(loop, vow_then(vow_resolved(loop, vow_none()), end_loop, &end)), 1);
    CHECK(vow_loop_is_closed(loop));
}

static vow_value recover(const vow_error *e, void *data UNUSED) { return vow_v(vow_error_code(e)); }

TEST(a_catch_that_recovers_from_the_closing_is_what_the_run_gives)
{
    struct end end = {loop, {""}, false};
    vow_detach(vow_then(vow_resolved(loop, vow_none()), end_loop, &end), NULL, NULL, NULL);
    EQ_INT(run_int(loop, vow_catch(vow_delay(loop, 1000), recover, NULL)), VOW_ECLOSED);
}

TEST_PLAIN(freeing_in_a_handler_under_vow_run)
{
    struct end end = {real_loop(), {""}, true};
    struct note note = {&end.seen, "pending"};
    vow_detach(vow_handle(vow_delay(end.loop, 1000000), note_any, &note), NULL, NULL, NULL);
    EQ_INT(run_int(end.loop, vow_then(vow_delay(end.loop, 1), end_loop, &end)), 1);
    EQ_TRACE(end.seen, "asked pending!10003");
}

TEST_PLAIN(freeing_in_a_handler_under_dispatch_of_an_attached_base)
{
    struct event_base *base = event_base_new();
    struct end end = {vow_loop_attach(base), {""}, true};
    struct note note = {&end.seen, "pending"};
    vow_detach(vow_handle(vow_delay(end.loop, 1000000), note_any, &note), NULL, NULL, NULL);
    vow_detach(vow_then(vow_delay(end.loop, 1), end_loop, &end), NULL, NULL, NULL);
    EQ_INT(event_base_dispatch(base), 1);
    EQ_TRACE(end.seen, "asked pending!10003");
    EQ_INT(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    event_base_free(base);
}

TEST_PLAIN(freeing_in_a_handler_under_drain_poll_and_run_all)
{
    for (int how = 0; how < 3; how++) {
        struct end end = {real_loop(), {""}, true};
        vow_detach(vow_then(vow_resolved(end.loop, vow_none()), end_loop, &end), NULL, NULL, NULL);
        if (how == 0)
            EQ_UINT(vow_drain(end.loop, 10), 2); /* the handler, the detached end */
        else if (how == 1)
            EQ_INT(vow_poll(end.loop), 1);
        else
            EQ_INT(vow_run_all(end.loop), VOW_ECLOSED);
        EQ_TRACE(end.seen, "asked");
    }
}

TEST_PLAIN(freeing_in_a_handler_under_clock_advance)
{
    struct end end = {real_loop(), {""}, true};
    vow_clock_virtual(end.loop, false);
    vow_detach(vow_then(vow_delay(end.loop, 5), end_loop, &end), NULL, NULL, NULL);
    vow_detach(vow_delay(end.loop, 6), NULL, NULL, NULL);
    vow_clock_advance(end.loop, 10);
    EQ_TRACE(end.seen, "asked");
}

static void free_loop(void *loop) { vow_loop_free(loop); }
static vow_value free_quietly(vow_value v UNUSED, void *loop)
{
    vow_loop_free(loop);
    return vow_none();
}

TEST_PLAIN(freeing_in_a_posted_function)
{
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    vow_remote *remote = vow_remote_new(loop_);
    EQ_INT(vow_post(remote, free_loop, loop_, NULL), 0);
    event_base_dispatch(base);
    EQ_INT(vow_post(remote, free_loop, loop_, NULL), ESHUTDOWN);
    vow_remote_unref(remote);
    event_base_free(base);
}

TEST_PLAIN(freeing_between_enter_and_leave)
{
    vow_loop *loop_ = real_loop();
    vow_enter(loop_);
    vow_loop_free(loop_);
    vow_detach(vow_delay(loop_, 10), NULL, NULL, NULL); /* still there */
    vow_leave(loop_);
}

TEST_PLAIN(freeing_in_a_destructor_outside_of_dispatch)
{
    vow_loop *loop_ = real_loop();
    vow_resolver *r;
    vow_promise *p = vow_attach(vow_promise_new(loop_, &r), loop_, free_loop);
    vow_resolver_abandon(r);
    vow_unref(p); /* the loop, too */
}

TEST_PLAIN(freeing_in_a_stop_hook_outside_of_dispatch)
{
    vow_loop *loop_ = real_loop();
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop_, &r);
    vow_on_stop(r, free_loop, loop_, NULL);
    vow_cancel(p); /* the loop is freed, p is a handle that is still out */
    EQ_INT(vow_state(p), VOW_REJECTED);
    vow_unref(p);
}

TEST_PLAIN(freeing_while_the_loop_closes)
{
    vow_loop *loop_ = real_loop();
    vow_detach(vow_handle(vow_delay(loop_, 1000), free_quietly, loop_), NULL, NULL, NULL);
    EQ_UINT(vow_loop_close(loop_), 0); /* the loop is gone */
}

/* Handles that outlive the loop. */

TEST_PLAIN(handles_outlive_the_loop_and_are_inert)
{
    vow_loop *loop_ = real_loop();
    vow_resolver *r, *never;
    vow_promise *pending = vow_promise_new(loop_, &r),
                *text = vow_resolved(loop_, vow_text("kept"));
    vow_promise *plain = vow_resolved(loop_, vow_v(1)), *dropped = vow_promise_new(loop_, &never);
    vow_unref(dropped);
    EQ_UINT(vow_loop_close(loop_), 3);
    vow_loop_free(loop_);
    EQ_INT(vow_state(pending), VOW_REJECTED);
    EQ_TEXT(vow_as_text(vow_peek(text)), "kept");
    vow_cancel(pending);
    vow_mark_handled(pending);
    vow_resolve(r, vow_text("too late"));
    vow_resolve(never, vow_text("for nobody"));
    pending = vow_then(pending, count_value, NULL);
    EQ_INT(vow_error_code(vow_error_of(pending)), VOW_ECLOSED);
    plain = vow_shield(vow_catch(plain, count_error, NULL));
    vow_unref(plain);
    vow_unref(text);
    vow_detach(pending, NULL, NULL, NULL);
}

TEST_PLAIN(each_last_use_of_a_handle_ends_the_loop)
{
    for (int how = 0; how < 8; how++) {
        int destroyed = 0;
        vow_loop *loop_ = real_loop();
        vow_resolver *r;
        vow_promise *p = how == 7 ? vow_promise_new(loop_, &r) : vow_resolved(loop_, vow_text("x"));
        if (how == 7)
            vow_unref(p);
        vow_loop_free(loop_);
        switch (how) {
        case 0:
            vow_unref(p);
            break;
        case 1:
            vow_unref(vow_then(p, NULL, NULL));
            break;
        case 2:
            vow_unref(vow_then_with(p, count_value, &destroyed, count_destroy));
            break;
        case 3:
            vow_unref(vow_context(p, "context"));
            break;
        case 4:
            vow_unref(vow_attach(p, &destroyed, count_destroy));
            break;
        case 5:
            vow_detach(p, NULL, &destroyed, count_destroy);
            break;
        case 6:
            vow_unref(vow_timeout(p, 10));
            break;
        default:
            vow_resolver_drop(r);
        }
        EQ_INT(destroyed, how == 2 || how == 4 || how == 5);
    }
}

TEST_PLAIN(a_value_that_holds_the_last_handles_ends_the_loop_once)
{
    vow_loop *loop_ = real_loop();
    vow_promise *inner = vow_resolved(loop_, vow_text("inner"));
    vow_value items[2] = {vow_promise_value(inner), vow_text("x")};
    vow_value array = vow_array(2, items);
    vow_loop_free(loop_);
    vow_release(array);
}

TEST_PLAIN(closing_a_hundred_thousand_timers)
{
    vow_loop *loop_ = real_loop();
    int ended = 0;
    for (uint64_t i = 0; i < 100000; i++)
        vow_detach(vow_catch(vow_delay(loop_, 1000 + i * 7919 % 100000), count_error, &ended), NULL,
                   NULL, NULL);
    EQ_UINT(vow_loop_close(loop_), 0);
    EQ_INT(ended, 100000);
    EQ_INT(event_base_get_num_events(vow_loop_base(loop_), EVENT_BASE_COUNT_ADDED), 0);
    vow_loop_free(loop_);
}
