/* SPDX-License-Identifier: MIT
 *
 * vow/tls.h - TLS over any stream, by OpenSSL 3. Library vow-tls. What it gives are streams
 * (vow/stream.h): all their verbs, and what is said there of them, hold.
 *
 *     vow_tls *tls = vow_tls_new(NULL, NULL);                        // trusts the system's CAs
 *     vow_promise *p = vow_tls_dial(tls, loop, "example.org", "443"); // a vow_stream
 *
 * Certificates and host names are verified unless the program says otherwise; TLS 1.2 is the
 * least, renegotiation is refused. The end of a TLS stream is what the other side has said to
 * be the end (close_notify): a read that meets anything else rejects with VOW_TLS_ETRUNCATED.
 * So end yours with vow_stream_shutdown before vow_stream_close. A cancelled read loses no
 * byte; a cancelled write may have sent part of its bytes (vow_stream_written). Loop's thread
 * only; a vow_tls belongs to one thread.
 */
#ifndef VOW_TLS_H
#define VOW_TLS_H

#include "stream.h"

VOW_BEGIN

/* The codes of this library's errors, and what they mean. The message says more. */
#define VOW_TLS_CODES(X)                                                                    \
    X(VOW_TLS_ECONFIG, 1, "the configuration cannot be used")                               \
    X(VOW_TLS_EPROTOCOL, 2, "the peer broke the protocol, or has nothing in common with us") \
    X(VOW_TLS_ECERTIFICATE, 3, "the certificate could not be verified")                     \
    X(VOW_TLS_EHOST, 4, "the certificate is for another host")                              \
    X(VOW_TLS_EPLAIN, 5, "the peer does not speak TLS")                                     \
    X(VOW_TLS_EALERT, 6, "the peer refused")                                                \
    X(VOW_TLS_ETRUNCATED, 7, "the stream was cut off: it did not end with close_notify")
enum vow_tls_code {
#define VOW_TLS_CODE_NUMBER(name, number, text) name = number,
    VOW_TLS_CODES(VOW_TLS_CODE_NUMBER)
#undef VOW_TLS_CODE_NUMBER
};
VOW_API const vow_domain *vow_tls_domain(void);

/* What connections of one kind have in common. Zeroed is the default; strings are copied. */
typedef struct vow_tls_options {
    const char *ca_file;   /* PEM: whom to trust; NULL: the system's */
    const char *cert_file; /* PEM: our certificate and those above it; a server needs one */
    const char *key_file;  /* PEM, without a password; NULL: in cert_file */
    const char *alpn;      /* application protocols, "h2,http/1.1", best first; or NULL */
    bool insecure;         /* a client takes any certificate: for tests */
    bool ask_client;       /* a server asks its clients for certificates, and verifies them */
    bool small;            /* idle connections give OpenSSL's buffers back: 34 KiB less each,
                              and about a tenth more time for a short message */
} vow_tls_options;

typedef struct vow_tls vow_tls;

/* Reads the files named. Looks at options (NULL: all defaults); gives. NULL: what is wrong is
 * in *ret_error (given, domain vow_tls_domain() or ENOMEM), which may be NULL. */
VOW_API vow_tls *vow_tls_new(const vow_tls_options *options, vow_error **ret_error);
VOW_API vow_tls *vow_tls_ref(vow_tls *tls);
VOW_API vow_tls *vow_tls_unref(vow_tls *tls); /* NULL ok; returns NULL */

/* Shake hands over `below`, as the client of `host` (a name or an address: sent as SNI where
 * it is a name, and verified) or as a server. Fulfil with the TLS stream, which closes `below`
 * with itself. Take below, also on failure; look at tls; host is copied.
 * Cancelled: below is closed. Reject in vow_tls_domain(), or as reads and writes below do; what
 * cannot be a host (an empty text) with EINVAL. */
#define vow_tls_connect(tls, below, host) vow_tls_connect_at(tls, below, host, VOW_HERE)
#define vow_tls_accept(tls, below) vow_tls_accept_at(tls, below, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_tls_connect_at(vow_tls *tls, vow_stream *below,
                                                      const char *host, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_tls_accept_at(vow_tls *tls, vow_stream *below,
                                                     const char *where);

/* vow_sock_connect, then vow_tls_connect. Looks at tls, copies the rest. */
#define vow_tls_dial(tls, loop, host, service) vow_tls_dial_at(tls, loop, host, service, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_tls_dial_at(vow_tls *tls, vow_loop *loop, const char *host,
                                                   const char *service, const char *where);

/* Is it a TLS stream that is open? The others ask of such a one; NULL: it is none. Look; the
 * texts are OpenSSL's, for ever; values are given. */
VOW_API bool vow_tls_is(const vow_stream *s);
VOW_API const char *vow_tls_version(const vow_stream *s); /* "TLSv1.3" */
VOW_API const char *vow_tls_cipher(const vow_stream *s);
VOW_API vow_value vow_tls_alpn(const vow_stream *s); /* text; none: nothing was agreed on */
VOW_API vow_value vow_tls_peer(const vow_stream *s); /* its certificate's common name, in UTF-8; or
                                                        none, also for one with a NUL in it */

VOW_END
#endif
