/* SPDX-License-Identifier: MIT
 *
 * join.c - who waits in the model for a scope to be empty, and how long one lasts.
 */
#include <errno.h>

#include "inside.h"
#include "vow/error.h"

/* Joining. */

static bool quiet(const struct model *m, const struct m_scope *s)
{
    if (s->freed)
        return true;
    if (s->children->elements.n > 0 || s->start_count > 0)
        return false;
    for (const struct m_scope *inner = m->scopes; inner; inner = inner->next)
        if (inner->parent == s && !quiet(m, inner))
            return false;
    return true;
}

static struct m_value outcome(struct m_scope *s)
{
    s->told = s->told || m_is_error(s->error);
    return m_keep(s->error);
}

static struct m_promise *when_quiet(struct model *m, struct m_scope *s)
{
    struct m_promise *p = m_new(m);
    if (m_settled(p))
        return p;
    m->live++; /* vow has a line for who waits */
    p->stop = true;
    p->scope = s;
    m_push(&s->joiners, p);
    return p;
}

void m_leave_joiners(struct model *m, struct m_promise *p)
{
    m->live--;
    m_remove(&p->scope->joiners, p);
}

void m_call_joiners(struct model *m, struct m_scope *s, struct m_value v)
{
    while (s->joiners.n > 0) {
        struct m_promise *p = s->joiners.at[0];
        m_leave_joiners(m, p);
        m_resolve(m, p, m_keep(v));
    }
    m_release(m, v);
}

/* May those who wait for it be told, and for what is around it? */
void m_scope_look(struct model *m, struct m_scope *s)
{
    for (; s; s = s->parent)
        if (s->joiners.n > 0 && quiet(m, s))
            m_call_joiners(m, s, outcome(s));
}

/* A step behind p whose code is here, not the host's. */
struct m_promise *m_scope_step(struct model *m, struct m_scope *s, struct m_promise *p,
                               enum m_kind kind, enum m_step step)
{
    struct m_promise *c = m_derive(m, p, kind);
    if (!c)
        return m_refuse(m, p, false, 0);
    c->role = step == M_EXPIRE ? M_ON_VALUE : M_ON_ERROR;
    c->scope = s;
    c->step = step;
    return c;
}

/* That, with a reference of the scope. */
static struct m_promise *keeping_step(struct model *m, struct m_scope *s, struct m_promise *p,
                                      enum m_kind kind, enum m_step step)
{
    struct m_promise *c = m_scope_step(m, s, p, kind, step);
    if (c == m->no_loop)
        return c;
    s->refs++;
    return m_scope_step(m, s, c, M_ATTACH, M_HOSTS);
}

struct m_promise *m_scope_join(struct model *m, struct m_scope *s)
{
    if (quiet(m, s))
        return m_resolved(m, outcome(s));
    return keeping_step(m, s, when_quiet(m, s), M_THEN, M_JOIN_FAILED);
}

/* A join that was cancelled has cancelled the scope, and has ended when that has. */
static struct m_value join_failed(struct model *m, struct m_scope *s, struct m_value error)
{
    if (!m_is_cancel(error) || quiet(m, s))
        return (struct m_value){.type = M_SAME};
    m_scope_end(m, s, m_ready(m, ECANCELED));
    struct m_promise *p = m_resolved(m, m_keep(error));
    return m_promise_value(keeping_step(m, s, p, M_FINALLY, M_FINISH_JOIN));
}

static struct m_value finish_join(struct model *m, struct m_scope *s)
{
    if (quiet(m, s))
        return m_none();
    return m_promise_value(m_scope_step(m, s, when_quiet(m, s), M_THEN, M_ABSORB));
}

static struct m_value expire(struct model *m, struct m_scope *s)
{
    struct m_value why = s->timed_out;
    s->timed_out = m_none();
    m_scope_end(m, s, why);
    return m_none();
}

struct m_value m_step(struct model *m, struct m_promise *c, struct m_value in)
{
    switch (c->step) {
    case M_JOIN_FAILED:
        return join_failed(m, c->scope, in);
    case M_FINISH_JOIN:
        return finish_join(m, c->scope);
    case M_EXPIRE:
        return expire(m, c->scope);
    default:
        return m_none();
    }
}

/* 0, or why there is no deadline now. */
int m_scope_deadline(struct model *m, struct m_scope *s, uint64_t ms)
{
    if (s->over)
        return 0;
    struct m_promise *before = s->deadline;
    s->deadline = NULL;
    if (before)
        m_unref(m, before);
    m_release(m, s->timed_out);
    s->timed_out = m_error(m, ETIMEDOUT);
    struct m_promise *p = m_delay(m, ms);
    if (!m_settled(p)) {
        s->deadline = m_scope_step(m, s, p, M_THEN, M_EXPIRE);
        return 0;
    }
    m_unref(m, p);
    return VOW_ECLOSED;
}
