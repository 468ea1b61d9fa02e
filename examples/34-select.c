/* SPDX-License-Identifier: MIT
 *
 * 34-select - whatever comes first: a timer, a signal or bytes from a socket. Those that lose
 * are cancelled and have taken nothing: the next turn finds what they waited for.
 *
 *     examples/run 34-select
 *
 * Expected output:
 *     bytes: hello
 *     signal <number>
 *     timer: 20 ms of silence
 *     bytes: bye
 *     the other end has closed
 */
#include <signal.h>
#include <stdio.h>
#include <vow.h>

static vow_value say_timer(vow_value v, void *data)
{
    (void)v, (void)data;
    puts("timer: 20 ms of silence");
    return vow_bool(true);
}

static vow_value say_signal(vow_value v, void *data)
{
    (void)data;
    printf("signal %d\n", (int)vow_as_int(v));
    return vow_bool(true);
}

static vow_value say_bytes(vow_value v, void *data)
{
    vow_buf *bytes = vow_buf_of(v);
    (void)data;
    if (vow_buf_size(bytes) > 0)
        printf("bytes: %.*s\n", (int)vow_buf_size(bytes), (const char *)vow_buf_bytes(bytes));
    return vow_bool(vow_buf_size(bytes) > 0);
}

static int select_all(vow_loop *loop, vow_stream *here, vow_stream *there, vow_signals *signals)
{
    vow_value v = vow_bool(true);
    int code = vow_run(loop, vow_stream_write(there, "hello", 5), NULL);
    for (int turn = 0; code == 0 && vow_as_bool(v); turn++) {
        if (turn == 1)
            raise(SIGUSR1);
        if (turn == 3)
            code = vow_run(loop, vow_stream_write(there, "bye", 3), NULL);
        if (turn == 4)
            vow_stream_close(there);
        if (code == 0)
            code = vow_run(loop,
                           vow_race(loop, vow_then(vow_stream_read(here, 100), say_bytes, NULL),
                                    vow_then(vow_signals_next(signals), say_signal, NULL),
                                    vow_then(vow_delay(loop, 20), say_timer, NULL)),
                           &v);
    }
    return code;
}

int main(void)
{
    int number = SIGUSR1, code = 1;
    vow_loop *loop = vow_loop_new();
    vow_signals *signals = loop ? vow_signals_new(loop, &number, 1) : NULL;
    vow_stream *ends[2];
    if (signals != NULL && vow_stream_pair(loop, 100, ends) == 0) {
        code = select_all(loop, ends[0], ends[1], signals);
        puts(code == 0 ? "the other end has closed" : "failed");
        vow_stream_unref(ends[0]);
        vow_stream_unref(ends[1]);
    }
    vow_signals_free(signals);
    vow_loop_free(loop);
    return code != 0;
}
