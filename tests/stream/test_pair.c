/* SPDX-License-Identifier: MIT */
#include "adapt/net.h"
#include "adapt/sweep.h"

static void make_pair(vow_loop *loop, size_t bytes, vow_stream *ret[2])
{
    EQ_INT(vow_stream_pair(loop, bytes, ret), 0);
}
static void end_pair(vow_stream *ends[2])
{
    vow_stream_unref(ends[0]);
    vow_stream_unref(ends[1]);
}

TEST(what_one_writes_the_other_reads)
{
    vow_stream *ends[2];
    make_pair(loop, 100, ends);
    EQ_INT(vow_run(loop, vow_stream_write(ends[0], "to you", 6), NULL), 0);
    EQ_INT(vow_run(loop, vow_stream_write(ends[1], "to me", 5), NULL), 0);
    EQ_READ(vow_stream_read(ends[1], 100), "to you");
    EQ_READ(vow_stream_read_exact(ends[0], 5), "to me");
    EQ_INT(vow_stream_fd(ends[0]), -1);
    end_pair(ends);
}

TEST(a_waiting_read_gets_what_comes)
{
    vow_stream *ends[2];
    make_pair(loop, 100, ends);
    vow_promise *p = vow_stream_read_until(ends[1], '\n', 100);
    EQ_INT(vow_run(loop, vow_stream_write(ends[0], "half", 4), NULL), 0);
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_INT(vow_run(loop, vow_stream_write(ends[0], " a line\nmore", 12), NULL), 0);
    EQ_READ(p, "half a line\n");
    EQ_READ(vow_stream_read(ends[1], 100), "more");
    end_pair(ends);
}

TEST(a_writer_waits_for_room_and_the_bytes_stay_in_order)
{
    vow_stream *ends[2];
    char out[1000];
    make_pair(loop, 7, ends);
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (char)('a' + i % 26);
    vow_promise *p = vow_stream_write(ends[0], out, sizeof out);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_UINT(vow_stream_written(ends[0]), 7);
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_read_exact(ends[1], sizeof out), &v), 0);
    EQ_BYTES(vow_buf_bytes(vow_buf_of(v)), out, sizeof out);
    vow_release(v);
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_INT(vow_as_int(v), 1000);
    end_pair(ends);
}

TEST(a_hundred_thousand_turns_through_one_byte_need_no_stack)
{
    vow_stream *ends[2];
    static char bytes[100000];
    make_pair(loop, 1, ends);
    vow_promise *p = vow_stream_write(ends[0], bytes, sizeof bytes);
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_read_exact(ends[1], sizeof bytes), &v), 0);
    vow_release(v);
    EQ_INT(vow_run(loop, p, NULL), 0);
    end_pair(ends);
}

TEST(shutting_down_ends_one_side_only)
{
    vow_stream *ends[2];
    make_pair(loop, 100, ends);
    vow_promise *p = vow_stream_read_exact(ends[1], 5);
    vow_mark_handled(p);
    EQ_INT(vow_run(loop, vow_stream_write(ends[0], "last", 4), NULL), 0);
    EQ_INT(vow_run(loop, vow_stream_shutdown(ends[0]), NULL), 0);
    EQ_INT(vow_run(loop, p, NULL), ECONNRESET);
    EQ_READ(vow_stream_read(ends[1], 100), "last");
    EQ_READ(vow_stream_read(ends[1], 100), "");
    EQ_INT(vow_run(loop, vow_stream_write(ends[0], "x", 1), NULL), EPIPE);
    EQ_INT(vow_run(loop, vow_stream_write(ends[1], "answer", 6), NULL), 0);
    EQ_READ(vow_stream_read(ends[0], 100), "answer");
    end_pair(ends);
}

TEST(closing_one_ends_what_the_other_waits_for)
{
    vow_stream *ends[2];
    make_pair(loop, 4, ends);
    vow_promise *writing = vow_stream_write(ends[0], "too much", 8);
    vow_promise *reading = vow_stream_read(ends[0], 8);
    vow_mark_handled(writing);
    vow_stream_close(ends[1]);
    EQ_READ(reading, "");
    EQ_INT(vow_run(loop, writing, NULL), EPIPE);
    EQ_INT(vow_run(loop, vow_stream_read(ends[1], 8), NULL), EBADF);
    end_pair(ends);
}

/* scenario 138 */
TEST(gathered_writes_in_all_splits)
{
    for (size_t room = 1; room < 12; room++) {
        vow_stream *ends[2];
        make_pair(loop, room, ends);
        struct iovec parts[] = {{NULL, 0}, {(char *)"one", 3}, {NULL, 0}, {(char *)"four", 4},
                                {(char *)"x", 1}, {NULL, 0}};
        vow_promise *p = vow_stream_writev(ends[0], parts, 6);
        EQ_READ(vow_stream_read_exact(ends[1], 8), "onefourx");
        vow_value v;
        EQ_INT(vow_run(loop, p, &v), 0);
        EQ_INT(vow_as_int(v), 8);
        end_pair(ends);
    }
}

TEST(writing_some_does_not_wait_twice)
{
    vow_stream *ends[2];
    make_pair(loop, 3, ends);
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_write_some(ends[0], "hello", 5), &v), 0);
    EQ_INT(vow_as_int(v), 3);
    vow_promise *p = vow_stream_write_some(ends[0], "lo", 2);
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_READ(vow_stream_read(ends[1], 1), "h");
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_INT(vow_as_int(v), 1);
    end_pair(ends);
}

TEST(a_pair_on_a_closed_loop_is_refused)
{
    vow_stream *ends[2];
    vow_loop_close(loop);
    EQ_INT(vow_stream_pair(loop, 10, ends), ESHUTDOWN);
}

TEST_PANICS(a_pair_without_room_is_misuse, "nothing can be moved")
{
    vow_stream *ends[2];
    make_pair(loop, 0, ends);
}

static int pair_scenario(vow_loop *loop)
{
    vow_stream *ends[2];
    int failed = vow_stream_pair(loop, 4, ends);
    if (failed)
        return failed;
    vow_promise *p = vow_stream_write(ends[0], "through four", 12);
    failed = vow_run(loop, vow_stream_read_exact(ends[1], 12), NULL);
    vow_stream_close(ends[1]);
    int other = vow_run(loop, p, NULL);
    end_pair(ends);
    return failed ? failed : other;
}
TEST_PLAIN(a_pair_survives_failing_allocations) { sweep(pair_scenario); }
