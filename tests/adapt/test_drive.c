/* SPDX-License-Identifier: MIT
 *
 * test_drive.c - the step machine over a small client: sends a question, wants its answer.
 */
#include "adapt/net.h"
#include "adapt/sweep.h"

struct client {
    int fd, steps, destroyed;
    int want_fd, what; /* what the second step waits for */
    uint64_t ms;
    int seen; /* `ready` of the last step */
    vow_promise *cancel; /* inside the second step; or NULL */
};

static bool step(void *data, int ready, vow_wants *wants, vow_value *ret)
{
    struct client *c = data;
    c->seen = ready;
    c->steps++;
    char answer = 0;
    if (c->steps > 1 && read(c->fd, &answer, 1) == 1) {
        *ret = vow_int(answer);
        return true;
    }
    if (c->steps > 1 && ready == 0) {
        *ret = vow_fail(ETIMEDOUT, "no answer");
        return true;
    }
    if (c->cancel)
        vow_cancel(c->cancel);
    *wants = (vow_wants){c->want_fd, c->what, c->ms};
    return false;
}

static void destroy(void *data) { ((struct client *)data)->destroyed++; }

static struct client make_client(int ends[2])
{
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    return (struct client){.fd = ends[0], .want_fd = ends[0], .what = VOW_READ};
}

static void close_both(const int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

TEST(steps_until_it_is_done)
{
    int ends[2];
    struct client c = make_client(ends);
    vow_promise *p = vow_drive(loop, step, &c, destroy);
    EQ_INT(c.steps, 1);
    EQ_INT(c.seen, 0);
    vow_poll(loop);
    EQ_INT(c.steps, 1);
    net_send(ends[1], "A");
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_INT(vow_as_int(v), 'A');
    EQ_INT(c.seen, VOW_READ);
    EQ_INT(c.destroyed, 1);
    close_both(ends);
}

TEST(a_limit_ends_the_wait)
{
    int ends[2];
    struct client c = make_client(ends);
    c.ms = 50;
    vow_promise *p = vow_drive(loop, step, &c, destroy);
    vow_clock_advance(loop, 49);
    EQ_INT(c.steps, 1);
    vow_mark_handled(p);
    vow_clock_advance(loop, 1);
    EQ_INT(c.steps, 2);
    EQ_INT(vow_run(loop, p, NULL), ETIMEDOUT);
    EQ_INT(c.destroyed, 1);
    close_both(ends);
}

TEST(only_a_time_is_enough_to_wait_for)
{
    int ends[2];
    struct client c = make_client(ends);
    c.want_fd = -1;
    c.ms = 5;
    vow_promise *p = vow_drive(loop, step, &c, NULL);
    net_send(ends[1], "B");
    vow_clock_advance(loop, 5);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_INT(vow_as_int(v), 'B');
    close_both(ends);
}

TEST(cancelled_or_dropped_it_steps_no_more)
{
    for (int drop = 0; drop < 2; drop++) {
        int ends[2];
        struct client c = make_client(ends);
        c.ms = 10;
        vow_promise *p = vow_drive(loop, step, &c, destroy);
        if (drop)
            p = vow_unref(p);
        else
            vow_cancel(p);
        net_send(ends[1], "C");
        vow_clock_advance(loop, 100);
        EQ_INT(c.steps, 1);
        EQ_INT(c.destroyed, 1);
        if (p)
            EQ_INT(vow_run(loop, p, NULL), ECANCELED);
        close_both(ends);
    }
}

TEST(a_step_may_cancel_its_own_promise)
{
    int ends[2];
    struct client c = make_client(ends);
    c.what = VOW_WRITE;
    vow_promise *p = vow_drive(loop, step, &c, destroy);
    c.cancel = p;
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    EQ_INT(c.steps, 2);
    EQ_INT(c.destroyed, 1);
    close_both(ends);
}

/* The library closes its socket in a step and gets the same number for the next one. */
static bool reconnect(void *data, int ready, vow_wants *wants, vow_value *ret)
{
    struct client *c = data;
    char byte;
    if (ready && ++c->steps == 1) {
        int fresh[2];
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fresh) == 0);
        CHECK(dup2(fresh[0], c->fd) == c->fd); /* closes the old one */
        close(fresh[0]);
        c->what = fresh[1];
    } else if (ready) {
        *ret = vow_int(read(c->fd, &byte, 1));
        return true;
    }
    wants->fd = c->fd;
    wants->what = VOW_READ;
    return false;
}

TEST(another_descriptor_of_the_same_number_is_waited_for)
{
    int ends[2];
    struct client c = make_client(ends);
    vow_promise *p = vow_drive(loop, reconnect, &c, NULL);
    net_send(ends[1], "go");
    vow_poll(loop);
    EQ_INT(c.steps, 1);
    net_send(c.what, "x");
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    EQ_INT(vow_as_int(vow_peek(p)), 1);
    vow_unref(p);
    close(c.what);
    close_both(ends);
}

TEST(what_cannot_be_waited_for_rejects)
{
    int ends[2];
    struct {
        int fd, what, code;
    } wrong[] = {{-1, VOW_READ, EINVAL}, {9999, VOW_READ, EBADF}, {0, 0, EINVAL}};
    for (int i = 0; i < 3; i++) {
        struct client c = make_client(ends);
        c.want_fd = wrong[i].fd;
        c.what = wrong[i].what;
        EQ_INT(vow_run(loop, vow_drive(loop, step, &c, destroy), NULL), wrong[i].code);
        EQ_INT(c.destroyed, 1);
        close_both(ends);
    }
}

TEST(on_a_closed_loop_no_step_is_made)
{
    struct client c = {.destroyed = 0};
    vow_loop_close(loop);
    vow_promise *p = vow_drive(loop, step, &c, destroy);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    EQ_INT(c.steps, 0);
    EQ_INT(c.destroyed, 1);
    vow_unref(p);
}

static int drive_scenario(vow_loop *loop)
{
    int ends[2];
    struct client c = make_client(ends);
    c.ms = 1000;
    vow_promise *p = vow_drive(loop, step, &c, destroy);
    net_send(ends[1], "S");
    int failed = vow_run(loop, p, NULL);
    EQ_INT(c.destroyed, 1);
    close_both(ends);
    return failed;
}
TEST_PLAIN(driving_survives_failing_allocations) { sweep(drive_scenario); }
