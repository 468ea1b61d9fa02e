/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapt/sweep.h"

static void make_pair(int fd[2])
{
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
}

static void close_pair(const int fd[2])
{
    close(fd[0]);
    close(fd[1]);
}

static void fill(int fd)
{
    char bytes[4096] = "";
    while (write(fd, bytes, sizeof bytes) > 0)
        ;
    EQ_INT(errno, EAGAIN);
}

/* Runs p and gives the bits it is fulfilled with. */
static int bits_of(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    return (int)vow_as_int(v);
}

/* scenario 133 */
TEST(readable_when_bytes_come)
{
    int fd[2];
    make_pair(fd);
    vow_promise *p = vow_ready(loop, fd[0], VOW_READ);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_INT(write(fd[1], "x", 1), 1);
    EQ_INT(bits_of(loop, p), VOW_READ);
    close_pair(fd);
}

/* scenario 133 */
TEST(writable_when_there_is_room_again)
{
    int fd[2];
    char bytes[65536];
    make_pair(fd);
    fill(fd[0]);
    vow_promise *p = vow_ready(loop, fd[0], VOW_READ | VOW_WRITE);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    while (read(fd[1], bytes, sizeof bytes) > 0)
        ;
    EQ_INT(bits_of(loop, p), VOW_WRITE);
    close_pair(fd);
}

/* scenario 133 */
TEST(both_at_once)
{
    int fd[2];
    char bytes[65536];
    make_pair(fd);
    fill(fd[0]);
    vow_promise *p = vow_ready(loop, fd[0], VOW_READ | VOW_WRITE);
    vow_poll(loop);
    while (read(fd[1], bytes, sizeof bytes) > 0)
        ;
    EQ_INT(write(fd[1], "x", 1), 1);
    EQ_INT(bits_of(loop, p), VOW_READ | VOW_WRITE);
    close_pair(fd);
}

/* scenario 133 */
TEST(two_waiters_on_one_descriptor)
{
    int fd[2];
    make_pair(fd);
    vow_promise *first = vow_ready(loop, fd[0], VOW_READ);
    vow_promise *second = vow_ready(loop, fd[0], VOW_READ | VOW_HANGUP);
    vow_promise *dropped = vow_ready(loop, fd[0], VOW_READ);
    vow_poll(loop);
    vow_unref(dropped);
    EQ_INT(write(fd[1], "x", 1), 1);
    EQ_INT(bits_of(loop, first), VOW_READ);
    EQ_INT(bits_of(loop, second), VOW_READ);
    close_pair(fd);
}

/* scenario 134 */
TEST(data_there_before_the_wait)
{
    int fd[2];
    make_pair(fd);
    EQ_INT(write(fd[1], "x", 1), 1);
    EQ_INT(bits_of(loop, vow_ready(loop, fd[0], VOW_READ)), VOW_READ);
    EQ_INT(bits_of(loop, vow_ready(loop, fd[0], VOW_READ | VOW_WRITE)), VOW_READ | VOW_WRITE);
    close_pair(fd);
}

/* scenario 135 */
TEST(the_peer_closes_its_write_side_while_waiting)
{
    int fd[2];
    make_pair(fd);
    vow_promise *end = vow_ready(loop, fd[0], VOW_READ);
    vow_promise *both = vow_ready(loop, fd[0], VOW_READ | VOW_HANGUP);
    vow_poll(loop);
    EQ_INT(shutdown(fd[1], SHUT_WR), 0);
    EQ_INT(bits_of(loop, end), VOW_READ);
    EQ_INT(bits_of(loop, both), VOW_READ | VOW_HANGUP);
    close_pair(fd);
}

/* scenario 135 */
TEST(the_peer_closes_its_read_side_while_waiting)
{
    int fd[2];
    CHECK(pipe2(fd, O_NONBLOCK) == 0);
    fill(fd[1]);
    vow_promise *p = vow_ready(loop, fd[1], VOW_WRITE);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    close(fd[0]);
    EQ_INT(bits_of(loop, p), VOW_WRITE);
    close(fd[1]);
}

/* scenario 136 */
TEST(a_hang_up_is_noticed_behind_unread_bytes)
{
    int fd[2];
    make_pair(fd);
    EQ_INT(write(fd[1], "x", 1), 1);
    vow_promise *p = vow_ready(loop, fd[0], VOW_HANGUP);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    close(fd[1]);
    EQ_INT(bits_of(loop, p), VOW_HANGUP);
    close(fd[0]);
}

/* scenario 137 */
TEST(a_closed_descriptor_rejects_its_waiters)
{
    int fd[2], other[2];
    make_pair(fd);
    make_pair(other);
    vow_promise *first = vow_ready(loop, fd[0], VOW_READ);
    vow_promise *second = vow_ready(loop, fd[0], VOW_READ | VOW_HANGUP);
    vow_promise *unharmed = vow_ready(loop, other[0], VOW_READ);
    vow_mark_handled(second);
    vow_poll(loop);
    EQ_INT(vow_ready_close(loop, fd[0]), 0);
    EQ_INT(vow_run(loop, first, NULL), EBADF);
    EQ_INT(vow_run(loop, second, NULL), EBADF);
    EQ_INT(vow_state(unharmed), VOW_PENDING);
    vow_unref(unharmed);
    close(fd[1]);
    close_pair(other);
}

static void note(const vow_error *e, void *data) { trace_add(data, "%d", vow_error_code(e)); }
static vow_value close_it(vow_value v, void *data)
{
    (void)v;
    int *fd = data;
    EQ_INT(vow_ready_close(vow_current(), *fd), 0);
    return vow_none();
}

/* scenario 137 */
TEST(closing_in_a_handler_of_the_descriptor)
{
    int fd[2];
    struct trace seen = {""};
    make_pair(fd);
    vow_promise *p = vow_then(vow_ready(loop, fd[0], VOW_READ), close_it, &fd[0]);
    vow_detach(vow_ready(loop, fd[0], VOW_HANGUP), note, &seen, NULL);
    EQ_INT(write(fd[1], "x", 1), 1);
    EQ_INT(vow_run(loop, p, NULL), 0);
    vow_poll(loop);
    EQ_TRACE(seen, "9");
    close(fd[1]);
}

TEST(closing_a_bad_descriptor_says_so)
{
    errno = 0;
    EQ_INT(vow_ready_close(loop, -1), -1);
    EQ_INT(errno, EBADF);
}

/* scenario 145 */
TEST(a_bad_descriptor_rejects)
{
    int fd = dup(0);
    close(fd);
    EQ_INT(vow_run(loop, vow_ready(loop, fd, VOW_READ), NULL), EBADF);
    EQ_INT(vow_run(loop, vow_ready(loop, -1, VOW_WRITE), NULL), EBADF);
    EQ_INT(vow_run(loop, vow_ready(loop, fd, VOW_READ | VOW_HANGUP), NULL), EBADF);
    EQ_INT(vow_run(loop, vow_ready(loop, 0, 0), NULL), EINVAL);
}

static void count_line(int severity, const char *text)
{
    (void)severity;
    FAIL("libevent logs: %s", text);
}

TEST(what_epoll_refuses_is_always_ready)
{
    int file = open("/proc/self/exe", O_RDONLY), null = open("/dev/null", O_RDWR);
    event_set_log_callback(count_line);
    EQ_INT(bits_of(loop, vow_ready(loop, file, VOW_READ)), VOW_READ);
    EQ_INT(bits_of(loop, vow_ready(loop, null, VOW_READ | VOW_WRITE)), VOW_READ | VOW_WRITE);
    event_set_log_callback(NULL);
    close(file);
    close(null);
}

static vow_value note_bits(vow_value v, void *data)
{
    trace_add(data, "ready:%d", (int)vow_as_int(v));
    return vow_none();
}

TEST(handlers_never_run_inside_the_call)
{
    struct trace seen = {""};
    int null = open("/dev/null", O_RDONLY);
    vow_promise *p = vow_then(vow_ready(loop, null, VOW_READ), note_bits, &seen);
    trace_add(&seen, "returned");
    EQ_INT(vow_run(loop, p, NULL), 0);
    EQ_TRACE(seen, "returned ready:1");
    close(null);
}

TEST(a_cancelled_wait_is_gone)
{
    int fd[2];
    make_pair(fd);
    vow_promise *p = vow_ready(loop, fd[0], VOW_READ);
    vow_cancel(p);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    vow_unref(vow_ready(loop, fd[0], VOW_READ | VOW_HANGUP));
    EQ_INT(vow_run_all(loop), 0);
    close_pair(fd);
}

TEST(a_closing_loop_ends_the_waits)
{
    int fd[2];
    make_pair(fd);
    vow_promise *p = vow_ready(loop, fd[0], VOW_READ), *q = vow_ready(loop, fd[0], VOW_HANGUP);
    EQ_INT(vow_loop_close(loop), 2);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    vow_unref(q);
    p = vow_ready(loop, fd[0], VOW_READ);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    close_pair(fd);
}

TEST(without_descriptors_a_hang_up_wait_rejects)
{
    int fd[2];
    struct rlimit before, none;
    make_pair(fd);
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &none);
    vow_promise *p = vow_ready(loop, fd[0], VOW_HANGUP);
    setrlimit(RLIMIT_NOFILE, &before);
    EQ_INT(vow_run(loop, p, NULL), EMFILE);
    close_pair(fd);
}

static int wait_twice(vow_loop *loop)
{
    int fd[2];
    make_pair(fd);
    vow_promise *p = vow_ready(loop, fd[0], VOW_READ);
    vow_promise *q = vow_ready(loop, fd[0], VOW_HANGUP);
    vow_mark_handled(q);
    close(fd[1]);
    int code = vow_run(loop, p, NULL), other = vow_run(loop, q, NULL);
    close(fd[0]);
    return code ? code : other;
}

TEST_PLAIN(every_allocation_may_fail) { sweep(wait_twice); }
