/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/mem.h"
#include "base/panic.h"
#include "harness.h"
#include "vow/version.h"

/* An allocator that counts its calls and forwards them. */
struct counting {
    int made, freed;
};

static void *counting_resize(void *context, void *block, size_t size)
{
    struct counting *counting = context;

    if (size == 0) {
        counting->freed++;
        free(block);
        return NULL;
    }
    counting->made += block == NULL;
    return realloc(block, size);
}

TEST_PLAIN(blocks_in_use_are_counted)
{
    size_t before = vow_test_blocks();
    void *a = vow__alloc(10), *b = vow__alloc_zeroed(10);

    EQ_UINT(vow_test_blocks(), before + 2);
    a = vow__resize(a, 1000);
    CHECK(a != NULL);
    EQ_UINT(vow_test_blocks(), before + 2);
    vow__free(a);
    vow__free(b);
    vow__free(NULL);
    EQ_UINT(vow_test_blocks(), before);
}

TEST_PLAIN(adapters_of_other_libraries_get_memory_that_counts_too)
{
    static const char zero[100];
    size_t before = vow_test_blocks();
    void *a = vow_alloc(sizeof zero);
    EQ_BYTES(a, zero, sizeof zero);
    EQ_UINT(vow_test_blocks(), before + 1);
    vow_free(a);
    vow_free(NULL);
    EQ_UINT(vow_test_blocks(), before);
    vow_test_fail_allocation(1, false);
    EQ_PTR(vow_alloc(1), NULL);
    vow_test_fail_allocation(0, false);
}

TEST_PLAIN(zeroed_memory_is_zero_and_no_size_is_too_small)
{
    static const char zero[100];
    char *a = vow__alloc_zeroed(sizeof zero);
    void *b = vow__alloc(0);

    EQ_BYTES(a, zero, sizeof zero);
    CHECK(b != NULL);
    vow__free(a);
    vow__free(b);
}

TEST_PLAIN(all_memory_comes_from_the_installed_allocator)
{
    struct counting counting = {0, 0};
    char *text;

    vow_set_allocator(&(vow_allocator){counting_resize, &counting});
    text = vow__copy_text("text");
    EQ_TEXT(text, "text");
    text = vow__resize(text, 100);
    vow__free(text);
    vow__free(vow__alloc_zeroed(3));
    EQ_INT(counting.made, 2);
    EQ_INT(counting.freed, 2);
    vow_set_allocator(NULL);
    vow__free(vow__alloc(3));
    EQ_INT(counting.made, 2);
}

TEST_PLAIN(the_nth_allocation_fails_once)
{
    void *a, *b;

    vow_test_fail_allocation(2, false);
    a = vow__alloc(1);
    CHECK(a != NULL && !vow_test_failed());
    CHECK(vow__copy_text("x") == NULL && vow_test_failed());
    b = vow__alloc(1);
    CHECK(b != NULL);
    vow_test_fail_allocation(0, false);
    CHECK(!vow_test_failed());
    vow__free(a);
    vow__free(b);
}

TEST_PLAIN(a_sticky_failure_lasts_until_it_is_taken_back)
{
    void *a = vow__alloc(1);

    vow_test_fail_allocation(1, true);
    CHECK(vow__alloc_zeroed(1) == NULL);
    CHECK(vow__alloc(1) == NULL);
    CHECK(vow__resize(a, 2) == NULL); /* a is still there */
    vow_test_fail_allocation(0, true);
    vow__free(a);
}

TEST_PANICS(a_panic_tells_its_message_and_ends_the_program, "number 42 of seven")
{
    vow__panic("number %d of %s", 42, "seven");
}

TEST_PANICS(a_failed_check_panics, "two is not three")
{
    int two = 2;

    VOW_CHECK(two == 2, "not reached");
    VOW_CHECK(two == 3, "two is not %s", "three");
}

TEST_PLAIN(the_library_knows_its_version)
{
    EQ_TEXT(vow_version(), VOW_VERSION);
    EQ_UINT(vow_version_number(), VOW_VERSION_NUMBER);
    CHECK(VOW_CHECK_VERSION(0, 1, 0));
    CHECK(!VOW_CHECK_VERSION(0, 1, 1));
}
