/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "sweep.h"
#include "value/value.h"

TEST_PLAIN(an_array_takes_its_elements)
{
    vow_value items[3] = {vow_int(1), vow_text("two"), vow_none()};
    vow_value v = vow_array(3, items);

    for (size_t i = 0; i < 3; i++)
        CHECK(vow_is_none(items[i]));
    CHECK(vow_is(v, vow_array_type()));
    EQ_UINT(vow_count(v), 3);
    EQ_INT(vow_as_int(vow_at(v, 0)), 1);
    EQ_TEXT(vow_as_text(vow_at(v, 1)), "two");
    CHECK(vow_is_none(vow_at(v, 2)));
    vow_release(v);
}

TEST_PLAIN(an_array_may_be_empty)
{
    vow_value v = vow_array(0, NULL);

    EQ_UINT(vow_count(v), 0);
    EQ_TEXT(vow_type_name(v), "array");
    vow_release(v);
}

TEST_PLAIN(an_array_is_shared)
{
    vow_value item = vow_text("x"), v = vow_array(1, &item), kept = vow_keep(v);

    EQ_UINT(v.type->count(v.as.p), 2);
    vow_release(v);
    EQ_TEXT(vow_as_text(vow_at(kept, 0)), "x");
    vow_release(kept);
}

TEST_PLAIN(elements_are_destroyed_in_order_and_once)
{
    int destroyed[3] = {0};
    vow_value items[3], v;

    for (size_t i = 0; i < 3; i++)
        items[i] = vow_box(&destroyed[i], count_destroy);
    v = vow_array(3, items);
    items[0] = vow_keep(vow_at(v, 0)); /* somebody else's */
    vow_release(v);
    EQ_INT(destroyed[0], 0);
    EQ_INT(destroyed[1] + destroyed[2], 2);
    vow_release(items[0]);
    EQ_INT(destroyed[0], 1);
}

TEST_PLAIN(an_array_can_be_filled_in_place)
{
    int destroyed = 0;
    vow_value v = vow__array_new(2);

    CHECK(vow_is_none(vow_at(v, 0)) && vow_is_none(vow_at(v, 1)));
    vow__array_put(v, 1, vow_box(&destroyed, count_destroy));
    vow__array_put(v, 1, vow_int(7));
    EQ_INT(destroyed, 1);
    EQ_INT(vow_as_int(vow_at(v, 1)), 7);
    vow_release(v);
}

TEST_PLAIN(an_array_too_large_to_be_is_an_error_value)
{
    CHECK(vow_is_none(vow__array_new(SIZE_MAX / sizeof(vow_value))));
    CHECK(vow_is_none(vow__array_new(SIZE_MAX)));
}

static void make_array(void)
{
    int destroyed = 0;
    vow_value items[2] = {vow_box(&destroyed, count_destroy), vow_text("x")}, v;

    v = vow_array(2, items);
    CHECK(vow_is_none(items[0]) && vow_is_none(items[1]));
    if (vow_is_error(v)) {
        EQ_INT(vow_error_code(vow_as_error(v)), ENOMEM);
        EQ_INT(destroyed, 1);
    }
    vow_release(v);
    EQ_INT(destroyed, 1);
}

TEST_PLAIN(an_array_without_memory_releases_its_elements) { sweep_both(make_array, 3); }

TEST_PANICS(an_index_out_of_range_panics, "vow_at: index 2 of an array of 2")
{
    vow_at(vow_array(2, (vow_value[]){vow_int(1), vow_int(2)}), 2);
}

TEST_PANICS(a_place_out_of_range_cannot_be_filled, "index 1 of 1")
{
    vow__array_put(vow__array_new(1), 1, vow_int(1));
}

TEST_PANICS(only_arrays_have_a_count, "vow_count: wanted array, got text")
{
    vow_count(VOW_LIT("abc"));
}

TEST_PANICS(only_arrays_have_elements, "vow_at: wanted array, got int") { vow_at(vow_int(1), 0); }
