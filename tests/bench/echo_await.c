/* SPDX-License-Identifier: MIT
 *
 * echo_await.c - echo_vow.c written with await: echo_await PORT. A fiber a connection.
 */
#include <stdio.h>
#include <stdlib.h>

#include "vow.h"

static void release(void *s) { vow_stream_unref(s); }

static vow_value serve(void *s)
{
    vow_value v;
    int code;
    while ((code = vow_await(vow_stream_read(s, 4096), &v)) == 0) {
        vow_buf *b = vow_buf_of(v);
        if (vow_buf_size(b) == 0)
            break; /* the end */
        if ((code = vow_await(vow_stream_write_buf(s, b), NULL)) != 0)
            return vow_none();
    }
    vow_release(v);
    return vow_none();
}

static vow_value accept_all(void *listener)
{
    vow_value v;
    while (vow_await(vow_accept(listener), &v) == 0) {
        vow_stream *s = vow_stream_ref(vow_stream_of(v));
        vow_release(v);
        vow_detach(vow_spawn(vow_current(), serve, s, release), NULL, NULL, NULL);
    }
    return v;
}

int main(int argc, char **argv)
{
    vow_loop *loop = vow_loop_new();
    vow_listener *l = vow_listen(loop, NULL, (uint16_t)(argc > 1 ? atoi(argv[1]) : 0), 128);
    if (!l) {
        perror("listen");
        return 1;
    }
    return vow_run(loop, vow_spawn(loop, accept_all, l, NULL), NULL);
}
