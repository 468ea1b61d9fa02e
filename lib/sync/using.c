/* SPDX-License-Identifier: MIT
 *
 * sync/using.c - a value that is kept until its use has ended.
 */
#include "base/mem.h"
#include "core/loop.h"
#include "value/value.h"
#include "vow/sync.h"

struct use {
    vow_then_fn *fn;
    void *data;
    vow_destroy_fn *destroy;
    vow_value held; /* when fn has been called */
};

static void end_use(void *data)
{
    struct use *use = data;
    vow_value held = use->held;
    if (use->destroy)
        use->destroy(use->data);
    vow__free(use);
    vow__release(held);
}

static vow_value call(vow_value v, void *data)
{
    struct use *use = data;
    use->held = vow_keep(v);
    return use->fn(v, use->data);
}

vow_promise *vow_using_at(vow_promise *p, vow_then_fn *fn, void *data, vow_destroy_fn *destroy,
                          const char *where)
{
    vow_loop *loop = vow__check(p, "vow_using");
    struct use *use = vow__alloc_zeroed(sizeof *use);
    if (!use)
        return vow__refuse(loop, p, data, destroy);
    use->fn = fn;
    use->data = data;
    use->destroy = destroy;
    return vow_then_at(p, call, use, end_use, where);
}
