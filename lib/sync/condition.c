/* SPDX-License-Identifier: MIT
 *
 * sync/condition.c - conditions and flags. A waiter of a condition whose permit is to come
 * back knows its gate (value.as.p), and when it is notified and moves over to the gate's
 * queue, its condition: whoever ends there unseen passes the notification on. One without a
 * permit is told in a parcel, for the same. All are references.
 */
#include <stddef.h>

#include "base/mem.h"
#include "scope/parcel.h"
#include "sync/gate.h"
#include "value/error.h"

struct vow_condition {
    struct vow__queue waiters; /* first: found by the queue */
    struct vow__parcel_home home;
    vow_loop *loop;
    size_t refs;
};

static void left(struct vow__queue *queue, struct vow__waiter *w)
{
    (void)queue;
    if (w->value.as.p)
        vow__gate_unref(w->value.as.p);
}

void vow__condition_unref(vow_condition *c)
{
    if (--c->refs == 0)
        vow__free(c);
}

static vow_condition *of_home(struct vow__parcel_home *home)
{
    return (vow_condition *)((char *)home - offsetof(vow_condition, home));
}

static void told(struct vow__parcel_home *home) { vow__condition_unref(of_home(home)); }

static void not_told(struct vow__parcel_home *home, struct vow__parcel *parcel)
{
    vow__release(vow__parcel_open(parcel));
    vow__condition_pass_on(of_home(home));
}

vow_condition *vow_condition_new(vow_loop *loop)
{
    vow__check_loop(loop, "vow_condition_new");
    vow_condition *c = vow__alloc_zeroed(sizeof *c);
    if (!c)
        return NULL;
    c->waiters.left = left;
    c->home = (struct vow__parcel_home){told, not_told};
    c->loop = loop;
    c->refs = 1;
    return c;
}

/* The waiter goes on with this, without having been notified. */
static void send_away(struct vow__waiter *w, vow_value v)
{
    struct vow__gate *gate = w->value.as.p;
    vow__waiter_call(w, v);
    if (gate)
        vow__gate_unref(gate);
}

vow_condition *vow_condition_free(vow_condition *c)
{
    if (!c)
        return NULL;
    while (c->waiters.first)
        send_away(c->waiters.first,
                  vow_fail_at(NULL, vow_errno_domain(), ESHUTDOWN, "the condition was closed"));
    vow__condition_unref(c);
    return NULL;
}

static void notify(vow_condition *c, struct vow__waiter *w)
{
    struct vow__gate *gate = w->value.as.p;
    if (!gate) {
        vow_resolver *r = vow__waiter_take(w);
        c->refs++;
        vow_resolve(r, vow__parcel_send(&c->home, w, vow_none(), 0));
        return;
    }
    if (gate->closed) {
        send_away(w, vow__gate_closed(gate, NULL));
        return;
    }
    c->refs++;
    w->value.as.p = c;
    vow__waiter_move(w, &gate->waiters);
    vow__gate_serve(gate);
    vow__gate_unref(gate);
}

static void notify_next(vow_condition *c)
{
    struct vow__waiter *w = vow__first_wanted(&c->waiters);
    if (w)
        notify(c, w);
}

void vow_condition_notify(vow_condition *c)
{
    vow__check_loop(c->loop, "vow_condition_notify");
    notify_next(c);
}

void vow_condition_notify_all(vow_condition *c)
{
    vow__check_loop(c->loop, "vow_condition_notify_all");
    while (c->waiters.first)
        notify(c, c->waiters.first);
}

void vow__condition_pass_on(vow_condition *c)
{
    notify_next(c);
    vow__condition_unref(c);
}

vow_promise *vow_condition_wait_at(vow_condition *c, vow_permit *permit, const char *where)
{
    vow__check_loop(c->loop, "vow_condition_wait");
    struct vow__waiter *w = vow__waiter_new(c->loop, where);
    if (!w) {
        vow_permit_unref(permit);
        return vow__refuse(c->loop, NULL, NULL, NULL);
    }
    if (permit) {
        VOW_CHECK(permit->gate, "vow_condition_wait at %s: the permit was released", where);
        permit->gate->refs++;
        w->value.as.p = permit->gate;
        w->n = permit->n;
    }
    struct vow__gate *gate = w->value.as.p;
    vow_promise *p = vow__wait_in(&c->waiters, w, where);
    if (gate && vow__settled(p))
        vow__gate_unref(gate); /* refused */
    if (permit)
        vow_permit_release(permit);
    vow_permit_unref(permit);
    return p;
}

/* Flags. */

struct vow_flag {
    struct vow__queue waiters;
    vow_loop *loop;
    bool set;
};

vow_flag *vow_flag_new(vow_loop *loop)
{
    vow__check_loop(loop, "vow_flag_new");
    vow_flag *f = vow__alloc_zeroed(sizeof *f);
    if (f)
        f->loop = loop;
    return f;
}

vow_flag *vow_flag_free(vow_flag *f)
{
    if (!f)
        return NULL;
    vow__waiters_call_all(
        &f->waiters, vow_fail_at(NULL, vow_errno_domain(), ESHUTDOWN, "the flag was freed unset"));
    vow__free(f);
    return NULL;
}

vow_promise *vow_flag_wait_at(vow_flag *f, const char *where)
{
    vow__check_loop(f->loop, "vow_flag_wait");
    return f->set ? vow_resolved_at(f->loop, vow_none(), where)
                  : vow__wait_for_turn(f->loop, &f->waiters, where);
}

void vow_flag_set(vow_flag *f)
{
    vow__check_loop(f->loop, "vow_flag_set");
    f->set = true;
    vow__waiters_call_all(&f->waiters, vow_none());
}

void vow_flag_clear(vow_flag *f)
{
    vow__check_loop(f->loop, "vow_flag_clear");
    f->set = false;
}

bool vow_flag_is_set(const vow_flag *f) { return f->set; }
