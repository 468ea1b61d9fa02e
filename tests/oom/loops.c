/* SPDX-License-Identifier: MIT
 *
 * Loops, timers and remotes without memory.
 */
#include "oom/oom.h"

#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vow/inspect.h"
#include "vow/remote.h"

/* Loops. */

SCENARIO_PLAIN(a_loop_of_its_own)
{
    loop = oom_loop();
    if (loop == NULL)
        return;
    int ran = 0;
    vow_promise *p = vow_then(vow_delay(loop, 1), pass, &ran);
    EXPECT_NONE(vow_attach(p, oom_owned(), oom_give_back));
    EXPECT_TEXT(vow_resolved(loop, vow_text("done")), "done");
    CHECK(vow_loop_free(loop) == NULL);
}

SCENARIO_PLAIN(a_test_of_its_own)
{
    vow_test *t = vow_test_begin();
    if (!HAVE_OR_NULL(t))
        return;
    loop = vow_test_loop(t);
    vow_loop_quarantine(loop, SIZE_MAX);
    EXPECT_NONE(vow_delay(loop, 60000));
    const char *complaint = vow_test_end(t);
    if (complaint)
        WRONG("%s", complaint);
}

static void attach_and_run(struct event_base *base)
{
    vow_loop *loop = vow_loop_attach(base);
    if (!HAVE(loop))
        return;
    vow_loop_quarantine(loop, SIZE_MAX);
    oom_watch_reports(loop);
    CHECK(vow_loop_attach(base) == loop);
    int ran = 0;
    vow_promise *p = vow_then(vow_delay(loop, 1), pass, &ran);
    p = vow_attach(p, oom_owned(), oom_give_back);
    vow_mark_handled(p);
    event_base_dispatch(base);
    CHECK(vow_state(p) != VOW_PENDING);
    if (EXPECT_NONE(p))
        EQ_INT(ran, 1);
    vow_loop_free(loop);
    vow_loop_free(loop);
}

SCENARIO_PLAIN(an_attached_loop)
{
    struct event_base *base = event_base_new();
    if (!HAVE_OR_NULL(base))
        return;
    attach_and_run(base);
    event_base_free(base);
}

/* More handlers than a budget, beside a descriptor that has to get its turn. */
static void on_readable(int fd, UNUSED short what, void *data)
{
    char byte;
    *(int *)data += read(fd, &byte, 1) == 1;
}

SCENARIO(more_than_a_budget)
{
    int ran = 0, read_ones = 0, fd[2];
    CHECK(pipe(fd) == 0 && write(fd[1], "x", 1) == 1);
    vow_loop_set_budget(loop, 2);
    struct event *event = event_new(vow_loop_base(loop), fd[0], EV_READ, on_readable, &read_ones);
    bool watched = HAVE_OR_NULL(event) && DONE(event_add(event, NULL) ? ENOMEM : 0);
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    for (int i = 0; i < 9; i++)
        p = vow_then(p, add_one, &ran);
    vow_resolve(r, vow_int(0));
    bool got = EXPECT_INT(p, 9);
    EQ_INT(ran, got ? 9 : 0);
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(read_ones, watched);
    if (event)
        event_free(event);
    close(fd[0]);
    close(fd[1]);
}

static vow_value stop_loop(vow_value v, void *loop)
{
    vow_loop_stop(loop);
    return vow_keep(v);
}

SCENARIO(a_run_that_is_stopped)
{
    vow_promise *stopper = vow_then(vow_delay(loop, 1), stop_loop, loop);
    vow_mark_handled(stopper);
    bool stops = IS_PENDING(stopper);
    vow_promise *p = vow_delay(loop, 50);
    vow_value v;
    int code = vow_run(loop, vow_ref(p), &v);
    if (code != ECANCELED || !stops)
        CHECK_WITH_MEMORY(false);
    if (code != 0 && code != ECANCELED)
        CHECK(oom_no_memory(vow_as_error(v)));
    vow_release(v);
    vow_mark_handled(p);
    EXPECT_NONE(p);
    vow_unref(stopper);
}

static vow_value close_loop(UNUSED vow_value v, void *loop)
{
    EQ_INT(vow_loop_close(loop), 0);
    return vow_int(5);
}

SCENARIO(closing_from_a_handler)
{
    vow_promise *other = vow_attach(vow_delay(loop, 50), oom_owned(), oom_give_back);
    vow_mark_handled(other);
    vow_promise *p = vow_then(vow_delay(loop, 1), close_loop, loop);
    bool closes = EXPECT_INT(p, 5);
    CHECK(vow_loop_is_closed(loop) == closes);
    if (!closes)
        EQ_INT(vow_loop_close(loop), 1);
    EXPECT_ERROR(other, VOW_ECLOSED);
}

/* Timers. */

struct order {
    int next;
    int number[80];
};
struct place {
    struct order *order;
    int number;
};
static vow_value in_order(UNUSED vow_value v, void *data)
{
    struct place *place = data;
    place->order->number[place->order->next++] = place->number;
    return vow_none();
}

/* More than the heap has room for at first. */
SCENARIO(many_delays)
{
    enum { MANY = 66 };
    struct order order = {0, {0}};
    struct place place[MANY];
    vow_promise *p[MANY];
    for (int i = 0; i < MANY; i++) {
        place[i] = (struct place){&order, i * 7 % MANY};
        p[i] = vow_then(vow_delay(loop, (uint64_t)place[i].number + 1), in_order, &place[i]);
        vow_mark_handled(p[i]);
    }
    int got = 0;
    for (int i = 0; i < MANY; i++)
        got += EXPECT_NONE(p[i]);
    EQ_INT(order.next, got);
    for (int i = 1; i < order.next; i++)
        CHECK(order.number[i - 1] < order.number[i]);
}

SCENARIO(advancing_the_clock)
{
    vow_clock_virtual(loop, false);
    int ran = 0;
    vow_promise *p[4];
    for (int i = 0; i < 4; i++) {
        p[i] = vow_then(vow_delay(loop, 10 * (uint64_t)i + 5), pass, &ran);
        vow_mark_handled(p[i]);
    }
    vow_clock_advance(loop, 20);
    CHECK_WITH_MEMORY(ran == 2);
    vow_clock_advance(loop, 20);
    int got = 0;
    for (int i = 0; i < 4; i++)
        got += EXPECT_NONE(p[i]);
    EQ_INT(ran, got);
}

static void real_delays(vow_loop *loop)
{
    int ran = 0;
    vow_promise *p[4];
    vow_loop_set_clock(loop, NULL, NULL);
    uint64_t before = vow_now(loop);
    for (int i = 0; i < 4; i++) {
        p[i] = vow_then(vow_delay(loop, 4 - (uint64_t)i), pass, &ran);
        vow_mark_handled(p[i]);
    }
    vow_cancel(p[3]);
    EXPECT_ERROR(p[3], ECANCELED);
    if (EXPECT_NONE(p[0]))
        CHECK(vow_now(loop) - before >= 4000000);
    EXPECT_NONE(p[1]);
    EXPECT_NONE(p[2]);
    CHECK(ran <= 3);
    CHECK_WITH_MEMORY(ran == 3);
    EXPECT_NONE(vow_delay(loop, 1)); /* the event had left the base */
}

SCENARIO(delays_in_real_time) { real_delays(loop); }

/* No descriptor to spare for a timerfd. */
SCENARIO(delays_in_real_time_without_a_descriptor)
{
    struct rlimit before, lower;
    int next = dup(0);
    close(next);
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    lower = before;
    lower.rlim_cur = (rlim_t)next;
    CHECK(setrlimit(RLIMIT_NOFILE, &lower) == 0);
    real_delays(loop);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
}

/* Remotes. */

struct posted {
    void *owned;
    int ran;
};
static void run_post(void *data) { ((struct posted *)data)->ran++; }
static void end_post(void *data) { oom_give_back(((struct posted *)data)->owned); }
struct posted_node {
    vow_node node;
    int ran, gone;
};
static void run_node(vow_node *node) { ((struct posted_node *)node)->ran++; }
static void lose_node(vow_node *node) { ((struct posted_node *)node)->gone++; }

SCENARIO(posts)
{
    vow_remote *remote = vow_remote_new(loop);
    if (!HAVE(remote))
        return;
    struct posted post[3];
    int posted = 0;
    for (int i = 0; i < 3; i++) {
        post[i] = (struct posted){oom_owned(), 0};
        posted += DONE(vow_post(remote, run_post, &post[i], end_post));
    }
    struct posted_node node = {{NULL, run_node, lose_node}, 0, 0};
    EQ_INT(vow_post_node(remote, &node.node), 0);
    vow_remote_unref(remote);
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(post[0].ran + post[1].ran + post[2].ran, posted);
    EQ_INT(node.ran, 1);
    EQ_INT(node.gone, 0);
}

SCENARIO(posts_that_a_closing_loop_loses)
{
    vow_remote *remote = vow_remote_new(loop);
    if (!HAVE(remote))
        return;
    struct posted post = {oom_owned(), 0}, late = {oom_owned(), 0};
    DONE(vow_post(remote, run_post, &post, end_post));
    struct posted_node node = {{NULL, run_node, lose_node}, 0, 0};
    EQ_INT(vow_post_node(remote, &node.node), 0);
    vow_loop_close(loop);
    CHECK(oom_is_back(post.owned) && post.ran == 0);
    EQ_INT(node.gone, 1);
    int code = vow_post(remote, run_post, &late, end_post);
    if (code != ESHUTDOWN)
        CHECK(!DONE(code));
    CHECK(oom_is_back(late.owned) && late.ran == 0);
    vow_remote_unref(remote);
}

SCENARIO(remote_resolvers)
{
    vow_remote *remote = vow_remote_new(loop);
    if (!HAVE(remote))
        return;
    vow_remote_resolver *r;
    vow_promise *p = vow_promise_new_remote(remote, &r);
    bool wanted = vow_remote_is_wanted(r);
    EQ_INT(vow_remote_resolve(r, vow_text("from here")), wanted);
    CHECK(!vow_remote_reject(r, vow_error_new(vow_errno_domain(), EIO, "too late")));
    vow_remote_resolver_unref(r);
    EXPECT_TEXT(p, "from here");
    p = vow_promise_new_remote(remote, &r);
    vow_remote_resolver_unref(r);
    EXPECT_ERROR(p, VOW_EBROKEN);
    p = vow_then(vow_promise_new_remote(remote, &r), add_one, NULL);
    vow_cancel(p);
    EXPECT_ERROR(p, ECANCELED);
    CHECK(!vow_remote_is_wanted(r));
    CHECK(!vow_remote_resolve(r, vow_box(oom_owned(), oom_give_back)));
    vow_remote_resolver_unref(r);
    vow_remote_unref(remote);
}

static void *resolve_there(void *r)
{
    vow_remote_resolve(r, vow_text("from there"));
    vow_remote_resolver_unref(r);
    return NULL;
}

SCENARIO(remote_resolvers_on_another_thread)
{
    vow_remote *remote = vow_remote_new(loop);
    if (!HAVE(remote))
        return;
    pthread_t thread;
    vow_remote_resolver *r;
    vow_promise *p = vow_promise_new_remote(remote, &r);
    p = vow_attach(p, oom_owned(), oom_give_back);
    vow_remote_unref(remote);
    CHECK(pthread_create(&thread, NULL, resolve_there, r) == 0);
    EXPECT_TEXT(p, "from there");
    CHECK(pthread_join(thread, NULL) == 0);
}

/* In a forked child memory is short. */

struct parent {
    vow_promise *delay, *afar;
    vow_remote *remote;
    vow_remote_resolver *r;
};

static void continue_in_child(vow_loop *loop, struct parent *p)
{
    int code;
    vow_promise *refused = vow_delay(loop, 1);
    vow_mark_handled(refused);
    IS_ERROR(vow_error_of(refused), VOW_EFORK);
    vow_unref(refused);
    while ((code = vow_loop_after_fork(loop)) != 0)
        if (!DONE(code) && oom_is_sticky())
            return;
    EXPECT_ERROR(p->afar, VOW_EFORK);
    EXPECT_NONE(p->delay);
    EXPECT_NONE(vow_delay(loop, 1));
    EQ_INT(vow_loop_close(loop), 0);
}

/* The child says how it went by its exit status, as a run does. */
static void in_child(vow_loop *loop, struct parent *p)
{
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(20);
        continue_in_child(loop, p);
        oom_leave();
    }
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status))
        WRONG("the child: signal %d", WTERMSIG(status));
    oom_child_left(WEXITSTATUS(status));
}

SCENARIO(a_forked_child)
{
    struct parent p = {.remote = vow_remote_new(loop)};
    if (!HAVE(p.remote))
        return;
    vow_loop_set_clock(loop, NULL, NULL);
    p.delay = vow_delay(loop, 20);
    p.afar = vow_promise_new_remote(p.remote, &p.r);
    vow_mark_handled(p.delay);
    vow_mark_handled(p.afar);
    in_child(loop, &p);
    vow_remote_resolve(p.r, vow_int(3));
    EXPECT_INT(p.afar, 3);
    EXPECT_NONE(p.delay);
    vow_remote_resolver_unref(p.r);
    vow_remote_unref(p.remote);
}

/* Looking allocates nothing. */

static void count_lines(const char *line, void *data)
{
    CHECK(line[0] != '\0');
    ++*(int *)data;
}

SCENARIO(dumps_and_counts)
{
    vow_resolver *r;
    vow_promise *p = vow_context(vow_promise_new(loop, &r), "a source");
    p = vow_finally(vow_all(loop, p, vow_delay(loop, 5)), count_none, NULL);
    vow_mark_handled(p);
    int all = 0, one = 0;
    vow_dump(loop, count_lines, &all);
    vow_dump_promise(p, count_lines, &one);
    vow_counts counts = vow_stats(loop);
    CHECK_WITH_MEMORY(all > 4 && one > 4 && counts.pending > 4 && counts.timers == 1);
    CHECK(one >= 1 && counts.live >= counts.pending);
    vow_unref(p);
    vow_resolver_drop(r);
    EQ_INT(vow_run_all(loop), 0);
}
