/* SPDX-License-Identifier: MIT
 *
 * 08-echo - a server and fifty clients on one loop. Each of eight workers serves one client
 * after the other; when the listener is closed they finish theirs, and the server is down.
 *
 *     examples/run 08-echo
 *
 * Expected output:
 *     50 clients heard their echo
 *     the server is down
 */
#include <stdio.h>
#include <vow.h>

enum { WORKERS = 8, CLIENTS = 50, SILENCE_MS = 10000 };

static void release(void *sock) { vow_stream_unref(sock); }

static vow_value again(vow_value v, void *data) { return (void)v, (void)data, VOW_AGAIN; }

static vow_value on_bytes(vow_value v, void *sock)
{
    if (vow_buf_size(vow_buf_of(v)) == 0)
        return vow_none(); /* the end of the stream, and of the repeat */
    return vow_v(vow_then(vow_stream_write_buf(sock, vow_buf_ref(vow_buf_of(v))), again, NULL));
}

static vow_value echo(void *sock)
{
    return vow_v(vow_then(vow_timeout(vow_stream_read(sock, 4096), SILENCE_MS), on_bytes, sock));
}

static vow_value on_client(vow_value v, void *loop)
{
    vow_promise *p = vow_repeat_with(loop, echo, vow_stream_ref(vow_stream_of(v)), release);
    return vow_v(vow_handle(p, again, NULL)); /* a client's error is not the server's */
}

static vow_value serve(void *data)
{
    vow_listener **listener = data;
    if (*listener == NULL)
        return vow_none(); /* it was closed while this worker had a client */
    return vow_v(vow_then(vow_accept(*listener), on_client, vow_current()));
}

static vow_value on_connect(vow_value v, void *text)
{
    vow_stream *sock = vow_stream_ref(vow_stream_of(v));
    vow_promise *sent = vow_stream_write(sock, text, 4), *heard = vow_stream_read_exact(sock, 4);
    return vow_v(vow_attach(vow_all(vow_current(), sent, heard), sock, release));
}

static vow_value client(size_t i, void *port)
{
    (void)i;
    return vow_v(vow_then(vow_sock_connect(vow_current(), "127.0.0.1", port), on_connect, port));
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    vow_listener *listener = loop ? vow_listen(loop, NULL, 0, CLIENTS) : NULL;
    if (listener == NULL) {
        perror("listen");
        return 1;
    }
    vow_promise *workers[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        workers[i] = vow_repeat(loop, serve, &listener);
    char port[8];
    snprintf(port, sizeof port, "%d", vow_listener_port(listener));
    int code = vow_run(loop, vow_for_each(loop, CLIENTS, 0, client, port), NULL);
    printf("%d clients %s\n", CLIENTS, code ? "failed" : "heard their echo");
    listener = vow_listener_close(listener); /* NULL; waiting accepts reject */
    code |= vow_run(loop, vow_all_settled_n(loop, WORKERS, workers), NULL);
    puts(code ? "the server failed" : "the server is down");
    vow_loop_free(loop);
    return code != 0;
}
