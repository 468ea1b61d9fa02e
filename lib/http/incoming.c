/* SPDX-License-Identifier: MIT
 *
 * http/incoming.c - a request: from evhttp to the handler, and from its answer back.
 */
#include "http/server.h"

#include <errno.h>
#include <string.h>

void vow__http_report(vow_loop *loop, vow_error *e) { vow_unref(vow_rejected(loop, e)); }

void vow__http_work_add(vow_http_incoming *in)
{
    if (in->queued)
        return;
    in->queued = true;
    in->next = NULL;
    *in->server->work_end = in;
    in->server->work_end = &in->next;
    event_active(in->server->later, EV_TIMEOUT, 0);
}

static void free_incoming(vow_http_incoming *in)
{
    vow_free(in->path);
    vow_buf_unref(in->body);
    vow_stream_unref(in->from);
    if (in->piece)
        evbuffer_free(in->piece);
    vow_free(in);
}

/* Inside evhttp: all of the answer is on its way to the client. `in` is not in the work list:
 * its answer was the last thing to do. */
static void on_sent(struct evhttp_request *req, void *data)
{
    (void)req; /* evhttp frees it */
    vow_http_incoming *in = data;
    vow__http_conn_rest(in->conn);
    free_incoming(in);
}

/* Nothing of evhttp's is left but the request, which is ours from now on. */
void vow__http_incoming_lost(vow_http_incoming *in)
{
    in->conn = NULL;
    evhttp_request_own(in->req);
    vow__http_work_add(in);
}

static void end_lost(vow_http_incoming *in)
{
    vow_unref(in->chain); /* user's code runs, which may look at the request */
    evhttp_request_free(in->req);
    free_incoming(in);
}

/* False: no memory. */
static bool take_body(vow_http_incoming *in)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(in->req);
    size_t size = evbuffer_get_length(input);
    if (size == 0)
        return true;
    in->body = vow_buf_new(size);
    return in->body && evbuffer_remove(input, vow_buf_bytes(in->body), size) == (int)size;
}

/* What begins with "//" is a host to evhttp, as in a link. False: no memory. */
static bool take_path(vow_http_incoming *in)
{
    const char *uri = evhttp_request_get_uri(in->req);
    if (strncmp(uri, "//", 2) != 0)
        return true;
    size_t size = strcspn(uri, "?#");
    in->path = vow_alloc(size + 1);
    if (in->path)
        memcpy(in->path, uri, size);
    return in->path;
}

void vow__http_incoming_new(struct evhttp_request *req, void *server)
{
    vow_http_server *s = server;
    if (!vow__http_is_clear(req)) {
        evhttp_send_error(req, HTTP_BADREQUEST, NULL); /* and closes */
        return;
    }
    struct vow__http_conn *c = vow__http_conn_of(s, req);
    vow_http_incoming *in = c ? vow_alloc(sizeof *in) : NULL;
    if (in) {
        in->server = s;
        in->req = req;
    }
    if (!in || !take_body(in) || !take_path(in)) {
        if (in)
            free_incoming(in);
        evhttp_send_error(req, HTTP_SERVUNAVAIL, NULL);
        return;
    }
    in->conn = c;
    c->in = in;
    vow__http_conn_occupy(c);
    evhttp_request_set_on_complete_cb(req, on_sent, in);
    vow__http_work_add(in);
}

/* Answering. */

static bool is_answer(vow_value v)
{
    return vow_http_reply_is(v) || vow_is(v, vow_text_type()) || vow_is(v, vow_buf_type()) ||
           vow_is_error(v);
}

/* A handler's value as a reply; NULL: no memory. */
static vow_http_reply *reply_of(vow_value v)
{
    if (vow_http_reply_is(v))
        return vow__http_reply_ref(vow_http_reply_of(v));
    vow_http_reply *reply = vow_http_reply_new(200);
    if (vow_is(v, vow_text_type()))
        vow_http_reply_text(reply, "text/plain; charset=utf-8", vow_as_text(v));
    else
        vow_http_reply_body(reply, vow_buf_ref(vow_buf_of(v)));
    return reply;
}

/* What is no answer is answered with 500. Looks at v. */
static void answer(vow_http_incoming *in, vow_value v)
{
    vow_loop *loop = in->server->loop;
    vow_http_reply *reply = NULL;
    if (vow_is_error(v)) {
        vow__http_report(loop, vow_error_ref(vow_as_error(v)));
    } else if (is_answer(v)) {
        reply = reply_of(v);
    } else {
        vow__http_report(loop, vow_error_new(vow_errno_domain(), EINVAL, "an HTTP handler gave %s",
                                             vow_type_name(v)));
    }
    vow__http_reply_send(in, reply); /* `in` may be gone */
}

static vow_value on_answer(vow_value v, void *data)
{
    vow_http_incoming *in = data;
    in->chain = vow_unref(in->chain);
    if (in->conn) /* else the client has gone, and end_lost comes */
        answer(in, v);
    return vow_none();
}

bool vow__http_waits(vow_http_incoming *in, vow_promise *p, vow_handle_fn *fn)
{
    in->chain = vow_handle(p, fn, in);
    if (vow_state(in->chain) != VOW_REJECTED)
        return true;
    vow_mark_handled(in->chain);
    in->chain = vow_unref(in->chain);
    return false;
}

static void start(vow_http_incoming *in)
{
    vow_http_server *s = in->server;
    vow_value v = s->handler(in, s->data);
    if (s->free_asked || !in->conn) {
        vow_release(v); /* the server goes; `in` goes with it */
        return;
    }
    if (is_answer(v)) { /* the usual case needs no promise */
        answer(in, v);
        vow_release(v);
        return;
    }
    if (vow__http_waits(in, vow_resolved(s->loop, v), on_answer))
        vow__http_conn_watch(in->conn);
    else
        vow__http_reply_send(in, NULL);
}

void vow__http_incoming_attend(vow_http_incoming *in)
{
    in->queued = false;
    if (!in->conn)
        end_lost(in);
    else if (in->what == VOW__HTTP_START)
        start(in);
    else
        vow__http_reply_pump(in);
}

/* Parts. */

const char *vow_http_incoming_method(const vow_http_incoming *in)
{
    switch (evhttp_request_get_command(in->req)) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_HEAD:
        return "HEAD";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_PUT:
        return "PUT";
    case EVHTTP_REQ_DELETE:
        return "DELETE";
    case EVHTTP_REQ_OPTIONS:
        return "OPTIONS";
    default:
        return "PATCH"; /* no other is let through */
    }
}

const char *vow_http_incoming_path(const vow_http_incoming *in)
{
    if (in->path)
        return in->path;
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(in->req));
    return path && *path ? path : "/";
}

const char *vow_http_incoming_query(const vow_http_incoming *in)
{
    return evhttp_uri_get_query(evhttp_request_get_evhttp_uri(in->req));
}

const char *vow_http_incoming_header(const vow_http_incoming *in, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(in->req), name);
}

vow_buf *vow_http_incoming_body(vow_http_incoming *in) { return in->body; }

int vow_http_incoming_peer(const vow_http_incoming *in, vow_address *ret)
{
    return in->conn ? vow_address_peer(ret, bufferevent_getfd(in->conn->bev)) : ENOTCONN;
}
