/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <wchar.h>

#include "sweep.h"
#include "value/value.h"

TEST_PLAIN(a_literal_is_borrowed)
{
    static const char letters[] = "abc";

    EQ_PTR(vow_as_text(vow_literal(letters)), letters);
    EQ_TEXT(vow_as_text(VOW_LIT("hello")), "hello");
    EQ_UINT(vow_test_blocks(), 0);
}

TEST_PLAIN(other_text_is_copied)
{
    char letters[] = "abc";
    vow_value v = vow_text(letters);

    letters[0] = 'x';
    EQ_TEXT(vow_as_text(v), "abc");
    vow_release(v);
}

TEST_PLAIN(literal_and_counted_text_are_one_type)
{
    vow_value counted = vow_text("abc"), literal = VOW_LIT("abc");

    CHECK(vow_is(counted, vow_text_type()) && vow_is(literal, vow_text_type()));
    EQ_TEXT(vow_type_name(counted), "text");
    EQ_TEXT(vow_type_name(literal), "text");
    EQ_PTR(vow_as(counted, vow_text_type()), vow_as_text(counted));
    EQ_PTR(vow_as(literal, vow_text_type()), vow_as_text(literal));
    vow_release(counted);
}

TEST_PLAIN(text_of_a_size_ends_there_or_at_its_nul)
{
    vow_value cut = vow_text_n("abcdef", 3), whole = vow_text_n("abc", 100),
              empty = vow_text_n("abc", 0), bare = vow_text_n((const char[]){'x', 'y'}, 2);

    EQ_TEXT(vow_as_text(cut), "abc");
    EQ_TEXT(vow_as_text(whole), "abc");
    EQ_TEXT(vow_as_text(empty), "");
    EQ_TEXT(vow_as_text(bare), "xy");
    vow_release(cut);
    vow_release(whole);
    vow_release(empty);
    vow_release(bare);
}

TEST_PLAIN(no_text_makes_none)
{
    CHECK(vow_is_none(vow_text(NULL)));
    CHECK(vow_is_none(vow_text_n(NULL, 5)));
}

TEST_PLAIN(text_can_be_formatted)
{
    vow_value v = vow_textf("%d bottles of %s", 99, "beer");

    EQ_TEXT(vow_as_text(v), "99 bottles of beer");
    vow_release(v);
}

TEST_PLAIN(text_that_cannot_be_formatted_is_an_error_value)
{
    vow_value v = vow_textf("%ls", L"\x4e2d"); /* not in the C locale */

    CHECK(vow_error_is(vow_as_error(v), vow_errno_domain(), EILSEQ));
    vow_release(v);
}

TEST_PLAIN(counted_text_is_shared)
{
    vow_value v = vow_text("abc"), kept = vow_keep(v);

    EQ_UINT(v.type->count(v.as.p), 2);
    vow_release(v);
    EQ_TEXT(vow_as_text(kept), "abc");
    EQ_UINT(kept.type->count(kept.as.p), 1);
    vow_release(kept);
}

static void make_texts(void)
{
    vow_value all[] = {vow_text("abc"), vow_text_n("abc", 2), vow_textf("%d", 42)};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        CHECK(vow_is(all[i], vow_text_type()) ||
              vow_error_is(vow_as_error(all[i]), vow_errno_domain(), ENOMEM));
        vow_release(all[i]);
    }
}

TEST_PLAIN(text_without_memory_is_an_error_value) { sweep_both(make_texts, 3); }

TEST_PANICS(a_literal_must_be_there, "vow_literal: no text") { vow_literal(NULL); }

TEST_PANICS(a_number_is_no_text, "vow_as_text: wanted text, got int") { vow_as_text(vow_int(1)); }
