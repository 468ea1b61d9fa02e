/* SPDX-License-Identifier: MIT
 *
 * Scopes and owners without memory.
 */
#include "oom/flow.h"

static const int seven = 7;
static const int broken = EPIPE;

static vow_value start_seven(UNUSED void *data)
{
    return vow_v(int_after(vow_current(), 3, &seven));
}

static void fill_scope(vow_loop *loop, vow_scope *scope)
{
    vow_scope_limit(scope, 2);
    for (int i = 0; i < 3; i++) {
        vow_scope_add(scope, with_cleanup(int_after(loop, 2, &seven)));
        vow_scope_start_with(scope, start_seven, oom_owned(), oom_give_back);
    }
}

SCENARIO(scope_joined)
{
    oom_reports(0, 3); /* errors of children that nobody could wait for */
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    if (!HAVE_OR_NULL(scope))
        return;
    fill_scope(loop, scope);
    EXPECT_NONE(vow_scope_join(scope));
    CHECK_WITH_MEMORY(vow_scope_running(scope) == 0);
    vow_scope_free(scope);
    vow_clock_advance(loop, 50); /* what is left cleans up */
}

SCENARIO(scope_that_fails)
{
    oom_reports(0, 6);
    for (int kind = VOW_FAIL_FAST; kind <= VOW_COLLECT; kind++) {
        vow_scope *scope = vow_scope_new(loop, (vow_scope_kind)kind);
        if (!HAVE_OR_NULL(scope))
            continue;
        vow_promise *held = error_after(loop, 1, &broken);
        vow_mark_handled(held);
        vow_scope_add(scope, vow_ref(held));
        fill_scope(loop, scope);
        vow_value v;
        int code = vow_run(loop, vow_scope_join(scope), &v);
        CHECK(code == ENOMEM || code == (kind == VOW_COLLECT ? VOW_EAGGREGATE : EPIPE));
        if (code == ENOMEM)
            CHECK(oom_no_memory(vow_as_error(v)));
        else
            oom_no_memory(vow_as_error(v));
        vow_release(v);
        vow_unref(held);
        vow_scope_free(scope);
        vow_clock_advance(loop, 50);
    }
}

SCENARIO(scope_with_a_deadline_and_one_inside)
{
    oom_reports(0, 3);
    vow_scope *outer = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope *inner = outer ? vow_scope_new_in(outer, VOW_COLLECT) : NULL;
    if (HAVE_OR_NULL(outer) && HAVE_OR_NULL(inner) && DONE(vow_scope_deadline(outer, 5))) {
        vow_scope_add(inner, with_cleanup(vow_delay(loop, 1000)));
        vow_promise *within = vow_within(outer, with_cleanup(vow_delay(loop, 1000)));
        if (EXPECT_ERROR(within, ETIMEDOUT))
            EXPECT_ERROR(vow_scope_join(outer), ETIMEDOUT);
    }
    vow_scope_free(inner);
    vow_scope_free(outer);
    vow_clock_advance(loop, 50);
}

SCENARIO(scope_freed_while_it_runs)
{
    oom_reports(0, 3);
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    if (!HAVE_OR_NULL(scope))
        return;
    fill_scope(loop, scope);
    vow_promise *join = vow_scope_join(scope);
    vow_mark_handled(join);
    EXPECT_NONE(vow_delay(loop, 1));
    vow_scope_free(scope);
    EXPECT_ERROR(join, ECANCELED);
    vow_clock_advance(loop, 50);
}

SCENARIO(join_cancelled)
{
    oom_reports(0, 3);
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    if (!HAVE_OR_NULL(scope))
        return;
    vow_scope_add(scope, with_cleanup(vow_delay(loop, 1000)));
    vow_promise *join = vow_scope_join(scope);
    vow_mark_handled(join);
    vow_cancel(join);
    EXPECT_ERROR(join, ECANCELED);
    vow_scope_free(scope);
    vow_clock_advance(loop, 50);
}

SCENARIO(owner)
{
    vow_owner *owner = vow_owner_new(loop);
    if (!HAVE_OR_NULL(owner))
        return;
    EXPECT_INT(vow_own(owner, int_after(loop, 1, &seven)), 7);
    void *owned = oom_owned();
    vow_promise *p = vow_own(owner, vow_attach(vow_delay(loop, 1000), owned, oom_give_back));
    vow_mark_handled(p);
    vow_owner_free(owner);
    CHECK(oom_is_back(owned));
    EXPECT_ERROR(p, ECANCELED);
}
