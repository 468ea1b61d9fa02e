/* SPDX-License-Identifier: MIT
 *
 * test_http.c - vow's client and vow's server, whose calls are interrupted, refused and cut
 * short, in libcurl and libevent too.
 *
 * Two things that libcurl (7.88) cannot do are left out:
 *   whole_connect  it takes a connect that was interrupted for one that has failed, though POSIX
 *                  has it go on: CURLE_COULDNT_CONNECT
 *   whole_head     where not all of a request's head could be sent at once, it forgets to send
 *                  the body that follows in chunks, as the head has said: the server refuses it
 */
#include "faults/lines.h"
#include "vow/http.h"
#include "vow/http_server.h"

/* What a handler answers with: the request's body, all lines, or all lines as a stream. */
static vow_value answer(vow_http_incoming *in, void *data)
{
    const char *path = vow_http_incoming_path(in);
    if (!strcmp(path, "/echo"))
        return vow_buf_value(vow_buf_ref(vow_http_incoming_body(in)));
    size_t size;
    char *text = all_lines(&size);
    vow_buf *b = vow_buf_copy(text, size);
    free(text);
    if (!strcmp(path, "/buffer"))
        return vow_buf_value(b);
    vow_stream *s[2];
    EQ_INT(vow_unix_pair(data, s), 0);
    vow_detach(vow_stream_write_buf(s[0], b), NULL, NULL, NULL);
    vow_stream_unref(s[0]); /* closed when it is written */
    vow_http_reply *reply = vow_http_reply_new(200);
    vow_http_reply_stream(reply, s[1], strcmp(path, "/chunks") ? (int64_t)size : -1);
    return vow_http_reply_value(reply);
}

struct both {
    vow_http_server *server;
    vow_http_client *client;
    char url[64];
};

static struct both begin(vow_loop *loop)
{
    faults.whole_connect = true;
    struct both b = {vow_http_server_new(loop, NULL, 0, answer, loop),
                     vow_http_client_new(loop, NULL), ""};
    CHECK(b.server != NULL && b.client != NULL);
    return b;
}

static const char *url(struct both *b, const char *path)
{
    snprintf(b->url, sizeof b->url, "http://127.0.0.1:%u%s", vow_http_server_port(b->server), path);
    return b->url;
}

static void end(struct both *b)
{
    vow_http_client_free(b->client);
    vow_http_server_free(b->server);
}

/* A response whose body is all lines. */
#define ANSWERS_ALL_LINES(p) answers_all_lines(__FILE__, __LINE__, loop, p)
static void answers_all_lines(const char *file, int line, vow_loop *loop, vow_promise *p)
{
    vow_value v;
    char text[300] = "";
    int code = vow_run(loop, p, &v);
    if (code)
        vow_describe(vow_as_error(v), VOW_ONE_LINE, text, sizeof text);
    if (code)
        harness_fail(file, line, "rejected: %s", text);
    harness_eq_int(file, line, "status", vow_http_status(vow_http_response_of(v)), 200);
    is_all_lines(vow_http_body(vow_http_response_of(v)));
    vow_release(v);
}

SEEDED(all_lines_down)
{
    struct both b = begin(loop);
    ANSWERS_ALL_LINES(vow_http_get(b.client, url(&b, "/buffer"), 0));
    ANSWERS_ALL_LINES(vow_http_get(b.client, url(&b, "/stream"), 0));
    ANSWERS_ALL_LINES(vow_http_get(b.client, url(&b, "/chunks"), 0));
    end(&b);
}

SEEDED(all_lines_down_as_a_stream)
{
    struct both b = begin(loop);
    vow_value v;
    EQ_INT(
        vow_run(loop, vow_http_open(b.client, vow_http_request_new("GET", url(&b, "/chunks"))), &v),
        0);
    struct reader reader = {vow_http_stream(vow_http_response_of(v)), 0};
    FULFILS(read_line(&reader));
    ENDS(reader.stream);
    vow_stream_unref(reader.stream);
    vow_release(v);
    end(&b);
}

SEEDED(all_lines_up_and_down)
{
    struct both b = begin(loop);
    size_t size;
    char *text = all_lines(&size);
    vow_http_request *q = vow_http_request_new("POST", url(&b, "/echo"));
    vow_http_request_body(q, vow_buf_copy(text, size));
    ANSWERS_ALL_LINES(vow_http_fetch(b.client, q));
    free(text);
    end(&b);
}

/* What a stream gives is sent with its length, or in chunks. */
SEEDED(all_lines_up_as_a_stream)
{
    faults.whole_head = true;
    struct both b = begin(loop);
    for (int chunked = 0; chunked < 2; chunked++) {
        size_t size;
        char *text = all_lines(&size);
        vow_stream *s[2];
        EQ_INT(vow_unix_pair(loop, s), 0);
        vow_detach(vow_stream_write_buf(s[0], vow_buf_copy(text, size)), NULL, NULL, NULL);
        vow_stream_unref(s[0]);
        free(text);
        vow_http_request *q = vow_http_request_new("PUT", url(&b, "/echo"));
        vow_http_request_stream(q, s[1], chunked ? -1 : (int64_t)size);
        ANSWERS_ALL_LINES(vow_http_fetch(b.client, q));
    }
    end(&b);
}
