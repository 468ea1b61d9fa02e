/* SPDX-License-Identifier: MIT
 *
 * The first of several sends and receives; the others lose nothing.
 */
#include "flow/common.h"

static vow_promise *quiet(vow_promise *p)
{
    vow_mark_handled(p);
    return p;
}

static vow_promise *receive_any(vow_channel *a, vow_channel *b)
{
    vow_channel_case cases[] = {{a, false, vow_none()}, {b, false, vow_none()}};
    return vow_channel_select(2, cases);
}

TEST(the_first_case_that_is_ready_is_done_at_once)
{
    vow_channel *a = vow_channel_new(loop, 1), *b = vow_channel_new(loop, 1);
    vow_unref(vow_channel_send(b, vow_v(7)));
    OUTCOME(receive_any(a, b), "[1 7]");
    vow_unref(vow_channel_send(a, vow_v(1)));
    vow_unref(vow_channel_send(b, vow_v(2)));
    OUTCOME(receive_any(a, b), "[0 1]");
    EQ_UINT(vow_channel_count(b), 1); /* the loser has lost nothing */
    vow_channel_unref(a);
    vow_channel_unref(b);
}

TEST(the_first_channel_that_gets_a_value_wins_and_the_others_keep_theirs)
{
    vow_channel *a = vow_channel_new(loop, 0), *b = vow_channel_new(loop, 0);
    vow_promise *any = receive_any(a, b), *next = vow_channel_receive(a);
    OUTCOME(vow_channel_send(b, vow_v(7)), "none");
    OUTCOME(any, "[1 7]");
    OUTCOME(vow_channel_send(a, vow_v(8)), "none"); /* for the one behind */
    OUTCOME(next, "8");
    vow_channel_unref(a);
    vow_channel_unref(b);
}

TEST(a_select_that_sends_keeps_its_place_and_takes_back_what_it_did_not_send)
{
    struct trace seen = {""};
    struct op x = {&seen, "x", NULL}, y = {&seen, "y", NULL};
    vow_channel *a = vow_channel_new(loop, 0), *b = vow_channel_new(loop, 1);
    vow_channel_case cases[] = {{a, true, vow_box(&x, op_destroy)}, {b, false, vow_none()}};
    vow_promise *any = vow_channel_select(2, cases);
    CHECK(vow_is_none(cases[0].value)); /* taken */
    vow_promise *behind = vow_channel_send(a, vow_box(&y, op_destroy));
    OUTCOME(vow_channel_receive(a), "box");
    EQ_TRACE(seen, "~x");
    OUTCOME(any, "[0 none]");
    cases[0].value = vow_box(&x, op_destroy);
    any = vow_channel_select(2, cases);
    OUTCOME(vow_channel_send(b, vow_v(3)), "none");
    EQ_TRACE(seen, "~x ~x");
    OUTCOME(any, "[1 3]");
    OUTCOME(vow_channel_receive(a), "box");
    OUTCOME(behind, "none");
    EQ_TRACE(seen, "~x ~x ~y");
    vow_channel_unref(a);
    vow_channel_unref(b);
}

TEST(a_cancelled_select_has_done_nothing)
{
    struct trace seen = {""};
    struct op x = {&seen, "x", NULL};
    vow_channel *a = vow_channel_new(loop, 0), *b = vow_channel_new(loop, 1);
    for (int drop = 0; drop < 2; drop++) {
        vow_channel_case cases[] = {{a, true, vow_box(&x, op_destroy)}, {b, false, vow_none()}};
        vow_promise *any = vow_channel_select(2, cases);
        if (drop) {
            vow_unref(any);
        } else {
            vow_cancel(any);
            OUTCOME(any, "!ECANCELED");
        }
    }
    EQ_TRACE(seen, "~x ~x");
    OUTCOME(vow_channel_send(b, vow_v(3)), "none");
    EQ_UINT(vow_channel_count(b), 1);
    vow_promise *receives = vow_channel_receive(a);
    IS(receives, "pending");
    vow_unref(receives);
    vow_channel_unref(a);
    vow_channel_unref(b);
}

TEST(a_closed_channel_is_ready)
{
    vow_channel *a = vow_channel_new(loop, 1), *b = vow_channel_new(loop, 1);
    vow_promise *any = receive_any(a, b);
    vow_channel_close(b);
    OUTCOME(any, "[1 end]");
    OUTCOME(receive_any(a, b), "[1 end]");
    vow_channel_case cases[] = {{a, false, vow_none()}, {b, true, vow_text("x")}};
    OUTCOME(vow_channel_select(2, cases), "!EPIPE");
    cases[1] = (vow_channel_case){a, true, vow_fail(EIO, "bad")};
    OUTCOME(vow_channel_select(2, cases), "!EIO");
    vow_channel_unref(a);
    vow_channel_unref(b);
}

TEST(an_aborted_channel_rejects_a_select_that_would_send)
{
    vow_channel *a = vow_channel_new(loop, 0), *b = vow_channel_new(loop, 0);
    vow_channel_case cases[] = {{a, true, vow_text("x")}, {b, true, vow_text("y")}};
    vow_promise *any = quiet(vow_channel_select(2, cases));
    vow_channel_abort(b);
    OUTCOME(any, "!EPIPE");
    EQ_UINT(vow_count(vow_peek(vow_ref(any = vow_resolved(loop, vow_channel_drain(a))))), 0);
    vow_unref(any);
    vow_unref(any);
    vow_channel_unref(a);
    vow_channel_unref(b);
}

TEST(one_of_two_sends_on_the_same_channel_is_done)
{
    vow_channel *a = vow_channel_new(loop, 0);
    vow_channel_case cases[] = {{a, true, vow_v(1)}, {a, true, vow_v(2)}};
    vow_promise *any = vow_channel_select(2, cases);
    OUTCOME(vow_resolved(loop, vow_channel_drain(a)), "[1]");
    OUTCOME(any, "[0 none]");
    vow_channel_unref(a);
}

static vow_value select_of(UNUSED vow_value v, void *data)
{
    vow_channel_case *cases = data;
    return vow_v(vow_channel_select(2, cases));
}

TEST(two_selects_meet)
{
    vow_channel *a = vow_channel_new(loop, 0), *b = vow_channel_new(loop, 0);
    vow_channel_case sends[] = {{a, true, vow_v(1)}, {b, true, vow_v(2)}};
    vow_promise *any = vow_channel_select(2, sends);
    vow_channel_case receives[] = {{b, false, vow_none()}, {a, false, vow_none()}};
    vow_promise *got = vow_then(vow_resolved(loop, vow_none()), select_of, receives);
    vow_poll(loop);
    OUTCOME(got, "[0 2]");
    OUTCOME(any, "[1 none]");
    vow_channel_unref(a);
    vow_channel_unref(b);
}

/* What a select would have sent is released in the middle of another call. */
struct meddler {
    vow_channel **channel; /* released; or, if it has one, `sends` */
    int sends;
};
static void meddle(void *data)
{
    struct meddler *m = data;
    if (m->sends > 0)
        vow_unref(vow_channel_send(*m->channel, vow_v(m->sends)));
    else
        *m->channel = vow_channel_unref(*m->channel);
}

/* Waits to send 7 to `to`, or m to where nobody listens. */
static vow_promise *send_or(vow_channel *to, vow_channel *dead, struct meddler *m)
{
    vow_channel_case cases[] = {{to, true, vow_v(7)}, {dead, true, vow_box(m, meddle)}};
    return vow_channel_select(2, cases);
}

TEST(what_a_select_did_not_send_may_send_on_the_same_channel_when_it_is_released)
{
    vow_channel *a = vow_channel_new(loop, 1), *dead = vow_channel_new(loop, 0);
    struct meddler m = {&a, 9};
    vow_unref(vow_channel_send(a, vow_v(1)));
    vow_promise *any = send_or(a, dead, &m);
    vow_promise *behind = vow_channel_send(a, vow_v(8));
    OUTCOME(vow_channel_receive(a), "1"); /* 7 comes in; 9 wants to, behind 8 */
    OUTCOME(any, "[0 none]");
    EQ_UINT(vow_channel_count(a), 1);
    OUTCOME(vow_channel_receive(a), "7");
    OUTCOME(vow_channel_receive(a), "8");
    OUTCOME(behind, "none");
    vow_channel_unref(a);
    vow_channel_unref(dead);
}

TEST(what_a_select_did_not_send_may_release_the_channel_that_is_being_drained_or_closed)
{
    for (int drained = 0; drained < 2; drained++) {
        vow_channel *a = vow_channel_new(loop, 0), *dead = vow_channel_new(loop, 0);
        struct meddler m = {&a, 0};
        vow_channel_case cases[] = {{a, drained, vow_v(7)}, {dead, true, vow_box(&m, meddle)}};
        if (!drained)
            cases[0].value = vow_none();
        vow_promise *any = vow_channel_select(2, cases);
        if (drained)
            vow_release(vow_channel_drain(a));
        else
            vow_channel_close(a);
        CHECK(a == NULL);
        OUTCOME(any, drained ? "[0 none]" : "[0 end]");
        vow_channel_unref(dead);
    }
}

static void close_the_loop(void *own) { vow_loop_close(own); }

TEST(what_was_handed_over_is_told_before_anybody_can_end_the_loop)
{
    for (int sends = 0; sends < 2; sends++) {
        vow_loop *own = vow_loop_new();
        vow_channel *a = vow_channel_new(own, 0), *dead = vow_channel_new(own, 0);
        vow_channel_case cases[] = {{a, sends, sends ? vow_v(7) : vow_none()},
                                    {dead, true, vow_box(own, close_the_loop)}};
        vow_promise *any = vow_channel_select(2, cases);
        vow_promise *p = sends ? vow_channel_receive(a) : vow_channel_send(a, vow_v(7));
        EQ_INT(vow_state(p), VOW_FULFILLED);
        EQ_INT(vow_state(any), VOW_FULFILLED);
        vow_unref(p);
        vow_unref(any);
        vow_channel_unref(a);
        vow_channel_unref(dead);
        vow_loop_free(own);
    }
}

/* A destructor drops what waits and sends: what was dropped is still there, and gets nothing. */
struct worker {
    vow_channel *channel;
    vow_promise *receives;
};
static void resign(void *data)
{
    struct worker *w = data;
    vow_unref(w->receives);
    vow_unref(vow_channel_send(w->channel, vow_text("goes on to the next")));
}

TEST(what_a_destructor_has_dropped_receives_nothing_any_more)
{
    for (int selects = 0; selects < 2; selects++) {
        vow_channel *a = vow_channel_new(loop, 0);
        struct worker w = {a, selects ? receive_any(a, a) : vow_channel_receive(a)};
        vow_promise *next = vow_channel_receive(a);
        vow_unref(vow_attach(vow_delay(loop, 5), &w, resign));
        OUTCOME(next, "'goes on to the next'");
        vow_channel_unref(a);
    }
}

static void drop_and_receive(void *data)
{
    struct worker *w = data;
    vow_unref(w->receives);
    w->receives = vow_channel_receive(w->channel);
}

TEST(what_a_destructor_has_dropped_sends_nothing_any_more)
{
    vow_channel *a = vow_channel_new(loop, 0);
    struct worker w = {a, vow_channel_send(a, vow_v(1))};
    vow_promise *next = vow_channel_send(a, vow_v(2));
    vow_unref(vow_attach(vow_delay(loop, 5), &w, drop_and_receive));
    OUTCOME(w.receives, "2");
    OUTCOME(next, "none");
    vow_channel_unref(a);
}

TEST_PANICS(a_select_sends_no_promise, "is no value to be sent")
{
    vow_channel *a = vow_channel_new(loop, 1);
    vow_channel_case cases[] = {{a, false, vow_none()}, {a, true, vow_v(pending(loop))}};
    vow_unref(vow_channel_select(2, cases));
}

TEST_PANICS(a_select_is_over_channels_of_one_loop, "a channel of another loop")
{
    vow_loop *other = vow_loop_new();
    vow_channel_case cases[] = {{vow_channel_new(loop, 1), false, vow_none()},
                                {vow_channel_new(other, 1), false, vow_none()}};
    vow_unref(vow_channel_select(2, cases));
}
