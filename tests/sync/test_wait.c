/* SPDX-License-Identifier: MIT
 *
 * Conditions, flags, rates.
 */
#include "sync/common.h"

/* Gives the permit of the fulfilled p, which is taken. */
static vow_permit *permit_of(vow_promise *p)
{
    vow_permit *permit = vow_permit_ref(vow_permit_of(vow_peek(p)));
    vow_unref(p);
    return permit;
}

TEST(waiting_for_a_condition_unlocks_and_comes_back_with_the_lock)
{
    vow_mutex *m = vow_mutex_new(loop);
    vow_condition *c = vow_condition_new(loop);
    vow_promise *a = vow_condition_wait(c, permit_of(vow_mutex_lock(m)));
    vow_promise *b = vow_condition_wait(c, permit_of(vow_mutex_lock(m)));
    vow_value held = vow_mutex_try(m);
    CHECK(!vow_is_none(held));
    vow_condition_notify(c);
    IS(a, "pending"); /* told, but locked out */
    vow_release(held);
    IS(a, "permit");
    IS(b, "pending");
    vow_condition_notify_all(c);
    IS(b, "pending");
    vow_permit_unref(permit_of(a));
    IS(b, "permit");
    vow_unref(b);
    vow_condition_notify(c); /* nobody */
    vow_condition_free(c);
    vow_mutex_free(m);
}

TEST(a_condition_gives_the_lock_back_whoever_else_holds_the_permit)
{
    vow_mutex *m = vow_mutex_new(loop);
    vow_condition *c = vow_condition_new(loop);
    vow_promise *lock = vow_mutex_lock(m); /* which holds its permit, too */
    vow_promise *a = vow_condition_wait(c, vow_permit_ref(vow_permit_of(vow_peek(lock))));
    vow_value held = vow_mutex_try(m);
    CHECK(!vow_is_none(held));
    vow_release(held);
    vow_unref(lock);
    vow_unref(a);
    vow_condition_free(c);
    vow_mutex_free(m);
}

TEST(a_notification_whose_receiver_is_cancelled_wakes_the_next)
{
    vow_mutex *m = vow_mutex_new(loop);
    vow_condition *c = vow_condition_new(loop);
    vow_promise *a = quiet(vow_condition_wait(c, permit_of(vow_mutex_lock(m))));
    vow_promise *b = vow_condition_wait(c, permit_of(vow_mutex_lock(m)));
    vow_promise *d = vow_condition_wait(c, permit_of(vow_mutex_lock(m)));
    vow_promise *e = vow_condition_wait(c, permit_of(vow_mutex_lock(m)));
    vow_value held = vow_mutex_try(m);
    vow_condition_notify(c);
    vow_cancel(a); /* while it waits for the lock */
    OUTCOME(a, "!ECANCELED");
    vow_release(held);
    CHECK(vow_state(b) == VOW_FULFILLED);
    vow_unref(b); /* granted, and dropped before anybody looked */
    IS(d, "permit");
    vow_permit_unref(permit_of(d)); /* seen: it is not passed on */
    IS(e, "pending");
    vow_unref(e);
    vow_condition_free(c);
    vow_mutex_free(m);
}

struct leaver {
    vow_condition *condition;
    vow_promise *waits;
};
static void leave_and_notify(void *data)
{
    struct leaver *l = data;
    vow_unref(l->waits);
    vow_condition_notify(l->condition);
}

TEST(who_was_dropped_in_a_destructor_takes_no_notification_along)
{
    vow_condition *c = vow_condition_new(loop);
    struct leaver l = {c, vow_condition_wait(c, NULL)};
    vow_promise *next = vow_condition_wait(c, NULL);
    vow_unref(vow_attach(vow_delay(loop, 5), &l, leave_and_notify));
    OUTCOME(next, "none");
    vow_condition_free(c);
}

TEST(a_notification_that_nobody_has_seen_wakes_the_next_without_a_permit_too)
{
    vow_condition *c = vow_condition_new(loop);
    vow_promise *p[4];
    for (int i = 0; i < 4; i++)
        p[i] = vow_condition_wait(c, NULL);
    vow_condition_notify(c);
    vow_unref(p[0]);
    CHECK(vow_state(p[1]) == VOW_FULFILLED);
    p[1] = quiet(vow_then(p[1], NULL, NULL));
    vow_cancel(p[1]);
    OUTCOME(p[2], "none"); /* seen: it is not passed on */
    IS(p[3], "pending");
    vow_condition_notify(c);
    vow_condition_free(c);
    vow_unref(p[3]);
    vow_poll(loop);
    OUTCOME(p[1], "!ECANCELED");
}

TEST(one_that_stops_waiting_for_a_condition_holds_nothing)
{
    vow_mutex *m = vow_mutex_new(loop);
    vow_condition *c = vow_condition_new(loop);
    vow_promise *a = quiet(vow_condition_wait(c, permit_of(vow_mutex_lock(m))));
    vow_promise *b = vow_condition_wait(c, NULL);
    vow_mutex_free(m);
    vow_cancel(a);
    OUTCOME(a, "!ECANCELED");
    vow_condition_notify(c);
    OUTCOME(b, "none");
    vow_condition_free(c);
}

TEST(a_mutex_that_goes_sends_those_away_whom_a_condition_tells)
{
    vow_mutex *m = vow_mutex_new(loop);
    vow_condition *c = vow_condition_new(loop);
    vow_promise *a = quiet(vow_condition_wait(c, permit_of(vow_mutex_lock(m))));
    vow_promise *b = quiet(vow_condition_wait(c, permit_of(vow_mutex_lock(m))));
    vow_promise *d = quiet(vow_condition_wait(c, permit_of(vow_mutex_lock(m))));
    vow_value held = vow_mutex_try(m);
    vow_condition_notify(c);
    vow_mutex_free(m);
    FAILS_WITH(a, ESHUTDOWN);
    vow_condition_notify(c);
    FAILS_WITH(b, ESHUTDOWN);
    vow_condition_free(c);
    FAILS_WITH(d, ESHUTDOWN);
    vow_release(held);
    CHECK(vow_condition_free(NULL) == NULL);
}

TEST_PANICS(waiting_with_a_released_permit_is_misuse, "the permit was released")
{
    static vow_mutex *mutex; /* known to valgrind when the panic ends the program */
    static vow_condition *condition;
    mutex = vow_mutex_new(loop);
    condition = vow_condition_new(loop);
    vow_permit *permit = permit_of(vow_mutex_lock(mutex));
    vow_permit_release(permit);
    vow_unref(vow_condition_wait(condition, permit));
}

TEST(a_flag_wakes_all_and_stays)
{
    vow_flag *f = vow_flag_new(loop);
    vow_promise *a = vow_flag_wait(f), *b = vow_flag_wait(f), *c = vow_flag_wait(f);
    vow_unref(b);
    vow_flag_set(f);
    vow_flag_set(f);
    OUTCOME(a, "none");
    OUTCOME(c, "none");
    OUTCOME(vow_flag_wait(f), "none");
    CHECK(vow_flag_is_set(f));
    vow_flag_clear(f);
    a = quiet(vow_flag_wait(f));
    IS(a, "pending");
    vow_flag_free(f);
    FAILS_WITH(a, ESHUTDOWN);
    CHECK(vow_flag_free(NULL) == NULL);
}

static vow_promise *note(vow_promise *p, struct op *op) { return vow_handle(p, op_done, op); }

TEST(tokens_come_evenly_and_in_the_order_of_asking)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL}, c = {&seen, "c", NULL};
    vow_rate *r = vow_rate_new(loop, 10, 1000, 3); /* one each 100 ms */
    OUTCOME(vow_rate_take(r, 3), "none");
    vow_promise *all = vow_all(loop, note(vow_rate_take(r, 1), &a), note(vow_rate_take(r, 3), &b),
                               note(vow_rate_take(r, 1), &c));
    vow_clock_advance(loop, 99);
    EQ_TRACE(seen, "");
    vow_clock_advance(loop, 1);
    EQ_TRACE(seen, "a");
    vow_clock_advance(loop, 299);
    EQ_TRACE(seen, "a");
    vow_clock_advance(loop, 1);
    EQ_TRACE(seen, "a b");
    vow_clock_advance(loop, 100);
    EQ_TRACE(seen, "a b c");
    OUTCOME(all, "[none none none]");
    FAILS_WITH(vow_rate_take(r, 4), EINVAL);
    vow_rate_free(r);
}

TEST(a_bucket_is_full_at_first_and_never_holds_more_than_its_burst)
{
    vow_rate *r = vow_rate_new(loop, 1, 10, 2);
    vow_clock_advance(loop, 100000);
    OUTCOME(vow_rate_take(r, 1), "none");
    OUTCOME(vow_rate_take(r, 1), "none");
    vow_promise *third = vow_rate_take(r, 1);
    IS(third, "pending");
    vow_clock_advance(loop, 10);
    OUTCOME(third, "none");
    vow_rate_free(r);
}

TEST(one_that_stops_waiting_for_tokens_leaves_its_place_to_the_next)
{
    struct trace seen = {""};
    struct op b = {&seen, "b", NULL}, c = {&seen, "c", NULL};
    vow_rate *r = vow_rate_new(loop, 1, 100, 5);
    OUTCOME(vow_rate_take(r, 5), "none");
    vow_promise *a = quiet(vow_rate_take(r, 5)), *gone = vow_rate_take(r, 1);
    vow_promise *p = note(vow_rate_take(r, 1), &b), *q = note(vow_rate_take(r, 2), &c);
    vow_clock_advance(loop, 50);
    vow_cancel(a);
    vow_unref(gone);
    vow_clock_advance(loop, 50);
    EQ_TRACE(seen, "b");
    OUTCOME(a, "!ECANCELED");
    vow_clock_advance(loop, 200);
    EQ_TRACE(seen, "b c");
    vow_unref(p);
    vow_unref(q);
    a = quiet(vow_rate_take(r, 5));
    vow_rate_free(r);
    FAILS_WITH(a, ESHUTDOWN);
    CHECK(vow_rate_free(NULL) == NULL);
}

TEST(tokens_that_nobody_has_seen_are_back_in_the_bucket)
{
    vow_rate *r = vow_rate_new(loop, 1, 100, 4);
    vow_promise *a = vow_rate_take(r, 1), *b = vow_rate_take(r, 3), *c = vow_rate_take(r, 4);
    IS(a, "none"); /* seen */
    vow_unref(a);
    vow_clock_advance(loop, 50);
    vow_unref(b);
    IS(c, "pending"); /* three and a half */
    vow_clock_advance(loop, 49);
    IS(c, "pending");
    vow_clock_advance(loop, 1);
    CHECK(vow_state(c) == VOW_FULFILLED);
    vow_clock_advance(loop, 200);
    vow_unref(c); /* four, and what has dripped: no more than four */
    OUTCOME(vow_rate_take(r, 4), "none");
    a = vow_rate_take(r, 1);
    b = vow_rate_take(r, 1);
    vow_clock_advance(loop, 100);
    vow_unref(a); /* at once to the next */
    OUTCOME(b, "none");
    vow_clock_advance(loop, 100);
    a = vow_rate_take(r, 1);
    vow_rate_free(r);
    vow_unref(a);
}

TEST_PANICS(a_rate_of_nothing_is_misuse, "a rate of nothing") { vow_rate_new(loop, 0, 1, 1); }
