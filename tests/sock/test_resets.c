/* SPDX-License-Identifier: MIT
 *
 * test_resets.c - a peer that resets the connection after each of 64 offsets, while the
 * stream reads, writes or is idle: one rejection, within one turn.
 */
#include <netinet/tcp.h>

#include "adapt/net.h"

enum { OFFSETS = 64 };

static vow_value count_error(const vow_error *e, void *data)
{
    ++*(int *)data;
    return vow_v(vow_error_code(e));
}

static vow_value no_value(vow_value v, void *data)
{
    (void)v, (void)data;
    FAIL("it was fulfilled");
}

/* p has to be rejected by one turn of the loop, once, and not before; gives the code. */
static int code_after_a_turn(vow_loop *loop, vow_promise *p, int peer)
{
    int rejections = 0;
    vow_value v;
    p = vow_then_catch(p, no_value, count_error, &rejections);
    vow_poll(loop);
    EQ_INT(rejections, 0);
    net_reset(peer);
    vow_poll(loop);
    EQ_INT(rejections, 1);
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_INT(rejections, 1);
    return (int)vow_as_int(v);
}

/* What came before the reset comes first. */
TEST(while_it_reads)
{
    char bytes[OFFSETS] = "";
    for (int offset = 0; offset < OFFSETS; offset++) {
        int peer;
        vow_stream *s = net_pair(loop, &peer);
        EQ_INT(send(peer, bytes, (size_t)offset, 0), offset);
        EQ_INT(code_after_a_turn(loop, vow_stream_read_exact(s, OFFSETS), peer), ECONNRESET);
        vow_stream_unref(s);
    }
}

TEST(while_it_writes)
{
    static char bytes[8 << 20];
    for (int offset = 0; offset < OFFSETS; offset++) {
        int peer;
        vow_stream *s = net_pair(loop, &peer);
        vow_promise *p = vow_stream_write(s, bytes, sizeof bytes);
        vow_poll(loop);
        if (offset > 0)
            EQ_INT(recv(peer, bytes, (size_t)offset * 1000, MSG_WAITALL), offset * 1000);
        int code = code_after_a_turn(loop, p, peer);
        CHECK(code == ECONNRESET || code == EPIPE);
        CHECK(vow_stream_written(s) < sizeof bytes);
        vow_stream_unref(s);
    }
}

/* scenario 136 */
TEST(while_it_is_idle)
{
    char bytes[OFFSETS] = "";
    for (int offset = 0; offset < OFFSETS; offset++) {
        int peer;
        vow_value v;
        vow_stream *s = net_pair(loop, &peer);
        EQ_INT(send(peer, bytes, (size_t)offset, 0), offset);
        if (offset > 0)
            EQ_INT(vow_run(loop, vow_stream_read_exact(s, (size_t)offset), NULL), 0);
        vow_promise *gone = vow_ready(loop, vow_stream_fd(s), VOW_HANGUP);
        vow_poll(loop);
        EQ_INT(vow_state(gone), VOW_PENDING);
        net_reset(peer);
        vow_poll(loop);
        EQ_INT(vow_state(gone), VOW_FULFILLED); /* noticed without reading */
        vow_unref(gone);
        EQ_INT(vow_run(loop, vow_stream_read(s, 1), &v), ECONNRESET);
        vow_release(v);
        EQ_INT(vow_run(loop, vow_stream_write(s, "x", 1), &v), EPIPE);
        vow_release(v);
        vow_stream_unref(s);
    }
}

/* Both directions at once: one rejection each. */
TEST(while_it_reads_and_writes)
{
    static char bytes[8 << 20];
    int peer, writes = 0;
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p =
        vow_then_catch(vow_stream_write(s, bytes, sizeof bytes), no_value, count_error, &writes);
    int code = code_after_a_turn(loop, vow_stream_read(s, 10), peer);
    CHECK(code == ECONNRESET || code == EPIPE);
    EQ_INT(vow_run(loop, p, NULL), 0);
    EQ_INT(writes, 1);
    vow_stream_unref(s);
}
