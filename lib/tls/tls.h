/* SPDX-License-Identifier: MIT
 *
 * tls/tls.h - inside vow-tls. OpenSSL is kept away from descriptors: it reads its records
 * from the bytes that were read below, and writes them into a buffer that is then written
 * below (wire.c). What it says goes through session.c; handshake.c makes a stream of it.
 */
#ifndef VOW_TLS_TLS_H
#define VOW_TLS_TLS_H

#include <errno.h>
#include <openssl/ssl.h>

#include "vow/buf.h"
#include "vow/error.h"
#include "vow/tls.h"
#include "vow/transport.h"

/* context.c */
struct vow_tls {
    size_t count;
    SSL_CTX *ctx;
    unsigned char *alpn; /* as on the wire: each behind its length; or NULL */
    unsigned alpn_size;
    bool ask_client;
};

/* One connection. Always true between calls: `reading` and `writing` are set while the stream
 * below is being read and written for it, and only then. */
struct vow__session {
    vow_tls *tls;        /* a reference */
    SSL *ssl;            /* its BIO, for both directions, is wire.c's */
    vow_stream *below;   /* a reference */
    vow_stream *stream;  /* what is made of it; NULL: not yet, or closed */
    vow_promise *reading, *writing;
    vow_buf *in;         /* bytes [in_from, its end) are not yet ssl's; or NULL */
    size_t in_from;
    bool in_ended;       /* below has ended */
    vow_buf *out;        /* bytes [0, out_used) are still to be written below; or NULL */
    size_t out_used;
    bool out_lost;       /* there was no memory for a record */
    size_t sealed;       /* of the write that waits: bytes in the records being written */
    vow_error *failed[2]; /* why below cannot be read, written any more; or NULL */
    vow_error *broken;     /* why OpenSSL does neither any more; or NULL */
    vow_error *refused[2]; /* why the last read, write gave -1; or NULL */
    void (*progress)(struct vow__session *, int side); /* below was read, written */
    void *data;          /* progress' */
};

enum { VOW__IN, VOW__OUT };

/* wire.c */
BIO *vow__wire_new(struct vow__session *session); /* NULL: no memory */
int vow__wire_read(struct vow__session *s);  /* begins reading below: 0; EIO: it cannot */
int vow__wire_write(struct vow__session *s); /* what is to be written below: 0: it is;
                                                EAGAIN: soon; EIO: it cannot */
void vow__wire_rest(struct vow__session *s); /* nobody needs what is being read below */
bool vow__wire_room(struct vow__session *s, size_t n); /* for n sealed bytes; false: no memory */

/* session.c. Takes below; NULL: no memory. */
struct vow__session *vow__session_new(vow_tls *tls, vow_stream *below);
void vow__session_free(struct vow__session *s);

/* The stream of a session that has shaken hands. Takes s. NULL: no memory, or the loop is
 * closed (errno). */
vow_stream *vow__session_stream(struct vow__session *s, vow_loop *loop);

/* error.c. What OpenSSL has just said of `result`, as an error (given), also when it is asked
 * again; NULL: it wants to read (there is nothing else it could want). */
vow_error *vow__tls_error(struct vow__session *s, int result, const char *doing);
void vow__tls_clear(void); /* what others have left in OpenSSL's queue, before each call */
vow_error *vow__tls_config_error(const char *what, const char *of);

#endif
