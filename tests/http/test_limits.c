/* SPDX-License-Identifier: MIT
 *
 * Requests that end at every point at which they can: cancelled, dropped, without their client
 * or loop, reset by the peer. And many at once.
 */
#include <event2/event.h>

#include "http/peer.h"
#include "vow/http.h"
#include "vow/http_server.h"

/* What a server answers, byte by byte. */
static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX: y\r\n\r\nbody";
enum { WHOLE = sizeof whole - 1 };

static vow_value read_it(vow_value v, void *data)
{
    (void)data;
    vow_stream *s = vow_http_stream(vow_http_response_of(v));
    vow_promise *p = vow_stream_read_exact(s, 4);
    vow_stream_unref(s);
    return vow_promise_value(p);
}

/* How a request ends that is not let to its end. */
enum ending { CANCELLED, DROPPED, CLIENT_FREED, LOOP_FREED, ENDINGS };

static vow_promise *begin(vow_http_client *c, uint16_t port, bool upload)
{
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    vow_http_request *q = vow_http_request_new(upload ? "POST" : "GET", url);
    if (upload)
        vow_http_request_text(q, "text/plain", "question");
    return vow_then(vow_http_open(c, q), read_it, NULL);
}

static void turn(vow_loop *loop)
{
    for (int i = 0; i < 4; i++)
        event_base_loop(vow_loop_base(loop), EVLOOP_NONBLOCK);
}

/* The connection with its request in it, or without. */
static int accept_in(vow_loop *loop, int listener, bool with_request)
{
    char request[4096];
    int fd = -1;
    fcntl(listener, F_SETFL, O_NONBLOCK);
    while (fd < 0) {
        turn(loop);
        fd = accept(listener, NULL, NULL);
    }
    while (with_request && recv(fd, request, sizeof request, MSG_DONTWAIT) <= 0)
        turn(loop);
    return fd;
}

/* After `sent` bytes of the answer; -1: before the request was read. */
static void end_after(int sent, enum ending how, bool upload)
{
    uint16_t port;
    int listener = net_listen(&port);
    vow_loop *loop = vow_loop_new();
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_promise *p = begin(c, port, upload);
    vow_mark_handled(p);
    int fd = accept_in(loop, listener, sent >= 0);
    CHECK(write(fd, whole, sent < 0 ? 0 : (size_t)sent) == (sent < 0 ? 0 : sent));
    turn(loop);
    bool ended = sent == WHOLE;
    EQ_INT(vow_state(p), ended ? VOW_FULFILLED : VOW_PENDING);
    if (how == CANCELLED)
        vow_cancel(p);
    if (how == CLIENT_FREED)
        c = vow_http_client_free(c);
    if (how == CANCELLED || how == CLIENT_FREED)
        EQ_INT(vow_run(loop, p, NULL), ended ? 0 : ECANCELED);
    if (how == DROPPED)
        vow_unref(p);
    if (how != LOOP_FREED)
        EQ_INT(vow_run_all(loop), 0);
    vow_loop_free(loop);
    if (how == LOOP_FREED)
        vow_unref(p);
    vow_http_client_free(c);
    close(fd);
    close(listener);
}

TEST_PLAIN(a_request_may_end_at_every_byte)
{
    for (int upload = 0; upload < 2; upload++)
        for (int how = 0; how < ENDINGS; how++)
            for (int sent = -1; sent <= WHOLE; sent++)
                end_after(sent, (enum ending)how, upload);
}

/* A server that sends so many bytes of its answer and then resets the connection. */
TEST(a_server_may_reset_at_every_byte)
{
    uint16_t port;
    int listener = net_listen(&port);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    for (size_t n = 0; n < WHOLE; n++) {
        vow_promise *p = vow_http_get(c, url, 0);
        int fd = accept_in(loop, listener, true);
        CHECK(write(fd, whole, n) == (ssize_t)n);
        net_reset(fd);
        vow_value v;
        CHECK(vow_run(loop, p, &v) != 0);
        EQ_PTR(vow_error_domain(vow_as_error(v)), vow_http_domain());
        vow_release(v);
    }
    vow_http_client_free(c);
    close(listener);
}

/* Answers the request that waits on the listener; gives the connection. */
static int answer_one(vow_loop *loop, int listener)
{
    int fd = accept_in(loop, listener, true);
    CHECK(write(fd, whole, WHOLE) == WHOLE);
    return fd;
}

TEST(a_connection_that_was_reset_while_idle_is_not_used_again)
{
    uint16_t port;
    int listener = net_listen(&port);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    for (int i = 0; i < 64; i++) {
        vow_promise *p = vow_http_get(c, url, 0);
        int fd = answer_one(loop, listener);
        EQ_INT(vow_run(loop, p, NULL), 0);
        net_reset(fd);
        turn(loop);
    }
    vow_http_client_free(c);
    close(listener);
}

static vow_value echo(vow_http_incoming *in, void *data)
{
    ++*(int *)data;
    return vow_buf_value(vow_buf_ref(vow_http_incoming_body(in)));
}

TEST(a_client_may_reset_at_every_byte)
{
    static const char request[] = "POST /path HTTP/1.1\r\nContent-Length: 4\r\nX: y\r\n\r\nbody";
    int called = 0;
    vow_http_server *s = vow_http_server_new(loop, NULL, 0, echo, &called);
    for (size_t n = 0; n < sizeof request; n++) {
        int fd = net_connect(vow_http_server_port(s));
        CHECK(write(fd, request, n) == (ssize_t)n);
        do
            vow_poll(loop);
        while (vow_http_server_connections(s) == 0);
        net_reset(fd);
        do
            vow_poll(loop);
        while (vow_http_server_connections(s) > 0);
        EQ_INT(called, n == sizeof request - 1);
    }
    vow_http_server_free(s);
}

/* wrk says what went wrong; nothing did. */
static vow_value hello(vow_http_incoming *in, void *data)
{
    (void)in;
    ++*(int *)data;
    return VOW_LIT("hello");
}

TEST(wrk_finds_no_fault)
{
    int called = 0, end[2];
    vow_http_server *s = vow_http_server_new(loop, NULL, 0, hello, &called);
    char url[64], folder[] = "/tmp/vow-http-XXXXXX";
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", vow_http_server_port(s));
    CHECK(mkdtemp(folder) != NULL && pipe(end) == 0);
    const char *const command[] = {"wrk", "-t1", "-c40", "-d1s", url, NULL};
    pid_t pid = peer_start(folder, "wrk.out", command);
    close(end[1]); /* wrk has the other one: its end is wrk's */
    EQ_INT(vow_run(loop, vow_ready(loop, end[0], VOW_READ), NULL), 0);
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    EQ_INT(status, 0);
    CHECK(called > 100);
    PEER_RUN(folder, "sh", "-c", "! grep -E 'Socket errors|Non-2xx' wrk.out");
    PEER_RUN("/", "rm", "-rf", folder);
    close(end[0]);
    vow_http_server_free(s);
}
