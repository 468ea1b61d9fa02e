/* SPDX-License-Identifier: MIT
 *
 * test_cancel_http.c - vow's client and vow's server: ended after every turn. The server goes on
 * to serve others, and lets its handler's promise go when the client has gone.
 */
#include "faults/every_turn.h"

#include "vow/http.h"
#include "vow/http_server.h"

enum { SOME_BYTES = 500 * 1000 };

struct both {
    vow_loop *loop;
    vow_http_server *server;
    vow_http_client *client;
    int waiting; /* handlers whose promise is pending */
    char url[64];
};

static vow_buf *zeros(void)
{
    vow_buf *b = vow_buf_new(SOME_BYTES);
    memset(vow_buf_bytes(b), 0, SOME_BYTES);
    return b;
}

static vow_value hello(vow_value v, void *data)
{
    (void)v, (void)data;
    return VOW_LIT("hello");
}

static void waits_no_more(void *data) { ((struct both *)data)->waiting--; }

static void never_mind(const vow_error *e, void *data) { (void)e, (void)data; }

/* A stream of this many bytes, by a pair in memory. */
static vow_stream *body(vow_loop *loop)
{
    vow_stream *s[2];
    EQ_INT(vow_stream_pair(loop, 10000, s), 0);
    vow_detach(vow_stream_write_buf(s[0], zeros()), never_mind, NULL, NULL);
    vow_stream_unref(s[0]);
    return s[1];
}

static vow_value answer(vow_http_incoming *in, void *data)
{
    struct both *b = data;
    const char *path = vow_http_incoming_path(in);
    if (!strcmp(path, "/buffer"))
        return vow_buf_value(zeros());
    if (!strcmp(path, "/stream")) {
        vow_http_reply *reply = vow_http_reply_new(200);
        vow_http_reply_stream(reply, body(b->loop), -1);
        return vow_http_reply_value(reply);
    }
    if (strcmp(path, "/later") != 0)
        return VOW_LIT("hello");
    b->waiting++;
    vow_promise *p = vow_delay(b->loop, 2);
    return vow_promise_value(vow_then_with(p, hello, b, waits_no_more));
}

static void end_both(void *other)
{
    struct both *b = other;
    vow_http_client_free(b->client);
    vow_http_server_free(b->server);
    EQ_INT(b->waiting, 0);
    free(b);
}

static struct both *begin(vow_loop *loop, struct stage *w, const char *path)
{
    struct both *b = malloc(sizeof *b);
    *b = (struct both){loop, vow_http_server_new(loop, NULL, 0, answer, b),
                       vow_http_client_new(loop, NULL), 0, ""};
    CHECK(b->server != NULL && b->client != NULL);
    snprintf(b->url, sizeof b->url, "http://127.0.0.1:%u%s", vow_http_server_port(b->server), path);
    w->other = b;
    w->free_other = end_both;
    return b;
}

/* Whoever comes next is served, and the connections of who has gone are closed. */
static void serves_on(vow_loop *loop, struct stage *w)
{
    struct both *b = w->other;
    vow_value v;
    *strrchr(b->url, '/') = '\0';
    EQ_INT(vow_run(loop, vow_http_get(b->client, b->url, 0), &v), 0);
    EQ_UINT(vow_buf_size(vow_http_body(vow_http_response_of(v))), 5);
    vow_release(v);
    while (vow_http_server_connections(b->server) > 1)
        vow_poll(loop);
    EQ_INT(b->waiting, 0);
}

EVERY_TURN(a_body_down, serves_on)
{
    struct both *b = begin(loop, w, "/buffer");
    return vow_http_get(b->client, b->url, 0);
}

EVERY_TURN(a_stream_down, serves_on)
{
    struct both *b = begin(loop, w, "/stream");
    return vow_http_get(b->client, b->url, 0);
}

static vow_value read_body(vow_value v, void *data)
{
    (void)data;
    vow_stream *s = vow_http_stream(vow_http_response_of(v));
    vow_promise *p = vow_stream_read_exact(s, SOME_BYTES);
    vow_stream_unref(s);
    return vow_promise_value(p);
}

EVERY_TURN(a_body_read_as_a_stream, serves_on)
{
    struct both *b = begin(loop, w, "/buffer");
    return vow_then(vow_http_open(b->client, vow_http_request_new("GET", b->url)), read_body, NULL);
}

EVERY_TURN(a_body_up, serves_on)
{
    struct both *b = begin(loop, w, "/");
    vow_http_request *q = vow_http_request_new("POST", b->url);
    vow_http_request_body(q, zeros());
    return vow_http_fetch(b->client, q);
}

EVERY_TURN(a_stream_up, serves_on)
{
    struct both *b = begin(loop, w, "/");
    vow_http_request *q = vow_http_request_new("PUT", b->url);
    vow_http_request_stream(q, body(loop), -1);
    return vow_http_fetch(b->client, q);
}

EVERY_TURN(an_answer_that_takes_its_time, serves_on)
{
    struct both *b = begin(loop, w, "/later");
    return vow_http_get(b->client, b->url, 0);
}

/* With a request that is being served. */
EVERY_TURN(a_server_s_end, NULL)
{
    struct both *b = begin(loop, w, "/later");
    vow_value v;
    EQ_INT(vow_run(loop, vow_http_get(b->client, b->url, 0), &v), 0);
    vow_release(v);
    beside(w, 0, vow_http_get(b->client, b->url, 0));
    return vow_http_server_stop(b->server);
}
