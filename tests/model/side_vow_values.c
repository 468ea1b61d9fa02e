/* SPDX-License-Identifier: MIT
 *
 * side_vow_values.c - vow's values as a side of the world has them.
 */
#include "side_vow.h"
#include "sync/gate.h"

static void thenable_then(void *box, vow_resolver *r)
{
    remember_source(r);
    world_then(here, as_who(vow_box_object(box)), r);
}
static const vow_type thenable_type = {.size = sizeof(vow_type),
                                       .name = "thenable",
                                       .ref = vow_box_ref,
                                       .unref = vow_box_unref,
                                       .count = vow_box_count,
                                       .then = thenable_then};

static union any number(int n) { return (union any){.vow = vow_int(n)}; }
static union any simple(enum m_type type)
{
    return (union any){.vow = type == M_SAME ? VOW_SAME : type == M_AGAIN ? VOW_AGAIN : vow_none()};
}
static union any error(struct world *w, int code)
{
    (void)w;
    return (union any){.vow = vow_fail(code, "an error")};
}
static union any payload(struct world *w, union any v)
{
    (void)w;
    return (union any){.vow = vow_error_value(vow_error_of_value(v.vow))};
}
static union any wrapped(struct world *w, union any e, int code)
{
    (void)w;
    return (union any){.vow = vow_wrap(vow_as_error(e.vow), code, "wrapped")};
}
static union any box(struct world *w, enum m_type type, uint32_t who)
{
    (void)w;
    return (union any){.vow = vow_box_of(type == M_BOX ? vow_box_type() : &thenable_type,
                                         as_data(who), destroyed)};
}
static union any promise(void *p) { return (union any){.vow = vow_promise_value(p)}; }
static union any array(struct world *w, union any a, union any b)
{
    (void)w;
    return (union any){.vow = vow_array(2, (vow_value[]){a.vow, b.vow})};
}
static union any keep(union any v) { return (union any){.vow = vow_keep(v.vow)}; }
static bool is_error(union any v) { return vow_is_error(v.vow); }

static void describe_error(struct text *text, const vow_error *e, int depth);

static void describe_value(struct text *text, vow_value v, int depth)
{
    if (vow_is_error(v)) {
        describe_error(text, vow_as_error(v), depth);
    } else if (vow_is(v, vow_int_type())) {
        text_number(text, (uint64_t)vow_as_int(v));
    } else if (vow_is(v, vow_box_type())) {
        text_add(text, "box#");
        text_number(text, as_who(vow_unbox(v)) >> 6);
    } else if (vow_is(v, vow_array_type())) {
        text_add(text, "[");
        for (size_t i = 0; i < vow_count(v) && depth > 0; i++) {
            describe_value(text, vow_at(v, i), depth - 1);
            text_add(text, " ");
        }
        text_add(text, "]");
    } else if (vow_is(v, vow_permit_type())) {
        text_add(text, vow_permit_of(v)->gate ? "permit" : "given back");
    } else if (vow_is_end(v)) {
        text_add(text, "end");
    } else {
        text_add(text, vow_is_none(v) ? "none" : "something");
    }
}

static void describe_error(struct text *text, const vow_error *e, int depth)
{
    text_add(text, "!");
    text_number(text, (uint64_t)vow_error_code(e));
    if (depth == 0)
        return;
    if (!vow_is_none(vow_error_payload(e))) {
        text_add(text, "=");
        describe_value(text, vow_error_payload(e), depth - 1);
    }
    if (vow_error_cause(e)) {
        text_add(text, "<");
        describe_error(text, vow_error_cause(e), depth - 1);
    }
    for (const vow_error *s = vow_error_suppressed(e); s; s = vow_error_next(s)) {
        text_add(text, "+");
        describe_error(text, s, depth - 1);
    }
}

static void describe(struct text *text, union any v) { describe_value(text, v.vow, 5); }

const struct side_values vow_values = {
    .number = number,
    .simple = simple,
    .error = error,
    .payload = payload,
    .wrapped = wrapped,
    .box = box,
    .promise = promise,
    .array = array,
    .keep = keep,
    .is_error = is_error,
    .describe = describe,
};
