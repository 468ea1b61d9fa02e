/* SPDX-License-Identifier: MIT
 *
 * 09-await - 07-fetch written straight down: connect, write, read, parse, one after the
 * other, in a fiber; the server is another one. Errors are codes where they arise.
 *
 *     examples/run 09-await
 *
 * Expected output:
 *     status 200
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <vow.h>

static const char request[] = "GET / HTTP/1.0\r\n\r\n", reply[] = "HTTP/1.0 200 OK\r\n\r\nhello";
static const char *host = "127.0.0.1", *port;

static vow_value parse(vow_value line)
{
    const char *text = (const char *)vow_buf_bytes(vow_buf_of(line));
    bool http = vow_buf_size(vow_buf_of(line)) >= 12 && memcmp(text, "HTTP/1.", 7) == 0;
    if (http)
        printf("status %.3s\n", text + 9);
    vow_release(line);
    return http ? vow_none() : vow_fail(EPROTO, "this is not HTTP");
}

static vow_value fetch(void *loop)
{
    vow_value v; /* what the last await gave: the value, or the error */
    if (vow_await(vow_sock_connect(loop, host, port), &v) != 0)
        return v;
    vow_stream *sock = vow_stream_ref(vow_stream_of(v));
    vow_release(v);
    if (vow_await(vow_stream_write(sock, request, sizeof request - 1), &v) == 0 &&
        vow_await(vow_stream_read_until(sock, '\n', 1000), &v) == 0)
        v = parse(v);
    vow_stream_unref(sock); /* here whatever has happened */
    return v;
}

static vow_value serve(void *listener)
{
    vow_value v;
    if (vow_await(vow_accept(listener), &v) != 0)
        return v;
    vow_stream *sock = vow_stream_ref(vow_stream_of(v));
    vow_release(v);
    if (vow_await(vow_stream_read(sock, 1000), &v) == 0) {
        vow_release(v);
        vow_await(vow_stream_write(sock, reply, sizeof reply - 1), &v);
    }
    vow_stream_unref(sock);
    return v;
}

int main(int argc, char **argv)
{
    vow_loop *loop = vow_loop_new();
    vow_listener *listener = loop ? vow_listen(loop, NULL, 0, 8) : NULL;
    if (listener == NULL) {
        perror("listen");
        return 1;
    }
    char own[8], why[300];
    snprintf(own, sizeof own, "%d", vow_listener_port(listener));
    host = argc > 2 ? argv[1] : host;
    port = argc > 2 ? argv[2] : own;
    vow_promise *server = vow_spawn(loop, serve, listener, NULL);
    vow_value v;
    int code = vow_run(loop, vow_timeout(vow_spawn(loop, fetch, loop, NULL), 5000), &v);
    if (code != 0 && vow_describe(vow_as_error(v), VOW_ONE_LINE, why, sizeof why))
        fprintf(stderr, "fetch: %s\n", why);
    vow_release(v);
    vow_unref(server);
    vow_listener_close(listener);
    vow_loop_free(loop);
    return code == 0 ? 0 : 1;
}
