/* SPDX-License-Identifier: MIT
 *
 * 25-static FOLDER [PORT] - the files of a folder by HTTP; without a port to itself.
 *
 *     examples/run 25-static examples
 *
 * Expected output:
 *     200 text/plain /25-static.c
 *     404 - /missing
 *     404 - /%2e%2e/README.md
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vow.h>
#include <vow/http.h>
#include <vow/http_server.h>

static vow_value on_bytes(vow_value v, void *path)
{
    const char *dot = strrchr(path, '.');
    vow_http_reply *reply = vow_http_reply_new(200);
    bool html = dot && strcmp(dot, ".html") == 0;
    vow_http_reply_header(reply, "Content-Type", html ? "text/html" : "text/plain");
    vow_http_reply_body(reply, vow_buf_ref(vow_buf_of(v)));
    return vow_http_reply_value(reply);
}

static vow_value on_error(const vow_error *e, void *data)
{
    (void)e, (void)data;
    return vow_http_reply_value(vow_http_reply_new(404));
}

static vow_value on_request(vow_http_incoming *in, void *folder)
{
    char *path = NULL; /* as it came: without decoding there is no hidden ".." */
    if (strstr(vow_http_incoming_path(in), ".."))
        return vow_http_reply_value(vow_http_reply_new(404));
    if (asprintf(&path, "%s%s", (char *)folder, vow_http_incoming_path(in)) < 0)
        return vow_http_reply_value(vow_http_reply_new(503));
    vow_promise *p = vow_file_read(vow_current(), path, 64 << 20);
    return vow_v(vow_attach(vow_catch(vow_then(p, on_bytes, path), on_error, NULL), path, free));
}

static void ask(vow_loop *loop, uint16_t port, vow_http_client *client, const char *path)
{
    char url[200];
    vow_value v;
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port, path);
    if (vow_run(loop, vow_http_get(client, url, 0), &v) == 0) {
        const char *type = vow_http_header(vow_http_response_of(v), "content-type");
        printf("%d %s %s\n", vow_http_status(vow_http_response_of(v)), type ? type : "-", path);
    }
    vow_release(v);
}

int main(int argc, char **argv)
{
    vow_loop *loop = vow_loop_new();
    vow_http_client *client = loop ? vow_http_client_new(loop, NULL) : NULL;
    uint16_t port = (uint16_t)(argc > 2 ? atoi(argv[2]) : 0);
    vow_http_server *server = NULL;
    if (argc > 1 && client)
        server = vow_http_server_new(loop, NULL, port, on_request, argv[1]);
    if (!server)
        return perror("25-static FOLDER [PORT]"), 1;
    port = vow_http_server_port(server);
    int code = argc > 2 ? vow_run_all(loop) : 0;
    if (argc <= 2) {
        ask(loop, port, client, "/25-static.c");
        ask(loop, port, client, "/missing");
        ask(loop, port, client, "/%2e%2e/README.md");
    }
    vow_http_server_free(server);
    vow_http_client_free(client);
    vow_loop_free(loop);
    return code ? 1 : 0;
}
