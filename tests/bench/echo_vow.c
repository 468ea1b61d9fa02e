/* SPDX-License-Identifier: MIT
 *
 * echo_vow.c - the echo server on vow's sockets: echo_vow PORT. Every request is a read
 * promise and a write promise.
 */
#include <stdio.h>
#include <stdlib.h>

#include "vow.h"

static vow_value on_bytes(vow_value v, void *data)
{
    vow_buf *b = vow_buf_of(v);
    if (vow_buf_size(b) == 0)
        return vow_none(); /* the end: whatever is not VOW_AGAIN ends the repeat */
    return vow_v(vow_stream_write_buf(data, vow_buf_ref(b)));
}
static vow_value on_written(vow_value v, void *data)
{
    (void)data;
    return vow_is_none(v) ? vow_none() : VOW_AGAIN;
}
static vow_value serve_once(void *data)
{
    vow_promise *p = vow_stream_read(data, 4096);
    p = vow_then(p, on_bytes, data);
    return vow_v(vow_then(p, on_written, NULL));
}
static void release_sock(void *data) { vow_stream_unref(data); }
static void ignore(const vow_error *e, void *data) { (void)e, (void)data; }

static vow_value on_client(vow_value v, void *data)
{
    vow_stream *s = vow_stream_ref(vow_stream_of(v));
    vow_loop *loop = vow_current();
    vow_detach(vow_repeat_with(loop, serve_once, s, release_sock), ignore, NULL, NULL);
    (void)data;
    return VOW_AGAIN;
}
static vow_value accept_once(void *data)
{
    return vow_v(vow_then(vow_accept(data), on_client, NULL));
}

int main(int argc, char **argv)
{
    vow_loop *loop = vow_loop_new();
    vow_listener *l = vow_listen(loop, NULL, (uint16_t)(argc > 1 ? atoi(argv[1]) : 0), 128);
    if (!l) {
        perror("listen");
        return 1;
    }
    return vow_run(loop, vow_repeat(loop, accept_once, l), NULL);
}
