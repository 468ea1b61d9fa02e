/* SPDX-License-Identifier: MIT
 *
 * test_cancel_tls.c - TLS: ended after every turn.
 */
#include "faults/every_turn.h"

#include "tls/world.h"

enum { SOME_BYTES = 100 * 1000 };

static void forget_world(void *other)
{
    end_world(other);
    free(other);
}

/* The authority and its certificates; below, a connection in s[0] and s[1]. */
static struct world *prepare(vow_loop *loop, struct stage *st)
{
    struct world *w = malloc(sizeof *w);
    *w = make_world("DNS:localhost", 10);
    st->other = w;
    st->free_other = forget_world;
    EQ_INT(vow_unix_pair(loop, st->s), 0);
    return w;
}

/* The same with hands shaken: s[2] is the client, s[3] the server. */
static void prepare_shaken(vow_loop *loop, struct stage *st)
{
    struct ends e = shake_over(loop, prepare(loop, st), st->s);
    st->s[2] = e.client;
    st->s[3] = e.server;
}

static void below_is_closed_unless_it_is_done(vow_loop *loop, struct stage *st)
{
    (void)loop;
    vow_unref(st->side[0]);
    st->side[0] = NULL;
    EQ_INT(vow_stream_fd(st->s[0]), -1); /* also of a TLS stream that is done: nobody keeps it */
}

EVERY_TURN(a_client_s_handshake, below_is_closed_unless_it_is_done)
{
    struct world *tls = prepare(loop, w);
    beside(w, 0, vow_tls_accept(tls->server, vow_stream_ref(w->s[1])));
    return vow_tls_connect(tls->client, vow_stream_ref(w->s[0]), "localhost");
}

EVERY_TURN(a_server_s_handshake, NULL)
{
    struct world *tls = prepare(loop, w);
    beside(w, 0, vow_tls_connect(tls->client, vow_stream_ref(w->s[0]), "localhost"));
    return vow_tls_accept(tls->server, vow_stream_ref(w->s[1]));
}

static void nothing_is_lost(vow_loop *loop, struct stage *st)
{
    rest_is(loop, st->s[3], was_read ? SOME_BYTES / 2 : 0, SOME_BYTES);
}

EVERY_TURN(a_read, nothing_is_lost)
{
    prepare_shaken(loop, w);
    was_read = false;
    beside(w, 0, vow_stream_write_buf(w->s[2], count_up(SOME_BYTES)));
    return vow_then(vow_stream_read_exact(w->s[3], SOME_BYTES / 2), note_read, NULL);
}

static vow_value read_all(vow_value v, void *data)
{
    (void)v;
    return vow_promise_value(vow_stream_read_exact(data, SOME_BYTES));
}

/* A cancelled write has written what it says, which is what comes. */
static void as_much_comes_as_was_written(vow_loop *loop, struct stage *st)
{
    vow_unref(st->side[0]);
    st->side[0] = NULL;
    rest_is(loop, st->s[3], 0, (size_t)vow_stream_written(st->s[2]));
}

EVERY_TURN(a_write, as_much_comes_as_was_written)
{
    prepare_shaken(loop, w);
    beside(w, 0, vow_then(vow_delay(loop, 1), read_all, w->s[3]));
    return vow_stream_write_buf(w->s[2], count_up(SOME_BYTES));
}

EVERY_TURN(a_shutdown, NULL)
{
    prepare_shaken(loop, w);
    beside(w, 0, vow_stream_read(w->s[3], 10));
    return vow_stream_shutdown(w->s[2]);
}

EVERY_TURN(the_end_of_the_other_side, NULL)
{
    prepare_shaken(loop, w);
    beside(w, 0, vow_stream_shutdown(w->s[3]));
    return vow_stream_read(w->s[2], 10);
}
