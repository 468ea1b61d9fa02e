/* SPDX-License-Identifier: MIT
 *
 * tie.c - promises of the model that end with a scope or an owner: races of one, in a list.
 */
#include <errno.h>
#include <stdlib.h>

#include "inside.h"

struct m_promise *m_tie(struct model *m, struct m_list *ties, struct m_promise *p)
{
    struct m_promise *c = m_make(m, M_COMBINE);
    if (!c)
        return m_refuse(m, p, false, 0);
    m->live++; /* vow has a line for its place in the list */
    c->policy = M_RACE;
    c->state = m_none();
    c->ties = ties;
    m_push(ties, c);
    m_add_input(m, c, p, 0);
    return c;
}

static void drop_input(struct model *m, struct m_promise *c, struct m_value error)
{
    c->busy = true;
    m_set_result(m, c, error);
    while (c->elements.n > 0)
        m_let_go(m, c, c->elements.at[0]);
    c->busy = false;
    if (m_wanted(c))
        m_deliver(m, c);
    else
        m_drop(m, c);
}

/* The newest first, which nothing promises. */
void m_end_ties(struct model *m, struct m_list *ties, struct m_value error, bool drop)
{
    while (ties->n > 0) {
        struct m_promise *c = ties->at[ties->n - 1];
        c->as_cause = !drop;
        if (c->dead) /* it is being dropped already */
            m_set_result(m, c, m_keep(error));
        else if (drop)
            drop_input(m, c, m_keep(error));
        else
            m_decide(m, c, m_keep(error));
    }
}

struct m_promise *m_within(struct model *m, struct m_scope *s, struct m_promise *p)
{
    struct m_promise *c = m_tie(m, &s->ties, p);
    if (s->over && !m_settled(c)) {
        s->told = true;
        m_end_ties(m, &s->ties, s->error, false);
        m_finish(m);
    }
    return c;
}

struct m_owner *m_owner_new(struct model *m)
{
    struct m_owner *o = calloc(1, sizeof *o);
    o->next = m->owners;
    m->owners = o;
    return o;
}

struct m_promise *m_own(struct model *m, struct m_owner *o, struct m_promise *p)
{
    return m_tie(m, &o->ties, p);
}

void m_owner_free(struct model *m, struct m_owner *o)
{
    m_end_ties(m, &o->ties, m_ready(m, ECANCELED), true);
    m_finish(m);
}
