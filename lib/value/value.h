/* SPDX-License-Identifier: MIT
 *
 * value/value.h - what the layers above know of values: the kinds of vow's own
 * types, fast release and keep, and arrays that are filled in place.
 */
#ifndef VOW_VALUE_VALUE_H
#define VOW_VALUE_VALUE_H

#include "vow/value.h"

/* vow_type.kind. 0 is what users' types have. The order is that of the questions below. */
enum {
    VOW__COUNTED = 0,
    VOW__HOMING = 1, /* the type is a vow__homing_type */
    VOW__PARCEL = 2, /* the type is a vow__parcel_type */
    VOW__ERROR = 3,
    VOW__PROMISE = 4,
    VOW__SAME = 5,
    VOW__AGAIN = 6,
    VOW__SCALAR = 7
};

/* none (type NULL), scalars and VOW_AGAIN need no care. */
static inline bool vow__is_plain(vow_value v)
{
    return v.type == NULL || v.type->kind >= VOW__AGAIN;
}
/* A foreign object, whose outcome is what counts. */
static inline bool vow__is_thenable(vow_value v)
{
    return v.type != NULL && v.type->kind == VOW__COUNTED && v.type->then != NULL;
}
/* Does it hold a reference? False for none, scalars, VOW_SAME and VOW_AGAIN. */
static inline bool vow__is_counted(vow_value v)
{
    return v.type != NULL && v.type->kind < VOW__SAME;
}
/* Is a promise that is resolved with it fulfilled with it? Not with errors, promises, foreign
 * thenables and VOW_SAME. */
static inline bool vow__fulfils(vow_value v)
{
    return vow__is_plain(v) || (v.type->kind < VOW__ERROR && !v.type->then);
}
static inline bool vow__has_kind(vow_value v, uint32_t kind)
{
    return v.type != NULL && v.type->kind == kind;
}
static inline void vow__release(vow_value v)
{
    if (vow__is_counted(v))
        v.type->unref(v.as.p);
}

/* Counted values that go back where they came from when they are released unseen. */
struct vow__homing_type {
    vow_type type; /* first */
    void (*seen)(void *object);
};

/* Values of any type that do so, each in a counted parcel (scope/parcel.h): no program ever
 * sees one, but what is in it. */
struct vow__parcel_type {
    vow_type type;                  /* first */
    vow_value (*open)(void *parcel); /* takes a reference */
};

/* The program gets *v (a handler, vow_run, vow_peek), or has asked for it to be thrown away:
 * it does not go back where it came from (buf.h) any more, and is no parcel. */
void vow__see_counted(vow_value *v);
static inline void vow__see(vow_value *v)
{
    if (vow__is_counted(*v))
        vow__see_counted(v);
}

/* How promises inside values are referenced and dropped: defined in core/, so that this
 * layer need not include it. */
extern const vow_type vow__promise_type;

/* The object of an array value. Here, so that combinators can fill it in place. */
typedef struct vow__array {
    size_t count;
    size_t size;
    struct vow__array *next; /* in the list of dead ones */
    bool seen;               /* its elements count as seen   */
    bool parcels;            /* not seen, and one of its elements is one, or has one */
    vow_value items[];       /* owned                    */
} vow__array;

/* An array value of n elements, all none, to be filled by vow__array_put, which takes v
 * and releases what was there. Its type is NULL when there is no memory. */
vow_value vow__array_new(size_t n);
void vow__array_put(vow_value array, size_t index, vow_value v);

#endif
