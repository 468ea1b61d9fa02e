/* SPDX-License-Identifier: MIT
 *
 * tls/handshake.c - from a stream below to a stream of TLS.
 */
#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tls/tls.h"
#include "vow/resolver.h"
#include "vow/sock.h"

struct handshake {
    struct vow__session *session; /* NULL: it belongs to the stream */
    vow_loop *loop;
    vow_resolver *resolver;
    const char *doing; /* for messages */
};

static vow_promise *no_memory(vow_loop *loop, const char *where)
{
    return vow_rejected_at(loop, vow_error_new_at(where, vow_errno_domain(), ENOMEM, NULL), where);
}

static void stop(void *data) { (void)data; } /* the session goes with the promise */

static void destroy(void *data)
{
    struct handshake *h = data;
    if (h->session)
        vow__session_free(h->session);
    vow_free(h);
}

static void succeed(struct handshake *h)
{
    struct vow__session *session = h->session;
    h->session = NULL;
    vow_stream *stream = vow__session_stream(session, h->loop);
    vow_resolve(h->resolver, stream ? vow_stream_value(stream) : vow_fail(errno, "%s", h->doing));
}

/* Goes on as far as it can without waiting; h may be gone afterwards. */
static void advance(struct vow__session *s, int side)
{
    struct handshake *h = s->data;
    (void)side;
    vow__tls_clear();
    int result = SSL_do_handshake(s->ssl);
    vow_error *error = result == 1 ? NULL : vow__tls_error(s, result, h->doing);
    vow__wire_write(s); /* also what tells the peer of our error; it may go out later */
    if (!error && s->failed[VOW__OUT])
        error = vow_error_ref(s->failed[VOW__OUT]);
    if (!error && result != 1 && vow__wire_read(s))
        error = vow_error_ref(s->failed[VOW__IN]);
    if (error)
        vow_reject(h->resolver, error);
    else if (result == 1)
        succeed(h);
}

/* Of an empty name OpenSSL would verify nothing, of one that begins with a dot only its end. */
static bool is_host(const char *host)
{
    size_t size = strlen(host);
    return size > 0 && size <= TLSEXT_MAXLEN_host_name && *host != '.';
}

/* Names are sent (SNI); both are verified. False: no memory. */
static bool set_host(SSL *ssl, const char *host)
{
    unsigned char address[16];
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

/* False: no memory. */
static bool set_role(vow_tls *tls, SSL *ssl, const char *host)
{
    if (host) {
        SSL_set_connect_state(ssl);
        return set_host(ssl, host);
    }
    SSL_set_accept_state(ssl);
    SSL_set_verify(ssl,
                   tls->ask_client ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                                   : SSL_VERIFY_NONE,
                   NULL);
    return true;
}

/* A server where host is NULL. */
static vow_promise *start(vow_tls *tls, vow_stream *below, const char *host, const char *where)
{
    vow_loop *loop = vow_stream_loop(below);
    struct handshake *h = vow_alloc(sizeof *h);
    struct vow__session *s = vow__session_new(tls, below);
    if (!h || !s || !set_role(tls, s->ssl, host)) {
        vow_free(h);
        if (s)
            vow__session_free(s);
        return no_memory(loop, where);
    }
    *h = (struct handshake){.session = s, .loop = loop,
                            .doing = host ? "TLS connect" : "TLS accept"};
    s->progress = advance;
    s->data = h;
    vow_promise *p = vow_promise_new_at(loop, &h->resolver, where);
    bool pending = vow_state(p) == VOW_PENDING;
    vow_on_stop(h->resolver, stop, h, destroy);
    if (pending)
        advance(s, 0);
    return p;
}

vow_promise *vow_tls_connect_at(vow_tls *tls, vow_stream *below, const char *host,
                                const char *where)
{
    if (is_host(host))
        return start(tls, below, host, where);
    vow_loop *loop = vow_stream_loop(below);
    vow_stream_close(below);
    vow_stream_unref(below);
    return vow_rejected_at(
        loop, vow_error_new_at(where, vow_errno_domain(), EINVAL, "TLS connect: no host"), where);
}

vow_promise *vow_tls_accept_at(vow_tls *tls, vow_stream *below, const char *where)
{
    return start(tls, below, NULL, where);
}

struct dial {
    vow_tls *tls;
    const char *where;
    char host[];
};

static void free_dial(void *data)
{
    struct dial *d = data;
    vow_tls_unref(d->tls);
    vow_free(d);
}

static vow_value on_connected(vow_value v, void *data)
{
    struct dial *d = data;
    vow_stream *below = vow_stream_ref(vow_stream_of(v));
    return vow_promise_value(vow_tls_connect_at(d->tls, below, d->host, d->where));
}

vow_promise *vow_tls_dial_at(vow_tls *tls, vow_loop *loop, const char *host, const char *service,
                             const char *where)
{
    size_t size = strlen(host) + 1;
    struct dial *d = vow_alloc(sizeof *d + size);
    if (!d)
        return no_memory(loop, where);
    d->tls = vow_tls_ref(tls);
    d->where = where;
    memcpy(d->host, host, size);
    return vow_then_at(vow_sock_connect_at(loop, host, service, where), on_connected, d, free_dial,
                       where);
}
