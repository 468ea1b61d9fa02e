/* SPDX-License-Identifier: MIT
 *
 * vow/http_server.h - an HTTP/1.1 server whose requests are functions that answer with a
 * value or a promise; on libevent's evhttp, in the library vow-http.
 *
 *     static vow_value hello(vow_http_incoming *in, void *data)
 *     {
 *         (void)data;
 *         return vow_textf("hello, %s\n", vow_http_incoming_path(in));
 *     }
 *     ...
 *     vow_http_server *server = vow_http_server_new(loop, NULL, 8080, hello, NULL);
 *
 * What evhttp of libevent 2.1 cannot do, and so this neither: HTTP/2, TLS (put a proxy before
 * it), web sockets, request bodies as streams (they are in memory when the handler is called),
 * trailers. Pipelined requests are answered one after the other. A client that half-closes is
 * gone. "Expect: 100-continue" is answered by itself, other methods than those below with 501,
 * garbage with 400 and a closed connection, and so is a request whose end is not clear (RFC 9112,
 * 6.3: lengths that differ, a length and chunks, an encoding but chunked, a name that is no
 * token) or whose target is none; a body above the limit with 413 and a closed connection.
 * Short of memory evhttp may drop a connection or end the program, where vow would not.
 *
 * Loop's thread only. A forked child that goes on with its loop frees the server first: what
 * the two would share stays the parent's, and the child loses evhttp's memory.
 */
#ifndef VOW_HTTP_SERVER_H
#define VOW_HTTP_SERVER_H

#include "address.h"
#include "stream.h"

VOW_BEGIN

typedef struct vow_http_server vow_http_server;
typedef struct vow_http_incoming vow_http_incoming; /* one request, borrowed by its handler */
typedef struct vow_http_reply vow_http_reply;

/* Gives the answer: a reply, a text (200, text/plain), a vow_buf (200), or a promise of one of
 * these. An error, or anything else, is answered with 500 and nothing more, and reported as an
 * unhandled rejection. `in` is there until the answer is, or the promise is dropped: that
 * happens when the client has gone. Called from the loop, never inside a call into vow. */
typedef vow_value vow_http_handler(vow_http_incoming *in, void *data);

/* Listens on a numeric address (NULL: 127.0.0.1) and port (0: a free one) and serves from the
 * next turn of the loop on. Keeps data, or with _with takes it: destroy(data) runs when the
 * server is freed. Gives; NULL: errno says why, data destroyed. */
VOW_API vow_http_server *vow_http_server_new(vow_loop *loop, const char *address, uint16_t port,
                                             vow_http_handler *handler, void *data);
VOW_API vow_http_server *vow_http_server_new_with(vow_loop *loop, const char *address,
                                                  uint16_t port, vow_http_handler *handler,
                                                  void *data, vow_destroy_fn *destroy);
VOW_API uint16_t vow_http_server_port(const vow_http_server *server);
VOW_API size_t vow_http_server_connections(const vow_http_server *server); /* open now */

/* Limits, for connections that come after; 0: none. */
typedef enum vow_http_limit {
    VOW_HTTP_BODY_BYTES,   /* of a request; default 1 MiB; above: 413                         */
    VOW_HTTP_HEADER_BYTES, /* of a request; default 16 KiB; above: 400                        */
    VOW_HTTP_REQUEST_MS,   /* from a request's first byte to its last; default 30000; closes  */
    VOW_HTTP_IDLE_MS,      /* without a request; default 60000; closes                        */
    VOW_HTTP_WRITE_MS,     /* for the client to take anything of a reply; libevent's clock;
                              default 30000; closes                                           */
    VOW_HTTP_CONNECTIONS   /* open at a time; default 0; others wait in the backlog           */
} vow_http_limit;
VOW_API void vow_http_server_limit(vow_http_server *server, vow_http_limit what, size_t value);

/* Graceful end: stops listening, closes idle connections, lets the others finish their request;
 * fulfils with nothing when all are closed, be it because the server is freed. Cancelling it
 * takes nothing back. */
#define vow_http_server_stop(server) vow_http_server_stop_at(server, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_http_server_stop_at(vow_http_server *server,
                                                           const char *where);
/* Closes everything now; handlers' promises are dropped. NULL ok; returns NULL. When the loop
 * closes first, that has happened by then; free it all the same. */
VOW_API vow_http_server *vow_http_server_free(vow_http_server *server);

/* A request's parts, borrowed from it. */
VOW_API const char *vow_http_incoming_method(const vow_http_incoming *in); /* "GET", "HEAD",
                                  "POST", "PUT", "DELETE", "OPTIONS" or "PATCH" */
VOW_API const char *vow_http_incoming_path(const vow_http_incoming *in);  /* as it came, undecoded:
                                  begins with a slash, but for "OPTIONS *" */
VOW_API const char *vow_http_incoming_query(const vow_http_incoming *in); /* behind the '?'; NULL: none */
VOW_API const char *vow_http_incoming_header(const vow_http_incoming *in, const char *name);
VOW_API vow_buf *vow_http_incoming_body(vow_http_incoming *in); /* NULL: none */
VOW_API int vow_http_incoming_peer(const vow_http_incoming *in, vow_address *ret); /* 0 or errno */

/* Gives a reply. NULL, which every function here takes: no memory; its value is an error then.
 * What else cannot be had of it, also for a line end in a header, makes it an error when it is
 * to be sent. Date and Connection are there by themselves, Content-Length and Transfer-Encoding
 * only so: given by hand they are an error. */
VOW_API vow_http_reply *vow_http_reply_new(int status);
VOW_API void vow_http_reply_header(vow_http_reply *reply, const char *name, const char *value);
/* The body, taken; not sent with 204 and 304, nor to HEAD. _text copies and sets Content-Type
 * to `type`. */
VOW_API void vow_http_reply_body(vow_http_reply *reply, vow_buf *body);
VOW_API void vow_http_reply_text(vow_http_reply *reply, const char *type, const char *text);
/* The body is what a stream gives, taken: `size` bytes of it, or with -1 all, in chunks. No more
 * is read than the client takes. A stream that fails or ends early closes the connection, so
 * that the client notices; its error is reported as a handler's. */
VOW_API void vow_http_reply_stream(vow_http_reply *reply, vow_stream *from, int64_t size);
VOW_API vow_http_reply *vow_http_reply_free(vow_http_reply *reply); /* returns NULL */
/* What a handler returns. Takes it. */
VOW_API vow_value vow_http_reply_value(vow_http_reply *reply);
VOW_API bool vow_http_reply_is(vow_value v);
VOW_API vow_http_reply *vow_http_reply_of(vow_value v); /* looks; another type panics */
VOW_API const vow_type *vow_http_reply_type(void);

VOW_END
#endif
