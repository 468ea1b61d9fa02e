/* SPDX-License-Identifier: MIT
 *
 * vow_context: words about what was tried, around whatever error comes through.
 */
#include "core/common.h"

TEST(context_wraps_an_error_in_one_of_the_same_domain_and_code)
{
    vow_promise *p = vow_rejected(loop, vow_error_new(vow_gai_domain(), -2, "no such host"));
    p = vow_context(p, "connect %s:%d", "example.org", 80);
    vow_mark_handled(p);
    drain(loop);
    const vow_error *e = vow_error_of(p);
    EQ_PTR(vow_error_domain(e), vow_gai_domain());
    EQ_INT(vow_error_code(e), -2);
    EQ_TEXT(vow_error_message(e), "connect example.org:80");
    EQ_TEXT(vow_error_message(vow_error_cause(e)), "no such host");
    HAS_TEXT(vow_error_place(e), "test_context.c:");
    vow_unref(p);
}

TEST(context_lets_values_pass)
{
    int destroyed = 0;
    vow_promise *p = vow_context(vow_resolved(loop, counted(&destroyed)), "unused");
    drain(loop);
    EQ_PTR(vow_unbox(vow_peek(p)), &destroyed);
    vow_unref(p);
    EQ_INT(destroyed, 1);
}

TEST(contexts_pile_up_outermost_first)
{
    char text[200];
    vow_promise *p = vow_rejected(loop, eio());
    p = vow_context(vow_context(p, "open %s", "a.txt"), "load settings");
    vow_mark_handled(p);
    drain(loop);
    vow_describe(vow_error_of(p), VOW_ONE_LINE, text, sizeof text);
    EQ_TEXT(text, "load settings: open a.txt: disk on fire: Input/output error");
    vow_unref(p);
}

TEST(context_around_a_cancellation_is_a_cancellation_still)
{
    vow_resolver *r;
    vow_promise *p = vow_context(vow_promise_new(loop, &r), "connect");
    vow_cancel(p);
    vow_resolver_drop(r);
    drain(loop);
    EQ_INT(error_code(p), ECANCELED);
    EQ_TEXT(vow_error_message(vow_error_of(p)), "connect");
    vow_unref(p); /* and is not reported */
}

TEST(context_does_not_change_an_error_that_others_see)
{
    vow_promise *p = vow_rejected(loop, eio());
    vow_promise *q = vow_context(vow_ref(p), "mine");
    vow_mark_handled(q);
    drain(loop);
    EQ_TEXT(vow_error_message(vow_error_of(p)), "disk on fire");
    CHECK(vow_error_cause(vow_error_of(p)) == NULL);
    vow_unref(p);
    vow_unref(q);
}

TEST(a_dropped_context_frees_its_text)
{
    vow_resolver *r;
    vow_unref(vow_context(vow_promise_new(loop, &r), "connect %s", "nowhere"));
    vow_resolver_drop(r);
}

TEST(passing_a_context_allocates_nothing)
{
    vow_resolver *r;
    vow_promise *p = vow_context(vow_promise_new(loop, &r), "load");
    vow_error *e = eio();
    vow_mark_handled(p);
    vow_test_fail_allocation(1, true);
    vow_reject(r, e);
    drain(loop);
    CHECK(!vow_test_failed());
    vow_test_fail_allocation(0, false);
    EQ_TEXT(vow_error_message(vow_error_of(p)), "load");
    vow_unref(p);
}
