/* SPDX-License-Identifier: MIT */
#include "value/value.h"

#include <errno.h>
#include <limits.h>

#include "harness.h"

TEST_PLAIN(a_value_is_two_words) { CHECK(sizeof(vow_value) <= 16); }

TEST_PLAIN(the_zeroed_value_is_none)
{
    static vow_value zeroed;

    CHECK(vow_is_none(zeroed));
    CHECK(vow_is_none(vow_none()));
    CHECK(!vow_is_none(vow_int(0)));
    EQ_TEXT(vow_type_name(zeroed), "none");
    CHECK(vow_as_error(zeroed) == NULL);
}

TEST_PLAIN(scalars_return_with_type_and_value)
{
    EQ_INT(vow_as_int(vow_int(INT64_MIN)), INT64_MIN);
    EQ_INT(vow_as_int(vow_uint(INT64_MAX)), INT64_MAX);
    CHECK(vow_as_bool(vow_bool(true)));
    CHECK(!vow_as_bool(vow_bool(false)));
    EQ_DOUBLE(vow_as_double(vow_double(0.5)), 0.5);
    EQ_DOUBLE(vow_as_double(vow_int(3)), 3.0);
    CHECK(vow_is(vow_int(1), vow_int_type()));
    CHECK(vow_is(vow_bool(1), vow_bool_type()));
    CHECK(vow_is(vow_double(1), vow_double_type()));
    CHECK(!vow_is(vow_bool(1), vow_int_type()));
    CHECK(!vow_is(vow_none(), vow_int_type()));
}

TEST_PLAIN(vow_v_takes_every_integer_type)
{
    EQ_INT(vow_as_int(vow_v((char)'a')), 'a');
    EQ_INT(vow_as_int(vow_v((signed char)SCHAR_MIN)), SCHAR_MIN);
    EQ_INT(vow_as_int(vow_v((unsigned char)UCHAR_MAX)), UCHAR_MAX);
    EQ_INT(vow_as_int(vow_v((short)SHRT_MIN)), SHRT_MIN);
    EQ_INT(vow_as_int(vow_v((unsigned short)USHRT_MAX)), USHRT_MAX);
    EQ_INT(vow_as_int(vow_v(INT_MIN)), INT_MIN);
    EQ_INT(vow_as_int(vow_v(UINT_MAX)), UINT_MAX);
    EQ_INT(vow_as_int(vow_v(LONG_MIN)), LONG_MIN);
    EQ_INT(vow_as_int(vow_v(ULONG_MAX / 2)), (int64_t)(ULONG_MAX / 2));
    EQ_INT(vow_as_int(vow_v(LLONG_MIN)), LLONG_MIN);
    EQ_INT(vow_as_int(vow_v(ULLONG_MAX / 2)), LLONG_MAX);
    EQ_INT(vow_as_int(vow_v(sizeof(char))), 1);
    EQ_INT(vow_as_int(vow_v((size_t)7)), 7);
    EQ_INT(vow_as_int(vow_v((ptrdiff_t)-7)), -7);
    EQ_INT(vow_as_int(vow_v((uint64_t)7)), 7);
    EQ_INT(vow_as_int(vow_v((int8_t)-7)), -7);
}

TEST_PLAIN(vow_v_takes_bools_doubles_errors_and_values)
{
    const int constant = 5;
    vow_error *e = vow_error_new(vow_errno_domain(), EIO, "x");
    vow_value v = vow_v(e);

    CHECK(vow_as_bool(vow_v((bool)true)));
    EQ_DOUBLE(vow_as_double(vow_v(1.5f)), 1.5);
    EQ_DOUBLE(vow_as_double(vow_v(1.5)), 1.5);
    EQ_INT(vow_as_int(vow_v(constant)), 5);
    EQ_INT(vow_as_int(vow_v(vow_v(9))), 9);
    EQ_PTR(vow_as_error(v), e);
    vow_release(vow_v(v));
}

TEST_PLAIN(vow_v_takes_promises)
{
    static char somewhere[64]; /* only its address is looked at */
    vow_value v = vow_v((vow_promise *)(void *)somewhere);

    CHECK(vow__has_kind(v, VOW__PROMISE) && vow__is_counted(v) && !vow_is_error(v));
    EQ_PTR(v.as.p, somewhere);
    EQ_TEXT(vow_type_name(v), "promise");
}

TEST_PLAIN(an_integer_above_the_range_is_an_error_value)
{
    vow_value v = vow_v((uint64_t)INT64_MAX + 1);

    CHECK(vow_error_is(vow_as_error(v), vow_errno_domain(), ERANGE));
    HAS_TEXT(vow_error_message(vow_as_error(v)), "9223372036854775808");
    vow_release(v);
}

TEST_PLAIN(scalars_need_no_care)
{
    vow_value all[] = {vow_none(),   vow_int(1), vow_bool(1), vow_double(1),
                       VOW_LIT("x"), VOW_SAME,   vow_again()};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        vow_value kept = vow_keep(all[i]);

        EQ_PTR(kept.type, all[i].type);
        CHECK(!vow__is_counted(kept));
        vow_release(kept);
        vow__release(all[i]);
    }
    CHECK(vow__has_kind(VOW_SAME, VOW__SAME));
    CHECK(vow__has_kind(vow_again(), VOW__AGAIN));
    CHECK(!vow__has_kind(vow_none(), VOW__SAME));
    CHECK(vow__is_plain(VOW_LIT("x")) && vow__is_plain(vow_none()) && !vow__is_plain(VOW_SAME));
    EQ_TEXT(vow_type_name(VOW_SAME), "VOW_SAME");
    EQ_TEXT(vow_type_name(vow_again()), "VOW_AGAIN");
}

/* A type of the user's own, counted by its own functions. */
struct door {
    int count;
};

static struct door *door_ref(struct door *door)
{
    door->count++;
    return door;
}

static struct door *door_unref(struct door *door)
{
    door->count--;
    return NULL;
}

VOW_TYPE_DECLARE(door, struct door)
VOW_TYPE_DEFINE(door, struct door, door_ref, door_unref)

TEST_PLAIN(a_type_of_ones_own_takes_one_line)
{
    struct door door = {1};
    vow_value v = door_value(&door), kept;

    CHECK(door_is(v) && vow_is(v, door_type()));
    CHECK(!door_is(vow_int(1)));
    EQ_PTR(door_of(v), &door);
    EQ_TEXT(vow_type_name(v), "door");
    kept = vow_keep(v);
    EQ_INT(door.count, 2);
    vow_release(kept);
    EQ_INT(door.count, 1);
    vow__release(v);
    EQ_INT(door.count, 0);
    CHECK(vow_is_none(door_value(NULL)));
}

TEST_PLAIN(an_error_value_is_known_as_one)
{
    vow_value v = vow_fail(EIO, "x");

    CHECK(vow_is_error(v));
    CHECK(!vow_is_error(vow_int(1)));
    CHECK(!vow_is_error(vow_none()));
    EQ_TEXT(vow_type_name(v), "error");
    CHECK(vow_as_error(vow_int(EIO)) == NULL);
    vow_release(v);
}

static int some_object;

static void touch(void *unused) { (void)unused; }

static void *same_object(void *object) { return object; }

TEST_PANICS(a_wrong_getter_names_both_types, "vow_as_int: wanted int, got text")
{
    vow_as_int(VOW_LIT("42"));
}

TEST_PANICS(a_getter_on_an_error_tells_the_error,
            "wanted double, got error (open a.txt: No such file or directory)")
{
    vow_as_double(vow_fail(ENOENT, "open a.txt"));
}

TEST_PANICS(a_bool_is_no_int, "vow_as_int: wanted int, got bool") { vow_as_int(vow_bool(true)); }

TEST_PANICS(an_int_is_no_bool, "vow_as_bool: wanted bool, got int") { vow_as_bool(vow_int(1)); }

TEST_PANICS(a_wrong_object_names_both_types, "vow_as: wanted door, got none")
{
    door_of(vow_none());
}

TEST_PANICS(a_number_is_no_object, "int is a number") { vow_as(vow_int(1), vow_int_type()); }

TEST_PANICS(an_object_needs_a_type_to_be_seen_as, "vow_as: no type") { vow_as(vow_int(1), NULL); }

TEST_PANICS(a_type_needs_ref_and_unref, "type lonely needs both ref and unref")
{
    static const vow_type lonely = {.size = sizeof(vow_type), .name = "lonely", .unref = touch};

    vow_of(&lonely, &some_object);
}

TEST_PANICS(a_type_needs_unref_too, "type lonely needs both ref and unref")
{
    static const vow_type lonely = {.size = sizeof(vow_type), .name = "lonely", .ref = same_object};

    vow_of(&lonely, &some_object);
}

TEST_PANICS(a_type_needs_its_size, "must start with its size")
{
    static const vow_type small = {.size = 8, .name = "small"};

    vow_of(&small, &some_object);
}

TEST_PANICS(a_type_cannot_claim_a_kind_of_vows, "type sly: kind must be 0")
{
    static const vow_type sly = {
        .size = sizeof(vow_type), .kind = 2, .name = "sly", .ref = same_object, .unref = touch};

    vow_of(&sly, &some_object);
}

TEST_PANICS(a_value_needs_a_type, "vow_of: no type") { vow_of(NULL, &some_object); }

TEST_PANICS(no_promise_is_no_value, "vow_promise_value: no promise") { vow_v((vow_promise *)NULL); }

TEST_PANICS(no_error_is_no_value, "vow_error_value: no error") { vow_v((vow_error *)NULL); }
