/* SPDX-License-Identifier: MIT
 *
 * The public test kit: what vow_test_end complains of.
 */
#include <fcntl.h>
#include <unistd.h>

#include "core/common.h"

TEST_PLAIN(a_test_that_loses_nothing_has_no_complaint)
{
    t = vow_test_begin();
    vow_promise *p = vow_delay(vow_test_loop(t), 60000);
    vow_clock_advance(vow_test_loop(t), 60000);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(p);
    CHECK(vow_test_end(t) == NULL);
}

TEST_PLAIN(a_promise_that_is_left_over_is_complained_of)
{
    t = vow_test_begin();
    vow_promise *p = vow_resolved(vow_test_loop(t), vow_v(1));
    EQ_TEXT(vow_test_end(t), "live promises at the end: expected 0, got 1");
    vow_unref(p);
}

TEST_PLAIN(unhandled_rejections_must_be_the_expected_number)
{
    struct trace seen = {""};
    t = vow_test_begin();
    vow_on_unhandled(vow_test_loop(t), note_unhandled, &seen);
    vow_unref(vow_rejected(vow_test_loop(t), eio()));
    vow_test_expect_unhandled(t, 2);
    EQ_TEXT(vow_test_end(t), "unhandled rejections: expected 2, got 1");
}

TEST_PLAIN(memory_that_is_left_over_is_complained_of)
{
    t = vow_test_begin();
    vow_value v = vow_text("kept");
    HAS_TEXT(vow_test_end(t), "blocks of vow's memory: expected ");
    vow_release(v);
}

TEST_PLAIN(a_descriptor_that_is_left_over_is_complained_of)
{
    t = vow_test_begin();
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    HAS_TEXT(vow_test_end(t), "open descriptors: expected ");
    close(fd);
}

TEST_PLAIN(a_test_that_cannot_be_made_is_NULL_and_leaks_nothing)
{
    for (size_t n = 1;; n++) {
        vow_test_fail_allocation(n, true);
        t = vow_test_begin();
        bool failed = vow_test_failed();
        vow_test_fail_allocation(0, false);
        if (!failed)
            break;
        CHECK(t == NULL);
    }
    CHECK(vow_test_end(t) == NULL);
}

TEST_PLAIN(one_allocation_fails_or_all_from_then_on)
{
    vow_test_fail_allocation(2, false);
    vow_value a = vow_text("first"), b = vow_text("second"), c = vow_text("third");
    CHECK(vow_test_failed());
    CHECK(!vow_is_error(a) && vow_is_error(b) && !vow_is_error(c));
    vow_test_fail_allocation(1, true);
    vow_value d = vow_text("fourth"), e = vow_text("fifth");
    CHECK(vow_is_error(d) && vow_is_error(e));
    vow_test_fail_allocation(0, false);
    CHECK(!vow_test_failed());
    vow_value all[] = {a, b, c, d, e};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        vow_release(all[i]);
}

TEST(with_a_quarantine_without_end_every_promise_is_an_allocation)
{
    vow_loop_quarantine(loop, SIZE_MAX);
    for (int round = 0; round < 2; round++) { /* the second one finds freed promises */
        vow_test_fail_allocation(3, false);
        vow_promise *a = vow_resolved(loop, vow_v(1)), *b = vow_resolved(loop, vow_v(2)),
                    *c = vow_resolved(loop, vow_v(3));
        CHECK(vow_test_failed());
        vow_test_fail_allocation(0, false);
        vow_unref(a);
        vow_unref(b);
        EQ_INT(vow_run(loop, c, NULL), ENOMEM);
    }
}
