/* SPDX-License-Identifier: MIT
 *
 * 20-shutdown - a server that ends well on SIGTERM: its clients may finish, for ten seconds.
 *
 *     examples/run 20-shutdown
 *
 * Expected output:
 *     SIGTERM: 1 client to finish
 *     it had its answer, the server is down
 */
#include <signal.h>
#include <stdio.h>
#include <vow.h>

static struct {
    vow_loop *loop;
    vow_listener *listener; /* NULL: it takes no more clients */
    vow_scope *clients;
    vow_promise *term; /* SIGTERM */
} s;

static void release(void *stream) { vow_stream_unref(stream); }
static vow_value answer(vow_value line, void *stream)
{
    return vow_v(vow_stream_write_buf(stream, vow_buf_ref(vow_buf_of(line))));
}

static vow_value on_client(vow_value v, void *data)
{
    vow_stream *stream = vow_stream_ref(vow_stream_of(v));
    vow_promise *line = vow_stream_read_until(stream, '\n', 100);
    vow_scope_add(s.clients, vow_then_with(line, answer, stream, release));
    raise(SIGTERM); /* as `kill` would, now that there is a client */
    return (void)data, VOW_AGAIN;
}

static vow_value serve(void *data)
{
    (void)data;
    return s.listener ? vow_v(vow_then(vow_accept(s.listener), on_client, NULL)) : vow_none();
}

static vow_value on_term(vow_value v, void *data)
{
    printf("SIGTERM: %zu client to finish\n", vow_scope_running(s.clients));
    s.listener = vow_listener_close(s.listener); /* NULL; an accept that waits rejects */
    return (void)v, (void)data, vow_v(vow_timeout(vow_scope_join(s.clients), 10000));
}

static vow_value speak(vow_value v, void *stream) /* the client, once SIGTERM has come */
{
    vow_promise *said = vow_stream_write(stream, "hello\n", 6);
    return (void)v, vow_v(vow_all(s.loop, said, vow_stream_read_exact(stream, 6)));
}

static vow_value on_connect(vow_value v, void *data)
{
    vow_stream *stream = vow_stream_ref(vow_stream_of(v));
    return (void)data, vow_v(vow_then_with(vow_ref(s.term), speak, stream, release));
}

int main(void)
{
    s.loop = vow_loop_new();
    s.listener = s.loop ? vow_listen(s.loop, NULL, 0, 0) : NULL;
    s.clients = s.listener ? vow_scope_new(s.loop, VOW_COLLECT) : NULL;
    if (s.clients == NULL)
        return perror("listen"), 1;
    s.term = vow_signal(s.loop, SIGTERM);
    vow_detach(vow_repeat(s.loop, serve, NULL), NULL, NULL, NULL);
    vow_value to = vow_address_value(vow_listener_address(s.listener));
    vow_promise *client = vow_then(vow_sock_connect_to(s.loop, to, NULL), on_connect, NULL);
    vow_promise *end = vow_then(vow_ref(s.term), on_term, NULL);
    int code = vow_run(s.loop, vow_all(s.loop, end, client), NULL);
    puts(code ? "the server failed" : "it had its answer, the server is down");
    vow_unref(s.term);
    vow_scope_free(s.clients);
    vow_loop_free(s.loop);
    return code != 0;
}
