/* SPDX-License-Identifier: MIT
 *
 * 35-pipeline - live data: lines are read, parsed, put together in windows, and written. The
 * writer is slow, and so nobody upstream gets ahead of it by more than what the stages hold.
 *
 *     examples/run 35-pipeline
 *
 * Expected output:
 *     window 1: mean 4.5, 250 values/s, the source is <number> ahead
 *     ...
 *     window 5: mean 44.5, 250 values/s, the source is <number> ahead
 *     50 values, 5 windows
 */
#include <stdio.h>
#include <stdlib.h>
#include <vow.h>

enum { VALUES = 50, WINDOW = 10, LINE = 4 };

struct sink {
    vow_stream *source; /* the sensor's end */
    int windows, values;
};

/* The sensor: writes as fast as its line takes it. */
static vow_value measure(void *stream)
{
    char line[LINE + 1];
    int code = 0;
    for (int i = 0; i < VALUES && code == 0; i++) {
        snprintf(line, sizeof line, "%3d\n", i);
        code = vow_await(vow_stream_write(stream, line, LINE), NULL);
    }
    vow_stream_close(stream);
    return code == 0 ? vow_none() : vow_fail(code, "the sensor");
}

static vow_value parse(vow_value line, void *data)
{
    return (void)data, vow_v(strtod((const char *)vow_buf_bytes(vow_buf_of(line)), NULL));
}

static vow_value mean(vow_value window, void *data)
{
    double sum = 0;
    (void)data;
    for (size_t i = 0; i < vow_count(window); i++)
        sum += vow_as_double(vow_at(window, i));
    return vow_v(sum / (double)vow_count(window));
}

static vow_value show(vow_value v, void *data)
{
    struct sink *s = data;
    s->values += WINDOW;
    double seconds = (double)(vow_now(vow_current()) + 40000000) / 1e9;
    printf("window %d: mean %.1f, %.0f values/s, the source is %d ahead\n", ++s->windows,
           vow_as_double(v), s->values / seconds,
           (int)(vow_stream_written(s->source) / LINE) - s->values);
    return vow_v(vow_delay(vow_current(), 40)); /* writing takes 40 ms */
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    vow_stream *ends[2];
    if (loop == NULL || vow_stream_pair(loop, 10 * LINE, ends) != 0)
        return 1;
    vow_clock_virtual(loop, true);
    struct sink sink = {.source = ends[0]};
    vow_promise *sensor = vow_spawn(loop, measure, ends[0], NULL);
    vow_seq *values = vow_seq_map(vow_seq_lines(loop, ends[1], 100), parse, NULL);
    vow_seq *means = vow_seq_map(vow_seq_chunk(vow_seq_buffer(values, 8), WINDOW), mean, NULL);
    vow_promise *all = vow_all(loop, sensor, vow_seq_for_each(loop, means, 1, show, &sink));
    int code = vow_run(loop, all, NULL);
    printf("%d values, %d windows\n", sink.values, sink.windows);
    vow_stream_unref(ends[0]);
    vow_loop_free(loop);
    return code != 0;
}
