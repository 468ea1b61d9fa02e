/* SPDX-License-Identifier: MIT
 *
 * 22-flaky - a server that hangs up on its first clients, and a client that comes back: each
 * attempt has a time limit, and the pauses between them grow.
 *
 *     examples/run 22-flaky
 *
 * Expected output:
 *     attempt 1: stream read: the stream ended in the middle: Connection reset by peer
 *     attempt 2: stream read: the stream ended in the middle: Connection reset by peer
 *     attempt 3 was answered: here you are
 */
#include <stdio.h>
#include <vow.h>

enum { FLAWED = 2, LIMIT_MS = 2000 };

static void release(void *stream) { vow_stream_unref(stream); }

/* The server. */
static vow_value again(vow_value v, void *data) { return (void)v, (void)data, VOW_AGAIN; }

static vow_value on_client(vow_value v, void *data)
{
    static int clients;
    (void)data;
    if (++clients <= FLAWED)
        return VOW_AGAIN; /* nobody keeps the stream: it closes */
    vow_stream *s = vow_stream_ref(vow_stream_of(v));
    return vow_v(vow_attach(vow_then(vow_stream_write(s, "here you are", 12), again, NULL), s, release));
}

static vow_value serve(void *listener) { return vow_v(vow_then(vow_accept(listener), on_client, NULL)); }

/* The client. */
static int attempts;

static vow_value on_connected(vow_value v, void *data)
{
    (void)data;
    vow_stream *s = vow_stream_ref(vow_stream_of(v));
    return vow_v(vow_attach(vow_stream_read_exact(s, 12), s, release));
}

static vow_value on_failure(const vow_error *e, void *data)
{
    char text[200];
    (void)data;
    vow_describe(e, VOW_ONE_LINE, text, sizeof text);
    printf("attempt %d: %s\n", attempts, text);
    return vow_rethrow(e);
}

static vow_value try_once(void *address)
{
    attempts++;
    vow_promise *p = vow_sock_connect_to(vow_current(), vow_address_value(address), NULL);
    p = vow_timeout(vow_then(p, on_connected, NULL), LIMIT_MS);
    return vow_v(vow_catch(p, on_failure, NULL));
}

int main(void)
{
    const vow_retry_policy policy = {.tries = 5, .first_ms = 10, .most_ms = 100, .factor = 2};
    vow_loop *loop = vow_loop_new();
    vow_listener *listener = loop ? vow_listen(loop, NULL, 0, 0) : NULL;
    if (listener == NULL)
        return perror("listen"), 1;
    vow_address address = *vow_listener_address(listener);
    vow_promise *server = vow_repeat(loop, serve, listener);
    vow_value v;
    int code = vow_run(loop, vow_retry(loop, &policy, try_once, &address), &v);
    if (code == 0)
        printf("attempt %d was answered: %.12s\n", attempts, (char *)vow_buf_bytes(vow_buf_of(v)));
    vow_release(v);
    vow_unref(server);
    vow_listener_close(listener);
    vow_loop_free(loop);
    return code != 0;
}
