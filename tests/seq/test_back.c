/* SPDX-License-Identifier: MIT
 *
 * A next that is given up at any point loses nothing: all values come, each once, in order.
 */
#include "seq/common.h"

static vow_value same(UNUSED vow_value v, UNUSED void *data) { return VOW_SAME; }
static vow_value same_later(vow_value v, UNUSED void *data)
{
    return vow_v(vow_then(vow_resolved(vow_current(), vow_keep(v)), same, NULL));
}
static vow_value yes(UNUSED vow_value v, UNUSED void *data) { return vow_bool(true); }
static vow_value yes_later(UNUSED vow_value v, UNUSED void *data)
{
    return vow_v(vow_resolved(vow_current(), vow_bool(true)));
}

static vow_value as_text(vow_value v, UNUSED void *data)
{
    vow_buf *b = vow_buf_of(v);
    return vow_text_n((const char *)vow_buf_bytes(b), vow_buf_size(b));
}

static vow_seq *one_to(vow_loop *loop, int n)
{
    vow_value items[8];
    for (int i = 0; i < n; i++)
        items[i] = vow_v(i + 1);
    return vow_seq_of_array(loop, vow_array((size_t)n, items));
}

static vow_seq *in_channel(vow_loop *loop, int n)
{
    vow_channel *ch = vow_channel_new(loop, (size_t)n);
    for (int i = 0; i < n; i++)
        OUTCOME(vow_channel_send(ch, vow_v(i + 1)), "none");
    vow_channel_close(ch);
    return vow_seq_of_channel(loop, ch);
}

static vow_stream *written(vow_loop *loop, const char *text)
{
    vow_stream *ends[2];
    CHECK(vow_stream_pair(loop, 64, ends) == 0);
    CHECK(vow_run(loop, vow_stream_write(ends[0], text, strlen(text)), NULL) == 0);
    CHECK(vow_run(loop, vow_stream_shutdown(ends[0]), NULL) == 0);
    vow_stream_unref(ends[0]);
    return ends[1];
}

/* A sequence of each kind, of 1 to 6. */
static vow_seq *sequence(vow_loop *loop, int kind, struct numbers *n)
{
    vow_seq *two[2];
    *n = (struct numbers){.last = 6};
    switch (kind) {
    case 0:
        return numbers_seq(loop, n);
    case 1:
        return one_to(loop, 6);
    case 2:
        return in_channel(loop, 6);
    case 3:
        return vow_seq_map(one_to(loop, 6), same, NULL);
    case 4:
        return vow_seq_map(in_channel(loop, 6), same_later, NULL);
    case 5:
        return vow_seq_filter(in_channel(loop, 6), yes, NULL);
    case 6:
        return vow_seq_filter(one_to(loop, 6), yes_later, NULL);
    case 7:
        return vow_seq_take(numbers_seq(loop, n), 6);
    case 8:
        return vow_seq_buffer(in_channel(loop, 6), 2);
    case 9:
        two[0] = one_to(loop, 6);
        two[1] = one_to(loop, 0);
        return vow_seq_merge(loop, 2, two);
    case 10:
        return vow_seq_take(vow_seq_map(vow_seq_filter(numbers_seq(loop, n), yes_later, NULL),
                                        same_later, NULL), 6);
    default:
        return NULL;
    }
}

/* One next is given up when `steps` handlers have run, then another: `cancelled` or dropped. */
static void give_up(vow_loop *loop, vow_seq *seq, size_t steps, bool cancelled)
{
    for (int i = 0; i < 2; i++) {
        vow_promise *p = vow_seq_next(seq);
        vow_drain(loop, steps);
        if (cancelled && vow_state(p) == VOW_PENDING) {
            vow_cancel(p);
            vow_mark_handled(p);
            vow_poll(loop);
        }
        vow_unref(p);
    }
}

TEST(a_next_that_is_given_up_at_any_point_loses_nothing)
{
    struct numbers n;
    vow_seq *seq;
    for (int kind = 0; (seq = sequence(loop, kind, &n)) != NULL; kind++) {
        vow_seq_unref(seq);
        for (size_t steps = 0; steps < 16; steps++)
            for (int cancelled = 0; cancelled < 2; cancelled++) {
                seq = sequence(loop, kind, &n);
                give_up(loop, seq, steps, cancelled);
                ALL(seq, "[1 2 3 4 5 6]");
            }
    }
}

TEST(a_chunk_that_is_given_up_at_any_point_is_given_again)
{
    for (size_t steps = 0; steps < 24; steps++)
        for (int cancelled = 0; cancelled < 2; cancelled++) {
            vow_seq *seq = vow_seq_chunk(in_channel(loop, 5), 2);
            give_up(loop, seq, steps, cancelled);
            ALL(seq, "[[1 2] [3 4] [5]]");
        }
}

TEST(bytes_that_are_given_up_at_any_point_are_given_again)
{
    for (size_t steps = 0; steps < 8; steps++)
        for (int cancelled = 0; cancelled < 2; cancelled++) {
            vow_seq *seq = vow_seq_lines(loop, written(loop, "a\nbc\n\nd"), 10);
            give_up(loop, seq, steps, cancelled);
            ALL(vow_seq_map(seq, as_text, NULL), "['a' 'bc' '' 'd']");
            seq = vow_seq_chunks(loop, written(loop, "abcd"), 3);
            give_up(loop, seq, steps, cancelled);
            ALL(vow_seq_map(seq, as_text, NULL), "['abc' 'd']");
        }
}

TEST(a_tick_that_is_given_up_is_given_again)
{
    for (size_t steps = 1; steps < 4; steps++) {
        vow_seq *seq = vow_seq_interval(loop, 10);
        vow_promise *p = vow_seq_next(seq);
        vow_clock_advance(loop, 10);
        vow_unref(p);
        NEXT(seq, "0");
        vow_seq_unref(seq);
    }
}

TEST(an_error_that_is_given_up_ends_the_sequence_when_it_is_asked_for_again)
{
    struct numbers n = {.last = 1, .code = EIO};
    vow_seq *seq = numbers_seq(loop, &n);
    NEXT(seq, "1");
    vow_promise *p = quiet(vow_seq_next(seq));
    vow_drain(loop, 1);
    vow_cancel(p);
    vow_poll(loop);
    OUTCOME(p, "!ECANCELED");
    NEXT(seq, "!EIO");
    NEXT(seq, "end");
    vow_seq_unref(seq);
}

TEST(values_that_were_given_up_come_back_in_order_or_go_with_their_sequence)
{
    vow_seq *seq = one_to(loop, 3);
    vow_promise *first = vow_seq_next(seq), *second = vow_seq_next(seq);
    vow_unref(first);
    vow_unref(second);
    NEXT(seq, "1");
    first = vow_seq_next(seq);
    second = vow_seq_next(seq);
    vow_promise *end = vow_seq_next(seq);
    vow_unref(second);
    OUTCOME(end, "end");
    NEXT(seq, "3");
    vow_unref(vow_seq_next(seq));
    vow_seq_unref(seq);
    OUTCOME(first, "2");
}
