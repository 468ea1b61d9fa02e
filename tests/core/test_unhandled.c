/* SPDX-License-Identifier: MIT
 *
 * Rejections that nobody has seen: told when the queue is empty, once, by a hook.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "core/common.h"
#include "vow/flow.h"
#include "vow/inspect.h"

TEST(unhandled_rejections_are_reported_when_the_queue_is_empty)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *failed = vow_rejected(loop, eio());
    vow_promise *p = vow_then(vow_resolved(loop, vow_v(1)), note_value, &a);
    EQ_TRACE(seen, "");
    drain(loop);
    EQ_TRACE(seen, "a=1 unhandled!EIO");
    EXPECT_UNHANDLED(1);
    vow_unref(failed);
    vow_unref(p);
}

TEST(a_handler_that_comes_before_the_report_is_in_time)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_promise *p = vow_rejected(loop, eio());
    p = vow_catch(p, note_recover, &a);
    drain(loop);
    EQ_TRACE(seen, "a!EIO");
    EQ_UINT(vow_unhandled_count(loop), 0);
    vow_unref(p);
}

TEST(a_handler_that_comes_after_the_report_is_told_as_late)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = vow_rejected(loop, eio());
    drain(loop);
    p = vow_catch(p, note_recover, &a);
    EQ_TRACE(seen, "unhandled!EIO"); /* not from inside the builder */
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO a!EIO late!EIO");
    EQ_UINT(vow_unhandled_count(loop), 1);
    EXPECT_UNHANDLED(1);
    vow_unref(p);
}

TEST(a_rejection_is_reported_once_and_told_late_once)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = vow_rejected(loop, eio());
    drain(loop);
    for (int i = 0; i < 3; i++) {
        vow_unref(vow_catch(vow_ref(p), never_caught, NULL));
        drain(loop);
    }
    vow_unref(p);
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO late!EIO");
    EXPECT_UNHANDLED(1);
}

TEST(reports_come_in_the_order_of_the_rejections)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = vow_rejected(loop, eio());
    vow_unref(vow_rejected(loop, vow_error_new(vow_errno_domain(), EPROTO, NULL)));
    vow_unref(p);
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO unhandled!EPROTO");
    EXPECT_UNHANDLED(2);
}

TEST(only_the_end_of_a_chain_is_reported)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = chain_of(vow_rejected(loop, eio()), 5, never_called, NULL);
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO");
    EXPECT_UNHANDLED(1);
    vow_unref(p);
}

TEST(a_promise_marked_handled_is_not_reported_now_or_later)
{
    vow_resolver *r;
    vow_promise *pending = vow_promise_new(loop, &r), *rejected = vow_rejected(loop, eio());
    vow_mark_handled(pending);
    vow_mark_handled(rejected);
    vow_reject(r, eio());
    drain(loop);
    vow_unref(pending);
    vow_unref(rejected);
    drain(loop);
    EQ_UINT(vow_unhandled_count(loop), 0);
}

TEST(looking_at_an_error_is_not_handling_it)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = vow_rejected(loop, eio());
    EQ_INT(error_code(p), EIO);
    EQ_INT(vow_state(p), VOW_REJECTED);
    vow_unref(p);
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO");
    EXPECT_UNHANDLED(1);
}

TEST(running_until_a_promise_is_rejected_is_handling_it)
{
    EQ_INT(vow_run(loop, vow_rejected(loop, eio()), NULL), EIO);
    drain(loop);
    EQ_UINT(vow_unhandled_count(loop), 0);
}

struct told {
    char made[100], where[100], message[100];
};
static void keep_places(const vow_error *e, const char *made, UNUSED bool late, void *data)
{
    struct told *told = data;
    snprintf(told->made, sizeof told->made, "%s", made ? made : "");
    snprintf(told->where, sizeof told->where, "%s", vow_error_place(e) ? vow_error_place(e) : "");
    vow_describe(e, VOW_ONE_LINE, told->message, sizeof told->message);
}

TEST(a_report_tells_message_causes_where_made_and_where_rejected)
{
    struct told told = {{0}, {0}, {0}};
    vow_on_unhandled(loop, keep_places, &told);
    vow_promise *p = vow_context(vow_rejected(loop, eio()), "load %s", "a.txt");
    vow_unref(vow_then(vow_ref(p), never_called, NULL));
    drain(loop);
    vow_unref(p);
    HAS_TEXT(told.made, "test_unhandled.c:");
    HAS_TEXT(told.where, "test_unhandled.c:");
    EQ_TEXT(told.message, "load a.txt: disk on fire: Input/output error");
    EXPECT_UNHANDLED(1);
}

/* What a child writes to standard error before it ends; its wait status. */
static int in_child(void (*body)(vow_loop *loop), char *output, size_t size)
{
    int fds[2], status = 0;
    EQ_INT(pipe(fds), 0);
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        dup2(fds[1], STDERR_FILENO);
        vow_places(true);
        vow_loop *loop = vow_loop_new();
        body(loop);
        drain(loop);
        vow_loop_free(loop);
        _exit(0);
    }
    close(fds[1]);
    size_t used = 0;
    ssize_t n;
    while ((n = read(fds[0], output + used, size - 1 - used)) > 0)
        used += (size_t)n;
    output[used] = '\0';
    close(fds[0]);
    waitpid(child, &status, 0);
    return status;
}

static void reject_unseen(vow_loop *loop) { vow_unref(vow_rejected(loop, eio())); }

TEST_PLAIN(the_default_hook_writes_to_standard_error)
{
    char output[1000];
    int status = in_child(reject_unseen, output, sizeof output);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    HAS_TEXT(output, "vow: unhandled rejection");
    HAS_TEXT(output, "test_unhandled.c:");
    HAS_TEXT(output, "disk on fire");
}

static void handle_late(vow_loop *loop)
{
    static struct trace seen;
    static struct note a = {&seen, "a"};
    vow_promise *p = vow_rejected(loop, eio());
    drain(loop);
    vow_unref(vow_catch(p, note_recover, &a));
    drain(loop);
}

TEST_PLAIN(the_default_hook_tells_late_handling_too)
{
    char output[2000];
    int status = in_child(handle_late, output, sizeof output);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    HAS_TEXT(output, "handled after all");
}

static void reject_and_abort(vow_loop *loop)
{
    vow_unhandled_abort(loop, true);
    reject_unseen(loop);
}

TEST_PLAIN(in_abort_mode_the_program_aborts_after_the_report)
{
    char output[1000];
    int status = in_child(reject_and_abort, output, sizeof output);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    HAS_TEXT(output, "disk on fire");
}

TEST(abort_mode_can_be_taken_back)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_unhandled_abort(loop, true);
    vow_unhandled_abort(loop, false);
    reject_unseen(loop);
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO");
    EXPECT_UNHANDLED(1);
}

TEST(the_hook_can_be_restored_to_the_default)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_on_unhandled(loop, NULL, NULL);
    vow_on_unhandled(loop, note_unhandled, &seen);
    reject_unseen(loop);
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO");
    EQ_UINT(vow_unhandled_count(loop), 1);
    EQ_UINT(vow_stats(loop).unhandled, 1);
    EXPECT_UNHANDLED(1);
}

/* A queue that never gets empty does not silence the reports. */
static vow_value requeue(UNUSED vow_value v, void *data)
{
    if (--*(int *)data == 0)
        return vow_none();
    return vow_v(vow_then(vow_resolved(vow_current(), vow_none()), requeue, data));
}

TEST(unhandled_rejections_are_reported_after_64_budgets_of_a_busy_queue)
{
    int left = 1000;
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), requeue, &left);
    reject_unseen(loop);
    for (int i = 0; i < 63; i++)
        vow_drain(loop, 2);
    EQ_TRACE(seen, "");
    vow_drain(loop, 2);
    EQ_TRACE(seen, "unhandled!EIO");
    EXPECT_UNHANDLED(1);
    CHECK(left > 0);
    vow_unref(p);
    drain(loop);
}

static void reject_more(UNUSED const vow_error *e, UNUSED const char *made, UNUSED bool late,
                        void *data)
{
    int *left = data;
    if (--*left > 0) {
        vow_loop *loop = *(vow_loop **)(left + 2);
        EQ_UINT(vow_drain(loop, SIZE_MAX), 0);
        reject_unseen(loop);
    }
}

TEST(the_hook_may_make_promises_but_nothing_is_served_inside_it)
{
    struct {
        int left, unused;
        vow_loop *loop;
    } in = {3, 0, loop};
    vow_on_unhandled(loop, reject_more, &in);
    reject_unseen(loop);
    drain(loop);
    EQ_INT(in.left, 0);
    EXPECT_UNHANDLED(3);
}

static vow_promise *held_by_hook;
static void take_over(UNUSED const vow_error *e, UNUSED const char *made, bool late,
                      UNUSED void *data)
{
    if (!late)
        held_by_hook = vow_unref(held_by_hook);
}

TEST(the_hook_may_drop_the_promise_it_is_told_of)
{
    vow_on_unhandled(loop, take_over, NULL);
    held_by_hook = vow_rejected(loop, eio());
    drain(loop);
    CHECK(held_by_hook == NULL);
    EXPECT_UNHANDLED(1);
}
