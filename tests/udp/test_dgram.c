/* SPDX-License-Identifier: MIT
 *
 * test_dgram.c - what all datagram sockets share, on pairs of unix ones, which lose nothing.
 */
#include "adapt/net.h"
#include "adapt/sweep.h"

/* The library's socket, and its peer. */
static vow_dgram *make_pair(vow_loop *loop, int *ret_peer)
{
    int fd[2];
    EQ_INT(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd), 0);
    int few = 1; /* the least that the system allows: some datagrams */
    EQ_INT(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &few, sizeof few), 0);
    vow_dgram *d = vow_dgram_from_fd(loop, fd[0]);
    CHECK(d != NULL);
    *ret_peer = fd[1];
    return d;
}

#define EQ_PACKET(p, text) expect_packet(__LINE__, loop, p, text)
static void expect_packet(int line, vow_loop *loop, vow_promise *p, const char *text)
{
    vow_value v;
    int code = vow_run(loop, p, &v);
    if (code)
        harness_fail(__FILE__, line, "code %d", code);
    vow_buf *b = vow_packet_buf(vow_packet_of(v));
    harness_eq_uint(__FILE__, line, "size", vow_buf_size(b), strlen(text));
    harness_eq_bytes(__FILE__, line, "bytes", vow_buf_bytes(b), text, strlen(text));
    vow_release(v);
}

/* Fills the peer's queue; how many datagrams it took. Of the last one p is the promise. */
static int fill(vow_dgram *d, vow_promise **ret_waiting)
{
    for (int n = 0;; n++) {
        vow_promise *p = vow_dgram_send(d, NULL, "filled", 6);
        *ret_waiting = p;
        if (vow_state(p) == VOW_PENDING)
            return n;
        EQ_INT(vow_state(p), VOW_FULFILLED);
        vow_unref(p);
    }
}

static void read_one(int peer, const char *text)
{
    char bytes[16];
    EQ_INT(recv(peer, bytes, sizeof bytes, 0), (intmax_t)strlen(text));
    EQ_BYTES(bytes, text, strlen(text));
}

TEST(a_send_waits_for_room_in_the_peers_queue)
{
    int peer;
    vow_dgram *d = make_pair(loop, &peer);
    vow_promise *p, *q;
    int n = fill(d, &p);
    CHECK(n > 0);
    q = vow_dgram_send_buf(d, NULL, vow_buf_copy("after", 5));
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    for (int i = 0; i < n; i++)
        read_one(peer, "filled");
    EQ_INT(vow_run(loop, p, NULL), 0);
    read_one(peer, "filled");
    EQ_INT(vow_run(loop, q, NULL), 0);
    read_one(peer, "after");
    vow_dgram_unref(d);
    close(peer);
}

/* There is room for some of them, then for some more. */
TEST(many_sends_wait_and_go_in_order)
{
    enum { MANY = 100 };
    int peer, got = 0;
    char bytes[8];
    vow_dgram *d = make_pair(loop, &peer);
    vow_promise *p[MANY];
    for (int i = 0; i < MANY; i++) {
        snprintf(bytes, sizeof bytes, "%d", i);
        p[i] = vow_dgram_send_buf(d, NULL, vow_buf_copy(bytes, strlen(bytes) + 1));
    }
    while (got < MANY) {
        vow_poll(loop);
        vow_clock_advance(loop, 64);
        while (recv(peer, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
            EQ_INT(atoi(bytes), got++);
    }
    for (int i = 0; i < MANY; i++)
        EQ_INT(vow_run(loop, p[i], NULL), 0);
    vow_dgram_unref(d);
    close(peer);
}

TEST(a_cancelled_send_is_not_sent_and_the_next_is)
{
    int peer;
    vow_dgram *d = make_pair(loop, &peer);
    vow_promise *p, *q;
    int n = fill(d, &p);
    q = vow_dgram_send(d, NULL, "next", 4);
    vow_cancel(p);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    for (int i = 0; i < n; i++)
        read_one(peer, "filled");
    EQ_INT(vow_run(loop, q, NULL), 0);
    read_one(peer, "next");
    fill(d, &p);
    vow_unref(p);
    EQ_INT(vow_run_all(loop), 0);
    vow_dgram_unref(d);
    close(peer);
}

/* Linux calls an unconnected socket writable however full the queue of whom it sends to is. */
TEST(a_full_queue_elsewhere_is_asked_again_after_pauses)
{
    vow_address to;
    int peer = socket(AF_UNIX, SOCK_DGRAM, 0), n = 0;
    EQ_INT(vow_address_unix(&to, "@"), 0);
    EQ_INT(bind(peer, (struct sockaddr *)&to.storage, to.size), 0);
    EQ_INT(vow_address_local(&to, peer), 0);
    vow_dgram *d = vow_dgram_from_fd(loop, socket(AF_UNIX, SOCK_DGRAM, 0));
    vow_promise *p = vow_dgram_send(d, &to, "x", 1);
    for (; vow_state(p) == VOW_FULFILLED; n++) {
        vow_unref(p);
        p = vow_dgram_send(d, &to, "x", 1);
    }
    for (int i = 0; i < 10; i++)
        vow_poll(loop);
    uint64_t ran = vow_stats(loop).handlers;
    for (int i = 0; i < 10; i++)
        vow_poll(loop);
    EQ_UINT(vow_stats(loop).handlers, ran); /* no turn is wasted */
    for (int i = 0; i < 10; i++)
        vow_clock_advance(loop, 64);
    CHECK(vow_stats(loop).handlers <= ran + 20);
    EQ_INT(vow_state(p), VOW_PENDING);
    read_one(peer, "x");
    vow_clock_advance(loop, 64);
    EQ_INT(vow_run(loop, p, NULL), 0);
    while (n-- > 0)
        read_one(peer, "x");
    vow_dgram_unref(d);
    close(peer);
}

TEST(closing_during_such_a_pause)
{
    vow_address to;
    int peer = socket(AF_UNIX, SOCK_DGRAM, 0);
    EQ_INT(vow_address_unix(&to, "@"), 0);
    EQ_INT(bind(peer, (struct sockaddr *)&to.storage, to.size), 0);
    EQ_INT(vow_address_local(&to, peer), 0);
    vow_dgram *d = vow_dgram_from_fd(loop, socket(AF_UNIX, SOCK_DGRAM, 0));
    vow_promise *p = vow_dgram_send(d, &to, "x", 1);
    while (vow_state(p) == VOW_FULFILLED) {
        vow_unref(p);
        p = vow_dgram_send(d, &to, "x", 1);
    }
    vow_poll(loop);
    vow_dgram_close(d);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    EQ_INT(vow_run_all(loop), 0);
    vow_dgram_unref(d);
    close(peer);
}

TEST(closing_rejects_who_waits_and_who_comes_later)
{
    int peer;
    vow_dgram *d = make_pair(loop, &peer);
    vow_promise *p = vow_dgram_receive(d, 10), *q, *r = vow_ready(loop, vow_dgram_fd(d), VOW_READ);
    fill(d, &q);
    vow_mark_handled(p), vow_mark_handled(q), vow_mark_handled(r);
    vow_dgram_close(d);
    vow_dgram_close(d);
    EQ_INT(vow_dgram_fd(d), -1);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    EQ_INT(vow_run(loop, q, NULL), ECANCELED);
    EQ_INT(vow_run(loop, r, NULL), EBADF);
    EQ_INT(vow_run(loop, vow_dgram_receive(d, 10), NULL), EBADF);
    EQ_INT(vow_run(loop, vow_dgram_send(d, NULL, "x", 1), NULL), EBADF);
    EQ_INT(vow_dgram_connect(d, NULL), EBADF);
    vow_dgram_unref(d);
    close(peer);
}

TEST(an_operation_in_flight_keeps_the_socket)
{
    int peer;
    vow_dgram *d = make_pair(loop, &peer);
    vow_promise *p = vow_dgram_receive(d, 10);
    vow_dgram_unref(d);
    CHECK(send(peer, "kept", 4, 0) == 4);
    EQ_PACKET(p, "kept");
    CHECK(send(peer, "gone", 4, 0) < 0);
    close(peer);
}

TEST(a_socket_as_a_value)
{
    int peer;
    vow_dgram *d = make_pair(loop, &peer);
    vow_value v = vow_dgram_value(vow_dgram_ref(d)), w = vow_keep(v);
    EQ_PTR(vow_dgram_of(v), d);
    vow_release(w);
    CHECK(vow_is(v, vow_dgram_type()));
    vow_release(v);
    CHECK(vow_dgram_fd(d) >= 0);
    vow_dgram_unref(d);
    EQ_PTR(vow_dgram_unref(NULL), NULL);
    EQ_PTR(vow_packet_unref(NULL), NULL);
    close(peer);
}

TEST(a_socket_nobody_receives_from_does_not_hold_the_loop)
{
    int peer;
    vow_dgram *d = make_pair(loop, &peer);
    vow_promise *p = vow_dgram_receive(d, 10);
    CHECK(send(peer, "a", 1, 0) == 1 && send(peer, "b", 1, 0) == 1);
    EQ_PACKET(p, "a");
    EQ_INT(vow_run_all(loop), 0);
    EQ_PACKET(vow_dgram_receive(d, 10), "b");
    vow_dgram_unref(d);
    close(peer);
}

static vow_value then_receive(vow_value v, void *data)
{
    EQ_UINT(vow_buf_size(vow_packet_buf(vow_packet_of(v))), 1);
    return vow_v(vow_dgram_receive(data, 10));
}

/* Within one run: the event, which rests after the first, fires with nobody receiving. */
TEST(what_came_meanwhile_is_received_without_waiting)
{
    int peer;
    vow_dgram *d = make_pair(loop, &peer);
    vow_promise *p = vow_dgram_receive(d, 10), *late = vow_delay(loop, 1);
    vow_loop_set_clock(loop, NULL, NULL);
    CHECK(send(peer, "a", 1, 0) == 1 && send(peer, "b", 1, 0) == 1 && send(peer, "c", 1, 0) == 1);
    EQ_PACKET(p, "a");
    EQ_INT(vow_run(loop, vow_delay(loop, 1), NULL), 0);
    p = vow_then(vow_dgram_receive(d, 10), then_receive, d);
    EQ_PACKET(p, "c");
    vow_unref(late);
    vow_dgram_unref(d);
    close(peer);
}

TEST(descriptors_that_are_no_datagram_sockets)
{
    int fd[2];
    EQ_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    CHECK(vow_dgram_from_fd(loop, fd[0]) == NULL);
    EQ_INT(errno, EPROTOTYPE);
    close(fd[1]);
    EQ_INT(pipe(fd), 0);
    CHECK(vow_dgram_from_fd(loop, fd[0]) == NULL);
    EQ_INT(errno, ENOTSOCK);
    close(fd[1]);
    CHECK(vow_dgram_from_fd(loop, -1) == NULL);
    EQ_INT(errno, EBADF);
    vow_loop_close(loop);
    CHECK(vow_dgram_from_fd(loop, socket(AF_INET, SOCK_DGRAM, 0)) == NULL);
    EQ_INT(errno, ESHUTDOWN);
}

TEST(a_closing_loop_ends_the_waits)
{
    int peer;
    vow_dgram *d = make_pair(loop, &peer);
    vow_promise *p = vow_dgram_receive(d, 10), *q;
    fill(d, &q);
    vow_loop_close(loop);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    EQ_INT(vow_error_code(vow_error_of(q)), VOW_ECLOSED);
    vow_unref(p);
    vow_unref(q);
    p = vow_dgram_receive(d, 10);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    vow_dgram_unref(d);
    close(peer);
}

TEST_PLAIN(a_socket_may_outlive_its_loop)
{
    int peer;
    loop = vow_loop_new();
    vow_dgram *d = make_pair(loop, &peer);
    vow_unref(vow_dgram_receive(d, 10));
    vow_loop_free(loop);
    vow_dgram_close(d);
    vow_dgram_unref(d);
    close(peer);
}

static int wait_on_both_sides(vow_loop *loop)
{
    int fd[2], code = 0, few = 1;
    EQ_INT(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd), 0);
    EQ_INT(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &few, sizeof few), 0);
    vow_dgram *d = vow_dgram_from_fd(loop, fd[0]), *e = NULL;
    if (d)
        e = vow_dgram_from_fd(loop, fd[1]);
    else
        close(fd[1]);
    if (!e) {
        vow_dgram_unref(d);
        return errno;
    }
    int sends = 0;
    vow_promise *p = vow_dgram_send(d, NULL, "x", 1);
    vow_mark_handled(p);
    for (; vow_state(p) == VOW_FULFILLED; sends++) {
        vow_unref(p);
        p = vow_dgram_send(d, NULL, "x", 1);
        vow_mark_handled(p);
    }
    for (int i = 0; i < sends && code == 0; i++)
        code = vow_run(loop, vow_dgram_receive(e, 10), NULL);
    int other = code && vow_state(p) == VOW_PENDING ? 0 : vow_run(loop, vow_ref(p), NULL);
    vow_unref(p);
    vow_dgram_unref(d);
    vow_dgram_unref(e);
    return code ? code : other;
}

TEST_PLAIN(every_allocation_may_fail) { sweep(wait_on_both_sides); }
