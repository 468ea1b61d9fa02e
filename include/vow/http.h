/* SPDX-License-Identifier: MIT
 *
 * vow/http.h - HTTP requests as promises, on libcurl: HTTP/1.1 and 2, TLS, proxies, redirects.
 * In a library of its own: pkg-config vow-http. The other side is vow/http_server.h.
 *
 *     vow_http_client *client = vow_http_client_new(loop, NULL);
 *     vow_promise *p = vow_http_get(client, "https://example.org/", 1 << 20);
 *     p = vow_timeout(p, 5000);                    // fulfils with a response:
 *     ...
 *     vow_http_response *r = vow_http_response_of(v);
 *     vow_http_status(r), vow_http_header(r, "Content-Type"), vow_http_body(r);
 *
 * Certificates and host names are verified. There is no time limit but those put around the
 * promises; cancelling one ends its transfer, and a request whose answer did not come may
 * have been served all the same. A status is an answer, not an error, unless asked. Only http
 * and https are spoken, redirects included: at most 256 KiB and 1000 lines of headers (EMSGSIZE;
 * one line of more than 100 KiB libcurl 7.88 calls ENOMEM). Credentials and cookies that were
 * given for one server are not sent to another.
 *
 * A client belongs to its loop and its loop's thread. A request or response belongs to one
 * client's thread. In a forked child a client of the parent's answers VOW_EFORK. The first
 * client calls curl_global_init, on any thread where libcurl says it is safe (7.84 and later);
 * nothing here calls curl_global_cleanup.
 */
#ifndef VOW_HTTP_H
#define VOW_HTTP_H

#include "stream.h"

VOW_BEGIN

typedef struct vow_http_client vow_http_client;
typedef struct vow_http_request vow_http_request;
typedef struct vow_http_response vow_http_response;

/* What went wrong: code is a CURLcode below 100 (curl/curl.h), or, where asked for, the
 * status. Without memory errno's ENOMEM, a body above the limit errno's EMSGSIZE. */
VOW_API const vow_domain *vow_http_domain(void);

/* Everything may be 0. The texts are copied. */
typedef struct vow_http_options {
    size_t connections, per_host; /* at most, open at a time; 0: no limit. Others wait.      */
    const char *ca_file;          /* PEM file of whom alone to trust; NULL: as the system does */
    const char *proxy;            /* its URL; NULL: as the environment says; "": none        */
    bool insecure;                /* believe any certificate: for experiments                */
} vow_http_options;

/* Gives a client, which keeps connections open for the next request. Looks at options (NULL:
 * all 0). NULL: errno says why. */
VOW_API vow_http_client *vow_http_client_new(vow_loop *loop, const vow_http_options *options);
/* What it has in flight is rejected with ECANCELED, connections are closed. NULL ok; returns
 * NULL. When the loop closes first, that has happened with VOW_ECLOSED; free it all the same. */
VOW_API vow_http_client *vow_http_client_free(vow_http_client *client);

/* Gives a request. Looks at its arguments. NULL, which every function here takes: no memory.
 * What is wrong with a request is said by the promise that sends it (EINVAL: a line end in a
 * method, header or value). */
VOW_API vow_http_request *vow_http_request_new(const char *method, const char *url);
VOW_API vow_http_request *vow_http_request_free(vow_http_request *q); /* returns NULL */
/* One more header. Host, User-Agent, Accept and the body's length are there without; the last,
 * and Transfer-Encoding, only so (EINVAL). */
VOW_API void vow_http_request_header(vow_http_request *q, const char *name, const char *value);
/* The body, taken: it stays as it is until the response has come. NULL buffer: no memory.
 * _text copies and sets Content-Type to `type`. */
VOW_API void vow_http_request_body(vow_http_request *q, vow_buf *body);
VOW_API void vow_http_request_text(vow_http_request *q, const char *type, const char *text);
/* The body is what a stream gives, taken: `size` bytes of it (an earlier end rejects with
 * EPIPE), or with -1 all, in chunks. No more is read from it than can be sent. It cannot be
 * sent twice: a redirect that asks for that fails. Of bodies the last one given counts. */
VOW_API void vow_http_request_stream(vow_http_request *q, vow_stream *from, int64_t size);

typedef enum vow_http_setting {
    VOW_HTTP_LIMIT,     /* most bytes of the response's body; 0, the default: any number    */
    VOW_HTTP_REDIRECTS, /* followed at most; default 10. 301 and 302 make POST a GET, 303
                           makes all but HEAD one                                           */
    VOW_HTTP_VERSION,   /* 11: HTTP/1.1; 20: HTTP/2, without TLS too; 0, the default: HTTP/2
                           where TLS agrees on it. Bodies that are streams need 1.1, which
                           is their default: what libcurl 7.88 pauses of 2 may not go on    */
    VOW_HTTP_STRICT,    /* 1: a status of 400 and more rejects with it as code; default 0   */
    VOW_HTTP_DECODE     /* 1: ask for compressed bodies and unpack them; default 0. The limit
                           is of what they become; paused, libcurl holds up to 64 MiB of it */
} vow_http_setting;
VOW_API void vow_http_request_set(vow_http_request *q, vow_http_setting what, long value);

/* Calls fn now and then with bytes so far and in all (0: not known), of the response's body
 * and the request's. Keeps data. fn may cancel and free what it likes. */
typedef void vow_http_progress_fn(const uint64_t received[2], const uint64_t sent[2], void *data);
VOW_API void vow_http_request_progress(vow_http_request *q, vow_http_progress_fn *fn, void *data);

/* Take the request; fulfil with a vow_http_response.
 *   fetch  when all of its body is here (vow_http_body)
 *   open   when its headers are here; the body is read from vow_http_stream
 *   get    fetches with GET; more than `limit` bytes (0: any number) rejects with EMSGSIZE */
#define vow_http_fetch(client, q) vow_http_fetch_at(client, q, VOW_HERE)
#define vow_http_open(client, q) vow_http_open_at(client, q, VOW_HERE)
#define vow_http_get(client, url, limit) vow_http_get_at(client, url, limit, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_http_fetch_at(vow_http_client *client, vow_http_request *q,
                                                     const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_http_open_at(vow_http_client *client, vow_http_request *q,
                                                    const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_http_get_at(vow_http_client *client, const char *url,
                                                   size_t limit, const char *where);

/* The body of an opened response as a stream that only reads: gives, the same one each time;
 * it keeps r. While nobody reads, at most 64 KiB wait here, then the peer waits. The error of
 * a transfer that fails comes after the bytes before it. Closing the stream ends the transfer.
 * NULL: errno is ENOMEM, or EINVAL for a fetched response or a stream that was closed. */
VOW_API vow_stream *vow_http_stream(vow_http_response *r);

/* Parts; what they return is borrowed from r. */
VOW_API int vow_http_status(const vow_http_response *r);       /* 200 */
VOW_API int vow_http_version(const vow_http_response *r);      /* 10, 11, 20, 30 */
VOW_API const char *vow_http_url(const vow_http_response *r);  /* after redirects */
VOW_API vow_buf *vow_http_body(vow_http_response *r);          /* NULL when it was opened */
/* The value of a header, in any case; NULL: it has none. _n: its n-th (0 is the first). */
VOW_API const char *vow_http_header(const vow_http_response *r, const char *name);
VOW_API const char *vow_http_header_n(const vow_http_response *r, const char *name, size_t n);
/* The index-th header of all; false: there are not so many. */
VOW_API bool vow_http_header_at(const vow_http_response *r, size_t index, const char **ret_name,
                                const char **ret_value);

/* References. The last one ends a transfer that is still under way. */
VOW_API vow_http_response *vow_http_response_ref(vow_http_response *r);
VOW_API vow_http_response *vow_http_response_unref(vow_http_response *r); /* NULL ok; NULL */
VOW_API vow_value vow_http_response_value(vow_http_response *r);          /* takes */
VOW_API vow_http_response *vow_http_response_of(vow_value v); /* looks; another type panics */
VOW_API bool vow_http_response_is(vow_value v);
VOW_API const vow_type *vow_http_response_type(void);

VOW_END
#endif
