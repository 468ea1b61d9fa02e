/* SPDX-License-Identifier: MIT */
#include "value/buf.h"

#include <stdalign.h>
#include <string.h>

#include "base/mem.h"
#include "value/error.h"
#include "value/object.h"

enum { ALIGNMENT = 16 };

/* Where the allocator's own alignment is less, there is room to move the bytes up. */
enum { SLACK = alignof(max_align_t) >= ALIGNMENT ? 0 : ALIGNMENT - 1 };
_Static_assert(SLACK > 0 || sizeof(vow_buf) % ALIGNMENT == 0, "the bytes must be aligned");

static void *buf_ref(void *object) { return vow_buf_ref(object); }

static void buf_unref(void *object) { vow_buf_unref(object); }

static size_t buf_count(const void *object) { return ((const vow_buf *)object)->count; }

static const vow_type buf_type = {.size = sizeof(vow_type),
                                  .kind = VOW__COUNTED,
                                  .name = "buf",
                                  .ref = buf_ref,
                                  .unref = buf_unref,
                                  .count = buf_count};

static uint8_t *align_up(uint8_t *bytes) { return bytes + (size_t)(-(uintptr_t)bytes % ALIGNMENT); }

vow_buf *vow_buf_new(size_t size)
{
    vow_buf *b = NULL;

    if (size < SIZE_MAX - sizeof *b - SLACK)
        b = vow__alloc(sizeof *b + SLACK + size + 1);
    if (b == NULL)
        return NULL;
    *b = (vow_buf){.count = 1, .size = size, .bytes = align_up((uint8_t *)(b + 1))};
    b->bytes[size] = 0;
    return b;
}

vow_buf *vow_buf_copy(const void *bytes, size_t size)
{
    vow_buf *b = vow_buf_new(size);

    if (b != NULL && size > 0)
        memcpy(b->bytes, bytes, size);
    return b;
}

vow_buf *vow_buf_slice(vow_buf *b, size_t from, size_t size)
{
    vow_buf *slice = vow__alloc(sizeof *slice);

    if (slice == NULL)
        return NULL;
    if (from > b->size)
        from = b->size;
    if (size > b->size - from)
        size = b->size - from;
    *slice = (vow_buf){.count = 1,
                       .size = size,
                       .is_slice = true,
                       .bytes = b->bytes + from,
                       .root = vow_buf_ref(b->is_slice ? b->root : b)};
    return slice;
}

void vow_buf_shrink(vow_buf *b, size_t size)
{
    if (size < b->size)
        b->size = size;
}

vow_buf *vow_buf_ref(vow_buf *b)
{
    if (b != NULL)
        b->count++;
    return b;
}

static void go_home(vow_buf *b)
{
    struct vow__home *home = b->home;

    vow__home_forget(home);
    b->count = 1;
    home->give_back(home, b);
}

vow_buf *vow_buf_unref(vow_buf *b)
{
    while (b != NULL && --b->count == 0) {
        vow_buf *root = b->is_slice ? b->root : NULL;

        if (VOW_UNLIKELY(root == NULL && b->home != NULL)) {
            go_home(b);
            break;
        }
        vow__free(b);
        b = root;
    }
    return NULL;
}

void vow__buf_taken_from(vow_buf *b, struct vow__home *home)
{
    vow__home_forget(home);
    home->latest = b;
    b->home = home;
}

struct vow__home *vow__buf_home(const vow_buf *b) { return b->is_slice ? NULL : b->home; }

void vow__home_forget(struct vow__home *home)
{
    if (home->latest != NULL)
        home->latest->home = NULL;
    home->latest = NULL;
}

static vow_buf *seen(vow_buf *b)
{
    if (!b->is_slice && b->home != NULL)
        vow__home_forget(b->home);
    return b;
}

void vow__see_counted(vow_value *v)
{
    const vow_type *type = v->type;
    if (type->kind == VOW__PARCEL)
        *v = ((const struct vow__parcel_type *)type)->open(v->as.p);
    else if (type == &buf_type)
        seen(v->as.p);
    else if (type == &vow__array_type)
        vow__see_array(v->as.p);
    else if (type->kind == VOW__HOMING)
        ((const struct vow__homing_type *)type)->seen(v->as.p);
}

uint8_t *vow_buf_bytes(vow_buf *b) { return vow__buf_bytes(b); }

size_t vow_buf_size(const vow_buf *b) { return vow__buf_size(b); }

vow_value vow_buf_value(vow_buf *b)
{
    if (b == NULL)
        return vow__fail_ready(ENOMEM);
    return (vow_value){.type = &buf_type, .as.p = b};
}

vow_buf *vow_buf_of(vow_value v) { return seen(vow_as(v, &buf_type)); }

const vow_type *vow_buf_type(void) { return &buf_type; }
