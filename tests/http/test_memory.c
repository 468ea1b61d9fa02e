/* SPDX-License-Identifier: MIT
 *
 * Every allocation of vow's fails, once and for good, and of the client every one of libcurl's
 * and libevent's. Not of the server: what evhttp does then is its own (vow/http_server.h).
 */
#include <curl/curl.h>
#include <event2/event.h>

#include "http/peer.h"
#include "vow/http.h"
#include "vow/http_server.h"

/* Does its work and gives back everything; 0, or the first failure's code. */
typedef int scenario_fn(vow_loop *loop);

/* The allocations of libcurl and libevent: the n-th of `whose` from now on fails; 0: none. */
enum whose { VOWS, LIBCURLS, LIBEVENTS };
static enum whose whose;
static size_t countdown;
static bool has_failed;

static bool fails(enum whose asking)
{
    if (asking != whose || countdown == 0 || --countdown > 0)
        return false;
    has_failed = true;
    return true;
}

static void *curl_malloc_(size_t size) { return fails(LIBCURLS) ? NULL : malloc(size); }
static void *curl_realloc_(void *block, size_t size)
{
    return fails(LIBCURLS) ? NULL : realloc(block, size);
}
static char *curl_strdup_(const char *text) { return fails(LIBCURLS) ? NULL : strdup(text); }
static void *curl_calloc_(size_t n, size_t size)
{
    return fails(LIBCURLS) ? NULL : calloc(n, size);
}
static void *event_malloc_(size_t size) { return fails(LIBEVENTS) ? NULL : malloc(size); }
static void *event_realloc_(void *block, size_t size)
{
    return fails(LIBEVENTS) ? NULL : realloc(block, size);
}

/* Before the library's own curl_global_init, which then only counts. */
__attribute__((constructor)) static void take_over(void)
{
    curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc_, free, curl_realloc_, curl_strdup_,
                         curl_calloc_);
    event_set_mem_functions(event_malloc_, event_realloc_, free);
}

static void ignore(const vow_error *e, const char *made, bool late, void *data)
{
    (void)e, (void)made, (void)late, (void)data; /* what a handler's ENOMEM is reported as */
}

static bool sweep_once(scenario_fn *scenario, size_t n, bool sticky, enum whose of)
{
    vow_test *t = vow_test_begin();
    vow_loop *loop = vow_test_loop(t);
    vow_loop_quarantine(loop, SIZE_MAX);
    vow_on_unhandled(loop, ignore, NULL);
    has_failed = false;
    whose = of;
    if (of == VOWS)
        vow_test_fail_allocation(n, sticky);
    else
        countdown = n;
    int code = scenario(loop);
    bool failed = of == VOWS ? vow_test_failed() : has_failed;
    countdown = 0;
    vow_test_fail_allocation(0, false);
    vow_test_expect_unhandled(t, vow_unhandled_count(loop));
    const char *complaint = vow_test_end(t);
    if (complaint)
        FAIL("allocation %zu failing%s: %s", n, sticky ? " for good" : "", complaint);
    if (code == EDEADLK)
        FAIL("allocation %zu failing: nothing goes on", n);
    if (code != 0 && !failed)
        FAIL("allocation %zu: code %d without a failure", n, code);
    return failed;
}

static void sweep(scenario_fn *scenario)
{
    for (int sticky = 0; sticky < 2; sticky++) {
        size_t n = 1;
        while (sweep_once(scenario, n, sticky, VOWS))
            n++;
        CHECK(n > 5 && n < 1000);
    }
}

static void sweep_other(scenario_fn *scenario, enum whose of, size_t least)
{
    size_t n = 1;
    while (sweep_once(scenario, n, false, of))
        n++;
    CHECK(n > least && n < 5000);
}

/* A server that says "hello world" twice a connection, in a process of its own. */
static uint16_t port;
static char address[64];

static void serve(int listener)
{
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nX: y\r\n\r\nhello world";
    char request[10000];
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        ssize_t n;
        while (fd >= 0 && (n = read(fd, request, sizeof request)) > 0)
            if (n > 4 && !memcmp(request + n - 4, "\r\n\r\n", 4) &&
                write(fd, reply, sizeof reply - 1) < 0)
                break;
        close(fd);
    }
}

static pid_t start_server(void)
{
    int listener = net_listen(&port);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        signal(SIGTERM, SIG_DFL);
        peer_die_with_parent(parent);
        serve(listener);
    }
    close(listener);
    snprintf(address, sizeof address, "http://127.0.0.1:%u/", port);
    return pid;
}

static int get(vow_loop *loop)
{
    vow_http_options options = {.proxy = "", .ca_file = "/nowhere"};
    vow_http_client *c = vow_http_client_new(loop, &options);
    if (!c)
        return errno;
    vow_value v;
    int code = vow_run(loop, vow_http_get(c, address, 100), &v);
    if (code == 0) {
        vow_buf *b = vow_http_body(vow_http_response_of(v));
        EQ_UINT(vow_buf_size(b), 11);
        EQ_BYTES(vow_buf_bytes(b), "hello world", 11);
    }
    vow_release(v);
    vow_http_client_free(c);
    return code;
}

static int read_stream(vow_loop *loop)
{
    vow_http_client *c = vow_http_client_new(loop, NULL);
    if (!c)
        return errno;
    vow_value v, bytes = vow_none();
    vow_http_request *q = vow_http_request_new("GET", address);
    vow_http_request_header(q, "X-More", "than none");
    int code = vow_run(loop, vow_http_open(c, q), &v);
    if (code == 0) {
        vow_stream *s = vow_http_stream(vow_http_response_of(v));
        code = s ? vow_run(loop, vow_stream_read_exact(s, 11), &bytes) : errno;
        if (code == 0)
            EQ_BYTES(vow_buf_bytes(vow_buf_of(bytes)), "hello world", 11);
        vow_stream_unref(s);
    }
    vow_release(bytes);
    vow_release(v);
    vow_http_client_free(c);
    return code;
}

static int send_stream(vow_loop *loop)
{
    vow_stream *ends[2];
    int code = vow_stream_pair(loop, 100, ends);
    if (code)
        return code;
    vow_http_client *c = vow_http_client_new(loop, NULL);
    code = c ? vow_run(loop, vow_stream_write(ends[0], "\r\n\r\n", 4), NULL) : errno;
    vow_stream_unref(ends[0]);
    vow_http_request *q = vow_http_request_new("PUT", address);
    vow_http_request_stream(q, ends[1], 4);
    if (code)
        vow_http_request_free(q);
    else
        code = vow_run(loop, vow_http_fetch(c, q), NULL);
    vow_http_client_free(c);
    return code;
}

TEST_PLAIN(a_client_survives_every_failure_of_vows)
{
    pid_t server = start_server();
    sweep(get);
    sweep(read_stream);
    sweep(send_stream);
    peer_kill(server);
}

TEST_PLAIN(a_client_survives_every_failure_of_libcurls)
{
    pid_t server = start_server();
    sweep_other(get, LIBCURLS, 50);
    sweep_other(read_stream, LIBCURLS, 50);
    peer_kill(server);
}

TEST_PLAIN(a_client_survives_every_failure_of_libevents)
{
    pid_t server = start_server();
    sweep_other(get, LIBEVENTS, 2);
    sweep_other(read_stream, LIBEVENTS, 2);
    peer_kill(server);
}

/* The server and a plain peer. */

static vow_value on_tick(vow_value v, void *data)
{
    (void)v, (void)data;
    return VOW_LIT("later");
}

static vow_value handler(vow_http_incoming *in, void *data)
{
    (void)data;
    const char *path = vow_http_incoming_path(in);
    if (!strcmp(path, "/text"))
        return vow_text("text");
    if (!strcmp(path, "/later"))
        return vow_promise_value(vow_then(vow_resolved(vow_current(), vow_none()), on_tick, NULL));
    vow_stream *ends[2] = {NULL, NULL};
    int failed = vow_stream_pair(vow_current(), 100, ends);
    if (!failed)
        vow_detach(vow_stream_write_buf(ends[0], vow_buf_copy("streamed", 8)), NULL, NULL, NULL);
    vow_stream_unref(ends[0]);
    vow_http_reply *reply = vow_http_reply_new(200);
    vow_http_reply_header(reply, "X-A", "b");
    vow_http_reply_stream(reply, ends[1], -1);
    return vow_http_reply_value(reply);
}

/* Whatever comes back, the connection ends: nothing hangs. */
static int ask(vow_loop *loop, vow_http_server *s, const char *path)
{
    char request[100], got[1000];
    int fd = net_connect(vow_http_server_port(s));
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nConnection: close\r\n\r\n", path);
    net_send(fd, request);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    ssize_t n = 0;
    bool ended = false;
    for (int i = 0; i < 10000 && !ended; i++) {
        vow_poll(loop);
        ssize_t more = read(fd, got + n, sizeof got - 1 - (size_t)n);
        ended = more == 0 || (more < 0 && errno != EAGAIN);
        n += more > 0 ? more : 0;
    }
    got[n] = 0;
    CHECK(ended);
    close(fd);
    for (int i = 0; i < 10; i++)
        vow_poll(loop);
    return strstr(got, " 200 OK") ? 0 : ENOMEM;
}

static int answers(vow_loop *loop)
{
    vow_http_server *s = vow_http_server_new(loop, NULL, 0, handler, NULL);
    if (!s)
        return errno;
    int code = ask(loop, s, "/text") + ask(loop, s, "/later") + ask(loop, s, "/stream");
    int stopped = vow_run(loop, vow_http_server_stop(s), NULL);
    vow_http_server_free(s);
    return code ? code : stopped;
}

TEST_PLAIN(a_server_survives_every_failure_of_vows) { sweep(answers); }
