/* SPDX-License-Identifier: MIT
 *
 * world.h - an authority, a server's certificate, and what both sides are configured with.
 */
#ifndef VOW_TESTS_TLS_WORLD_H
#define VOW_TESTS_TLS_WORLD_H

#include "adapt/net.h"
#include "tls/certs.h"
#include "vow/tls.h"

struct world {
    struct cert ca, cert;
    vow_tls *client, *server;
};

static inline vow_tls *make(vow_tls_options options)
{
    vow_error *error = NULL;
    char text[200] = "";
    vow_tls *tls = vow_tls_new(&options, &error);
    if (error)
        vow_describe(error, VOW_ONE_LINE, text, sizeof text);
    EQ_TEXT(text, "");
    return tls;
}

static inline struct world make_world(const char *names, int days)
{
    struct world w = {.ca = cert_new("authority", NULL, NULL, 10)};
    w.cert = cert_new("the server", names, &w.ca, days);
    w.client = make((vow_tls_options){.ca_file = w.ca.file, .alpn = "h2,http/1.1"});
    w.server = make((vow_tls_options){.cert_file = w.cert.file, .alpn = "http/1.1"});
    return w;
}

static inline void end_world(struct world *w)
{
    vow_tls_unref(w->client);
    vow_tls_unref(w->server);
    cert_free(&w->ca);
    cert_free(&w->cert);
}

/* Both ends in memory, shaken hands. */
struct ends {
    vow_stream *client, *server;
};

/* Runs p, which has to fulfil with a stream; gives it. */
static inline vow_stream *have(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    char text[300] = "";
    int code = vow_run(loop, p, &v);
    if (code)
        vow_describe(vow_as_error(v), VOW_ONE_LINE, text, sizeof text);
    EQ_TEXT(text, "");
    vow_stream *s = vow_stream_ref(vow_stream_of(v));
    vow_release(v);
    return s;
}

/* Over a pair, which stays the caller's. */
static inline struct ends shake_over(vow_loop *loop, struct world *w, vow_stream *const pair[2])
{
    vow_promise *server = vow_tls_accept(w->server, vow_stream_ref(pair[1]));
    vow_stream *client =
        have(loop, vow_tls_connect(w->client, vow_stream_ref(pair[0]), "localhost"));
    return (struct ends){client, have(loop, server)};
}

static inline struct ends shake(vow_loop *loop, struct world *w, size_t room)
{
    vow_stream *pair[2];
    EQ_INT(vow_stream_pair(loop, room, pair), 0);
    struct ends e = shake_over(loop, w, pair);
    vow_stream_unref(pair[0]);
    vow_stream_unref(pair[1]);
    return e;
}

static inline void end(struct ends *e)
{
    vow_stream_unref(e->client);
    vow_stream_unref(e->server);
}

/* Runs p, which has to reject with this code in this domain. */
#define REJECTS(p, domain, code) rejects(__FILE__, __LINE__, loop, p, domain, code)
static inline void rejects(const char *file, int line, vow_loop *loop, vow_promise *p,
                           const vow_domain *domain, int code)
{
    vow_value v;
    harness_eq_int(file, line, "code", vow_run(loop, p, &v), code);
    harness_eq_text(file, line, "domain", vow_error_domain(vow_as_error(v))->name, domain->name);
    vow_release(v);
}

#endif
