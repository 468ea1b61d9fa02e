/* SPDX-License-Identifier: MIT
 *
 * ending.c - how promises of the model end before their time: resolvers used or given up,
 * sources stopped, chains dropped.
 */
#include <stdlib.h>

#include "inside.h"
#include "vow/error.h"

/* Sources and resolvers. */

struct m_promise *m_new(struct model *m)
{
    struct m_promise *p = m_make(m, M_SOURCE);
    return p ? p : m_refuse(m, NULL, false, 0);
}

struct m_promise *m_resolved(struct model *m, struct m_value v)
{
    struct m_promise *p = m_make(m, M_ORPHAN);
    if (!p) {
        m_release(m, v);
        return m_refuse(m, NULL, false, 0);
    }
    m_resolve_with(m, p, v);
    return p;
}

static bool is_live(const struct m_promise *p) { return p->kind == M_SOURCE && !p->dead; }

static bool being_stopped(const struct m_promise *p) { return p->kind == M_SOURCE && p->cancelled; }

static void forget_timer(struct model *m, struct m_promise *p)
{
    if (m_find(&m->timers, p) < m->timers.n)
        m_remove(&m->timers, p);
}

/* What goes with a source's resolver. `source` is as it was before it settled. */
static void destroy_op(struct model *m, const struct m_promise *source)
{
    if (source->timer)
        m->live--;
    else if (source->destroy)
        m->host.destroyed(m->host.self, source->who);
}

static void stop_op(struct model *m, struct m_promise *p)
{
    if (p->timer)
        forget_timer(m, p);
    else if (p->case_count > 0)
        m_leave_channel(m, p);
    else if (p->turn.line)
        m_leave_line(m, p);
    else if (p->scope)
        m_leave_joiners(m, p);
    else
        m->host.stopped(m->host.self, p->who, p);
}

void m_on_stop(struct model *m, struct m_promise *r, bool stop, bool destroy, uint32_t who)
{
    if (is_live(r)) {
        r->stop = stop;
        r->destroy = destroy;
        r->who = who;
    } else if (destroy) {
        m->host.destroyed(m->host.self, who);
    }
}

/* The resolver of what is not pending any more. */
static void use_inert(struct model *m, struct m_promise *p)
{
    if (p->kind == M_SOURCE) {
        struct m_promise was = *p;
        p->kind = M_ORPHAN;
        p->stop = p->destroy = p->timer = false;
        destroy_op(m, &was);
    } else if (p->kind == M_ZOMBIE) {
        m_free(m, p);
    } else if (p != m->no_loop) {
        if (!p->kept || !m_settled(p))
            abort(); /* the interpreter used a resolver twice */
        p->kept = false;
        m_drop_if_unwanted(m, p);
    }
}

void m_resolve(struct model *m, struct m_promise *r, struct m_value v)
{
    if (!is_live(r)) {
        use_inert(m, r);
        m_release(m, v);
        return;
    }
    struct m_promise was = *r;
    m_resolve_with(m, r, v);
    destroy_op(m, &was);
}

void m_resolver_drop(struct model *m, struct m_promise *r)
{
    if (!being_stopped(r))
        m_resolve(m, r, m_ready(m, VOW_EBROKEN));
}

void m_resolver_abandon(struct model *m, struct m_promise *r)
{
    if (being_stopped(r))
        return;
    if (!is_live(r)) {
        use_inert(m, r);
        return;
    }
    struct m_promise was = *r;
    r->kind = M_ORPHAN;
    r->stop = r->destroy = false;
    destroy_op(m, &was);
}

bool m_is_wanted(const struct m_promise *r)
{
    return is_live(r) && (r->handles > 0 || r->consumers.n > 0 || r->kept);
}

/* The hook may settle the promise: then the cancel has lost. Without a hook the resolver
 * stays, to no effect. */
void m_stop_source(struct model *m, struct m_promise *p, struct m_value error)
{
    struct m_promise was = *p;
    if (p->stop) {
        p->busy = p->cancelled = true;
        stop_op(m, p);
        p->busy = false;
        if (p->kind != M_SOURCE) {
            m_drop_if_unwanted(m, p);
            return;
        }
    }
    if (was.kind == M_SOURCE && !was.stop) {
        p->busy = true;
        m_settle(m, p, error);
        p->busy = false;
        p->kept = true;
    } else {
        m_settle(m, p, error);
    }
    if (was.kind == M_SOURCE)
        destroy_op(m, &was);
}

/* Dropping: chains that end in a dead tail are collected upwards, then torn down from
 * their top. `below` leads back from the top to the tail. */

struct m_promise *m_leave_source(struct model *m, struct m_promise *c)
{
    struct m_promise *s = c->source;
    c->source = NULL;
    if (c->queued) {
        c->queued = false;
        m_remove(&m->queue, c);
        if (s)
            s->late--;
    } else if (s) {
        m_remove(&s->consumers, c);
        if (m_settled(s) && s->consumers.n == 0 && s->queued) {
            s->queued = false;
            m_remove(&m->queue, s);
        }
    }
    if (s)
        m_unseen_if_left(m, s);
    return s && !m_wanted(s) ? s : NULL;
}

/* What waits for a running handler: the chain, and all that was to come after it. */
static void park(struct model *m, struct m_promise *top)
{
    m_push(&m->down, top);
    for (size_t i = 0; i < m->down.n; i++)
        m_push(&m->parked, m->down.at[i]);
    m->down.n = 0;
}

static bool let_inputs_go(struct model *m, struct m_promise *combine)
{
    bool running = false;
    while (combine->elements.n > 0) {
        struct m_promise *e = combine->elements.at[0];
        m_remove(&combine->elements, e);
        struct m_promise *input = m_leave_source(m, e);
        m_free(m, e);
        if (input && input == m->running) {
            running = true;
        } else if (input) {
            input->dead = true;
            m_push(&m->dead, input);
        }
    }
    return running;
}

static bool only_pinned(const struct m_promise *s)
{
    return s->kind == M_COMBINE && s->handles == 0 && s->consumers.n == 0 && s->busy && !s->kept;
}

static void collect(struct model *m, struct m_promise *tail)
{
    struct m_promise *n = tail;
    n->below = NULL;
    while (m_derived(n) && (n->source || n->queued)) {
        struct m_promise *s = n->source, *unwanted = m_leave_source(m, n);
        bool in_use = unwanted && s == m->running;
        if (s && only_pinned(s))
            in_use = let_inputs_go(m, s) || s == m->running;
        if (in_use) {
            park(m, n);
            return;
        }
        if (!unwanted)
            break;
        s->dead = true;
        s->below = n;
        n = s;
    }
    m_push(&m->down, n);
}

static void stop_dropped(struct model *m, struct m_promise *p)
{
    struct m_promise was = *p;
    if (p->kind == M_ORPHAN) {
        m_free(m, p);
    } else if (!p->stop) {
        p->kind = M_ZOMBIE;
        p->dead = false;
        destroy_op(m, &was);
    } else {
        p->cancelled = true;
        stop_op(m, p);
        if (p->kind == M_SOURCE)
            destroy_op(m, &was);
        m_free(m, p);
    }
}

/* What a combinator has while it is undecided: its state, its place among ties. */
void m_release_state(struct model *m, struct m_promise *c)
{
    struct m_value state = c->state;
    c->state = m_none();
    if (c->ties) {
        m_remove(c->ties, c);
        c->ties = NULL;
        m->live--;
    }
    m_release(m, state);
}

static void end_line(struct model *m, struct m_promise *p)
{
    if (p->kind == M_SOURCE || p->kind == M_ORPHAN) {
        stop_dropped(m, p);
        return;
    }
    if (p->kind == M_CALLS_THEN) {
        p->queued = false;
        m_remove(&m->queue, p);
    }
    if (p->kind == M_ATTACH)
        m_destroy_attached(m, p);
    else if (p->kind == M_FIBER)
        m_drop_fiber(m, p);
    else if (p->kind == M_SHIELD)
        p->keeper->shield = NULL;
    else if (p->kind == M_COMBINE && !p->decided)
        m_release_state(m, p);
    else if (p->kind == M_CONTEXT || p->kind == M_CLEANING || p->kind == M_CALLS_THEN ||
             p->kind == M_COMBINE || m_settled(p))
        m_release(m, p->value);
    m_free(m, p);
}

static void tear_down(struct model *m, struct m_promise *n)
{
    while (n) {
        struct m_promise *below = n->below;
        if (n->kind == M_COMBINE && n->elements.n > 0) {
            if (let_inputs_go(m, n))
                park(m, n);
            else
                m_push(&m->down, n);
            return;
        }
        end_line(m, n);
        n = below;
    }
}

static struct m_promise *pop(struct m_list *list) { return list->at[--list->n]; }

static void work_off(struct model *m)
{
    if (m->dropping)
        return;
    m->dropping = true;
    while (m->dead.n > 0 || m->down.n > 0) {
        if (m->dead.n > 0)
            collect(m, pop(&m->dead));
        else
            tear_down(m, pop(&m->down));
    }
    m->dropping = false;
}

void m_drop(struct model *m, struct m_promise *p)
{
    if (p == m->running || p->dead || p == m->no_loop)
        return;
    p->dead = true;
    m_push(&m->dead, p);
    work_off(m);
}

/* Its inputs are just being cancelled, and a hook gave its last handle back. */
void m_drop_pinned(struct model *m, struct m_promise *p)
{
    if (!only_pinned(p))
        return;
    let_inputs_go(m, p);
    work_off(m);
}

void m_drop_if_unwanted(struct model *m, struct m_promise *p)
{
    if (!m_wanted(p))
        m_drop(m, p);
}

void m_drop_parked(struct model *m)
{
    struct m_list down = m->down;
    m->down = m->parked;
    m->parked = down;
    work_off(m);
}
