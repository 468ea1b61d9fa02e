/* SPDX-License-Identifier: MIT
 *
 * start.c - the model's functions that wait for their turn in a scope: each is called from the
 * queue, in order, as long as the limit allows it, by an element of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "vow/error.h"

static struct m_start take_start(struct m_scope *s)
{
    struct m_start first = s->starts[0];
    s->start_count--;
    memmove(s->starts, s->starts + 1, s->start_count * sizeof first);
    return first;
}

void m_scope_drop_starts(struct model *m, struct m_scope *s)
{
    while (s->start_count > 0) {
        struct m_start start = take_start(s);
        if (start.destroy)
            m->host.destroyed(m->host.self, start.who);
    }
}

static bool may_start(const struct m_scope *s)
{
    return s->start_count > 0 && !s->over && (s->limit == 0 || m_scope_running(s) < s->limit);
}

void m_scope_start_some(struct model *m, struct m_scope *s)
{
    if (s->starter || !may_start(s))
        return;
    s->starter = m_add_input(m, s->children, m_resolved(m, m_none()), 1);
    if (s->starter)
        return;
    m_scope_drop_starts(m, s);
    if (!s->freed)
        m_scope_failed(m, s, m_ready(m, VOW_ECLOSED));
}

static struct m_promise *run(struct model *m, struct m_start start)
{
    m->handlers++;
    struct m_value v = m->host.call(m->host.self, M_ON_STEP, start.who, m_none());
    struct m_promise *p = v.type == M_PROMISE ? v.promise : m_resolved(m, v);
    return start.destroy ? m_then(m, p, M_ON_NOTHING, start.who, true) : p;
}

/* What a function that frees its scope gives ends as what ran in it. */
void m_scope_starter_came(struct model *m, struct m_scope *s)
{
    s->starter = false;
    if (!may_start(s))
        return;
    struct m_promise *p = run(m, take_start(s));
    if (!s->freed) {
        m_scope_add(m, s, p);
        return;
    }
    m_cancel(m, p);
    m_detach(m, p, false, 0, false);
}

void m_scope_start(struct model *m, struct m_scope *s, uint32_t who, bool destroy)
{
    s->refs++;
    if (s->over) {
        if (destroy)
            m->host.destroyed(m->host.self, who);
    } else {
        s->starts = realloc(s->starts, (s->start_count + 1) * sizeof *s->starts);
        s->starts[s->start_count++] = (struct m_start){who, destroy};
        m_scope_start_some(m, s);
    }
    m_scope_unref(m, s);
    m_finish(m);
}

void m_scope_limit(struct model *m, struct m_scope *s, size_t most)
{
    s->refs++;
    s->limit = most;
    m_scope_start_some(m, s);
    m_scope_unref(m, s);
    m_finish(m);
}
