/* SPDX-License-Identifier: MIT
 *
 * side_model_locks.c - the model's locks, conditions and flags as a side of the world has them.
 */
#include "side_model.h"

enum { ALL = 1 << 30 };

static void *lock(struct world *w, enum lock_kind kind, uint64_t permits)
{
    return m_lock_new(w->loop, kind == RWLOCK ? ALL : kind == MUTEX ? 1 : permits);
}
static uint64_t wanted(const struct lock *l, unsigned n)
{
    return l->kind == RWLOCK ? (n % 2 ? ALL : 1) : l->kind == MUTEX ? 1 : n;
}
static void *acquire(struct world *w, struct lock *l, unsigned n)
{
    return place_source(m_acquire(w->loop, l->l, wanted(l, n)));
}
static union any try_acquire(struct world *w, struct lock *l, unsigned n)
{
    struct m_value v = l->kind == RWLOCK ? m_none() : m_try(w->loop, l->l, wanted(l, n));
    return (union any){.model = v};
}
static void free_lock(struct world *w, struct lock *l) { m_lock_free(w->loop, l->l); }
static void add(struct world *w, void *l, unsigned n) { m_lock_add(w->loop, l, n); }
static void *close_lock(struct world *w, void *l) { return place_source(m_lock_close(w->loop, l)); }
static uint64_t available(void *l) { return ((struct m_lock *)l)->free; }

static bool has_permit(const struct world *w, void *p)
{
    struct m_value *v = &((struct m_promise *)p)->value;
    if (!m_settled(p))
        return false;
    m_see(w->loop, v);
    return v->type == M_PERMIT && v->object->turn.lock != NULL;
}
static void release(struct world *w, void *p)
{
    m_permit_back(w->loop, ((struct m_promise *)p)->value.object);
}

static void *condition(struct world *w) { return m_condition_new(w->loop); }
static void *wait_for(struct world *w, void *c, void *p)
{
    struct m_value permit = m_none();
    if (p) {
        permit = m_keep(((struct m_promise *)p)->value);
        m_unref(w->loop, p);
    }
    return place_source(m_condition_wait(w->loop, c, permit));
}
static void notify(struct world *w, void *c, bool all) { m_condition_notify(w->loop, c, all); }
static void free_condition(struct world *w, void *c) { m_condition_free(w->loop, c); }

static void *flag(struct world *w) { return m_flag_new(w->loop); }
static void *wait_flag(struct world *w, void *f) { return place_source(m_flag_wait(w->loop, f)); }
static void set_flag(struct world *w, void *f, bool set) { m_flag_set(w->loop, f, set); }
static void free_flag(struct world *w, void *f) { m_flag_free(w->loop, f); }

static void *using(struct world *w, void *p, uint32_t who, bool destroy)
{
    return m_using(w->loop, p, who, destroy);
}

const struct side_locks model_locks = {
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
