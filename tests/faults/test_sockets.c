/* SPDX-License-Identifier: MIT
 *
 * test_sockets.c - sockets whose calls are interrupted, refused and cut short.
 */
#include "faults/lines.h"

SEEDED(all_lines_through_a_pair)
{
    vow_stream *s[2];
    EQ_INT(vow_unix_pair(loop, s), 0);
    transfer(loop, s[0], s[1]);
    transfer(loop, s[1], s[0]);
    FULFILS(vow_stream_shutdown(s[0]));
    ENDS(s[1]);
    unref_both(s);
}

SEEDED(all_lines_through_a_connection)
{
    vow_stream *s[2];
    connect_both(loop, vow_listen(loop, NULL, 0, 0), s);
    transfer(loop, s[0], s[1]);
    transfer(loop, s[1], s[0]);
    unref_both(s);
    connect_both(loop, vow_unix_listen(loop, "@", 0), s);
    transfer(loop, s[0], s[1]);
    unref_both(s);
}

SEEDED(all_lines_to_a_name)
{
    char port[8];
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    CHECK(l != NULL);
    snprintf(port, sizeof port, "%u", vow_listener_port(l));
    vow_promise *accepted = vow_accept(l);
    vow_stream *s[] = {STREAM_OF(vow_sock_connect(loop, net_local_name(), port)),
                       STREAM_OF(accepted)};
    transfer(loop, s[0], s[1]);
    unref_both(s);
    vow_listener_close(l);
    EQ_INT(vow_run_all(loop), 0); /* a look-up that nobody waits for any more */
}

/* From a socket through a pump into another one. */
SEEDED(all_lines_through_a_pump)
{
    vow_stream *in[2], *out[2];
    EQ_INT(vow_unix_pair(loop, in), 0);
    connect_both(loop, vow_listen(loop, NULL, 0, 0), out);
    vow_promise *pump = vow_pump(in[1], out[0], 0);
    transfer(loop, in[0], out[1]);
    FULFILS(vow_stream_shutdown(in[0]));
    FULFILS(pump);
    unref_both(in);
    unref_both(out);
}

/* Received, it is this number, with so many descriptors. */
static void is_number(vow_loop *loop, vow_promise *received, int i, size_t fds)
{
    vow_value v;
    EQ_INT(vow_run(loop, received, &v), 0);
    vow_packet *p = vow_packet_of(v);
    EQ_UINT(vow_buf_size(vow_packet_buf(p)), sizeof i);
    EQ_BYTES(vow_buf_bytes(vow_packet_buf(p)), &i, sizeof i);
    EQ_UINT(vow_packet_fd_count(p), fds);
    vow_release(v);
}

SEEDED(datagrams_with_descriptors)
{
    vow_dgram *d[2];
    EQ_INT(vow_unix_dgram_pair(loop, d), 0);
    for (int i = 0; i < 100; i++) {
        int zero = 0;
        vow_message m = {.bytes = &i, .size = sizeof i, .fds = &zero, .fd_count = i % 10 == 0};
        vow_promise *received = vow_dgram_receive(d[1], i % 2 ? 16 : 8192);
        FULFILS(vow_dgram_send_message(d[0], &m));
        is_number(loop, received, i, i % 10 == 0);
    }
    vow_dgram_unref(d[0]);
    vow_dgram_unref(d[1]);
}

/* Five on their way at a time: the loopback's buffers lose none of so few. */
SEEDED(datagrams_over_udp)
{
    vow_address a, b;
    EQ_INT(vow_address_ip(&a, "127.0.0.1", 0), 0);
    vow_dgram *from = vow_udp_open(loop, &a, NULL), *to = vow_udp_open(loop, &a, NULL);
    CHECK(from != NULL && to != NULL);
    EQ_INT(vow_dgram_address(to, &b), 0);
    for (int i = 0; i < 100; i += 5) {
        int number[5];
        vow_promise *sent[5];
        for (int k = 0; k < 5; k++) {
            number[k] = i + k;
            sent[k] = vow_dgram_send(from, &b, &number[k], sizeof *number);
        }
        for (int k = 0; k < 5; k++)
            is_number(loop, vow_dgram_receive(to, k % 2 ? 16 : 8192), i + k, 0);
        for (int k = 0; k < 5; k++)
            FULFILS(sent[k]);
    }
    vow_dgram_unref(from);
    vow_dgram_unref(to);
}

/* Beside a message that takes many pieces. */
SEEDED(a_descriptor_beside_a_long_message)
{
    char bytes[5000] = "";
    int zero = 0;
    size_t got = 0, fds = 0;
    vow_stream *s[2];
    EQ_INT(vow_unix_pair(loop, s), 0);
    vow_message m = {.bytes = bytes, .size = sizeof bytes, .fds = &zero, .fd_count = 1};
    vow_promise *sent = vow_unix_send(s[0], &m);
    while (got < sizeof bytes) {
        vow_value v;
        EQ_INT(vow_run(loop, vow_unix_receive(s[1], 1000), &v), 0);
        got += vow_buf_size(vow_packet_buf(vow_packet_of(v)));
        fds += vow_packet_fd_count(vow_packet_of(v));
        vow_release(v);
    }
    FULFILS(sent);
    EQ_UINT(fds, 1);
    unref_both(s);
}

/* A hang-up, then the error of a reset, are noticed. */
SEEDED(the_end_of_a_peer)
{
    vow_stream *s[2];
    struct linger now = {1, 0};
    connect_both(loop, vow_listen(loop, NULL, 0, 0), s);
    vow_promise *gone = vow_ready(loop, vow_stream_fd(s[0]), VOW_HANGUP);
    vow_promise *read = vow_stream_read(s[0], 1);
    EQ_INT(setsockopt(vow_stream_fd(s[1]), SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    vow_stream_close(s[1]);
    vow_mark_handled(read);
    FULFILS(gone);
    EQ_INT(vow_run(loop, read, NULL), ECONNRESET);
    unref_both(s);
}
