/* SPDX-License-Identifier: MIT
 *
 * http/answer.c - a reply on its way through evhttp: all at once, or piece by piece as fast as
 * the client takes it.
 */
#include <errno.h>
#include <stdio.h>

#include "http/server.h"

#include <event2/http_struct.h> /* the version, behind what it needs */

enum { PIECE = 64 * 1024, COPIED = 4096 }; /* below that copying is less work than counting */

/* What can no longer be answered: the client notices by the end of its connection. */
static void give_up(vow_http_incoming *in, vow_error *e)
{
    if (e)
        vow__http_report(in->server->loop, e);
    vow__http_conn_kill(in->conn);
}

static void release_bytes(const void *bytes, size_t size, void *data)
{
    (void)bytes, (void)size;
    vow_buf_unref(data);
}

/* Looks at b. 0 or -1. */
static int add_bytes(struct evbuffer *to, vow_buf *b, size_t size)
{
    if (size <= COPIED)
        return evbuffer_add(to, vow_buf_bytes(b), size);
    if (evbuffer_add_reference(to, vow_buf_bytes(b), size, release_bytes, vow_buf_ref(b)) == 0)
        return 0;
    vow_buf_unref(b);
    return -1;
}

static bool is_head(const vow_http_incoming *in)
{
    return evhttp_request_get_command(in->req) == EVHTTP_REQ_HEAD;
}

static bool has_no_content(const vow_http_reply *reply)
{
    return reply->status == HTTP_NOCONTENT || reply->status == HTTP_NOTMODIFIED;
}

/* No body may follow: the client would take it for the next answer. */
static bool is_bodiless(const vow_http_incoming *in, const vow_http_reply *reply)
{
    return is_head(in) || has_no_content(reply);
}

/* How large the body is, or would be; -1: that is not known, or evhttp says it. */
static int64_t size_of(const vow_http_incoming *in, const vow_http_reply *reply)
{
    if (has_no_content(reply))
        return -1;
    if (reply->from)
        return reply->size;
    if (!is_head(in))
        return -1;
    return reply->body ? (int64_t)vow_buf_size(reply->body) : 0;
}

/* An HTTP/1.0 client sees the end of what has no length by the end of the connection. */
static int add_headers(vow_http_incoming *in, const vow_http_reply *reply)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(in->req);
    char size[24];
    for (const struct vow__http_line *line = reply->lines; line; line = line->next)
        if (evhttp_add_header(headers, line->name, line->value))
            return -1;
    snprintf(size, sizeof size, "%lld", (long long)size_of(in, reply));
    if (*size != '-' && evhttp_add_header(headers, "Content-Length", size))
        return -1;
    bool until_close = reply->from && reply->size < 0 && in->req->major == 1 && in->req->minor == 0;
    return in->server->bound && !until_close ? 0
                                             : evhttp_add_header(headers, "Connection", "close");
}

/* By piece. */

static void on_flushed(struct evhttp_connection *evcon, void *data)
{
    (void)evcon;
    vow_http_incoming *in = data;
    in->what = VOW__HTTP_PUMP;
    vow__http_work_add(in);
}

static void end_stream(vow_http_incoming *in)
{
    in->from = vow_stream_unref(in->from);
    evhttp_send_reply_end(in->req); /* `in` may be gone */
}

static void send_piece(vow_http_incoming *in, vow_buf *b)
{
    size_t size = vow_buf_size(b);
    if (size == 0 && in->left > 0) {
        give_up(in, vow_error_new(vow_errno_domain(), EPIPE, "a reply's stream ended early"));
        return;
    }
    if (size == 0) {
        end_stream(in);
        return;
    }
    if (add_bytes(in->piece, b, size)) {
        give_up(in, vow_error_new(vow_errno_domain(), ENOMEM, "http"));
        return;
    }
    if (in->left > 0)
        in->left -= (int64_t)size;
    evhttp_send_reply_chunk_with_cb(in->req, in->piece, on_flushed, in);
}

static vow_value on_piece(vow_value v, void *data)
{
    vow_http_incoming *in = data;
    in->chain = vow_unref(in->chain);
    if (!in->conn)
        return vow_none(); /* the client has gone, and what is left ends from the work list */
    if (vow_is_error(v))
        give_up(in, vow_error_ref(vow_as_error(v)));
    else
        send_piece(in, vow_buf_of(v));
    return vow_none();
}

void vow__http_reply_pump(vow_http_incoming *in)
{
    if (!in->from)
        return;
    if (in->left == 0) {
        end_stream(in);
        return;
    }
    size_t most = in->left > 0 && in->left < PIECE ? (size_t)in->left : PIECE;
    if (!vow__http_waits(in, vow_stream_read(in->from, most), on_piece))
        give_up(in, vow_error_new(vow_errno_domain(), ENOMEM, "http"));
}

static void begin_stream(vow_http_incoming *in, vow_http_reply *reply)
{
    in->piece = evbuffer_new();
    if (!in->piece) {
        give_up(in, vow_error_new(vow_errno_domain(), ENOMEM, "http"));
        return;
    }
    in->from = vow_stream_ref(reply->from);
    in->left = reply->size;
    bool bodiless = is_bodiless(in, reply);
    evhttp_send_reply_start(in->req, reply->status, NULL);
    if (bodiless)
        end_stream(in);
    else
        vow__http_reply_pump(in);
}

/* All at once. */

static void send_error(vow_http_incoming *in)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(in->req);
    evhttp_clear_headers(headers);
    if (evhttp_add_header(headers, "Content-Length", "0"))
        give_up(in, NULL);
    else
        evhttp_send_reply(in->req, HTTP_INTERNAL, NULL, NULL);
}

static void send_whole(vow_http_incoming *in, const vow_http_reply *reply)
{
    struct evbuffer *output = evhttp_request_get_output_buffer(in->req);
    if (reply->body && !is_bodiless(in, reply) &&
        add_bytes(output, reply->body, vow_buf_size(reply->body)))
        give_up(in, vow_error_new(vow_errno_domain(), ENOMEM, "http"));
    else
        evhttp_send_reply(in->req, reply->status, NULL, NULL);
}

void vow__http_reply_send(vow_http_incoming *in, vow_http_reply *reply)
{
    if (reply && !reply->failed && add_headers(in, reply))
        reply->failed = ENOMEM;
    if (!reply || reply->failed) {
        if (reply)
            vow__http_report(in->server->loop,
                             vow_error_new(vow_errno_domain(), reply->failed, "an HTTP reply"));
        send_error(in);
    } else if (reply->from) {
        begin_stream(in, reply);
    } else {
        send_whole(in, reply);
    }
    vow_http_reply_free(reply);
}
