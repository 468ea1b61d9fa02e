/* SPDX-License-Identifier: MIT */
#include "value/error.h"

#include <netdb.h>
#include <wchar.h>

#include "sweep.h"

static vow_error *simple(const char *message)
{
    return vow_error_new(vow_errno_domain(), EIO, "%s", message);
}

TEST_PLAIN(an_error_has_domain_code_message_and_place)
{
    vow_value v = vow_fail(EPROTO, "bad status line: %d", 42);
    const vow_error *e = vow_as_error(v);

    EQ_PTR(vow_error_domain(e), vow_errno_domain());
    EQ_INT(vow_error_code(e), EPROTO);
    EQ_TEXT(vow_error_message(e), "bad status line: 42");
    HAS_TEXT(vow_error_place(e), "test_error.c:");
    CHECK(vow_error_cause(e) == NULL && vow_error_suppressed(e) == NULL);
    CHECK(vow_error_next(e) == NULL && vow_is_none(vow_error_payload(e)));
    vow_release(v);
}

static const char *weather(int code) { return code == 1 ? "rain" : "sun"; }

static const vow_domain sky = {"sky", weather};

TEST_PLAIN(a_domain_of_ones_own_names_its_codes)
{
    vow_value v = vow_fail_in(&sky, 1, NULL);

    EQ_TEXT(vow_error_message(vow_as_error(v)), "rain");
    CHECK(vow_error_is(vow_as_error(v), &sky, 1));
    CHECK(!vow_error_is(vow_as_error(v), &sky, 2));
    CHECK(!vow_error_is(vow_as_error(v), vow_errno_domain(), 1));
    CHECK(!vow_error_is(NULL, &sky, 1));
    vow_release(v);
}

TEST_PLAIN(an_error_without_words_has_its_domains)
{
    vow_error *none = vow_error_new(vow_errno_domain(), ENOENT, NULL),
              *empty = vow_error_new(vow_errno_domain(), ENOENT, "%s", "");
    const char *format = "";
    vow_error *blank = vow_error_new(vow_errno_domain(), ENOENT, format, 0);

    EQ_TEXT(vow_error_message(none), "No such file or directory");
    EQ_TEXT(vow_error_message(empty), "No such file or directory");
    EQ_TEXT(vow_error_message(blank), "No such file or directory");
    vow_error_unref(none);
    vow_error_unref(empty);
    vow_error_unref(blank);
}

TEST_PLAIN(every_domain_has_a_text_for_every_code)
{
    EQ_TEXT(vow_errno_domain()->text(EACCES), "Permission denied");
    EQ_TEXT(vow_errno_domain()->text(-5), "unknown error");
    EQ_TEXT(vow_errno_domain()->text(1 << 30), "unknown error");
    EQ_TEXT(vow_gai_domain()->text(EAI_NONAME), gai_strerror(EAI_NONAME));
    EQ_TEXT(vow_own_domain()->text(VOW_ECYCLE), "a promise cannot wait for itself");
    EQ_TEXT(vow_own_domain()->text(0), "unknown error");
    EQ_TEXT(vow_errno_domain()->name, "errno");
    EQ_TEXT(vow_gai_domain()->name, "getaddrinfo");
    EQ_TEXT(vow_own_domain()->name, "vow");
}

TEST_PLAIN(a_message_may_be_of_any_length)
{
    static char text[1000];

    for (size_t length = 250; length < 260; length++) {
        vow_error *e;

        memset(text, 'x', length);
        e = simple(text);
        EQ_TEXT(vow_error_message(e), text);
        vow_error_unref(e);
    }
    memset(text, 'y', sizeof text - 1);
    vow_value v = vow_fail(EIO, "%s%s", text, text);
    EQ_UINT(strlen(vow_error_message(vow_as_error(v))), 2 * (sizeof text - 1));
    vow_release(v);
}

TEST_PLAIN(a_message_that_cannot_be_formatted_is_the_domains)
{
    vow_error *e = vow_error_new(vow_errno_domain(), EIO, "%ls", L"\x4e2d");

    EQ_TEXT(vow_error_message(e), "Input/output error");
    vow_error_unref(e);
}

TEST_PLAIN(an_error_carries_any_value)
{
    int destroyed = 0;
    vow_error *e = vow_error_of_value(vow_box(&destroyed, count_destroy));

    CHECK(vow_error_is(e, vow_own_domain(), VOW_EVALUE));
    EQ_PTR(vow_unbox(vow_error_payload(e)), &destroyed);
    HAS_TEXT(vow_error_place(e), "test_error.c:");
    vow_error_unref(e);
    EQ_INT(destroyed, 1);
}

TEST_PLAIN(an_error_is_passed_on_as_it_is)
{
    vow_error *e = simple("x");
    vow_value v = vow_rethrow(e);

    EQ_PTR(vow_as_error(v), e);
    EQ_UINT(v.type->count(e), 2);
    vow_release(v);
    EQ_UINT(v.type->count(e), 1);
    vow_error_unref(e);
}

TEST_PLAIN(an_error_value_is_kept_like_others)
{
    vow_value v = vow_fail(EIO, "x"), kept = vow_keep(v);

    EQ_UINT(v.type->count(v.as.p), 2);
    vow_release(v);
    EQ_TEXT(vow_error_message(vow_as_error(kept)), "x");
    vow_release(kept);
}

TEST_PLAIN(wrapping_adds_a_cause)
{
    vow_error *e = simple("inner");
    vow_value v = vow_wrap(e, EPROTO, "outer %d", 1);
    const vow_error *outer = vow_as_error(v);

    vow_error_unref(e);
    EQ_PTR(vow_error_cause(outer), e);
    EQ_INT(vow_error_code(outer), EPROTO);
    EQ_TEXT(vow_error_message(outer), "outer 1");
    EQ_TEXT(vow_error_message(vow_error_cause(outer)), "inner");
    vow_release(v);
}

TEST_PLAIN(references_of_no_error_are_fine)
{
    CHECK(vow_error_ref(NULL) == NULL);
    CHECK(vow_error_unref(NULL) == NULL);
}

TEST_PLAIN(a_prepared_error_is_completed_later)
{
    int destroyed = 0;
    vow_error *e = simple("context");

    vow__error_set_code(e, &sky, 1);
    vow__error_set_payload(e, vow_box(&destroyed, count_destroy));
    CHECK(vow_error_is(e, &sky, 1));
    vow__error_set_payload(e, vow_int(3));
    EQ_INT(destroyed, 1);
    EQ_INT(vow_as_int(vow_error_payload(e)), 3);
    vow_error_unref(e);
}

TEST_PLAIN(ready_errors_are_immortal)
{
    static const int codes[] = {ENOMEM, ECANCELED, ETIMEDOUT, EDEADLK, VOW_EBROKEN, VOW_EVALUE};
    int destroyed = 0;

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        vow_error *e = vow__error_ready(codes[i]), *other = simple("other");

        EQ_INT(vow_error_code(e), codes[i]);
        EQ_PTR(vow_error_ref(e), e);
        for (int k = 0; k < 3; k++)
            vow_error_unref(e);
        EQ_UINT(vow_error_value(e).type->count(e), SIZE_MAX);
        vow__error_set_code(e, &sky, 1);
        vow__error_set_payload(e, vow_box(&destroyed, count_destroy));
        EQ_PTR(vow__error_add_cause(e, other), other);
        EQ_PTR(vow__error_suppress(e, other), other);
        vow_error_unref(other);
        EQ_INT(vow_error_code(e), codes[i]);
        CHECK(vow_is_none(vow_error_payload(e)) && vow_error_place(e) == NULL);
    }
    EQ_INT(destroyed, (int)(sizeof codes / sizeof *codes));
    CHECK(vow__is_cancel(vow_as_error(vow__fail_ready(ECANCELED))));
    CHECK(!vow__is_cancel(vow_as_error(vow__fail_ready(VOW_EBROKEN))));
}

TEST_PLAIN(a_cause_is_added_at_the_end_of_the_chain)
{
    vow_error *a = simple("a"), *b = simple("b"), *c = vow_error_ref(vow__error_ready(ENOMEM));

    CHECK(vow__error_add_cause(a, b) == NULL);
    CHECK(vow__error_add_cause(a, c) == NULL);
    EQ_PTR(vow_error_cause(a), b);
    EQ_PTR(vow_error_cause(b), c);
    vow_error_unref(a);
}

TEST_PLAIN(a_cause_is_given_back_where_others_would_see_it)
{
    vow_error *shared = simple("shared"), *cause = simple("cause");
    vow_value outer = vow_wrap(shared, EIO, "outer"),
              oom = vow_wrap(vow__error_ready(ENOMEM), EIO, "outer");

    EQ_PTR(vow__error_add_cause(outer.as.p, cause), cause); /* its end is shared */
    EQ_PTR(vow__error_add_cause(oom.as.p, cause), cause);   /* its end is immortal */
    EQ_PTR(vow__error_add_cause(shared, cause), cause);
    EQ_PTR(vow__error_add_cause(shared, shared), shared);
    vow_error_unref(cause);
    vow_error_unref(shared);
    vow_release(outer);
    vow_release(oom);
}

TEST_PLAIN(suppressed_errors_stand_in_the_order_they_came)
{
    vow_error *e = simple("e"), *a = simple("a"), *b = simple("b"), *c = simple("c");

    CHECK(vow__error_suppress(e, a) == NULL);
    CHECK(vow__error_suppress(e, b) == NULL);
    CHECK(vow__error_suppress(e, c) == NULL);
    EQ_PTR(vow_error_suppressed(e), a);
    EQ_PTR(vow_error_next(a), b);
    EQ_PTR(vow_error_next(b), c);
    CHECK(vow_error_next(c) == NULL);
    vow_error_unref(e);
}

TEST_PLAIN(a_suppressed_error_may_outlive_the_one_it_was_suppressed_by)
{
    vow_error *e = simple("e"), *a = simple("a"), *b = simple("b");

    CHECK(vow__error_suppress(e, a) == NULL && vow__error_suppress(e, b) == NULL);
    vow_error_ref(a);
    vow_error_unref(e);
    CHECK(vow_error_next(a) == NULL);
    EQ_TEXT(vow_error_message(a), "a");
    vow_error_unref(a);
}

TEST_PLAIN(what_cannot_be_suppressed_is_given_back)
{
    vow_error *e = simple("e"), *shared = vow_error_ref(simple("shared"));

    EQ_PTR(vow__error_suppress(e, e), e);
    EQ_PTR(vow__error_suppress(e, shared), shared);
    EQ_PTR(vow__error_suppress(e, vow__error_ready(ENOMEM)), vow__error_ready(ENOMEM));
    vow_error_unref(shared);
    CHECK(vow__error_suppress(e, shared) == NULL);
    vow_error_unref(e);
}

TEST_PLAIN(errors_never_hold_themselves)
{
    vow_error *e = simple("e"), *plain = simple("plain"), *deep, *full, *loaded;

    deep = (vow_error *)vow_wrap(e, EIO, "deep").as.p; /* e is shared from here on */
    EQ_PTR(vow__error_suppress(e, deep), deep);
    full = simple("full");
    CHECK(vow__error_suppress(full, simple("x")) == NULL);
    EQ_PTR(vow__error_suppress(e, full), full);
    loaded = vow_error_of_value(vow_error_value(vow_error_ref(e)));
    EQ_PTR(vow__error_suppress(e, loaded), loaded);
    CHECK(vow__error_suppress(e, plain) == NULL);
    vow_error_unref(deep);
    vow_error_unref(full);
    vow_error_unref(loaded);
    vow_error_unref(e);
}

static void make_errors(void)
{
    static char text[300];
    int destroyed = 0;
    vow_error *e, *of_value;
    vow_value failed, wrapped;

    memset(text, 'x', sizeof text - 1);
    e = simple(text);
    failed = vow_fail(EPROTO, "x");
    of_value = vow_error_of_value(vow_box(&destroyed, count_destroy));
    wrapped = vow_wrap(e, EPIPE, NULL);
    EQ_INT(vow_error_code(e), EIO);
    EQ_INT(vow_error_code(failed.as.p), EPROTO);
    EQ_INT(vow_error_code(of_value), VOW_EVALUE);
    EQ_INT(vow_error_code(wrapped.as.p), EPIPE);
    EQ_PTR(vow_error_cause(wrapped.as.p), e);
    HAS_TEXT(vow_error_place(failed.as.p), "test_error.c:");
    vow_error_unref(e);
    vow_release(failed);
    vow_error_unref(of_value);
    vow_release(wrapped);
    EQ_INT(destroyed, 1);
}

TEST_PLAIN(without_memory_an_error_keeps_domain_code_place_payload_and_cause)
{
    sweep_both(make_errors, 5);
}

static vow_error *prepare(const char *format, ...)
{
    va_list arguments;
    vow_error *e;

    va_start(arguments, format);
    e = vow__error_prepare("here", vow_errno_domain(), EIO, format, arguments);
    va_end(arguments);
    return e;
}

static void make_prepared(void)
{
    vow_error *e = prepare("%s", "x");

    if (e != NULL)
        EQ_TEXT(vow_error_place(e), "here");
    CHECK((e == NULL) == vow_test_failed());
    vow_error_unref(e);
}

TEST_PLAIN(an_error_to_be_prepared_says_when_there_is_no_memory) { sweep_both(make_prepared, 1); }

TEST_PANICS(there_is_no_ready_error_for_any_code, "no error is ready for code 77777")
{
    vow__error_ready(77777);
}

TEST_PANICS(an_error_needs_a_domain, "an error of code 5 has no domain")
{
    vow_error_new(NULL, 5, "x");
}

TEST_PANICS(nothing_cannot_be_rethrown, "vow_rethrow: no error") { vow_rethrow(NULL); }

TEST_PANICS(nothing_cannot_be_wrapped, "vow_wrap: no error") { vow_wrap(NULL, EIO, "x"); }

TEST_PANICS(nothing_has_no_message, "no error to look at") { vow_error_message(NULL); }
