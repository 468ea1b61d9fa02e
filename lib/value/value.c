/* SPDX-License-Identifier: MIT */
#include "value/value.h"

#include <errno.h>
#include <inttypes.h>

#include "value/object.h"
#include "vow/flow.h"

static const vow_type int_type = {.size = sizeof(vow_type), .kind = VOW__SCALAR, .name = "int"};
static const vow_type bool_type = {.size = sizeof(vow_type), .kind = VOW__SCALAR, .name = "bool"};
static const vow_type double_type = {
    .size = sizeof(vow_type), .kind = VOW__SCALAR, .name = "double"};
/* Pointers, whose size will not change: a program has copies of data that it uses. */
const vow_type *const vow_scalar_bool = &bool_type;
const vow_type *const vow_scalar_int = &int_type;
const vow_type *const vow_scalar_double = &double_type;
static const vow_type same_type = {.size = sizeof(vow_type), .kind = VOW__SAME, .name = "VOW_SAME"};
static const vow_type again_type = {
    .size = sizeof(vow_type), .kind = VOW__AGAIN, .name = "VOW_AGAIN"};

/* What a descriptor had in version 0.1. Later ones may be longer, none is shorter. */
enum { FIRST_TYPE_SIZE = offsetof(vow_type, reserved) + sizeof(void *) };

void vow_wrong_type(const char *getter, const char *wanted, vow_value got)
{
    char why[256] = "";

    if (vow_is_error(got))
        vow_describe(vow_as_error(got), VOW_ONE_LINE, why, sizeof why);
    vow__panic("%s: wanted %s, got %s%s%s%s", getter, wanted, vow_type_name(got),
               why[0] != '\0' ? " (" : "", why, why[0] != '\0' ? ")" : "");
}

void vow__check_type(const char *maker, const vow_type *type)
{
    VOW_CHECK(type != NULL, "%s: no type", maker);
    VOW_CHECK(type->size >= FIRST_TYPE_SIZE,
              "%s: a type's descriptor must start with its size: "
              "make it with VOW_TYPE_DEFINE",
              maker);
    VOW_CHECK(type->kind == VOW__COUNTED, "%s: type %s: kind must be 0", maker, type->name);
    VOW_CHECK(type->ref != NULL && type->unref != NULL,
              "%s: type %s needs both ref and unref: use a box for what cannot be shared", maker,
              type->name);
}

/* The ones that are inline in the header, for whoever calls them all the same. */
extern inline vow_value vow_scalar(const vow_type *type, int64_t i);
extern inline vow_value vow_none(void);
extern inline vow_value vow_bool(bool b);
extern inline vow_value vow_int(int64_t i);
extern inline vow_value vow_double(double d);
extern inline bool vow_is_none(vow_value v);
extern inline int64_t vow_as_int(vow_value v);
extern inline bool vow_as_bool(vow_value v);

vow_value vow_uint(uint64_t u)
{
    if (VOW_UNLIKELY(u > INT64_MAX))
        return vow_fail_at(NULL, &vow__errno_domain, ERANGE, "%" PRIu64 " as a value", u);
    return vow_int((int64_t)u);
}

vow_value vow_of(const vow_type *type, void *object)
{
    vow__check_type("vow_of", type);
    return object != NULL ? (vow_value){.type = type, .as.p = object} : vow_none();
}

vow_value vow_promise_value(vow_promise *p)
{
    VOW_CHECK(p != NULL, "vow_promise_value: no promise");
    return (vow_value){.type = &vow__promise_type, .as.p = p};
}

vow_value vow_error_value(vow_error *e)
{
    VOW_CHECK(e != NULL, "vow_error_value: no error");
    return (vow_value){.type = &vow__error_type, .as.p = e};
}

vow_value vow_same(void) { return (vow_value){.type = &same_type, .as.i = 0}; }

vow_value vow_again(void) { return (vow_value){.type = &again_type, .as.i = 0}; }

vow_value vow_keep(vow_value v)
{
    if (vow__is_counted(v))
        v.as.p = v.type->ref(v.as.p);
    return v;
}

void vow_release(vow_value v)
{
    if (vow__is_counted(v))
        v.type->unref(v.as.p);
}

bool vow_is_error(vow_value v) { return vow__has_kind(v, VOW__ERROR); }

/* Literal and counted text are one type to the program. */
bool vow_is(vow_value v, const vow_type *type)
{
    return v.type == type || (v.type == &vow__literal_type && type == &vow__text_type);
}

const char *vow_type_name(vow_value v) { return v.type != NULL ? v.type->name : "none"; }

const vow_type *vow_int_type(void) { return &int_type; }

const vow_type *vow_bool_type(void) { return &bool_type; }

const vow_type *vow_double_type(void) { return &double_type; }

double vow_as_double(vow_value v)
{
    if (v.type == &int_type)
        return (double)v.as.i;
    if (VOW_UNLIKELY(v.type != &double_type))
        vow_wrong_type("vow_as_double", "double", v);
    return v.as.d;
}

void *vow_as(vow_value v, const vow_type *type)
{
    VOW_CHECK(type != NULL, "vow_as: no type");
    if (VOW_UNLIKELY(!vow_is(v, type)))
        vow_wrong_type("vow_as", type->name, v);
    VOW_CHECK(v.type->kind != VOW__SCALAR || v.type == &vow__literal_type,
              "vow_as: %s is a number, not an object", type->name);
    return v.as.p;
}

const vow_error *vow_as_error(vow_value v) { return vow_is_error(v) ? v.as.p : NULL; }
