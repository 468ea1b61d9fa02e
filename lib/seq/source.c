/* SPDX-License-Identifier: MIT
 *
 * seq/source.c - where sequences come from.
 */
#include "seq/seq.h"
#include "vow/timer.h"

/* What a source is made of, whichever. */
struct source {
    struct vow__part part; /* first */
    vow_loop *loop;
    vow_value array;
    vow_channel *channel;
    vow_stream *stream;
    size_t most, index;
    uint64_t every, start; /* ns */
    bool at_end;
};

static void give_back(struct source *s)
{
    vow__release(s->array);
    if (s->channel)
        vow_channel_abort(s->channel);
    vow_channel_unref(s->channel);
    vow_stream_unref(s->stream);
}

static void free_source(void *data)
{
    give_back(data);
    vow__free(data);
}

/* Takes what is in it. */
static vow_seq *new_source(struct source source, vow_step_fn *next)
{
    struct source *s = vow__alloc(sizeof *s);
    if (!s) {
        give_back(&source);
        return NULL;
    }
    *s = source;
    return vow__seq_new(s->loop, next, s, free_source, NULL);
}

/* Channels: the sequence is the receiving end. */

static vow_value channel_next(void *data)
{
    return vow_promise_value(vow_channel_receive(((struct source *)data)->channel));
}

static vow_value array_next(void *data)
{
    struct source *s = data;
    return s->index < vow_count(s->array) ? vow_keep(vow_at(s->array, s->index++)) : vow_end();
}

/* Intervals: ticks at start + k * every; the value is the number of the one that comes. */

static vow_value tick(vow_value v, void *data)
{
    struct source *s = data;
    (void)v;
    return vow__seq_ready(s->part.seq, vow_int((int64_t)s->index++));
}

static vow_value interval_next(void *data)
{
    struct source *s = data;
    uint64_t elapsed = vow_now(s->loop) - s->start;
    uint64_t passed = elapsed ? (elapsed - 1) / s->every : 0; /* one that is just due counts */
    if (s->index < passed)
        s->index = (size_t)passed;
    uint64_t due = s->start + ((uint64_t)s->index + 1) * s->every;
    return vow_promise_value(vow_then(vow_delay_until(s->loop, due), tick, s));
}

/* Streams. */

static vow_value end_if_empty(vow_value v, void *data)
{
    struct source *s = data;
    bool empty = vow_buf_size(vow_buf_of(v)) == 0;
    return empty ? vow_end() : vow__seq_ready(s->part.seq, vow_keep(v));
}

static vow_value chunks_next(void *data)
{
    struct source *s = data;
    return vow_promise_value(vow_then(vow_stream_read(s->stream, s->most), end_if_empty, s));
}

static vow_value without_newline(vow_value v, void *data)
{
    struct source *s = data;
    vow_buf *line = vow_buf_of(v);
    vow_buf *cut = vow_buf_slice(line, 0, vow_buf_size(line) - 1);
    return vow__seq_ready(s->part.seq, vow_buf_value(cut)); /* NULL: ENOMEM */
}

/* The end of the stream inside a line: what is there is the last one. Should it have been a
 * connection that broke, reading on says so. */
static vow_value last_line(const vow_error *e, void *data)
{
    struct source *s = data;
    if (!vow_error_is(e, vow_errno_domain(), ECONNRESET))
        return vow_rethrow(e);
    s->at_end = true;
    return vow_promise_value(vow_then(vow_stream_read(s->stream, s->most), end_if_empty, s));
}

static vow_value lines_next(void *data)
{
    struct source *s = data;
    if (s->at_end)
        return vow_end();
    vow_promise *p = vow_stream_read_until(s->stream, '\n', s->most);
    return vow_promise_value(vow_then_catch(p, without_newline, last_line, s));
}

vow_seq *vow_seq_of_channel(vow_loop *loop, vow_channel *ch)
{
    return ch ? new_source((struct source){.loop = loop, .channel = ch}, channel_next) : NULL;
}

vow_seq *vow_seq_of_array(vow_loop *loop, vow_value v)
{
    if (vow__has_kind(v, VOW__ERROR)) {
        vow__release(v);
        return NULL;
    }
    return new_source((struct source){.loop = loop, .array = v}, array_next);
}

vow_seq *vow_seq_interval(vow_loop *loop, uint64_t ms)
{
    const uint64_t most = UINT64_MAX / 1000000 / 1000000; /* so that many ticks are no overflow */
    struct source s = {.loop = loop, .start = vow_now(loop)};
    s.every = (ms == 0 ? 1 : ms < most ? ms : most) * 1000000;
    return new_source(s, interval_next);
}

vow_seq *vow_seq_chunks(vow_loop *loop, vow_stream *stream, size_t most)
{
    struct source s = {.loop = loop, .stream = stream, .most = most};
    return stream ? new_source(s, chunks_next) : NULL;
}

vow_seq *vow_seq_lines(vow_loop *loop, vow_stream *stream, size_t most)
{
    struct source s = {.loop = loop, .stream = stream, .most = most};
    return stream ? new_source(s, lines_next) : NULL;
}
