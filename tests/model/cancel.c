/* SPDX-License-Identifier: MIT
 *
 * cancel.c - the polite end of promises of the model: who is asked to stop, who is cut off.
 */
#include <errno.h>
#include <stdlib.h>

#include "inside.h"

/* From now on n stands alone, and will see the cancellation. */
static void cut(struct model *m, struct m_promise *n)
{
    struct m_promise *unwanted = m_leave_source(m, n);
    n->cancelled = true;
    m_enqueue(m, n);
    if (unwanted)
        m_drop(m, unwanted);
}

static void cancel_combinator(struct model *m, struct m_promise *c, struct m_list *combinators)
{
    if (c->decided)
        return;
    c->busy = true;
    m_push(combinators, c);
    m_set_result(m, c, m_ready(m, ECANCELED));
}

/* What can be stopped at n itself. False: n's source is to be asked. */
static bool cancel_here(struct model *m, struct m_promise *n, struct m_list *combinators)
{
    struct m_value old = n->value;
    if (n->kind == M_SOURCE || n->kind == M_ORPHAN) {
        if (!n->cancelled)
            m_stop_source(m, n, m_ready(m, ECANCELED));
    } else if (n->kind == M_CALLS_THEN) {
        n->queued = false;
        m_remove(&m->queue, n);
        m_settle(m, n, m_ready(m, ECANCELED));
        m_release(m, old);
    } else if (n->kind == M_CLEANING) {
        if (!m_is_error(old)) {
            n->value = m_ready(m, ECANCELED);
            m_release(m, old);
        }
    } else if (n->kind == M_COMBINE) {
        cancel_combinator(m, n, combinators);
    } else if (n->kind == M_FIBER && n->fiber.shields > 0) {
        n->fiber.owed = true;
    } else {
        return false;
    }
    return true;
}

/* n will not see the outcome of the settled s. A value that nobody else will see goes now. */
static void let_value_go(struct model *m, struct m_promise *s, const struct m_promise *n)
{
    bool only =
        n->queued ? s->consumers.n == 0 && s->late == 1 : m_only_wanter(s, n) && s->late == 0;
    if (!only || s->handles > 0 || s->busy || s->kind != M_FULFILLED)
        return;
    struct m_value v = s->value;
    s->value = m_none();
    m_release(m, v);
}

static void climb(struct model *m, struct m_promise *p, struct m_list *combinators)
{
    for (struct m_promise *n = p; !m_settled(n); n = n->source) {
        if (n == m->running) {
            n->cancelled = true;
            return;
        }
        if (cancel_here(m, n, combinators))
            return;
        if (n->queued || n->cancelled || m_settled(n->source)) {
            bool again = n->cancelled;
            n->cancelled = true;
            if (!again && n->source && m_settled(n->source))
                let_value_go(m, n->source, n);
            return;
        }
        if (n->kind == M_SHIELD || !m_only_wanter(n->source, n)) {
            cut(m, n);
            return;
        }
    }
}

static void cancel_elements(struct model *m, struct m_promise *c, struct m_list *combinators)
{
    struct m_list elements = {0}; /* as they are now */
    for (size_t i = 0; i < c->elements.n; i++)
        m_push(&elements, c->elements.at[i]);
    for (size_t i = 0; i < elements.n && c->elements.n > 0; i++) {
        struct m_promise *e = elements.at[i], *input = e->source;
        if (!m_settled(input) && input->kind != M_SOURCE && m_only_wanter(input, e))
            climb(m, input, combinators);
        else
            m_let_go(m, c, e);
    }
    free(elements.at);
    c->busy = false;
    if (c == m->running)
        return;
    if (m_wanted(c))
        m_deliver(m, c);
    else
        m_drop(m, c);
}

static void cancel_all(struct model *m, struct m_list *combinators)
{
    while (combinators->n > 0)
        cancel_elements(m, combinators->at[--combinators->n], combinators);
    free(combinators->at);
}

void m_cancel_losers(struct model *m, struct m_promise *c)
{
    struct m_list combinators = {0};
    bool guarded = m->guarded;
    m->guarded = c->busy = true;
    m_push(&combinators, c);
    cancel_all(m, &combinators);
    m->guarded = guarded;
}

void m_cancel_inside(struct model *m, struct m_promise *p)
{
    struct m_list combinators = {0};
    bool guarded = m->guarded;
    m->guarded = true;
    climb(m, p, &combinators);
    cancel_all(m, &combinators);
    m->guarded = guarded;
}

void m_cancel(struct model *m, struct m_promise *p)
{
    m_cancel_inside(m, p);
    m_finish(m);
}
