/* SPDX-License-Identifier: MIT
 *
 * test_counterparts.c - against the openssl program, and without memory.
 */
#include "adapt/net.h"
#include "adapt/sweep.h"
#include "tls/certs.h"
#include "vow/process.h"
#include "vow/tls.h"

struct world {
    struct cert ca, cert;
    vow_tls *client, *server;
};

static struct world make_world(void)
{
    struct world w = {.ca = cert_new("authority", NULL, NULL, 10)};
    w.cert = cert_new("the server", "DNS:localhost,IP:127.0.0.1", &w.ca, 10);
    w.client = vow_tls_new(&(vow_tls_options){.ca_file = w.ca.file}, NULL);
    w.server = vow_tls_new(&(vow_tls_options){.cert_file = w.cert.file}, NULL);
    return w;
}

static void end_world(struct world *w)
{
    vow_tls_unref(w->client);
    vow_tls_unref(w->server);
    cert_free(&w->ca);
    cert_free(&w->cert);
}

static vow_value get(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    char text[300] = "";
    if (vow_run(loop, p, &v))
        vow_describe(vow_as_error(v), VOW_ONE_LINE, text, sizeof text);
    EQ_TEXT(text, "");
    return v;
}

static vow_process *start(vow_loop *loop, const char *const *arguments)
{
    vow_process_options options = {
        .in = VOW_STDIO_PIPE, .out = VOW_STDIO_PIPE, .err = VOW_STDIO_NULL};
    vow_value v = get(loop, vow_process_start(loop, arguments, &options));
    vow_process *process = vow_process_ref(vow_process_of(v));
    vow_release(v);
    return process;
}

/* The port that s_server says it listens on. */
static void read_port(vow_loop *loop, vow_stream *out, char ret[8])
{
    char line[200], *colon;
    do {
        vow_value v = get(loop, vow_stream_read_until(out, '\n', sizeof line - 1));
        size_t n = vow_buf_size(vow_buf_of(v));
        memcpy(line, vow_buf_bytes(vow_buf_of(v)), n);
        line[n] = '\0';
        vow_release(v);
    } while (strncmp(line, "ACCEPT ", 7) != 0);
    colon = strrchr(line, ':');
    CHECK(colon != NULL);
    snprintf(ret, 8, "%d", atoi(colon + 1));
}

TEST(a_client_of_openssl_s_server)
{
    struct world w = make_world();
    char port[8];
    const char *const arguments[] = {"openssl", "s_server", "-accept", "127.0.0.1:0",
                                     "-cert",   w.cert.file, "-rev",   NULL};
    vow_process *server = start(loop, arguments);
    read_port(loop, vow_process_out(server), port);
    vow_value v = get(loop, vow_tls_dial(w.client, loop, "127.0.0.1", port));
    vow_stream *s = vow_stream_ref(vow_stream_of(v));
    vow_release(v);
    for (int i = 0; i < 3; i++) {
        EQ_INT(vow_run(loop, vow_stream_write(s, "stressed\n", 9), NULL), 0);
        EQ_READ(vow_stream_read_until(s, '\n', 100), "desserts\n");
    }
    EQ_INT(vow_run(loop, vow_stream_shutdown(s), NULL), 0);
    vow_stream_unref(s);
    vow_process_unref(server);
    end_world(&w);
}

static vow_value accept_tls(vow_value v, void *data)
{
    return vow_v(vow_tls_accept(data, vow_stream_ref(vow_stream_of(v))));
}

TEST(a_server_for_openssl_s_client)
{
    struct world w = make_world();
    char at[32];
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    snprintf(at, sizeof at, "127.0.0.1:%u", (unsigned)vow_listener_port(l));
    const char *const arguments[] = {"openssl", "s_client", "-connect", at, "-CAfile", w.ca.file,
                                     "-verify_return_error", "-quiet", NULL};
    vow_process *client = start(loop, arguments);
    vow_value v = get(loop, vow_then(vow_accept(l), accept_tls, w.server));
    vow_stream *s = vow_stream_ref(vow_stream_of(v));
    vow_release(v);
    EQ_INT(vow_run(loop, vow_stream_write(vow_process_in(client), "knock\n", 6), NULL), 0);
    EQ_READ(vow_stream_read_until(s, '\n', 100), "knock\n");
    EQ_INT(vow_run(loop, vow_stream_write(s, "who is there\n", 13), NULL), 0);
    EQ_READ(vow_stream_read_until(vow_process_out(client), '\n', 100), "who is there\n");
    EQ_INT(vow_run(loop, vow_stream_shutdown(s), NULL), 0);
    vow_stream_unref(s);
    vow_value ended = get(loop, vow_process_wait(client));
    EQ_INT(vow_exit_of(ended).signal, 0);
    vow_release(ended);
    vow_process_unref(client);
    vow_listener_close(l);
    end_world(&w);
}

/* An expired certificate, a reset, TLS 1.2: what the peer's program makes of us. */
TEST(a_peer_of_an_older_version_is_served)
{
    struct world w = make_world();
    char at[32];
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    snprintf(at, sizeof at, "127.0.0.1:%u", (unsigned)vow_listener_port(l));
    const char *const arguments[] = {"openssl", "s_client", "-connect", at, "-CAfile", w.ca.file,
                                     "-tls1_2", "-quiet", NULL};
    vow_process *client = start(loop, arguments);
    vow_value v = get(loop, vow_then(vow_accept(l), accept_tls, w.server));
    EQ_TEXT(vow_tls_version(vow_stream_of(v)), "TLSv1.2");
    vow_release(v);
    vow_process_unref(client);
    vow_listener_close(l);
    end_world(&w);
}

TEST(a_reset_rejects_the_read_once)
{
    struct world w = make_world();
    int peer;
    vow_stream *below = net_pair(loop, &peer);
    vow_stream *other = vow_stream_from_fd(loop, peer);
    vow_promise *server = vow_tls_accept(w.server, below);
    vow_value v = get(loop, vow_tls_connect(w.client, other, "localhost"));
    vow_value s = get(loop, server);
    vow_promise *p = vow_stream_read(vow_stream_of(s), 10);
    vow_poll(loop);
    vow_mark_handled(p);
    net_reset(dup(peer)); /* with bytes unread a close resets */
    vow_release(v);
    CHECK(vow_run(loop, p, NULL) != 0);
    CHECK(vow_run(loop, vow_stream_read(vow_stream_of(s), 10), NULL) != 0);
    vow_release(s);
    end_world(&w);
}

static struct world *shared;

static int one_of(int a, int b) { return a == ENOMEM || b == ENOMEM ? ENOMEM : a ? a : b; }

/* Where one side fails without memory, the other fails because of it. */
static int scenario(vow_loop *loop)
{
    vow_stream *pair[2];
    vow_value c = vow_none(), s = vow_none();
    int failed = vow_stream_pair(loop, 100000, pair);
    if (failed)
        return failed;
    vow_promise *accepting = vow_tls_accept(shared->server, pair[1]);
    vow_promise *connecting = vow_tls_connect(shared->client, pair[0], "localhost");
    vow_mark_handled(accepting);
    vow_mark_handled(connecting);
    int code = vow_run(loop, connecting, &c);
    failed = one_of(code, vow_run(loop, accepting, &s));
    if (!failed) {
        vow_stream *client = vow_stream_of(c), *server = vow_stream_of(s);
        code = vow_run(loop, vow_stream_write(client, "hello", 5), NULL);
        failed = one_of(code, code ? 0 : vow_run(loop, vow_stream_read_exact(server, 5), NULL));
        failed = one_of(failed, vow_run(loop, vow_stream_shutdown(client), NULL));
    }
    vow_release(c);
    vow_release(s);
    return failed;
}

TEST_PLAIN(tls_survives_failing_allocations)
{
    struct world w = make_world();
    shared = &w;
    sweep(scenario);
    end_world(&w);
}
