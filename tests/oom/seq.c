/* SPDX-License-Identifier: MIT
 *
 * Sequences without memory.
 */
#include "oom/flow.h"

struct numbers {
    void *owned;
    int next;
};
static vow_value next_number(void *data)
{
    struct numbers *n = data;
    if (n->next == 9)
        return vow_end();
    n->next++;
    return n->next % 3 ? vow_int(n->next) : vow_v(int_after(vow_current(), 1, &n->next));
}
static void numbers_end(void *data) { oom_give_back(((struct numbers *)data)->owned); }
static vow_value add_ten(vow_value v, UNUSED void *data) { return vow_int(vow_as_int(v) + 10); }
static vow_value is_odd(vow_value v, UNUSED void *data)
{
    vow_value odd = vow_bool(vow_as_int(v) % 2);
    return vow_as_int(v) % 5 ? odd : vow_v(vow_resolved(vow_current(), odd));
}

static vow_seq *numbers(vow_loop *loop, struct numbers *n)
{
    *n = (struct numbers){.owned = oom_owned()};
    return vow_seq_new(loop, next_number, n, numbers_end);
}

SCENARIO(seq_stages)
{
    oom_reports(0, 2); /* errors of pulls that nobody could wait for */
    static const int expected[] = {11, 13, 15, 17};
    struct numbers n;
    vow_seq *seq = vow_seq_map_with(numbers(loop, &n), add_ten, oom_owned(), oom_give_back);
    seq = vow_seq_filter_with(vow_seq_take(seq, 8), is_odd, oom_owned(), oom_give_back);
    EXPECT_INTS(vow_seq_collect(loop, vow_seq_buffer(seq, 3), 100), 4, expected);
    CHECK(oom_is_back(n.owned));
}

static vow_value count_chunk(vow_value v, void *count)
{
    *(int *)count += (int)vow_count(v);
    return vow_v(vow_attach(vow_delay(vow_current(), 2), oom_owned(), oom_give_back));
}

SCENARIO(seq_merged_and_worked_on)
{
    oom_reports(0, 3);
    struct numbers a, b;
    int count = 0;
    vow_seq *seqs[2];
    seqs[0] = numbers(loop, &a);
    seqs[1] = numbers(loop, &b);
    vow_seq *seq = vow_seq_chunk(vow_seq_merge(loop, 2, seqs), 4);
    if (EXPECT_NONE(vow_seq_for_each(loop, seq, 2, count_chunk, &count)))
        EQ_INT(count, 18);
    CHECK(oom_is_back(a.owned) && oom_is_back(b.owned));
}

SCENARIO(seq_cancelled_and_dropped)
{
    for (int drop = 0; drop < 2; drop++) {
        struct numbers n;
        int count = 0;
        vow_seq *seq = vow_seq_chunk(vow_seq_buffer(numbers(loop, &n), 2), 2);
        vow_promise *p = vow_seq_for_each(loop, seq, 1, count_chunk, &count);
        vow_mark_handled(p);
        EXPECT_NONE(vow_delay(loop, 1));
        if (drop) {
            vow_unref(p);
        } else {
            vow_cancel(p);
            EXPECT_ERROR(p, ECANCELED);
        }
        CHECK(oom_is_back(n.owned));
    }
}

SCENARIO(seq_sources)
{
    static const int ticks[] = {0, 1, 2}, sent[] = {7};
    vow_channel *ch = vow_channel_new(loop, 1);
    if (HAVE_OR_NULL(ch)) {
        EXPECT_NONE(vow_channel_send(ch, vow_int(7)));
        bool full = vow_channel_count(ch) == 1;
        vow_channel_close(ch);
        EXPECT_INTS(vow_seq_collect(loop, vow_seq_of_channel(loop, ch), 5), full, sent);
    }
    EXPECT_INTS(vow_seq_collect(loop, vow_seq_take(vow_seq_interval(loop, 5), 3), 5), 3, ticks);
    vow_value items[] = {vow_int(0), vow_int(1), vow_int(2)};
    vow_seq *seq = vow_seq_of_array(loop, vow_array(3, items));
    EXPECT_INTS(vow_seq_collect(loop, seq, 5), 3, ticks);
}

SCENARIO(seq_lines)
{
    oom_reports(0, 1);
    vow_stream *ends[2];
    int count = 0;
    if (!DONE(vow_stream_pair(loop, 100, ends)))
        return;
    vow_promise *written = vow_stream_write(ends[0], "a\nb\nc", 5);
    vow_mark_handled(written);
    bool all = EXPECT_INT(written, 5);
    vow_stream_unref(ends[0]);
    vow_seq *lines = vow_seq_lines(loop, ends[1], 10);
    if (EXPECT_NONE(vow_seq_for_each(loop, lines, 1, pass, &count)) && all)
        EQ_INT(count, 3);
}

SCENARIO(seq_of_a_walk)
{
    oom_reports(0, 1);
    int count = 0;
    vow_seq *seq = vow_seq_of_dir(loop, vow_dir_open(loop, "/proc/self/task", 0));
    if (EXPECT_NONE(vow_seq_for_each(loop, seq, 1, pass, &count)))
        CHECK(count >= 1);
}
