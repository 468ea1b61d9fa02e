/* SPDX-License-Identifier: MIT
 *
 * Channels: order, capacity, ends, and what is cancelled.
 */
#include "flow/common.h"

/* Looked at only when it has been rejected. */
static vow_promise *quiet(vow_promise *p)
{
    vow_mark_handled(p);
    return p;
}

/* A value that says when it goes. */
static vow_value marked(struct op *op) { return vow_box(op, op_destroy); }

/* scenario 152 */
TEST(sends_fulfil_up_to_the_capacity_and_then_wait)
{
    vow_channel *ch = vow_channel_new(loop, 2);
    OUTCOME(vow_channel_send(ch, vow_v(1)), "none");
    OUTCOME(vow_channel_send(ch, vow_v(2)), "none");
    vow_promise *third = vow_channel_send(ch, vow_v(3)), *fourth = vow_channel_send(ch, vow_v(4));
    IS(third, "pending");
    OUTCOME(vow_channel_receive(ch), "1");
    IS(third, "none");
    IS(fourth, "pending");
    EQ_UINT(vow_channel_count(ch), 2);
    OUTCOME(vow_channel_receive(ch), "2");
    OUTCOME(vow_channel_receive(ch), "3");
    OUTCOME(vow_channel_receive(ch), "4");
    vow_unref(third);
    vow_unref(fourth);
    vow_channel_unref(ch);
}

/* scenario 152 */
TEST(a_channel_closed_by_its_sender_drains)
{
    vow_channel *ch = vow_channel_new(loop, 1);
    OUTCOME(vow_channel_send(ch, vow_v(1)), "none");
    vow_promise *waits = vow_channel_send(ch, vow_v(2));
    vow_channel_close(ch);
    CHECK(vow_channel_is_closed(ch));
    OUTCOME(vow_channel_send(ch, vow_text("late")), "!EPIPE");
    OUTCOME(vow_channel_receive(ch), "1");
    OUTCOME(waits, "none");
    OUTCOME(vow_channel_receive(ch), "2");
    OUTCOME(vow_channel_receive(ch), "end");
    vow_promise *end = vow_channel_receive(ch);
    CHECK(vow_is_end(vow_peek(end)) && !vow_is_end(vow_none()));
    vow_unref(end);
    vow_channel_unref(ch);
}

/* scenario 152 */
TEST(a_channel_closed_by_its_receiver_rejects_sends_and_releases_what_was_in_it)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_channel *ch = vow_channel_new(loop, 1);
    OUTCOME(vow_channel_send(ch, marked(&a)), "none");
    vow_promise *waits = quiet(vow_channel_send(ch, marked(&b)));
    vow_channel_abort(ch);
    EQ_TRACE(seen, "~b ~a");
    OUTCOME(waits, "!EPIPE");
    OUTCOME(vow_channel_receive(ch), "end");
    vow_channel_unref(ch);
}

/* scenario 153 */
TEST(a_receiver_may_come_before_its_sender)
{
    vow_channel *ch = vow_channel_new(loop, 3);
    vow_promise *first = vow_channel_receive(ch), *second = vow_channel_receive(ch);
    OUTCOME(vow_channel_send(ch, vow_v(1)), "none");
    EQ_UINT(vow_channel_count(ch), 0);
    OUTCOME(first, "1");
    IS(second, "pending");
    vow_channel_close(ch);
    OUTCOME(second, "end");
    vow_channel_unref(ch);
}

/* scenario 153 */
TEST(receiving_all_admits_the_blocked_sender)
{
    vow_channel *ch = vow_channel_new(loop, 2);
    for (int i = 0; i < 2; i++)
        OUTCOME(vow_channel_send(ch, vow_v(i)), "none");
    vow_promise *blocked = vow_channel_send(ch, vow_v(2));
    OUTCOME(vow_resolved(loop, vow_channel_drain(ch)), "[0 1 2]");
    OUTCOME(blocked, "none");
    OUTCOME(vow_resolved(loop, vow_channel_drain(ch)), "[]");
    vow_channel_close(ch);
    OUTCOME(vow_resolved(loop, vow_channel_drain(ch)), "[]");
    vow_channel_unref(ch);
}

TEST(without_capacity_a_send_waits_for_its_receiver)
{
    vow_channel *ch = vow_channel_new(loop, 0);
    vow_promise *a = vow_channel_send(ch, vow_v(1)), *b = vow_channel_send(ch, vow_v(2));
    IS(a, "pending");
    OUTCOME(vow_channel_receive(ch), "1");
    OUTCOME(a, "none");
    IS(b, "pending");
    OUTCOME(vow_channel_receive(ch), "2");
    OUTCOME(b, "none");
    vow_promise *c = vow_channel_receive(ch);
    OUTCOME(vow_channel_send(ch, vow_v(3)), "none");
    OUTCOME(c, "3");
    vow_channel_unref(ch);
}

TEST(a_cancelled_waiter_has_sent_and_received_nothing)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_channel *ch = vow_channel_new(loop, 1);
    vow_promise *gone = quiet(vow_channel_receive(ch)), *stays = vow_channel_receive(ch);
    vow_promise *dropped = vow_channel_receive(ch);
    vow_cancel(gone);
    vow_unref(dropped);
    OUTCOME(vow_channel_send(ch, vow_v(1)), "none");
    OUTCOME(gone, "!ECANCELED");
    OUTCOME(stays, "1");
    OUTCOME(vow_channel_send(ch, vow_v(2)), "none");
    gone = vow_channel_send(ch, marked(&a));
    dropped = vow_channel_send(ch, marked(&b));
    vow_cancel(gone);
    vow_unref(dropped);
    EQ_TRACE(seen, "~a ~b");
    OUTCOME(gone, "!ECANCELED");
    OUTCOME(vow_resolved(loop, vow_channel_drain(ch)), "[2]");
    vow_channel_unref(ch);
}

TEST(an_error_value_rejects_its_send_and_does_not_travel)
{
    vow_channel *ch = vow_channel_new(loop, 1);
    OUTCOME(vow_channel_send(ch, vow_fail(EIO, "no text")), "!EIO");
    EQ_UINT(vow_channel_count(ch), 0);
    vow_channel_unref(ch);
}

TEST_PANICS(a_promise_is_no_value_to_be_sent, "a promise is no value")
{
    vow_channel *ch = vow_channel_new(loop, 1);
    vow_unref(vow_channel_send(ch, vow_v(vow_delay(loop, 1))));
}

TEST(the_last_reference_ends_those_who_wait)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_channel *ch = vow_channel_new(loop, 0);
    vow_value v = vow_channel_value(vow_channel_ref(ch));
    CHECK(vow_channel_of(v) == ch && vow_channel_is(v) && !vow_channel_is(vow_none()));
    vow_promise *sends = quiet(vow_channel_send(ch, marked(&a)));
    vow_channel_unref(ch);
    IS(sends, "pending");
    vow_release(v);
    OUTCOME(sends, "!EPIPE");
    EQ_TRACE(seen, "~a");
    CHECK(vow_channel_unref(NULL) == NULL);
    CHECK(vow_channel_new(loop, SIZE_MAX / 4) == NULL);
}

TEST(closing_the_loop_rejects_those_who_wait)
{
    vow_channel *ch = vow_channel_new(loop, 0);
    vow_promise *receives = vow_channel_receive(ch);
    vow_mark_handled(receives);
    vow_loop_close(loop);
    OUTCOME(receives, "!ECLOSED");
    vow_channel_unref(ch);
}

/* A producer and a consumer as chains, the ring going round many times. */
struct flow {
    vow_channel *ch;
    int next, most;
    int64_t sum;
};
static vow_value produce(void *data)
{
    struct flow *f = data;
    if (f->next == 1000) {
        vow_channel_close(f->ch);
        return vow_none();
    }
    vow_promise *p = vow_channel_send(f->ch, vow_v(++f->next));
    f->most = (int)vow_channel_count(f->ch) > f->most ? (int)vow_channel_count(f->ch) : f->most;
    return vow_v(p);
}
static vow_value again(UNUSED vow_value v, UNUSED void *data) { return VOW_AGAIN; }
static vow_value produce_step(void *data)
{
    vow_value v = produce(data);
    return vow_is_none(v) ? v : vow_v(vow_then(vow_resolved(vow_current(), v), again, NULL));
}
static vow_value use(vow_value v, void *data)
{
    if (vow_is_end(v))
        return vow_none();
    ((struct flow *)data)->sum += vow_as_int(v);
    return VOW_AGAIN;
}
static vow_value consume_step(void *data)
{
    return vow_v(vow_then(vow_channel_receive(((struct flow *)data)->ch), use, data));
}

TEST(a_producer_is_held_back_by_its_consumer)
{
    for (size_t capacity = 0; capacity < 4; capacity++) {
        struct flow f = {.ch = vow_channel_new(loop, capacity)};
        vow_promise *all =
            vow_all(loop, vow_repeat(loop, produce_step, &f), vow_repeat(loop, consume_step, &f));
        CHECK(vow_run(loop, all, NULL) == 0);
        EQ_INT(f.sum, 1000 * 1001 / 2);
        CHECK((size_t)f.most <= capacity);
        vow_channel_unref(f.ch);
    }
}

static void unref_channel(void *ch) { vow_channel_unref(ch); }

TEST(a_channel_may_be_held_by_what_is_in_it)
{
    vow_channel *ch = vow_channel_new(loop, 1);
    OUTCOME(vow_channel_send(ch, vow_box(ch, unref_channel)), "none");
    vow_channel_abort(ch); /* releases the last reference with the value */
}
