/* SPDX-License-Identifier: MIT
 *
 * What the client keeps from servers that are not to be trusted, and what it makes of bodies
 * that are not what they were said to be.
 */
#include <curl/curl.h>
#include <event2/event.h>
#include <fcntl.h>

#include "http/peer.h"
#include "vow/http.h"
#include "vow/http_server.h"

static char *url(char *buf, uint16_t port, const char *path)
{
    snprintf(buf, 128, "http://127.0.0.1:%u%s", port, path);
    return buf;
}
#define URL(server, path) url((char[128]){0}, vow_http_server_port(server), path)
#define AT(port, path) url((char[128]){0}, port, path)

#define ANSWERS(p, status, text) answers(__FILE__, __LINE__, loop, p, status, text)
static void answers(const char *file, int line, vow_loop *loop, vow_promise *p, int status,
                    const char *text)
{
    vow_value v;
    char error[256] = "";
    if (vow_run(loop, p, &v))
        vow_describe(vow_as_error(v), VOW_ONE_LINE, error, sizeof error);
    harness_eq_text(file, line, "error", error, "");
    vow_http_response *r = vow_http_response_of(v);
    harness_eq_int(file, line, "status", vow_http_status(r), status);
    harness_eq_uint(file, line, "size", vow_buf_size(vow_http_body(r)), strlen(text));
    harness_eq_bytes(file, line, "body", vow_buf_bytes(vow_http_body(r)), text, strlen(text));
    vow_release(v);
}

/* Waits for a connection and its request. */
static char request[10000];

static int accept_request(vow_loop *loop, int listener)
{
    EQ_INT(vow_run(loop, vow_ready(loop, listener, VOW_READ), NULL), 0);
    int fd = accept(listener, NULL, NULL);
    EQ_INT(vow_run(loop, vow_ready(loop, fd, VOW_READ), NULL), 0);
    ssize_t n = read(fd, request, sizeof request - 1);
    CHECK(n > 0);
    request[n] = 0;
    return fd;
}

/* Says what it was asked, and by whom; /to/... goes where its data says. */
struct place {
    int status;
    char target[128];
};

static vow_value tell(vow_http_incoming *in, void *data)
{
    const struct place *to = data;
    const char *secret = vow_http_incoming_header(in, "Authorization");
    const char *cookie = vow_http_incoming_header(in, "Cookie");
    vow_buf *body = vow_http_incoming_body(in);
    if (!to || !to->status || strncmp(vow_http_incoming_path(in), "/to", 3))
        return vow_textf("%s %s %s %.*s", vow_http_incoming_method(in), secret ? secret : "-",
                         cookie ? cookie : "-", body ? (int)vow_buf_size(body) : 0,
                         body ? (char *)vow_buf_bytes(body) : "");
    vow_http_reply *reply = vow_http_reply_new(to->status);
    vow_http_reply_header(reply, "Location", to->target);
    return vow_http_reply_value(reply);
}

static vow_http_request *asked(const char *method, const char *where)
{
    vow_http_request *q = vow_http_request_new(method, where);
    vow_http_request_header(q, "Authorization", "Basic c2VjcmV0");
    vow_http_request_header(q, "Cookie", "a=b");
    return q;
}

TEST(credentials_stay_with_the_server_they_were_given_for)
{
    struct place to = {302, ""};
    vow_http_server *first = vow_http_server_new(loop, NULL, 0, tell, &to);
    vow_http_server *second = vow_http_server_new(loop, NULL, 0, tell, NULL);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    url(to.target, vow_http_server_port(first), "/same");
    ANSWERS(vow_http_fetch(c, asked("GET", URL(first, "/to"))), 200, "GET Basic c2VjcmV0 a=b ");
    url(to.target, vow_http_server_port(second), "/other");
    ANSWERS(vow_http_fetch(c, asked("GET", URL(first, "/to"))), 200, "GET - - ");
    char with_user[128];
    snprintf(with_user, sizeof with_user, "http://me:pass@127.0.0.1:%u/to",
             vow_http_server_port(first));
    ANSWERS(vow_http_get(c, with_user, 0), 200, "GET - - ");
    vow_http_client_free(c);
    vow_http_server_free(first);
    vow_http_server_free(second);
}

/* RFC 9110, 15.4: what is to be asked where a redirect leads. */
TEST(a_redirect_says_how_to_ask_again)
{
    static const struct {
        int status;
        const char *method, *expected;
    } cases[] = {
        {303, "DELETE", "GET - - "},      {303, "PUT", "GET - - "},
        {303, "POST", "GET - - "},        {303, "PATCH", "GET - - "},
        {302, "POST", "GET - - "},        {307, "POST", "POST - - body"},
        {308, "PUT", "PUT - - body"},     {307, "DELETE", "DELETE - - "},
        {302, "PATCH", "PATCH - - body"}, {302, "DELETE", "DELETE - - "},
    };
    struct place to;
    vow_http_server *s = vow_http_server_new(loop, NULL, 0, tell, &to);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    url(to.target, vow_http_server_port(s), "/there");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        to.status = cases[i].status;
        vow_http_request *q = vow_http_request_new(cases[i].method, URL(s, "/to"));
        if (strcmp(cases[i].method, "DELETE"))
            vow_http_request_text(q, "text/plain", "body");
        ANSWERS(vow_http_fetch(c, q), 200, cases[i].expected);
    }
    ANSWERS(vow_http_fetch(c, vow_http_request_new("HEAD", URL(s, "/to"))), 200, "");
    vow_http_client_free(c);
    vow_http_server_free(s);
}

/* Sends `part` again and again, until the client has had enough. */
static void endless(vow_loop *loop, const char *begin, const char *part, int code)
{
    static char parts[50000];
    uint16_t port;
    int listener = net_listen(&port);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_promise *p = vow_http_get(c, AT(port, "/"), 1000);
    vow_mark_handled(p);
    int fd = accept_request(loop, listener);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    net_send(fd, begin);
    size_t sent = 0, size = 0, step = strlen(part);
    for (; size + step < sizeof parts; size += step)
        memcpy(parts + size, part, step);
    while (sent < 10000000 && vow_state(p) == VOW_PENDING) {
        ssize_t n = send(fd, parts + sent % size, size - sent % size, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        vow_poll(loop);
    }
    if (sent >= 10000000)
        FAIL("%s has no end", part);
    FAILS(p, vow_errno_domain(), code);
    vow_http_client_free(c);
    close(fd);
    close(listener);
}

TEST(endless_headers_are_refused)
{
    endless(loop, "HTTP/1.1 200 OK\r\n", "a: b\r\n", EMSGSIZE);
    endless(loop, "HTTP/1.1 200 OK\r\na: b\r\n", " folded\r\n", EMSGSIZE);
    endless(loop, "", "HTTP/1.1 100 Continue\r\n\r\n", EMSGSIZE);
    endless(loop, "", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", EMSGSIZE);
    endless(loop, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "a: b\r\n",
            EMSGSIZE);
    endless(loop, "HTTP/1.1 200 OK\r\na: ", "no end of line", ENOMEM); /* libcurl says so */
    endless(loop, "", "HTTP/1.1 200 and so on", ENOMEM);
}

/* A chunked body of no bytes, with headers behind it. */
TEST(what_follows_a_body_is_no_header)
{
    uint16_t port;
    int listener = net_listen(&port);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_promise *p = vow_http_get(c, AT(port, "/"), 1000);
    int fd = accept_request(loop, listener);
    net_send(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
                 "0\r\nX: y\r\n\r\n");
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    CHECK(vow_http_header(vow_http_response_of(v), "x") == NULL);
    vow_release(v);
    vow_http_client_free(c);
    close(fd);
    close(listener);
}

/* Compressed bodies, by gzip the program. */
static const char *const shells[] = {
    "head -c 3000000 /dev/zero | gzip -9 >zipped",
    "seq 1 400000 | gzip >zipped",
};

static vow_value zipped(vow_http_incoming *in, void *data)
{
    FILE *file = fopen(data, "r");
    vow_buf *b = vow_buf_new(2000000);
    vow_buf_shrink(b, fread(vow_buf_bytes(b), 1, 2000000, file));
    fclose(file);
    vow_http_reply *reply = vow_http_reply_new(200);
    if (!strcmp(vow_http_incoming_path(in), "/broken"))
        memset(vow_buf_bytes(b) + 100, 0, 100);
    vow_http_reply_header(reply, "Content-Encoding", "gzip");
    vow_http_reply_body(reply, b);
    return vow_http_reply_value(reply);
}

static vow_http_request *decoded(const char *where, long limit)
{
    vow_http_request *q = vow_http_request_new("GET", where);
    vow_http_request_set(q, VOW_HTTP_DECODE, 1);
    vow_http_request_set(q, VOW_HTTP_LIMIT, limit);
    return q;
}

static size_t read_all(vow_loop *loop, vow_http_response *r)
{
    vow_stream *s = vow_http_stream(r);
    size_t size = 0;
    unsigned next = 1, number = 0; /* lines of numbers, or zeros */
    for (;;) {
        vow_value v;
        EQ_INT(vow_run(loop, vow_stream_read(s, 10000), &v), 0);
        vow_buf *b = vow_buf_of(v);
        for (size_t i = 0; i < vow_buf_size(b); i++)
            if (vow_buf_bytes(b)[i] == '\n') {
                EQ_UINT(number, next++);
                number = 0;
            } else if (vow_buf_bytes(b)[i]) {
                number = number * 10 + vow_buf_bytes(b)[i] - '0';
            }
        bool ended = vow_buf_size(b) == 0;
        size += vow_buf_size(b);
        vow_release(v);
        if (ended)
            break;
    }
    vow_stream_unref(s);
    return size;
}

TEST(a_compressed_body_is_limited_by_what_it_becomes)
{
    char folder[] = "/tmp/vow-http-XXXXXX", file[64];
    CHECK(mkdtemp(folder) != NULL);
    snprintf(file, sizeof file, "%s/zipped", folder);
    vow_http_server *s = vow_http_server_new(loop, NULL, 0, zipped, file);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    for (int i = 0; i < 2; i++) {
        size_t size = i == 0 ? 3000000 : 2688895;
        vow_value v;
        PEER_RUN(folder, "sh", "-c", shells[i]);
        FAILS(vow_http_fetch(c, decoded(URL(s, "/"), (long)size - 1)), vow_errno_domain(),
              EMSGSIZE);
        EQ_INT(vow_run(loop, vow_http_fetch(c, decoded(URL(s, "/"), (long)size)), &v), 0);
        EQ_UINT(vow_buf_size(vow_http_body(vow_http_response_of(v))), size);
        vow_release(v);
        EQ_INT(vow_run(loop, vow_http_open(c, decoded(URL(s, "/"), 0)), &v), 0);
        EQ_UINT(read_all(loop, vow_http_response_of(v)), size);
        vow_release(v);
    }
    FAILS(vow_http_fetch(c, decoded(URL(s, "/broken"), 0)), vow_http_domain(),
          CURLE_BAD_CONTENT_ENCODING);
    PEER_RUN("/", "rm", "-rf", folder);
    vow_http_client_free(c);
    vow_http_server_free(s);
}

/* Uploads. */

static vow_promise *upload(vow_loop *loop, vow_http_client *c, const char *method,
                           const char *where, const char *text, int64_t size, vow_stream **ret)
{
    vow_stream *ends[2];
    CHECK(vow_stream_pair(loop, 1000, ends) == 0);
    EQ_INT(vow_run(loop, vow_stream_write(ends[0], text, strlen(text)), NULL), 0);
    vow_stream_unref(ends[0]);
    vow_http_request *q = vow_http_request_new(method, where);
    vow_http_request_stream(q, vow_stream_ref(ends[1]), size);
    *ret = ends[1];
    return vow_http_fetch(c, q);
}

TEST(a_stream_shorter_than_it_was_said_to_be_is_an_error)
{
    static const char *const methods[] = {"PUT", "POST", "PATCH"};
    vow_http_server *s = vow_http_server_new(loop, NULL, 0, tell, NULL);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    for (int i = 0; i < 3; i++) {
        vow_stream *from;
        FAILS(upload(loop, c, methods[i], URL(s, "/"), "abc", 6, &from), vow_errno_domain(), EPIPE);
        vow_stream_unref(from);
        ANSWERS(vow_http_get(c, URL(s, "/"), 0), 200, "GET - - ");
    }
    vow_http_client_free(c);
    vow_http_server_free(s);
}

TEST(no_more_is_read_of_a_stream_than_is_sent)
{
    static const char *const methods[] = {"PUT", "POST", "PATCH"};
    vow_http_server *s = vow_http_server_new(loop, NULL, 0, tell, NULL);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    for (int i = 0; i < 3; i++) {
        vow_stream *from;
        char expected[32];
        snprintf(expected, sizeof expected, "%s - - abc", methods[i]);
        ANSWERS(upload(loop, c, methods[i], URL(s, "/"), "abcdef", 3, &from), 200, expected);
        EQ_READ(vow_stream_read(from, 10), "def");
        vow_stream_unref(from);
        snprintf(expected, sizeof expected, "%s - - ", methods[i]);
        ANSWERS(upload(loop, c, methods[i], URL(s, "/"), "abcdef", 0, &from), 200, expected);
        vow_stream_unref(from);
        snprintf(expected, sizeof expected, "%s - - abcdef", methods[i]);
        ANSWERS(upload(loop, c, methods[i], URL(s, "/"), "abcdef", -1, &from), 200, expected);
        vow_stream_unref(from);
    }
    vow_http_client_free(c);
    vow_http_server_free(s);
}

TEST(a_stream_is_not_sent_twice)
{
    struct place to = {307, ""};
    vow_http_server *s = vow_http_server_new(loop, NULL, 0, tell, &to);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_stream *from;
    url(to.target, vow_http_server_port(s), "/there");
    FAILS(upload(loop, c, "POST", URL(s, "/to"), "abc", 3, &from), vow_http_domain(),
          CURLE_SEND_FAIL_REWIND);
    vow_stream_unref(from);
    vow_http_client_free(c);
    vow_http_server_free(s);
}

/* What curl has kept while it was told to wait is too much. */
TEST(a_limit_is_kept_when_a_paused_body_goes_on)
{
    static char body[200000];
    memset(body, 'x', sizeof body);
    uint16_t port;
    int listener = net_listen(&port);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_http_request *q = vow_http_request_new("GET", AT(port, "/"));
    vow_http_request_set(q, VOW_HTTP_LIMIT, 70000);
    vow_promise *p = vow_http_open(c, q);
    int fd = accept_request(loop, listener);
    net_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    for (int i = 0; i < 50; i++) {
        (void)!send(fd, body, sizeof body, MSG_NOSIGNAL);
        event_base_loop(vow_loop_base(loop), EVLOOP_NONBLOCK);
    }
    vow_stream *s = vow_http_stream(vow_http_response_of(v));
    FAILS(vow_stream_read_exact(s, 100000), vow_errno_domain(), EMSGSIZE);
    vow_stream_unref(s);
    vow_release(v);
    vow_http_client_free(c);
    close(fd);
    close(listener);
}

TEST(the_last_body_that_is_given_is_sent)
{
    vow_http_server *s = vow_http_server_new(loop, NULL, 0, tell, NULL);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_stream *ends[2];
    CHECK(vow_stream_pair(loop, 1000, ends) == 0);
    vow_http_request *q = vow_http_request_new("POST", URL(s, "/"));
    vow_http_request_stream(q, vow_stream_ref(ends[1]), 6);
    vow_http_request_body(q, vow_buf_copy("buffer", 6));
    ANSWERS(vow_http_fetch(c, q), 200, "POST - - buffer");
    EQ_INT(vow_run(loop, vow_stream_write(ends[0], "stream", 6), NULL), 0);
    q = vow_http_request_new("POST", URL(s, "/"));
    vow_http_request_body(q, vow_buf_copy("buf", 3));
    vow_http_request_stream(q, ends[1], 6);
    ANSWERS(vow_http_fetch(c, q), 200, "POST - - stream");
    vow_stream_unref(ends[0]);
    vow_http_client_free(c);
    vow_http_server_free(s);
}

/* The answer is here before the question is whole. */
TEST(closing_the_answer_ends_the_upload)
{
    uint16_t port;
    int listener = net_listen(&port);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_stream *ends[2];
    CHECK(vow_stream_pair(loop, 1000, ends) == 0);
    vow_http_request *q = vow_http_request_new("PUT", AT(port, "/"));
    vow_http_request_stream(q, vow_stream_ref(ends[1]), -1);
    vow_promise *p = vow_http_open(c, q);
    int fd = accept_request(loop, listener);
    net_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    vow_stream *s = vow_http_stream(vow_http_response_of(v));
    EQ_READ(vow_stream_read(s, 10), "half");
    vow_stream_close(s);
    vow_stream_unref(s);
    vow_promise *other = vow_stream_read(ends[1], 1); /* nobody reads it any more */
    EQ_INT(vow_state(other), VOW_PENDING);
    vow_unref(other);
    vow_release(v);
    vow_stream_unref(ends[0]);
    vow_stream_unref(ends[1]);
    vow_http_client_free(c);
    close(fd);
    close(listener);
}

TEST(a_header_may_be_blank)
{
    uint16_t port;
    int listener = net_listen(&port);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_http_request *q = vow_http_request_new("GET", AT(port, "/"));
    vow_http_request_header(q, "X-Empty", "");
    vow_http_request_header(q, "X-Blank", " \t ");
    vow_promise *p = vow_http_fetch(c, q);
    int fd = accept_request(loop, listener);
    HAS_TEXT(request, "X-Empty:\r\n");
    HAS_TEXT(request, "X-Blank:\r\n");
    vow_unref(p);
    static const char *const wrong[] = {"", "a b", "a:", "a;", "a\t", "a\n", "\x7f", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        q = vow_http_request_new("GET", AT(port, "/"));
        vow_http_request_header(q, wrong[i], "x");
        FAILS(vow_http_fetch(c, q), vow_errno_domain(), EINVAL);
        FAILS(vow_http_fetch(c, vow_http_request_new(wrong[i], AT(1, "/"))), vow_errno_domain(),
              EINVAL);
    }
    vow_http_client_free(c);
    close(fd);
    close(listener);
}

TEST(a_post_names_no_type_that_nobody_gave)
{
    uint16_t port;
    int listener = net_listen(&port);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_http_request *q = vow_http_request_new("POST", AT(port, "/"));
    vow_http_request_body(q, vow_buf_copy("body", 4));
    vow_promise *p = vow_http_fetch(c, q);
    int fd = accept_request(loop, listener);
    HAS_TEXT(request, "Content-Length: 4\r\n");
    CHECK(!strstr(request, "Content-Type") && !strstr(request, "Expect"));
    vow_unref(p);
    vow_http_client_free(c);
    close(fd);
    close(listener);
}

TEST(what_is_wrong_with_a_request_is_said_when_it_is_sent)
{
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_http_request *q = vow_http_request_new("GET", "http://127.0.0.1/");
    vow_http_request_set(q, (vow_http_setting)99, 1);
    FAILS(vow_http_fetch(c, q), vow_errno_domain(), EINVAL);
    q = vow_http_request_new("HEAD", "http://127.0.0.1/");
    vow_http_request_text(q, "text/plain", "a body");
    FAILS(vow_http_fetch(c, q), vow_errno_domain(), EINVAL);
    q = vow_http_request_new("POST", "http://127.0.0.1/");
    vow_http_request_body(q, NULL);
    vow_http_request_header(q, "A", "\n");
    FAILS(vow_http_fetch(c, q), vow_errno_domain(), ENOMEM);
    for (int i = 0; i < 2; i++) {
        q = vow_http_request_new("POST", "http://127.0.0.1:1/");
        vow_http_request_header(q, i ? "content-length" : "Transfer-Encoding", "5");
        FAILS(vow_http_fetch(c, q), vow_errno_domain(), EINVAL);
    }
    q = vow_http_request_new("POST", "http://127.0.0.1/");
    vow_http_request_stream(q, NULL, 1);
    FAILS(vow_http_fetch(c, q), vow_errno_domain(), ENOMEM);
    vow_http_request_stream(NULL, NULL, 1);
    vow_http_request_set(NULL, VOW_HTTP_LIMIT, 1);
    EQ_TEXT(vow_http_domain()->text(499), "the server refused the request");
    EQ_TEXT(vow_http_domain()->text(599), "the server failed");
    vow_http_client_free(c);
}

TEST(a_redirect_that_is_followed_is_no_answer)
{
    uint16_t port;
    int listener = net_listen(&port);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_promise *p = vow_http_open(c, vow_http_request_new("GET", AT(port, "/")));
    int fd = accept_request(loop, listener);
    net_send(fd, "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 4\r\n\r\n");
    for (int i = 0; i < 10; i++)
        event_base_loop(vow_loop_base(loop), EVLOOP_NONBLOCK);
    EQ_INT(vow_state(p), VOW_PENDING);
    net_send(fd, "gone");
    EQ_INT(vow_run(loop, vow_ready(loop, fd, VOW_READ), NULL), 0);
    CHECK(read(fd, request, sizeof request) > 0);
    net_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_INT(vow_http_status(vow_http_response_of(v)), 200);
    vow_release(v);
    vow_http_client_free(c);
    close(fd);
    close(listener);
}

TEST(an_interim_answer_is_none)
{
    uint16_t port;
    int listener = net_listen(&port);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    vow_promise *p = vow_http_open(c, vow_http_request_new("GET", AT(port, "/")));
    int fd = accept_request(loop, listener);
    net_send(fd, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: early\r\n\r\n");
    for (int i = 0; i < 10; i++)
        event_base_loop(vow_loop_base(loop), EVLOOP_NONBLOCK);
    EQ_INT(vow_state(p), VOW_PENDING);
    net_send(fd, "HTTP/1.0 203 Late\r\nY: z\r\n\r\nrest");
    vow_value v;
    const char *name, *value;
    EQ_INT(vow_run(loop, p, &v), 0);
    vow_http_response *r = vow_http_response_of(v);
    EQ_INT(vow_http_status(r), 203);
    EQ_INT(vow_http_version(r), 10);
    CHECK(vow_http_header(r, "x") == NULL && vow_http_header_at(r, 0, &name, &value));
    EQ_TEXT(value, "z");
    CHECK(!vow_http_header_at(r, 1, &name, &value));
    close(fd);
    vow_stream *s = vow_http_stream(r);
    EQ_READ(vow_stream_read_exact(s, 4), "rest");
    EQ_READ(vow_stream_read(s, 4), "");
    vow_stream_unref(s);
    vow_release(v);
    vow_http_client_free(c);
    close(listener);
}

/* Connections. */

TEST(no_more_connections_are_open_than_allowed)
{
    for (int host = 0; host < 2; host++) {
        uint16_t port;
        int listener = net_listen(&port);
        vow_http_options options = {.connections = !host, .per_host = (size_t)host};
        vow_http_client *c = vow_http_client_new(loop, &options);
        vow_promise *one = vow_http_get(c, AT(port, "/one"), 0);
        vow_promise *two = vow_http_get(c, AT(port, "/two"), 0);
        vow_promise *three = vow_http_get(c, AT(port, "/three"), 0);
        int fd = accept_request(loop, listener);
        for (int i = 0; i < 10; i++)
            event_base_loop(vow_loop_base(loop), EVLOOP_NONBLOCK);
        fcntl(listener, F_SETFL, O_NONBLOCK);
        CHECK(accept(listener, NULL, NULL) < 0 && errno == EAGAIN);
        vow_unref(two); /* one that waits may go */
        vow_unref(one); /* and so may the one that they wait for */
        int next = accept_request(loop, listener);
        HAS_TEXT(request, "/three");
        net_send(next, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        ANSWERS(three, 200, "ok");
        vow_http_client_free(c);
        close(fd);
        close(next);
        close(listener);
    }
}

TEST(the_environment_names_a_proxy_unless_told_otherwise)
{
    char name[64];
    vow_http_server *s = vow_http_server_new(loop, NULL, 0, tell, NULL);
    snprintf(name, sizeof name, "http://127.0.0.1:%u", vow_http_server_port(s));
    setenv("http_proxy", name, 1);
    vow_http_client *c = vow_http_client_new(loop, NULL);
    ANSWERS(vow_http_get(c, "http://name.invalid/", 0), 200, "GET - - ");
    setenv("no_proxy", "name.invalid", 1);
    FAILS(vow_http_get(c, "http://name.invalid/", 0), vow_http_domain(),
          CURLE_COULDNT_RESOLVE_HOST);
    unsetenv("no_proxy");
    vow_http_client_free(c);
    vow_http_options none = {.proxy = ""};
    c = vow_http_client_new(loop, &none);
    FAILS(vow_http_get(c, "http://name.invalid/", 0), vow_http_domain(),
          CURLE_COULDNT_RESOLVE_HOST);
    unsetenv("http_proxy");
    vow_http_client_free(c);
    vow_http_server_free(s);
}
