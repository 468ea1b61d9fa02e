/* SPDX-License-Identifier: MIT
 *
 * Descriptors, libevent's events and worker threads without memory.
 */
#include "vow/ready.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "oom/oom.h"
#include "vow/pool.h"

static void make_pair(int fd[2]) { CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0); }
static void close_pair(int fd[2])
{
    close(fd[0]);
    close(fd[1]);
}

/* Descriptors. */

SCENARIO(readiness)
{
    int fd[2];
    make_pair(fd);
    EXPECT_INT(vow_ready(loop, fd[0], VOW_WRITE), VOW_WRITE);
    vow_promise *p = vow_ready(loop, fd[0], VOW_READ), *q = vow_ready(loop, fd[0], VOW_READ);
    vow_mark_handled(q);
    CHECK(write(fd[1], "x", 1) == 1);
    EXPECT_INT(p, VOW_READ);
    EXPECT_INT(q, VOW_READ);
    EXPECT_INT(vow_ready(loop, fd[0], VOW_READ), VOW_READ);
    EXPECT_ERROR(vow_ready(loop, 999, VOW_READ), EBADF);
    EXPECT_ERROR(vow_ready(loop, fd[0], 0), EINVAL);
    int null = open("/dev/null", O_RDWR);
    EXPECT_INT(vow_ready(loop, null, VOW_READ | VOW_WRITE), VOW_READ | VOW_WRITE);
    close(null);
    close_pair(fd);
}

SCENARIO(a_hangup)
{
    int fd[2];
    make_pair(fd);
    vow_promise *p = vow_ready(loop, fd[0], VOW_HANGUP);
    vow_promise *delay = vow_delay(loop, 1);
    vow_mark_handled(p);
    vow_mark_handled(delay);
    EQ_INT(vow_poll(loop) < 0, 0);
    CHECK_WITH_MEMORY(IS_PENDING(p));
    shutdown(fd[1], SHUT_WR);
    EXPECT_INT(p, VOW_HANGUP);
    EXPECT_NONE(delay);
    close_pair(fd);
}

SCENARIO(waits_that_are_ended)
{
    oom_reports(0, 1); /* of the one that is dropped */
    int fd[2];
    make_pair(fd);
    vow_promise *dropped = vow_attach(vow_ready(loop, fd[0], VOW_READ), oom_owned(), oom_give_back);
    vow_promise *cancelled = vow_then(vow_ready(loop, fd[0], VOW_READ), add_one, NULL);
    vow_promise *closed = vow_then(vow_ready(loop, fd[0], VOW_READ | VOW_HANGUP), add_one, NULL);
    vow_mark_handled(dropped);
    vow_mark_handled(closed);
    vow_unref(dropped);
    vow_cancel(cancelled);
    EXPECT_ERROR(cancelled, ECANCELED);
    EQ_INT(vow_ready_close(loop, fd[0]), 0);
    EXPECT_ERROR(closed, EBADF);
    close(fd[1]);
}

SCENARIO(a_wait_that_times_out)
{
    int fd[2];
    make_pair(fd);
    vow_loop_set_clock(loop, NULL, NULL);
    vow_promise *p = vow_timeout(vow_ready(loop, fd[0], VOW_READ), 2);
    EXPECT_ERROR(p, ETIMEDOUT);
    close_pair(fd);
}

/* libevent's events. */

SCENARIO(events)
{
    int fd[2];
    make_pair(fd);
    struct event_base *base = vow_loop_base(loop);
    struct event *event = event_new(base, fd[0], EV_READ, NULL, NULL);
    if (HAVE_OR_NULL(event)) {
        EXPECT_INT(vow_event(loop, event, 2), EV_TIMEOUT);
        vow_promise *p = vow_event(loop, event, 0);
        CHECK(write(fd[1], "x", 1) == 1);
        EXPECT_INT(vow_then(p, add_one, NULL), EV_READ + 1);
        CHECK(!event_pending(event, EV_READ | EV_TIMEOUT, NULL));
        p = vow_event(loop, event, 1000);
        vow_mark_handled(p);
        vow_cancel(p);
        EXPECT_ERROR(p, ECANCELED);
        CHECK(!event_pending(event, EV_READ | EV_TIMEOUT, NULL));
        event_free(event);
    }
    close_pair(fd);
}

SCENARIO(signals)
{
    struct event *event = evsignal_new(vow_loop_base(loop), SIGUSR1, NULL, NULL);
    if (!HAVE_OR_NULL(event))
        return;
    signal(SIGUSR1, SIG_IGN); /* where the event could not be added */
    vow_promise *p = vow_event(loop, event, 0);
    vow_mark_handled(p);
    raise(SIGUSR1);
    EXPECT_INT(p, EV_SIGNAL);
    event_free(event);
}

/* Threads. */

static vow_value text_of_work(void *data)
{
    struct {
        void *owned;
    } *job = data;
    CHECK(!oom_is_back(job->owned));
    return vow_textf("a text made on %s", "a thread");
}
static vow_value failing_work(UNUSED void *data) { return vow_fail(EPROTO, "on %s", "a thread"); }
static vow_value counting_work(void *data)
{
    ++*(int *)data;
    return vow_none();
}
struct work {
    void *owned;
};
static void end_work(void *data) { oom_give_back(((struct work *)data)->owned); }

SCENARIO(work)
{
    vow_pool *pool = vow_pool_new("oom", 1, 0);
    if (!HAVE_OR_NULL(pool))
        return;
    struct work one = {oom_owned()}, two = {oom_owned()};
    EXPECT_TEXT(vow_work(loop, pool, text_of_work, &one, end_work), "a text made on a thread");
    CHECK(oom_is_back(one.owned));
    EXPECT_ERROR(vow_context(vow_work(loop, pool, failing_work, &two, end_work), "work"), EPROTO);
    EQ_INT(vow_run_all(loop), 0); /* of a job that is not wanted any more */
    CHECK(oom_is_back(two.owned));
    vow_pool_free(pool);
}

SCENARIO(work_of_the_process)
{
    struct work job[3];
    vow_promise *p[3];
    for (int i = 0; i < 3; i++) {
        job[i] = (struct work){oom_owned()};
        p[i] = vow_work(loop, NULL, text_of_work, &job[i], end_work);
        vow_mark_handled(p[i]);
    }
    for (int i = 0; i < 3; i++) {
        EXPECT_TEXT(p[i], "a text made on a thread");
        CHECK(oom_is_back(job[i].owned));
    }
}

/* The first job holds the only thread until the other one is cancelled, or dropped. */
static vow_value wait_for_byte(void *fd)
{
    char byte;
    return vow_int(read(*(int *)fd, &byte, 1));
}

SCENARIO(queued_work_that_is_not_wanted)
{
    int fd[2], ran = 0;
    make_pair(fd);
    vow_pool *pool = vow_pool_new("oom", 1, 0);
    if (!HAVE_OR_NULL(pool)) {
        close_pair(fd);
        return;
    }
    vow_promise *busy = vow_work(loop, pool, wait_for_byte, &fd[0], NULL);
    bool holds = IS_PENDING(busy);
    vow_promise *cancelled = vow_work(loop, pool, counting_work, &ran, NULL);
    vow_promise *dropped = vow_work(loop, pool, counting_work, &ran, NULL);
    vow_mark_handled(busy);
    vow_mark_handled(dropped);
    vow_mark_handled(cancelled);
    vow_unref(dropped);
    vow_cancel(cancelled);
    EXPECT_ERROR(cancelled, ECANCELED);
    CHECK(write(fd[1], "x", 1) == 1);
    EXPECT_INT(busy, 1);
    CHECK(!holds || ran == 0);
    vow_pool_free(pool);
    close_pair(fd);
}

/* Done, or one of the errors of a job that does not run. */
static void expect_end(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    int code = vow_run(loop, p, &v);
    if (code == 0)
        EQ_TEXT(vow_as_text(v), "a text made on a thread");
    else
        CHECK(code == ECANCELED || code == EAGAIN || oom_no_memory(vow_as_error(v)));
    vow_release(v);
}

SCENARIO(a_pool_that_ends_with_work_queued)
{
    int fd[2];
    make_pair(fd);
    vow_pool *pool = vow_pool_new("oom", 1, 1);
    if (HAVE_OR_NULL(pool)) {
        struct work job = {oom_owned()}, more = {oom_owned()};
        vow_promise *busy = vow_work(loop, pool, wait_for_byte, &fd[0], NULL);
        while (vow_pool_queued(pool) > 0)
            usleep(100);
        vow_promise *queued = vow_work(loop, pool, text_of_work, &job, end_work);
        vow_promise *refused = vow_work(loop, pool, text_of_work, &more, end_work);
        bool full = IS_PENDING(busy) && IS_PENDING(queued);
        vow_mark_handled(busy);
        vow_mark_handled(queued);
        vow_mark_handled(refused);
        CHECK(!full || oom_has_code(vow_error_of(refused), EAGAIN) ||
              oom_no_memory(vow_error_of(refused)));
        CHECK(write(fd[1], "x", 1) == 1);
        vow_pool_free(pool);
        EXPECT_INT(busy, 1);
        expect_end(loop, queued);
        expect_end(loop, refused);
    }
    close_pair(fd);
}
