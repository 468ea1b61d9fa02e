/* SPDX-License-Identifier: MIT
 *
 * peers.c - libFuzzer as the other end: what it sends to an HTTP server, to an HTTP client, to
 * both sides of TLS, and through a stream's reads. run.sh builds and runs it.
 *
 * The first byte says to whom, the second how large the pieces are (0: one), the rest is sent.
 * Whatever it is: nothing crashes, nothing hangs, nothing is left.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vow.h"
#include "vow/http.h"
#include "vow/http_server.h"
#include "vow/tls.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { MOST_TURNS = 100000 };

static vow_loop *loop;
static vow_http_server *server;
static vow_http_client *client;
static vow_tls *tls_client, *tls_server;
static int listener;
static char address[64];

#define CHECK(condition) \
    ((condition) ? (void)0 : fail("%s:%d: not true: %s", __FILE__, __LINE__, #condition))

VOW_NORETURN VOW_FORMAT(1, 2) static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

/* Input. */

struct input {
    const uint8_t *bytes;
    size_t size, piece;
};

static struct input take_piece(struct input *in)
{
    size_t n = in->piece && in->piece < in->size ? in->piece : in->size;
    struct input piece = {in->bytes, n, 0};
    in->bytes += n;
    in->size -= n;
    return piece;
}

static uint8_t take_byte(struct input *in)
{
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->bytes++;
}

/* Running. */

static void turn(int times)
{
    while (times-- > 0)
        vow_poll(loop);
}

/* Takes p, which has to settle; its outcome or an error as a value. */
static vow_value outcome_of(vow_promise *p)
{
    vow_value v;
    vow_mark_handled(p);
    for (int turns = 0; vow_state(p) == VOW_PENDING; turns++) {
        CHECK(turns < MOST_TURNS);
        vow_poll(loop);
    }
    vow_run(loop, p, &v);
    return v;
}

static void ignore(const vow_error *e, const char *made, bool late, void *data)
{
    (void)e, (void)made, (void)late, (void)data;
}

/* The HTTP server. */

static vow_value answer(vow_http_incoming *in, void *data)
{
    (void)data;
    const char *path = vow_http_incoming_path(in), *query = vow_http_incoming_query(in);
    vow_buf *body = vow_http_incoming_body(in);
    CHECK((*path == '/' || !strcmp(path, "*")) && !strpbrk(path, " \r\n?#"));
    CHECK(!body || vow_buf_size(body) <= 1000);
    if (path[1] == 'p')
        return vow_promise_value(vow_then(vow_delay(loop, 0), NULL, NULL));
    vow_http_reply *reply = vow_http_reply_new(path[1] == 'n' ? 204 : 200);
    vow_http_reply_header(reply, "X-Query", query ? query : "-");
    vow_http_reply_body(reply, body ? vow_buf_ref(body) : vow_buf_copy(path, strlen(path)));
    return vow_http_reply_value(reply);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof name) == 0);
    return fd;
}

/* The peer reads what it gets, as far as it goes. */
static void send_all(int fd, struct input *in)
{
    char got[4096];
    while (in->size > 0) {
        struct input piece = take_piece(in);
        if (send(fd, piece.bytes, piece.size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            break;
        turn(2);
        while (recv(fd, got, sizeof got, MSG_DONTWAIT) > 0)
            ;
    }
}

static void to_server(struct input *in)
{
    struct linger now = {1, 0};
    int fd = connect_to(vow_http_server_port(server));
    send_all(fd, in);
    turn(3);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now); /* no ports in TIME_WAIT */
    close(fd);
    for (int turns = 0; vow_http_server_connections(server) > 0; turns++) {
        CHECK(turns < MOST_TURNS);
        vow_poll(loop);
    }
}

/* The HTTP client. */

static void look_at(vow_http_response *r)
{
    const char *name, *value;
    CHECK(vow_http_status(r) >= 0);
    for (size_t i = 0; vow_http_header_at(r, i, &name, &value); i++)
        CHECK(!strpbrk(name, "\r\n") && vow_http_header(r, name));
    vow_stream *s = vow_http_stream(r);
    while (s) {
        vow_value v = outcome_of(vow_stream_read(s, 100));
        bool ended = vow_is_error(v) || vow_buf_size(vow_buf_of(v)) == 0;
        vow_release(v);
        if (ended)
            break;
    }
    vow_stream_unref(s);
}

static int accept_one(void)
{
    int fd = -1;
    for (int turns = 0; fd < 0; turns++) {
        CHECK(turns < MOST_TURNS);
        vow_poll(loop);
        fd = accept(listener, NULL, NULL);
    }
    return fd;
}

static void to_client(struct input *in)
{
    struct linger now = {1, 0};
    uint8_t how = take_byte(in);
    vow_http_request *q = vow_http_request_new(how & 1 ? "GET" : "POST", address);
    vow_http_request_set(q, VOW_HTTP_LIMIT, 5000);
    vow_http_request_set(q, VOW_HTTP_DECODE, how & 2);
    vow_http_request_set(q, VOW_HTTP_REDIRECTS, 0);
    if (!(how & 1))
        vow_http_request_text(q, "text/plain", "body");
    vow_promise *p = how & 4 ? vow_http_open(client, q) : vow_http_fetch(client, q);
    vow_mark_handled(p);
    int fd = accept_one();
    turn(2);
    send_all(fd, in);
    shutdown(fd, SHUT_WR);
    vow_value v = outcome_of(p);
    if (!vow_is_error(v))
        look_at(vow_http_response_of(v));
    vow_release(v);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
    turn(2);
}

/* TLS. */

static void to_tls(struct input *in, bool is_server)
{
    vow_stream *pair[2];
    CHECK(vow_stream_pair(loop, 1 << 16, pair) == 0);
    vow_promise *p = is_server ? vow_tls_accept(tls_server, pair[0])
                               : vow_tls_connect(tls_client, pair[0], "localhost");
    vow_mark_handled(p);
    while (in->size > 0) {
        struct input piece = take_piece(in);
        vow_release(outcome_of(vow_stream_write(pair[1], piece.bytes, piece.size)));
        turn(1);
    }
    vow_stream_close(pair[1]);
    vow_stream_unref(pair[1]);
    vow_value v = outcome_of(p);
    CHECK(vow_is_error(v));
    vow_release(v);
}

/* One direction of a line on which somebody changes bytes. */
static bool meddle(vow_stream *from, vow_stream *to, vow_promise **reading, struct input *in)
{
    if (vow_state(*reading) == VOW_PENDING)
        return true;
    vow_value v = outcome_of(*reading);
    *reading = NULL;
    vow_buf *b = vow_is_error(v) ? NULL : vow_buf_of(v);
    size_t n = b ? vow_buf_size(b) : 0;
    uint8_t how = take_byte(in);
    if (n > 0 && how & 128)
        vow_buf_bytes(b)[how % n] ^= (uint8_t)(1 + take_byte(in) % 255);
    for (int times = how == 1 ? 0 : how == 2 ? 2 : 1; n > 0 && times > 0; times--)
        vow_release(outcome_of(vow_stream_write(to, vow_buf_bytes(b), n)));
    vow_release(v);
    if (n == 0 || how == 3)
        return false;
    *reading = vow_stream_read(from, how == 4 ? 1 + take_byte(in) : 20000);
    vow_mark_handled(*reading);
    return true;
}

static vow_value talk(vow_value v, void *data)
{
    vow_stream *s = vow_stream_of(v);
    vow_promise *p = vow_stream_write(s, data, strlen(data));
    vow_mark_handled(p);
    vow_unref(p);
    return vow_promise_value(vow_stream_read_until(s, '\n', 100));
}

static void between_tls(struct input *in)
{
    static char hello[] = "hello\n";
    vow_stream *left[2], *right[2];
    CHECK(vow_stream_pair(loop, 1 << 18, left) == 0 && vow_stream_pair(loop, 1 << 18, right) == 0);
    vow_promise *server_side = vow_then(vow_tls_accept(tls_server, right[1]), talk, hello);
    vow_promise *client_side =
        vow_then(vow_tls_connect(tls_client, left[0], "localhost"), talk, hello);
    vow_promise *there = vow_stream_read(left[1], 20000), *back = vow_stream_read(right[0], 20000);
    vow_mark_handled(server_side), vow_mark_handled(client_side);
    vow_mark_handled(there), vow_mark_handled(back);
    for (int turns = 0; turns < 200; turns++) {
        vow_poll(loop);
        if (!meddle(left[1], right[0], &there, in) || !meddle(right[0], left[1], &back, in))
            break;
    }
    vow_unref(there), vow_unref(back);
    vow_stream_close(left[1]), vow_stream_close(right[0]);
    vow_stream_unref(left[1]), vow_stream_unref(right[0]);
    vow_release(outcome_of(server_side));
    vow_release(outcome_of(client_side));
}

/* Reads of all kinds give the bytes in their order, each once. */

static vow_promise *some_read(vow_stream *s, uint8_t how)
{
    size_t n = 1 + how % 16;
    return how & 64   ? vow_stream_read_until(s, (char)(how & 3 ? '\n' : 0), 4 * n)
           : how & 32 ? vow_stream_read_exact(s, n)
                      : vow_stream_read(s, n);
}

static void to_reads(struct input *in)
{
    const uint8_t *expected = in->bytes;
    size_t seen = 0, all = in->size;
    vow_stream *pair[2];
    CHECK(vow_stream_pair(loop, 1 << 16, pair) == 0);
    for (bool ended = false; !ended;) {
        struct input piece = take_piece(in);
        vow_promise *p = some_read(pair[1], piece.size ? *piece.bytes : 0);
        vow_mark_handled(p);
        vow_release(outcome_of(vow_stream_write(pair[0], piece.bytes, piece.size)));
        if (in->size == 0)
            vow_stream_close(pair[0]);
        turn(1);
        if (vow_state(p) == VOW_PENDING || (piece.size && *piece.bytes & 128)) {
            vow_unref(p); /* cancelled, or not looked at: nothing is lost */
            continue;
        }
        vow_value v = outcome_of(p);
        vow_buf *b = vow_is_error(v) ? NULL : vow_buf_of(v);
        size_t n = b ? vow_buf_size(b) : 0;
        CHECK(seen + n <= all && (n == 0 || !memcmp(vow_buf_bytes(b), expected + seen, n)));
        seen += n;
        ended = in->size == 0 && b && n == 0;
        vow_release(v);
    }
    CHECK(seen == all);
    vow_stream_unref(pair[0]);
    vow_stream_unref(pair[1]);
}

/* The program. */

static int listen_somewhere(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&name, size) == 0 && listen(fd, 16) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&name, &size) == 0);
    snprintf(address, sizeof address, "http://127.0.0.1:%u/", ntohs(name.sin_port));
    return fd;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    vow_http_options options = {.proxy = ""};
    vow_tls_options tls = {.cert_file = "cert.pem", .key_file = "key.pem", .ca_file = "cert.pem"};
    loop = vow_loop_new();
    vow_on_unhandled(loop, ignore, NULL);
    server = vow_http_server_new(loop, NULL, 0, answer, NULL);
    client = vow_http_client_new(loop, &options);
    tls_client = vow_tls_new(&tls, NULL);
    tls_server = vow_tls_new(&tls, NULL);
    listener = listen_somewhere();
    CHECK(server && client && tls_client && tls_server);
    vow_http_server_limit(server, VOW_HTTP_BODY_BYTES, 1000);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, size, 0};
    uint8_t whom = take_byte(&in) % 6;
    in.piece = take_byte(&in);
    if (whom == 0)
        to_server(&in);
    else if (whom == 1)
        to_client(&in);
    else if (whom < 4)
        to_tls(&in, whom == 2);
    else if (whom == 4)
        between_tls(&in);
    else
        to_reads(&in);
    turn(2);
    return 0;
}
