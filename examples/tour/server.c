/* SPDX-License-Identifier: MIT
 *
 * server.c - a fixed number of workers, each a promise that takes one client after the
 * other: accept, read the request, read the file, write the answer, close.
 */
#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 8, LINE = 4096, FILE_LIMIT = 16 << 20, CLIENT_MS = 10000 };

struct server {
    vow_loop *loop;
    vow_listener *listener; /* NULL: stopping */
    unsigned port;
    vow_promise *workers; /* all of them; NULL once server_stop has given it away */
};

/* Attached to what is done for one client. */
struct client {
    vow_stream *sock;
    char path[LINE]; /* asked for; "" when the request was none */
    char head[128];  /* of the answer, kept while it is written */
    vow_buf *page;
};

static void client_free(void *data)
{
    struct client *c = data;
    vow_stream_unref(c->sock);
    vow_buf_unref(c->page);
    free(c);
}

/* ---- the answer ---- */

static vow_value write_page(vow_value v, void *data)
{
    struct client *c = data;
    (void)v;
    return vow_v(vow_stream_write_buf(c->sock, vow_buf_ref(c->page)));
}

static vow_value answer(struct client *c, const char *status)
{
    if (c->page == NULL)
        return vow_fail(ENOMEM, "answer");
    snprintf(c->head, sizeof c->head, "HTTP/1.0 %s\r\nContent-Length: %zu\r\n\r\n", status,
             vow_buf_size(c->page));
    vow_promise *p = vow_stream_write(c->sock, c->head, strlen(c->head));
    return vow_v(vow_then(p, write_page, c));
}

static vow_value on_file(vow_value v, void *data)
{
    struct client *c = data;
    c->page = vow_buf_ref(vow_buf_of(v));
    return answer(c, "200 OK");
}

static vow_value on_no_file(const vow_error *e, void *data)
{
    struct client *c = data;
    const char *status = c->path[0] == '\0' ? "400 Bad Request" : "404 Not Found";
    (void)e;
    c->page = vow_buf_copy(status, strlen(status));
    return answer(c, status);
}

/* ---- the request ---- */

/* The path of "GET /a/b.c HTTP/1.0", as a file below the working directory; nothing that
 * begins with a dot. Leaves it "" when the line is none of that. */
static void parse_request(struct client *c, const char *line, size_t size)
{
    if (size < 5 || memcmp(line, "GET /", 5) != 0)
        return;
    const char *from = line + 5, *end = memchr(from, ' ', size - 5);
    if (end == NULL || size - (size_t)(end - line) < 9 || memcmp(end, " HTTP/1.", 8) != 0)
        return;
    for (const char *at = from; at < end; at++)
        if ((at[0] == '.' && (at == from || at[-1] == '/')) || at[0] == '\0')
            return;
    memcpy(c->path, from, (size_t)(end - from));
    c->path[end - from] = '\0';
}

static vow_value on_line(vow_value v, void *data)
{
    struct client *c = data;
    const char *line = (const char *)vow_buf_bytes(vow_buf_of(v));
    size_t size = vow_buf_size(vow_buf_of(v));
    if (size <= 2 && line[0] != 'G') /* the empty line: the end of the head, and of the repeat */
        return vow_none();
    if (c->path[0] == '\0')
        parse_request(c, line, size);
    return VOW_AGAIN;
}

static vow_value next_line(void *data)
{
    struct client *c = data;
    return vow_v(vow_then(vow_stream_read_until(c->sock, '\n', LINE), on_line, c));
}

static vow_value on_request(vow_value v, void *data)
{
    struct client *c = data;
    (void)v;
    vow_promise *p = vow_file_read(vow_current(), c->path, FILE_LIMIT);
    return vow_v(vow_then_catch(p, on_file, on_no_file, c));
}

/* ---- clients ---- */

static vow_value on_gone(vow_value v, void *data)
{
    (void)v; /* a client's error is not the server's */
    (void)data;
    return VOW_AGAIN;
}

static vow_value on_client(vow_value v, void *data)
{
    struct server *server = data;
    struct client *c = calloc(1, sizeof *c);
    if (c == NULL)
        return VOW_AGAIN; /* without memory: the client is hung up on */
    c->sock = vow_stream_ref(vow_stream_of(v));
    vow_promise *p = vow_repeat(server->loop, next_line, c);
    p = vow_then(p, on_request, c);
    p = vow_timeout(p, CLIENT_MS);
    p = vow_attach(p, c, client_free);
    return vow_v(vow_handle(p, on_gone, NULL));
}

static vow_value serve(void *data)
{
    struct server *server = data;
    if (server->listener == NULL)
        return vow_none();
    return vow_v(vow_then(vow_accept(server->listener), on_client, server));
}

struct server *server_new(vow_loop *loop)
{
    struct server *server = malloc(sizeof *server);
    vow_listener *listener = vow_listen(loop, NULL, 0, 128);
    if (server == NULL || listener == NULL) {
        int code = errno;
        free(server);
        vow_listener_close(listener);
        errno = code;
        return NULL;
    }
    *server = (struct server){loop, listener, vow_listener_port(listener), NULL};
    vow_promise *workers[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        workers[i] = vow_repeat(loop, serve, server);
    server->workers = vow_all_settled_n(loop, WORKERS, workers);
    return server;
}

unsigned server_port(const struct server *server) { return server->port; }

vow_promise *server_stop(struct server *server)
{
    vow_promise *workers = server->workers;
    server->workers = NULL;
    server->listener = vow_listener_close(server->listener);
    return workers;
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    vow_unref(server->workers);
    vow_listener_close(server->listener);
    free(server);
}
