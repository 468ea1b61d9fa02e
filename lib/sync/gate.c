/* SPDX-License-Identifier: MIT */
#include "sync/gate.h"

#include "base/mem.h"
#include "value/error.h"

static const struct vow__homing_type permit_type;

static vow_value permit_value(struct vow_permit *permit)
{
    return (vow_value){.type = &permit_type.type, .as.p = permit};
}

/* The line of a waiter that is in no queue any more, or never was. */
static vow_value grant(struct vow__gate *gate, struct vow__waiter *w)
{
    uint64_t n = w->n;
    vow_condition *told_by = w->value.as.p;
    struct vow_permit *permit = (void *)w;
    gate->free -= n;
    gate->refs++;
    permit->gate = gate;
    permit->n = n;
    permit->refs = 1;
    permit->told_by = told_by;
    return permit_value(permit);
}

void vow__gate_serve(struct vow__gate *gate)
{
    struct vow__waiter *w;
    while ((w = gate->waiters.first) != NULL && w->n <= gate->free) {
        vow_resolver *r = vow__waiter_take(w);
        vow_resolve(r, grant(gate, w));
    }
}

static void left(struct vow__queue *queue, struct vow__waiter *w)
{
    vow_condition *told_by = w->value.as.p;
    vow__gate_serve((struct vow__gate *)queue);
    if (told_by)
        vow__condition_pass_on(told_by);
}

vow_value vow__gate_closed(const struct vow__gate *gate, const char *where)
{
    return vow_fail_at(where, vow_errno_domain(), ESHUTDOWN, "the %s was closed", gate->name);
}

static bool passes(const struct vow__gate *gate, uint64_t n)
{
    return !gate->waiters.first && n <= gate->free;
}

vow_promise *vow__gate_acquire(struct vow__gate *gate, uint64_t n, const char *where)
{
    vow_loop *loop = gate->loop;
    vow__check_loop(loop, gate->name);
    if (VOW_UNLIKELY(gate->closed))
        return vow_resolved_at(loop, vow__gate_closed(gate, where), where);
    struct vow__waiter *w = vow__waiter_new(loop, where);
    if (VOW_UNLIKELY(!w))
        return vow__refuse(loop, NULL, NULL, NULL);
    w->n = n;
    if (passes(gate, n))
        return vow_resolved_at(loop, grant(gate, w), where);
    return vow__wait_in(&gate->waiters, w, where);
}

vow_value vow__gate_try(struct vow__gate *gate, uint64_t n)
{
    vow__check_loop(gate->loop, gate->name);
    if (gate->closed || !passes(gate, n))
        return vow_none();
    struct vow__waiter *w = vow__waiter_new(gate->loop, NULL);
    if (!w)
        return vow__fail_ready(gate->loop->closing ? VOW_ECLOSED : ENOMEM);
    w->n = n;
    return grant(gate, w);
}

struct vow__gate *vow__gate_new(vow_loop *loop, uint64_t total, const char *name)
{
    vow__check_loop(loop, name);
    struct vow__gate *gate = vow__alloc_zeroed(sizeof *gate);
    if (!gate)
        return NULL;
    gate->loop = loop;
    gate->refs = 1;
    gate->total = gate->free = total;
    gate->waiters.left = left;
    gate->name = name;
    return gate;
}

void vow__gate_unref(struct vow__gate *gate)
{
    if (--gate->refs == 0)
        vow__free(gate);
}

/* Those whom a condition has sent here are not to pass on what they were told: all are told. */
static void close_gate(struct vow__gate *gate, const char *where)
{
    struct vow__waiter *w;
    gate->closed = true;
    while ((w = gate->waiters.first) != NULL) {
        vow_condition *told_by = w->value.as.p;
        vow__waiter_call(w, vow__gate_closed(gate, where));
        if (told_by)
            vow__condition_unref(told_by);
    }
}

void vow__gate_free(struct vow__gate *gate)
{
    if (!gate)
        return;
    close_gate(gate, NULL);
    vow__gate_unref(gate);
}

/* Permits. */

static void give_back(struct vow_permit *permit)
{
    struct vow__gate *gate = permit->gate;
    vow_condition *told_by = permit->told_by;
    permit->gate = NULL;
    permit->told_by = NULL;
    if (!gate)
        return;
    gate->free += permit->n;
    vow__gate_serve(gate);
    if (gate->closed && gate->free == gate->total)
        vow__waiters_call_all(&gate->closers, vow_none());
    if (told_by)
        vow__condition_pass_on(told_by);
    vow__gate_unref(gate);
}

vow_permit *vow_permit_ref(vow_permit *permit)
{
    permit->refs++;
    return permit;
}

vow_permit *vow_permit_unref(vow_permit *permit)
{
    if (!permit)
        return NULL;
    vow_loop *loop = vow__loop_of((vow_promise *)(void *)permit);
    vow__check_loop(loop, "giving a permit back");
    if (--permit->refs > 0)
        return NULL;
    give_back(permit);
    vow__give(loop, (vow_promise *)(void *)permit);
    return NULL;
}

static void *ref_permit(void *permit) { return vow_permit_ref(permit); }
static void unref_permit(void *permit) { vow_permit_unref(permit); }
static size_t count_permit(const void *permit) { return ((const vow_permit *)permit)->refs; }

/* Whoever gets it has been told: the notification is not passed on any more. */
static void seen_permit(void *object)
{
    struct vow_permit *permit = object;
    vow_condition *told_by = permit->told_by;
    permit->told_by = NULL;
    if (told_by)
        vow__condition_unref(told_by);
}

static const struct vow__homing_type permit_type = {.type = {.size = sizeof(vow_type),
                                                             .kind = VOW__HOMING,
                                                             .name = "permit",
                                                             .ref = ref_permit,
                                                             .unref = unref_permit,
                                                             .count = count_permit},
                                                    .seen = seen_permit};

const vow_type *vow_permit_type(void) { return &permit_type.type; }
vow_permit *vow_permit_of(vow_value v) { return vow_as(v, &permit_type.type); }

void vow_permit_release(vow_permit *permit)
{
    vow__check_loop(vow__loop_of((vow_promise *)(void *)permit), "vow_permit_release");
    give_back(permit);
}

/* The locks. */

struct vow_semaphore {
    struct vow__gate gate;
};
struct vow_mutex {
    struct vow__gate gate;
};
struct vow_rwlock {
    struct vow__gate gate;
};
enum { ALL = 1 << 30 }; /* what a writer takes: more than there can be readers */

vow_semaphore *vow_semaphore_new(vow_loop *loop, uint64_t permits)
{
    return (vow_semaphore *)vow__gate_new(loop, permits, "semaphore");
}

vow_semaphore *vow_semaphore_free(vow_semaphore *s)
{
    vow__gate_free((struct vow__gate *)s);
    return NULL;
}

vow_promise *vow_semaphore_acquire_at(vow_semaphore *s, uint64_t n, const char *where)
{
    return vow__gate_acquire(&s->gate, n, where);
}

vow_value vow_semaphore_try(vow_semaphore *s, uint64_t n) { return vow__gate_try(&s->gate, n); }

void vow_semaphore_add(vow_semaphore *s, uint64_t n)
{
    vow__check_loop(s->gate.loop, "vow_semaphore_add");
    s->gate.total += n;
    s->gate.free += n;
    vow__gate_serve(&s->gate);
}

vow_promise *vow_semaphore_close_at(vow_semaphore *s, const char *where)
{
    struct vow__gate *gate = &s->gate;
    vow__check_loop(gate->loop, "vow_semaphore_close");
    close_gate(gate, where);
    return gate->free == gate->total ? vow_resolved_at(gate->loop, vow_none(), where)
                                     : vow__wait_for_turn(gate->loop, &gate->closers, where);
}

uint64_t vow_semaphore_available(const vow_semaphore *s) { return s->gate.free; }

vow_mutex *vow_mutex_new(vow_loop *loop) { return (vow_mutex *)vow__gate_new(loop, 1, "mutex"); }

vow_mutex *vow_mutex_free(vow_mutex *m)
{
    vow__gate_free((struct vow__gate *)m);
    return NULL;
}

vow_promise *vow_mutex_lock_at(vow_mutex *m, const char *where)
{
    return vow__gate_acquire(&m->gate, 1, where);
}

vow_value vow_mutex_try(vow_mutex *m) { return vow__gate_try(&m->gate, 1); }

vow_rwlock *vow_rwlock_new(vow_loop *loop)
{
    return (vow_rwlock *)vow__gate_new(loop, ALL, "read-write lock");
}

vow_rwlock *vow_rwlock_free(vow_rwlock *l)
{
    vow__gate_free((struct vow__gate *)l);
    return NULL;
}

vow_promise *vow_rwlock_acquire_at(vow_rwlock *l, bool write, const char *where)
{
    return vow__gate_acquire(&l->gate, write ? ALL : 1, where);
}
