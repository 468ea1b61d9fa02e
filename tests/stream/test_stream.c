/* SPDX-License-Identifier: MIT */
#include "adapt/net.h"
#include "adapt/sweep.h"

/* Reading. */

TEST(reads_what_there_is)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p = vow_stream_read(s, 100);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    net_send(peer, "hello");
    EQ_READ(p, "hello");
    net_send(peer, "more");
    EQ_READ(vow_stream_read(s, 2), "mo");
    EQ_READ(vow_stream_read(s, 2), "re");
    vow_stream_unref(s);
    close(peer);
}

TEST(reads_exactly_so_many_bytes)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p = vow_stream_read_exact(s, 6);
    net_send(peer, "abc");
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    net_send(peer, "defghi");
    EQ_READ(p, "abcdef");
    EQ_READ(vow_stream_read_exact(s, 0), "");
    EQ_READ(vow_stream_read_exact(s, 3), "ghi");
    vow_stream_unref(s);
    close(peer);
}

TEST(reads_lines_without_losing_what_follows)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    net_send(peer, "one\ntwo\nthr");
    EQ_READ(vow_stream_read_until(s, '\n', 100), "one\n");
    vow_promise *two = vow_stream_read_until(s, '\n', 100);
    EQ_INT(vow_state(two), VOW_FULFILLED); /* without a turn */
    EQ_READ(two, "two\n");
    vow_promise *three = vow_stream_read_until(s, '\n', 100);
    vow_poll(loop);
    EQ_INT(vow_state(three), VOW_PENDING);
    net_send(peer, "ee\nrest");
    EQ_READ(three, "three\n");
    EQ_READ(vow_stream_read_exact(s, 2), "re");
    EQ_READ(vow_stream_read(s, 100), "st");
    vow_stream_unref(s);
    close(peer);
}

TEST(a_line_longer_than_allowed_stays)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    net_send(peer, "12345\n");
    EQ_INT(vow_run(loop, vow_stream_read_until(s, '\n', 5), NULL), EMSGSIZE);
    EQ_READ(vow_stream_read_until(s, '\n', 6), "12345\n");
    vow_stream_unref(s);
    close(peer);
}

TEST(a_long_line_in_small_pieces)
{
    enum { SIZE = 20000 };
    static char line[SIZE + 1];
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    memset(line, 'x', SIZE);
    line[SIZE - 1] = '\n';
    vow_promise *p = vow_stream_read_until(s, '\n', SIZE);
    for (size_t sent = 0; sent < SIZE; sent += 500) {
        EQ_INT(write(peer, line + sent, 500), 500);
        vow_poll(loop);
    }
    EQ_READ(p, line);
    vow_stream_unref(s);
    close(peer);
}

TEST(the_end_of_the_stream)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    net_send(peer, "abc");
    shutdown(peer, SHUT_WR);
    EQ_INT(vow_run(loop, vow_stream_read_exact(s, 4), NULL), ECONNRESET);
    EQ_INT(vow_run(loop, vow_stream_read_until(s, '\n', 10), NULL), ECONNRESET);
    EQ_READ(vow_stream_read(s, 100), "abc");
    EQ_READ(vow_stream_read(s, 100), "");
    EQ_READ(vow_stream_read(s, 100), "");
    vow_stream_unref(s);
    close(peer);
}

TEST(an_unwanted_byte_waits_in_the_kernel)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    net_send(peer, "a");
    EQ_READ(vow_stream_read(s, 1), "a");
    net_send(peer, "b");
    vow_poll(loop); /* nobody reads: the event fires and is deleted */
    EQ_READ(vow_stream_read(s, 1), "b");
    net_send(peer, "c");
    EQ_READ(vow_stream_read(s, 1), "c");
    vow_stream_unref(s);
    close(peer);
}

static vow_value then_sleep(vow_value v, void *data)
{
    (void)v, (void)data;
    return vow_promise_value(vow_delay(vow_current(), 60000));
}

TEST(a_socket_nobody_reads_does_not_hold_the_loop)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p = vow_then(vow_stream_read(s, 1), then_sleep, NULL);
    net_send(peer, "a");
    EQ_INT(vow_run(loop, p, NULL), 0); /* the clock jumps */
    p = vow_stream_read(s, 1);
    net_send(peer, "a");
    EQ_INT(vow_run_all(loop), 0);
    EQ_READ(p, "a");
    vow_stream_unref(s);
    close(peer);
}

TEST(an_attached_base_is_let_go_as_well)
{
    int peer;
    struct event_base *base = event_base_new();
    vow_loop *attached = vow_loop_attach(base);
    vow_stream *s = net_pair(attached, &peer);
    vow_promise *p = vow_stream_read(s, 10);
    net_send(peer, "a");
    EQ_INT(event_base_dispatch(base), 1); /* nothing is pending any more */
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(p);
    vow_stream_unref(s);
    vow_loop_free(attached);
    event_base_free(base);
    close(peer);
}

TEST(one_read_and_one_write_at_a_time)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p = vow_stream_read(s, 10), *second = vow_stream_read(s, 10);
    EQ_INT(vow_state(second), VOW_REJECTED);
    EQ_INT(vow_run(loop, second, NULL), EBUSY);
    net_send(peer, "x");
    EQ_READ(p, "x");
    vow_stream_unref(s);
    close(peer);
}

/* scenario 143 */
TEST(what_was_buffered_is_read_before_the_hang_up)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    net_send(peer, "last words");
    close(peer);
    EQ_READ(vow_stream_read(s, 4), "last");
    EQ_READ(vow_stream_read(s, 100), " words");
    EQ_READ(vow_stream_read(s, 100), "");
    vow_stream_unref(s);
}

TEST(a_reset_rejects_the_read)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p = vow_stream_read(s, 100);
    vow_poll(loop);
    net_reset(peer);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), ECONNRESET);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "stream read");
    vow_release(v);
    vow_stream_unref(s);
}

/* scenario 147 */
TEST(without_memory_for_the_bytes_they_stay)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    net_send(peer, "abc");
    vow_promise *p = vow_stream_read(s, 100);
    vow_test_fail_allocation(1, false);
    EQ_INT(vow_run(loop, p, NULL), ENOMEM);
    vow_test_fail_allocation(0, false);
    EQ_READ(vow_stream_read(s, 100), "abc");
    net_send(peer, "line\nnext");
    vow_unref(vow_stream_read_until(s, '\n', 100));
    EQ_READ(vow_stream_read_until(s, '\n', 100), "line\n");
    vow_test_fail_allocation(1, true);
    EQ_INT(vow_run(loop, vow_stream_read_exact(s, 2), NULL), ENOMEM);
    vow_test_fail_allocation(0, false);
    EQ_READ(vow_stream_read_exact(s, 4), "next");
    vow_stream_unref(s);
    close(peer);
}

/* Writing is in test_sock_write.c. Life. */

TEST(closing_rejects_what_is_in_flight)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p = vow_stream_read(s, 100), *q = vow_ready(loop, vow_stream_fd(s), VOW_READ);
    vow_mark_handled(q);
    vow_poll(loop);
    vow_stream_close(s);
    EQ_INT(vow_stream_fd(s), -1);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    EQ_INT(vow_run(loop, q, NULL), EBADF);
    EQ_INT(vow_run(loop, vow_stream_read(s, 1), NULL), EBADF);
    EQ_INT(vow_run(loop, vow_stream_write(s, "x", 1), NULL), EBADF);
    vow_stream_close(s);
    vow_stream_unref(s);
    close(peer);
}

TEST(an_operation_in_flight_keeps_the_socket)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p = vow_stream_read(s, 100);
    vow_stream_unref(s);
    net_send(peer, "still here");
    EQ_READ(p, "still here");
    char byte;
    EQ_INT(read(peer, &byte, 1), 0); /* then it is closed */
    close(peer);
}

TEST(a_dropped_read_lets_go_of_the_socket)
{
    int peer;
    char byte;
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p = vow_stream_read(s, 100);
    vow_stream_unref(s);
    vow_unref(p);
    EQ_INT(read(peer, &byte, 1), 0);
    close(peer);
}

TEST(a_socket_as_a_value)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    vow_value v = vow_stream_value(vow_stream_ref(s));
    EQ_PTR(vow_stream_of(v), s);
    EQ_TEXT(vow_type_name(v), "stream");
    CHECK(vow_is(v, vow_stream_type()));
    vow_release(v);
    vow_stream_unref(s);
    close(peer);
}

TEST(takes_no_bad_descriptor)
{
    CHECK(vow_stream_from_fd(loop, -1) == NULL);
    EQ_INT(errno, EBADF);
}

TEST(a_closing_loop_ends_the_operations)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p = vow_stream_read(s, 10);
    vow_loop_close(loop);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    p = vow_stream_write(s, "x", 1);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    vow_stream_unref(s);
    close(peer);
}

TEST_PLAIN(a_socket_may_outlive_its_loop)
{
    int peer;
    char byte;
    loop = vow_loop_new();
    vow_stream *s = net_pair(loop, &peer);
    vow_unref(vow_stream_read(s, 10));
    vow_stream *other = vow_stream_ref(s);
    vow_loop_free(loop);
    vow_stream_close(s);
    EQ_INT(read(peer, &byte, 1), 0);
    vow_stream_unref(s);
    vow_stream_unref(other);
    close(peer);
}

TEST_PANICS(reading_after_the_loop_is_freed_is_misuse, "the stream's loop is freed")
{
    int peer;
    vow_loop *other = vow_loop_new();
    vow_stream *s = net_pair(other, &peer);
    vow_loop_free(other);
    vow_unref(vow_stream_read(s, 1));
}

TEST_PANICS(reading_at_most_nothing_is_misuse, "could not be told from the end")
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    vow_unref(vow_stream_read(s, 0));
}

/* All kinds of reads and a write. */
static int talk(vow_loop *loop)
{
    int fd[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    CHECK(write(fd[1], "line\n12345rest", 14) == 14);
    vow_stream *s = vow_stream_from_fd(loop, fd[0]);
    int code = s ? 0 : ENOMEM;
    if (!code)
        code = vow_run(loop, vow_stream_read_until(s, '\n', 100), NULL);
    if (!code)
        code = vow_run(loop, vow_stream_write(s, "answer", 6), NULL);
    if (!code)
        code = vow_run(loop, vow_stream_read_exact(s, 4), NULL);
    if (!code)
        code = vow_run(loop, vow_stream_read(s, 4), NULL);
    shutdown(fd[1], SHUT_WR);
    if (!code)
        code = vow_run(loop, vow_stream_read(s, 4), NULL);
    vow_stream_unref(s);
    close(fd[1]);
    return code;
}

TEST_PLAIN(every_allocation_may_fail) { sweep(talk); }
