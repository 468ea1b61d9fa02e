/* SPDX-License-Identifier: MIT
 *
 * follow.c - promises of the model that take over the outcome of others. That chains of
 * them collapse can be seen: in who runs before whom, and in the number of promises alive.
 */
#include <errno.h>

#include "inside.h"
#include "vow/error.h"

/* Does q wait for p, through whatever it waits for? `search` marks what was looked at. */
static bool waits_for(struct m_promise *q, const struct m_promise *p, unsigned search)
{
    if (q == p || q->search == search)
        return q == p;
    q->search = search;
    if (q->kind == M_COMBINE)
        for (size_t i = 0; i < q->elements.n; i++)
            if (waits_for(q->elements.at[i]->source, p, search))
                return true;
    return m_derived(q) && q->source && waits_for(q->source, p, search);
}

int m_cannot_wait(struct model *m, struct m_promise *c, struct m_promise *q)
{
    return !m_settled(q) && waits_for(q, c, ++m->searches) ? VOW_ECYCLE : 0;
}

static bool exclusive(const struct m_promise *q) { return !m_wanted(q) && !q->queued; }

/* Has p one consumer and nobody else? Then that may wait for what p waits for. */
static bool replaceable(const struct m_promise *p)
{
    return p->handles == 0 && p->consumers.n == 1 && p->late == 0 && !p->kept && !p->unseen &&
           !p->busy && !p->cancelled;
}

/* `q` stands in its source's list; from now on `instead` does. */
static void take_place(struct m_promise *instead, struct m_promise *q)
{
    struct m_list *list = &q->source->consumers;
    list->at[m_find(list, q)] = instead;
    instead->source = q->source;
}

/* All of q but who waits for it becomes p's. */
static void move_into(struct model *m, struct m_promise *p, struct m_promise *q)
{
    p->kind = q->kind;
    p->cancelled = p->cancelled || q->cancelled;
    p->who = q->who;
    p->role = q->role;
    p->value = q->value;
    p->stop = p->timer = false;
    p->destroy = q->kind == M_FIBER && q->destroy;
    p->fiber = q->fiber;
    p->scope = q->scope;
    p->use = q->use;
    p->step = q->step;
    take_place(p, q);
    m_free(m, q);
}

static void hand_on_consumer(struct model *m, struct m_promise *p, struct m_promise *q)
{
    struct m_promise *c = p->consumers.at[0];
    p->consumers.n = 0;
    c->source = q;
    m_push(&q->consumers, c);
    m_free(m, p);
}

static void follow_pending(struct model *m, struct m_promise *p, struct m_promise *q)
{
    bool cancelled = p->cancelled;
    p->cancelled = false;
    if (m_derived(q) && q->kind != M_SHIELD && q != m->running && exclusive(q)) {
        move_into(m, p, q);
    } else if (!cancelled && replaceable(p)) {
        hand_on_consumer(m, p, q);
        return;
    } else {
        p->kind = M_FOLLOW;
        p->source = q;
        m_push(&q->consumers, p);
    }
    if (cancelled)
        m_cancel_inside(m, p);
}

static void follow(struct model *m, struct m_promise *p, struct m_promise *q)
{
    int refused = m_cannot_wait(m, p, q);
    if (refused) {
        m_settle(m, p, m_ready(m, refused));
        m_unref(m, q);
        return;
    }
    q->handles--;
    if (!m_settled(q)) {
        follow_pending(m, p, q);
        return;
    }
    if (q->kind == M_REJECTED) {
        m_now_handled(m, q);
        q->handled = true;
    }
    struct m_value outcome = m_take_outcome(q);
    m_drop_if_unwanted(m, q);
    m_settle(m, p, outcome);
}

void m_resolve_with(struct model *m, struct m_promise *p, struct m_value v)
{
    if (v.type == M_PROMISE) {
        follow(m, p, v.promise);
    } else if (v.type != M_THENABLE) {
        m_settle(m, p, v);
    } else if (p->cancelled) {
        m_settle(m, p, m_ready(m, ECANCELED));
        m_release(m, v);
    } else {
        p->kind = M_CALLS_THEN;
        p->source = NULL;
        p->value = v;
        m_enqueue(m, p);
    }
}

/* Without this a follower that nobody holds would stay between its source and its consumer. */
void m_splice_follower(struct model *m, struct m_promise *p)
{
    if (p == m->running || p->queued || !replaceable(p) || m_settled(p->source))
        return;
    take_place(p->consumers.at[0], p);
    p->consumers.n = 0;
    m_free(m, p);
}
