/* SPDX-License-Identifier: MIT
 *
 * Values, errors and buffers without memory.
 */
#include "oom/oom.h"

#include "vow/buf.h"
#include "vow/type.h"

/* Texts, boxes, arrays. */

SCENARIO_PLAIN(texts)
{
    static const char long_text[] =
        "a text of more than two hundred and fifty-six bytes, so that it does not fit where short "
        "ones are put together: 0123456789012345678901234567890123456789012345678901234567890123 "
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567";
    vow_value v[] = {vow_text("hello"),
                     vow_text_n("hello world", 5),
                     vow_textf("%s", "hello"),
                     vow_textf("%s", long_text),
                     vow_text(""),
                     vow_text(NULL)};
    for (int i = 0; i < 3; i++)
        if (MADE(v[i]))
            EQ_TEXT(vow_as_text(v[i]), "hello");
    if (MADE(v[3]))
        EQ_TEXT(vow_as_text(v[3]), long_text);
    if (MADE(v[4]))
        EQ_TEXT(vow_as_text(v[4]), "");
    CHECK(vow_is_none(v[5]));
    for (int i = 0; i < 6; i++) {
        vow_value again = vow_keep(v[i]);
        vow_release(v[i]);
        vow_release(again);
    }
}

SCENARIO_PLAIN(boxes)
{
    for (int i = 0; i < 3; i++) {
        void *thing = oom_owned();
        vow_value v = vow_box(thing, oom_give_back);
        if (MADE(v))
            CHECK(vow_unbox(v) == thing && !oom_is_back(thing));
        vow_release(vow_keep(v));
        vow_release(v);
        CHECK(oom_is_back(thing));
    }
}

struct thing {
    void *owned;
};
static void thing_free(struct thing *thing) { oom_give_back(thing->owned); }
VOW_TYPE_DECLARE(thing, struct thing)
VOW_BOX_DEFINE(thing, struct thing, thing_free)

SCENARIO_PLAIN(boxed_types)
{
    struct thing a = {oom_owned()}, b = {oom_owned()};
    vow_value pair[] = {thing_value(&a), thing_value(&b)};
    if (MADE(pair[0]))
        CHECK(thing_is(pair[0]) && thing_of(pair[0]) == &a);
    vow_value array = vow_array(2, pair);
    CHECK(vow_is_none(pair[0]) && vow_is_none(pair[1]));
    if (MADE(array) && MADE(vow_at(array, 1)))
        CHECK(thing_of(vow_at(array, 1)) == &b);
    vow_release(array);
}

/* An array of arrays, two texts in each innermost one. */
static vow_value nested(unsigned depth)
{
    vow_value pair[2];
    for (int i = 0; i < 2; i++)
        pair[i] = depth > 0 ? nested(depth - 1) : vow_textf("%d", i);
    return vow_array(2, pair);
}
static void check_nested(vow_value v, unsigned depth)
{
    if (!MADE(v))
        return;
    EQ_INT(vow_count(v), 2);
    for (int i = 0; i < 2; i++) {
        vow_value element = vow_at(v, (size_t)i);
        if (depth > 0)
            check_nested(element, depth - 1);
        else if (MADE(element))
            EQ_TEXT(vow_as_text(element), i == 0 ? "0" : "1");
    }
}

SCENARIO_PLAIN(arrays)
{
    vow_value v = nested(3);
    check_nested(v, 3);
    vow_release(v);
    v = vow_array(0, NULL);
    if (MADE(v))
        EQ_INT(vow_count(v), 0);
    vow_release(v);
}

/* Errors: never lost, never of another code; without memory their texts are their codes'. */

static void check_error(const vow_error *e, const vow_domain *domain, int code, const char *text)
{
    CHECK(vow_error_is(e, domain, code));
    const char *message = vow_error_message(e);
    if (strcmp(message, text) != 0) {
        CHECK(vow_test_failed());
        EQ_TEXT(message, domain->text(code));
    }
}

SCENARIO_PLAIN(errors)
{
    vow_error *e[] = {
        vow_error_new(vow_errno_domain(), EIO, "disk %d", 7),
        vow_error_new(vow_own_domain(), VOW_ECYCLE, "round"),
        vow_error_new(vow_gai_domain(), -2, "no such host"),
        vow_error_new(vow_errno_domain(), EPIPE, NULL),
    };
    check_error(e[0], vow_errno_domain(), EIO, "disk 7");
    check_error(e[1], vow_own_domain(), VOW_ECYCLE, "round");
    check_error(e[2], vow_gai_domain(), -2, "no such host");
    check_error(e[3], vow_errno_domain(), EPIPE, strerror(EPIPE));
    for (int i = 0; i < 4; i++)
        CHECK(vow_error_place(e[i]) != NULL);
    for (int i = 0; i < 4; i++)
        vow_error_unref(e[i]);
}

SCENARIO_PLAIN(causes)
{
    enum { DEPTH = 6 };
    vow_value v = vow_fail(DEPTH, "link %d", DEPTH);
    for (int code = DEPTH - 1; code > 0; code--) {
        vow_value outer = vow_wrap(vow_as_error(v), code, "link %d", code);
        vow_release(v);
        v = outer;
    }
    const vow_error *e = vow_as_error(v);
    for (int code = 1; code <= DEPTH; code++, e = vow_error_cause(e)) {
        char text[16];
        snprintf(text, sizeof text, "link %d", code);
        check_error(e, vow_errno_domain(), code, text);
    }
    CHECK(e == NULL);
    char line[1000];
    CHECK(vow_describe(vow_as_error(v), VOW_LINES, line, sizeof line) < sizeof line);
    vow_release(v);
}

SCENARIO_PLAIN(payloads)
{
    for (int i = 0; i < 4; i++) {
        void *thing = oom_owned();
        vow_error *e = vow_error_of_value(vow_box(thing, oom_give_back));
        CHECK(vow_error_is(e, vow_own_domain(), VOW_EVALUE));
        if (MADE(vow_error_payload(e)))
            CHECK(vow_unbox(vow_error_payload(e)) == thing);
        vow_error_unref(vow_error_ref(e));
        vow_error_unref(e);
        CHECK(oom_is_back(thing));
    }
}

/* 64 errors can be had without memory; the next is the one of ENOMEM, which takes nothing. */
SCENARIO_PLAIN(more_errors_than_the_reserve)
{
    enum { MANY = 70 };
    vow_value v[MANY];
    for (int i = 0; i < MANY; i++) {
        void *thing = i % 10 == 0 ? oom_owned() : NULL;
        v[i] = thing ? vow_error_value(vow_error_of_value(vow_box(thing, oom_give_back)))
                     : vow_fail(EPROTO, "error %d", i);
    }
    int lost = 0;
    for (int i = 0; i < MANY; i++) {
        const vow_error *e = vow_as_error(v[i]);
        bool same = i % 10 == 0 ? oom_has_code(e, VOW_EVALUE) : oom_has_code(e, EPROTO);
        if (!same) {
            CHECK(oom_no_memory(e));
            lost++;
        }
    }
    CHECK(lost <= MANY - 64);
    for (int i = 0; i < MANY; i++)
        vow_release(v[i]);
}

/* Buffers. */

static void check_bytes(vow_buf *b, const char *text)
{
    EQ_INT(vow_buf_size(b), strlen(text));
    CHECK(memcmp(vow_buf_bytes(b), text, strlen(text)) == 0);
}

SCENARIO_PLAIN(buffers)
{
    vow_buf *whole = vow_buf_copy("0123456789", 10);
    if (!HAVE_OR_NULL(whole))
        return;
    vow_buf *part = vow_buf_slice(whole, 2, 6);
    vow_buf *smaller = HAVE_OR_NULL(part) ? vow_buf_slice(part, 1, 100) : NULL;
    vow_buf *fresh = vow_buf_new(3);
    vow_buf_unref(whole);
    if (part) {
        check_bytes(part, "234567");
        if (HAVE_OR_NULL(smaller))
            check_bytes(smaller, "34567");
    }
    vow_value v = vow_buf_value(fresh);
    if (MADE(v))
        EQ_INT(vow_buf_size(vow_buf_of(v)), 3);
    vow_release(v);
    vow_buf_unref(part);
    if (smaller) {
        vow_buf_shrink(smaller, 2);
        check_bytes(smaller, "34");
    }
    vow_buf_unref(smaller);
}
