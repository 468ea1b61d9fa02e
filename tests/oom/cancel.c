/* SPDX-License-Identifier: MIT
 *
 * Cancelling and dropping without memory: neither may need any.
 */
#include "oom/oom.h"

static vow_value slow_cleanup(void *done)
{
    vow_promise *p = vow_attach(vow_delay(vow_current(), 10), oom_owned(), oom_give_back);
    return vow_v(vow_then(p, pass, done));
}
static vow_value see_cancel(const vow_error *e, void *seen)
{
    if (IS_ERROR(e, ECANCELED))
        ++*(int *)seen;
    return VOW_SAME;
}
static vow_value recover(const vow_error *e, void *seen)
{
    see_cancel(e, seen);
    return vow_text("recovered");
}

SCENARIO(cancelling_a_chain)
{
    int ran = 0, seen = 0, cleaned = 0;
    vow_promise *p = vow_then(vow_delay(loop, 50), pass, &ran);
    p = vow_catch(p, see_cancel, &seen);
    p = vow_attach(p, oom_owned(), oom_give_back);
    p = vow_finally(p, slow_cleanup, &cleaned);
    p = vow_catch(p, see_cancel, &seen);
    vow_cancel(p);
    vow_cancel(p);
    if (EXPECT_ERROR(p, ECANCELED)) {
        CHECK(seen <= 2 && cleaned <= 1);
        CHECK_WITH_MEMORY(seen == 2 && cleaned == 1);
    }
    EQ_INT(ran, 0);
}

SCENARIO(recovering_from_a_cancel)
{
    int seen = 0;
    vow_promise *p = vow_catch(vow_context(vow_delay(loop, 50), "the delay"), recover, &seen);
    vow_cancel(p);
    EXPECT_TEXT(p, "recovered");
}

SCENARIO(cancelling_what_has_settled)
{
    vow_promise *p = vow_then(vow_resolved(loop, vow_int(3)), add_one, NULL);
    vow_mark_handled(p);
    vow_drain(loop, 10);
    vow_cancel(p);
    EXPECT_INT(p, 4);
}

SCENARIO(cancelling_one_branch_and_all)
{
    enum { BRANCHES = 3 };
    vow_promise *source = vow_attach(vow_delay(loop, 20), oom_owned(), oom_give_back);
    vow_promise *branch[BRANCHES];
    int ran = 0, seen = 0;
    vow_mark_handled(source);
    for (int i = 0; i < BRANCHES; i++) {
        branch[i] = vow_catch(vow_then(vow_ref(source), pass, &ran), see_cancel, &seen);
        vow_mark_handled(branch[i]);
    }
    vow_unref(source);
    vow_cancel(branch[0]);
    EXPECT_ERROR(branch[0], ECANCELED);
    CHECK_WITH_MEMORY(IS_PENDING(branch[1]));
    vow_cancel(branch[1]);
    vow_cancel(branch[2]);
    EXPECT_ERROR(branch[1], ECANCELED);
    EXPECT_ERROR(branch[2], ECANCELED);
    EQ_INT(ran, 0);
}

/* Through what a handler has returned. */
static vow_value wait_inside(UNUSED vow_value v, void *seen)
{
    vow_promise *p = vow_catch(vow_delay(vow_current(), 100), see_cancel, seen);
    return vow_v(vow_attach(p, oom_owned(), oom_give_back));
}

SCENARIO(cancelling_what_a_handler_waits_for)
{
    int seen = 0;
    vow_promise *p = vow_then(vow_delay(loop, 5), wait_inside, &seen);
    p = vow_then(vow_then(p, wait_inside, &seen), add_one, NULL);
    vow_mark_handled(p);
    EXPECT_NONE(vow_delay(loop, 10));
    vow_cancel(p);
    EXPECT_ERROR(p, ECANCELED);
    CHECK(seen <= 1);
    CHECK_WITH_MEMORY(seen == 1);
}

SCENARIO(cancelling_while_it_cleans_up)
{
    int cleaned = 0;
    vow_promise *p = vow_finally(vow_resolved(loop, vow_int(1)), slow_cleanup, &cleaned);
    vow_mark_handled(p);
    EXPECT_NONE(vow_delay(loop, 5));
    vow_cancel(p);
    if (EXPECT_ERROR(p, ECANCELED))
        EQ_INT(cleaned, 1);
}

static vow_value cancel_itself(UNUSED vow_value v, void *self)
{
    vow_cancel(*(vow_promise **)self);
    return vow_v(vow_delay(vow_current(), 1000));
}

SCENARIO(a_handler_that_cancels_its_own_promise)
{
    vow_promise *p = NULL;
    p = vow_then(vow_delay(loop, 1), cancel_itself, &p);
    EXPECT_ERROR(vow_then(vow_ref(p), add_one, NULL), ECANCELED);
    vow_mark_handled(p);
    vow_unref(p);
}

/* Dropping. */

SCENARIO(dropping_a_chain)
{
    void *owned[6];
    int ran = 0, cleaned = 0;
    vow_promise *p = vow_delay(loop, 5);
    for (int i = 0; i < 6; i++) {
        owned[i] = oom_owned();
        p = vow_then_with(p, pass, &ran, NULL);
        p = vow_attach(p, owned[i], oom_give_back);
    }
    p = vow_finally(vow_context(p, "a chain of %d", 6), slow_cleanup, &cleaned);
    vow_mark_handled(p);
    vow_unref(p);
    for (int i = 0; i < 6; i++)
        CHECK(oom_is_back(owned[i]));
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(ran + cleaned, 0);
}

SCENARIO(dropping_half_way)
{
    int seen = 0;
    vow_promise *p = vow_then(vow_delay(loop, 5), wait_inside, &seen);
    p = vow_then(p, wait_inside, &seen);
    vow_mark_handled(p);
    EXPECT_NONE(vow_delay(loop, 10));
    vow_unref(p);
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(seen, 0);
}

struct holder {
    vow_promise *held;
    void *owned;
};
static void drop_held(void *data)
{
    struct holder *holder = data;
    vow_unref(holder->held);
    oom_give_back(holder->owned);
}

SCENARIO(destructors_that_drop)
{
    struct holder holder[4];
    vow_promise *p = vow_attach(vow_delay(loop, 9), oom_owned(), oom_give_back);
    for (int i = 0; i < 4; i++) {
        vow_mark_handled(p);
        holder[i] = (struct holder){p, oom_owned()};
        p = vow_attach(vow_then(vow_delay(loop, 5), add_one, NULL), &holder[i], drop_held);
    }
    vow_mark_handled(p);
    vow_unref(p);
    for (int i = 0; i < 4; i++)
        CHECK(oom_is_back(holder[i].owned));
}

static vow_value drop_other(UNUSED vow_value v, void *other)
{
    *(vow_promise **)other = vow_unref(*(vow_promise **)other);
    return vow_int(1);
}

SCENARIO(a_handler_that_drops_another_chain)
{
    void *owned = oom_owned();
    vow_promise *other = vow_attach(vow_delay(loop, 20), owned, oom_give_back);
    vow_mark_handled(other);
    vow_promise *p = vow_then(vow_delay(loop, 10), drop_other, &other);
    if (EXPECT_INT(p, 1))
        CHECK(oom_is_back(owned));
    vow_unref(other);
}
