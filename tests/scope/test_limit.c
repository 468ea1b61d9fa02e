/* SPDX-License-Identifier: MIT
 *
 * Scopes: deadlines, what is awaited within one, children that wait for their turn, owners.
 */
#include "flow/common.h"

/* Looked at only when it has been rejected. */
static vow_promise *quiet(vow_promise *p)
{
    vow_mark_handled(p);
    return p;
}

/* scenario 112 */
TEST(the_deadline_cancels_each_child_once)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    EQ_INT(vow_scope_deadline(scope, 20), 0);
    vow_scope_add(scope, op_start_slow(loop, &a));
    vow_scope_add(scope, op_start_clean(loop, &b));
    vow_promise *all = quiet(vow_scope_join(scope));
    vow_clock_advance(loop, 25);
    EQ_TRACE(seen, "a-stopped b-stopped a-clean b-clean");
    vow_scope_cancel(scope); /* once more: to no effect */
    vow_clock_advance(loop, 10);
    HAS_TEXT(vow_error_message(vow_error_of(all)), "after 20 ms");
    OUTCOME(all, "!ETIMEDOUT");
    EQ_TRACE(seen, "a-stopped b-stopped a-clean b-clean a-cleaned");
    vow_scope_free(scope);
}

TEST(after_the_deadline_everything_in_the_scope_fails_until_it_is_left)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    EQ_INT(vow_scope_deadline(scope, 5), 0);
    vow_clock_advance(loop, 5);
    vow_scope_add(scope, op_start(loop, &a));
    vow_promise *awaited = quiet(vow_within(scope, op_start_slow(loop, &b)));
    vow_promise *early = quiet(vow_within(scope, value(loop, 7)));
    vow_poll(loop);
    EQ_TRACE(seen, "a-stopped b-stopped b-clean");
    OUTCOME(early, "!ETIMEDOUT");
    vow_clock_advance(loop, 10);
    OUTCOME(awaited, "!ETIMEDOUT");
    OUTCOME(vow_scope_join(scope), "!ETIMEDOUT");
    EQ_INT(vow_scope_deadline(scope, 5), 0); /* too late to change */
    vow_scope_free(scope);
}

TEST(a_later_deadline_takes_the_place_of_an_earlier_one)
{
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    EQ_INT(vow_scope_deadline(scope, 5), 0);
    EQ_INT(vow_scope_deadline(scope, 50), 0);
    vow_clock_advance(loop, 49);
    CHECK(!vow_scope_is_over(scope));
    vow_clock_advance(loop, 1);
    CHECK(vow_scope_is_over(scope));
    OUTCOME(vow_scope_join(scope), "!ETIMEDOUT");
    vow_scope_free(scope);
}

TEST(what_is_awaited_within_a_scope_ends_with_it_and_is_no_child)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL}, c = {&seen, "c", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_promise *slow = quiet(vow_within(scope, op_start_slow(loop, &a)));
    vow_promise *fast = quiet(vow_within(scope, op_start(loop, &b)));
    vow_promise *dropped = quiet(vow_within(scope, op_start(loop, &c)));
    EQ_UINT(vow_scope_running(scope), 0);
    op_resolve(&b, vow_fail(EIO, "b")); /* its own affair */
    vow_unref(dropped);
    vow_poll(loop);
    OUTCOME(fast, "!EIO");
    vow_scope_cancel(scope);
    vow_clock_advance(loop, 10);
    OUTCOME(slow, "!ECANCELED");
    EQ_TRACE(seen, "c-stopped a-stopped a-clean a-cleaned");
    vow_scope_free(scope);
}

struct worker {
    struct trace *seen;
    int running, most, ms, ended;
    vow_scope *scope;
};
static vow_value worker_ends(UNUSED vow_value v, void *data)
{
    ((struct worker *)data)->running--;
    return vow_none();
}
static vow_value worker_starts(void *data)
{
    struct worker *w = data;
    w->most = ++w->running > w->most ? w->running : w->most;
    return vow_v(vow_then(vow_delay(vow_current(), 10), worker_ends, w));
}
static void worker_ended(void *data) { ((struct worker *)data)->ended++; }

TEST(children_given_as_functions_wait_for_their_turn)
{
    struct worker w = {.running = 0};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_limit(scope, 3);
    for (int i = 0; i < 10; i++)
        vow_scope_start_with(scope, worker_starts, &w, worker_ended);
    EQ_INT(w.running, 0); /* never inside the call */
    vow_promise *all = quiet(vow_scope_join(scope));
    vow_poll(loop);
    EQ_INT(w.running, 3);
    EQ_UINT(vow_scope_running(scope), 3);
    vow_clock_advance(loop, 10);
    EQ_INT(w.ended, 3);
    vow_scope_limit(scope, 4);
    vow_clock_advance(loop, 30);
    OUTCOME(all, "none");
    EQ_INT(w.most, 4);
    EQ_INT(w.ended, 10);
    vow_scope_free(scope);
}

TEST(a_start_whose_scope_ends_before_its_turn_is_destroyed_unrun)
{
    struct worker w = {.running = 0};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_limit(scope, 1);
    for (int i = 0; i < 3; i++)
        vow_scope_start_with(scope, worker_starts, &w, worker_ended);
    vow_poll(loop);
    vow_scope_cancel(scope);
    EQ_INT(w.ended, 2);
    vow_scope_start_with(scope, worker_starts, &w, worker_ended);
    EQ_INT(w.ended, 3);
    vow_poll(loop);
    EQ_INT(w.ended, 4);
    EQ_INT(w.most, 1);
    OUTCOME(vow_scope_join(scope), "!ECANCELED");
    vow_scope_free(scope);
}

static vow_value worker_frees(void *data)
{
    struct worker *w = data;
    w->scope = vow_scope_free(w->scope);
    return vow_v(vow_attach(pending(vow_current()), w, worker_ended));
}
static vow_value plain(void *data)
{
    ((struct worker *)data)->running++;
    return vow_v(5);
}

TEST(a_start_may_free_its_scope)
{
    struct worker w = {.running = 0};
    w.scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_start(w.scope, plain, &w);
    vow_scope_start_with(w.scope, worker_frees, &w, worker_ended);
    vow_scope_start_with(w.scope, plain, &w, worker_ended);
    vow_poll(loop);
    CHECK(w.scope == NULL);
    EQ_INT(w.running, 1);
    EQ_INT(w.ended, 3);
}

static vow_value fails(UNUSED void *data) { return vow_fail(EPROTO, "at once"); }

TEST(a_start_that_fails_is_a_child_that_fails)
{
    struct worker w = {.running = 0};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_limit(scope, 1);
    vow_scope_start(scope, fails, NULL);
    vow_scope_start_with(scope, plain, &w, worker_ended);
    vow_promise *all = quiet(vow_scope_join(scope));
    vow_poll(loop);
    OUTCOME(all, "!EPROTO");
    EQ_INT(w.ended, 1);
    EQ_INT(w.running, 0);
    vow_scope_free(scope);
}

TEST(a_scope_with_ends_frees_itself_while_its_start_is_queued)
{
    struct worker w = {.running = 0};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_start_with(scope, plain, &w, worker_ended);
    vow_scope_free(scope);
    EQ_INT(w.ended, 1);
    vow_poll(loop);
    EQ_INT(w.running, 0);
}

static void count_report(UNUSED const vow_error *e, UNUSED const char *made, UNUSED bool late,
                         void *reports)
{
    ++*(int *)reports;
}

TEST(a_start_that_comes_when_the_loop_is_closed_is_nothing_to_report)
{
    struct worker w = {.running = 0};
    int reports = 0;
    vow_loop *own = vow_loop_new();
    vow_scope *scope = vow_scope_new(own, VOW_FAIL_FAST);
    vow_on_unhandled(own, count_report, &reports);
    vow_loop_close(own);
    vow_scope_start_with(scope, plain, &w, worker_ended);
    CHECK(vow_scope_is_over(scope));
    vow_scope_free(scope);
    EQ_INT(w.ended, 1);
    EQ_INT(w.running + reports, 0);
    vow_loop_free(own);
}

/* Owners. */

TEST(an_owner_that_goes_drops_what_it_has_handed_out)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL}, c = {&seen, "c", NULL};
    vow_owner *owner = vow_owner_new(loop);
    vow_promise *p = vow_own(owner, vow_attach(op_start_slow(loop, &a), &a, op_destroy));
    vow_promise *q = vow_own(owner, vow_handle(op_start(loop, &b), op_done, &b));
    vow_promise *gone = vow_own(owner, op_start_clean(loop, &c));
    op_resolve(&b, vow_v(3));
    vow_poll(loop);
    vow_unref(gone);
    vow_owner_free(owner);
    EQ_TRACE(seen, "b c-stopped a-stopped ~a");
    vow_poll(loop);
    OUTCOME(p, "!ECANCELED");
    OUTCOME(q, "3");
    EQ_TRACE(seen, "b c-stopped a-stopped ~a"); /* no handler has run */
}

TEST(a_promise_that_is_owned_can_be_cancelled_politely)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_owner *owner = vow_owner_new(loop);
    vow_promise *p = vow_own(owner, op_start_slow(loop, &a));
    vow_cancel(p);
    vow_poll(loop);
    vow_owner_free(owner); /* has nothing to do with it any more */
    IS(p, "pending");
    vow_clock_advance(loop, 10);
    OUTCOME(p, "!ECANCELED");
    EQ_TRACE(seen, "a-stopped a-clean a-cleaned");
    CHECK(vow_owner_free(NULL) == NULL);
}

struct held {
    vow_promise *p;
    struct trace *seen;
};
static void drop_held(void *data)
{
    struct held *h = data;
    trace_add(h->seen, "dropped");
    h->p = vow_unref(h->p);
}

TEST(a_promise_handed_out_may_be_dropped_by_what_its_owner_drops)
{
    struct trace seen = {""};
    struct held h = {NULL, &seen};
    vow_owner *owner = vow_owner_new(loop);
    h.p = vow_own(owner, vow_attach(pending(loop), &h, drop_held));
    vow_owner_free(owner);
    CHECK(h.p == NULL);
    EQ_TRACE(seen, "dropped");
}

TEST(errors_that_were_collected_stay_when_the_deadline_comes)
{
    vow_scope *scope = vow_scope_new(loop, VOW_COLLECT);
    EQ_INT(vow_scope_deadline(scope, 5), 0);
    vow_scope_add(scope, failure(loop, EIO));
    vow_scope_add(scope, pending(loop));
    vow_promise *all = quiet(vow_scope_join(scope));
    vow_clock_advance(loop, 5);
    OUTCOME(all, "!EAGGREGATE+EIO+ETIMEDOUT");
    vow_scope_free(scope);
}

/* What ends a scope runs code that may free it. */
static void free_it(void *data)
{
    vow_scope **scope = data;
    *scope = vow_scope_free(*scope);
}
static vow_promise *frees_when_stopped(vow_loop *loop, vow_scope **scope)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_on_stop(r, free_it, scope, NULL);
    return p;
}

TEST(a_stop_hook_of_a_child_may_free_its_scope)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_add(scope, op_start(loop, &a));
    vow_scope_add(scope, frees_when_stopped(loop, &scope));
    vow_scope_add(scope, op_start(loop, &b));
    vow_promise *all = quiet(vow_scope_join(scope));
    vow_cancel(all);
    vow_poll(loop);
    CHECK(scope == NULL);
    OUTCOME(all, "!ECANCELED");
    EQ_TRACE(seen, "a-stopped b-stopped");
}

TEST(a_stop_hook_of_what_is_awaited_within_a_scope_that_is_over_may_free_that)
{
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_cancel(scope);
    vow_promise *p = vow_within(scope, frees_when_stopped(loop, &scope));
    CHECK(scope == NULL);
    OUTCOME(p, "!ECANCELED");
}

static void resolves_when_stopped(void *r) { vow_resolve(r, vow_v(7)); }

TEST(what_a_stop_hook_cancels_by_freeing_its_scope_is_cancelled_once)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_resolver *r;
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_promise *p = vow_then(vow_promise_new(loop, &r), op_done, &a);
    vow_on_stop(r, resolves_when_stopped, r, NULL);
    vow_scope_add(scope, frees_when_stopped(loop, &scope));
    vow_scope_add(scope, p); /* which has won against the first cancel, not against two */
    vow_scope_cancel(scope);
    vow_poll(loop);
    EQ_TRACE(seen, "a");
}

TEST(a_start_that_is_destroyed_unrun_may_free_its_scope)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_add(scope, op_start(loop, &a));
    vow_scope_start_with(scope, plain, &scope, free_it);
    vow_scope_cancel(scope);
    CHECK(scope == NULL);
    EQ_TRACE(seen, "a-stopped");
    vow_poll(loop);
}

/* A stop hook may end the loop: at the end of the call in which it runs. */
static vow_promise *closes_when_stopped(vow_loop *own, vow_destroy_fn *close)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(own, &r);
    vow_on_stop(r, close, own, NULL);
    return p;
}
static void close_it(void *own) { EQ_UINT(vow_loop_close(own), 0); }

TEST(a_loop_that_a_stop_hook_closes_is_closed_when_the_call_returns)
{
    for (int call = 0; call < 3; call++) {
        vow_loop *own = vow_loop_new();
        vow_scope *scope = vow_scope_new(own, VOW_FAIL_FAST);
        vow_owner *owner = vow_owner_new(own);
        vow_promise *p = closes_when_stopped(own, close_it), *other = pending(own);
        if (call < 2)
            vow_scope_cancel(scope);
        else
            p = vow_own(owner, p);
        if (call == 0)
            vow_scope_add(scope, p);
        else if (call == 1)
            p = vow_within(scope, p);
        vow_owner_free(owner);
        EQ_INT(vow_state(other), VOW_REJECTED);
        vow_unref(call > 0 ? p : NULL);
        vow_unref(other);
        vow_scope_free(scope);
        vow_loop_free(own);
    }
}
