/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "value/error.h"
#include "value/object.h"

static void *array_ref(void *object)
{
    ((vow__array *)object)->count++;
    return object;
}

static void array_unref(void *object)
{
    vow__array *a = object;

    if (--a->count == 0)
        vow__array_destroy(a);
}

static size_t array_count(const void *object) { return ((const vow__array *)object)->count; }

const vow_type vow__array_type = {.size = sizeof(vow_type),
                                  .kind = VOW__COUNTED,
                                  .name = "array",
                                  .ref = array_ref,
                                  .unref = array_unref,
                                  .count = array_count};

static vow__array *array_of(const char *getter, vow_value v)
{
    if (VOW_UNLIKELY(v.type != &vow__array_type))
        vow_wrong_type(getter, "array", v);
    return v.as.p;
}

vow_value vow__array_new(size_t n)
{
    vow__array *a = NULL;

    if (n <= (SIZE_MAX - sizeof *a) / sizeof *a->items)
        a = vow__alloc(sizeof *a + n * sizeof *a->items);
    if (a == NULL)
        return vow_none();
    a->count = 1;
    a->size = n;
    a->seen = a->parcels = false;
    memset(a->items, 0, n * sizeof *a->items); /* vow_none() */
    return (vow_value){.type = &vow__array_type, .as.p = a};
}

static bool has_parcels(vow_value v)
{
    return v.type->kind == VOW__PARCEL ||
           (v.type == &vow__array_type && ((const vow__array *)v.as.p)->parcels);
}

void vow__array_put(vow_value array, size_t index, vow_value v)
{
    vow__array *a = array_of("vow__array_put", array);
    vow_value old;

    VOW_CHECK(index < a->size, "vow__array_put: index %zu of %zu", index, a->size);
    old = a->items[index];
    a->items[index] = v;
    if (vow__is_counted(v) && has_parcels(v))
        a->parcels = true;
    vow__release(old);
}

/* Arrays in it that have parcels, too: no recursion, `next` is for the dead otherwise. */
void vow__see_array(vow__array *a)
{
    vow__array *list = a->parcels ? a : NULL;

    a->seen = true;
    a->next = NULL;
    while ((a = list) != NULL) {
        list = a->next;
        a->parcels = false;
        for (size_t i = 0; i < a->size; i++) {
            vow_value *at = &a->items[i];
            if (vow__has_kind(*at, VOW__PARCEL)) {
                vow__see_counted(at);
            } else if (vow__is_counted(*at) && has_parcels(*at)) {
                vow__array *inner = at->as.p;
                inner->seen = true;
                inner->parcels = false; /* it may be here once more */
                inner->next = list;
                list = inner;
            }
        }
    }
}

vow_value vow_array(size_t n, vow_value *items)
{
    vow_value array = vow__array_new(n);

    for (size_t i = 0; i < n; i++) {
        if (array.type != NULL)
            vow__array_put(array, i, items[i]);
        else
            vow_release(items[i]);
        items[i] = vow_none();
    }
    return array.type != NULL ? array : vow__fail_ready(ENOMEM);
}

const vow_type *vow_array_type(void) { return &vow__array_type; }

size_t vow_count(vow_value v) { return array_of("vow_count", v)->size; }

vow_value vow_at(vow_value v, size_t index)
{
    const vow__array *a = array_of("vow_at", v);

    if (VOW_UNLIKELY(index >= a->size))
        vow__panic("vow_at: index %zu of an array of %zu", index, a->size);
    return a->items[index];
}
