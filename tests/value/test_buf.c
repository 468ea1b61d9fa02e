/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "sweep.h"
#include "vow/buf.h"

TEST_PLAIN(a_buffer_has_its_size_alignment_and_a_zero_behind)
{
    for (size_t size = 0; size < 100; size++) {
        vow_buf *b = vow_buf_new(size);

        EQ_UINT(vow_buf_size(b), size);
        EQ_UINT((uintptr_t)vow_buf_bytes(b) % 16, 0);
        memset(vow_buf_bytes(b), 'x', size);
        EQ_INT(vow_buf_bytes(b)[size], 0);
        vow_buf_unref(b);
    }
}

TEST_PLAIN(bytes_are_copied)
{
    vow_buf *b = vow_buf_copy("a\0b", 3), *empty = vow_buf_copy(NULL, 0);

    EQ_UINT(vow_buf_size(b), 3);
    EQ_BYTES(vow_buf_bytes(b), "a\0b", 4);
    EQ_UINT(vow_buf_size(empty), 0);
    CHECK(vow_buf_bytes(empty) != NULL);
    vow_buf_unref(b);
    vow_buf_unref(empty);
}

TEST_PLAIN(a_slice_shares_the_bytes)
{
    vow_buf *b = vow_buf_copy("hello world", 11), *slice = vow_buf_slice(b, 6, 5);

    EQ_PTR(vow_buf_bytes(slice), vow_buf_bytes(b) + 6);
    EQ_UINT(vow_buf_size(slice), 5);
    vow_buf_unref(b);
    EQ_BYTES(vow_buf_bytes(slice), "world", 5);
    vow_buf_unref(slice);
}

TEST_PLAIN(a_slice_is_cut_at_the_end)
{
    vow_buf *b = vow_buf_copy("hello", 5), *over = vow_buf_slice(b, 3, SIZE_MAX),
            *beyond = vow_buf_slice(b, 6, 1);

    EQ_UINT(vow_buf_size(over), 2);
    EQ_UINT(vow_buf_size(beyond), 0);
    EQ_PTR(vow_buf_bytes(beyond), vow_buf_bytes(b) + 5);
    vow_buf_unref(over);
    vow_buf_unref(beyond);
    vow_buf_unref(b);
}

TEST_PLAIN(a_slice_of_a_slice_holds_the_root_only)
{
    vow_buf *b = vow_buf_copy("hello world", 11), *slice = vow_buf_slice(b, 6, 5),
            *letter = vow_buf_slice(slice, 1, 1);
    size_t blocks = vow_test_blocks();

    vow_buf_unref(slice);
    EQ_UINT(vow_test_blocks(), blocks - 1);
    vow_buf_unref(b);
    EQ_UINT(vow_test_blocks(), blocks - 1);
    EQ_BYTES(vow_buf_bytes(letter), "o", 1);
    vow_buf_unref(letter);
}

TEST_PLAIN(a_buffer_can_be_shortened_only)
{
    vow_buf *b = vow_buf_new(10), *slice = vow_buf_slice(b, 0, 10);

    vow_buf_shrink(b, 20);
    EQ_UINT(vow_buf_size(b), 10);
    vow_buf_shrink(b, 4);
    EQ_UINT(vow_buf_size(b), 4);
    EQ_UINT(vow_buf_size(slice), 10);
    vow_buf_unref(slice);
    vow_buf_unref(b);
}

TEST_PLAIN(references_of_no_buffer_are_fine)
{
    CHECK(vow_buf_ref(NULL) == NULL);
    CHECK(vow_buf_unref(NULL) == NULL);
}

TEST_PLAIN(a_buffer_travels_as_a_value)
{
    vow_buf *b = vow_buf_new(10);
    vow_value v = vow_buf_value(b), kept = vow_keep(v);

    CHECK(vow_is(v, vow_buf_type()));
    EQ_PTR(vow_buf_of(v), b);
    EQ_UINT(v.type->count(b), 2);
    vow_release(v);
    EQ_UINT(v.type->count(b), 1);
    vow_release(kept);
}

TEST_PLAIN(no_buffer_is_an_error_value)
{
    CHECK(vow_error_is(vow_as_error(vow_buf_value(NULL)), vow_errno_domain(), ENOMEM));
}

TEST_PLAIN(a_buffer_too_large_to_be_is_none)
{
    CHECK(vow_buf_new(SIZE_MAX) == NULL);
    CHECK(vow_buf_new(SIZE_MAX - 20) == NULL);
}

static void make_buffers(void)
{
    vow_buf *b = vow_buf_copy("abc", 3), *slice = b != NULL ? vow_buf_slice(b, 1, 1) : NULL;

    vow_buf_unref(slice);
    vow_release(vow_buf_value(b));
}

TEST_PLAIN(a_buffer_without_memory_is_null) { sweep_both(make_buffers, 2); }

TEST_PANICS(what_is_no_buffer_is_not_seen_as_one, "wanted buf, got int") { vow_buf_of(vow_int(1)); }
