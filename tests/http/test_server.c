/* SPDX-License-Identifier: MIT */
#include "http/peer.h"
#include "vow/http.h"
#include "vow/http_server.h"

static vow_http_server *serve(vow_loop *loop, vow_http_handler *handler, void *data)
{
    vow_http_server *s = vow_http_server_new(loop, NULL, 0, handler, data);
    CHECK(s != NULL && vow_http_server_port(s) != 0);
    return s;
}

static char *url_of(char *buf, vow_http_server *s, const char *path)
{
    snprintf(buf, 128, "http://127.0.0.1:%u%s", vow_http_server_port(s), path);
    return buf;
}
#define URL(path) url_of((char[128]){0}, s, path)

/* Runs p, a request, and compares what comes. */
#define ANSWERS(p, status, text) answers(__FILE__, __LINE__, loop, p, status, text)
static void answers(const char *file, int line, vow_loop *loop, vow_promise *p, int status,
                    const char *text)
{
    vow_value v;
    harness_eq_int(file, line, "code", vow_run(loop, p, &v), 0);
    vow_http_response *r = vow_http_response_of(v);
    harness_eq_int(file, line, "status", vow_http_status(r), status);
    harness_eq_uint(file, line, "size", vow_buf_size(vow_http_body(r)), strlen(text));
    harness_eq_bytes(file, line, "body", vow_buf_bytes(vow_http_body(r)), text, strlen(text));
    vow_release(v);
}

/* All that a plain peer gets until the end, after it has sent `request`. */
static void exchange_is(vow_loop *loop, vow_http_server *s, const char *request, const char *part)
{
    static char got[100000];
    size_t size = 0;
    ssize_t n = 1;
    int fd = net_connect(vow_http_server_port(s));
    net_send(fd, request);
    while (n > 0) {
        EQ_INT(vow_run(loop, vow_ready(loop, fd, VOW_READ), NULL), 0);
        n = read(fd, got + size, sizeof got - 1 - size);
        size += n > 0 ? (size_t)n : 0;
    }
    got[size] = 0;
    HAS_TEXT(got, part);
    close(fd);
}

/* Turns until something has become true; not for ever. */
#define UNTIL(condition)                                             \
    do {                                                             \
        bool is_true_ = false;                                       \
        for (int turns_ = 0; !is_true_ && turns_ < 100000; turns_++) { \
            vow_poll(loop);                                          \
            is_true_ = (condition);                                  \
        }                                                            \
        if (!is_true_)                                               \
            FAIL("never true: %s", #condition);                      \
    } while (0)

static vow_value hello(vow_http_incoming *in, void *data)
{
    (void)data;
    const char *query = vow_http_incoming_query(in);
    return vow_textf("%s %s%s%s", vow_http_incoming_method(in), vow_http_incoming_path(in),
                     query ? " " : "", query ? query : "");
}

TEST(a_handler_answers_with_a_text)
{
    vow_http_server *s = serve(loop, hello, NULL);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    ANSWERS(vow_http_get(c, URL("/a/b?c=d"), 0), 200, "GET /a/b c=d");
    ANSWERS(vow_http_get(c, URL(""), 0), 200, "GET /");
    ANSWERS(vow_http_fetch(c, vow_http_request_new("PATCH", URL("/x"))), 200, "PATCH /x");
    ANSWERS(vow_http_fetch(c, vow_http_request_new("DELETE", URL("/x"))), 200, "DELETE /x");
    ANSWERS(vow_http_fetch(c, vow_http_request_new("OPTIONS", URL("/x"))), 200, "OPTIONS /x");
    ANSWERS(vow_http_fetch(c, vow_http_request_new("HEAD", URL("/x"))), 200, "");
    EQ_UINT(vow_http_server_connections(s), 1);
    vow_http_client_free(c);
    vow_http_server_free(s);
}

static vow_value echo(vow_http_incoming *in, void *data)
{
    (void)data;
    vow_address peer;
    vow_http_reply *reply = vow_http_reply_new(201);
    CHECK(vow_http_incoming_peer(in, &peer) == 0 && vow_address_family(&peer) == AF_INET);
    vow_http_reply_header(reply, "X-Back", vow_http_incoming_header(in, "x-there"));
    vow_http_reply_body(reply, vow_buf_ref(vow_http_incoming_body(in)));
    return vow_http_reply_value(reply);
}

TEST(bodies_and_headers_go_both_ways)
{
    vow_http_server *s = serve(loop, echo, NULL);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    size_t sizes[] = {1, 5000, 1000000};
    for (int i = 0; i < 3; i++) {
        vow_http_request *q = vow_http_request_new("POST", URL("/"));
        vow_buf *b = vow_buf_new(sizes[i]);
        memset(vow_buf_bytes(b), 'a' + i, sizes[i]);
        vow_http_request_header(q, "X-There", "and back");
        vow_http_request_body(q, vow_buf_ref(b));
        vow_value v;
        EQ_INT(vow_run(loop, vow_http_fetch(c, q), &v), 0);
        vow_http_response *r = vow_http_response_of(v);
        EQ_INT(vow_http_status(r), 201);
        EQ_TEXT(vow_http_header(r, "x-back"), "and back");
        EQ_UINT(vow_buf_size(vow_http_body(r)), sizes[i]);
        EQ_BYTES(vow_buf_bytes(vow_http_body(r)), vow_buf_bytes(b), sizes[i]);
        vow_release(v);
        vow_buf_unref(b);
    }
    vow_http_client_free(c);
    vow_http_server_free(s);
}

static vow_value later_text(vow_value v, void *data)
{
    (void)v, (void)data;
    return VOW_LIT("later");
}

static vow_value later(vow_http_incoming *in, void *data)
{
    (void)in;
    vow_loop *loop = data;
    return vow_promise_value(vow_then(vow_delay(loop, 1), later_text, NULL));
}

TEST(a_handler_answers_with_a_promise)
{
    vow_http_server *s = serve(loop, later, loop);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_promise *p = vow_http_get(c, URL("/"), 0);
    UNTIL((vow_clock_advance(loop, 1), vow_state(p) != VOW_PENDING));
    ANSWERS(p, 200, "later");
    vow_http_client_free(c);
    vow_http_server_free(s);
}

static vow_value wrong(vow_http_incoming *in, void *data)
{
    (void)data;
    const char *path = vow_http_incoming_path(in);
    if (!strcmp(path, "/error"))
        return vow_fail(EIO, "secret");
    if (!strcmp(path, "/type"))
        return vow_v(42);
    if (!strcmp(path, "/later"))
        return vow_promise_value(
            vow_rejected(vow_current(), vow_error_new(vow_errno_domain(), EIO, NULL)));
    vow_http_reply *reply = vow_http_reply_new(200);
    vow_http_reply_header(reply, "X", "a\r\nY: b");
    return vow_http_reply_value(reply);
}

TEST(what_is_no_answer_is_500_and_reported)
{
    vow_http_server *s = serve(loop, wrong, NULL);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    ANSWERS(vow_http_get(c, URL("/error"), 0), 500, "");
    ANSWERS(vow_http_get(c, URL("/type"), 0), 500, "");
    ANSWERS(vow_http_get(c, URL("/later"), 0), 500, "");
    ANSWERS(vow_http_get(c, URL("/header"), 0), 500, "");
    EXPECT_UNHANDLED(4);
    vow_http_client_free(c);
    vow_http_server_free(s);
}

/* A handler whose promise the test settles. */
struct held {
    vow_resolver *resolver;
    int dropped;
};

static void drop_held(void *data)
{
    struct held *held = data;
    held->dropped++;
    held->resolver = NULL;
}

static vow_value hold(vow_http_incoming *in, void *data)
{
    (void)in;
    struct held *held = data;
    vow_promise *p = vow_promise_new(vow_current(), &held->resolver);
    vow_on_stop(held->resolver, drop_held, held, NULL);
    return vow_promise_value(p);
}

TEST(when_the_client_goes_the_handlers_promise_is_dropped)
{
    struct held held = {NULL, 0};
    vow_http_server *s = serve(loop, hold, &held);
    int fd = net_connect(vow_http_server_port(s));
    net_send(fd, "GET / HTTP/1.1\r\n\r\n");
    UNTIL(held.resolver);
    net_send(fd, "GET /pipelined HTTP/1.1\r\n\r\n");
    vow_poll(loop);
    EQ_INT(held.dropped, 0);
    close(fd);
    UNTIL(held.dropped);
    UNTIL(vow_http_server_connections(s) == 0);
    vow_http_server_free(s);
}

TEST(pipelined_requests_are_answered_in_turn)
{
    vow_http_server *s = serve(loop, hello, NULL);
    exchange_is(loop, s, "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\nConnection: close\r\n\r\n",
                "GET /1HTTP/1.1 200 OK");
    vow_http_server_free(s);
}

TEST(freeing_the_server_drops_what_is_in_flight)
{
    struct held held = {NULL, 0};
    vow_http_server *s = serve(loop, hold, &held);
    int fd = net_connect(vow_http_server_port(s));
    net_send(fd, "GET / HTTP/1.1\r\n\r\n");
    UNTIL(held.resolver);
    EQ_PTR(vow_http_server_free(s), NULL);
    EQ_INT(held.dropped, 1);
    EQ_INT(read(fd, (char[1]){0}, 1), 0);
    close(fd);
    EQ_PTR(vow_http_server_free(NULL), NULL);
}

TEST(a_closing_loop_drops_what_is_in_flight)
{
    struct held held = {NULL, 0};
    vow_http_server *s = serve(loop, hold, &held);
    int fd = net_connect(vow_http_server_port(s));
    net_send(fd, "GET / HTTP/1.1\r\n\r\n");
    UNTIL(held.resolver);
    vow_loop_close(loop);
    EQ_INT(read(fd, (char[1]){0}, 1), 0);
    CHECK(vow_http_server_new(loop, NULL, 0, hold, NULL) == NULL && errno == ESHUTDOWN);
    vow_http_server_free(s);
    close(fd);
}

static vow_value free_server(vow_http_incoming *in, void *data)
{
    vow_http_server **s = data;
    *s = vow_http_server_free(*s);
    return vow_text(vow_http_incoming_path(in)); /* still there */
}

TEST(a_handler_may_free_its_server)
{
    vow_http_server *s;
    s = serve(loop, free_server, &s);
    int fd = net_connect(vow_http_server_port(s));
    net_send(fd, "GET / HTTP/1.1\r\n\r\n");
    UNTIL(s == NULL);
    EQ_INT(read(fd, (char[1]){0}, 1), 0);
    close(fd);
}

TEST(data_is_destroyed_with_the_server)
{
    int destroyed = 0;
    vow_http_server *s = vow_http_server_new_with(loop, NULL, 0, hello, &destroyed, count_destroy);
    uint16_t port = vow_http_server_port(s);
    CHECK(vow_http_server_new_with(loop, NULL, port, hello, &destroyed, count_destroy) == NULL);
    EQ_INT(errno, EADDRINUSE);
    EQ_INT(destroyed, 1);
    CHECK(vow_http_server_new(loop, "not numeric", 0, hello, NULL) == NULL && errno == EINVAL);
    vow_http_server_free(s);
    EQ_INT(destroyed, 2);
}

TEST(stopping_lets_requests_finish)
{
    struct held held = {NULL, 0};
    vow_http_server *s = serve(loop, hold, &held);
    int idle = net_connect(vow_http_server_port(s)), busy = net_connect(vow_http_server_port(s));
    net_send(busy, "GET / HTTP/1.1\r\n\r\n");
    UNTIL(held.resolver && vow_http_server_connections(s) == 2);
    vow_promise *p = vow_http_server_stop(s), *q = vow_http_server_stop(s);
    fcntl(idle, F_SETFL, O_NONBLOCK);
    EQ_INT(read(idle, (char[1]){0}, 1), 0);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_resolve(held.resolver, VOW_LIT("done"));
    EQ_INT(vow_run(loop, p, NULL), 0);
    EQ_INT(vow_run(loop, q, NULL), 0);
    char got[1000] = "";
    CHECK(read(busy, got, sizeof got - 1) > 0);
    HAS_TEXT(got, "Connection: close");
    HAS_TEXT(got, "done");
    close(idle);
    close(busy);
    vow_http_server_free(s);
}

/* Replies that are streams. */

struct source {
    vow_stream *ends[2];
    int64_t size;
};

static vow_value streamed(vow_http_incoming *in, void *data)
{
    (void)in;
    struct source *source = data;
    vow_http_reply *reply = vow_http_reply_new(200);
    CHECK(vow_stream_pair(vow_current(), 100000, source->ends) == 0);
    vow_http_reply_stream(reply, source->ends[1], source->size);
    return vow_http_reply_value(reply);
}

static void write_and_end(vow_loop *loop, struct source *source, const char *text)
{
    EQ_INT(vow_run(loop, vow_stream_write(source->ends[0], text, strlen(text)), NULL), 0);
    source->ends[0] = vow_stream_unref(source->ends[0]);
}

TEST(a_reply_that_had_begun_before_the_stop_ends_its_connection_too)
{
    struct source source = {{NULL, NULL}, -1};
    vow_http_server *s = serve(loop, streamed, &source);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_promise *p = vow_http_get(c, URL("/"), 0);
    UNTIL(source.ends[0]);
    vow_promise *stopped = vow_http_server_stop(s);
    write_and_end(loop, &source, "hello");
    ANSWERS(p, 200, "hello");
    EQ_INT(vow_run(loop, stopped, NULL), 0);
    vow_http_client_free(c);
    vow_http_server_free(s);
}

TEST(a_stop_whose_server_is_freed_is_over)
{
    struct held held = {NULL, 0};
    vow_http_server *s = serve(loop, hold, &held);
    int fd = net_connect(vow_http_server_port(s));
    net_send(fd, "GET / HTTP/1.1\r\n\r\n");
    UNTIL(held.resolver);
    vow_promise *p = vow_http_server_stop(s);
    vow_http_server_free(s);
    EQ_INT(vow_run(loop, p, NULL), 0);
    close(fd);
}

TEST(a_reply_may_be_a_stream)
{
    for (int known = 0; known < 2; known++) {
        struct source source = {{NULL, NULL}, known ? 5 : -1};
        vow_http_server *s = serve(loop, streamed, &source);
        vow_http_client *c = vow_http_client_new(loop, NULL);
        for (int i = 0; i < 2; i++) {
            vow_promise *p = vow_http_get(c, URL("/"), 0);
            UNTIL(source.ends[0]);
            write_and_end(loop, &source, "hello");
            ANSWERS(p, 200, "hello");
        }
        EQ_UINT(vow_http_server_connections(s), 1);
        vow_http_client_free(c);
        vow_http_server_free(s);
    }
}

TEST(head_and_http_1_0_get_streams_in_their_way)
{
    struct source source = {{NULL, NULL}, -1};
    vow_http_server *s = serve(loop, streamed, &source);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    ANSWERS(vow_http_fetch(c, vow_http_request_new("HEAD", URL("/"))), 200, "");
    source.ends[0] = vow_stream_unref(source.ends[0]);
    int fd = net_connect(vow_http_server_port(s));
    net_send(fd, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    UNTIL(source.ends[0]);
    write_and_end(loop, &source, "hello");
    UNTIL(vow_http_server_connections(s) == 1);
    char got[1000] = "";
    CHECK(read(fd, got, sizeof got - 1) > 0);
    HAS_TEXT(got, "\r\n\r\nhello");
    close(fd);
    vow_http_client_free(c);
    vow_http_server_free(s);
}

TEST(a_stream_that_ends_early_is_noticed)
{
    struct source source = {{NULL, NULL}, 10};
    vow_http_server *s = serve(loop, streamed, &source);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_promise *p = vow_http_get(c, URL("/"), 0);
    UNTIL(source.ends[0]);
    write_and_end(loop, &source, "hello");
    vow_mark_handled(p);
    UNTIL(vow_state(p) != VOW_PENDING);
    EQ_INT(vow_run(loop, p, NULL), 18); /* CURLE_PARTIAL_FILE */
    EXPECT_UNHANDLED(1);
    vow_http_client_free(c);
    vow_http_server_free(s);
}

TEST(no_more_is_read_of_a_stream_than_the_client_takes)
{
    struct source source = {{NULL, NULL}, -1};
    vow_http_server *s = serve(loop, streamed, &source);
    int fd = net_connect(vow_http_server_port(s));
    net_send(fd, "GET / HTTP/1.1\r\n\r\n");
    UNTIL(source.ends[0]);
    static char bytes[100000];
    for (int i = 0; i < 1000; i++) {
        vow_promise *p = vow_stream_write(source.ends[0], bytes, sizeof bytes);
        for (int turn = 0; turn < 20 && vow_state(p) == VOW_PENDING; turn++)
            vow_poll(loop);
        vow_unref(p);
    }
    CHECK(vow_stream_written(source.ends[0]) < 20000000); /* what the kernel takes of 100 MB */
    close(fd);
    UNTIL(vow_http_server_connections(s) == 0);
    EQ_INT(vow_run(loop, vow_stream_write(source.ends[0], "x", 1), NULL), EPIPE);
    vow_stream_unref(source.ends[0]);
    vow_http_server_free(s);
}

/* Limits, and those who do not keep to them. */

TEST(bad_peers_get_an_error_or_the_end)
{
    static char large[40000];
    vow_http_server *s = serve(loop, hello, NULL);
    vow_http_server_limit(s, VOW_HTTP_BODY_BYTES, 100);
    exchange_is(loop, s, "\r\n\r\ngarbage\r\n\r\n", "400 Bad Request");
    exchange_is(loop, s, "GET / HTTP/1.1\r\nno colon\r\n\r\n", "400 Bad Request");
    exchange_is(loop, s, "BREW / HTTP/1.1\r\n\r\n", "501 Not Implemented");
    exchange_is(loop, s, "POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", "400 Bad Request");
    exchange_is(loop, s, "POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", "413 ");
    exchange_is(loop, s, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n", "413 ");
    exchange_is(loop, s, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "413 ");
    memset(large, 'a', sizeof large - 1);
    memcpy(large, "GET /", 5);
    exchange_is(loop, s, large, "400 Bad Request");
    memcpy(large, "GET / HTTP/1.1\r\nX: ", 19);
    exchange_is(loop, s, large, "400 Bad Request");
    vow_http_server_free(s);
}

TEST(who_sends_slowly_is_cut_off)
{
    vow_http_server *s = serve(loop, hello, NULL);
    vow_http_server_limit(s, VOW_HTTP_REQUEST_MS, 1000);
    int fd = net_connect(vow_http_server_port(s));
    net_send(fd, "GET / HTTP/1.1\r\n");
    UNTIL(vow_http_server_connections(s) == 1);
    for (int i = 0; i < 9; i++) {
        net_send(fd, "X: y\r\n");
        vow_poll(loop);
        vow_clock_advance(loop, 100);
        EQ_UINT(vow_http_server_connections(s), 1);
    }
    vow_clock_advance(loop, 200);
    EQ_UINT(vow_http_server_connections(s), 0);
    EQ_INT(read(fd, (char[1]){0}, 1), 0);
    close(fd);
    vow_http_server_free(s);
}

TEST(idle_connections_are_closed)
{
    vow_http_server *s = serve(loop, hello, NULL);
    vow_http_server_limit(s, VOW_HTTP_IDLE_MS, 1000);
    int silent = net_connect(vow_http_server_port(s)), idle = net_connect(vow_http_server_port(s));
    net_send(idle, "GET / HTTP/1.1\r\n\r\n");
    UNTIL(vow_http_server_connections(s) == 2);
    EQ_INT(vow_run(loop, vow_ready(loop, idle, VOW_READ), NULL), 0);
    vow_clock_advance(loop, 500);
    net_send(idle, "GET / HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 10; i++)
        vow_poll(loop);
    vow_clock_advance(loop, 600);
    EQ_UINT(vow_http_server_connections(s), 1);
    vow_clock_advance(loop, 600);
    EQ_UINT(vow_http_server_connections(s), 0);
    close(silent);
    close(idle);
    vow_http_server_free(s);
}

TEST(connections_above_the_limit_wait)
{
    vow_http_server *s = serve(loop, hello, NULL);
    vow_http_server_limit(s, VOW_HTTP_CONNECTIONS, 1);
    int one = net_connect(vow_http_server_port(s)), two = net_connect(vow_http_server_port(s));
    for (int i = 0; i < 10; i++)
        vow_poll(loop);
    EQ_UINT(vow_http_server_connections(s), 1);
    net_send(two, "GET /two HTTP/1.1\r\n\r\n");
    close(one);
    EQ_INT(vow_run(loop, vow_ready(loop, two, VOW_READ), NULL), 0);
    close(two);
    vow_http_server_free(s);
}

TEST(out_of_descriptors_it_waits_and_tries_again)
{
    vow_http_server *s = serve(loop, hello, NULL);
    vow_promise *warm = vow_delay(loop, 1); /* the timer's descriptor */
    int fd = net_connect(vow_http_server_port(s));
    struct rlimit before = net_limit_descriptors(0);
    for (int i = 0; i < 10; i++)
        vow_poll(loop);
    EQ_UINT(vow_http_server_connections(s), 0);
    setrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < 10; i++)
        vow_poll(loop);
    EQ_UINT(vow_http_server_connections(s), 0); /* not before the pause is over */
    vow_clock_advance(loop, 100);
    /* valgrind refuses descriptors that the kernel has given: the client is gone */
    UNTIL(under_valgrind() || vow_http_server_connections(s) == 1);
    vow_unref(warm);
    close(fd);
    vow_http_server_free(s);
}

TEST(a_forked_child_leaves_the_parents_connections_alone)
{
    struct held held = {NULL, 0};
    vow_http_server *s = serve(loop, hold, &held);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_promise *p = vow_http_get(c, URL("/"), 0);
    UNTIL(held.resolver);
    pid_t child = fork();
    if (child == 0) {
        bool right = vow_loop_after_fork(loop) == 0;
        vow_http_server_free(s);
        _exit(right && held.dropped == 1 ? 0 : 1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    EQ_INT(status, 0);
    vow_resolve(held.resolver, VOW_LIT("parent"));
    ANSWERS(p, 200, "parent");
    vow_http_client_free(c);
    vow_http_server_free(s);
}

/* The command curl as client. */
static vow_value reap(vow_value v, void *data)
{
    (void)v;
    int status;
    pid_t *pid = data;
    CHECK(waitpid(*pid, &status, 0) == *pid);
    return vow_v(status);
}

TEST(curl_uploads_and_downloads)
{
    vow_http_server *s = serve(loop, echo, NULL);
    char *name = URL("/"), folder[] = "/tmp/vow-http-XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    peer_write_file(folder, "up", "%0100000d", 7);
    int ends[2];
    CHECK(pipe2(ends, 0) == 0); /* closed when curl ends */
    const char *const command[] = {"curl", "-sS", "-H",   "X-There: y", "-T",
                                   "up",   "-o",  "down", name,         NULL};
    pid_t pid = peer_start(folder, "out", command);
    close(ends[1]);
    vow_value v;
    EQ_INT(vow_run(loop, vow_then(vow_ready(loop, ends[0], VOW_READ), reap, &pid), &v), 0);
    EQ_INT(vow_as_int(v), 0);
    PEER_RUN(folder, "cmp", "up", "down");
    PEER_RUN("/", "rm", "-rf", folder);
    close(ends[0]);
    vow_http_server_free(s);
}
