/* SPDX-License-Identifier: MIT */
#include "sync/flight.h"

#include <string.h>

#include "base/mem.h"
#include "value/value.h"

/* Lives until the call has ended and all who wait have gone. */
struct vow__flight {
    size_t refs, waiting;
    struct vow__slot *slot; /* NULL: nobody joins it any more */
    vow_promise *p;         /* the call's outcome; NULL when it has ended */
    struct vow__call call;
    char key[];
};

static void unref_flight(struct vow__flight *f)
{
    if (--f->refs == 0)
        vow__free(f);
}

static void leave_slot(struct vow__flight *f, bool fulfilled)
{
    struct vow__slot *slot = f->slot;
    f->slot = NULL;
    if (!slot)
        return;
    slot->flight = NULL;
    if (slot->landed)
        slot->landed(slot, fulfilled);
}

static vow_value call(vow_value v, void *data)
{
    struct vow__flight *f = data;
    (void)v;
    return f->call.step ? f->call.step(f->call.data) : f->call.load(f->key, f->call.data);
}

/* Before those who wait see it: the slot is right when their handlers run. */
static vow_value ended(vow_value v, void *data)
{
    struct vow__flight *f = data;
    bool fulfilled = !vow__has_kind(v, VOW__ERROR);
    if (f->slot && fulfilled) {
        f->slot->value = vow_keep(v);
        f->slot->filled = true;
    }
    leave_slot(f, fulfilled);
    f->p = vow_unref(f->p);
    return VOW_SAME;
}

static void destroy_data(struct vow__call *c)
{
    if (c->destroy)
        c->destroy(c->data);
}

static void end_call(void *data)
{
    struct vow__flight *f = data;
    destroy_data(&f->call);
    unref_flight(f);
}

static void one_gone(void *data)
{
    struct vow__flight *f = data;
    if (--f->waiting == 0 && f->p) {
        leave_slot(f, false);
        if (f->p)
            vow_cancel(f->p);
    }
    unref_flight(f);
}

static vow_promise *join(struct vow__flight *f, const char *where)
{
    f->refs++;
    f->waiting++;
    return vow_then_catch_at(vow_ref(f->p), NULL, NULL, f, one_gone, where);
}

static struct vow__flight *new_flight(struct vow__slot *slot, struct vow__call c, const char *where)
{
    size_t size = c.key ? strlen(c.key) + 1 : 0;
    struct vow__flight *f = vow__alloc_zeroed(sizeof *f + size);
    if (!f)
        return NULL;
    if (size)
        memcpy(f->key, c.key, size);
    f->call = c;
    f->refs = 2; /* the caller's, and the call's */
    vow_promise *p =
        vow_then_at(vow_resolved_at(slot->loop, vow_none(), where), call, f, NULL, where);
    p = vow_handle_at(p, ended, f, end_call, where);
    f->p = p;
    return f;
}

vow_promise *vow__slot_get(struct vow__slot *slot, struct vow__call c, const char *where)
{
    vow__check_loop(slot->loop, "vow_once_run or vow_cache_get");
    vow_promise *there = slot->filled   ? vow_resolved_at(slot->loop, vow_keep(slot->value), where)
                         : slot->flight ? join(slot->flight, where)
                                        : NULL;
    if (there) {
        destroy_data(&c);
        return there;
    }
    struct vow__flight *f = new_flight(slot, c, where);
    if (!f)
        return vow__refuse(slot->loop, NULL, c.data, c.destroy);
    vow_promise *p;
    if (vow__settled(f->p)) { /* refused */
        p = f->p;
        f->p = NULL;
    } else {
        f->slot = slot;
        slot->flight = f;
        p = join(f, where);
    }
    unref_flight(f);
    return p;
}

void vow__slot_clear(struct vow__slot *slot)
{
    vow_value value = slot->value;
    if (slot->flight)
        slot->flight->slot = NULL;
    slot->flight = NULL;
    slot->value = vow_none();
    slot->filled = false;
    vow__release(value);
}

/* Once: nothing but a slot. */

struct vow_once {
    struct vow__slot slot;
};

vow_once *vow_once_new(vow_loop *loop)
{
    vow__check_loop(loop, "vow_once_new");
    vow_once *once = vow__alloc_zeroed(sizeof *once);
    if (once)
        once->slot.loop = loop;
    return once;
}

vow_once *vow_once_free(vow_once *once)
{
    if (once)
        vow__slot_clear(&once->slot);
    vow__free(once);
    return NULL;
}

vow_promise *vow_once_run_at(vow_once *once, vow_step_fn *fn, void *data, vow_destroy_fn *destroy,
                             const char *where)
{
    return vow__slot_get(&once->slot, (struct vow__call){fn, NULL, data, destroy, NULL}, where);
}
