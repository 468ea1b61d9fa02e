/* SPDX-License-Identifier: MIT
 *
 * lock.c - the model's locks, conditions and flags. A lock is a number of permits and a line of
 * those who wait for some; who waits is a source in a list, for a condition too. A permit is a
 * value that gives itself back.
 */
#include <errno.h>
#include <stdlib.h>

#include "inside.h"
#include "vow/error.h"

struct m_lock *m_lock_new(struct model *m, uint64_t permits)
{
    struct m_lock *l = calloc(1, sizeof *l);
    *l = (struct m_lock){.next = m->locks, .total = permits, .free = permits};
    m->locks = l;
    return l;
}

struct m_condition *m_condition_new(struct model *m)
{
    struct m_condition *c = calloc(1, sizeof *c);
    c->next = m->conditions;
    m->conditions = c;
    return c;
}

struct m_flag *m_flag_new(struct model *m)
{
    struct m_flag *f = calloc(1, sizeof *f);
    f->next = m->flags;
    m->flags = f;
    return f;
}

void m_free_locks(struct model *m)
{
    for (struct m_lock *l; (l = m->locks) != NULL; free(l)) {
        m->locks = l->next;
        free(l->waiters.at);
        free(l->closers.at);
    }
    for (struct m_condition *c; (c = m->conditions) != NULL; free(c)) {
        m->conditions = c->next;
        free(c->waiters.at);
    }
    for (struct m_flag *f; (f = m->flags) != NULL; free(f)) {
        m->flags = f->next;
        free(f->waiters.at);
    }
    for (struct m_use *use; (use = m->uses) != NULL; free(use))
        m->uses = use->next;
}

/* Waiting. */

static struct m_promise *wait_in(struct model *m, struct m_list *line, struct m_turn turn)
{
    struct m_promise *p = m_new(m);
    if (m_settled(p))
        return p;
    m->live++; /* vow has a line for who waits */
    p->stop = true;
    p->turn = turn;
    p->turn.line = line;
    m_push(line, p);
    return p;
}

/* p gets v and leaves. */
static void call(struct model *m, struct m_promise *p, struct m_value v)
{
    m->live--;
    m_remove(p->turn.line, p);
    p->turn.line = NULL;
    m_resolve(m, p, v);
}

static void call_all(struct model *m, struct m_list *line, struct m_value v)
{
    while (line->n > 0)
        call(m, line->at[0], m_keep(v));
    m_release(m, v);
}

/* Permits. */

static struct m_value grant(struct model *m, struct m_turn turn)
{
    struct m_value v = m_box(m, M_PERMIT, 0);
    v.object->turn = turn;
    turn.lock->free -= turn.permits;
    m->live++; /* vow's line for it */
    return v;
}

static void serve(struct model *m, struct m_lock *l)
{
    while (l->waiters.n > 0 && l->waiters.at[0]->turn.permits <= l->free) {
        struct m_promise *p = l->waiters.at[0];
        call(m, p, grant(m, p->turn));
    }
}

/* The next that nobody has dropped. */
void m_notify_next(struct model *m, struct m_condition *c)
{
    for (size_t i = 0; i < c->waiters.n; i++)
        if (m_is_wanted(c->waiters.at[i])) {
            m_notify(m, c, c->waiters.at[i]);
            return;
        }
}

/* Once; of a notification that nobody has heard of the next is told. */
void m_permit_back(struct model *m, struct m_object *permit)
{
    struct m_turn turn = permit->turn;
    struct m_lock *l = turn.lock;
    permit->turn = (struct m_turn){0};
    if (!l)
        return;
    l->free += turn.permits;
    serve(m, l);
    if (l->closed && l->free == l->total)
        call_all(m, &l->closers, m_none());
    if (turn.told_by)
        m_notify_next(m, turn.told_by);
}

/* p is stopped. Those behind it may be let in. */
void m_leave_line(struct model *m, struct m_promise *p)
{
    struct m_turn turn = p->turn;
    m->live--;
    m_remove(turn.line, p);
    p->turn.line = NULL;
    if (turn.lock && turn.line == &turn.lock->waiters)
        serve(m, turn.lock);
    if (turn.told_by)
        m_notify_next(m, turn.told_by);
}

/* Locks. */

static struct m_value closed(struct model *m) { return m_error(m, ESHUTDOWN); }

static bool passes(const struct m_lock *l, uint64_t permits)
{
    return l->waiters.n == 0 && permits <= l->free;
}

struct m_promise *m_acquire(struct model *m, struct m_lock *l, uint64_t permits)
{
    struct m_turn turn = {.lock = l, .permits = permits};
    if (l->closed)
        return m_resolved(m, closed(m));
    if (m->closing)
        return m_refuse(m, NULL, false, 0);
    if (passes(l, permits))
        return m_resolved(m, grant(m, turn));
    return wait_in(m, &l->waiters, turn);
}

struct m_value m_try(struct model *m, struct m_lock *l, uint64_t permits)
{
    if (l->closed || !passes(l, permits))
        return m_none();
    if (m->closing)
        return m_ready(m, VOW_ECLOSED);
    return grant(m, (struct m_turn){.lock = l, .permits = permits});
}

void m_lock_add(struct model *m, struct m_lock *l, uint64_t permits)
{
    l->total += permits;
    l->free += permits;
    serve(m, l);
}

void m_lock_free(struct model *m, struct m_lock *l)
{
    l->closed = true;
    while (l->waiters.n > 0)
        call(m, l->waiters.at[0], closed(m));
}

struct m_promise *m_lock_close(struct model *m, struct m_lock *l)
{
    m_lock_free(m, l);
    return l->free == l->total ? m_resolved(m, m_none())
                               : wait_in(m, &l->closers, (struct m_turn){0});
}

/* Conditions. */

/* Takes the permit, or none. */
struct m_promise *m_condition_wait(struct model *m, struct m_condition *c, struct m_value permit)
{
    struct m_turn turn = {0};
    if (permit.type == M_PERMIT)
        turn = permit.object->turn;
    turn.told_by = NULL;
    struct m_promise *p = m->closing ? m_refuse(m, NULL, false, 0) : wait_in(m, &c->waiters, turn);
    if (permit.type == M_PERMIT && !m->closing)
        m_permit_back(m, permit.object);
    m_release(m, permit);
    return p;
}

/* It goes on, or waits for its lock behind all others. */
void m_notify(struct model *m, struct m_condition *c, struct m_promise *p)
{
    struct m_lock *l = p->turn.lock;
    if (!l || l->closed) {
        struct m_value v = l ? closed(m) : m_parcel(m, m_none());
        if (!l)
            v.object->turn.told_by = c;
        call(m, p, v);
        return;
    }
    m_remove(&c->waiters, p);
    p->turn.line = &l->waiters;
    p->turn.told_by = c;
    m_push(&l->waiters, p);
    serve(m, l);
}

void m_condition_notify(struct model *m, struct m_condition *c, bool all)
{
    if (!all)
        m_notify_next(m, c);
    while (all && c->waiters.n > 0)
        m_notify(m, c, c->waiters.at[0]);
}

void m_condition_free(struct model *m, struct m_condition *c)
{
    while (c->waiters.n > 0)
        call(m, c->waiters.at[0], closed(m));
}

/* Flags. */

struct m_promise *m_flag_wait(struct model *m, struct m_flag *f)
{
    return f->set ? m_resolved(m, m_none()) : wait_in(m, &f->waiters, (struct m_turn){0});
}

void m_flag_set(struct model *m, struct m_flag *f, bool set)
{
    f->set = set;
    if (set)
        call_all(m, &f->waiters, m_none());
}

void m_flag_free(struct model *m, struct m_flag *f) { call_all(m, &f->waiters, closed(m)); }

/* Using: a step that keeps what it gets until all that comes of it has ended. */

struct m_promise *m_using(struct model *m, struct m_promise *p, uint32_t who, bool destroy)
{
    struct m_promise *c = m_derive(m, p, M_THEN);
    if (!c)
        return m_refuse(m, p, destroy, who);
    struct m_use *use = calloc(1, sizeof *use);
    *use = (struct m_use){.next = m->uses, .who = who, .destroy = destroy, .held = m_none()};
    m->uses = use;
    c->who = who;
    c->role = M_ON_VALUE;
    c->use = use;
    struct m_promise *end = m_derive(m, c, M_ATTACH);
    end->use = use;
    return end;
}

void m_end_use(struct model *m, struct m_use *use)
{
    if (use->destroy)
        m->host.destroyed(m->host.self, use->who);
    m_release(m, use->held);
}
