/* SPDX-License-Identifier: MIT
 *
 * model.c - the model's promises: making, settling, waiting, and rejections that nobody has
 * seen.
 */
#include "inside.h"

#include <stdlib.h>
#include <string.h>

#include "vow/error.h"

/* Lists. */

void m_insert(struct m_list *list, size_t at, struct m_promise *p)
{
    if (list->n == list->room) {
        list->room = list->room * 2 + 4;
        list->at = realloc(list->at, list->room * sizeof *list->at);
    }
    memmove(list->at + at + 1, list->at + at, (list->n - at) * sizeof *list->at);
    list->at[at] = p;
    list->n++;
}

void m_push(struct m_list *list, struct m_promise *p) { m_insert(list, list->n, p); }

/* list->n: it is not there. */
size_t m_find(const struct m_list *list, const struct m_promise *p)
{
    size_t at = 0;
    while (at < list->n && list->at[at] != p)
        at++;
    return at;
}

void m_remove(struct m_list *list, const struct m_promise *p)
{
    size_t at = m_find(list, p);
    if (at == list->n)
        abort(); /* the model is wrong */
    list->n--;
    memmove(list->at + at, list->at + at + 1, (list->n - at) * sizeof *list->at);
}

/* Promises come and go. */

void m_begin(struct model *m, struct m_host host)
{
    struct m_promise *promises = m->promises;
    *m = (struct model){.host = host, .promises = promises, .budget = 1024};
    if (!promises)
        m->promises = calloc(M_MOST_PROMISES + 1, sizeof *promises);
    m->no_loop = &m->promises[M_MOST_PROMISES];
    *m->no_loop = (struct m_promise){.kind = M_REJECTED, .handles = 1, .handled = true};
    m->no_loop->value = m_ready(m, VOW_ECLOSED);
}

static void free_lists(struct m_promise *p)
{
    free(p->consumers.at);
    free(p->elements.at);
    free(p->cases);
    memset(p, 0, sizeof *p);
}

void m_end(struct model *m)
{
    struct m_list *lists[] = {&m->queue, &m->unseen, &m->dead, &m->down, &m->parked, &m->timers};
    for (size_t i = 0; i < m->made; i++)
        free_lists(&m->promises[i]);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        free(lists[i]->at);
    free(m->posts);
    m_free_channels(m);
    m_free_scopes(m);
    m_free_locks(m);
}

struct m_promise *m_make(struct model *m, enum m_kind kind)
{
    if (m->closing)
        return NULL;
    if (m->made == M_MOST_PROMISES)
        abort(); /* the interpreter stops programs before */
    struct m_promise *p = &m->promises[m->made++];
    p->kind = kind;
    p->handles = 1;
    m->live++;
    return p;
}

void m_free(struct model *m, struct m_promise *p)
{
    if (p->kind == M_FREE || p->queued)
        abort();
    p->kind = M_FREE;
    m->live--;
}

bool m_settled(const struct m_promise *p) { return p->kind >= M_FULFILLED; }

bool m_derived(const struct m_promise *p) { return p->kind >= M_HANDLE && p->kind <= M_ELEMENT; }

bool m_wanted(const struct m_promise *p)
{
    return p->handles > 0 || p->consumers.n > 0 || p->late > 0 || p->kept || p->unseen || p->busy;
}

bool m_only_wanter(const struct m_promise *s, const struct m_promise *c)
{
    return s->handles == 0 && s->consumers.n == 1 && s->consumers.at[0] == c && !s->kept;
}

void m_wake(struct model *m)
{
    if (!m->awake)
        m->awake = m->woken = true;
}

void m_enqueue(struct model *m, struct m_promise *p)
{
    p->queued = true;
    m_push(&m->queue, p);
    m_wake(m);
}

/* Rejections nobody has seen. */

static bool never_reported(struct m_value error)
{
    return m_is_cancel(error) || error.object->code == VOW_ECLOSED;
}

static void add_unseen(struct model *m, struct m_promise *p)
{
    if (p->handled || never_reported(p->value))
        return;
    p->unseen = true;
    m_push(&m->unseen, p);
    m_wake(m);
}

static void remove_unseen(struct model *m, struct m_promise *p)
{
    p->unseen = false;
    m_remove(&m->unseen, p);
}

void m_unseen_if_left(struct model *m, struct m_promise *s)
{
    if (s->kind == M_REJECTED && s->consumers.n == 0 && s->late == 0 && !s->busy && !s->unseen)
        add_unseen(m, s);
}

static void report(struct model *m, struct m_value error, bool late)
{
    bool guarded = m->guarded;
    if (!late)
        m->unhandled++;
    m->guarded = true;
    m->host.unhandled(m->host.self, error, late);
    m->guarded = guarded;
}

void m_report_error(struct model *m, struct m_value error)
{
    if (!never_reported(error))
        report(m, error, false);
    m_release(m, error);
}

enum { REPORTED = 1, HANDLED_LATE = 2 };

/* A rejected promise gets a consumer: there is nothing to report, or one report too many. */
void m_now_handled(struct model *m, struct m_promise *p)
{
    if (p->unseen && p->reported == 0) {
        remove_unseen(m, p);
    } else if (p->reported == REPORTED) {
        p->reported = HANDLED_LATE;
        p->unseen = true;
        m_push(&m->unseen, p);
        m_wake(m);
    }
}

void m_report_unseen(struct model *m)
{
    m->unreported = 0;
    while (m->unseen.n > 0) {
        struct m_promise *p = m->unseen.at[0];
        remove_unseen(m, p);
        bool late = p->reported == HANDLED_LATE;
        p->handled = p->busy = true;
        p->reported = late ? 0 : REPORTED;
        report(m, p->value, late);
        p->busy = false;
        m_drop_if_unwanted(m, p);
    }
}

void m_mark_handled(struct model *m, struct m_promise *p)
{
    p->handled = true;
    if (p->unseen)
        remove_unseen(m, p);
}

/* Settling. */

void m_settle(struct model *m, struct m_promise *p, struct m_value outcome)
{
    p->kind = m_is_error(outcome) ? M_REJECTED : M_FULFILLED;
    p->kept = p->cancelled = false;
    p->value = outcome;
    p->source = NULL;
    p->reported = 0;
    if (p->consumers.n > 0) {
        m_enqueue(m, p);
        return;
    }
    if (p->kind == M_REJECTED)
        add_unseen(m, p);
    m_drop_if_unwanted(m, p);
}

/* The outcome for one who passes it on: the reference moves when nobody else will ask. */
struct m_value m_take_outcome(struct m_promise *s)
{
    struct m_value v = s->value;
    if (s->handles > 0 || s->consumers.n > 0 || s->late > 0 || s->kept || s->unseen)
        return m_keep(v);
    s->value = m_none();
    return v;
}

/* Waiting. */

void m_wait_for(struct model *m, struct m_promise *c, struct m_promise *s)
{
    c->source = s;
    if (!m_settled(s)) {
        m_push(&s->consumers, c);
        return;
    }
    if (s->kind == M_REJECTED)
        m_now_handled(m, s);
    s->late++;
    m_enqueue(m, c);
}

struct m_promise *m_derive(struct model *m, struct m_promise *p, enum m_kind kind)
{
    struct m_promise *c = m_make(m, kind);
    if (!c)
        return NULL;
    m_wait_for(m, c, p);
    p->handles--;
    return c;
}

struct m_promise *m_refuse(struct model *m, struct m_promise *p, bool destroy, uint32_t who)
{
    m->no_loop->handles++;
    if (p)
        m_unref(m, p);
    if (destroy)
        m->host.destroyed(m->host.self, who);
    return m->no_loop;
}

struct m_promise *m_ref(struct m_promise *p)
{
    p->handles++;
    return p;
}

void m_unref(struct model *m, struct m_promise *p)
{
    if (--p->handles > 0)
        return;
    if (!m_wanted(p))
        m_drop(m, p);
    else if (p->kind == M_FOLLOW)
        m_splice_follower(m, p);
    else if (p->kind == M_COMBINE)
        m_drop_pinned(m, p);
    m_finish(m);
}
