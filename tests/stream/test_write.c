/* SPDX-License-Identifier: MIT */
#include "adapt/net.h"

enum { BIG = 8 << 20 };

/* Byte i of a stream that no shift or loss of it repeats. */
static uint8_t byte_at(size_t i) { return (uint8_t)(i ^ (i >> 8) ^ (i >> 16)); }

static uint8_t *make_big(void)
{
    uint8_t *bytes = malloc(BIG);
    CHECK(bytes != NULL);
    for (size_t i = 0; i < BIG; i++)
        bytes[i] = byte_at(i);
    return bytes;
}

/* Reads what there is at the peer, checks it; the new position. */
static size_t check_some(int peer, size_t at)
{
    uint8_t bytes[65536];
    ssize_t n = recv(peer, bytes, sizeof bytes, MSG_DONTWAIT);
    CHECK(n > 0 || (n < 0 && errno == EAGAIN));
    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] != byte_at(at + (size_t)i))
            FAIL("byte %zu is wrong", at + (size_t)i);
    return n > 0 ? at + (size_t)n : at;
}

static int64_t run_int(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    return vow_as_int(v);
}

TEST(a_short_write_is_done_at_once)
{
    int peer;
    char got[5];
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p = vow_stream_write(s, "hello", 5);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    EQ_INT(run_int(loop, p), 5);
    EQ_INT(read(peer, got, 5), 5);
    EQ_BYTES(got, "hello", 5);
    EQ_INT(run_int(loop, vow_stream_write(s, NULL, 0)), 0);
    EQ_INT(run_int(loop, vow_stream_write_buf(s, vow_buf_copy("abc", 3))), 3);
    EQ_UINT(vow_stream_written(s), 8);
    vow_stream_unref(s);
    close(peer);
}

TEST(eight_megabytes_to_a_slow_reader)
{
    int peer;
    uint8_t *bytes = make_big();
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p = vow_stream_write(s, bytes, BIG);
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_INT(vow_run(loop, vow_stream_write(s, "x", 1), NULL), EBUSY);
    for (size_t at = 0; at < BIG;) {
        CHECK(vow_poll(loop) >= 0);
        at = check_some(peer, at);
    }
    EQ_INT(run_int(loop, p), BIG);
    EQ_UINT(vow_stream_written(s), BIG);
    vow_stream_unref(s);
    free(bytes);
    close(peer);
}

/* scenario 144 */
TEST(a_reader_that_stops_keeps_the_write_pending)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    vow_buf *big = vow_buf_new(BIG);
    memset(vow_buf_bytes(big), 0, BIG);
    vow_promise *p = vow_stream_write_buf(s, big);
    for (int i = 0; i < 50; i++)
        vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    uint64_t written = vow_stream_written(s);
    CHECK(written > 0 && written < BIG);
    vow_poll(loop);
    EQ_UINT(vow_stream_written(s), written);
    vow_stream_close(s);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    vow_stream_unref(s);
    close(peer);
}

/* scenario 141 */
TEST(a_cancelled_write_leaves_a_known_count)
{
    int peer;
    uint8_t *bytes = make_big();
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p = vow_stream_write(s, bytes, BIG);
    vow_poll(loop);
    vow_cancel(p);
    size_t sent = (size_t)vow_stream_written(s), at = 0;
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    CHECK(sent > 0 && sent < BIG);
    while (at < sent)
        at = check_some(peer, at);
    EQ_UINT(at, sent);
    p = vow_stream_write(s, bytes + sent, BIG - sent);
    while (at < BIG) {
        vow_poll(loop);
        at = check_some(peer, at);
    }
    EQ_INT(run_int(loop, p), (int64_t)(BIG - sent));
    vow_stream_unref(s);
    free(bytes);
    close(peer);
}

TEST(a_reset_peer_rejects_the_write)
{
    int peer;
    uint8_t *bytes = make_big();
    vow_value v;
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p = vow_stream_write(s, bytes, BIG);
    vow_poll(loop);
    net_reset(peer);
    int code = vow_run(loop, p, &v);
    CHECK(code == ECONNRESET || code == EPIPE);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "of 8388608 bytes written");
    vow_release(v);
    EQ_INT(vow_run(loop, vow_stream_write(s, "x", 1), NULL), EPIPE); /* and no signal */
    vow_stream_unref(s);
    free(bytes);
}

TEST(half_closed_it_still_reads)
{
    int peer;
    char got[8];
    vow_stream *s = net_pair(loop, &peer);
    EQ_INT(run_int(loop, vow_stream_write(s, "bye", 3)), 3);
    EQ_INT(vow_run(loop, vow_stream_shutdown(s), NULL), 0);
    EQ_INT(read(peer, got, 8), 3);
    EQ_INT(read(peer, got, 8), 0);
    net_send(peer, "answer");
    close(peer);
    EQ_READ(vow_stream_read(s, 100), "answer");
    EQ_READ(vow_stream_read(s, 100), "");
    EQ_INT(vow_run(loop, vow_stream_write(s, "x", 1), NULL), EPIPE);
    vow_stream_unref(s);
    vow_stream *closed = net_pair(loop, &peer);
    vow_stream_close(closed);
    EQ_INT(vow_run(loop, vow_stream_shutdown(closed), NULL), EBADF);
    vow_stream_unref(closed);
    close(peer);
}

TEST(a_dropped_write_gives_its_buffer_back)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    vow_buf *big = vow_buf_new(BIG);
    memset(vow_buf_bytes(big), 0, BIG);
    vow_unref(vow_stream_write_buf(s, big));
    vow_stream_unref(s);
    close(peer);
}

struct bulk {
    vow_stream *sock;
    size_t at, reads;
};

static vow_value on_bulk(vow_value v, void *data)
{
    struct bulk *bulk = data;
    vow_buf *b = vow_buf_of(v);
    for (size_t i = 0; i < vow_buf_size(b); i++)
        if (vow_buf_bytes(b)[i] != byte_at(bulk->at + i))
            FAIL("byte %zu is wrong", bulk->at + i);
    bulk->at += vow_buf_size(b);
    bulk->reads++;
    if (bulk->at == BIG)
        return vow_none();
    return vow_promise_value(vow_then(vow_stream_read(bulk->sock, BIG), on_bulk, bulk));
}

TEST(reads_grow_with_what_comes)
{
    int fd[2];
    uint8_t *bytes = make_big();
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    vow_stream *from = vow_stream_from_fd(loop, fd[0]);
    struct bulk bulk = {vow_stream_from_fd(loop, fd[1]), 0, 0};
    vow_promise *write = vow_stream_write(from, bytes, BIG);
    vow_promise *read = vow_then(vow_stream_read(bulk.sock, BIG), on_bulk, &bulk);
    EQ_INT(vow_run(loop, read, NULL), 0);
    EQ_INT(run_int(loop, write), BIG);
    CHECK(bulk.reads < BIG / 16384);
    vow_stream_unref(from);
    vow_stream_unref(bulk.sock);
    free(bytes);
}

TEST(a_write_and_a_read_wait_at_the_same_time)
{
    int peer;
    uint8_t *bytes = make_big();
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *w = vow_stream_write(s, bytes, BIG), *r = vow_stream_read_exact(s, 4);
    vow_poll(loop);
    net_send(peer, "ping");
    EQ_READ(r, "ping");
    for (size_t at = 0; at < BIG;) {
        vow_poll(loop);
        at = check_some(peer, at);
    }
    EQ_INT(run_int(loop, w), BIG);
    vow_stream_unref(s);
    free(bytes);
    close(peer);
}

TEST(without_a_buffer_there_was_no_memory)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    EQ_INT(vow_run(loop, vow_stream_write_buf(s, NULL), NULL), ENOMEM);
    vow_test_fail_allocation(1, true); /* the event, the error's text */
    uint8_t *bytes = make_big();
    vow_promise *p = vow_stream_write(s, bytes, BIG);
    vow_test_fail_allocation(0, false);
    vow_cancel(p);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    vow_stream_unref(s);
    free(bytes);
    close(peer);
}
