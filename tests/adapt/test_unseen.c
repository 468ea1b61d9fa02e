/* SPDX-License-Identifier: MIT
 *
 * test_unseen.c - what was delivered and is let go before anybody has seen it: it comes again.
 * (Bytes: test_stream_cancel.c; datagrams: test_dgram.c; changes, entries and signals: beside
 * what they are of.)
 */
#include <poll.h>

#include "adapt/net.h"
#include "adapt/sweep.h"

static vow_listener *listen_here(vow_loop *loop)
{
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    CHECK(l != NULL);
    return l;
}

/* Connected, and p fulfilled with it. */
static int connect_to(vow_loop *loop, vow_listener *l, vow_promise *p)
{
    int peer = net_connect(vow_listener_port(l));
    while (vow_state(p) == VOW_PENDING)
        vow_poll(loop);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    return peer;
}

static vow_stream *accepted(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    return vow_stream_of(v);
}

static void is_served(vow_loop *loop, vow_stream *s, int peer, const char *text)
{
    net_send(peer, text);
    EQ_READ(vow_stream_read(s, 100), text);
    vow_stream_unref(s);
    close(peer);
}

static vow_value never(vow_value v, void *ran)
{
    (void)v;
    ++*(int *)ran;
    return vow_none();
}

TEST(a_client_whose_accept_was_dropped_is_the_next)
{
    vow_listener *l = listen_here(loop);
    vow_promise *p = vow_accept(l);
    int one = connect_to(loop, l, p), two = net_connect(vow_listener_port(l));
    vow_unref(p);
    vow_promise *again = vow_accept(l);
    EQ_INT(vow_state(again), VOW_FULFILLED);
    vow_stream *first = accepted(loop, again), *second = accepted(loop, vow_accept(l));
    is_served(loop, first, one, "one");
    is_served(loop, second, two, "two");
    vow_listener_close(l);
}

TEST(a_client_whose_accept_was_cancelled_goes_to_who_waits)
{
    int ran = 0;
    vow_listener *l = listen_here(loop);
    vow_promise *p = vow_accept(l), *waits = vow_accept(l);
    int peer = connect_to(loop, l, p);
    vow_promise *q = vow_then(p, never, &ran);
    vow_cancel(q);
    EQ_INT(vow_state(waits), VOW_FULFILLED);
    EQ_INT(vow_run(loop, q, NULL), ECANCELED);
    is_served(loop, accepted(loop, waits), peer, "hello");
    EQ_INT(ran, 0);
    EQ_INT(vow_run_all(loop), 0); /* nobody waits any more */
    vow_listener_close(l);
}

TEST(a_client_that_comes_back_counts_as_open)
{
    vow_address a;
    EQ_INT(vow_address_ip(&a, "127.0.0.1", 0), 0);
    vow_listener *l = vow_listen_on(loop, &a, &(vow_listen_options){.most = 1});
    vow_promise *p = vow_accept(l);
    int one = connect_to(loop, l, p), two = net_connect(vow_listener_port(l));
    vow_unref(p);
    vow_stream *s = accepted(loop, vow_accept(l));
    vow_promise *q = vow_accept(l);
    vow_poll(loop);
    EQ_INT(vow_state(q), VOW_PENDING);
    is_served(loop, s, one, "one");
    is_served(loop, accepted(loop, q), two, "two");
    vow_listener_close(l);
}

static bool is_closed(int peer)
{
    char byte;
    struct pollfd end = {.fd = peer, .events = POLLIN};
    CHECK(poll(&end, 1, 1000) == 1);
    ssize_t n = read(peer, &byte, 1);
    close(peer);
    return n == 0;
}

TEST(with_its_listener_a_client_that_came_back_is_closed)
{
    vow_listener *l = listen_here(loop);
    vow_promise *p = vow_accept(l), *late = vow_accept(l);
    int one = connect_to(loop, l, p), two = connect_to(loop, l, late);
    vow_unref(p);
    vow_listener_close(l);
    CHECK(is_closed(one));
    vow_unref(late); /* nobody has seen it, and nobody could */
    CHECK(is_closed(two));
}

TEST_PLAIN(with_its_loop_it_comes_back_to_a_listener_that_only_closes)
{
    loop = vow_loop_new();
    vow_listener *l = listen_here(loop);
    vow_promise *p = vow_accept(l);
    int peer = connect_to(loop, l, p);
    vow_unref(vow_then(p, never, NULL));
    vow_loop_free(loop);
    vow_listener_close(l);
    CHECK(is_closed(peer));
}

static void send_pipe(vow_loop *loop, vow_stream *to, const char *text)
{
    int ends[2];
    EQ_INT(pipe(ends), 0);
    vow_message m = {.bytes = text, .size = strlen(text), .fds = &ends[1], .fd_count = 1};
    EQ_INT(vow_run(loop, vow_unix_send(to, &m), NULL), 0);
    close(ends[0]);
    close(ends[1]);
}

static vow_promise *received(vow_loop *loop, vow_stream *s, size_t max)
{
    vow_promise *p = vow_unix_receive(s, max);
    while (vow_state(p) == VOW_PENDING)
        vow_poll(loop);
    return p;
}

static void expect_packet(vow_loop *loop, vow_promise *p, const char *text, size_t fds)
{
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    vow_packet *packet = vow_packet_of(v);
    EQ_UINT(vow_buf_size(vow_packet_buf(packet)), strlen(text));
    EQ_BYTES(vow_buf_bytes(vow_packet_buf(packet)), text, strlen(text));
    EQ_UINT(vow_packet_fd_count(packet), fds);
    vow_release(v);
}

TEST(descriptors_that_nobody_saw_come_again_with_their_bytes)
{
    vow_stream *s[2];
    int ran = 0;
    EQ_INT(vow_unix_pair(loop, s), 0);
    send_pipe(loop, s[0], "first");
    send_pipe(loop, s[0], "second");
    vow_unref(received(loop, s[1], 100));
    vow_promise *p = vow_then(received(loop, s[1], 3), never, &ran); /* a part of it */
    vow_cancel(p);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    expect_packet(loop, vow_unix_receive(s[1], 3), "fir", 1);
    expect_packet(loop, vow_unix_receive(s[1], 100), "st", 0);
    expect_packet(loop, vow_unix_receive(s[1], 100), "second", 1);
    EQ_INT(ran, 0);
    vow_stream_unref(s[0]);
    vow_stream_unref(s[1]);
}

TEST(descriptors_that_nobody_saw_go_to_who_waits)
{
    vow_stream *s[2];
    EQ_INT(vow_unix_pair(loop, s), 0);
    send_pipe(loop, s[0], "first");
    vow_promise *unseen = received(loop, s[1], 100), *waits = vow_unix_receive(s[1], 100);
    EQ_INT(vow_run(loop, vow_unix_receive(s[1], 100), NULL), EBUSY);
    vow_unref(unseen);
    EQ_INT(vow_state(waits), VOW_FULFILLED);
    expect_packet(loop, waits, "first", 1);
    vow_stream_unref(s[0]);
    vow_stream_unref(s[1]);
}

/* Not to a read, which has no place for descriptors. */
TEST(bytes_of_a_packet_that_nobody_saw_may_be_read)
{
    vow_stream *s[2];
    EQ_INT(vow_unix_pair(loop, s), 0);
    send_pipe(loop, s[0], "first");
    vow_unref(received(loop, s[1], 100));
    EQ_READ(vow_stream_read(s[1], 100), "first");
    send_pipe(loop, s[0], "second");
    expect_packet(loop, vow_unix_receive(s[1], 100), "second", 1);
    vow_unref(vow_unix_receive(s[1], 100)); /* waited and took nothing */
    send_pipe(loop, s[0], "third");
    vow_promise *unseen = received(loop, s[1], 100);
    vow_stream_unref(s[1]);
    vow_unref(unseen); /* has no home any more: closed */
    vow_stream_unref(s[0]);
}

TEST(a_loop_that_closes_ends_who_waits_for_descriptors)
{
    vow_stream *s[2];
    EQ_INT(vow_unix_pair(loop, s), 0);
    send_pipe(loop, s[0], "first");
    vow_promise *unseen = received(loop, s[1], 100), *waits = vow_unix_receive(s[1], 100);
    vow_mark_handled(waits);
    vow_loop_close(loop);
    EQ_INT(vow_error_code(vow_error_of(waits)), VOW_ECLOSED);
    vow_unref(unseen);
    vow_unref(waits);
    vow_stream_unref(s[0]);
    vow_stream_unref(s[1]);
}

/* At random. */

static unsigned random_up_to(unsigned *seed, unsigned n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % n;
}

/* Half of those that wait, or have something that nobody has seen, are let go. */
static void let_some_go(unsigned *seed, vow_promise *p[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned how = random_up_to(seed, 4);
        if (!p[i] || how > 1)
            continue;
        vow_mark_handled(p[i]);
        if (how == 1)
            vow_cancel(p[i]);
        p[i] = vow_unref(p[i]);
    }
}

TEST(cancelling_at_random_loses_no_client_and_serves_none_twice)
{
    enum { CLIENTS = 64, WAITS = 8 };
    int peers[CLIENTS], served[CLIENTS] = {0};
    for (unsigned run = 1; run <= 20; run++) {
        unsigned seed = run * 7919, connected = 0, done = 0;
        vow_promise *p[WAITS] = {NULL};
        vow_listener *l = listen_here(loop);
        while (done < CLIENTS) {
            for (int i = 0; i < WAITS; i++)
                p[i] = p[i] ? p[i] : vow_accept(l);
            for (unsigned n = random_up_to(&seed, 6); n > 0 && connected < CLIENTS; n--) {
                peers[connected] = net_connect(vow_listener_port(l));
                CHECK(write(peers[connected], &connected, sizeof connected) == sizeof connected);
                connected++;
            }
            vow_poll(loop);
            let_some_go(&seed, p, WAITS);
            for (int i = 0; i < WAITS; i++) {
                if (!p[i] || vow_state(p[i]) == VOW_PENDING)
                    continue;
                vow_stream *s = accepted(loop, p[i]);
                vow_value v;
                EQ_INT(vow_run(loop, vow_stream_read_exact(s, sizeof connected), &v), 0);
                unsigned which = *(const unsigned *)(const void *)vow_buf_bytes(vow_buf_of(v));
                EQ_INT(++served[which], (int)run);
                vow_release(v);
                vow_stream_unref(s);
                p[i] = NULL;
                done++;
            }
        }
        for (int i = 0; i < WAITS; i++)
            vow_unref(p[i]);
        vow_listener_close(l);
        for (int i = 0; i < CLIENTS; i++)
            close(peers[i]);
    }
}

TEST(cancelling_at_random_loses_no_byte_and_no_descriptor)
{
    enum { MESSAGES = 200, SIZE = 3 };
    vow_stream *s[2];
    EQ_INT(vow_unix_pair(loop, s), 0);
    unsigned seed = 11, sent = 0, bytes = 0, fds = 0;
    int zero = 0;
    vow_promise *p = NULL;
    while (bytes < MESSAGES * SIZE) {
        unsigned char text[SIZE] = {(unsigned char)(3 * sent), (unsigned char)(3 * sent + 1),
                                    (unsigned char)(3 * sent + 2)};
        vow_message m = {.bytes = text, .size = SIZE, .fds = &zero, .fd_count = 1};
        if (sent < MESSAGES && random_up_to(&seed, 2) == 0) {
            EQ_INT(vow_run(loop, vow_unix_send(s[0], &m), NULL), 0);
            sent++;
        }
        p = p ? p : vow_unix_receive(s[1], 1 + random_up_to(&seed, 5));
        if (random_up_to(&seed, 2) == 0)
            vow_poll(loop);
        let_some_go(&seed, &p, 1);
        if (!p || vow_state(p) == VOW_PENDING)
            continue;
        vow_value v;
        EQ_INT(vow_run(loop, p, &v), 0);
        p = NULL;
        vow_packet *packet = vow_packet_of(v);
        for (size_t i = 0; i < vow_buf_size(vow_packet_buf(packet)); i++)
            EQ_UINT(vow_buf_bytes(vow_packet_buf(packet))[i], (unsigned char)bytes++);
        fds += (unsigned)vow_packet_fd_count(packet);
        vow_release(v);
    }
    EQ_UINT(fds, MESSAGES);
    vow_unref(p);
    vow_stream_unref(s[0]);
    vow_stream_unref(s[1]);
}

static int lose_some(vow_loop *loop)
{
    vow_stream *s[2];
    int code = vow_unix_pair(loop, s), zero = 0;
    if (code)
        return code;
    vow_message m = {.bytes = "x", .size = 1, .fds = &zero, .fd_count = 1};
    code = vow_run(loop, vow_unix_send(s[0], &m), NULL);
    vow_promise *p = code ? NULL : vow_unix_receive(s[1], 1);
    while (p && vow_state(p) == VOW_PENDING)
        vow_poll(loop);
    if (p) {
        vow_mark_handled(p);
        vow_unref(p);
        code = vow_run(loop, vow_unix_receive(s[1], 1), NULL);
    }
    vow_stream_unref(s[0]);
    vow_stream_unref(s[1]);
    return code;
}

TEST_PLAIN(every_allocation_may_fail) { sweep(lose_some); }
