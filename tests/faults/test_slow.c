/* SPDX-License-Identifier: MIT
 *
 * test_slow.c - 100 MiB to who takes little at a time, and then nothing: by HTTP down and up,
 * and by TLS. All memory counts, that of libcurl, libevent and OpenSSL too.
 */
#include "adapt/heap.h"

#include <curl/curl.h>
#include <event2/event.h>

#include "tls/world.h"
#include "vow/http.h"
#include "vow/http_server.h"
#include "vow/transport.h"

enum { PIECE = 64 * 1024, MORE = 64 * 1024 };
#define TOTAL ((size_t)(under_valgrind() ? 16 : 100) << 20)

/* At most the high-water mark, which is what the header says, and 64 KiB. */
#define EXPECT_GROWTH(grown, mark) expect_growth(__FILE__, __LINE__, grown, mark)
static void expect_growth(const char *file, int line, size_t grown, size_t mark)
{
    if (grown > mark + MORE)
        harness_fail(file, line, "it has grown by %zu bytes", grown);
}

/* And since it was begun: two pieces at each end, be they the reader's or libcurl's, and what
 * they take to have a connection. */
#define EXPECT_ALL_SINCE(before) CHECK(heap.most - (before) <= 5 * PIECE)

/* Their memory goes through the heap that is watched. */
static void *take(size_t size) { return heap_resize(NULL, NULL, size ? size : 1); }
static void *retake(void *block, size_t size) { return heap_resize(NULL, block, size ? size : 1); }
static void give(void *block) { heap_resize(NULL, block, 0); }
static void *take_zeroed(size_t n, size_t size)
{
    void *block = take(n * size);
    return block ? memset(block, 0, n * size) : NULL;
}
static char *copy(const char *text)
{
    char *block = take(strlen(text) + 1);
    return block ? strcpy(block, text) : NULL;
}
static void *tls_take(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return size ? take(size) : NULL;
}
static void *tls_retake(void *block, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return size || block ? heap_resize(NULL, block, size) : NULL;
}
static void tls_give(void *block, const char *file, int line)
{
    (void)file, (void)line;
    give(block);
}

__attribute__((constructor)) static void watch_everybody(void)
{
    CHECK(CRYPTO_set_mem_functions(tls_take, tls_retake, tls_give));
    event_set_mem_functions(take, retake, give);
    curl_global_init_mem(CURL_GLOBAL_DEFAULT, take, give, retake, copy, take_zeroed);
}

/* A stream of TOTAL zeros that is never waited for. */
struct source {
    vow_loop *loop;
    size_t left;
};

static ssize_t source_read(void *object, void *bytes, size_t size)
{
    struct source *source = object;
    size_t n = size < source->left ? size : source->left;
    memset(bytes, 0, n);
    source->left -= n;
    return (ssize_t)n;
}

static ssize_t source_write(void *object, const struct iovec *parts, int count)
{
    (void)object, (void)parts, (void)count;
    errno = EBADF;
    return -1;
}

static int source_wait(void *object, int side)
{
    (void)object, (void)side;
    return EDEADLK;
}

static void source_close(void *object) { ((struct source *)object)->left = 0; }

static const vow_transport source_transport = {.size = sizeof(vow_transport),
                                               .eager = true,
                                               .name = "zeros",
                                               .read = source_read,
                                               .write = source_write,
                                               .wait = source_wait,
                                               .close = source_close};

static vow_stream *zeros(struct source *source)
{
    source->left = TOTAL;
    return vow_stream_new(source->loop, &source_transport, source);
}

/* Takes a little, if there is any, from who is slow: how much. */
typedef size_t take_fn(void *from);

/* Half of it is taken slowly, a piece in every fifth turn, then nothing for long, then the
 * rest. What memory has grown by in the meantime. */
static size_t growth(struct source *source, take_fn *take_some, void *from)
{
    size_t before = heap.now, got = 0;
    heap.most = heap.now;
    while (got < TOTAL) {
        got += take_some(from);
        for (int i = 0; i < 4; i++)
            vow_poll(source->loop);
        size_t left = source->left;
        for (int i = 0; i < 1000 && got / PIECE == TOTAL / PIECE / 2; i++)
            vow_poll(source->loop);
        CHECK(left - source->left < (8 << 20)); /* what the kernel still takes */
    }
    CHECK(source->left == 0);
    return heap.most - before;
}

static size_t take_of_stream(void *from)
{
    vow_value v;
    EQ_INT(vow_run(vow_stream_loop(from), vow_stream_read(from, PIECE), &v), 0);
    size_t n = vow_buf_size(vow_buf_of(v));
    vow_release(v);
    CHECK(n > 0);
    return n;
}

static size_t take_of_peer(void *from)
{
    static char bytes[PIECE];
    ssize_t n = recv(*(int *)from, bytes, sizeof bytes, MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}

static vow_value answer(vow_http_incoming *in, void *source)
{
    (void)in;
    vow_http_reply *reply = vow_http_reply_new(200);
    vow_http_reply_stream(reply, zeros(source), TOTAL);
    return vow_http_reply_value(reply);
}

/* The mark of a response that is a stream is 64 KiB; what the reader has taken is its own. */
TEST_PLAIN(a_client_that_reads_slowly)
{
    char url[64];
    vow_value v;
    heap_watch();
    struct source source = {vow_loop_new(), 0};
    vow_http_server *server = vow_http_server_new(source.loop, NULL, 0, answer, &source);
    vow_http_server_limit(server, VOW_HTTP_WRITE_MS, 0);
    vow_http_client *client = vow_http_client_new(source.loop, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", vow_http_server_port(server));
    size_t before = heap.now;
    vow_promise *p = vow_http_open(client, vow_http_request_new("GET", url));
    EQ_INT(vow_run(source.loop, p, &v), 0);
    vow_stream *s = vow_http_stream(vow_http_response_of(v));
    EXPECT_GROWTH(growth(&source, take_of_stream, s), 64 * 1024);
    EXPECT_ALL_SINCE(before);
    vow_stream_unref(s);
    vow_release(v);
    vow_http_client_free(client);
    vow_http_server_free(server);
    vow_loop_free(source.loop);
}

/* Of a reply that is a stream one piece waits here. */
TEST_PLAIN(a_peer_that_reads_a_reply_slowly)
{
    heap_watch();
    struct source source = {vow_loop_new(), TOTAL};
    vow_http_server *server = vow_http_server_new(source.loop, NULL, 0, answer, &source);
    vow_http_server_limit(server, VOW_HTTP_WRITE_MS, 0);
    size_t before = heap.now;
    int fd = net_connect(vow_http_server_port(server));
    net_send(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_GROWTH(growth(&source, take_of_peer, &fd), PIECE);
    EXPECT_ALL_SINCE(before);
    close(fd);
    vow_http_server_free(server);
    vow_loop_free(source.loop);
}

/* Of a request's stream one piece waits here. */
TEST_PLAIN(a_server_that_takes_an_upload_slowly)
{
    uint16_t port;
    char url[64];
    heap_watch();
    struct source source = {vow_loop_new(), 0};
    int listener = net_listen(&port), fd;
    vow_http_client *client = vow_http_client_new(source.loop, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    size_t before = heap.now;
    vow_http_request *q = vow_http_request_new("PUT", url);
    vow_http_request_header(q, "Expect", "");
    vow_http_request_stream(q, zeros(&source), TOTAL);
    vow_promise *p = vow_http_fetch(client, q);
    EQ_INT(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    while ((fd = accept(listener, NULL, NULL)) < 0)
        vow_poll(source.loop);
    EXPECT_GROWTH(growth(&source, take_of_peer, &fd), PIECE);
    EXPECT_ALL_SINCE(before);
    net_send(fd, "HTTP/1.1 204 Done\r\n\r\n");
    EQ_INT(vow_run(source.loop, p, NULL), 0);
    close(fd);
    close(listener);
    vow_http_client_free(client);
    vow_loop_free(source.loop);
}

static vow_value not_called(vow_http_incoming *in, void *data)
{
    (void)in, (void)data;
    FAIL("a handler was called");
}

/* One chunk after the other, as much as the kernel takes. False: the server has gone. */
static bool send_chunks(int fd, size_t *sent)
{
    static char chunk[7 + PIECE + 2] = "10000\r\n";
    memcpy(chunk + 7 + PIECE, "\r\n", 2);
    ssize_t n = send(fd, chunk + *sent, sizeof chunk - *sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0)
        *sent = (*sent + (size_t)n) % sizeof chunk;
    return n >= 0 || errno == EAGAIN;
}

/* vow's own server has bodies in memory, up to its limit: of 1 MiB if nobody says otherwise.
 * libevent has them in blocks that are not all full, which takes some 70 KiB more. */
TEST_PLAIN(a_body_above_the_limit_takes_no_more_than_that)
{
    size_t sent = 0;
    heap_watch();
    loop = vow_loop_new();
    vow_http_server *server = vow_http_server_new(loop, NULL, 0, not_called, NULL);
    int fd = net_connect(vow_http_server_port(server));
    net_send(fd, "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    size_t before = heap.now;
    heap.most = heap.now;
    do
        vow_poll(loop);
    while (send_chunks(fd, &sent));
    EXPECT_GROWTH(heap.most - before, (1 << 20) + MORE);
    close(fd);
    vow_http_server_free(server);
    vow_loop_free(loop);
}

/* By TLS: a pump's piece, and a record on each side. */
TEST_PLAIN(a_tls_peer_that_reads_slowly)
{
    vow_stream *pair[2];
    heap_watch();
    struct source source = {vow_loop_new(), 0};
    struct world w = make_world("DNS:localhost", 10);
    EQ_INT(vow_unix_pair(source.loop, pair), 0);
    struct ends e = shake_over(source.loop, &w, pair);
    vow_stream_unref(pair[0]);
    vow_stream_unref(pair[1]);
    size_t before = heap.now;
    vow_stream *from = zeros(&source);
    vow_promise *p = vow_pump(from, e.client, 0);
    EXPECT_GROWTH(growth(&source, take_of_stream, e.server), PIECE);
    EXPECT_ALL_SINCE(before);
    EQ_INT(vow_run(source.loop, p, NULL), 0);
    vow_stream_unref(from);
    end(&e);
    end_world(&w);
    vow_loop_free(source.loop);
}
