/* SPDX-License-Identifier: MIT
 *
 * Addresses, names, datagrams, descriptors and races of addresses without memory: nothing is
 * lost or leaked, and what was not taken is still there.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "oom/oom.h"

static vow_address here(const char *text)
{
    vow_address a;
    EQ_INT(vow_address_parse(&a, text), 0);
    return a;
}

SCENARIO(addresses_as_values)
{
    vow_address a = here("127.0.0.1:80");
    vow_value v = vow_address_value(&a);
    if (MADE(v))
        CHECK(vow_address_equal(vow_address_of(v), &a));
    vow_release(v);
}

SCENARIO(look_ups)
{
    vow_value v;
    if (EXPECT(vow_dns_lookup(loop, "127.0.0.1", "80", AF_INET), &v))
        EQ_INT(vow_address_port(vow_address_of(vow_at(v, 0))), 80);
    vow_release(v);
    if (EXPECT(vow_dns_lookup(loop, "localhost", "80", AF_INET), &v))
        EQ_INT(vow_count(v), 1);
    vow_release(v);
    vow_promise *p = vow_dns_lookup(loop, "localhost", NULL, AF_INET);
    vow_mark_handled(p);
    vow_unref(p);
    EQ_INT(vow_run_all(loop), 0);
}

/* Opened on the loopback; NULL: refused. */
static vow_dgram *open_socket(vow_loop *loop, vow_address *ret)
{
    *ret = here("127.0.0.1:0");
    vow_dgram *d = vow_udp_open(loop, ret, NULL);
    if (!HAVE(d))
        return NULL;
    EQ_INT(vow_dgram_address(d, ret), 0);
    return d;
}

/* True: "hello" was received, perhaps by the second receive. */
static bool receive_hello(vow_loop *loop, vow_dgram *d, size_t max)
{
    vow_value v;
    bool got = EXPECT(vow_dgram_receive(d, max), &v);
    if (!got && !oom_is_sticky()) {
        vow_release(v);
        got = EXPECT(vow_dgram_receive(d, max), &v);
        CHECK(got);
    }
    if (got) {
        vow_buf *b = vow_packet_buf(vow_packet_of(v));
        CHECK(vow_buf_size(b) == 5 && memcmp(vow_buf_bytes(b), "hello", 5) == 0);
    }
    vow_release(v);
    return got;
}

SCENARIO(datagrams)
{
    vow_address a;
    vow_dgram *d = open_socket(loop, &a);
    if (d == NULL)
        return;
    if (EXPECT_INT(vow_dgram_send(d, &a, "hello", 5), 5))
        receive_hello(loop, d, 100);
    if (EXPECT_INT(vow_dgram_send_buf(d, &a, vow_buf_copy("hello", 5)), 5))
        receive_hello(loop, d, 65536);
    vow_dgram_unref(d);
}

/* Received and seen by nobody, it waits for the next one. */
SCENARIO(datagrams_that_nobody_sees)
{
    oom_reports(0, 1); /* of a receive that failed before it was dropped */
    vow_address a;
    vow_dgram *d = open_socket(loop, &a);
    if (d == NULL)
        return;
    bool sent = EXPECT_INT(vow_dgram_send(d, &a, "hello", 5), 5);
    vow_promise *p = vow_dgram_receive(d, 100), *q = vow_dgram_receive(d, 100);
    vow_mark_handled(p);
    vow_mark_handled(q);
    while (sent && IS_PENDING(p))
        vow_poll(loop);
    vow_unref(p);
    vow_cancel(q);
    vow_unref(q);
    if (sent)
        CHECK(receive_hello(loop, d, 100) || oom_is_sticky());
    vow_dgram_close(d);
    EXPECT_ERROR(vow_dgram_receive(d, 100), EBADF);
    vow_dgram_unref(d);
}

/* A datagram waits for room at its peer, who can say so, and at one who cannot. */
static void fill(vow_loop *loop, vow_dgram *d, const vow_address *to, int peer)
{
    char byte;
    vow_promise *p = NULL;
    for (;;) {
        p = vow_dgram_send(d, to, "x", 1);
        vow_mark_handled(p);
        if (vow_state(p) != VOW_FULFILLED)
            break;
        vow_unref(p);
    }
    while (recv(peer, &byte, 1, MSG_DONTWAIT) == 1)
        ;
    EXPECT_INT(p, 1);
}

SCENARIO(datagrams_that_wait)
{
    int fd[2], few = 1;
    vow_loop_set_clock(loop, NULL, NULL);
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd) == 0);
    CHECK(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &few, sizeof few) == 0);
    vow_dgram *d = vow_dgram_from_fd(loop, fd[0]);
    if (HAVE(d))
        fill(loop, d, NULL, fd[1]);
    vow_dgram_unref(d);
    close(fd[1]);
    vow_address to = here("unix:@");
    int peer = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(bind(peer, (struct sockaddr *)&to.storage, to.size) == 0);
    EQ_INT(vow_address_local(&to, peer), 0);
    d = vow_unix_dgram(loop, NULL);
    if (HAVE(d))
        fill(loop, d, &to, peer);
    vow_dgram_unref(d);
    close(peer);
}

SCENARIO(descriptors_passed_along)
{
    int zero = 0;
    vow_stream *s[2];
    vow_value v = vow_none();
    vow_message m = {.bytes = "x", .size = 1, .fds = &zero, .fd_count = 1};
    if (!DONE(vow_unix_pair(loop, s)))
        return;
    bool sent = EXPECT_INT(vow_unix_send(s[0], &m), 1);
    bool got = sent && EXPECT(vow_unix_receive(s[1], 10), &v);
    if (sent && !got && !oom_is_sticky()) {
        vow_release(v);
        got = EXPECT(vow_unix_receive(s[1], 10), &v);
        CHECK(got);
    }
    if (got)
        EQ_INT(vow_packet_fd_count(vow_packet_of(v)), 1);
    vow_release(v);
    vow_stream_unref(s[0]);
    vow_stream_unref(s[1]);
}

/* The first address refuses, the second answers. */
SCENARIO(a_race_of_addresses)
{
    vow_loop_set_clock(loop, NULL, NULL);
    vow_address nobody = here("127.0.0.1:0"), somebody = nobody;
    vow_listener *gone = vow_listen_on(loop, &nobody, NULL);
    vow_listener *l = vow_listen_on(loop, &nobody, &(vow_listen_options){.most = 1, .shed = true});
    bool both = HAVE(gone) && HAVE(l);
    if (both) {
        nobody = *vow_listener_address(gone);
        somebody = *vow_listener_address(l);
    }
    vow_listener_close(gone);
    vow_value first = vow_address_value(&nobody), second = vow_address_value(&somebody), v;
    bool made = MADE(first) && MADE(second);
    vow_value to = vow_array(2, (vow_value[]){first, second});
    if (both && made && MADE(to)) {
        vow_value accepted = vow_none();
        if (EXPECT(vow_sock_connect_to(loop, to, NULL), &v))
            EXPECT(vow_accept(l), &accepted);
        vow_release(v);
        vow_release(accepted);
    } else {
        vow_release(to);
    }
    vow_listener_close(l);
}
