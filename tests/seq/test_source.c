/* SPDX-License-Identifier: MIT
 *
 * Where sequences come from, and those that ask ahead.
 */
#include "seq/common.h"

TEST(buffer_asks_ahead_and_stops_when_it_is_full)
{
    struct numbers n = {.last = 10};
    vow_seq *seq = vow_seq_buffer(numbers_seq(loop, &n), 3);
    vow_poll(loop);
    EQ_INT(n.asked, 0); /* not before the first next */
    NEXT(seq, "1");
    vow_poll(loop);
    EQ_INT(n.asked, 4);
    NEXT(seq, "2");
    NEXT(seq, "3");
    vow_poll(loop);
    EQ_INT(n.asked, 6);
    ALL(seq, "[4 5 6 7 8 9 10]");
    EQ_INT(n.gone, 1);
}

TEST(an_error_comes_behind_what_was_asked_ahead)
{
    struct numbers n = {.last = 2, .code = EIO};
    vow_seq *seq = vow_seq_buffer(numbers_seq(loop, &n), 8);
    NEXT(seq, "1");
    vow_poll(loop);
    EQ_INT(n.gone, 1);
    NEXT(seq, "2");
    NEXT(seq, "!EIO");
    NEXT(seq, "end");
    vow_seq_unref(seq);
}

TEST(a_buffer_dropped_early_stops_its_source)
{
    struct numbers n = {.last = 10, .ms = 10};
    vow_seq *seq = vow_seq_buffer(numbers_seq(loop, &n), 3);
    vow_promise *p = quiet(vow_seq_next(seq));
    vow_clock_advance(loop, 5);
    vow_cancel(p); /* what is asked ahead goes on, and is lost to nobody */
    vow_clock_advance(loop, 5);
    OUTCOME(p, "!ECANCELED");
    NEXT(seq, "1");
    vow_seq_unref(seq);
    EQ_INT(n.gone, 1);
}

TEST(merge_gives_the_values_of_all_as_they_come)
{
    struct numbers a = {.last = 3, .ms = 10}, b = {.last = 2, .ms = 14}, c = {.last = 0};
    vow_seq *seqs[] = {numbers_seq(loop, &a), numbers_seq(loop, &b), numbers_seq(loop, &c)};
    vow_seq *seq = vow_seq_merge(loop, 3, seqs);
    CHECK(seqs[0] == NULL && seqs[2] == NULL);
    ALL(seq, "[1 1 2 2 3]");
    EQ_INT(a.gone + b.gone + c.gone, 3);
}

TEST(an_error_of_one_ends_a_merge_behind_what_had_come)
{
    struct numbers a = {.last = 9, .ms = 10}, b = {.last = 1, .ms = 1, .code = EPIPE};
    vow_seq *seqs[] = {numbers_seq(loop, &a), numbers_seq(loop, &b)};
    vow_seq *seq = vow_seq_merge(loop, 2, seqs);
    vow_promise *p = vow_seq_next(seq);
    vow_clock_advance(loop, 2);
    OUTCOME(p, "1");
    NEXT(seq, "!EPIPE");
    EQ_INT(a.gone, 1);
    vow_seq_unref(seq);
    struct numbers d = {.last = 1};
    vow_seq *one_missing[] = {numbers_seq(loop, &d), NULL};
    CHECK(vow_seq_merge(loop, 2, one_missing) == NULL);
    EQ_INT(d.gone, 1);
}

/* A source that is stopped drops what is made of it. */
struct whole {
    vow_seq *seq;
    vow_promise *next;
    int dropped;
};
static void drop_whole(void *data)
{
    struct whole *w = data;
    w->next = vow_unref(w->next);
    w->seq = vow_seq_unref(w->seq);
    w->dropped++;
}
static vow_value never_next(UNUSED void *data) { return vow_v(pending(vow_current())); }

TEST(the_end_of_a_source_may_drop_the_merge_that_has_stopped_it)
{
    for (int waits = 0; waits < 2; waits++) {
        struct numbers fails = {.last = 0, .code = EIO, .ms = 5};
        struct whole w = {.dropped = 0};
        vow_seq *both[] = {numbers_seq(loop, &fails), vow_seq_new(loop, never_next, &w, drop_whole)};
        w.seq = vow_seq_merge(loop, 2, both);
        w.next = vow_seq_next(w.seq);
        if (!waits)
            w.next = vow_unref(w.next); /* it has been asked ahead all the same */
        vow_poll(loop);
        EQ_INT(w.dropped, 1);
        EQ_INT(fails.gone, 1);
    }
}

TEST(a_fast_source_does_not_crowd_out_a_slow_one)
{
    struct numbers a = {.last = 1000000}, b = {.last = 3};
    vow_seq *seqs[] = {numbers_seq(loop, &a), numbers_seq(loop, &b)};
    vow_seq *seq = vow_seq_take(vow_seq_merge(loop, 2, seqs), 20);
    vow_promise *p = vow_seq_collect(loop, seq, 20);
    vow_poll(loop);
    EQ_INT(b.asked, 3);
    vow_unref(p);
}

TEST(a_channel_as_a_sequence_ends_with_it_and_stopping_early_aborts_it)
{
    vow_channel *ch = vow_channel_new(loop, 3);
    for (int i = 0; i < 3; i++)
        vow_unref(vow_channel_send(ch, vow_v(i)));
    vow_channel_close(ch);
    ALL(vow_seq_of_channel(loop, ch), "[0 1 2]");
    ch = vow_channel_new(loop, 0);
    vow_promise *first = vow_channel_send(ch, vow_v(1));
    vow_promise *second = quiet(vow_channel_send(ch, vow_v(2)));
    ALL(vow_seq_take(vow_seq_of_channel(loop, vow_channel_ref(ch)), 1), "[1]");
    OUTCOME(first, "none");
    OUTCOME(second, "!EPIPE");
    vow_channel_unref(ch);
}

TEST(the_elements_of_an_array)
{
    vow_value items[] = {vow_v(1), vow_text("two")};
    ALL(vow_seq_of_array(loop, vow_array(2, items)), "[1 'two']");
    CHECK(vow_seq_of_array(loop, vow_fail(ENOMEM, "no array")) == NULL);
}

TEST(an_interval_counts_its_ticks_and_leaves_out_those_nobody_asked_for)
{
    vow_seq *seq = vow_seq_interval(loop, 10);
    vow_promise *p = vow_seq_next(seq);
    vow_clock_advance(loop, 9);
    IS(p, "pending");
    vow_clock_advance(loop, 1);
    OUTCOME(p, "0");
    vow_clock_advance(loop, 25); /* 35: ticks 1 and 2 are missed */
    p = vow_seq_next(seq);
    vow_clock_advance(loop, 5);
    OUTCOME(p, "3");
    vow_clock_advance(loop, 10); /* just due */
    NEXT(seq, "4");
    vow_unref(vow_seq_next(seq));
    vow_seq_unref(seq);
    seq = vow_seq_interval(loop, 0);
    p = vow_seq_next(seq);
    vow_clock_advance(loop, 1);
    OUTCOME(p, "0");
    vow_seq_unref(seq);
}

/* Streams: what one end writes is a sequence at the other. */
static void write_all(vow_loop *loop, vow_stream *s, const char *text)
{
    EQ_INT(vow_run(loop, vow_stream_write(s, text, strlen(text)), NULL), 0);
}

static vow_value as_text(vow_value v, UNUSED void *data)
{
    vow_buf *b = vow_buf_of(v);
    return vow_text_n((const char *)vow_buf_bytes(b), vow_buf_size(b));
}

TEST(the_lines_of_a_stream)
{
    vow_stream *ends[2];
    EQ_INT(vow_stream_pair(loop, 100, ends), 0);
    write_all(loop, ends[0], "one\n\nthree\nfour");
    EQ_INT(vow_run(loop, vow_stream_shutdown(ends[0]), NULL), 0);
    ALL(vow_seq_map(vow_seq_lines(loop, ends[1], 10), as_text, NULL), "['one' '' 'three' 'four']");
    vow_stream_unref(ends[0]);
    EQ_INT(vow_stream_pair(loop, 100, ends), 0);
    write_all(loop, ends[0], "one\n");
    vow_stream_unref(ends[0]);
    ALL(vow_seq_map(vow_seq_lines(loop, ends[1], 10), as_text, NULL), "['one']");
    EQ_INT(vow_stream_pair(loop, 100, ends), 0);
    write_all(loop, ends[0], "much too long\n");
    vow_seq *seq = vow_seq_lines(loop, ends[1], 10);
    vow_promise *p = quiet(vow_seq_next(seq));
    vow_poll(loop);
    EQ_INT(vow_error_code(vow_error_of(p)), EMSGSIZE);
    vow_unref(p);
    vow_seq_unref(seq);
    vow_stream_unref(ends[0]);
}

TEST(the_chunks_of_a_stream_are_not_read_before_they_are_asked_for)
{
    vow_stream *ends[2];
    EQ_INT(vow_stream_pair(loop, 4, ends), 0);
    vow_promise *writes = quiet(vow_stream_write(ends[0], "abcdefghij", 10));
    vow_seq *seq = vow_seq_map(vow_seq_chunks(loop, ends[1], 3), as_text, NULL);
    vow_poll(loop);
    EQ_UINT(vow_stream_written(ends[0]), 4);
    NEXT(seq, "'abc'");
    vow_poll(loop);
    CHECK(vow_stream_written(ends[0]) < 10);
    vow_seq_unref(seq); /* closes its end */
    vow_poll(loop);
    CHECK(vow_state(writes) == VOW_REJECTED);
    vow_unref(writes);
    vow_stream_unref(ends[0]);
}
