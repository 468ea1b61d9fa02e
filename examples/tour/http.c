/* SPDX-License-Identifier: MIT
 *
 * http.c - HTTP/1.0, strictly: connect, write the request, read the status line, the head,
 * the page. Each step is a handler that starts the next one; vow_context says which of them
 * it was that failed.
 */
#include "http.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "digest.h"
#include "url.h"

enum { LINE = 8192, LINES = 100, PIECE = 65536 };

/* Attached to the end of the chain that its handlers make up. */
struct fetch {
    vow_loop *loop;
    struct url url;
    struct digest *digest;
    vow_stream *sock;    /* from on_connect on */
    char *request;     /* kept while it is written */
    int64_t announced; /* the page's size; -1: up to the end of the stream */
    int64_t got;
    int lines; /* of the head */
};

static void fetch_free(void *data)
{
    struct fetch *f = data;
    vow_stream_unref(f->sock);
    digest_unref(f->digest);
    url_done(&f->url);
    free(f->request);
    free(f);
}

static const char *status_text(int status)
{
    switch (status) {
    case 301:
    case 302:
    case 307:
    case 308:
        return "the page has moved";
    case 400:
        return "the server does not understand the request";
    case 401:
    case 403:
        return "the page is not for us";
    case 404:
        return "there is no such page";
    default:
        return status >= 500 ? "the server has failed" : "the server answers with no page";
    }
}

const vow_domain *http_domain(void)
{
    static const vow_domain domain = {"HTTP", status_text};
    return &domain;
}

/* The line in `v` without its end, copied to `line` (LINE bytes); -1 if it has control
 * characters: then it is no line of HTTP. */
static int line_of(vow_value v, char *line)
{
    vow_buf *b = vow_buf_of(v);
    size_t size = vow_buf_size(b) - 1; /* without '\n' */
    memcpy(line, vow_buf_bytes(b), size);
    if (size > 0 && line[size - 1] == '\r')
        size--;
    line[size] = '\0';
    for (size_t i = 0; i < size; i++)
        if (iscntrl((unsigned char)line[i]) && line[i] != '\t')
            return -1;
    return 0;
}

/* ---- the page ---- */

static vow_value go_on(vow_value v, void *data)
{
    (void)v;
    (void)data;
    return VOW_AGAIN;
}

static vow_value on_piece(vow_value v, void *data)
{
    struct fetch *f = data;
    vow_buf *piece = vow_buf_of(v);
    if (vow_buf_size(piece) == 0 && f->announced >= 0)
        return vow_fail(EPROTO, "the page ends after %" PRId64 " of %" PRId64 " bytes", f->got,
                        f->announced);
    if (vow_buf_size(piece) == 0)
        return vow_none();
    f->got += (int64_t)vow_buf_size(piece);
    return vow_v(vow_then(digest_add(f->digest, vow_buf_ref(piece)), go_on, NULL));
}

static vow_value next_piece(void *data)
{
    struct fetch *f = data;
    int64_t left = f->announced < 0 ? PIECE : f->announced - f->got;
    if (left == 0)
        return vow_none();
    vow_promise *p = vow_stream_read(f->sock, left < PIECE ? (size_t)left : PIECE);
    return vow_v(vow_then(p, on_piece, f));
}

static vow_value on_head(vow_value v, void *data)
{
    struct fetch *f = data;
    (void)v;
    return vow_v(vow_context(vow_repeat(f->loop, next_piece, f), "read the page"));
}

/* ---- the head ---- */

/* The number of a Content-Length, strictly; -1 if it is none. */
static int64_t length_of(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || text[digits + strspn(text + digits, " \t")] != '\0')
        return -1;
    return strtoll(text, NULL, 10);
}

static vow_value on_field(vow_value v, void *data)
{
    struct fetch *f = data;
    char line[LINE];
    if (line_of(v, line) != 0)
        return vow_fail(EPROTO, "a line of the head has control characters");
    if (line[0] == '\0')
        return vow_none(); /* the end of the head, and of the repeat */
    size_t name = strcspn(line, ": \t");
    if (name == 0 || line[name] != ':')
        return vow_fail(EPROTO, "no line of a head: \"%.40s\"", line);
    if (++f->lines > LINES)
        return vow_fail(EPROTO, "the head has more than %d lines", LINES);
    const char *text = line + name + 1 + strspn(line + name + 1, " \t");
    line[name] = '\0';
    if (strcasecmp(line, "Transfer-Encoding") == 0)
        return vow_fail(EPROTO, "the page is %.40s, which HTTP/1.0 does not know", text);
    if (strcasecmp(line, "Content-Length") == 0) {
        int64_t length = length_of(text);
        if (length < 0 || (f->announced >= 0 && f->announced != length))
            return vow_fail(EPROTO, "no length: \"%.40s\"", text);
        f->announced = length;
    }
    return VOW_AGAIN;
}

static vow_value next_field(void *data)
{
    struct fetch *f = data;
    return vow_v(vow_then(vow_stream_read_until(f->sock, '\n', LINE), on_field, f));
}

/* "HTTP/1.x NNN reason" */
static vow_value on_status(vow_value v, void *data)
{
    struct fetch *f = data;
    char line[LINE];
    if (line_of(v, line) != 0)
        return vow_fail(EPROTO, "this is not HTTP, but has control characters");
    bool http = strncmp(line, "HTTP/1.", 7) == 0 && isdigit((unsigned char)line[7]) &&
                line[8] == ' ' && strspn(line + 9, "0123456789") == 3 &&
                (line[12] == ' ' || line[12] == '\0');
    if (!http)
        return vow_fail(EPROTO, "this is not HTTP: \"%.40s\"", line);
    int status = atoi(line + 9);
    if (status != 200)
        return vow_fail_in(http_domain(), status, "%.80s", line);
    return vow_v(vow_context(vow_repeat(f->loop, next_field, f), "read the head"));
}

/* ---- the request ---- */

static vow_value on_written(vow_value v, void *data)
{
    struct fetch *f = data;
    (void)v;
    return vow_v(vow_context(vow_stream_read_until(f->sock, '\n', 1024), "read the status line"));
}

static vow_value on_connect(vow_value v, void *data)
{
    struct fetch *f = data;
    f->sock = vow_stream_ref(vow_stream_of(v));
    return vow_v(vow_context(vow_stream_write(f->sock, f->request, strlen(f->request)), "write"));
}

static vow_value on_page(vow_value v, void *data)
{
    struct fetch *f = data;
    (void)v;
    return digest_end(f->digest);
}

static char *request_of(const struct url *u)
{
    const char *format = "GET %s HTTP/1.0\r\nHost: %s%s%s:%s\r\nUser-Agent: vow-tour\r\n\r\n";
    bool address = strchr(u->host, ':') != NULL;
    const char *open = address ? "[" : "", *close = address ? "]" : "";
    int size = snprintf(NULL, 0, format, u->path, open, u->host, close, u->port);
    char *request = size < 0 ? NULL : malloc((size_t)size + 1);
    if (request != NULL)
        snprintf(request, (size_t)size + 1, format, u->path, open, u->host, close, u->port);
    return request;
}

vow_promise *http_digest(vow_loop *loop, vow_pool *pool, const char *text)
{
    struct url url;
    const char *wrong = url_parse(text, &url);
    if (wrong != NULL)
        return vow_rejected(loop, vow_error_new(vow_errno_domain(), EINVAL, "no URL: %s", wrong));
    struct fetch *f = calloc(1, sizeof *f);
    if (f == NULL) {
        url_done(&url);
        return vow_rejected(loop, vow_error_new(vow_errno_domain(), ENOMEM, "fetch"));
    }
    *f = (struct fetch){.loop = loop,
                        .url = url,
                        .digest = digest_new(loop, pool),
                        .request = request_of(&url),
                        .announced = -1};
    if (f->digest == NULL || f->request == NULL) {
        fetch_free(f);
        return vow_rejected(loop, vow_error_new(vow_errno_domain(), ENOMEM, "fetch"));
    }
    vow_promise *p = vow_sock_connect(loop, url.host, url.port);
    p = vow_context(p, "open the connection");
    p = vow_then(p, on_connect, f);
    p = vow_then(p, on_written, f);
    p = vow_then(p, on_status, f);
    p = vow_then(p, on_head, f);
    p = vow_then(p, on_page, f);
    return vow_attach(p, f, fetch_free);
}
