/* SPDX-License-Identifier: MIT
 *
 * Corners that only the measuring of coverage found untested.
 */
#include <errno.h>

#include "harness.h"
#include "vow/buf.h"

static const char *in_a_line(vow_value v)
{
    static char text[1000];
    vow_describe(vow_as_error(v), VOW_ONE_LINE, text, sizeof text);
    vow_release(v);
    return text;
}

static const char *no_words(int code)
{
    (void)code;
    return "";
}

TEST_PLAIN(a_domain_may_have_no_words)
{
    static const vow_domain silent = {"silent", no_words};
    EQ_TEXT(in_a_line(vow_fail_in(&silent, 1, "it broke")), "it broke");
    vow_error *e = vow_error_new(&silent, 1, NULL);
    EQ_TEXT(in_a_line(vow_wrap(e, EIO, "load")), "load");
    vow_error_unref(e);
}

TEST_PLAIN(words_that_are_the_whole_message_are_not_said_twice)
{
    const char *words = vow_errno_domain()->text(EIO);
    vow_error *e = vow_error_new(vow_errno_domain(), EIO, "disk");
    vow_value v = vow_wrap(e, EIO, "%s", words);
    vow_error_unref(e);
    EQ_TEXT(in_a_line(v), "Input/output error: disk: Input/output error");
}

TEST_PLAIN(a_time_that_ran_out_without_saying_so_is_said_in_the_systems_words)
{
    EQ_TEXT(in_a_line(vow_fail(ETIMEDOUT, "no answer")), "no answer: Connection timed out");
    EQ_TEXT(in_a_line(vow_fail(ETIMEDOUT, "timed out after 1 ms")), "timed out after 1 ms");
}

TEST_PLAIN(each_code_of_vows_has_words_of_its_own)
{
#define HAS_WORDS(name, number, words)            \
    EQ_TEXT(vow_own_domain()->text(name), words); \
    EQ_INT(name, number);
    VOW_CODES(HAS_WORDS)
#undef HAS_WORDS
    EQ_TEXT(vow_own_domain()->text(123456), "unknown error");
}

TEST_PLAIN(a_slice_is_a_value_like_the_whole)
{
    vow_buf *whole = vow_buf_copy("abcdef", 6);
    vow_value v = vow_buf_value(vow_buf_slice(whole, 2, 3));
    vow_buf_unref(whole);
    EQ_BYTES(vow_buf_bytes(vow_buf_of(v)), "cde", 3);
    vow_release(v);
}
