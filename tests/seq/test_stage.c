/* SPDX-License-Identifier: MIT
 *
 * Sequences of one's own, and what is built of them.
 */
#include "seq/common.h"

TEST(nothing_is_asked_of_a_source_before_somebody_wants_it)
{
    struct numbers n = {.last = 2};
    vow_seq *seq = numbers_seq(loop, &n);
    vow_poll(loop);
    EQ_INT(n.asked, 0);
    vow_promise *p = vow_seq_next(seq);
    EQ_INT(n.asked, 0); /* never inside the call */
    vow_poll(loop);
    OUTCOME(p, "1");
    EQ_INT(n.asked, 1);
    NEXT(seq, "2");
    EQ_INT(n.gone, 0);
    NEXT(seq, "end");
    EQ_INT(n.gone, 1); /* with the end, not with the sequence */
    NEXT(seq, "end");
    vow_seq_unref(seq);
    EQ_INT(n.gone, 1);
}

TEST(an_error_ends_a_sequence)
{
    struct numbers n = {.last = 1, .code = EIO};
    vow_seq *seq = numbers_seq(loop, &n);
    NEXT(seq, "1");
    NEXT(seq, "!EIO");
    EQ_INT(n.gone, 1);
    NEXT(seq, "end");
    vow_seq_unref(seq);
}

TEST(a_cancelled_next_leaves_the_sequence_as_it_was)
{
    struct numbers n = {.last = 3, .ms = 10};
    vow_seq *seq = numbers_seq(loop, &n);
    vow_promise *p = quiet(vow_seq_next(seq));
    vow_poll(loop);
    vow_cancel(p);
    vow_poll(loop);
    OUTCOME(p, "!ECANCELED");
    vow_unref(vow_seq_next(seq));
    EQ_INT(n.gone, 0);
    p = vow_seq_next(seq);
    vow_seq_unref(seq); /* it stays until p has settled */
    vow_clock_advance(loop, 10);
    OUTCOME(p, "2");
    EQ_INT(n.gone, 1);
}

TEST_PANICS(two_at_a_time_are_misuse, "the one before is still pending")
{
    struct numbers n = {.last = 3};
    vow_seq *seq = numbers_seq(loop, &n);
    vow_promise *p = vow_seq_next(seq), *q = vow_seq_next(seq);
    vow_unref(p);
    vow_unref(q);
}

static vow_value twice(vow_value v, UNUSED void *data) { return vow_int(2 * vow_as_int(v)); }
static vow_value later(UNUSED vow_value v, void *data) { return vow_int(*(int *)data); }
static vow_value twice_later(vow_value v, void *data)
{
    *(int *)data = 2 * (int)vow_as_int(v);
    return vow_v(vow_then(vow_delay(vow_current(), 10), later, data));
}
static vow_value same(UNUSED vow_value v, UNUSED void *data) { return VOW_SAME; }

TEST(map_gives_what_its_function_makes_of_each_value)
{
    struct numbers n = {.last = 3};
    int last = 0, gone = 0;
    ALL(vow_seq_map(numbers_seq(loop, &n), twice, NULL), "[2 4 6]");
    n.asked = 0;
    ALL(vow_seq_map_with(numbers_seq(loop, &n), twice_later, &last, count_destroy), "[2 4 6]");
    n.asked = 0;
    ALL(vow_seq_map_with(numbers_seq(loop, &n), same, &gone, count_destroy), "[1 2 3]");
    EQ_INT(gone, 1);
    EQ_INT(n.gone, 3);
}

TEST(a_function_that_was_cancelled_gets_its_value_again)
{
    struct numbers n = {.last = 2};
    int last = 0;
    vow_seq *seq = vow_seq_map(numbers_seq(loop, &n), twice_later, &last);
    vow_promise *p = quiet(vow_seq_next(seq));
    vow_poll(loop);
    vow_cancel(p);
    vow_poll(loop);
    OUTCOME(p, "!ECANCELED");
    EQ_INT(n.asked, 1);
    p = vow_seq_next(seq);
    vow_clock_advance(loop, 10);
    OUTCOME(p, "2");
    EQ_INT(n.asked, 1);
    ALL(seq, "[4]");
}

static vow_value fail_at_two(vow_value v, UNUSED void *data)
{
    return vow_as_int(v) == 2 ? vow_fail(EPIPE, "two") : VOW_SAME;
}

TEST(a_stage_that_fails_stops_the_source)
{
    struct numbers n = {.last = 5};
    vow_seq *seq = vow_seq_map(numbers_seq(loop, &n), fail_at_two, NULL);
    NEXT(seq, "1");
    NEXT(seq, "!EPIPE");
    EQ_INT(n.gone, 1);
    EQ_INT(n.asked, 2);
    NEXT(seq, "end");
    vow_seq_unref(seq);
}

static vow_value is_even(vow_value v, UNUSED void *data)
{
    return vow_bool(vow_as_int(v) % 2 == 0);
}
static vow_value yes(UNUSED vow_value v, UNUSED void *data) { return vow_bool(true); }
static vow_value no(UNUSED vow_value v, UNUSED void *data) { return vow_bool(false); }
static vow_value is_even_later(vow_value v, UNUSED void *data)
{
    vow_then_fn *verdict = vow_as_int(v) % 2 == 0 ? yes : no;
    return vow_v(vow_then(vow_delay(vow_current(), 1), verdict, NULL));
}
static vow_value is_bad(vow_value v, UNUSED void *data)
{
    vow_value e = vow_fail(EPROTO, "bad");
    return vow_as_int(v) % 2 ? e : vow_v(vow_resolved(vow_current(), e));
}

TEST(filter_lets_pass_what_its_function_says)
{
    struct numbers n = {.last = 6};
    ALL(vow_seq_filter(numbers_seq(loop, &n), is_even, NULL), "[2 4 6]");
    n.asked = 0;
    ALL(vow_seq_filter(numbers_seq(loop, &n), is_even_later, NULL), "[2 4 6]");
    n.asked = 0;
    ALL(vow_seq_filter(numbers_seq(loop, &n), is_bad, NULL), "!EPROTO");
    n.asked = 1;
    ALL(vow_seq_filter(numbers_seq(loop, &n), is_bad, NULL), "!EPROTO");
    n.asked = 0;
    vow_seq *seq = vow_seq_filter(numbers_seq(loop, &n), is_even_later, NULL);
    vow_promise *p = quiet(vow_seq_next(seq));
    vow_clock_advance(loop, 1);
    vow_cancel(p); /* it is just asking about 2 */
    vow_poll(loop);
    OUTCOME(p, "!ECANCELED");
    ALL(seq, "[2 4 6]");
}

TEST(a_filter_that_refuses_a_hundred_thousand_values_runs_in_constant_memory)
{
    struct numbers n = {.last = 100000};
    vow_promise *all = vow_seq_collect(loop, vow_seq_filter(numbers_seq(loop, &n), no, NULL), 0);
    CHECK(vow_run(loop, all, NULL) == 0);
    CHECK(vow_stats(loop).peak < 100);
}

static vow_value three(UNUSED vow_value v, UNUSED void *data) { return vow_int(3); }

TEST_PANICS(a_filter_that_gives_no_bool_is_misuse, "not a bool")
{
    struct numbers n = {.last = 1};
    ALL(vow_seq_filter(numbers_seq(loop, &n), three, NULL), "[]");
}

TEST(take_stops_the_source_with_its_last_value)
{
    struct numbers n = {.last = 100};
    vow_seq *seq = vow_seq_take(numbers_seq(loop, &n), 2);
    NEXT(seq, "1");
    EQ_INT(n.gone, 0);
    NEXT(seq, "2");
    EQ_INT(n.gone, 1);
    NEXT(seq, "end");
    vow_seq_unref(seq);
    EQ_INT(n.asked, 2);
    n = (struct numbers){.last = 1};
    ALL(vow_seq_take(numbers_seq(loop, &n), 2), "[1]");
    ALL(vow_seq_take(numbers_seq(loop, &n), 0), "[]");
    EQ_INT(n.gone, 2);
}

TEST(chunk_gives_arrays_and_what_is_left)
{
    struct numbers n = {.last = 5};
    ALL(vow_seq_chunk(numbers_seq(loop, &n), 2), "[[1 2] [3 4] [5]]");
    n = (struct numbers){.last = 4};
    ALL(vow_seq_chunk(numbers_seq(loop, &n), 2), "[[1 2] [3 4]]");
    n = (struct numbers){.last = 3, .code = EIO};
    vow_seq *seq = vow_seq_chunk(numbers_seq(loop, &n), 2);
    NEXT(seq, "[1 2]");
    NEXT(seq, "[3]"); /* the error comes behind what was before it */
    NEXT(seq, "!EIO");
    vow_seq_unref(seq);
    n = (struct numbers){.last = 2, .ms = 10};
    seq = vow_seq_chunk(numbers_seq(loop, &n), 2);
    vow_promise *p = quiet(vow_seq_next(seq));
    vow_clock_advance(loop, 15);
    vow_cancel(p); /* with one value in hand; the second is just being made, and is lost there */
    vow_poll(loop);
    OUTCOME(p, "!ECANCELED");
    ALL(seq, "[[1]]");
}

TEST(collect_gives_an_array_of_at_most_so_many)
{
    struct numbers n = {.last = 40};
    vow_promise *p = vow_seq_collect(loop, numbers_seq(loop, &n), 40);
    vow_poll(loop);
    EQ_UINT(vow_count(vow_peek(p)), 40);
    vow_unref(p);
    n = (struct numbers){.last = 3};
    p = quiet(vow_seq_collect(loop, numbers_seq(loop, &n), 2));
    vow_poll(loop);
    EQ_INT(vow_error_code(vow_error_of(p)), EMSGSIZE);
    vow_unref(p);
    EQ_INT(n.gone, 1);
}

/* for_each */
struct work {
    struct numbers *numbers;
    int running, most, done, ahead, ended;
};
static vow_value end_work(UNUSED vow_value v, void *data)
{
    struct work *w = data;
    w->running--;
    w->done++;
    return vow_none();
}
static vow_value do_work(UNUSED vow_value v, void *data)
{
    struct work *w = data;
    w->most = ++w->running > w->most ? w->running : w->most;
    int ahead = w->numbers->asked - w->done;
    w->ahead = ahead > w->ahead ? ahead : w->ahead;
    return vow_v(vow_then(vow_delay(vow_current(), 10), end_work, w));
}
static void work_ended(void *data) { ((struct work *)data)->ended++; }

TEST(for_each_asks_for_no_more_than_it_may_work_on)
{
    struct numbers n = {.last = 20};
    struct work w = {.numbers = &n};
    vow_seq *seq = numbers_seq(loop, &n);
    vow_promise *p = vow_seq_for_each_with(loop, seq, 3, do_work, &w, work_ended);
    vow_clock_advance(loop, 1000);
    OUTCOME(p, "none");
    EQ_INT(w.done, 20);
    EQ_INT(w.most, 3);
    CHECK(w.ahead <= 3);
    EQ_INT(w.ended, 1);
    n = (struct numbers){.last = 20};
    w = (struct work){.numbers = &n};
    p = vow_seq_for_each(loop, numbers_seq(loop, &n), 0, do_work, &w);
    vow_clock_advance(loop, 10);
    EQ_INT(w.most, 20);
    OUTCOME(p, "none");
}

static vow_value work_or_fail(vow_value v, void *data)
{
    return vow_as_int(v) == 3 ? vow_fail(EPROTO, "three") : do_work(v, data);
}

TEST(for_each_that_fails_cancels_what_runs_and_stops_the_sequence)
{
    struct numbers n = {.last = 20};
    struct work w = {.numbers = &n};
    vow_promise *p =
        quiet(vow_seq_for_each_with(loop, numbers_seq(loop, &n), 5, work_or_fail, &w, work_ended));
    vow_poll(loop);
    OUTCOME(p, "!EPROTO");
    EQ_INT(w.done, 0);
    EQ_INT(n.gone, 1);
    EQ_INT(w.ended, 1);
    n = (struct numbers){.last = 1, .code = EIO};
    p = quiet(vow_seq_for_each(loop, numbers_seq(loop, &n), 5, same, NULL));
    vow_poll(loop);
    OUTCOME(p, "!EIO");
}

TEST(for_each_cancelled_or_dropped_stops_the_sequence)
{
    for (int drop = 0; drop < 2; drop++) {
        struct numbers n = {.last = 20, .ms = 5};
        struct work w = {.numbers = &n};
        vow_promise *p =
            vow_seq_for_each_with(loop, numbers_seq(loop, &n), 5, do_work, &w, work_ended);
        vow_clock_advance(loop, 12);
        if (drop) {
            vow_unref(p);
        } else {
            vow_cancel(quiet(p));
            vow_poll(loop);
            OUTCOME(p, "!ECANCELED");
        }
        EQ_INT(n.gone, 1);
        EQ_INT(w.ended, 1);
    }
}

TEST(a_sequence_travels_as_a_value_and_none_at_all_is_no_memory)
{
    struct numbers n = {.last = 2};
    vow_value v = vow_seq_value(numbers_seq(loop, &n));
    CHECK(vow_seq_is(v) && vow_is(v, vow_seq_type()));
    ALL(vow_seq_ref(vow_seq_of(v)), "[1 2]");
    vow_release(v);
    int gone = 0;
    vow_seq *none = vow_seq_map_with(NULL, twice, &gone, count_destroy);
    EQ_INT(gone, 1);
    none = vow_seq_buffer(vow_seq_chunk(vow_seq_take(none, 1), 1), 1);
    CHECK(none == NULL);
    ALL(none, "!ENOMEM");
    vow_promise *p = quiet(vow_seq_for_each_with(loop, NULL, 1, twice, &gone, count_destroy));
    OUTCOME(p, "!ENOMEM");
    EQ_INT(gone, 2);
}

TEST(closing_the_loop_ends_what_is_asked_for)
{
    struct numbers n = {.last = 2, .ms = 10};
    vow_promise *p = quiet(vow_seq_collect(loop, numbers_seq(loop, &n), 10));
    vow_poll(loop);
    vow_loop_close(loop);
    OUTCOME(p, "!ECLOSED");
    EQ_INT(n.gone, 1);
}
