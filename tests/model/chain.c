/* SPDX-License-Identifier: MIT
 *
 * chain.c - the model's builders of chains.
 */
#include "inside.h"

/* The destroy of a _with form belongs to a promise of its own, behind the step. */
static struct m_promise *with_destroy(struct model *m, struct m_promise *c, uint32_t who,
                                      bool destroy)
{
    return destroy ? m_attach(m, c, who) : c;
}

struct m_promise *m_then(struct model *m, struct m_promise *p, enum m_role role, uint32_t who,
                         bool destroy)
{
    enum m_kind kind = role == M_ON_ANY ? M_HANDLE : role == M_ON_FINALLY ? M_FINALLY : M_THEN;
    struct m_promise *c = m_derive(m, p, kind);
    if (!c)
        return m_refuse(m, p, destroy, who);
    c->who = who;
    c->role = role;
    return with_destroy(m, c, who, destroy);
}

bool m_can_attach(const struct model *m, const struct m_promise *p)
{
    return p == m->no_loop || (p->handles == 1 && p->consumers.n == 0 && p->late == 0);
}

struct m_promise *m_attach(struct model *m, struct m_promise *p, uint32_t who)
{
    struct m_promise *c = p == m->no_loop ? NULL : m_derive(m, p, M_ATTACH);
    if (!c)
        return m_refuse(m, p, true, who);
    c->who = who;
    return c;
}

struct m_promise *m_context(struct model *m, struct m_promise *p)
{
    struct m_promise *c = m_derive(m, p, M_CONTEXT);
    if (!c)
        return m_refuse(m, p, false, 0);
    c->value = m_error(m, 0);
    return c;
}

struct m_promise *m_shield(struct model *m, struct m_promise *p)
{
    if (m_settled(p))
        return p;
    struct m_promise *keeper = m_make(m, M_KEEPER), *shield = m_make(m, M_SHIELD);
    if (!keeper || !shield)
        return m_refuse(m, p, false, 0);
    keeper->handles = 0;
    keeper->kept = true;
    keeper->shield = shield;
    shield->keeper = keeper;
    m_wait_for(m, shield, p);
    m_wait_for(m, keeper, p);
    p->handles--;
    return shield;
}

/* Refused, what would run on may use the data. */
void m_detach(struct model *m, struct m_promise *p, bool on_error, uint32_t who, bool destroy)
{
    struct m_promise *c = m_derive(m, p, M_DETACH);
    if (c) {
        c->handles = 0;
        c->kept = true;
        c->role = on_error ? M_ON_ERROR : M_ON_ANY;
        c->who = who;
        c->destroy = destroy;
    } else if (destroy) {
        m_unref(m, m_refuse(m, p, true, who));
    } else {
        p->kept = p->kept || !m_settled(p);
        m_unref(m, p);
    }
}
