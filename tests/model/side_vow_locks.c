/* SPDX-License-Identifier: MIT
 *
 * side_vow_locks.c - vow's locks, conditions and flags as a side of the world has them.
 */
#include "side_vow.h"
#include "sync/gate.h"

static void *lock(struct world *w, enum lock_kind kind, uint64_t permits)
{
    return kind == SEMAPHORE ? (void *)vow_semaphore_new(w->loop, permits)
           : kind == MUTEX   ? (void *)vow_mutex_new(w->loop)
                             : (void *)vow_rwlock_new(w->loop);
}
static void *remembered(vow_promise *p)
{
    remember_source(p);
    return p;
}
static void *acquire(struct world *w, struct lock *l, unsigned n)
{
    (void)w;
    return remembered(l->kind == SEMAPHORE ? vow_semaphore_acquire(l->l, n)
                      : l->kind == MUTEX   ? vow_mutex_lock(l->l)
                      : n % 2              ? vow_rwlock_write(l->l)
                                           : vow_rwlock_read(l->l));
}
static union any try_acquire(struct world *w, struct lock *l, unsigned n)
{
    (void)w;
    return (union any){.vow = l->kind == SEMAPHORE ? vow_semaphore_try(l->l, n)
                              : l->kind == MUTEX   ? vow_mutex_try(l->l)
                                                   : vow_none()};
}
static void free_lock(struct world *w, struct lock *l)
{
    (void)w;
    if (l->kind == SEMAPHORE)
        vow_semaphore_free(l->l);
    else if (l->kind == MUTEX)
        vow_mutex_free(l->l);
    else
        vow_rwlock_free(l->l);
}
static void add(struct world *w, void *l, unsigned n)
{
    (void)w;
    vow_semaphore_add(l, n);
}
static void *close_lock(struct world *w, void *l)
{
    (void)w;
    return remembered(vow_semaphore_close(l));
}
static uint64_t available(void *l) { return vow_semaphore_available(l); }

static vow_permit *permit_in(void *p)
{
    vow_value v = vow_peek(p);
    return vow_is(v, vow_permit_type()) ? vow_permit_of(v) : NULL;
}
static bool has_permit(const struct world *w, void *p)
{
    (void)w;
    return permit_in(p) && permit_in(p)->gate;
}
static void release(struct world *w, void *p)
{
    (void)w;
    vow_permit_release(permit_in(p));
}

static void *condition(struct world *w) { return vow_condition_new(w->loop); }
static void *wait_for(struct world *w, void *c, void *p)
{
    (void)w;
    vow_permit *permit = p ? vow_permit_ref(permit_in(p)) : NULL;
    vow_unref(p);
    return remembered(vow_condition_wait(c, permit));
}
static void notify(struct world *w, void *c, bool all)
{
    (void)w;
    if (all)
        vow_condition_notify_all(c);
    else
        vow_condition_notify(c);
}
static void free_condition(struct world *w, void *c)
{
    (void)w;
    vow_condition_free(c);
}

static void *flag(struct world *w) { return vow_flag_new(w->loop); }
static void *wait_flag(struct world *w, void *f)
{
    (void)w;
    return remembered(vow_flag_wait(f));
}
static void set_flag(struct world *w, void *f, bool set)
{
    (void)w;
    if (set)
        vow_flag_set(f);
    else
        vow_flag_clear(f);
}
static void free_flag(struct world *w, void *f)
{
    (void)w;
    vow_flag_free(f);
}

static vow_value on_use(vow_value v, void *data)
{
    return world_call(here, M_ON_VALUE, as_who(data), (union any){.vow = v}).vow;
}
static void *using(struct world *w, void *p, uint32_t who, bool destroy)
{
    (void)w;
    if (destroy)
        return vow_using_with(p, on_use, as_data(who), destroyed);
    return vow_using(p, on_use, as_data(who));
}

const struct side_locks vow_locks = {
    .lock = lock,
    .acquire = acquire,
    .try_acquire = try_acquire,
    .free_lock = free_lock,
    .add = add,
    .close = close_lock,
    .available = available,
    .has_permit = has_permit,
    .release = release,
    .condition = condition,
    .wait = wait_for,
    .notify = notify,
    .free_condition = free_condition,
    .flag = flag,
    .wait_flag = wait_flag,
    .set_flag = set_flag,
    .free_flag = free_flag,
    .using = using,
};
