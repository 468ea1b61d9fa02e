/* SPDX-License-Identifier: MIT
 *
 * all, all_settled, any, race, timeout and deadline without memory.
 */
#include "oom/flow.h"

static const int one = 1, two = 2, three = 3;
static const int pipe_broken = EPIPE, io = EIO;

SCENARIO(all)
{
    static const int values[] = {1, 2, 3, 4};
    vow_promise *p = vow_all(loop, int_after(loop, 5, &one), vow_resolved(loop, vow_int(2)),
                             int_after(loop, 1, &three), vow_resolved(loop, vow_int(4)));
    EXPECT_INTS(p, 4, values);
    EXPECT_INTS(vow_all_n(loop, 0, NULL), 0, NULL);
}

SCENARIO(all_of_many)
{
    enum { MANY = 24 };
    vow_promise *p[MANY];
    int values[MANY];
    for (int i = 0; i < MANY; i++) {
        values[i] = i;
        p[i] = vow_resolved(loop, vow_int(i));
    }
    EXPECT_INTS(vow_all_n(loop, MANY, p), MANY, values);
}

SCENARIO(all_of_texts)
{
    vow_promise *p = vow_all(loop, vow_resolved(loop, vow_text("a")),
                             vow_resolved(loop, vow_text("b")), vow_delay(loop, 1));
    vow_value v;
    if (EXPECT(p, &v)) {
        EQ_INT(vow_count(v), 3);
        EQ_TEXT(vow_as_text(vow_at(v, 0)), "a");
        EQ_TEXT(vow_as_text(vow_at(v, 1)), "b");
        CHECK(vow_is_none(vow_at(v, 2)));
    }
    vow_release(v);
}

SCENARIO(all_with_a_failing_input)
{
    oom_reports(0, 1); /* a loser without memory, whose error takes no place among the suppressed ones */
    vow_promise *p = vow_all(loop, with_cleanup(int_after(loop, 50, &one)),
                             error_after(loop, 5, &pipe_broken), int_after(loop, 1, &two));
    EXPECT_ERROR(p, EPIPE);
}

SCENARIO(all_settled)
{
    vow_promise *p = vow_all_settled(loop, int_after(loop, 5, &one), error_after(loop, 1, &io),
                                     vow_resolved(loop, vow_text("text")));
    vow_value v;
    if (EXPECT(p, &v)) {
        EQ_INT(vow_count(v), 3);
        if (MADE(vow_at(v, 0)))
            EQ_INT(vow_as_int(vow_at(v, 0)), 1);
        CHECK(vow_is_error(vow_at(v, 1)));
        IS_ERROR(vow_as_error(vow_at(v, 1)), EIO);
        if (MADE(vow_at(v, 2)))
            EQ_TEXT(vow_as_text(vow_at(v, 2)), "text");
    }
    vow_release(v);
}

SCENARIO(any)
{
    oom_reports(0, 2); /* inputs that lose the promise they were to go to */
    vow_promise *p =
        vow_any(loop, error_after(loop, 1, &io), with_cleanup(int_after(loop, 5, &one)),
                with_cleanup(int_after(loop, 9, &one)),
                vow_rejected(loop, vow_error_new(vow_errno_domain(), EIO, NULL)));
    EXPECT_INT(p, 1);
}

SCENARIO(any_of_failures)
{
    vow_promise *p = vow_any(loop, error_after(loop, 1, &io), error_after(loop, 1, &pipe_broken));
    vow_value v;
    CHECK(vow_run(loop, p, &v) != 0);
    const vow_error *e = vow_as_error(v);
    if (vow_error_is(e, vow_own_domain(), VOW_EAGGREGATE)) {
        vow_value errors = vow_error_payload(e);
        EQ_INT(vow_count(errors), 2);
        IS_ERROR(vow_as_error(vow_at(errors, 0)), EIO);
        IS_ERROR(vow_as_error(vow_at(errors, 1)), EPIPE);
    } else {
        CHECK(oom_no_memory(e));
    }
    vow_release(v);
    EXPECT_ERROR(vow_any_n(loop, 0, NULL), VOW_EAGGREGATE);
}

SCENARIO(race)
{
    oom_reports(0, 2); /* losers without memory */
    vow_promise *p = vow_race(loop, with_cleanup(int_after(loop, 50, &one)),
                              int_after(loop, 5, &two), with_cleanup(vow_delay(loop, 100)));
    EXPECT_INT(p, 2);
    EXPECT_ERROR(vow_race_n(loop, 0, NULL), VOW_ENONE);
}

SCENARIO(race_that_fails)
{
    oom_reports(0, 1); /* a loser without memory */
    vow_promise *p =
        vow_race(loop, with_cleanup(int_after(loop, 50, &one)), error_after(loop, 5, &pipe_broken));
    EXPECT_ERROR(p, EPIPE);
}

/* An input that others hold too is let go. */
SCENARIO(a_shared_input)
{
    vow_promise *shared = int_after(loop, 20, &three);
    vow_mark_handled(shared);
    vow_promise *p = vow_race(loop, vow_ref(shared), int_after(loop, 5, &one));
    EXPECT_INT(p, 1);
    vow_promise *both[] = {vow_ref(shared), vow_ref(shared)};
    static const int values[] = {3, 3};
    p = vow_all_n(loop, 2, both);
    CHECK(both[0] == NULL && both[1] == NULL);
    EXPECT_INTS(p, 2, values);
    EXPECT_INT(shared, 3);
}

/* Losers whose clean-up fails. */
static vow_value fail_cleanup(UNUSED void *data)
{
    return vow_v(vow_then(vow_delay(vow_current(), 1), give_error, (void *)&io));
}

SCENARIO(losers_that_fail)
{
    oom_reports(1, 1); /* the loser's error, which a value cannot carry */
    vow_promise *loser = vow_finally(vow_delay(loop, 50), fail_cleanup, NULL);
    EXPECT_INT(vow_race(loop, loser, int_after(loop, 5, &one)), 1);
    loser = vow_finally(vow_delay(loop, 50), fail_cleanup, NULL);
    EXPECT_ERROR(vow_race(loop, loser, error_after(loop, 5, &pipe_broken)), EPIPE);
}

SCENARIO(timeouts)
{
    EXPECT_INT(vow_timeout(with_cleanup(int_after(loop, 5, &one)), 50), 1);
    EXPECT_ERROR(vow_timeout(with_cleanup(int_after(loop, 50, &one)), 5), ETIMEDOUT);
    EXPECT_ERROR(vow_timeout(error_after(loop, 5, &io), 50), EIO);
    EXPECT_INT(vow_timeout(vow_resolved(loop, vow_int(7)), 50), 7);
}

SCENARIO(deadlines)
{
    uint64_t now = vow_now(loop);
    vow_promise *p = vow_context(int_after(loop, 50, &one), "the slow one");
    EXPECT_ERROR(vow_deadline(p, now + 5000000), ETIMEDOUT);
    EXPECT_INT(vow_deadline(int_after(loop, 5, &two), now + 1000000000), 2);
}

/* Cancelled, each waits for its inputs' clean-ups; dropped, each gives all back at once. */
static vow_promise *combinator(vow_loop *loop, int which)
{
    vow_promise *a = with_cleanup(int_after(loop, 50, &one)), *b = int_after(loop, 60, &two);
    switch (which) {
    case 0:
        return vow_all(loop, a, b);
    case 1:
        return vow_all_settled(loop, a, b);
    case 2:
        return vow_any(loop, a, b);
    case 3:
        return vow_race(loop, a, b);
    default:
        return vow_timeout(vow_race(loop, a, b), 100);
    }
}

SCENARIO(combinators_cancelled)
{
    oom_reports(0, 5); /* losers without memory */
    for (int which = 0; which < 5; which++) {
        vow_promise *p = vow_attach(combinator(loop, which), oom_owned(), oom_give_back);
        vow_mark_handled(p);
        EXPECT_NONE(vow_delay(loop, 5));
        vow_cancel(p);
        EXPECT_ERROR(p, ECANCELED);
    }
}

SCENARIO(combinators_dropped)
{
    for (int which = 0; which < 5; which++) {
        void *owned = oom_owned();
        vow_promise *p = vow_attach(combinator(loop, which), owned, oom_give_back);
        vow_mark_handled(p);
        vow_unref(p);
        CHECK(oom_is_back(owned));
    }
}
