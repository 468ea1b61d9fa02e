/* SPDX-License-Identifier: MIT
 *
 * scope.c - the model's scopes: a combinator of children that only the scope holds and that
 * is never decided while the scope lives. The scopes inside one are those that name it as
 * their parent.
 */
#include <errno.h>
#include <stdlib.h>

#include "inside.h"
#include "vow/error.h"

void m_free_scopes(struct model *m)
{
    while (m->scopes) {
        struct m_scope *s = m->scopes;
        m->scopes = s->next;
        free(s->joiners.at);
        free(s->ties.at);
        free(s->starts);
        free(s);
    }
    while (m->owners) {
        struct m_owner *o = m->owners;
        m->owners = o->next;
        free(o->ties.at);
        free(o);
    }
}

void m_scope_unref(struct model *m, struct m_scope *s)
{
    if (--s->refs == 0)
        m_release(m, s->error);
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

static void mark(struct model *m, struct m_scope *s, struct m_value why)
{
    s->over = true;
    if (!m_is_error(s->error))
        s->error = why;
    else if (m_is_cancel(why))
        m_release(m, why);
    else
        suppress(m, s, why);
    s->refs++;
}

/* The scopes that end with s, the outer ones first; the caller frees the array. */
static struct m_scope **mark_all(struct model *m, struct m_scope *s, struct m_value why, size_t *n)
{
    struct m_scope **all = calloc(m->scopes_made, sizeof(struct m_scope *));
    mark(m, s, why);
    all[0] = s;
    *n = 1;
    for (size_t i = 0; i < *n; i++)
        for (struct m_scope *inner = m->scopes; inner; inner = inner->next)
            if (inner->parent == all[i] && !inner->over) {
                mark(m, inner, m_ready(m, ECANCELED));
                all[(*n)++] = inner;
            }
    return all;
}

static void stop_deadline(struct model *m, struct m_scope *s)
{
    struct m_promise *timer = s->deadline;
    struct m_value timed_out = s->timed_out;
    s->deadline = NULL;
    s->timed_out = m_none();
    if (timer)
        m_unref(m, timer);
    m_release(m, timed_out);
}

/* Code of the host's that runs meanwhile may add children, which are behind, and free s. Each
 * child is cancelled once. */
static void end_one(struct model *m, struct m_scope *s)
{
    stop_deadline(m, s);
    m_scope_drop_starts(m, s);
    if (s->freed)
        return;
    s->told = s->told || s->ties.n > 0;
    m_end_ties(m, &s->ties, s->error, false);
    struct m_promise *c = s->children;
    s->swept = s->swept || !s->freed;
    for (size_t i = 0; c && i < c->elements.n; i++)
        m_cancel_inside(m, c->elements.at[i]->source);
    if (!s->freed)
        m_scope_look(m, s);
}

/* Nobody sees half of it: first all inside are over, then each is ended. */
void m_scope_end(struct model *m, struct m_scope *s, struct m_value why)
{
    if (s->over) {
        m_report_error(m, why);
        return;
    }
    size_t n;
    struct m_scope **all = mark_all(m, s, why, &n);
    for (size_t i = 0; i < n; i++) {
        if (!all[i]->freed)
            end_one(m, all[i]);
        m_scope_unref(m, all[i]);
    }
    free(all);
}

void m_scope_failed(struct model *m, struct m_scope *s, struct m_value error)
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
        m_scope_end(m, s, error);
    }
}

/* Children. */

static void child_ended(struct model *m, struct m_scope *s, uint64_t index, struct m_value outcome)
{
    if (index == 1)
        m_scope_starter_came(m, s);
    if (m_is_error(outcome))
        m_scope_failed(m, s, outcome);
    else
        m_release(m, outcome);
    if (!s->freed)
        m_scope_start_some(m, s);
}

/* Of a scope that was freed nobody is told. */
void m_scope_input(struct model *m, struct m_promise *c, uint64_t index, struct m_value outcome)
{
    struct m_scope *s = c->scope;
    if (s) {
        s->refs++;
        child_ended(m, s, index, outcome);
        m_scope_unref(m, s);
    } else if (m_is_error(outcome)) {
        m_report_error(m, outcome);
    } else {
        m_release(m, outcome);
    }
}

/* The last child of those that there were has ended. */
void m_scope_last(struct model *m, struct m_promise *c)
{
    if (c->scope)
        m_scope_look(m, c->scope);
    else
        m_decide(m, c, m_none());
}

size_t m_scope_running(const struct m_scope *s) { return s->children->elements.n - s->starter; }

void m_scope_add(struct model *m, struct m_scope *s, struct m_promise *p)
{
    s->refs++;
    if (!m_add_input(m, s->children, p, 0))
        m_scope_failed(m, s, m_ready(m, VOW_ECLOSED));
    else if (s->over)
        m_cancel_inside(m, p);
    m_scope_unref(m, s);
    m_finish(m);
}

/* Life. */

struct m_scope *m_scope_new(struct model *m, struct m_scope *parent, bool collect)
{
    struct m_promise *c = m_make(m, M_COMBINE);
    if (!c)
        return NULL;
    struct m_scope *s = calloc(1, sizeof *s);
    *s = (struct m_scope){.next = m->scopes, .children = c, .refs = 1, .collect = collect};
    s->parent = parent;
    s->error = s->timed_out = m_none();
    c->policy = M_SCOPE;
    c->state = m_none();
    c->scope = s;
    m->scopes = s;
    m->scopes_made++;
    if (parent && parent->over)
        m_scope_end(m, s, m_ready(m, ECANCELED));
    return s;
}

void m_scope_cancel(struct model *m, struct m_scope *s)
{
    m_scope_end(m, s, m_ready(m, ECANCELED));
    m_finish(m);
}

/* An error that no join has told is the parent's. */
static void tell_untold(struct model *m, struct m_scope *s)
{
    if (!m_is_error(s->error) || s->told)
        return;
    struct m_value error = s->error;
    s->error = m_none();
    if (s->parent)
        m_scope_failed(m, s->parent, error);
    else
        m_report_error(m, error);
}

/* The children that are left end on their own. */
static void release_children(struct model *m, struct m_scope *s)
{
    struct m_promise *c = s->children;
    s->children = NULL;
    c->scope = NULL;
    c->kept = c->elements.n > 0;
    m_unref(m, c);
}

void m_scope_free(struct model *m, struct m_scope *s)
{
    if (!s->over)
        m_scope_end(m, s, m_ready(m, ECANCELED));
    else if (!s->swept)
        end_one(m, s);
    struct m_scope *parent = s->parent;
    for (struct m_scope *inner = m->scopes; inner; inner = inner->next)
        if (inner->parent == s)
            inner->parent = NULL;
    if (parent)
        parent->refs++;
    s->freed = true;
    m_call_joiners(m, s, m_ready(m, ECANCELED));
    tell_untold(m, s);
    release_children(m, s);
    s->parent = NULL;
    if (parent) {
        m_scope_look(m, parent);
        m_scope_unref(m, parent);
    }
    m_scope_unref(m, s);
    m_finish(m);
}
