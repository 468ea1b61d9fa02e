/* SPDX-License-Identifier: MIT
 *
 * Clients that mean no good, and handlers that do the unexpected, at the server.
 */
#include <time.h>

#include "http/peer.h"
#include "vow/http.h"
#include "vow/http_server.h"

static vow_http_server *serve(vow_loop *loop, vow_http_handler *handler, void *data)
{
    vow_http_server *s = vow_http_server_new(loop, NULL, 0, handler, data);
    CHECK(s != NULL);
    return s;
}

/* Turns until something has become true; not for ever. */
#define UNTIL(condition)                                              \
    do {                                                              \
        bool is_true_ = (condition);                                  \
        for (int turns_ = 0; !is_true_ && turns_ < 50000; turns_++) { \
            vow_poll(loop);                                           \
            is_true_ = (condition);                                   \
        }                                                             \
        if (!is_true_)                                                \
            FAIL("never true: %s", #condition);                       \
    } while (0)

/* All that a peer gets until the end, after it has sent `request`. */
static char got[200000];

static const char *exchange(vow_loop *loop, vow_http_server *s, const char *request, size_t n)
{
    size_t size = 0;
    ssize_t more = 1;
    int fd = net_connect(vow_http_server_port(s));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    size_t sent = 0;
    for (int turns = 0; more != 0 && turns < 20000; turns++) {
        ssize_t taken = sent < n ? send(fd, request + sent, n - sent, MSG_NOSIGNAL) : 0;
        sent += taken > 0 ? (size_t)taken : 0;
        vow_poll(loop);
        more = read(fd, got + size, sizeof got - 1 - size);
        size += more > 0 ? (size_t)more : 0;
        if (more < 0 && errno != EAGAIN)
            break;
    }
    got[size] = 0;
    if (more != 0 && errno != ECONNRESET)
        FAIL("%s is not the end of\n%s", got, request);
    close(fd);
    return got;
}

static int answers_in(const char *text)
{
    int n = 0;
    while ((text = strstr(text, "HTTP/1.1 ")) != NULL)
        text++, n++;
    return n;
}

static vow_value hello(vow_http_incoming *in, void *data)
{
    if (data)
        trace_add(data, "%s", vow_http_incoming_path(in));
    return vow_textf("hello %s", vow_http_incoming_path(in));
}

/* Who stands before the server and who stands behind it must agree on where a request ends. */
TEST(a_request_whose_end_is_not_clear_is_the_last_of_its_connection)
{
    static const char *const unclear[] = {
        "HEAD / HTTP/1.1\r\nContent-Length: 26\r\n\r\n",
        "HEAD / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 27\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length : 27\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: +0\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 0, 27\r\n\r\n",
        "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nX Y: z\r\n\r\n",
        "GET / HTTP/1.1\r\n: z\r\n\r\n",
    };
    vow_http_server *s = serve(loop, hello, NULL);
    for (size_t i = 0; i < sizeof unclear / sizeof *unclear; i++) {
        char request[300];
        snprintf(request, sizeof request, "%sGET /smuggled HTTP/1.1\r\n\r\n", unclear[i]);
        exchange(loop, s, request, strlen(request));
        if (answers_in(got) != 1 || !strstr(got, "HTTP/1.1 4"))
            FAIL("%s gets\n%s", request, got);
    }
    vow_http_server_free(s);
}

TEST(what_is_clear_is_served)
{
    static const char *const clear[] = {
        "GET /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        "DELETE /a HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc",
        "GET /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        "PUT /a HTTP/1.1\r\n\r\n",
        "GET /a HTTP/1.1\nX!#$%&'*+-.^_`|~9: z\n\n",
    };
    vow_http_server *s = serve(loop, hello, NULL);
    for (size_t i = 0; i < sizeof clear / sizeof *clear; i++) {
        char request[300];
        snprintf(request, sizeof request, "%sGET /b HTTP/1.1\r\nConnection: close\r\n\r\n",
                 clear[i]);
        exchange(loop, s, request, strlen(request));
        if (answers_in(got) != 2 || !strstr(got, "hello /a") || !strstr(got, "hello /b"))
            FAIL("%s gets\n%s", request, got);
    }
    vow_http_server_free(s);
}

/* Not what a URL would make of it: a proxy has looked at the same bytes. */
TEST(a_path_is_given_as_it_came)
{
    static const char *const paths[] = {"//other.host/x", "///", "/%2e%2e/x", "/a//b/../c",
                                        "//user@host:80/x"};
    struct trace seen = {""};
    vow_http_server *s = serve(loop, hello, &seen);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char request[200];
        memset(&seen, 0, sizeof seen);
        snprintf(request, sizeof request, "GET %s?q HTTP/1.1\r\nConnection: close\r\n\r\n",
                 paths[i]);
        exchange(loop, s, request, strlen(request));
        EQ_TRACE(seen, paths[i]);
    }
    vow_http_server_free(s);
}

/* Whoever puts a folder's name before it counts on the slash. */
TEST(a_path_begins_with_a_slash)
{
    static const char *const wrong[] = {
        "x",   "-other/x", " /",      "/a b", "?q", "",   "/\x01", "/\x7f",      "/a#b",
        "a:1", "//a/\t",   "http:/x", "*",    "**", "/ ", "x://",  "data:text/x"};
    vow_http_server *s = serve(loop, hello, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char request[200];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n\r\n", wrong[i]);
        exchange(loop, s, request, strlen(request));
        if (!strstr(got, "HTTP/1.1 400 "))
            FAIL("%s gets\n%s", request, got);
    }
    static const char whole[] = "GET http://a.host/x?q HTTP/1.1\r\n\r\n";
    HAS_TEXT(exchange(loop, s, whole, sizeof whole - 1), "hello /x");
    static const char all[] = "OPTIONS * HTTP/1.1\r\nConnection: close\r\n\r\n";
    HAS_TEXT(exchange(loop, s, all, sizeof all - 1), "hello *");
    vow_http_server_free(s);
}

TEST(endless_headers_are_cut_off)
{
    static char request[300000];
    static const char *const begin[] = {
        "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nX: y\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"};
    static const char *const more[] = {"X: y\r\n", " folded\r\n", "X: y\r\n"};
    vow_http_server *s = serve(loop, hello, NULL);
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(begin[i]), step = strlen(more[i]);
        memcpy(request, begin[i], n);
        for (; n + step < sizeof request; n += step)
            memcpy(request + n, more[i], step);
        exchange(loop, s, request, n);
        if (answers_in(got) > 1 || strstr(got, "200"))
            FAIL("%s gets\n%s", begin[i], got);
    }
    UNTIL(vow_http_server_connections(s) == 0);
    vow_http_server_free(s);
}

TEST(a_body_above_the_limit_is_not_waited_for)
{
    static const char *const bodies[] = {"Content-Length: 101\r\n\r\n",
                                         "Transfer-Encoding: chunked\r\n\r\nfff\r\n"};
    vow_http_server *s = serve(loop, hello, NULL);
    vow_http_server_limit(s, VOW_HTTP_BODY_BYTES, 100);
    for (int i = 0; i < 2; i++) {
        char request[100];
        snprintf(request, sizeof request, "POST / HTTP/1.1\r\n%s", bodies[i]);
        HAS_TEXT(exchange(loop, s, request, strlen(request)), "HTTP/1.1 413 ");
    }
    vow_http_server_free(s);
}

TEST(garbage_of_all_kinds_ends_its_connection)
{
    vow_http_server *s = serve(loop, hello, NULL);
    uint32_t dice = 88172645;
    for (int round = 0; round < 300; round++) {
        char bytes[300] = "GET / HTTP/1.1\r\nA: b\r\n";
        for (size_t i = round % 3 == 0 ? 0 : round % 3 == 1 ? 14 : 22; i < sizeof bytes - 4; i++) {
            dice = dice * 1664525 + 1013904223;
            bytes[i] = "\r\n: \0\xff"
                       "aZ0%\t/"[(dice >> 16) % 13];
        }
        memcpy(bytes + sizeof bytes - 4, "\r\n\r\n", 4);
        int fd = net_connect(vow_http_server_port(s));
        CHECK(write(fd, bytes, sizeof bytes) == sizeof bytes);
        for (int i = 0; i < 4; i++)
            vow_poll(loop);
        close(fd);
        UNTIL(vow_http_server_connections(s) == 0);
    }
    vow_http_server_free(s);
}

TEST(tls_and_http_2_are_told_that_it_is_neither)
{
    static const char hello_of_tls[] = "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\r\n\r\n";
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    vow_http_server *s = serve(loop, hello, NULL);
    HAS_TEXT(exchange(loop, s, hello_of_tls, sizeof hello_of_tls - 1), " 400 ");
    exchange(loop, s, preface, sizeof preface - 1);
    CHECK(!strstr(got, "200"));
    vow_http_server_free(s);
}

/* No body may follow what has none: it would be taken for the next answer. */
static vow_value with_body(vow_http_incoming *in, void *data)
{
    (void)data;
    int status = atoi(vow_http_incoming_path(in) + 1);
    vow_http_reply *reply = vow_http_reply_new(status);
    vow_http_reply_text(reply, "text/plain", "BODY");
    return vow_http_reply_value(reply);
}

TEST(a_reply_that_has_no_body_sends_none)
{
    vow_http_server *s = serve(loop, with_body, NULL);
    for (int i = 0; i < 3; i++) {
        static const char *const first[] = {"GET /204", "GET /304", "HEAD /200"};
        char request[200];
        snprintf(request, sizeof request,
                 "%s HTTP/1.1\r\n\r\nGET /201 HTTP/1.1\r\nConnection: close\r\n\r\n", first[i]);
        exchange(loop, s, request, strlen(request));
        char *body = strstr(got, "BODY");
        if (answers_in(got) != 2 || !body || strstr(body + 1, "BODY"))
            FAIL("%s gets\n%s", first[i], got);
        char *size = strstr(got, "Content-Length: 4"); /* HEAD has one too */
        EQ_INT(size && strstr(size + 1, "Content-Length: 4"), i == 2);
    }
    vow_http_server_free(s);
}

static vow_value impossible(vow_http_incoming *in, void *data)
{
    (void)data;
    vow_http_reply *reply = NULL;
    vow_stream *ends[2];
    switch (vow_http_incoming_path(in)[1]) {
    case 'a':
        reply = vow_http_reply_new(100);
        break;
    case 'b':
        reply = vow_http_reply_new(1000);
        break;
    case 'c':
        reply = vow_http_reply_new(200);
        vow_http_reply_header(reply, "a b", "c");
        break;
    case 'd':
        reply = vow_http_reply_new(200);
        vow_http_reply_body(reply, NULL);
        break;
    case 'f':
    case 'g': /* as copied from another server's answer */
        reply = vow_http_reply_new(200);
        vow_http_reply_header(
            reply, vow_http_incoming_path(in)[1] == 'f' ? "content-length" : "Transfer-Encoding",
            "5");
        vow_http_reply_text(reply, "text/plain", "a body");
        break;
    case 'e': /* a line that goes on is one to evhttp */
        reply = vow_http_reply_new(200);
        vow_http_reply_header(reply, "a", "b\r\n c");
        break;
    default:
        CHECK(vow_stream_pair(vow_current(), 10, ends) == 0);
        vow_http_reply_header(NULL, "a", "b");
        vow_http_reply_stream(NULL, ends[0], 1);
        vow_stream_unref(ends[1]);
    }
    return vow_http_reply_value(reply);
}

TEST(a_reply_that_cannot_be_is_500)
{
    vow_http_server *s = serve(loop, impossible, NULL);
    for (char c = 'a'; c < 'i'; c++) {
        char request[100];
        snprintf(request, sizeof request, "GET /%c HTTP/1.1\r\nConnection: close\r\n\r\n", c);
        HAS_TEXT(exchange(loop, s, request, strlen(request)), "HTTP/1.1 500 ");
    }
    EXPECT_UNHANDLED(8);
    vow_http_server_free(s);
}

/* Handlers. */

struct held {
    vow_resolver *resolver;
    vow_http_incoming *in;
    struct trace seen;
    int dropped;
};

static void drop_held(void *data)
{
    struct held *held = data;
    trace_add(&held->seen, "%s", vow_http_incoming_path(held->in));
    held->dropped++;
    held->resolver = NULL;
}

static vow_value hold(vow_http_incoming *in, void *data)
{
    struct held *held = data;
    vow_promise *p = vow_promise_new(vow_current(), &held->resolver);
    held->in = in;
    vow_on_stop(held->resolver, drop_held, held, NULL);
    return vow_promise_value(p);
}

TEST(a_request_is_there_while_its_promise_is_dropped)
{
    struct held held = {0};
    vow_http_server *s = serve(loop, hold, &held);
    int fd = net_connect(vow_http_server_port(s));
    net_send(fd, "GET /dropped HTTP/1.1\r\n\r\n");
    UNTIL(held.resolver);
    close(fd);
    UNTIL(held.dropped);
    EQ_TRACE(held.seen, "/dropped");
    vow_http_server_free(s);
}

static void free_and_drop(void *data) { vow_http_server_free(*(vow_http_server **)data); }

static vow_value hold_server(vow_http_incoming *in, void *data)
{
    (void)in;
    vow_resolver *resolver;
    vow_promise *p = vow_promise_new(vow_current(), &resolver);
    vow_on_stop(resolver, free_and_drop, data, NULL);
    return vow_promise_value(p);
}

TEST(a_promise_that_is_dropped_may_free_the_server)
{
    for (int closing = 0; closing < 2; closing++) {
        vow_loop *other = vow_loop_new();
        vow_http_server *s;
        s = serve(other, hold_server, &s);
        int fd = net_connect(vow_http_server_port(s));
        net_send(fd, "GET / HTTP/1.1\r\n\r\n");
        for (int i = 0; i < 10; i++)
            vow_poll(other);
        if (closing)
            vow_loop_close(other);
        close(fd);
        for (int i = 0; i < 10 && !closing; i++)
            vow_poll(other);
        vow_loop_free(other);
    }
}

/* Each knows its own listener when it cannot accept. */
TEST(two_servers_pause_each_for_itself)
{
    vow_http_server *s[2] = {serve(loop, hello, NULL), serve(loop, hello, NULL)};
    vow_promise *warm = vow_delay(loop, 1); /* the timer's descriptor */
    int fd[2] = {net_connect(vow_http_server_port(s[0])), net_connect(vow_http_server_port(s[1]))};
    struct rlimit before = net_limit_descriptors(0);
    for (int i = 0; i < 5; i++)
        vow_poll(loop);
    setrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < 5; i++)
        vow_poll(loop);
    EQ_UINT(vow_http_server_connections(s[0]) + vow_http_server_connections(s[1]), 0);
    vow_http_server_free(s[1]); /* with its pause */
    vow_clock_advance(loop, 100);
    UNTIL(vow_http_server_connections(s[0]) == 1);
    vow_unref(warm);
    vow_http_server_free(s[0]);
    close(fd[0]);
    close(fd[1]);
}

TEST(a_server_that_cannot_be_made_destroys_its_data)
{
    int destroyed = 0;
    CHECK(!vow_http_server_new_with(loop, "not numeric", 0, hello, &destroyed, count_destroy));
    vow_loop_close(loop);
    CHECK(!vow_http_server_new_with(loop, NULL, 0, hello, &destroyed, count_destroy));
    EQ_INT(errno, ESHUTDOWN);
    EQ_INT(destroyed, 2);
}

TEST(a_limit_of_a_closed_server_changes_nothing)
{
    vow_http_server *s = serve(loop, hello, NULL);
    vow_loop_close(loop);
    vow_http_server_limit(s, VOW_HTTP_BODY_BYTES, 1);
    vow_http_server_free(s);
}

static vow_value much(vow_http_incoming *in, void *data)
{
    (void)in;
    ++*(int *)data;
    vow_buf *b = vow_buf_new(50000000);
    memset(vow_buf_bytes(b), 'x', 50000000);
    return vow_buf_value(b);
}

/* On libevent's clock: some milliseconds of real time. */
TEST(who_takes_nothing_of_an_answer_is_cut_off)
{
    int called = 0;
    vow_http_server *s = serve(loop, much, &called);
    vow_http_server_limit(s, VOW_HTTP_WRITE_MS, 30);
    int fd = net_connect(vow_http_server_port(s));
    net_send(fd, "GET / HTTP/1.1\r\n\r\n");
    UNTIL(called);
    for (time_t end = time(NULL) + 20; vow_http_server_connections(s) && time(NULL) < end;)
        vow_poll(loop);
    EQ_UINT(vow_http_server_connections(s), 0);
    close(fd);
    vow_http_server_free(s);
}

static vow_value close_loop(vow_http_incoming *in, void *data)
{
    (void)data;
    vow_loop_close(vow_current());
    return vow_text(vow_http_incoming_path(in)); /* still there */
}

TEST(a_handler_may_close_its_loop)
{
    vow_http_server *s = serve(loop, close_loop, NULL);
    int fd = net_connect(vow_http_server_port(s));
    net_send(fd, "GET / HTTP/1.1\r\n\r\n");
    UNTIL(vow_loop_is_closed(loop));
    vow_http_server_free(s);
    close(fd);
}

static vow_value stop_server(vow_http_incoming *in, void *data)
{
    (void)in;
    vow_http_server **s = data;
    vow_promise *p = vow_http_server_stop(*s);
    vow_unref(p);
    return VOW_LIT("stopping");
}

TEST(a_handler_may_stop_its_server)
{
    vow_http_server *s;
    s = serve(loop, stop_server, &s);
    HAS_TEXT(exchange(loop, s, "GET / HTTP/1.1\r\n\r\n", 18), "stopping");
    UNTIL(vow_http_server_connections(s) == 0);
    vow_http_server_free(s);
}

TEST(who_lost_patience_with_a_stop_may_ask_again)
{
    struct held held = {0};
    vow_http_server *s = serve(loop, hold, &held);
    int fd = net_connect(vow_http_server_port(s));
    net_send(fd, "GET / HTTP/1.1\r\n\r\n");
    UNTIL(held.resolver);
    vow_promise *p = vow_timeout(vow_http_server_stop(s), 1000);
    vow_mark_handled(p);
    vow_clock_advance(loop, 1000);
    EQ_INT(vow_run(loop, p, NULL), ETIMEDOUT);
    p = vow_http_server_stop(s);
    vow_cancel(p);
    vow_mark_handled(p);
    vow_unref(p);
    p = vow_http_server_stop(s);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_resolve(held.resolver, VOW_LIT("done"));
    EQ_INT(vow_run(loop, p, NULL), 0);
    vow_http_server_free(s);
    close(fd);
}

static vow_value streamed(vow_http_incoming *in, void *data)
{
    (void)in;
    vow_stream **ends = data;
    vow_http_reply *reply = vow_http_reply_new(200);
    CHECK(vow_stream_pair(vow_current(), 100000, ends) == 0);
    vow_http_reply_stream(reply, ends[1], -1);
    return vow_http_reply_value(reply);
}

TEST(a_stream_that_is_silent_is_dropped_when_its_client_goes)
{
    vow_stream *ends[2] = {NULL, NULL};
    vow_http_server *s = serve(loop, streamed, ends);
    for (int written = 0; written < 2; written++) {
        ends[0] = NULL;
        int fd = net_connect(vow_http_server_port(s));
        net_send(fd, "GET / HTTP/1.1\r\n\r\n");
        UNTIL(ends[0]);
        if (written) {
            EQ_INT(vow_run(loop, vow_stream_write(ends[0], "news", 4), NULL), 0);
            UNTIL(recv(fd, got, 100, MSG_DONTWAIT | MSG_PEEK) > 0);
            CHECK(read(fd, got, sizeof got) > 0);
            for (int i = 0; i < 10; i++)
                vow_poll(loop);
        }
        close(fd);
        UNTIL(vow_http_server_connections(s) == 0);
        EQ_INT(vow_run(loop, vow_stream_write(ends[0], "x", 1), NULL), EPIPE);
        vow_stream_unref(ends[0]);
    }
    vow_http_server_free(s);
}

TEST(a_limit_may_be_as_large_as_it_gets)
{
    vow_http_server *s = serve(loop, hello, NULL);
    for (int what = VOW_HTTP_BODY_BYTES; what <= VOW_HTTP_CONNECTIONS; what++)
        vow_http_server_limit(s, (vow_http_limit)what, SIZE_MAX);
    int fd = net_connect(vow_http_server_port(s));
    UNTIL(vow_http_server_connections(s) == 1);
    vow_clock_advance(loop, 1000000);
    EQ_UINT(vow_http_server_connections(s), 1);
    net_send(fd, "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n");
    vow_poll(loop);
    vow_clock_advance(loop, 1000000);
    net_send(fd, "x");
    UNTIL(recv(fd, got, sizeof got, MSG_DONTWAIT | MSG_PEEK) > 0);
    HAS_TEXT(got, "200 OK");
    close(fd);
    UNTIL(vow_http_server_connections(s) == 0);
    vow_http_server_free(s);
}
