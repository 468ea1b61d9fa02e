/* SPDX-License-Identifier: MIT
 *
 * Deep and wide structures are destroyed in constant stack: each on a thread of 64 KiB.
 */
#include <errno.h>

#include "harness.h"
#include "value/error.h"

static void *release(void *v)
{
    vow_release(*(vow_value *)v);
    return NULL;
}

static void release_on_a_small_stack(vow_value v)
{
    harness_on_stack(64 * 1024, release, &v);
}

static vow_error *error_new(void) { return vow_error_new(vow_errno_domain(), EIO, NULL); }

TEST_PLAIN(a_million_causes)
{
    vow_error *e = error_new();

    for (int i = 0; i < 1000000; i++) {
        vow_error *top = error_new();

        CHECK(vow__error_add_cause(top, e) == NULL);
        e = top;
    }
    release_on_a_small_stack(vow_error_value(e));
}

TEST_PLAIN(a_million_suppressed_errors)
{
    vow_error *e = error_new();

    for (int i = 0; i < 1000000; i++)
        CHECK(vow__error_suppress(e, error_new()) == NULL);
    release_on_a_small_stack(vow_error_value(e));
}

TEST_PLAIN(suppressed_errors_of_suppressed_errors)
{
    vow_error *e = error_new();

    for (int i = 0; i < 100000; i++) {
        vow_error *top = error_new();

        CHECK(vow__error_suppress(top, e) == NULL);
        CHECK(vow__error_suppress(top, error_new()) == NULL);
        e = top;
    }
    release_on_a_small_stack(vow_error_value(e));
}

TEST_PLAIN(arrays_in_arrays)
{
    vow_value v = vow_text("innermost");

    for (int i = 0; i < 100000; i++)
        v = vow_array(2, (vow_value[]){v, vow_text("beside")});
    release_on_a_small_stack(v);
}

TEST_PLAIN(errors_in_payloads_of_errors)
{
    vow_value v = vow_text("innermost");

    for (int i = 0; i < 100000; i++)
        v = vow_error_value(vow_error_of_value(v));
    release_on_a_small_stack(v);
}

TEST_PLAIN(arrays_and_errors_in_each_other_and_a_text_at_the_end)
{
    int destroyed = 0;
    vow_value v = vow_box(&destroyed, count_destroy);

    for (int i = 0; i < 100000; i++) {
        vow_value array = vow_array(1, &v);
        vow_error *e = vow_error_of_value(array), *top = error_new();

        if (i % 2 == 0)
            CHECK(vow__error_add_cause(top, e) == NULL);
        else
            CHECK(vow__error_suppress(top, e) == NULL);
        v = vow_error_value(top);
    }
    release_on_a_small_stack(v);
    EQ_INT(destroyed, 1);
}

TEST_PLAIN(what_others_hold_is_left_alone)
{
    vow_value text = vow_text("shared"), inner = vow_array(1, (vow_value[]){vow_keep(text)});
    vow_value outer = vow_array(2, (vow_value[]){vow_keep(inner), vow_keep(inner)});

    vow_release(outer);
    EQ_TEXT(vow_as_text(vow_at(inner, 0)), "shared");
    vow_release(inner);
    EQ_TEXT(vow_as_text(text), "shared");
    vow_release(text);
}
