/* SPDX-License-Identifier: MIT
 *
 * 23-proxy - a TCP proxy: what either side sends goes to the other, no faster than that side
 * takes it: however much goes through, the proxy holds one buffer a direction.
 *
 *     examples/run 23-proxy
 *
 * Expected output:
 *     the server got 8388608 bytes
 *     the client heard: thank you
 */
#include <stdio.h>
#include <vow.h>

enum { BYTES = 8 << 20 };

/* The proxy. */
static void release(void *stream) { vow_stream_unref(stream); }
static vow_value end_there(vow_value v, void *to) { return (void)v, vow_v(vow_stream_shutdown(to)); }

static vow_value on_upstream(vow_value v, void *client)
{
    vow_stream *server = vow_stream_ref(vow_stream_of(v));
    vow_promise *there = vow_then(vow_pump(client, server, 0), end_there, server);
    vow_promise *back = vow_then(vow_pump(server, client, 0), end_there, client);
    return vow_v(vow_attach(vow_all(vow_current(), there, back), server, release));
}

static vow_value on_client(vow_value v, void *address)
{
    vow_stream *client = vow_stream_ref(vow_stream_of(v));
    vow_promise *p = vow_sock_connect_to(vow_current(), vow_address_value(address), NULL);
    return vow_v(vow_attach(vow_then(p, on_upstream, client), client, release));
}

/* The server behind it. */
static vow_value thank(vow_value v, void *stream)
{
    printf("the server got %d bytes\n", (int)vow_buf_size(vow_buf_of(v)));
    return vow_v(vow_stream_write(stream, "thank you", 9));
}
static vow_value serve(vow_value v, void *data)
{
    (void)data;
    vow_stream *s = vow_stream_ref(vow_stream_of(v));
    return vow_v(vow_attach(vow_then(vow_stream_read_exact(s, BYTES), thank, s), s, release));
}

/* The client. */
static int talk(vow_loop *loop, const vow_address *proxy)
{
    static const char bytes[BYTES];
    vow_value v, heard = vow_none();
    int code = vow_run(loop, vow_sock_connect_to(loop, vow_address_value(proxy), NULL), &v);
    if (!code)
        code = vow_run(loop, vow_stream_write(vow_stream_of(v), bytes, BYTES), NULL);
    if (!code)
        code = vow_run(loop, vow_stream_read_exact(vow_stream_of(v), 9), &heard);
    if (!code)
        printf("the client heard: %.9s\n", (const char *)vow_buf_bytes(vow_buf_of(heard)));
    vow_release(heard);
    vow_release(v); /* closes: both pumps come to their ends */
    return code;
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    vow_listener *server = loop ? vow_listen(loop, NULL, 0, 0) : NULL;
    vow_listener *proxy = loop ? vow_listen(loop, NULL, 0, 0) : NULL;
    if (server == NULL || proxy == NULL)
        return perror("listen"), 1;
    vow_promise *served = vow_then(vow_accept(server), serve, NULL);
    vow_address behind = *vow_listener_address(server);
    vow_promise *passed = vow_then(vow_accept(proxy), on_client, &behind);
    int code = talk(loop, vow_listener_address(proxy));
    code |= vow_run(loop, vow_all(loop, served, passed), NULL);
    vow_listener_close(server), vow_listener_close(proxy), vow_loop_free(loop);
    return code != 0;
}
