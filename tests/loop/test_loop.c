/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "common.h"

TEST_PLAIN(a_new_loop_has_a_base_of_its_own)
{
    vow_loop *loop_ = vow_loop_new();
    CHECK(loop_ != NULL);
    CHECK(vow_loop_base(loop_) != NULL);
    CHECK(!vow_loop_is_closed(loop_));
    EQ_PTR(vow_loop_free(loop_), NULL);
}

TEST_PLAIN(freeing_no_loop_is_fine) { EQ_PTR(vow_loop_free(NULL), NULL); }

static vow_value current_loop(vow_value v UNUSED, void *data)
{
    *(vow_loop **)data = vow_current();
    return vow_none();
}

TEST(the_current_loop_is_the_one_whose_handler_runs)
{
    vow_loop *seen = NULL;
    EQ_PTR(vow_current(), NULL);
    EQ_INT(vow_run(loop, vow_then(vow_resolved(loop, vow_none()), current_loop, &seen), NULL), 0);
    EQ_PTR(seen, loop);
    EQ_PTR(vow_current(), NULL);
}

TEST(the_current_loop_is_known_between_enter_and_leave)
{
    vow_loop *other = real_loop();
    vow_enter(loop);
    EQ_PTR(vow_current(), loop);
    vow_enter(other);
    EQ_PTR(vow_current(), other);
    vow_leave(other);
    EQ_PTR(vow_current(), loop);
    vow_leave(loop);
    EQ_PTR(vow_current(), NULL);
    vow_loop_free(other);
}

TEST(handlers_run_when_the_outermost_leave_returns)
{
    struct trace seen = {""};
    struct note note = {&seen, "ran"};
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    p = vow_handle(p, note_any, &note);
    vow_enter(loop);
    vow_enter(loop);
    vow_resolve(r, vow_none());
    vow_leave(loop);
    EQ_TRACE(seen, "");
    vow_leave(loop);
    EQ_TRACE(seen, "ran");
    vow_unref(p);
}

TEST_PANICS(a_leave_without_an_enter_is_misuse, "vow_leave without vow_enter") { vow_leave(loop); }

/* Inside a destructor nothing is served; what was settled there is served by the base. */
static void settle_in_brackets(void *data)
{
    vow_resolver *r = *(vow_resolver **)data;
    vow_loop *loop = ((void **)data)[1];
    vow_enter(loop);
    vow_resolve(r, vow_none());
    vow_leave(loop);
}

static void empty_brackets(void *data)
{
    vow_enter(data);
    vow_leave(data);
}

TEST(what_a_destructor_settles_between_enter_and_leave_is_served_by_dispatch)
{
    struct trace seen = {""};
    struct note note = {&seen, "ran"};
    vow_resolver *settled_there, *never;
    vow_promise *q = vow_handle(vow_promise_new(loop, &settled_there), note_any, &note);
    void *data[2] = {settled_there, loop};
    vow_promise *p = vow_attach(vow_promise_new(loop, &never), data, settle_in_brackets);
    vow_unref(p);
    EQ_TRACE(seen, "");
    event_base_dispatch(vow_loop_base(loop));
    EQ_TRACE(seen, "ran");
    vow_unref(q);
    vow_resolver_drop(never);
}

TEST(a_destructor_that_enters_and_leaves_for_nothing_does_not_put_the_loop_to_sleep)
{
    struct trace seen = {""};
    struct note note = {&seen, "ran"};
    vow_resolver *later, *never;
    vow_unref(vow_attach(vow_promise_new(loop, &never), loop, empty_brackets));
    vow_promise *q = vow_handle(vow_promise_new(loop, &later), note_any, &note);
    vow_resolve(later, vow_none());
    event_base_dispatch(vow_loop_base(loop));
    EQ_TRACE(seen, "ran");
    vow_unref(q);
    vow_resolver_drop(never);
}

/* A callback of the program's own settles; vow is woken by an event of its own. */
static void settle_without_brackets(evutil_socket_t fd UNUSED, short what UNUSED, void *data)
{
    vow_resolve(*(vow_resolver **)data, vow_v(7));
}

TEST(what_a_foreign_callback_settles_is_served_in_the_same_dispatch)
{
    struct trace seen = {""};
    struct note note = {&seen, "ran"};
    vow_resolver *r;
    vow_promise *p = vow_handle(vow_promise_new(loop, &r), note_any, &note);
    struct event *event = event_new(vow_loop_base(loop), -1, 0, settle_without_brackets, &r);
    event_active(event, EV_TIMEOUT, 1);
    EQ_INT(event_base_dispatch(vow_loop_base(loop)), 1);
    EQ_TRACE(seen, "ran=7");
    event_free(event);
    vow_unref(p);
}

static vow_value run_inside(vow_value v UNUSED, void *data)
{
    vow_value answer;
    vow_loop *loop = data;
    int code = vow_run(loop, vow_resolved(loop, vow_v(1)), &answer);
    HAS_TEXT(vow_error_message(vow_as_error(answer)), "inside a handler");
    vow_release(answer);
    EQ_INT(vow_run_all(loop), EDEADLK);
    EQ_INT(vow_poll(loop), -1);
    EQ_UINT(vow_drain(loop, 10), 0);
    return vow_v(code);
}

TEST(running_inside_a_handler_is_a_deadlock_told)
{
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), run_inside, loop);
    EQ_INT(run_int(loop, p), EDEADLK);
}

TEST(running_between_enter_and_leave_is_a_deadlock_told)
{
    vow_enter(loop);
    EQ_INT(run_code(loop, vow_resolved(loop, vow_v(1))), EDEADLK);
    vow_leave(loop);
}

static void run_in_foreign_callback(evutil_socket_t fd UNUSED, short what UNUSED, void *data)
{
    void **both = data;
    vow_loop *loop = both[0];
    vow_resolver *r;
    *(int *)both[1] = run_code(loop, vow_promise_new(loop, &r));
    vow_resolver_drop(r);
}

static void no_log(int severity UNUSED, const char *message UNUSED) {}

TEST(running_inside_a_foreign_callback_of_the_base_is_a_deadlock_told)
{
    int code = 0;
    void *both[2] = {loop, &code};
    struct event *event = event_new(vow_loop_base(loop), -1, 0, run_in_foreign_callback, both);
    event_active(event, EV_TIMEOUT, 1);
    event_set_log_callback(no_log); /* libevent warns */
    event_base_dispatch(vow_loop_base(loop));
    event_set_log_callback(NULL);
    EQ_INT(code, EDEADLK);
    event_free(event);
}

static vow_value run_other(vow_value v UNUSED, void *data)
{
    vow_loop *other = data;
    EQ_INT(run_int(other, vow_resolved(other, vow_v(5))), 5);
    return vow_promise_value(vow_delay(vow_current(), 10));
}

TEST(a_handler_may_run_another_loop_of_the_thread)
{
    vow_loop *other = real_loop();
    EQ_INT(vow_run(loop, vow_then(vow_resolved(loop, vow_none()), run_other, other), NULL), 0);
    vow_loop_free(other);
}

static vow_value run_back(vow_value v UNUSED, void *data)
{
    vow_loop *first = data;
    return vow_v(run_code(first, vow_resolved(first, vow_none())));
}

static vow_value run_second(vow_value v UNUSED, void *data)
{
    vow_loop **both = data;
    vow_promise *p = vow_then(vow_resolved(both[1], vow_none()), run_back, both[0]);
    return vow_v(run_int(both[1], p));
}

TEST(a_nested_loop_cannot_turn_the_outer_one)
{
    vow_loop *both[2] = {loop, real_loop()};
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), run_second, both);
    EQ_INT(run_int(loop, p), EDEADLK);
    vow_loop_free(both[1]);
}

static vow_value give_promise(vow_value v UNUSED, void *data) { return vow_promise_value(data); }

TEST(a_promise_of_another_loop_cannot_be_waited_for)
{
    vow_loop *other = real_loop();
    vow_promise *theirs = vow_resolved(other, vow_v(1));
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_promise, theirs);
    EQ_INT(run_code(loop, p), VOW_ELOOP);
    vow_loop_free(other);
}

TEST(running_a_promise_of_another_loop_says_so)
{
    vow_loop *other = real_loop();
    EQ_INT(run_code(loop, vow_resolved(other, vow_v(1))), VOW_ELOOP);
    EQ_INT(vow_run(loop, vow_delay(loop, 1), NULL), 0); /* and is none the worse */
    vow_loop_free(other);
}

/* libevent's own checks: every event is used as it should be. */
TEST_PLAIN(libevents_debug_mode_has_nothing_to_say)
{
    const char *fork = getenv("CK_FORK");
    if (fork && strcmp(fork, "no") == 0)
        return; /* it has to be set before the first event of the process */
    event_enable_debug_mode();
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    struct chain chain;
    int ran = 0;
    vow_loop_set_budget(loop_, 2);
    chain_start(&chain, loop_);
    vow_remote *remote = vow_remote_new(loop_);
    EQ_INT(vow_post(remote, count_destroy, &ran, NULL), 0);
    vow_remote_unref(remote);
    EQ_INT(vow_run(loop_, vow_delay(loop_, 1), NULL), 0);
    chain.on = false;
    EQ_INT(event_base_dispatch(base), 1);
    EQ_INT(ran, 1);
    vow_unref(vow_delay(loop_, 1000));
    vow_detach(vow_delay(loop_, 1000), NULL, NULL, NULL);
    vow_loop_free(loop_);
    event_base_free(base);
}

/* Touching a loop on another thread. */

enum { NEW_PROMISE, FREE, CLOSE, STOP, ENTER, RUN, POLL, DRAIN, DELAY, REMOTE, UNREF };
struct touch {
    vow_loop *loop;
    vow_promise *p;
    int how;
};

static void touch_it(struct touch *t)
{
    vow_resolver *r;
    switch (t->how) {
    case NEW_PROMISE:
        t->p = vow_promise_new(t->loop, &r);
        break;
    case FREE:
        vow_loop_free(t->loop);
        break;
    case CLOSE:
        vow_loop_close(t->loop);
        break;
    case STOP:
        vow_loop_stop(t->loop);
        break;
    case ENTER:
        vow_enter(t->loop);
        break;
    case RUN:
        vow_run(t->loop, t->p, NULL);
        break;
    case POLL:
        vow_poll(t->loop);
        break;
    case DRAIN:
        vow_drain(t->loop, 1);
        break;
    case DELAY:
        t->p = vow_delay(t->loop, 1);
        break;
    case REMOTE:
        vow_remote_new(t->loop);
        break;
    default:
        vow_unref(t->p);
    }
}

static void *touch_on_thread(void *data)
{
    touch_it(data);
    return NULL;
}

static void touch(vow_loop *loop, int how)
{
    struct touch t = {loop, vow_resolved(loop, vow_none()), how};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, touch_on_thread, &t) == 0);
    pthread_join(thread, NULL);
}

#define WRONG "belongs to another thread"
TEST_PANICS(another_thread_must_not_make_promises, WRONG) { touch(loop, NEW_PROMISE); }
TEST_PANICS(another_thread_must_not_free, WRONG) { touch(loop, FREE); }
TEST_PANICS(another_thread_must_not_close, WRONG) { touch(loop, CLOSE); }
TEST_PANICS(another_thread_must_not_stop, WRONG) { touch(loop, STOP); }
TEST_PANICS(another_thread_must_not_enter, WRONG) { touch(loop, ENTER); }
TEST_PANICS(another_thread_must_not_run, WRONG) { touch(loop, RUN); }
TEST_PANICS(another_thread_must_not_poll, WRONG) { touch(loop, POLL); }
TEST_PANICS(another_thread_must_not_drain, WRONG) { touch(loop, DRAIN); }
TEST_PANICS(another_thread_must_not_make_timers, WRONG) { touch(loop, DELAY); }
TEST_PANICS(another_thread_must_not_make_remotes, WRONG) { touch(loop, REMOTE); }
TEST_PANICS(another_thread_must_not_release_promises, WRONG) { touch(loop, UNREF); }

/* What making a loop needs. */

TEST_PLAIN(a_loop_without_memory_is_no_loop)
{
    for (size_t n = 1;; n++) {
        vow_test_fail_allocation(n, false);
        errno = 0;
        vow_loop *loop_ = vow_loop_new();
        bool failed = vow_test_failed();
        vow_test_fail_allocation(0, false);
        CHECK(failed == (loop_ == NULL));
        if (!failed) {
            CHECK(n > 2);
            vow_loop_free(loop_);
            return;
        }
        EQ_INT(errno, ENOMEM);
    }
}

static size_t until_event_failure, event_blocks;

static void *event_malloc(size_t size)
{
    if (until_event_failure && --until_event_failure == 0)
        return NULL;
    event_blocks++;
    return malloc(size);
}

static void *event_realloc(void *block, size_t size)
{
    if (until_event_failure && --until_event_failure == 0)
        return NULL;
    if (!block)
        event_blocks++;
    return realloc(block, size);
}

static void event_release(void *block)
{
    if (block)
        event_blocks--;
    free(block);
}

/* libevent's own allocations: those of the base, and vow's events on it. */
TEST_PLAIN(a_loop_survives_libevent_without_memory)
{
    event_set_mem_functions(event_malloc, event_realloc, event_release);
    event_set_log_callback(no_log);
    for (size_t n = 1;; n++) {
        size_t before = event_blocks;
        until_event_failure = n;
        errno = 0;
        vow_loop *loop_ = vow_loop_new();
        bool failed = until_event_failure == 0;
        until_event_failure = 0;
        if (loop_) /* libevent may do without: another backend */
            EQ_INT(vow_run(loop_, vow_delay(loop_, 1), NULL), 0);
        else
            EQ_INT(errno, ENOMEM);
        CHECK(failed || loop_);
        vow_loop_free(loop_);
        EQ_UINT(event_blocks, before);
        if (!failed) {
            CHECK(n > 5);
            return;
        }
    }
}

TEST_PLAIN(attaching_survives_libevent_without_memory)
{
    event_set_mem_functions(event_malloc, event_realloc, event_release);
    for (size_t n = 1;; n++) {
        struct event_base *base = event_base_new();
        size_t before = event_blocks;
        until_event_failure = n;
        vow_loop *loop_ = vow_loop_attach(base);
        bool failed = until_event_failure == 0;
        until_event_failure = 0;
        CHECK(failed == (loop_ == NULL));
        vow_loop_free(loop_);
        EQ_UINT(event_blocks, before);
        event_base_free(base);
        if (!failed) {
            CHECK(n == 3); /* two events */
            return;
        }
    }
}

TEST_PLAIN(a_loop_without_descriptors_is_no_loop_and_the_program_lives)
{
    struct rlimit before, none;
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    int next = dup(2);
    close(next);
    for (int spare = 0;; spare++) {
        none = before;
        none.rlim_cur = (rlim_t)(next + spare);
        CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
        errno = 0;
        vow_loop *loop_ = vow_loop_new();
        int code = errno;
        CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
        if (loop_) {
            CHECK(spare >= 3);
            vow_loop_free(loop_);
            return;
        }
        EQ_INT(code, EMFILE);
    }
}
