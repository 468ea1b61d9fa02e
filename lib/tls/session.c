/* SPDX-License-Identifier: MIT
 *
 * tls/session.c - a session as the transport of a stream.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "tls/tls.h"

/* So many bytes are sealed for one write below; and so many of answers to what the peer asks
 * wait for it to listen. */
enum { MOST_SEALED = 65536, MOST_ANSWERS = 16384 };

struct vow__session *vow__session_new(vow_tls *tls, vow_stream *below)
{
    struct vow__session *s = vow_alloc(sizeof *s);
    if (s) {
        s->below = below;
        s->tls = vow_tls_ref(tls);
        s->ssl = SSL_new(tls->ctx);
        BIO *wire = s->ssl ? vow__wire_new(s) : NULL;
        if (wire) {
            SSL_set_bio(s->ssl, wire, wire);
            return s;
        }
        vow__session_free(s);
        return NULL;
    }
    vow_stream_close(below);
    vow_stream_unref(below);
    return NULL;
}

void vow__session_free(struct vow__session *s)
{
    vow_unref(s->reading);
    vow_unref(s->writing);
    vow_stream_close(s->below);
    vow_stream_unref(s->below);
    SSL_free(s->ssl);
    vow_buf_unref(s->in);
    vow_buf_unref(s->out);
    for (int side = VOW__IN; side <= VOW__OUT; side++) {
        vow_error_unref(s->failed[side]);
        vow_error_unref(s->refused[side]);
    }
    vow_error_unref(s->broken);
    vow_tls_unref(s->tls);
    vow_free(s);
}

/* Why the side is lost for good (given); NULL: it is not. */
static vow_error *lost(const struct vow__session *s, int side)
{
    return vow_error_ref(s->broken ? s->broken : s->failed[side]);
}

/* Keeps the error for `error` below; what errno says of it is of no interest. */
static ssize_t refuse(struct vow__session *s, int side, vow_error *error)
{
    vow_error_unref(s->refused[side]);
    s->refused[side] = error;
    errno = EIO;
    return -1;
}

static ssize_t not_now(void)
{
    errno = EAGAIN;
    return -1;
}

/* Of TLS 1.2 each request to negotiate anew is answered with an alert. While a write waits
 * nothing but such answers is added. */
static bool is_peer_deaf(struct vow__session *s)
{
    if (s->broken || !s->writing || s->out_used < MOST_ANSWERS)
        return false;
    s->broken = vow_error_new(vow_tls_domain(), VOW_TLS_EPROTOCOL,
                              "TLS read: the peer asks and does not listen");
    return true;
}

static ssize_t tls_read(void *object, void *bytes, size_t size)
{
    struct vow__session *s = object;
    size_t n;
    if (s->broken || is_peer_deaf(s))
        return refuse(s, VOW__IN, vow_error_ref(s->broken));
    if (!s->in && !s->in_ended && !s->failed[VOW__IN] && !SSL_has_pending(s->ssl))
        return not_now(); /* which OpenSSL would take a microsecond to say */
    vow__tls_clear();
    int result = SSL_read_ex(s->ssl, bytes, size, &n);
    bool ended = result != 1 && SSL_get_error(s->ssl, result) == SSL_ERROR_ZERO_RETURN;
    vow_error *error = result == 1 || ended ? NULL : vow__tls_error(s, result, "TLS read");
    vow__wire_write(s); /* an answer to a key update; its failure shows in the next write */
    if (result == 1)
        return (ssize_t)n;
    if (ended)
        return 0;
    return error ? refuse(s, VOW__IN, error) : not_now();
}

/* Seals bytes of the parts into records. How many; -1: *ret_error. */
static ssize_t seal(struct vow__session *s, const struct iovec *parts, int count,
                    vow_error **ret_error)
{
    size_t total = 0;
    for (int i = 0; i < count && total < MOST_SEALED; i++) {
        size_t n = 0, most = MOST_SEALED - total;
        if (parts[i].iov_len < most)
            most = parts[i].iov_len;
        if (!vow__wire_room(s, most)) {
            *ret_error = total > 0 ? NULL : vow_error_new(vow_errno_domain(), ENOMEM, "TLS write");
            return total > 0 ? (ssize_t)total : -1;
        }
        int result = most ? SSL_write_ex(s->ssl, parts[i].iov_base, most, &n) : 1;
        if (result != 1) {
            *ret_error = vow__tls_error(s, result, "TLS write");
            return -1;
        }
        total += n;
    }
    return (ssize_t)total;
}

static ssize_t tls_write(void *object, const struct iovec *parts, int count)
{
    struct vow__session *s = object;
    vow_error *error = lost(s, VOW__OUT);
    ssize_t n = (ssize_t)s->sealed;
    if (s->writing)
        return not_now();
    s->sealed = 0;
    if (error)
        return refuse(s, VOW__OUT, error);
    if (n > 0)
        return n; /* of the call before: it is written now */
    if (SSL_get_shutdown(s->ssl) & SSL_SENT_SHUTDOWN) {
        errno = EPIPE;
        return -1;
    }
    vow__tls_clear();
    n = seal(s, parts, count, &error);
    if (n < 0)
        return error ? refuse(s, VOW__OUT, error) : not_now();
    int failed = vow__wire_write(s);
    if (failed == 0)
        return n;
    s->sealed = (size_t)n;
    return failed == EAGAIN ? not_now() : refuse(s, VOW__OUT, vow_error_ref(s->failed[VOW__OUT]));
}

static int tls_wait(void *object, int side)
{
    struct vow__session *s = object;
    if (side == VOW_READ && vow__wire_read(s)) {
        refuse(s, VOW__IN, vow_error_ref(s->failed[VOW__IN]));
        return EIO;
    }
    if (side == VOW_WRITE && !s->writing)
        vow_stream_ready(s->stream, VOW_WRITE);
    return 0;
}

static void tls_rest(void *object, int side)
{
    struct vow__session *s = object;
    if (side == VOW_READ) {
        vow__wire_rest(s);
    } else if (s->sealed > 0) { /* cancelled: the records go out all the same */
        vow_stream_wrote(s->stream, s->sealed);
        s->sealed = 0;
    }
}

static int tls_shutdown(void *object)
{
    struct vow__session *s = object;
    vow_error *error = lost(s, VOW__OUT);
    if (!error && !s->writing && !(SSL_get_shutdown(s->ssl) & SSL_SENT_SHUTDOWN)) {
        vow__tls_clear();
        int result = SSL_shutdown(s->ssl);
        error = result < 0 ? vow__tls_error(s, result, "TLS shutdown") : NULL;
    }
    if (error)
        return refuse(s, VOW__OUT, error), EIO;
    return vow__wire_write(s);
}

static vow_error *tls_error(void *object, int side)
{
    struct vow__session *s = object;
    int which = side == VOW_READ ? VOW__IN : VOW__OUT;
    vow_error *error = s->refused[which];
    s->refused[which] = NULL;
    return error;
}

static void tls_close(void *object) { vow__session_free(object); }

static const vow_transport tls_transport = {
    .size = sizeof(vow_transport), .eager = true, .name = "TLS", .read = tls_read,
    .write = tls_write, .wait = tls_wait, .rest = tls_rest, .shutdown = tls_shutdown,
    .close = tls_close, .error = tls_error};

static void make_ready(struct vow__session *s, int side) { vow_stream_ready(s->stream, side); }

vow_stream *vow__session_stream(struct vow__session *s, vow_loop *loop)
{
    vow_stream *stream = vow_stream_new(loop, &tls_transport, s);
    if (stream) {
        s->stream = stream;
        s->progress = make_ready;
    }
    return stream;
}

/* Questions. */

static SSL *ssl_of(const vow_stream *stream)
{
    const struct vow__session *s = vow_stream_object(stream, &tls_transport);
    return s ? s->ssl : NULL;
}

bool vow_tls_is(const vow_stream *s) { return ssl_of(s) != NULL; }

const char *vow_tls_version(const vow_stream *s)
{
    return ssl_of(s) ? SSL_get_version(ssl_of(s)) : NULL;
}

const char *vow_tls_cipher(const vow_stream *s)
{
    return ssl_of(s) ? SSL_get_cipher_name(ssl_of(s)) : NULL;
}

vow_value vow_tls_alpn(const vow_stream *s)
{
    const unsigned char *name;
    unsigned size = 0;
    if (ssl_of(s))
        SSL_get0_alpn_selected(ssl_of(s), &name, &size);
    return size > 0 ? vow_text_n((const char *)name, size) : vow_none();
}

/* A name with a NUL inside is none: who looks at it as a text would see another. */
vow_value vow_tls_peer(const vow_stream *s)
{
    X509 *certificate = ssl_of(s) ? SSL_get0_peer_certificate(ssl_of(s)) : NULL;
    X509_NAME *subject = certificate ? X509_get_subject_name(certificate) : NULL;
    int at = subject ? X509_NAME_get_index_by_NID(subject, NID_commonName, -1) : -1;
    unsigned char *name;
    if (at < 0)
        return vow_none();
    int size = ASN1_STRING_to_UTF8(
        &name, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size < 0)
        return vow_none();
    bool whole = !memchr(name, 0, (size_t)size);
    vow_value v = whole ? vow_text_n((const char *)name, (size_t)size) : vow_none();
    OPENSSL_free(name);
    return v;
}
