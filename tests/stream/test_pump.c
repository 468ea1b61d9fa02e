/* SPDX-License-Identifier: MIT */
#include "adapt/net.h"
#include "adapt/sweep.h"

/* From `ends[0]`, written to, through a pump into `out[0]`, read at out[1]. */
struct pipes {
    vow_stream *in[2], *out[2];
};

static struct pipes make_pipes(vow_loop *loop, size_t in, size_t out)
{
    struct pipes p;
    EQ_INT(vow_stream_pair(loop, in, p.in), 0);
    EQ_INT(vow_stream_pair(loop, out, p.out), 0);
    return p;
}

static void end_pipes(struct pipes *p)
{
    for (int i = 0; i < 2; i++) {
        vow_stream_unref(p->in[i]);
        vow_stream_unref(p->out[i]);
    }
}

static void send_text(vow_loop *loop, struct pipes *p, const char *text)
{
    EQ_INT(vow_run(loop, vow_stream_write(p->in[0], text, strlen(text)), NULL), 0);
}

static void eq_pumped(vow_loop *loop, vow_promise *pump, int64_t bytes)
{
    vow_value v;
    EQ_INT(vow_run(loop, pump, &v), 0);
    EQ_INT(vow_as_int(v), bytes);
}

/* scenario 139 */
TEST(pumps_until_the_end)
{
    struct pipes p = make_pipes(loop, 100, 100);
    vow_promise *pump = vow_pump(p.in[1], p.out[0], 0);
    send_text(loop, &p, "hello ");
    send_text(loop, &p, "world");
    EQ_READ(vow_stream_read_exact(p.out[1], 11), "hello world");
    EQ_INT(vow_state(pump), VOW_PENDING);
    vow_stream_close(p.in[0]);
    eq_pumped(loop, pump, 11);
    EQ_UINT(vow_stream_written(p.out[0]), 11);
    end_pipes(&p);
}

/* scenario 139 */
TEST(pumps_up_to_a_limit_and_leaves_the_rest)
{
    struct pipes p = make_pipes(loop, 100, 100);
    send_text(loop, &p, "first line\nsecond, third");
    EQ_READ(vow_stream_read_until(p.in[1], '\n', 100), "first line\n");
    eq_pumped(loop, vow_pump(p.in[1], p.out[0], 7), 7);
    EQ_READ(vow_stream_read(p.out[1], 100), "second,");
    EQ_READ(vow_stream_read(p.in[1], 100), " third");
    eq_pumped(loop, vow_pump(p.in[1], p.out[0], 3),
              (send_text(loop, &p, "abcd"), vow_stream_close(p.in[0]), 3));
    end_pipes(&p);
}

/* scenario 139 */
TEST(what_is_not_taken_is_not_read)
{
    struct pipes p = make_pipes(loop, 10, 10);
    static char bytes[1000];
    vow_promise *pump = vow_pump(p.in[1], p.out[0], 0);
    vow_promise *writing = vow_stream_write(p.in[0], bytes, sizeof bytes);
    vow_poll(loop);
    EQ_INT(vow_state(writing), VOW_PENDING);
    CHECK(vow_stream_written(p.in[0]) <= 40);
    vow_unref(writing);
    vow_unref(pump);
    end_pipes(&p);
}

/* scenario 139 */
TEST(a_cancelled_pump_leaves_what_was_not_written)
{
    struct pipes p = make_pipes(loop, 16, 10);
    vow_promise *pump = vow_pump(p.in[1], p.out[0], 0);
    send_text(loop, &p, "0123456789abcdef"); /* ten of them fit */
    vow_cancel(pump);
    EQ_INT(vow_run(loop, pump, NULL), ECANCELED);
    EQ_READ(vow_stream_read(p.out[1], 100), "0123456789");
    EQ_READ(vow_stream_read(p.in[1], 100), "abcdef");
    eq_pumped(loop, vow_pump(p.in[1], p.out[0], 2),
              (send_text(loop, &p, "gh"), 2)); /* both are free again */
    end_pipes(&p);
}

/* scenario 139 */
TEST(a_write_error_ends_the_pump)
{
    struct pipes p = make_pipes(loop, 10, 10);
    vow_promise *pump = vow_pump(p.in[1], p.out[0], 0);
    vow_mark_handled(pump);
    vow_stream_close(p.out[1]);
    send_text(loop, &p, "lost?");
    vow_value v;
    EQ_INT(vow_run(loop, pump, &v), EPIPE);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "pump write");
    vow_release(v);
    EQ_READ(vow_stream_read(p.in[1], 100), "lost?");
    end_pipes(&p);
}

/* scenario 139 */
TEST(a_read_error_ends_the_pump)
{
    int peer;
    vow_stream *ends[2], *s = net_pair(loop, &peer);
    EQ_INT(vow_stream_pair(loop, 10, ends), 0);
    vow_promise *pump = vow_pump(s, ends[0], 0);
    net_send(peer, "hi");
    EQ_READ(vow_stream_read(ends[1], 10), "hi");
    net_reset(peer);
    vow_value v;
    EQ_INT(vow_run(loop, pump, &v), ECONNRESET);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "pump read: after 2 bytes");
    vow_release(v);
    vow_stream_unref(s);
    vow_stream_unref(ends[0]);
    vow_stream_unref(ends[1]);
}

TEST(closing_either_stream_ends_the_pump)
{
    for (int side = 0; side < 2; side++) {
        struct pipes p = make_pipes(loop, 10, 10);
        vow_promise *pump = vow_pump(p.in[1], p.out[0], 0);
        vow_stream_close(side == 0 ? p.in[1] : p.out[0]);
        EQ_INT(vow_run(loop, pump, NULL), ECANCELED);
        end_pipes(&p);
    }
}

TEST(a_pump_keeps_its_streams_and_both_are_busy)
{
    struct pipes p = make_pipes(loop, 10, 10);
    vow_promise *pump = vow_pump(p.in[1], p.out[0], 0);
    EQ_INT(vow_run(loop, vow_stream_read(p.in[1], 1), NULL), EBUSY);
    EQ_INT(vow_run(loop, vow_stream_write(p.out[0], "x", 1), NULL), EBUSY);
    EQ_INT(vow_run(loop, vow_pump(p.in[1], p.out[0], 0), NULL), EBUSY);
    vow_stream_unref(p.in[1]);
    vow_stream_unref(p.out[0]);
    send_text(loop, &p, "alive");
    EQ_READ(vow_stream_read(p.out[1], 10), "alive");
    vow_stream_unref(p.in[0]);
    eq_pumped(loop, pump, 5);
    vow_stream_unref(p.out[1]);
}

TEST(a_socket_pumped_to_itself_is_an_echo)
{
    int peer;
    char got[8];
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *pump = vow_pump(s, s, 0);
    net_send(peer, "echo");
    shutdown(peer, SHUT_WR);
    eq_pumped(loop, pump, 4);
    EQ_INT(recv(peer, got, 8, 0), 4);
    vow_stream_unref(s);
    close(peer);
}

/* More than the kernel keeps, from socket to socket. */
TEST(much_is_pumped_between_sockets)
{
    enum { SIZE = 8 << 20 };
    int from_peer, to_peer;
    vow_stream *from = net_pair(loop, &from_peer), *to = net_pair(loop, &to_peer);
    vow_stream *source = vow_stream_from_fd(loop, from_peer);
    vow_stream *sink = vow_stream_from_fd(loop, to_peer);
    vow_buf *b = vow_buf_new(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        vow_buf_bytes(b)[i] = (uint8_t)(i % 251);
    vow_promise *pump = vow_pump(from, to, SIZE);
    vow_promise *writing = vow_stream_write(source, vow_buf_bytes(b), SIZE);
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_read_exact(sink, SIZE), &v), 0);
    EQ_BYTES(vow_buf_bytes(vow_buf_of(v)), vow_buf_bytes(b), SIZE);
    vow_release(v);
    EQ_INT(vow_run(loop, writing, NULL), 0);
    eq_pumped(loop, pump, SIZE);
    vow_stream *all[] = {from, to, source, sink};
    for (int i = 0; i < 4; i++)
        vow_stream_unref(all[i]);
    vow_buf_unref(b);
}

/* A turn ends where the bytes do. */
TEST(every_length_ends)
{
    for (uint64_t most = 1; most < 80; most++) {
        struct pipes p = make_pipes(loop, 100, 100);
        static const char bytes[80];
        vow_promise *pump = vow_pump(p.in[1], p.out[0], most);
        for (uint64_t i = 0; i < most; i++)
            vow_unref(vow_stream_write(p.in[0], &bytes[i], 1));
        eq_pumped(loop, pump, (int64_t)most);
        end_pipes(&p);
    }
}

TEST_PLAIN(streams_of_two_loops_are_not_pumped)
{
    vow_loop *one = vow_loop_new(), *two = vow_loop_new();
    vow_stream *a[2], *b[2];
    CHECK(vow_stream_pair(one, 10, a) == 0 && vow_stream_pair(two, 10, b) == 0);
    EQ_INT(vow_run(one, vow_pump(a[0], b[0], 0), NULL), VOW_ELOOP);
    for (int i = 0; i < 2; i++) {
        vow_stream_unref(a[i]);
        vow_stream_unref(b[i]);
    }
    vow_loop_free(one);
    vow_loop_free(two);
}

static int pump_scenario(vow_loop *loop)
{
    vow_stream *in[2], *out[2];
    int failed = vow_stream_pair(loop, 4, in);
    if (failed)
        return failed;
    failed = vow_stream_pair(loop, 4, out);
    if (!failed) {
        vow_promise *pump = vow_pump(in[1], out[0], 12);
        vow_promise *p = vow_stream_write(in[0], "through four", 12);
        vow_mark_handled(pump);
        vow_mark_handled(p);
        failed = vow_run(loop, vow_stream_read_exact(out[1], 12), NULL);
        vow_stream_close(out[1]);
        vow_stream_close(in[0]);
        int other = vow_run(loop, pump, NULL), third = vow_run(loop, p, NULL);
        if (other == ENOMEM || third == ENOMEM)
            failed = ENOMEM;
        failed = failed ? failed : other ? other : third;
        vow_stream_unref(out[0]);
        vow_stream_unref(out[1]);
    }
    vow_stream_unref(in[0]);
    vow_stream_unref(in[1]);
    return failed;
}

/* Where one fails without memory, the others fail because of it. */
TEST_PLAIN(a_pump_survives_failing_allocations) { sweep(pump_scenario); }
