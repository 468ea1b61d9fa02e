/* SPDX-License-Identifier: MIT */
#include <netinet/tcp.h>
#include <sys/syscall.h>

#include "adapt/net.h"
#include "adapt/sweep.h"

/* Counted, in front of libc's (which declares its own in a way of its own). */
static unsigned accepts;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
int accept4(int fd, struct sockaddr *name, socklen_t *size, int flags)
{
    accepts++;
    return (int)syscall(SYS_accept4, fd, name, size, flags);
}

int accept(int fd, struct sockaddr *name, socklen_t *size) { return accept4(fd, name, size, 0); }
#pragma GCC diagnostic pop

static vow_listener *listen_here(vow_loop *loop)
{
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    CHECK(l != NULL && vow_listener_port(l) != 0);
    return l;
}

/* The socket that p is fulfilled with; the caller's. */
static vow_stream *sock_of(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    return vow_stream_of(v);
}

TEST(accepts_a_connection)
{
    vow_listener *l = listen_here(loop);
    vow_promise *p = vow_accept(l);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    int peer = net_connect(vow_listener_port(l));
    vow_stream *s = sock_of(loop, p);
    net_send(peer, "hello");
    EQ_READ(vow_stream_read(s, 100), "hello");
    CHECK(fcntl(vow_stream_fd(s), F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(vow_stream_fd(s), F_GETFD) & FD_CLOEXEC);
    vow_stream_unref(s);
    vow_listener_close(l);
    close(peer);
}

TEST(connections_that_wait_are_accepted_later)
{
    vow_listener *l = listen_here(loop);
    int one = net_connect(vow_listener_port(l)), two = net_connect(vow_listener_port(l));
    vow_stream *a = sock_of(loop, vow_accept(l));
    vow_poll(loop);
    vow_stream *b = sock_of(loop, vow_accept(l));
    net_send(two, "second");
    EQ_READ(vow_stream_read(b, 100), "second");
    vow_stream_unref(a);
    vow_stream_unref(b);
    vow_listener_close(l);
    close(one);
    close(two);
}

static vow_value then_read(vow_value v, void *data)
{
    (void)data;
    return vow_promise_value(vow_stream_read_exact(vow_stream_of(v), 2));
}

/* Within one run: the listener's event, which rests after the first accept, fires. */
TEST(a_connection_nobody_waits_for_stays_in_the_backlog)
{
    vow_listener *l = listen_here(loop);
    int one = net_connect(vow_listener_port(l)), two = net_connect(vow_listener_port(l));
    vow_promise *p = vow_timeout(vow_then(vow_accept(l), then_read, NULL), 1000);
    net_send(one, "a");
    vow_promise *late = vow_ready(loop, two, VOW_READ);
    vow_poll(loop);
    vow_unref(late);
    net_send(one, "b");
    EQ_READ(p, "ab");
    vow_stream_unref(sock_of(loop, vow_accept(l)));
    vow_listener_close(l);
    close(one);
    close(two);
}

TEST(first_come_first_served)
{
    vow_listener *l = listen_here(loop);
    vow_promise *first = vow_accept(l), *dropped = vow_accept(l), *last = vow_accept(l);
    vow_unref(dropped);
    int one = net_connect(vow_listener_port(l));
    vow_stream *a = sock_of(loop, first);
    EQ_INT(vow_state(last), VOW_PENDING);
    int two = net_connect(vow_listener_port(l));
    vow_stream *b = sock_of(loop, last);
    net_send(one, "one");
    net_send(two, "two");
    EQ_READ(vow_stream_read(a, 100), "one");
    EQ_READ(vow_stream_read(b, 100), "two");
    vow_stream_unref(a);
    vow_stream_unref(b);
    vow_listener_close(l);
    close(one);
    close(two);
}

/* scenario 142 */
TEST(a_client_that_reset_before_accept_does_no_harm)
{
    vow_listener *l = listen_here(loop);
    net_reset(net_connect(vow_listener_port(l)));
    int peer = net_connect(vow_listener_port(l));
    vow_stream *gone = sock_of(loop, vow_accept(l)); /* Linux hands it out all the same */
    EQ_INT(vow_run(loop, vow_stream_read(gone, 10), NULL), ECONNRESET);
    vow_stream *s = sock_of(loop, vow_accept(l));
    net_send(peer, "here");
    EQ_READ(vow_stream_read(s, 100), "here");
    vow_stream_unref(gone);
    vow_stream_unref(s);
    vow_listener_close(l);
    close(peer);
}

TEST(out_of_descriptors_it_waits_and_tries_again)
{
    vow_listener *l = listen_here(loop);
    vow_promise *p = vow_accept(l);
    int peer = net_connect(vow_listener_port(l));
    struct rlimit before = net_limit_descriptors(0);
    vow_poll(loop);
    vow_clock_advance(loop, 100);
    EQ_INT(vow_state(p), VOW_PENDING);
    uint64_t ran = vow_stats(loop).handlers;
    for (int i = 0; i < 10; i++)
        vow_poll(loop);
    EQ_UINT(vow_stats(loop).handlers, ran); /* it pauses: no turn of the loop is wasted */
    setrlimit(RLIMIT_NOFILE, &before);
    vow_clock_advance(loop, 1000);
    EQ_INT(vow_state(p), under_valgrind() ? VOW_PENDING : VOW_FULFILLED);
    vow_unref(p);
    vow_listener_close(l);
    close(peer);
}

TEST(without_memory_for_the_pause_it_rejects)
{
    vow_listener *l = listen_here(loop);
    vow_promise *p = vow_accept(l);
    int peer = net_connect(vow_listener_port(l));
    struct rlimit before = net_limit_descriptors(0);
    vow_test_fail_allocation(1, true);
    int code = vow_run(loop, p, NULL);
    vow_test_fail_allocation(0, false);
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK(under_valgrind() || code == EMFILE || code == ENOMEM);
    vow_listener_close(l);
    close(peer);
}

TEST(closing_during_the_pause)
{
    vow_listener *l = listen_here(loop);
    vow_promise *p = vow_accept(l), *q = vow_accept(l);
    int peer = net_connect(vow_listener_port(l));
    struct rlimit before = net_limit_descriptors(0);
    vow_poll(loop);
    vow_unref(p);
    vow_cancel(q);
    vow_promise *r = vow_accept(l); /* nobody waited: the pause was over */
    vow_poll(loop);
    setrlimit(RLIMIT_NOFILE, &before);
    vow_listener_close(l);
    EQ_INT(vow_run(loop, q, NULL), ECANCELED);
    EQ_INT(vow_run(loop, r, NULL), ECANCELED);
    close(peer);
}

TEST(closing_rejects_who_waits)
{
    vow_listener *l = listen_here(loop);
    vow_promise *p = vow_accept(l), *q = vow_accept(l);
    EQ_PTR(vow_listener_close(l), NULL);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    EQ_INT(vow_run(loop, q, NULL), ECANCELED);
    EQ_PTR(vow_listener_close(NULL), NULL);
}

TEST(a_cancelled_accept_leaves_the_connection_for_the_next)
{
    vow_listener *l = listen_here(loop);
    vow_promise *p = vow_accept(l);
    vow_cancel(p);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    EQ_INT(vow_run_all(loop), 0);
    int peer = net_connect(vow_listener_port(l));
    vow_stream_unref(sock_of(loop, vow_accept(l)));
    vow_listener_close(l);
    close(peer);
}

TEST(a_listener_nobody_accepts_from_does_not_hold_the_loop)
{
    vow_listener *l = listen_here(loop);
    vow_promise *p = vow_accept(l);
    int peer = net_connect(vow_listener_port(l)), other = net_connect(vow_listener_port(l));
    vow_stream_unref(sock_of(loop, p));
    EQ_INT(vow_run_all(loop), 0);
    vow_listener_close(l);
    close(peer);
    close(other);
}

TEST(says_why_it_cannot_listen)
{
    vow_listener *l = listen_here(loop);
    errno = 0;
    CHECK(vow_listen(loop, NULL, vow_listener_port(l), 1) == NULL);
    EQ_INT(errno, EADDRINUSE);
    CHECK(vow_listen(loop, "no.numeric.address", 0, 1) == NULL);
    EQ_INT(errno, EINVAL);
    CHECK(vow_listen(loop, "192.0.2.1", 0, 1) == NULL);
    EQ_INT(errno, EADDRNOTAVAIL);
    vow_listener_close(l);
}

TEST(listens_on_version_six)
{
    vow_listener *l = vow_listen(loop, "::1", 0, 1);
    if (!l)
        return; /* this machine has none */
    CHECK(vow_listener_port(l) != 0);
    vow_listener_close(l);
}

TEST(a_closing_loop_ends_the_waits)
{
    vow_listener *l = listen_here(loop);
    vow_promise *p = vow_accept(l);
    vow_loop_close(loop);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    p = vow_accept(l);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    errno = 0;
    CHECK(vow_listen(loop, NULL, 0, 1) == NULL);
    EQ_INT(errno, ESHUTDOWN);
    vow_listener_close(l);
}

TEST_PLAIN(a_listener_may_outlive_its_loop)
{
    loop = vow_loop_new();
    vow_listener *l = listen_here(loop);
    vow_unref(vow_accept(l));
    vow_loop_free(loop);
    vow_listener_close(l);
}

static int accept_one(vow_loop *loop)
{
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    if (!l)
        return errno;
    int peer = net_connect(vow_listener_port(l));
    vow_value v;
    int code = vow_run(loop, vow_accept(l), &v);
    vow_release(v);
    vow_listener_close(l);
    close(peer);
    return code;
}

TEST_PLAIN(every_allocation_may_fail) { sweep(accept_one); }

/* Options. */

static vow_listener *listen_with(vow_loop *loop, const vow_listen_options *options)
{
    vow_address a;
    EQ_INT(vow_address_ip(&a, "127.0.0.1", 0), 0);
    vow_listener *l = vow_listen_on(loop, &a, options);
    CHECK(l != NULL);
    return l;
}

TEST(with_as_many_open_as_allowed_the_next_client_waits)
{
    vow_listener *l = listen_with(loop, &(vow_listen_options){.most = 2});
    int peer[3];
    for (int i = 0; i < 3; i++)
        peer[i] = net_connect(vow_listener_port(l));
    vow_stream *a = sock_of(loop, vow_accept(l)), *b = sock_of(loop, vow_accept(l));
    vow_promise *p = vow_accept(l);
    unsigned asked = accepts;
    for (int i = 0; i < 10; i++)
        vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_UINT(accepts, asked); /* nobody keeps asking */
    vow_stream_close(a);
    vow_stream *c = sock_of(loop, p);
    net_send(peer[2], "third");
    EQ_READ(vow_stream_read(c, 100), "third");
    p = vow_accept(l);
    int late = net_connect(vow_listener_port(l));
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_stream_unref(b); /* the last reference closes, too */
    vow_stream_unref(sock_of(loop, p));
    vow_stream_unref(a);
    vow_stream_unref(c);
    vow_listener_close(l);
    for (int i = 0; i < 3; i++)
        close(peer[i]);
    close(late);
}

TEST(of_several_that_wait_as_many_are_served_as_allowed)
{
    vow_listener *l = listen_with(loop, &(vow_listen_options){.most = 2});
    vow_promise *p[3];
    int peer[3];
    for (int i = 0; i < 3; i++) {
        p[i] = vow_accept(l);
        peer[i] = net_connect(vow_listener_port(l));
    }
    vow_poll(loop);
    vow_poll(loop);
    EQ_INT(vow_state(p[1]), VOW_FULFILLED);
    EQ_INT(vow_state(p[2]), VOW_PENDING);
    for (int i = 0; i < 3; i++) {
        EQ_INT(vow_run(loop, p[i], NULL), 0);
        close(peer[i]);
    }
    vow_listener_close(l);
}

TEST(a_dropped_connection_makes_room_again)
{
    vow_listener *l = listen_with(loop, &(vow_listen_options){.most = 1});
    int one = net_connect(vow_listener_port(l)), two = net_connect(vow_listener_port(l));
    EQ_INT(vow_run(loop, vow_accept(l), NULL), 0);
    EQ_INT(vow_run(loop, vow_accept(l), NULL), 0);
    vow_listener_close(l);
    close(one);
    close(two);
}

TEST(streams_may_outlive_a_listener_with_a_limit)
{
    vow_listener *l = listen_with(loop, &(vow_listen_options){.most = 2});
    int one = net_connect(vow_listener_port(l)), two = net_connect(vow_listener_port(l));
    vow_stream *a = sock_of(loop, vow_accept(l)), *b = sock_of(loop, vow_accept(l));
    vow_promise *p = vow_accept(l);
    vow_listener_close(l);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    vow_stream_unref(a);
    vow_stream_unref(b);
    close(one);
    close(two);
}

TEST(a_closing_loop_with_a_client_over_the_limit)
{
    vow_listener *l = listen_with(loop, &(vow_listen_options){.most = 1});
    int one = net_connect(vow_listener_port(l));
    vow_stream *a = sock_of(loop, vow_accept(l));
    vow_promise *p = vow_accept(l);
    vow_loop_close(loop);
    vow_stream_unref(a);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    vow_listener_close(l);
    close(one);
}

/* Nothing accepted is dropped, nobody is turned away, and the loop does not spin. */
TEST(out_of_descriptors_it_hardly_asks_and_loses_nobody)
{
    enum { CLIENTS = 5 };
    if (under_valgrind())
        return;
    vow_listener *l = listen_here(loop);
    vow_promise *p[CLIENTS];
    int peer[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        peer[i] = net_connect(vow_listener_port(l));
        p[i] = vow_accept(l);
    }
    struct rlimit before = net_limit_descriptors(0);
    unsigned asked = accepts;
    for (int i = 0; i < 30; i++) {
        for (int k = 0; k < 10; k++)
            vow_poll(loop);
        vow_clock_advance(loop, 1000);
    }
    CHECK(accepts > asked && accepts <= asked + 40);
    setrlimit(RLIMIT_NOFILE, &before);
    EQ_UINT(vow_listener_shed(l), 0);
    vow_clock_advance(loop, 1000);
    for (int i = 0; i < CLIENTS; i++) {
        vow_stream *s = sock_of(loop, p[i]);
        net_send(peer[i], "still here");
        EQ_READ(vow_stream_read(s, 100), "still here");
        vow_stream_unref(s);
        close(peer[i]);
    }
    vow_listener_close(l);
}

TEST(on_request_it_turns_clients_away_when_descriptors_run_out)
{
    if (under_valgrind())
        return;
    vow_listener *l = listen_with(loop, &(vow_listen_options){.shed = true});
    vow_promise *p = vow_accept(l);
    int one = net_connect(vow_listener_port(l)), two = net_connect(vow_listener_port(l));
    char byte;
    struct rlimit before = net_limit_descriptors(0);
    while (vow_listener_shed(l) < 2)
        vow_poll(loop);
    setrlimit(RLIMIT_NOFILE, &before);
    EQ_INT(read(one, &byte, 1), 0);
    EQ_INT(read(two, &byte, 1), 0);
    int three = net_connect(vow_listener_port(l));
    vow_stream_unref(sock_of(loop, p));
    vow_listener_close(l);
    close(one);
    close(two);
    close(three);
}

/* The open descriptors and k more, k = 0..20. */
TEST(any_number_of_descriptors_short)
{
    enum { CLIENTS = 20 };
    for (int k = 0; k <= 20 && !under_valgrind(); k++) {
        vow_listener *l = listen_here(loop);
        vow_promise *p[CLIENTS];
        int peer[CLIENTS], served = 0;
        for (int i = 0; i < CLIENTS; i++) {
            peer[i] = net_connect(vow_listener_port(l));
            p[i] = vow_accept(l);
        }
        struct rlimit before = net_limit_descriptors(k);
        for (int i = 0; i < 4; i++)
            vow_poll(loop);
        for (int i = 0; i < CLIENTS; i++)
            served += vow_state(p[i]) == VOW_FULFILLED;
        setrlimit(RLIMIT_NOFILE, &before);
        EQ_INT(served, k < CLIENTS ? k : CLIENTS);
        vow_clock_advance(loop, 10);
        for (int i = 0; i < CLIENTS; i++) {
            EQ_INT(vow_run(loop, p[i], NULL), 0);
            close(peer[i]);
        }
        vow_listener_close(l);
    }
}

TEST(listeners_that_share_a_port)
{
    vow_listen_options shared = {.reuse_port = true, .backlog = 8};
    vow_listener *l = listen_with(loop, &shared);
    vow_listener *other = vow_listen_on(loop, vow_listener_address(l), &shared);
    CHECK(other != NULL);
    EQ_UINT(vow_listener_port(other), vow_listener_port(l));
    CHECK(vow_listen_on(loop, vow_listener_address(l), NULL) == NULL);
    EQ_INT(errno, EADDRINUSE);
    vow_listener_close(l);
    vow_listener_close(other);
}

TEST(version_six_with_or_without_version_four)
{
    vow_address a;
    EQ_INT(vow_address_ip(&a, "::", 0), 0);
    for (int only = 0; only < 2; only++) {
        vow_listener *l = vow_listen_on(loop, &a, &(vow_listen_options){.v6only = only});
        if (!l)
            return; /* this machine has no IPv6 */
        struct sockaddr_in name = {.sin_family = AF_INET,
                                   .sin_port = htons(vow_listener_port(l)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        EQ_INT(connect(fd, (struct sockaddr *)&name, sizeof name), only ? -1 : 0);
        close(fd);
        vow_listener_close(l);
    }
}

TEST(what_a_listener_is_told_holds_for_what_it_accepts)
{
    vow_listener *l = listen_with(loop, &(vow_listen_options){.keepalive_s = 77});
    int peer = net_connect(vow_listener_port(l)), idle = 0, no_delay = 0;
    socklen_t size = sizeof idle;
    vow_stream *s = sock_of(loop, vow_accept(l));
    EQ_INT(getsockopt(vow_stream_fd(s), IPPROTO_TCP, TCP_KEEPIDLE, &idle, &size), 0);
    EQ_INT(getsockopt(vow_stream_fd(s), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
    EQ_INT(idle, 77);
    EQ_INT(no_delay, 1);
    EQ_INT(getsockopt(vow_stream_fd(s), SOL_SOCKET, SO_KEEPALIVE, &idle, &size), 0);
    EQ_INT(idle, 1);
    vow_stream_unref(s);
    vow_listener_close(l);
    close(peer);
}

static int accept_with_all_options(vow_loop *loop)
{
    vow_address a;
    EQ_INT(vow_address_ip(&a, "127.0.0.1", 0), 0);
    vow_listener *l = vow_listen_on(loop, &a, &(vow_listen_options){.most = 1, .shed = true});
    if (!l)
        return errno;
    int one = net_connect(vow_listener_port(l)), two = net_connect(vow_listener_port(l));
    int code = vow_run(loop, vow_accept(l), NULL);
    if (!code)
        code = vow_run(loop, vow_accept(l), NULL);
    vow_listener_close(l);
    close(one);
    close(two);
    return code;
}

TEST_PLAIN(every_allocation_of_a_limited_one_may_fail) { sweep(accept_with_all_options); }
