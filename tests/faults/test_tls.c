/* SPDX-License-Identifier: MIT
 *
 * test_tls.c - TLS over sockets and pipes whose calls are interrupted, refused and cut short;
 * and over a stream below that gives and takes a byte at a time.
 */
#include "faults/few.h"
#include "faults/lines.h"
#include "tls/world.h"

/* Both ends over this connection, which is taken, and over them all lines both ways. */
static void through_tls(vow_loop *loop, struct world *w, vow_stream *below[2])
{
    struct ends e = shake_over(loop, w, below);
    unref_both(below);
    transfer(loop, e.client, e.server);
    transfer(loop, e.server, e.client);
    vow_promise *shut = vow_stream_shutdown(e.client);
    ENDS(e.server);
    FULFILS(shut);
    shut = vow_stream_shutdown(e.server);
    ENDS(e.client);
    FULFILS(shut);
    end(&e);
}

SEEDED(all_lines_through_tls_over_a_connection)
{
    struct world w = make_world("DNS:localhost", 10);
    vow_stream *below[2];
    connect_both(loop, vow_listen(loop, NULL, 0, 0), below);
    through_tls(loop, &w, below);
    EQ_INT(vow_unix_pair(loop, below), 0);
    through_tls(loop, &w, below);
    end_world(&w);
}

SEEDED(all_lines_through_tls_over_little_room)
{
    struct world w = make_world("DNS:localhost", 10);
    vow_stream *below[2];
    EQ_INT(vow_stream_pair(loop, 1 + seed % 100, below), 0);
    through_tls(loop, &w, below);
    end_world(&w);
}

/* By name, with both pumped on. */
SEEDED(all_lines_through_a_pump_to_tls)
{
    struct world w = make_world("DNS:localhost", 10);
    vow_stream *in[2], *below[2];
    EQ_INT(vow_unix_pair(loop, in), 0);
    connect_both(loop, vow_listen(loop, NULL, 0, 0), below);
    struct ends e = shake_over(loop, &w, below);
    unref_both(below);
    vow_promise *pump = vow_pump(in[1], e.client, 0);
    transfer(loop, in[0], e.server);
    FULFILS(vow_stream_shutdown(in[0]));
    FULFILS(pump);
    end(&e);
    unref_both(in);
    end_world(&w);
}

SEEDED(all_lines_to_who_was_dialled)
{
    struct world w = make_world("DNS:localhost,IP:127.0.0.1", 10);
    char port[8];
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    CHECK(l != NULL);
    snprintf(port, sizeof port, "%u", vow_listener_port(l));
    vow_promise *accepted = vow_accept(l),
                *dialled = vow_tls_dial(w.client, loop, net_local_name(), port);
    vow_stream *below = STREAM_OF(accepted);
    vow_promise *shaken = vow_tls_accept(w.server, below);
    struct ends e = {STREAM_OF(dialled), STREAM_OF(shaken)};
    transfer(loop, e.client, e.server);
    end(&e);
    vow_listener_close(l);
    end_world(&w);
}

/* With too few descriptors. */

static struct world few_world;

/* Over a connection. */
static int shake_hands(vow_loop *loop, vow_tls *client, vow_stream *below[2])
{
    vow_promise *server = vow_tls_accept(few_world.server, vow_stream_ref(below[1]));
    vow_value connected;
    int code = OUTCOME(vow_tls_connect(client, vow_stream_ref(below[0]), "localhost"), &connected);
    code = code ? code : OUTCOME(server, NULL);
    vow_release(connected);
    return code;
}

static int connect_and_shake(vow_loop *loop)
{
    vow_error *error = NULL;
    vow_stream *below[2];
    vow_tls *client = vow_tls_new(&(vow_tls_options){.ca_file = few_world.ca.file}, &error);
    if (!client) {
        CHECK(vow_error_is(error, vow_tls_domain(), VOW_TLS_ECONFIG)); /* OpenSSL's words */
        vow_error_unref(error);
        return NEITHER;
    }
    int code = vow_unix_pair(loop, below);
    if (code == 0) {
        code = shake_hands(loop, client, below);
        unref_both(below);
    }
    vow_tls_unref(client);
    return code;
}

TEST_PLAIN(hands_are_shaken_with_few_descriptors)
{
    few_world = make_world("DNS:localhost", 10);
    with_few_descriptors(connect_and_shake);
    end_world(&few_world);
}
