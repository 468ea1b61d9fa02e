/* SPDX-License-Identifier: MIT
 *
 * tls_vow.c - the echo server of tls_floor.c on vow-tls: tls_vow server CERT.
 */
#include <stdio.h>
#include <vow.h>
#include <vow/tls.h>

static vow_value on_bytes(vow_value v, void *data)
{
    vow_buf *b = vow_buf_of(v);
    if (vow_buf_size(b) == 0)
        return vow_none();
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
static void release(void *data) { vow_stream_unref(data); }
static void ignore(const vow_error *e, void *data) { (void)e, (void)data; }

static vow_value on_shaken(vow_value v, void *data)
{
    (void)data;
    vow_stream *s = vow_stream_ref(vow_stream_of(v));
    return vow_v(vow_repeat_with(vow_current(), serve_once, s, release));
}
static vow_value on_client(vow_value v, void *data)
{
    vow_promise *p = vow_tls_accept(data, vow_stream_ref(vow_stream_of(v)));
    vow_detach(vow_then(p, on_shaken, NULL), ignore, NULL, NULL);
    return VOW_AGAIN;
}

struct server {
    vow_listener *listener;
    vow_tls *tls;
};
static vow_value accept_once(void *data)
{
    struct server *s = data;
    return vow_v(vow_then(vow_accept(s->listener), on_client, s->tls));
}

int main(int argc, char **argv)
{
    vow_loop *loop = vow_loop_new();
    struct server s = {vow_listen(loop, NULL, 0, 128),
                       vow_tls_new(&(vow_tls_options){.cert_file = argc > 2 ? argv[2] : ""}, NULL)};
    if (!s.listener || !s.tls)
        return 1;
    printf("%u\n", (unsigned)vow_listener_port(s.listener));
    fflush(stdout);
    return vow_run(loop, vow_repeat(loop, accept_once, &s), NULL);
}
