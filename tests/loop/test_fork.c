/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>
#include <sys/socket.h>

#include "common.h"

#include "vow/ready.h"

/* A parent with everything pending: a timer, a descriptor, a remote with a post on its way,
 * a remote promise, a queued handler. */
struct parent {
    struct event_base *base;
    vow_loop *loop;
    struct trace seen;
    struct note timer, queued, posted, afar;
    vow_promise *timer_promise, *queued_promise, *afar_promise;
    vow_remote *remote;
    vow_remote_resolver *resolver;
    int pair[2], readable, unhandled;
    struct event *event;
};

static void on_readable(evutil_socket_t fd, short what UNUSED, void *data)
{
    struct parent *p = data;
    char c;
    if (read(fd, &c, 1) == 1)
        p->readable++;
    event_del(p->event);
}

static void begin(struct parent *p)
{
    memset(p, 0, sizeof *p);
    p->base = event_base_new();
    p->loop = vow_loop_attach(p->base);
    vow_on_unhandled(p->loop, count_unhandled, &p->unhandled);
    p->timer = (struct note){&p->seen, "timer"};
    p->queued = (struct note){&p->seen, "queued"};
    p->posted = (struct note){&p->seen, "posted"};
    p->afar = (struct note){&p->seen, "afar"};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p->pair) == 0);
    p->event = event_new(p->base, p->pair[0], EV_READ | EV_PERSIST, on_readable, p);
    event_add(p->event, NULL);
    p->timer_promise = vow_handle(vow_delay(p->loop, 30), note_any, &p->timer);
    p->remote = vow_remote_new(p->loop);
    p->afar_promise =
        vow_handle(vow_promise_new_remote(p->remote, &p->resolver), note_any, &p->afar);
    CHECK(vow_post(p->remote, note_plain, &p->posted, NULL) == 0);
    p->queued_promise = vow_handle(vow_resolved(p->loop, vow_none()), note_any, &p->queued);
}

static void *resolve_afar(void *data)
{
    struct parent *p = data;
    vow_remote_resolve(p->resolver, vow_v(1));
    return NULL;
}

/* All of the parent's events arrive, whatever the child did. */
static void end(struct parent *p)
{
    pthread_t thread;
    struct event *limit = limit_seconds(p->base, 15, "an event of the parent's did not arrive");
    CHECK(write(p->pair[1], "x", 1) == 1);
    CHECK(pthread_create(&thread, NULL, resolve_afar, p) == 0);
    while (!p->readable || vow_state(p->timer_promise) == VOW_PENDING ||
           vow_state(p->afar_promise) == VOW_PENDING || !strstr(p->seen.text, "posted"))
        event_base_loop(p->base, EVLOOP_ONCE);
    pthread_join(thread, NULL);
    event_free(limit);
    HAS_TEXT(p->seen.text, "queued");
    HAS_TEXT(p->seen.text, "posted");
    HAS_TEXT(p->seen.text, "timer");
    HAS_TEXT(p->seen.text, "afar=1");
    EQ_INT(p->readable, 1);
    vow_unref(p->timer_promise);
    vow_unref(p->queued_promise);
    vow_unref(p->afar_promise);
    vow_remote_resolver_unref(p->resolver);
    vow_remote_unref(p->remote);
    event_free(p->event);
    close(p->pair[0]);
    close(p->pair[1]);
    vow_loop_free(p->loop);
    event_base_free(p->base);
}

static void with_child(int (*fn)(void *data))
{
    struct parent p;
    begin(&p);
    pid_t child = start_child(fn, &p);
    end_child(child);
    end(&p);
}

static int leave(void *data UNUSED) { return 0; }

TEST_PLAIN(a_child_that_leaves_takes_nothing_away) { with_child(leave); }

static int code_of_state(const vow_promise *p)
{
    return vow_state(p) == VOW_REJECTED ? vow_error_code(vow_error_of(p)) : -1;
}

static int use_without_asking(void *data)
{
    struct parent *p = data;
    int destroyed = 0;
    vow_value v;
    vow_remote_resolver *r;
    CHILD_CHECK(vow_run(p->loop, vow_resolved(p->loop, vow_none()), &v) == VOW_EFORK);
    CHILD_CHECK(vow_error_is(vow_as_error(v), vow_own_domain(), VOW_EFORK));
    CHILD_CHECK(strstr(vow_error_message(vow_as_error(v)), "vow_loop_after_fork"));
    CHILD_CHECK(vow_run_all(p->loop) == VOW_EFORK);
    CHILD_CHECK(vow_poll(p->loop) == -1);
    CHILD_CHECK(code_of_state(vow_delay(p->loop, 1)) == VOW_EFORK);
    CHILD_CHECK(vow_remote_new(p->loop) == NULL && errno == VOW_EFORK);
    CHILD_CHECK(vow_post(p->remote, count_destroy, &destroyed, count_destroy) == VOW_EFORK);
    CHILD_CHECK(destroyed == 1);
    CHILD_CHECK(code_of_state(vow_promise_new_remote(p->remote, &r)) == VOW_EFORK && !r);
    CHILD_CHECK(code_of_state(vow_work(p->loop, NULL, NULL, &destroyed, count_destroy)) ==
                VOW_EFORK);
    CHILD_CHECK(destroyed == 2);
    return 0;
}

TEST_PLAIN(without_after_fork_every_call_of_the_child_says_so) { with_child(use_without_asking); }

static int end_everything(void *data)
{
    struct parent *p = data;
    vow_unref(p->timer_promise);
    vow_cancel(p->afar_promise);
    vow_remote_unref(p->remote);
    CHILD_CHECK(code_of_state(p->afar_promise) == -1);
    vow_drain(p->loop, 10);
    CHILD_CHECK(vow_state(p->afar_promise) != VOW_PENDING);
    return 0;
}

TEST_PLAIN(what_a_child_drops_and_cancels_stays_in_the_parent) { with_child(end_everything); }

/* Waits for descriptors, of vow's adapters: the kernel's side is one for both processes. */
struct waits {
    vow_loop *loop;
    vow_promise *readable, *event_promise;
    struct event *event;
    int pair[2];
};

static int drop_waits(void *data)
{
    struct waits *w = data;
    vow_unref(w->readable);
    vow_cancel(w->event_promise);
    return 0;
}

static int free_waits(void *data)
{
    struct waits *w = data;
    vow_loop_free(w->loop);
    return 0;
}

static void wait_with_child(int (*fn)(void *data))
{
    struct waits w = {.loop = real_loop()};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, w.pair) == 0);
    w.event = event_new(vow_loop_base(w.loop), w.pair[1], EV_READ, NULL, NULL);
    w.readable = vow_ready(w.loop, w.pair[0], VOW_READ);
    w.event_promise = vow_event(w.loop, w.event, 0);
    end_child(start_child(fn, &w));
    CHECK(write(w.pair[0], "x", 1) == 1 && write(w.pair[1], "x", 1) == 1);
    EQ_INT(run_int(w.loop, w.readable), VOW_READ);
    EQ_INT(run_int(w.loop, w.event_promise), EV_READ);
    event_free(w.event);
    vow_loop_free(w.loop);
    close(w.pair[0]);
    close(w.pair[1]);
}

TEST_PLAIN(what_a_child_drops_of_descriptors_is_waited_for_in_the_parent)
{
    wait_with_child(drop_waits);
    wait_with_child(free_waits);
}

static int free_loop(void *data)
{
    struct parent *p = data;
    vow_loop_free(p->loop);
    CHILD_CHECK(code_of_state(p->timer_promise) == VOW_ECLOSED);
    event_base_free(p->base);
    return 0;
}

TEST_PLAIN(what_a_child_frees_stays_in_the_parent) { with_child(free_loop); }

/* The child takes the loop over. */

static void *resolve_in_child(void *data)
{
    vow_remote_resolver *r = ((void **)data)[0];
    int failed = vow_post(((void **)data)[1], count_destroy, ((void **)data)[2], NULL);
    bool won = vow_remote_resolve(r, vow_v(9));
    vow_remote_resolver_unref(r);
    return won && !failed ? r : NULL;
}

static int take_over(void *data)
{
    struct parent *p = data;
    int posted = 0;
    CHILD_CHECK(vow_loop_after_fork(p->loop) == 0);
    CHILD_CHECK(vow_loop_after_fork(p->loop) == 0);
    event_del(p->event); /* or it would read what is meant for the parent */
    vow_poll(p->loop);
    /* what was queued runs here too; what was posted, and what a thread of the parent's has
     * to settle, is the parent's */
    CHILD_CHECK(strstr(p->seen.text, "queued"));
    CHILD_CHECK(!strstr(p->seen.text, "posted"));
    CHILD_CHECK(strstr(p->seen.text, "afar!10007"));
    CHILD_CHECK(!vow_remote_is_wanted(p->resolver));
    CHILD_CHECK(!vow_remote_resolve(p->resolver, vow_text("too late")));
    /* timers */
    CHILD_CHECK(vow_run(p->loop, vow_ref(p->timer_promise), NULL) == 0);
    CHILD_CHECK(vow_run(p->loop, vow_delay(p->loop, 1), NULL) == 0);
    /* remotes */
    vow_remote_resolver *r;
    pthread_t thread;
    void *won, *all[3] = {NULL, p->remote, &posted};
    vow_promise *q = vow_promise_new_remote(p->remote, &r);
    all[0] = r;
    CHILD_CHECK(pthread_create(&thread, NULL, resolve_in_child, all) == 0);
    vow_value v;
    CHILD_CHECK(vow_run(p->loop, q, &v) == 0 && vow_as_int(v) == 9 && posted == 1);
    pthread_join(thread, &won);
    CHILD_CHECK(won);
    /* descriptors: a pair of its own */
    int pair[2];
    CHILD_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    struct event *event = event_new(p->base, pair[0], EV_READ, count_event, &posted);
    CHILD_CHECK(event_add(event, NULL) == 0 && write(pair[1], "x", 1) == 1);
    vow_poll(p->loop);
    CHILD_CHECK(posted == 2);
    event_free(event);
    vow_remote_unref(p->remote);
    vow_remote_resolver_unref(p->resolver);
    CHILD_CHECK(event_base_dispatch(p->base) == 1); /* idle: nothing holds it */
    return 0;
}

TEST_PLAIN(a_child_that_takes_the_loop_over_has_timers_descriptors_and_remotes)
{
    with_child(take_over);
}

static int take_over_and_free(void *data)
{
    struct parent *p = data;
    CHILD_CHECK(vow_loop_after_fork(p->loop) == 0);
    vow_unref(p->timer_promise);
    vow_unref(p->queued_promise);
    vow_unref(p->afar_promise);
    vow_remote_unref(p->remote);
    vow_remote_resolver_unref(p->resolver);
    event_free(p->event);
    vow_loop_free(p->loop);
    event_base_free(p->base);
    return 0;
}

TEST_PLAIN(a_child_that_takes_the_loop_over_may_free_it) { with_child(take_over_and_free); }

static int take_over_without_descriptors(void *data)
{
    struct parent *p = data;
    struct rlimit before, none;
    int next = dup(2);
    close(next);
    CHILD_CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    for (int spare = 0;; spare++) {
        none = before;
        none.rlim_cur = (rlim_t)(next + spare);
        CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
        int failed = vow_loop_after_fork(p->loop);
        CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
        if (failed == 0)
            break;
        CHILD_CHECK(failed == EMFILE);
        CHILD_CHECK(vow_run_all(p->loop) == VOW_EFORK);
    }
    CHILD_CHECK(vow_run(p->loop, vow_ref(p->timer_promise), NULL) == 0);
    return 0;
}

TEST_PLAIN(taking_over_may_fail_and_be_tried_again) { with_child(take_over_without_descriptors); }

/* While the parent's child works, both turn their loops. */
TEST_PLAIN(parent_and_child_run_at_the_same_time)
{
    struct parent p;
    begin(&p);
    pid_t child = start_child(take_over, &p);
    end(&p);
    end_child(child);
}

/* A loop of its own. */

static int run_own(void *data)
{
    vow_loop *loop = data;
    CHILD_CHECK(vow_run_all(loop) == VOW_EFORK);
    CHILD_CHECK(vow_loop_after_fork(loop) == 0);
    CHILD_CHECK(vow_run_all(loop) == 0);
    CHILD_CHECK(vow_run(loop, vow_delay(loop, 1), NULL) == 0);
    vow_loop_free(loop);
    return 0;
}

TEST_PLAIN(a_loop_with_its_own_base_forks_too)
{
    int fired = 0;
    vow_loop *loop_ = real_loop();
    vow_promise *p = vow_then(vow_delay(loop_, 5), count_value, &fired);
    pid_t child = start_child(run_own, loop_);
    EQ_INT(vow_run(loop_, p, NULL), 0);
    EQ_INT(fired, 1);
    end_child(child);
    vow_loop_free(loop_);
}

static int new_loop_in_child(void *data UNUSED)
{
    vow_loop *fresh = vow_loop_new();
    CHILD_CHECK(fresh && vow_run(fresh, vow_delay(fresh, 1), NULL) == 0);
    vow_loop_free(fresh);
    return 0;
}

TEST_PLAIN(a_child_may_make_loops_of_its_own) { with_child(new_loop_in_child); }

static int fork_again(void *data)
{
    vow_loop *loop = data;
    CHILD_CHECK(vow_loop_after_fork(loop) == 0);
    pid_t grandchild = start_child(run_own, loop);
    end_child(grandchild);
    CHILD_CHECK(vow_run_all(loop) == 0);
    return 0;
}

TEST_PLAIN(a_grandchild_has_to_take_over_again)
{
    vow_loop *loop_ = real_loop();
    int fired = 0;
    vow_detach(vow_then(vow_delay(loop_, 2), count_value, &fired), NULL, NULL, NULL);
    end_child(start_child(fork_again, loop_));
    EQ_INT(vow_run_all(loop_), 0);
    EQ_INT(fired, 1);
    vow_loop_free(loop_);
}

struct forker {
    vow_loop *loop;
    vow_promise *later;
    pid_t child;
};

static vow_value fork_in_handler(vow_value v UNUSED, void *data)
{
    struct forker *f = data;
    fflush(NULL);
    f->child = fork();
    if (f->child == 0 && vow_loop_after_fork(f->loop) != 0)
        _exit(1);
    return vow_none();
}

/* The child comes out of the same vow_run. */
TEST_PLAIN(a_handler_may_fork_and_the_child_go_on)
{
    struct forker f = {real_loop(), NULL, 0};
    f.later = vow_delay(f.loop, 5);
    vow_promise *p = vow_then(vow_delay(f.loop, 1), fork_in_handler, &f);
    EQ_INT(vow_run(f.loop, p, NULL), 0);
    int code = vow_run(f.loop, f.later, NULL);
    if (f.child == 0)
        _exit(code == 0 ? 0 : 1);
    EQ_INT(code, 0);
    end_child(f.child);
    vow_loop_free(f.loop);
}
