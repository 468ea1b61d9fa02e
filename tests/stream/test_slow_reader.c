/* SPDX-License-Identifier: MIT
 *
 * test_slow_reader.c - 100 MiB to a peer that reads little at a time, and then no more: what
 * is not read waits at its source, not in memory.
 */
#include "adapt/heap.h"
#include "adapt/net.h"

enum { PIECE = 64 * 1024, TOTAL = 100 << 20 };

/* The kernel's buffer is small, so that most of it waits with us. (Not TCP: with buffers so
 * small its timers would decide how long this takes.) */
static vow_stream *slow_pair(vow_loop *loop, int *ret_peer)
{
    int small = 8192, fd[2];
    EQ_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    EQ_INT(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    EQ_INT(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
    *ret_peer = fd[1];
    vow_stream *s = vow_stream_from_fd(loop, fd[0]);
    CHECK(s != NULL);
    return s;
}

struct source {
    vow_stream *to;
    size_t left;
};

static vow_value after_piece(vow_value v, void *data)
{
    struct source *source = data;
    source->left -= (size_t)vow_as_int(v);
    return source->left > 0 ? VOW_AGAIN : vow_none();
}

static vow_buf *zeros(void)
{
    vow_buf *b = vow_buf_new(PIECE);
    memset(vow_buf_bytes(b), 0, PIECE);
    return b;
}

static vow_value write_piece(void *data)
{
    struct source *source = data;
    return vow_v(vow_then(vow_stream_write_buf(source->to, zeros()), after_piece, data));
}

/* One turn of the loop, one look of the peer; how much it got. */
static size_t read_a_little(vow_loop *loop, int peer)
{
    static char bytes[PIECE];
    vow_poll(loop);
    ssize_t n = recv(peer, bytes, sizeof bytes, 0);
    return n > 0 ? (size_t)n : 0;
}

/* scenario 144 */
TEST_PLAIN(memory_holds_one_piece_however_much_there_is_to_send)
{
    int peer;
    heap_watch();
    loop = vow_loop_new();
    struct source source = {slow_pair(loop, &peer), TOTAL};
    vow_promise *p = vow_repeat(loop, write_piece, &source);
    vow_poll(loop);
    size_t before = heap.now - PIECE, got = 0;
    heap.most = heap.now;
    while (got < TOTAL / 2)
        got += read_a_little(loop, peer);
    CHECK(heap.most <= before + PIECE + 64 * 1024);
    size_t left = source.left; /* the peer stops for good */
    for (int i = 0; i < 1000; i++)
        vow_poll(loop);
    CHECK(source.left >= left - 4 * PIECE);
    EQ_INT(vow_state(p), VOW_PENDING);
    CHECK(heap.most <= before + PIECE + 64 * 1024);
    while (vow_state(p) == VOW_PENDING)
        got += read_a_little(loop, peer);
    EQ_UINT(source.left, 0);
    CHECK(heap.most <= before + PIECE + 64 * 1024);
    vow_unref(p);
    vow_stream_unref(source.to);
    vow_loop_free(loop);
    close(peer);
}

/* The pump's own high-water mark is one buffer. */
TEST_PLAIN(a_pump_reads_no_more_than_its_other_end_takes)
{
    static char bytes[1 << 20];
    int peer, feeder;
    heap_watch();
    loop = vow_loop_new();
    vow_stream *from = net_pair(loop, &feeder), *to = slow_pair(loop, &peer);
    EQ_INT(fcntl(feeder, F_SETFL, O_NONBLOCK), 0);
    vow_promise *p = vow_pump(from, to, TOTAL);
    vow_poll(loop);
    size_t before = heap.now, got = 0, fed = 0;
    heap.most = heap.now;
    while (got < TOTAL) {
        ssize_t n = fed < TOTAL ? send(feeder, bytes, sizeof bytes, MSG_NOSIGNAL) : 0;
        fed += n > 0 ? (size_t)n : 0;
        got += read_a_little(loop, peer);
    }
    EQ_INT(vow_run(loop, p, NULL), 0);
    CHECK(heap.most <= before + 2 * PIECE);
    vow_stream_unref(from);
    vow_stream_unref(to);
    vow_loop_free(loop);
    close(peer);
    close(feeder);
}
