/* SPDX-License-Identifier: MIT */
#include "adapt/net.h"
#include "adapt/sweep.h"

/* A socket on the loopback; the caller's. */
static vow_dgram *open_here(vow_loop *loop, vow_address *ret)
{
    EQ_INT(vow_address_parse(ret, "127.0.0.1:0"), 0);
    vow_dgram *d = vow_udp_open(loop, ret, NULL);
    CHECK(d != NULL);
    EQ_INT(vow_dgram_address(d, ret), 0);
    return d;
}

/* A plain descriptor, bound to the loopback. */
static int plain(vow_address *ret)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    EQ_INT(vow_address_parse(ret, "127.0.0.1:0"), 0);
    EQ_INT(bind(fd, (struct sockaddr *)&ret->storage, ret->size), 0);
    EQ_INT(vow_address_local(ret, fd), 0);
    return fd;
}

static void plain_send(int fd, const vow_address *to, const char *text)
{
    CHECK(sendto(fd, text, strlen(text), 0, (const struct sockaddr *)&to->storage, to->size) ==
          (ssize_t)strlen(text));
}

#define EQ_PACKET(p, text) expect_packet(__LINE__, loop, p, text, NULL)
#define EQ_PACKET_FROM(p, text, from) expect_packet(__LINE__, loop, p, text, from)
static void expect_packet(int line, vow_loop *loop, vow_promise *p, const char *text,
                          const vow_address *from)
{
    vow_value v;
    int code = vow_run(loop, p, &v);
    if (code)
        harness_fail(__FILE__, line, "code %d", code);
    vow_packet *packet = vow_packet_of(v);
    vow_buf *b = vow_packet_buf(packet);
    harness_eq_uint(__FILE__, line, "size", vow_buf_size(b), strlen(text));
    harness_eq_bytes(__FILE__, line, "bytes", vow_buf_bytes(b), text, strlen(text));
    CHECK(!vow_packet_truncated(packet) && vow_packet_fd_count(packet) == 0);
    CHECK(!from || vow_address_equal(vow_packet_from(packet), from));
    vow_release(v);
}

TEST(a_datagram_there_and_back)
{
    vow_address a, b;
    vow_dgram *one = open_here(loop, &a), *two = open_here(loop, &b);
    EQ_INT(vow_run(loop, vow_dgram_send(one, &b, "hello", 5), NULL), 0);
    EQ_PACKET_FROM(vow_dgram_receive(two, 100), "hello", &a);
    EQ_INT(vow_run(loop, vow_dgram_send_buf(two, &a, vow_buf_copy("hi", 2)), NULL), 0);
    EQ_PACKET_FROM(vow_dgram_receive(one, 65536), "hi", &b);
    vow_dgram_unref(one);
    vow_dgram_unref(two);
}

TEST(with_a_plain_peer_and_of_any_size)
{
    vow_address a, b;
    vow_dgram *d = open_here(loop, &a);
    int fd = plain(&b);
    char large[9001];
    memset(large, 'x', sizeof large);
    large[9000] = 0;
    vow_promise *p = vow_dgram_receive(d, 100);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    plain_send(fd, &a, "");
    EQ_PACKET_FROM(p, "", &b); /* of no bytes: a datagram all the same, and no end */
    plain_send(fd, &a, large);
    plain_send(fd, &a, "last");
    EQ_PACKET(vow_dgram_receive(d, 9000), large);
    EQ_PACKET(vow_dgram_receive(d, 4), "last");
    vow_dgram_unref(d);
    close(fd);
}

TEST(a_datagram_that_is_too_long_is_cut_and_says_so)
{
    static const size_t sizes[] = {4, 5000};
    vow_address a, b;
    vow_dgram *d = open_here(loop, &a);
    int fd = plain(&b);
    char large[6001];
    memset(large, 'y', sizeof large);
    large[6000] = 0;
    for (int i = 0; i < 2; i++) {
        vow_value v;
        plain_send(fd, &a, large);
        EQ_INT(vow_run(loop, vow_dgram_receive(d, sizes[i]), &v), 0);
        EQ_UINT(vow_buf_size(vow_packet_buf(vow_packet_of(v))), sizes[i]);
        CHECK(vow_packet_truncated(vow_packet_of(v)));
        vow_release(v);
    }
    plain_send(fd, &a, "whole");
    EQ_PACKET(vow_dgram_receive(d, 100), "whole"); /* what was cut off does not come after it */
    vow_dgram_unref(d);
    close(fd);
}

TEST(first_come_first_served)
{
    vow_address a, b;
    vow_dgram *d = open_here(loop, &a);
    int fd = plain(&b);
    vow_promise *first = vow_dgram_receive(d, 10), *dropped = vow_dgram_receive(d, 10),
                *last = vow_dgram_receive(d, 10);
    vow_unref(dropped);
    plain_send(fd, &a, "one");
    EQ_PACKET(first, "one");
    EQ_INT(vow_state(last), VOW_PENDING);
    plain_send(fd, &a, "two");
    EQ_PACKET(last, "two");
    vow_dgram_unref(d);
    close(fd);
}

TEST(a_cancelled_receive_loses_no_datagram)
{
    vow_address a, b;
    vow_dgram *d = open_here(loop, &a);
    int fd = plain(&b);
    vow_promise *p = vow_dgram_receive(d, 10);
    vow_poll(loop);
    plain_send(fd, &a, "one");
    vow_cancel(p);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    EQ_PACKET_FROM(vow_dgram_receive(d, 10), "one", &b);
    vow_dgram_unref(d);
    close(fd);
}

/* Two have come; nobody saw them. */
static void receive_unseen(vow_loop *loop, vow_dgram *d, vow_promise *p[2])
{
    vow_loop_set_clock(loop, NULL, NULL);
    for (int i = 0; i < 2; i++)
        p[i] = vow_dgram_receive(d, 10);
    while (vow_state(p[1]) == VOW_PENDING)
        vow_poll(loop);
}

TEST(packets_that_nobody_saw_wait_in_order_for_the_next_receives)
{
    vow_address a, b;
    vow_dgram *d = open_here(loop, &a);
    int fd = plain(&b);
    vow_promise *p[2];
    plain_send(fd, &a, "one");
    plain_send(fd, &a, "two");
    plain_send(fd, &a, "three");
    receive_unseen(loop, d, p);
    vow_unref(p[1]);
    vow_unref(p[0]);
    EQ_PACKET(vow_dgram_receive(d, 10), "one");
    EQ_PACKET(vow_dgram_receive(d, 10), "two");
    EQ_PACKET(vow_dgram_receive(d, 10), "three");
    plain_send(fd, &a, "four");
    plain_send(fd, &a, "five");
    receive_unseen(loop, d, p);
    vow_unref(p[0]); /* the other way round */
    vow_unref(p[1]);
    EQ_PACKET(vow_dgram_receive(d, 10), "four");
    EQ_PACKET(vow_dgram_receive(d, 10), "five");
    vow_dgram_unref(d);
    close(fd);
}

TEST(a_packet_that_nobody_saw_goes_to_the_receive_that_waits)
{
    vow_address a, b;
    vow_dgram *d = open_here(loop, &a);
    int fd = plain(&b);
    vow_promise *p[2];
    plain_send(fd, &a, "one");
    plain_send(fd, &a, "two");
    receive_unseen(loop, d, p);
    vow_promise *next = vow_dgram_receive(d, 10);
    vow_unref(p[0]);
    EQ_PACKET(next, "one");
    EQ_PACKET(p[1], "two");
    vow_dgram_unref(d);
    close(fd);
}

TEST(packets_that_nobody_saw_go_with_a_closed_socket)
{
    vow_address a, b;
    vow_dgram *d = open_here(loop, &a);
    int fd = plain(&b);
    vow_promise *p[2];
    plain_send(fd, &a, "one");
    plain_send(fd, &a, "two");
    receive_unseen(loop, d, p);
    vow_unref(p[0]);
    vow_dgram_close(d);
    vow_unref(p[1]);
    vow_dgram_unref(d);
    close(fd);
}

TEST(a_time_limit_that_comes_first_loses_no_datagram)
{
    vow_address a, b;
    vow_dgram *d = open_here(loop, &a);
    int fd = plain(&b);
    vow_promise *p = vow_timeout(vow_dgram_receive(d, 10), 100);
    vow_mark_handled(p);
    vow_poll(loop);
    plain_send(fd, &a, "late");
    vow_clock_advance(loop, 100);
    if (vow_run(loop, p, NULL) == ETIMEDOUT)
        EQ_PACKET(vow_dgram_receive(d, 10), "late");
    vow_dgram_unref(d);
    close(fd);
}

/* scenario 146 */
TEST(a_connected_socket_hears_that_nobody_listens_and_goes_on)
{
    static const size_t sizes[] = {100, 65536};
    vow_address a, b;
    vow_dgram *d = open_here(loop, &a);
    int fd = plain(&b);
    EQ_INT(vow_dgram_connect(d, &b), 0);
    close(fd);
    for (int i = 0; i < 2; i++) {
        EQ_INT(vow_run(loop, vow_dgram_send(d, NULL, "x", 1), NULL), 0);
        vow_promise *p = vow_dgram_receive(d, sizes[i]);
        vow_mark_handled(p);
        vow_poll(loop);
        EQ_INT(vow_state(p), VOW_REJECTED);
        EQ_INT(vow_run(loop, p, NULL), ECONNREFUSED);
    }
    vow_promise *p = vow_dgram_receive(d, 100);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
    vow_dgram_unref(d);
}

TEST(a_connected_socket_hears_nobody_else)
{
    vow_address a, b, c;
    vow_dgram *d = open_here(loop, &a);
    int peer = plain(&b), other = plain(&c);
    EQ_INT(vow_dgram_connect(d, &b), 0);
    plain_send(other, &a, "other");
    plain_send(peer, &a, "peer");
    EQ_PACKET_FROM(vow_dgram_receive(d, 10), "peer", &b);
    EQ_INT(vow_dgram_connect(d, NULL), 0);
    EQ_INT(vow_run(loop, vow_dgram_send(d, NULL, "x", 1), NULL), EDESTADDRREQ);
    vow_dgram_unref(d);
    close(peer);
    close(other);
}

TEST(a_datagram_too_large_to_send)
{
    vow_address a;
    vow_value v;
    vow_dgram *d = open_here(loop, &a);
    char *bytes = calloc(1, 70000);
    EQ_INT(vow_run(loop, vow_dgram_send(d, &a, bytes, 70000), &v), EMSGSIZE);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "send to 127.0.0.1:");
    vow_release(v);
    free(bytes);
    EQ_INT(vow_run(loop, vow_dgram_send_buf(d, &a, NULL), NULL), ENOMEM);
    vow_message with_fds = {.to = &a, .fds = (int[]){0}, .fd_count = 1};
    EQ_INT(vow_run(loop, vow_dgram_send_message(d, &with_fds), NULL), EINVAL);
    vow_dgram_unref(d);
}

TEST(options_are_set)
{
    vow_address a, taken, six;
    vow_udp_options shared = {
        .reuse_address = true, .reuse_port = true, .broadcast = true, .receive_bytes = 32768};
    EQ_INT(vow_address_parse(&a, "127.0.0.1:0"), 0);
    vow_dgram *d = vow_udp_open(loop, &a, &shared);
    EQ_INT(vow_dgram_address(d, &taken), 0);
    vow_dgram *other = vow_udp_open(loop, &taken, &shared);
    CHECK(d != NULL && other != NULL);
    int on = 0, size = 0;
    socklen_t length = sizeof on;
    EQ_INT(getsockopt(vow_dgram_fd(d), SOL_SOCKET, SO_BROADCAST, &on, &length), 0);
    EQ_INT(getsockopt(vow_dgram_fd(d), SOL_SOCKET, SO_RCVBUF, &size, &length), 0);
    CHECK(on && size == 65536); /* Linux doubles it */
    errno = 0;
    CHECK(vow_udp_open(loop, &taken, NULL) == NULL);
    EQ_INT(errno, EADDRINUSE);
    EQ_INT(vow_address_parse(&six, "[::1]:0"), 0);
    vow_dgram *v6 = vow_udp_open(loop, &six, &(vow_udp_options){.v6only = true});
    CHECK(v6 != NULL || errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT);
    vow_dgram_unref(v6);
    vow_dgram_unref(d);
    vow_dgram_unref(other);
}

TEST(says_why_it_cannot_open)
{
    vow_address a;
    EQ_INT(vow_address_parse(&a, "192.0.2.1:0"), 0);
    CHECK(vow_udp_open(loop, &a, NULL) == NULL);
    EQ_INT(errno, EADDRNOTAVAIL);
    EQ_INT(vow_address_parse(&a, "unix:/x"), 0);
    CHECK(vow_udp_open(loop, &a, NULL) == NULL);
    EQ_INT(errno, EAFNOSUPPORT);
    EQ_INT(vow_address_parse(&a, "127.0.0.1:0"), 0);
    struct rlimit before = net_limit_descriptors(0);
    CHECK(under_valgrind() || vow_udp_open(loop, &a, NULL) == NULL);
    EQ_INT(errno, under_valgrind() ? errno : EMFILE);
    setrlimit(RLIMIT_NOFILE, &before);
    vow_loop_close(loop);
    CHECK(vow_udp_open(loop, &a, NULL) == NULL);
    EQ_INT(errno, ESHUTDOWN);
}

/* Over the loopback interface, which is no multicast interface by its flags but does it. */
TEST(members_of_a_group_receive_until_they_leave)
{
    vow_address any, group, from;
    EQ_INT(vow_address_parse(&any, "0.0.0.0:0"), 0);
    EQ_INT(vow_address_parse(&group, "239.255.47.11:0"), 0);
    vow_dgram *d = vow_udp_open(loop, &any, &(vow_udp_options){.reuse_address = true});
    vow_dgram *sender = open_here(loop, &from);
    EQ_INT(vow_dgram_address(d, &any), 0);
    vow_address_set_port(&group, vow_address_port(&any));
    EQ_INT(vow_udp_join(d, &group, "lo"), 0);
    EQ_INT(vow_udp_join(d, &group, "lo"), EADDRINUSE);
    EQ_INT(vow_udp_multicast(sender, "lo", 1, true), 0);
    EQ_INT(vow_run(loop, vow_dgram_send(sender, &group, "all", 3), NULL), 0);
    EQ_PACKET_FROM(vow_dgram_receive(d, 10), "all", &from);
    EQ_INT(vow_udp_leave(d, &group, "lo"), 0);
    EQ_INT(vow_udp_leave(d, &group, "lo"), EADDRNOTAVAIL);
    vow_dgram_unref(d);
    vow_dgram_unref(sender);
}

TEST(groups_of_version_six)
{
    vow_address any, group;
    EQ_INT(vow_address_parse(&any, "[::]:0"), 0);
    EQ_INT(vow_address_parse(&group, "[ff05::4711]:0"), 0);
    vow_dgram *d = vow_udp_open(loop, &any, NULL);
    if (!d)
        return; /* this machine has no IPv6 */
    int joined = vow_udp_join(d, &group, "lo");
    EQ_INT(joined, joined == ENODEV ? ENODEV : 0);
    EQ_INT(vow_udp_multicast(d, "lo", 3, false), 0);
    EQ_INT(joined ? 0 : vow_udp_leave(d, &group, "lo"), 0);
    vow_dgram_unref(d);
}

TEST(a_group_or_an_interface_that_is_none)
{
    vow_address a, group;
    vow_dgram *d = open_here(loop, &a);
    EQ_INT(vow_udp_join(d, &a, NULL), EINVAL);
    EQ_INT(vow_address_parse(&group, "[ff02::1]:0"), 0);
    EQ_INT(vow_udp_join(d, &group, NULL), EAFNOSUPPORT);
    EQ_INT(vow_udp_join(d, &group, "no-such-thing"), ENODEV);
    EQ_INT(vow_udp_multicast(d, "no-such-thing", 1, true), ENODEV);
    vow_dgram_unref(d);
}

static int exchange(vow_loop *loop)
{
    vow_address a;
    if (vow_address_parse(&a, "127.0.0.1:0"))
        return EINVAL;
    vow_dgram *d = vow_udp_open(loop, &a, NULL);
    if (!d)
        return errno;
    vow_value v = vow_none();
    int code = vow_dgram_address(d, &a);
    if (!code)
        code = vow_run(loop, vow_dgram_send(d, &a, "hello", 5), NULL);
    for (int tries = 0; code == 0 && tries < 2; tries++) {
        vow_release(v);
        code = vow_run(loop, vow_dgram_receive(d, tries ? 100 : 8000), &v);
        if (code == 0)
            break;
        code = tries == 0 ? 0 : code; /* the datagram is still there */
    }
    CHECK(code || vow_buf_size(vow_packet_buf(vow_packet_of(v))) == 5);
    vow_release(v);
    vow_dgram_unref(d);
    return code;
}

/* scenario 147 */
TEST_PLAIN(every_allocation_may_fail_and_no_datagram_is_lost) { sweep(exchange); }
