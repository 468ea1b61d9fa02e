/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netdb.h>

#include "harness.h"
#include "value/error.h"
#include "vow/buf.h"

static char text[4096];

/* Takes e. */
static const char *described(vow_error *e, vow_style style)
{
    size_t length = vow_describe(e, style, text, sizeof text);

    EQ_UINT(length, strlen(text));
    vow_error_unref(e);
    return text;
}

static const char *in_a_line(vow_value v) { return described(v.as.p, VOW_ONE_LINE); }

/* An error at a fixed place. Takes cause, which may be NULL. */
static vow_error *at(const char *place, int code, const char *message, vow_error *cause)
{
    vow_error *e = vow_error_new_at(place, vow_errno_domain(), code, "%s", message);

    if (cause != NULL)
        CHECK(vow__error_add_cause(e, cause) == NULL);
    return e;
}

static vow_value caused(const char *message, int code, const char *cause)
{
    return vow_error_value(at(NULL, EIO, message, at(NULL, code, cause, NULL)));
}

TEST_PLAIN(one_line_is_the_messages_and_the_last_code_in_words)
{
    EQ_TEXT(in_a_line(caused("load a.txt", ENOENT, "open")),
            "load a.txt: open: No such file or directory");
    EQ_TEXT(in_a_line(vow_fail(ENOENT, NULL)), "No such file or directory");
    EQ_TEXT(in_a_line(vow_fail_in(vow_own_domain(), VOW_ECLOSED, "accept")),
            "accept: the loop is closed");
}

TEST_PLAIN(nothing_is_said_twice)
{
    EQ_TEXT(in_a_line(vow_fail(EIO, "read: Input/output error")), "read: Input/output error");
    EQ_TEXT(in_a_line(caused("connect: refused", ECONNREFUSED, "refused")),
            "connect: refused: Connection refused");
    EQ_TEXT(in_a_line(caused("open: No such file or directory", ENOENT, "")),
            "open: No such file or directory");
    EQ_TEXT(in_a_line(caused("a: open: No such file or directory", ENOENT, "open")),
            "a: open: No such file or directory");
    EQ_TEXT(in_a_line(caused("same", EIO, "same")), "same: Input/output error");
}

TEST_PLAIN(only_whole_words_count_as_said)
{
    EQ_TEXT(in_a_line(caused("reopen", ENOENT, "open")), "reopen: open: No such file or directory");
    EQ_TEXT(in_a_line(caused("x No such file or directory", ENOENT, "open")),
            "x No such file or directory: open: No such file or directory");
    EQ_TEXT(in_a_line(caused(": No such file or directory", ENOENT, "open")),
            ": No such file or directory: open: No such file or directory");
}

TEST_PLAIN(a_description_is_cut_like_snprintf)
{
    vow_value v = vow_fail(EIO, "read");
    char buf[8] = "xxxxxxx";

    EQ_UINT(vow_describe(v.as.p, VOW_ONE_LINE, NULL, 0), 24);
    EQ_UINT(vow_describe(v.as.p, VOW_ONE_LINE, buf, 5), 24);
    EQ_TEXT(buf, "read");
    EQ_UINT(vow_describe(v.as.p, VOW_ONE_LINE, buf, 1), 24);
    EQ_TEXT(buf, "");
    vow_release(v);
}

TEST_PLAIN(a_description_needs_no_memory)
{
    vow_value v = caused("a", EIO, "b");

    vow_test_fail_allocation(1, true);
    vow_describe(v.as.p, VOW_ONE_LINE, text, sizeof text);
    vow_describe(v.as.p, VOW_LINES, text, sizeof text);
    CHECK(!vow_test_failed());
    vow_test_fail_allocation(0, false);
    vow_release(v);
}

TEST_PLAIN(a_message_of_several_lines_stays_on_one)
{
    EQ_TEXT(in_a_line(vow_fail(EIO, "one\ntwo\r\n")), "one two  : Input/output error");
}

TEST_PLAIN(no_error_is_described_too)
{
    vow_describe(NULL, VOW_LINES, text, sizeof text);
    EQ_TEXT(text, "no error");
}

static const char *carrying(vow_value payload)
{
    return described(vow_error_of_value(payload), VOW_ONE_LINE);
}

TEST_PLAIN(what_an_error_carries_is_shown)
{
    EQ_TEXT(carrying(vow_none()), "rejected with a value");
    EQ_TEXT(carrying(vow_int(-42)), "rejected with a value: -42");
    EQ_TEXT(carrying(vow_double(0.5)), "rejected with a value: 0.5");
    EQ_TEXT(carrying(vow_bool(true)), "rejected with a value: true");
    EQ_TEXT(carrying(vow_bool(false)), "rejected with a value: false");
    EQ_TEXT(carrying(VOW_LIT("no way")), "rejected with a value: no way");
    EQ_TEXT(carrying(vow_text("no way")), "rejected with a value: no way");
    EQ_TEXT(carrying(vow_buf_value(vow_buf_new(1))), "rejected with a value: buf");
    EQ_TEXT(carrying(vow_fail(EIO, "inner")), "rejected with a value: inner");
    EQ_TEXT(carrying(vow_array(0, NULL)), "rejected with a value: array of 0");
    EQ_TEXT(carrying(vow_array(1, (vow_value[]){vow_int(1)})), "rejected with a value: array of 1");
}

static vow_error *aggregate(size_t n, vow_value *errors)
{
    vow_error *e = vow_error_new_at("any.c:1", vow_own_domain(), VOW_EAGGREGATE, NULL);

    vow__error_set_payload(e, vow_array(n, errors));
    return e;
}

TEST_PLAIN(an_aggregate_tells_its_first_error_in_one_line)
{
    vow_value one[] = {vow_fail(EIO, "first")},
              two[] = {vow_fail(EIO, "first"), vow_fail(EIO, "second")};

    EQ_TEXT(described(aggregate(1, one), VOW_ONE_LINE), "all of them failed: first");
    EQ_TEXT(described(aggregate(2, two), VOW_ONE_LINE), "all of them failed: first (and 1 more)");
}

TEST_PLAIN(a_cause_shows_what_it_carries)
{
    vow_error *e = at(NULL, EIO, "call", vow_error_of_value_at(NULL, vow_int(7)));

    EQ_TEXT(described(e, VOW_ONE_LINE), "call: rejected with a value: 7");
}

TEST_PLAIN(lines_have_domain_code_and_place_and_causes_below)
{
    vow_error *e = at("load.c:10", EIO, "load a.txt",
                      at("open.c:5", ENOENT, "open", at(NULL, ENOENT, "", NULL)));

    EQ_TEXT(described(e, VOW_LINES),
            "load a.txt: Input/output error (errno 5) at load.c:10\n"
            "  caused by: open: No such file or directory (errno 2) at open.c:5\n"
            "  caused by: No such file or directory (errno 2)");
}

TEST_PLAIN(lines_have_suppressed_errors_below_the_one_that_won)
{
    vow_error *inner = at("b.c:1", ENOENT, "inner", NULL), *late = at("c.c:1", EBADF, "late", NULL);
    vow_error *e;

    CHECK(vow__error_suppress(late, at("d.c:1", EIO, "later", NULL)) == NULL);
    CHECK(vow__error_suppress(inner, at("e.c:1", EIO, "inside", NULL)) == NULL);
    e = at("a.c:1", EIO, "top", inner);
    CHECK(vow__error_suppress(e, late) == NULL);
    CHECK(vow__error_suppress(e, at("f.c:1", EIO, "last", at("g.c:1", EIO, "why", NULL))) == NULL);
    EQ_TEXT(described(e, VOW_LINES),
            "top: Input/output error (errno 5) at a.c:1\n"
            "  suppressed: late: Bad file descriptor (errno 9) at c.c:1\n"
            "    suppressed: later: Input/output error (errno 5) at d.c:1\n"
            "  suppressed: last: Input/output error (errno 5) at f.c:1\n"
            "    caused by: why: Input/output error (errno 5) at g.c:1\n"
            "  caused by: inner: No such file or directory (errno 2) at b.c:1\n"
            "    suppressed: inside: Input/output error (errno 5) at e.c:1");
}

TEST_PLAIN(lines_have_the_errors_of_an_aggregate)
{
    vow_value all[] = {vow_error_value(at("a.c:1", EIO, "a", NULL)), vow_int(3),
                       vow_error_value(at("b.c:1", EIO, "b", NULL))};

    EQ_TEXT(described(aggregate(3, all), VOW_LINES),
            "all of them failed: array of 3 (vow 10005) at any.c:1\n"
            "  one of them: a: Input/output error (errno 5) at a.c:1\n"
            "  one of them: b: Input/output error (errno 5) at b.c:1");
}

TEST_PLAIN(lines_stop_where_branches_get_too_deep)
{
    vow_error *e = at("x", EIO, "0", at("x", EIO, "cause", NULL));

    for (int i = 0; i < 20; i++) {
        vow_error *top = at("x", EIO, "branch", at("x", EIO, "root", NULL));

        CHECK(vow__error_suppress(top, e) == NULL);
        e = top;
    }
    described(e, VOW_LINES);
    HAS_TEXT(text, "\n                                ... and more\n");
    HAS_TEXT(text, "\n  caused by: root: Input/output error (errno 5) at x");
}

TEST_PLAIN(a_long_chain_is_described_to_its_end)
{
    enum { LINKS = 100000 };
    vow_error *e = at(NULL, ENOENT, "end", NULL);

    for (int i = 1; i < LINKS; i++)
        e = at(NULL, EIO, i % 2 == 0 ? "x" : "y", e);
    EQ_UINT(vow_describe(e, VOW_ONE_LINE, text, 20),
            strlen("x: ") * (LINKS - 1) + strlen("end: No such file or directory"));
    CHECK(vow_describe(e, VOW_LINES, text, sizeof text) > LINKS * 40);
    EQ_UINT(strlen(text), sizeof text - 1);
    vow_error_unref(e);
}

TEST_PLAIN(what_says_that_it_timed_out_is_not_told_of_a_connection)
{
    vow_error *e = vow_error_new(vow_errno_domain(), ETIMEDOUT, "timed out after 5 ms");
    EQ_TEXT(described(e, VOW_ONE_LINE), "timed out after 5 ms");
}
