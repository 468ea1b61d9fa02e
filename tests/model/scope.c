/* SPDX-License-Identifier: MIT
 *
 * scope.c - the model's scopes: a combinator of children that only the scope holds and that
 * is never decided while the scope lives, and those who wait for it to be empty.
 */
#include <errno.h>
#include <stdlib.h>

#include "model.h"
#include "vow/error.h"

struct m_scope *m_scope_new(struct model *m, bool collect)
{
    struct m_promise *c = m_make(m, M_COMBINE);
    if (!c)
        return NULL;
    struct m_scope *s = calloc(1, sizeof *s);
    *s = (struct m_scope){.next = m->scopes, .children = c, .refs = 1, .collect = collect};
    s->error = m_none();
    c->policy = M_SCOPE;
    c->state = m_none();
    c->scope = s;
    m->scopes = s;
    return s;
}

void m_free_scopes(struct model *m)
{
    while (m->scopes) {
        struct m_scope *s = m->scopes;
        m->scopes = s->next;
        free(s->joiners.at);
        free(s);
    }
}

void m_scope_unref(struct model *m, struct m_scope *s)
{
    if (--s->refs == 0)
        m_release(m, s->error);
}

/* Joining. */

static bool quiet(const struct m_scope *s) { return s->freed || s->children->elements.n == 0; }

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

static void call_joiners(struct model *m, struct m_scope *s, struct m_value v)
{
    while (s->joiners.n > 0) {
        struct m_promise *p = s->joiners.at[0];
        m_leave_joiners(m, p);
        m_resolve(m, p, m_keep(v));
    }
    m_release(m, v);
}

static void look(struct model *m, struct m_scope *s)
{
    if (s->joiners.n > 0 && quiet(s))
        call_joiners(m, s, outcome(s));
}

/* A step of a join: its code is here, not the host's. */
static struct m_promise *add_step(struct model *m, struct m_scope *s, struct m_promise *p,
                                  enum m_kind kind)
{
    struct m_promise *c = m_derive(m, p, kind);
    if (!c)
        return m_refuse(m, p, false, 0);
    c->role = M_ON_ERROR;
    c->scope = s;
    return c;
}

struct m_promise *m_scope_join(struct model *m, struct m_scope *s)
{
    if (quiet(s))
        return m_resolved(m, outcome(s));
    struct m_promise *c = add_step(m, s, when_quiet(m, s), M_THEN);
    if (c == m->no_loop)
        return c;
    s->refs++;
    return add_step(m, s, c, M_ATTACH);
}

/* Ending. */

/* Onto the scope's error, or onto a cause of its own there, or reported. */
static void suppress(struct model *m, struct m_scope *s, struct m_value error)
{
    if (error.object == s->error.object) {
        m_release(m, error);
        return;
    }
    s->told = false;
    if (m_suppress(s->error, error))
        return;
    struct m_value wrapper = m_error(m, error.object->code);
    wrapper.object->cause = error;
    if (!m_suppress(s->error, wrapper))
        m_report_error(m, wrapper);
}

/* Children may be added meanwhile; none leaves, so there is nobody to be told. */
static void end_children(struct model *m, struct m_scope *s)
{
    struct m_promise *c = s->children;
    for (size_t i = 0; i < c->elements.n; i++)
        m_cancel_inside(m, c->elements.at[i]->source);
}

static void end(struct model *m, struct m_scope *s, struct m_value why)
{
    if (s->over) {
        m_report_error(m, why);
        return;
    }
    s->over = true;
    if (!m_is_error(s->error))
        s->error = why;
    else if (m_is_cancel(why))
        m_release(m, why);
    else
        suppress(m, s, why);
    s->refs++;
    end_children(m, s);
    m_scope_unref(m, s);
}

/* A child's error. */
static void fail(struct model *m, struct m_scope *s, struct m_value error)
{
    if (s->freed || m_is_cancel(error)) {
        m_report_error(m, error);
    } else if (s->over && m_is_cancel(s->error)) {
        struct m_value old = s->error;
        s->error = error;
        s->told = false;
        m_release(m, old);
    } else if (s->over) {
        suppress(m, s, error);
    } else if (s->collect) {
        if (!m_is_error(s->error))
            s->error = m_error(m, VOW_EAGGREGATE);
        suppress(m, s, error);
    } else {
        end(m, s, error);
    }
}

void m_scope_input(struct model *m, struct m_promise *c, struct m_value outcome)
{
    struct m_scope *s = c->scope;
    if (!m_is_error(outcome)) {
        m_release(m, outcome);
    } else if (!s) {
        m_report_error(m, outcome);
    } else {
        s->refs++;
        fail(m, s, outcome);
        m_scope_unref(m, s);
    }
}

/* The last child of those that there were has ended. */
void m_scope_last(struct model *m, struct m_promise *c)
{
    if (c->scope)
        look(m, c->scope);
    else
        m_decide(m, c, m_none());
}

/* A join that was cancelled has cancelled the scope, and has ended when that has. */
struct m_value m_join_failed(struct model *m, struct m_scope *s, struct m_value error)
{
    if (!m_is_cancel(error) || quiet(s))
        return (struct m_value){.type = M_SAME};
    end(m, s, m_ready(m, ECANCELED));
    struct m_promise *p = m_resolved(m, m_keep(error));
    struct m_promise *c = add_step(m, s, p, M_FINALLY);
    if (c == m->no_loop)
        return m_promise_value(c);
    s->refs++;
    return m_promise_value(add_step(m, s, c, M_ATTACH));
}

struct m_value m_finish_join(struct model *m, struct m_scope *s)
{
    if (quiet(s))
        return m_none();
    struct m_promise *c = add_step(m, s, when_quiet(m, s), M_THEN);
    c->absorbs = c != m->no_loop;
    return m_promise_value(c);
}

void m_scope_add(struct model *m, struct m_scope *s, struct m_promise *p)
{
    s->refs++;
    if (!m_add_input(m, s->children, p, 0))
        fail(m, s, m_ready(m, VOW_ECLOSED));
    else if (s->over)
        m_cancel_inside(m, p);
    m_scope_unref(m, s);
}

void m_scope_cancel(struct model *m, struct m_scope *s)
{
    end(m, s, m_ready(m, ECANCELED));
    m_finish(m);
}

void m_scope_free(struct model *m, struct m_scope *s)
{
    struct m_promise *c = s->children;
    if (s->over)
        end_children(m, s);
    else
        end(m, s, m_ready(m, ECANCELED));
    s->freed = true;
    call_joiners(m, s, m_ready(m, ECANCELED));
    if (m_is_error(s->error) && !s->told) {
        struct m_value error = s->error;
        s->error = m_none();
        m_report_error(m, error);
    }
    s->children = NULL;
    c->scope = NULL;
    c->kept = c->elements.n > 0;
    m_unref(m, c);
    m_scope_unref(m, s);
    m_finish(m);
}
