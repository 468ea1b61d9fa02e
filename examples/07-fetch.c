/* SPDX-License-Identifier: MIT
 *
 * 07-fetch - connect, write, read, parse, and one catch for whatever goes wrong. It asks a
 * server of its own, on the same loop, or the one at HOST PORT.
 *
 *     examples/run 07-fetch
 *
 * Expected output:
 *     status 200
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <vow.h>

static const char request[] = "GET / HTTP/1.0\r\n\r\n", reply[] = "HTTP/1.0 200 OK\r\n\r\nhello";

static vow_value on_line(vow_value v, void *data)
{
    const char *line = (const char *)vow_buf_bytes(vow_buf_of(v));
    (void)data;
    if (vow_buf_size(vow_buf_of(v)) < 12 || memcmp(line, "HTTP/1.", 7) != 0)
        return vow_fail(EPROTO, "this is not HTTP");
    printf("status %.3s\n", line + 9);
    return vow_none();
}

static vow_value on_written(vow_value v, void *sock)
{
    (void)v;
    return vow_v(vow_stream_read_until(sock, '\n', 1000));
}

static void release(void *sock) { vow_stream_unref(sock); }

static vow_value on_connect(vow_value v, void *data)
{
    vow_stream *sock = vow_stream_ref(vow_stream_of(v)); /* v is borrowed: a reference of our own */
    vow_promise *p = vow_stream_write(sock, request, sizeof request - 1);
    p = vow_then(p, on_written, sock);
    p = vow_then(p, on_line, data);
    return vow_v(vow_attach(p, sock, release));
}

static vow_value on_error(const vow_error *e, void *data)
{
    char why[300];
    (void)data;
    vow_describe(e, VOW_ONE_LINE, why, sizeof why);
    fprintf(stderr, "fetch: %s\n", why);
    return vow_rethrow(e);
}

static vow_value serve(vow_value v, void *loop)
{
    vow_stream *sock = vow_stream_ref(vow_stream_of(v));
    vow_promise *got = vow_stream_read(sock, 1000);
    vow_promise *both = vow_all(loop, got, vow_stream_write(sock, reply, sizeof reply - 1));
    return vow_v(vow_attach(both, sock, release));
}

int main(int argc, char **argv)
{
    vow_loop *loop = vow_loop_new();
    vow_listener *listener = loop ? vow_listen(loop, NULL, 0, 8) : NULL;
    if (listener == NULL) {
        perror("listen");
        return 1;
    }
    char own[8];
    snprintf(own, sizeof own, "%d", vow_listener_port(listener));
    const char *host = argc > 2 ? argv[1] : "127.0.0.1", *port = argc > 2 ? argv[2] : own;
    vow_detach(vow_then(vow_accept(listener), serve, loop), NULL, NULL, NULL);
    vow_promise *p = vow_sock_connect(loop, host, port);
    p = vow_timeout(vow_then(p, on_connect, NULL), 5000);
    int code = vow_run(loop, vow_catch(p, on_error, NULL), NULL);
    vow_listener_close(listener);
    vow_loop_free(loop);
    return code == 0 ? 0 : 1;
}
