/* SPDX-License-Identifier: MIT
 *
 * test_resets.c - a peer that resets the connection after each of 64 offsets, while TLS shakes
 * hands, reads, writes or is idle: one rejection, with the code of what is below.
 */
#include "tls/world.h"

enum { OFFSETS = 64 };

/* A TCP connection whose ends are streams. */
static void tcp_pair(vow_loop *loop, vow_stream *ret[2])
{
    int peer;
    ret[0] = net_pair(loop, &peer);
    ret[1] = vow_stream_from_fd(loop, peer);
    CHECK(ret[1] != NULL);
}

static void reset(vow_stream *s)
{
    struct linger now = {1, 0};
    EQ_INT(setsockopt(vow_stream_fd(s), SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    vow_stream_close(s);
}

static vow_value count_error(const vow_error *e, void *data)
{
    ++*(int *)data;
    EQ_TEXT(vow_error_domain(e)->name, vow_errno_domain()->name);
    return vow_v(vow_error_code(e));
}

static vow_value no_value(vow_value v, void *data)
{
    (void)v, (void)data;
    FAIL("it was fulfilled");
}

/* p is rejected once; gives the code. */
static int code_after_reset(vow_loop *loop, vow_promise *p, vow_stream *peer)
{
    int rejections = 0;
    vow_value v;
    p = vow_then_catch(p, no_value, count_error, &rejections);
    vow_poll(loop);
    EQ_INT(rejections, 0);
    reset(peer);
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(rejections, 1);
    return (int)vow_as_int(v);
}

/* So many bytes of the client's first flight come through. */
TEST(while_it_shakes_hands)
{
    struct world w = make_world("DNS:localhost", 10);
    for (uint64_t offset = 0; offset < OFFSETS; offset++) {
        vow_stream *tcp[2], *pair[2];
        tcp_pair(loop, tcp);
        EQ_INT(vow_stream_pair(loop, 4096, pair), 0);
        vow_promise *client = vow_tls_connect(w.client, pair[0], "localhost");
        if (offset > 0)
            EQ_INT(vow_run(loop, vow_pump(pair[1], tcp[1], offset * 3), NULL), 0);
        vow_promise *server = vow_tls_accept(w.server, tcp[0]);
        EQ_INT(code_after_reset(loop, server, tcp[1]), ECONNRESET);
        vow_unref(client);
        vow_stream_unref(pair[1]);
        vow_stream_unref(tcp[1]);
    }
    end_world(&w);
}

struct shaken {
    struct ends e;
    vow_stream *below; /* the client's */
};

static struct shaken shake_over_tcp(vow_loop *loop, struct world *w)
{
    vow_stream *tcp[2];
    tcp_pair(loop, tcp);
    struct shaken s = {shake_over(loop, w, (vow_stream *[]){tcp[1], tcp[0]}), tcp[1]};
    vow_stream_unref(tcp[0]);
    return s;
}

static void end_shaken(struct shaken *s)
{
    end(&s->e);
    vow_stream_unref(s->below);
}

TEST(while_it_reads)
{
    char bytes[OFFSETS] = "";
    struct world w = make_world("DNS:localhost", 10);
    for (size_t offset = 0; offset < OFFSETS; offset++) {
        struct shaken s = shake_over_tcp(loop, &w);
        if (offset > 0)
            EQ_INT(vow_run(loop, vow_stream_write(s.e.client, bytes, offset), NULL), 0);
        vow_promise *p = vow_stream_read_exact(s.e.server, OFFSETS);
        EQ_INT(code_after_reset(loop, p, s.below), ECONNRESET);
        end_shaken(&s);
    }
    end_world(&w);
}

TEST(while_it_writes)
{
    static char bytes[8 << 20];
    struct world w = make_world("DNS:localhost", 10);
    for (size_t offset = 0; offset < OFFSETS; offset++) {
        struct shaken s = shake_over_tcp(loop, &w);
        vow_promise *p = vow_stream_write(s.e.server, bytes, sizeof bytes);
        if (offset > 0)
            EQ_INT(vow_run(loop, vow_stream_read_exact(s.e.client, offset * 1000), NULL), 0);
        int code = code_after_reset(loop, p, s.below);
        CHECK(code == ECONNRESET || code == EPIPE);
        CHECK(vow_stream_written(s.e.server) < sizeof bytes);
        end_shaken(&s);
    }
    end_world(&w);
}

TEST(while_it_is_idle)
{
    char bytes[OFFSETS] = "";
    struct world w = make_world("DNS:localhost", 10);
    for (size_t offset = 1; offset <= OFFSETS; offset++) {
        struct shaken s = shake_over_tcp(loop, &w);
        EQ_INT(vow_run(loop, vow_stream_write(s.e.client, bytes, offset), NULL), 0);
        EQ_INT(vow_run(loop, vow_stream_read_exact(s.e.server, offset), NULL), 0);
        reset(s.below);
        vow_poll(loop);
        REJECTS(vow_stream_read(s.e.server, 1), vow_errno_domain(), ECONNRESET);
        REJECTS(vow_stream_write(s.e.server, "x", 1), vow_errno_domain(), EPIPE);
        end_shaken(&s);
    }
    end_world(&w);
}
