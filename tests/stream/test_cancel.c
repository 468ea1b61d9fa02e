/* SPDX-License-Identifier: MIT
 *
 * test_sock_cancel.c - no byte is lost: neither those of a read that was cancelled while it
 * waited, nor those of one that had its bytes, but whose handler never ran.
 */
#include <event2/event.h>

#include "adapt/net.h"

/* scenario 140 */
TEST(a_cancelled_read_loses_no_byte)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p = vow_stream_read_exact(s, 100);
    net_send(peer, "abc");
    vow_poll(loop);
    vow_cancel(p);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    p = vow_stream_read_until(s, '\n', 100);
    net_send(peer, "def");
    vow_poll(loop);
    vow_unref(p);
    net_send(peer, "ghi\n");
    EQ_READ(vow_stream_read_until(s, '\n', 100), "abcdefghi\n");
    vow_stream_unref(s);
    close(peer);
}

/* A turn of the base whose handlers do not run yet. */
static void turn_without_handlers(vow_loop *loop)
{
    vow_enter(loop);
    event_base_loop(vow_loop_base(loop), EVLOOP_NONBLOCK | EVLOOP_ONCE);
}

static vow_value count_call(vow_value v, void *data)
{
    (void)v;
    ++*(int *)data;
    return vow_none();
}

/* scenario 140 */
TEST(a_fulfilled_read_dropped_before_its_handler_gives_back)
{
    int peer, calls = 0;
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *p = vow_then(vow_stream_read(s, 100), count_call, &calls);
    net_send(peer, "abc");
    turn_without_handlers(loop);
    vow_unref(p);
    vow_leave(loop);
    EQ_INT(calls, 0);
    EQ_READ(vow_stream_read(s, 100), "abc");
    vow_stream_unref(s);
    close(peer);
}

/* scenario 140 */
TEST(a_fulfilled_read_cancelled_before_its_handler_gives_back)
{
    int peer, calls = 0;
    vow_stream *s = net_pair(loop, &peer);
    net_send(peer, "one\ntwo\nthree\n");
    EQ_READ(vow_stream_read_until(s, '\n', 100), "one\n");
    vow_promise *p = vow_then(vow_stream_read_until(s, '\n', 100), count_call, &calls);
    vow_cancel(p);
    EQ_READ(vow_stream_read_until(s, '\n', 100), "two\n"); /* at once */
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    EQ_INT(calls, 0);
    vow_unref(vow_stream_read_exact(s, 2));
    vow_unref(vow_stream_read(s, 4));
    EQ_READ(vow_stream_read_until(s, '\n', 100), "three\n");
    vow_stream_unref(s);
    close(peer);
}

/* scenario 140 */
TEST(the_loser_of_a_race_gives_back)
{
    int peer, other_peer;
    vow_stream *s = net_pair(loop, &peer), *other = net_pair(loop, &other_peer);
    net_send(peer, "ab");
    net_send(other_peer, "12");
    EQ_READ(vow_stream_read_exact(s, 1), "a");
    EQ_READ(vow_stream_read_exact(other, 1), "1");
    vow_promise *p = vow_race(loop, vow_stream_read(s, 1), vow_stream_read(other, 1));
    EQ_READ(p, "b");
    EQ_READ(vow_stream_read(other, 1), "2");
    vow_stream_unref(s);
    vow_stream_unref(other);
    close(peer);
    close(other_peer);
}

/* scenario 140 */
TEST(what_all_had_already_is_given_back)
{
    int peer, other_peer;
    vow_stream *s = net_pair(loop, &peer), *other = net_pair(loop, &other_peer);
    vow_promise *p = vow_all(loop, vow_stream_read(s, 10), vow_stream_read(other, 10));
    net_send(peer, "half");
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
    EQ_READ(vow_stream_read(s, 10), "half");
    p = vow_all(loop, vow_stream_read(s, 10), vow_stream_read(other, 10));
    net_send(peer, "one");
    net_send(other_peer, "two");
    EQ_INT(vow_run(loop, p, NULL), 0); /* seen, both of them */
    net_send(peer, "next");
    EQ_READ(vow_stream_read(s, 10), "next");
    vow_stream_unref(s);
    vow_stream_unref(other);
    close(peer);
    close(other_peer);
}

/* scenario 140 */
TEST(bytes_given_back_go_to_the_read_that_waits)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *first = vow_stream_read(s, 3);
    net_send(peer, "abc");
    turn_without_handlers(loop);
    EQ_INT(vow_state(first), VOW_FULFILLED);
    vow_promise *second = vow_stream_read_until(s, '\n', 10);
    net_send(peer, "de");
    event_base_loop(vow_loop_base(loop), EVLOOP_NONBLOCK | EVLOOP_ONCE);
    vow_unref(first);
    vow_leave(loop);
    EQ_INT(vow_state(second), VOW_PENDING);
    net_send(peer, "\n");
    EQ_READ(second, "abcde\n");
    first = vow_stream_read(s, 3);
    net_send(peer, "xyz");
    turn_without_handlers(loop);
    second = vow_stream_read(s, 10);
    vow_unref(first);
    vow_leave(loop);
    EQ_INT(vow_state(second), VOW_FULFILLED);
    EQ_READ(second, "xyz");
    vow_stream_unref(s);
    close(peer);
}

TEST(a_handler_that_does_not_look_has_seen_them)
{
    int peer, calls = 0;
    vow_stream *s = net_pair(loop, &peer);
    net_send(peer, "1234567");
    EQ_INT(vow_run(loop, vow_then(vow_stream_read_exact(s, 1), count_call, &calls), NULL), 0);
    EQ_INT(vow_run(loop, vow_stream_read_exact(s, 1), NULL), 0);
    vow_detach(vow_stream_read_exact(s, 1), NULL, NULL, NULL);
    vow_poll(loop);
    vow_promise *p = vow_all(loop, vow_stream_read_exact(s, 1));
    EQ_INT(vow_run(loop, vow_then(p, count_call, &calls), NULL), 0);
    p = vow_stream_read_exact(s, 1);
    vow_peek(p);
    vow_unref(p);
    EQ_INT(calls, 2);
    EQ_READ(vow_stream_read(s, 100), "67");
    vow_stream_unref(s);
    close(peer);
}

TEST(closing_forgets_what_could_come_back)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    net_send(peer, "12");
    EQ_READ(vow_stream_read_exact(s, 1), "1");
    vow_promise *p = vow_stream_read(s, 1);
    net_send(peer, "2");
    vow_poll(loop);
    vow_stream_unref(s);
    EQ_READ(p, "2");
    close(peer);
}

/* Bytes "0", "1", ... "9", "0", ... sent and read in odd pieces by reads of all kinds, of
 * which many are cancelled or dropped at odd moments. */
struct mess {
    vow_stream *sock;
    int peer;
    unsigned dice;
    size_t sent, seen;
};

static unsigned roll(struct mess *m, unsigned sides)
{
    m->dice = m->dice * 1103515245u + 12345u;
    return (m->dice >> 16) % sides;
}

static vow_value check_digits(vow_value v, void *data)
{
    struct mess *m = data;
    vow_buf *b = vow_buf_of(v);
    for (size_t i = 0; i < vow_buf_size(b); i++)
        EQ_INT(vow_buf_bytes(b)[i], '0' + (int)(m->seen++ % 10));
    return vow_none();
}

static vow_promise *read_somehow(struct mess *m)
{
    switch (roll(m, 3)) {
    case 0:
        return vow_stream_read(m->sock, 1 + roll(m, 40));
    case 1:
        return vow_stream_read_exact(m->sock, 1 + roll(m, 40));
    default:
        return vow_stream_read_until(m->sock, (char)('0' + roll(m, 10)), 1 + roll(m, 20));
    }
}

static void send_some(struct mess *m)
{
    for (unsigned n = roll(m, 30); n > 0; n--) {
        char digit = (char)('0' + m->sent++ % 10);
        EQ_INT(write(m->peer, &digit, 1), 1);
    }
}

static void ignore(const vow_error *e, const char *made, bool late, void *data)
{
    (void)made, (void)late, (void)data;
    int code = vow_error_code(e);
    CHECK(code == EMSGSIZE || code == EBUSY);
}

/* scenario 140 */
TEST(cancelling_at_random_loses_nothing_and_doubles_nothing)
{
    struct mess m = {.dice = 7};
    m.sock = net_pair(loop, &m.peer);
    vow_loop_set_budget(loop, 1);
    vow_on_unhandled(loop, ignore, NULL);
    for (int i = 0; i < 5000; i++) {
        vow_promise *p = vow_then(read_somehow(&m), check_digits, &m);
        send_some(&m);
        if (roll(&m, 2))
            turn_without_handlers(loop);
        else
            vow_enter(loop);
        vow_drain(loop, roll(&m, 2));
        if (roll(&m, 2))
            vow_cancel(p);
        vow_unref(p);
        vow_leave(loop);
        if (roll(&m, 4) == 0)
            vow_poll(loop);
    }
    while (m.seen < m.sent)
        EQ_INT(vow_run(loop, vow_then(vow_stream_read(m.sock, 1000), check_digits, &m), NULL), 0);
    EXPECT_UNHANDLED(vow_unhandled_count(loop));
    vow_stream_unref(m.sock);
    close(m.peer);
}

/* Two deliveries, the first of which comes back when the second is behind it already. */
TEST(bytes_that_come_back_without_memory_are_there_for_the_next_read)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    net_send(peer, "one\ntwo\nthree\n");
    EQ_READ(vow_stream_read_until(s, '\n', 100), "one\n");
    vow_test_fail_allocation(2, true); /* after the copy that is delivered */
    vow_unref(vow_stream_read_until(s, '\n', 100));
    EQ_INT(vow_run(loop, vow_stream_read_until(s, '\n', 100), NULL), ENOMEM);
    vow_test_fail_allocation(0, false);
    EQ_READ(vow_stream_read_until(s, '\n', 100), "two\n");
    EQ_READ(vow_stream_read_until(s, '\n', 100), "three\n");
    vow_stream_unref(s);
    close(peer);
}

TEST(a_read_that_waits_without_memory_leaves_what_comes_back_to_the_next)
{
    int peer;
    vow_stream *s = net_pair(loop, &peer);
    vow_promise *first = vow_stream_read_exact(s, 3);
    net_send(peer, "abc");
    while (vow_state(first) == VOW_PENDING)
        turn_without_handlers(loop), vow_leave(loop);
    vow_promise *second = vow_stream_read_exact(s, 6);
    net_send(peer, "def");
    vow_poll(loop);
    vow_test_fail_allocation(1, true);
    vow_unref(first);
    vow_test_fail_allocation(0, false);
    EQ_INT(vow_run(loop, second, NULL), ENOMEM);
    EQ_READ(vow_stream_read_exact(s, 6), "abcdef");
    vow_stream_unref(s);
    close(peer);
}
