/* SPDX-License-Identifier: MIT */
#include "vow/type.h"

#include "base/mem.h"
#include "value/error.h"
#include "value/object.h"

struct box {
    size_t count;
    void *object;
    vow_destroy_fn *destroy; /* NULL: nothing to do */
};

static const vow_type box_type = {.size = sizeof(vow_type),
                                  .kind = VOW__COUNTED,
                                  .name = "box",
                                  .ref = vow_box_ref,
                                  .unref = vow_box_unref,
                                  .count = vow_box_count};

vow_value vow_box_of(const vow_type *type, void *object, vow_destroy_fn *destroy)
{
    struct box *box;

    vow__check_type("vow_box_of", type);
    if (object == NULL)
        return vow_none();
    box = vow__alloc(sizeof *box);
    if (box == NULL) {
        if (destroy != NULL)
            destroy(object);
        return vow__fail_ready(ENOMEM);
    }
    *box = (struct box){.count = 1, .object = object, .destroy = destroy};
    return (vow_value){.type = type, .as.p = box};
}

void *vow_box_object(void *box) { return ((struct box *)box)->object; }

void *vow_box_ref(void *box)
{
    ((struct box *)box)->count++;
    return box;
}

/* The object is destroyed at once, never later from a list: its function may rely on
 * memory that its caller frees next. */
void vow_box_unref(void *object)
{
    struct box *box = object, last;

    if (--box->count > 0)
        return;
    last = *box;
    vow__free(box);
    if (last.destroy != NULL)
        last.destroy(last.object);
}

size_t vow_box_count(const void *box) { return ((const struct box *)box)->count; }

vow_value vow_box(void *object, vow_destroy_fn *destroy)
{
    return vow_box_of(&box_type, object, destroy);
}

const vow_type *vow_box_type(void) { return &box_type; }

void *vow_unbox(vow_value v)
{
    if (VOW_UNLIKELY(v.type != &box_type))
        vow_wrong_type("vow_unbox", "box", v);
    return vow_box_object(v.as.p);
}
