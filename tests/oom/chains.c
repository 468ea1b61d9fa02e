/* SPDX-License-Identifier: MIT
 *
 * Chains without memory: every builder, what handlers give, and what they own.
 */
#include "oom/oom.h"

SCENARIO(thens)
{
    enum { LENGTH = 12 };
    int ran = 0;
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    for (int i = 0; i < LENGTH; i++)
        p = vow_then(p, add_one, &ran);
    vow_resolve(r, vow_int(100));
    bool got = EXPECT_INT(p, 100 + LENGTH);
    EQ_INT(ran, got ? LENGTH : 0);
}

/* From one promise that is settled already; the handlers' promises are new ones each. */
SCENARIO(thens_of_a_settled_one)
{
    int ran = 0;
    oom_reports(0, 6); /* the queue is empty in between */
    vow_promise *p = vow_resolved(loop, vow_int(1));
    for (int i = 0; i < 6; i++) {
        p = vow_then(p, add_one, &ran);
        vow_drain(loop, 1);
    }
    EXPECT_INT(p, 7);
}

static vow_value fail_with(UNUSED vow_value v, void *code)
{
    return vow_fail(*(int *)code, "failed with %d", *(int *)code);
}
static vow_value five(const vow_error *e, void *code)
{
    return IS_ERROR(e, *(int *)code) ? vow_int(5) : VOW_SAME;
}
static vow_value see_either(vow_value v, UNUSED void *data)
{
    return MADE(v) ? vow_int(vow_as_int(v) * 2) : VOW_SAME;
}
static vow_value wrap(const vow_error *e, UNUSED void *data)
{
    return vow_wrap(e, EIO, "while wrapping");
}

SCENARIO(every_builder)
{
    static int code = EPROTO;
    int ran = 0, cleaned = 0;
    vow_promise *p = vow_resolved(loop, vow_int(1));
    p = vow_then(p, add_one, &ran);
    p = vow_then(p, fail_with, &code);
    p = vow_then(p, add_one, &ran);
    p = vow_catch(p, five, &code);
    p = vow_handle(p, see_either, NULL);
    p = vow_finally(p, count_none, &cleaned);
    p = vow_then_catch(p, add_one, NULL, &ran);
    p = vow_context(p, "the chain");
    p = vow_attach(p, oom_owned(), oom_give_back);
    if (EXPECT_INT(p, 11))
        EQ_INT(ran, 2);
    CHECK(cleaned <= 1);
}

SCENARIO(every_builder_with_data)
{
    void *owned[6];
    vow_promise *p = vow_then(vow_resolved(loop, vow_int(1)), add_one, NULL);
    for (int i = 0; i < 6; i++)
        owned[i] = oom_owned();
    p = vow_handle_with(p, see_either, owned[0], oom_give_back);
    p = vow_catch_with(p, wrap, owned[1], oom_give_back);
    p = vow_then_catch_with(p, NULL, wrap, owned[2], oom_give_back);
    p = vow_attach(p, owned[3], oom_give_back);
    p = vow_attach(p, owned[4], oom_give_back);
    p = vow_catch_with(p, wrap, owned[5], oom_give_back);
    EXPECT_INT(p, 4);
    for (int i = 0; i < 6; i++)
        CHECK(oom_is_back(owned[i]));
}

/* Data is gone before the handlers of the next stage run. */
static vow_value data_is_back(vow_value v, void *owned)
{
    CHECK(oom_is_back(owned));
    return MADE(v) ? vow_int(vow_as_int(v) + 10) : VOW_SAME;
}

SCENARIO(data_goes_before_the_next_stage)
{
    vow_promise *p = vow_then(vow_resolved(loop, vow_int(0)), add_one, NULL);
    for (int i = 0; i < 4; i++) {
        void *owned = oom_owned();
        p = vow_attach(p, owned, oom_give_back);
        p = vow_handle(p, data_is_back, owned);
    }
    EXPECT_INT(p, 41);
}

SCENARIO(an_error_through_a_chain)
{
    static int code = EPIPE;
    oom_reports(0, 1); /* of an error that loses the promise it was to go to */
    vow_promise *p = vow_rejected(loop, vow_error_new(vow_errno_domain(), EPIPE, "pipe"));
    for (int i = 0; i < 3; i++) {
        p = vow_then(p, add_one, NULL);
        p = vow_context(p, "stage %d of %s", i, "three");
    }
    p = vow_then_catch(p, NULL, wrap, NULL);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v) != 0, 1);
    const vow_error *e = vow_as_error(v);
    if (!oom_no_memory(e)) {
        CHECK(vow_error_is(e, vow_errno_domain(), EIO));
        CHECK(oom_has_code(e, code));
    }
    vow_release(v);
}

static vow_value text_of(vow_value v, UNUSED void *data)
{
    return vow_textf("number %d", (int)vow_as_int(v));
}
static vow_value longer(vow_value v, UNUSED void *data)
{
    return vow_textf("%s, and more", vow_as_text(v));
}

SCENARIO(texts_through_a_chain)
{
    vow_promise *p = vow_then(vow_resolved(loop, vow_int(3)), text_of, NULL);
    p = vow_then(vow_then(p, longer, NULL), longer, NULL);
    EXPECT_TEXT(p, "number 3, and more, and more");
}

/* Handlers that give promises. */

static vow_value later(vow_value v, UNUSED void *data)
{
    vow_promise *p = vow_then(vow_delay(vow_current(), 5), pass, data);
    vow_unref(p); /* one for nothing */
    p = vow_resolved(vow_current(), vow_int(vow_as_int(v) * 2));
    return vow_v(vow_then(p, add_one, NULL));
}

SCENARIO(handlers_that_give_promises)
{
    int ran = 0;
    oom_reports(0, 4); /* of what is dropped */
    vow_promise *p = vow_resolved(loop, vow_int(1));
    for (int i = 0; i < 4; i++)
        p = vow_then(p, later, &ran);
    EXPECT_INT(p, 31);
    EQ_INT(ran, 0);
}

/* Each step gives the promise of the next one. */
static vow_value step(UNUSED vow_value v, void *left)
{
    if (--*(int *)left == 0)
        return vow_int(77);
    return vow_v(vow_then(vow_delay(vow_current(), 1), step, left));
}

SCENARIO(a_loop_of_steps)
{
    int left = 10;
    vow_promise *p = vow_then(vow_delay(loop, 1), step, &left);
    if (EXPECT_INT(p, 77))
        EQ_INT(left, 0);
}

/* Finally. */

static vow_value slow_cleanup(void *done)
{
    vow_promise *p = vow_attach(vow_delay(vow_current(), 10), oom_owned(), oom_give_back);
    return vow_v(vow_then(p, pass, done));
}

SCENARIO(a_finally_that_waits)
{
    int done = 0;
    vow_promise *p = vow_finally(vow_resolved(loop, vow_int(8)), slow_cleanup, &done);
    p = vow_finally(p, slow_cleanup, &done);
    if (EXPECT_INT(p, 8))
        EQ_INT(done, 2);
}

SCENARIO(a_finally_of_an_error)
{
    int done = 0;
    oom_reports(0, 1); /* of an error that loses the promise it was to go to */
    vow_promise *p = vow_rejected(loop, vow_error_new(vow_errno_domain(), EIO, "the disk"));
    p = vow_finally(p, slow_cleanup, &done);
    if (EXPECT_ERROR(p, EIO))
        CHECK(done == 1);
}

static vow_value failing_cleanup(UNUSED void *data)
{
    vow_promise *p = vow_delay(vow_current(), 1);
    static int code = EPIPE;
    return vow_v(vow_then(p, fail_with, &code));
}

SCENARIO(a_finally_that_fails)
{
    oom_reports(0, 1); /* of an error that loses the promise it was to go to */
    vow_promise *p = vow_rejected(loop, vow_error_new(vow_errno_domain(), EIO, "the disk"));
    p = vow_finally(p, failing_cleanup, NULL);
    vow_value v;
    CHECK(vow_run(loop, p, &v) != 0);
    const vow_error *e = vow_as_error(v);
    if (!oom_no_memory(e))
        CHECK(vow_error_code(e) == EPIPE && oom_has_code(e, EIO));
    vow_release(v);
}

/* Several consumers. */

SCENARIO(branches)
{
    enum { BRANCHES = 5 };
    int ran = 0;
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r), *branch[BRANCHES];
    vow_mark_handled(p);
    for (int i = 0; i < BRANCHES; i++) {
        branch[i] = vow_then(vow_ref(p), add_one, &ran);
        vow_mark_handled(branch[i]);
    }
    vow_promise *dropped = vow_catch(vow_ref(p), wrap, NULL);
    vow_mark_handled(dropped);
    vow_unref(dropped);
    vow_resolve(r, vow_int(1));
    int got = 0;
    for (int i = 0; i < BRANCHES; i++)
        got += EXPECT_INT(branch[i], 2);
    EQ_INT(ran, got);
    EXPECT_INT(p, 1);
}

SCENARIO(branches_of_a_text)
{
    vow_promise *p = vow_resolved(loop, vow_text("shared"));
    vow_promise *one = vow_then(vow_ref(p), longer, NULL),
                *two = vow_then(vow_ref(p), longer, NULL);
    vow_mark_handled(p);
    vow_mark_handled(two);
    EXPECT_TEXT(one, "shared, and more");
    EXPECT_TEXT(p, "shared");
    EXPECT_TEXT(two, "shared, and more");
}

SCENARIO(late_handlers)
{
    static int code = EPROTO;
    vow_promise *p = vow_resolved(loop, vow_int(3));
    vow_promise *bad = vow_rejected(loop, vow_error_new(vow_errno_domain(), EPROTO, "bad"));
    vow_mark_handled(p);
    vow_mark_handled(bad);
    vow_drain(loop, 100);
    for (int i = 0; i < 3; i++)
        EXPECT_INT(vow_then(vow_ref(p), add_one, NULL), 4);
    EXPECT_INT(vow_catch(bad, five, &code), 5);
    vow_unref(p);
}

SCENARIO(a_shield)
{
    int ran = 0;
    oom_reports(0, 1); /* of an error behind the shield */
    vow_promise *p = vow_then(vow_then(vow_delay(loop, 5), pass, &ran), pass, &ran);
    p = vow_shield(p);
    vow_cancel(p);
    bool same = EXPECT_ERROR(p, ECANCELED);
    EQ_INT(vow_run_all(loop), 0);
    CHECK(ran == (same && oom_reported() == 0 ? 2 : 0));
}

SCENARIO(a_shield_with_an_outcome)
{
    vow_promise *p = vow_shield(vow_then(vow_resolved(loop, vow_int(2)), text_of, NULL));
    EXPECT_TEXT(p, "number 2");
}

/* Detached. */

/* Without memory it runs on all the same; but its error is then reported. */
static void see_pipe(const vow_error *e, void *seen)
{
    CHECK(oom_has_code(e, EPIPE) || oom_no_memory(e));
    ++*(unsigned *)seen;
}

SCENARIO(detached)
{
    static int code = EPIPE;
    unsigned seen = 0;
    int ran = 0;
    oom_reports(0, 2);
    vow_promise *delay = vow_delay(loop, 5);
    bool runs = IS_PENDING(delay);
    vow_promise *p = vow_then(delay, pass, &ran);
    runs = runs && IS_PENDING(p);
    vow_detach(p, see_pipe, &seen, NULL);
    p = vow_then(vow_then(vow_resolved(loop, vow_int(0)), fail_with, &code), pass, &ran);
    vow_detach(p, see_pipe, &seen, NULL);
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(ran, runs);
    CHECK(seen + oom_reported() >= 1); /* refusals are told once a turn */
    CHECK(seen + oom_reported() <= (runs ? 1 : 2));
}

/* Data is there as long as what uses it. */
struct user {
    void *owned;
    int ran;
};
static vow_value use(UNUSED vow_value v, void *data)
{
    struct user *user = data;
    CHECK(!oom_is_back(user->owned));
    user->ran++;
    return vow_none();
}
static void end_user(void *data) { oom_give_back(((struct user *)data)->owned); }

SCENARIO(detached_with_data)
{
    struct user user = {oom_owned(), 0}, other = {oom_owned(), 0};
    oom_reports(0, 2);
    vow_promise *p = vow_then(vow_delay(loop, 5), use, &user);
    vow_detach(vow_then(p, use, &user), NULL, &user, end_user);
    p = vow_then(vow_resolved(loop, vow_none()), use, &other);
    vow_detach(vow_catch(p, wrap, NULL), NULL, &other, end_user);
    EQ_INT(vow_run_all(loop), 0);
    CHECK(oom_reported() > 0 || (user.ran == 2 && other.ran == 1));
    CHECK(oom_is_back(user.owned) && oom_is_back(other.owned));
}
