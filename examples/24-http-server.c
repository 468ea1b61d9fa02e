/* SPDX-License-Identifier: MIT
 *
 * 24-http-server [PORT] - answers at once, after a while, and an error; without a port to itself.
 *
 *     examples/run 24-http-server
 *
 * Expected output:
 *     200 hello, /you
 *     200 that took a while
 *     500 
 *     the server has stopped
 * Expected errors:
 *     GET /broken: out of order: Input/output error
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vow.h>
#include <vow/http.h>
#include <vow/http_server.h>

static vow_value after_a_while(vow_value v, void *text)
{
    return (void)v, vow_text(text);
}

static vow_value on_request(vow_http_incoming *in, void *loop)
{
    static char text[] = "that took a while";
    const char *path = vow_http_incoming_path(in);
    if (strcmp(path, "/slow") == 0)
        return vow_v(vow_then(vow_delay(loop, 20), after_a_while, text));
    if (strcmp(path, "/broken") == 0)
        return vow_fail(EIO, "%s %s: out of order", vow_http_incoming_method(in), path);
    return vow_textf("hello, %s", path);
}

/* A handler's error is answered with 500 and nothing more, and reported here. */
static void on_unhandled(const vow_error *e, const char *made, bool late, void *data)
{
    char why[200];
    (void)made, (void)late, (void)data;
    vow_describe(e, VOW_ONE_LINE, why, sizeof why);
    fprintf(stderr, "%s\n", why);
}

static int ask(vow_loop *loop, vow_http_server *server, vow_http_client *client, const char *path)
{
    char url[100];
    vow_value v;
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", vow_http_server_port(server), path);
    int code = vow_run(loop, vow_http_get(client, url, 1000), &v);
    if (code == 0) {
        vow_http_response *r = vow_http_response_of(v);
        printf("%d %.*s\n", vow_http_status(r), (int)vow_buf_size(vow_http_body(r)),
               (const char *)vow_buf_bytes(vow_http_body(r)));
    }
    vow_release(v);
    return code;
}

int main(int argc, char **argv)
{
    vow_loop *loop = vow_loop_new();
    vow_http_client *client = loop ? vow_http_client_new(loop, NULL) : NULL;
    uint16_t port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 0);
    vow_http_server *server = client ? vow_http_server_new(loop, NULL, port, on_request, loop) : NULL;
    if (!server)
        return perror("http"), 1;
    vow_on_unhandled(loop, on_unhandled, NULL);
    int code = port ? vow_run_all(loop) : ask(loop, server, client, "/you") ||
                          ask(loop, server, client, "/slow") || ask(loop, server, client, "/broken");
    if (vow_run(loop, vow_http_server_stop(server), NULL) == 0)
        puts("the server has stopped");
    vow_http_server_free(server);
    vow_http_client_free(client);
    vow_loop_free(loop);
    return code ? 1 : 0;
}
