/* SPDX-License-Identifier: MIT
 *
 * serve.c - the model's queue at work. One entry is a settled promise with the consumers it had
 * when it settled, or one consumer on its own, or a foreign thenable to be called.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "vow/error.h"

/* Serving. */

void m_user_begin(struct model *m, struct m_promise *p) { m->running = p; }

/* False: nobody wants p any more, and it is gone. */
bool m_user_end(struct model *m, struct m_promise *p)
{
    m->running = NULL;
    if (m_wanted(p))
        return true;
    m_drop(m, p);
    if (m->parked.n > 0)
        m_drop_parked(m);
    return false;
}

static struct m_value take_input(struct model *m, const struct m_promise *c, struct m_promise *s)
{
    return c->cancelled ? m_ready(m, ECANCELED) : m_take_outcome(s);
}

static void pass(struct model *m, struct m_promise *c, struct m_promise *s)
{
    m_settle(m, c, take_input(m, c, s));
}

/* Does the function of c run for an error, for a value? */
static bool runs_for(const struct m_promise *c, bool error)
{
    return c->role == M_ON_ANY || c->role == M_ON_EITHER ||
           c->role == (error ? M_ON_ERROR : M_ON_VALUE);
}

static void call(struct model *m, struct m_promise *c, struct m_promise *s)
{
    bool cancelled = c->cancelled;
    if (!runs_for(c, cancelled || m_is_error(s->value))) {
        pass(m, c, s);
        return;
    }
    if (!cancelled)
        m_see(m, &s->value);
    struct m_value in = cancelled ? m_ready(m, ECANCELED) : s->value;
    m->handlers++;
    c->cancelled = false;
    c->source = NULL;
    m_user_begin(m, c);
    if (c->use)
        c->use->held = m_keep(in);
    struct m_value result =
        c->scope ? m_step(m, c, in) : m->host.call(m->host.self, c->role, c->who, in);
    if (result.type == M_SAME)
        result = m_keep(in);
    if (m_user_end(m, c))
        m_resolve_with(m, c, result);
    else
        m_release(m, result);
}

/* The error of a failed clean-up wins, and carries what it replaces if it can. */
static void fail_finally(struct model *m, struct m_promise *c, struct m_value error,
                         struct m_value outcome)
{
    bool two = m_is_error(outcome) && outcome.object != error.object;
    bool left = two && !m_add_cause(error, outcome);
    m_settle(m, c, error);
    if (left)
        m_report_error(m, outcome);
    if (!two)
        m_release(m, outcome);
}

static void wait_for_cleanup(struct model *m, struct m_promise *c, struct m_promise *q,
                             struct m_value outcome)
{
    int refused = m_cannot_wait(m, c, q);
    if (refused) {
        fail_finally(m, c, m_ready(m, refused), outcome);
        m_unref(m, q);
        return;
    }
    bool cancelled = c->cancelled;
    c->cancelled = false;
    c->kind = M_CLEANING;
    c->value = outcome;
    m_wait_for(m, c, q);
    q->handles--;
    if (cancelled)
        m_cancel_inside(m, c);
}

static void run_finally(struct model *m, struct m_promise *c, struct m_promise *s)
{
    struct m_value outcome = take_input(m, c, s);
    m->handlers++;
    c->cancelled = false;
    c->source = NULL;
    m_user_begin(m, c);
    struct m_value result = c->scope ? m_step(m, c, outcome)
                                     : m->host.call(m->host.self, M_ON_FINALLY, c->who, m_none());
    if (!m_user_end(m, c)) {
        m_release(m, result);
        m_release(m, outcome);
    } else if (m_is_error(result)) {
        fail_finally(m, c, result, outcome);
    } else if (result.type == M_PROMISE) {
        wait_for_cleanup(m, c, result.promise, outcome);
    } else {
        m_settle(m, c, outcome);
        m_release(m, result);
    }
}

static void end_cleaning(struct model *m, struct m_promise *c, struct m_promise *s)
{
    if (s->kind == M_REJECTED)
        fail_finally(m, c, m_take_outcome(s), c->value);
    else
        m_settle(m, c, c->value);
}

void m_destroy_attached(struct model *m, const struct m_promise *c)
{
    if (c->scope)
        m_scope_unref(m, c->scope);
    else if (c->use)
        m_end_use(m, c->use);
    else
        m->host.destroyed(m->host.self, c->who);
}

static void run_attached(struct model *m, struct m_promise *c, struct m_promise *s)
{
    struct m_value outcome = take_input(m, c, s);
    c->kind = M_HANDLE; /* which has nothing to destroy */
    c->source = NULL;
    m_user_begin(m, c);
    m_destroy_attached(m, c);
    if (m_user_end(m, c))
        m_settle(m, c, outcome);
    else
        m_release(m, outcome);
}

static void add_context(struct model *m, struct m_promise *c, struct m_promise *s)
{
    struct m_value outcome = take_input(m, c, s), wrapper = c->value;
    if (!m_is_error(outcome)) {
        m_release(m, wrapper);
        m_settle(m, c, outcome);
        return;
    }
    wrapper.object->code = outcome.object->code;
    m_add_cause(wrapper, outcome);
    m_settle(m, c, wrapper);
}

static void end_shield(struct model *m, struct m_promise *c, struct m_promise *s)
{
    c->keeper->delivered = s && !c->cancelled;
    c->keeper->shield = NULL;
    pass(m, c, s);
}

static void end_keeper(struct model *m, struct m_promise *c, struct m_promise *s)
{
    if (!c->delivered && s->kind == M_REJECTED)
        m_report_error(m, m_keep(s->value));
    m_free(m, c);
}

static void end_detached(struct model *m, struct m_promise *c, struct m_promise *s)
{
    m_user_begin(m, c);
    if (s->kind == M_REJECTED && c->role == M_ON_ERROR)
        m->host.lost(m->host.self, c->who, s->value);
    else if (s->kind == M_REJECTED)
        m_report_error(m, m_keep(s->value));
    else
        m_see(m, &s->value);
    if (c->destroy)
        m->host.destroyed(m->host.self, c->who);
    m_user_end(m, c);
    m_free(m, c);
}

/* c, taken off s (NULL when it was cut off), does what it is for. */
static void run(struct model *m, struct m_promise *c, struct m_promise *s)
{
    switch (c->kind) {
    case M_HANDLE:
    case M_THEN:
        call(m, c, s);
        break;
    case M_FINALLY:
        run_finally(m, c, s);
        break;
    case M_CLEANING:
        end_cleaning(m, c, s);
        break;
    case M_ATTACH:
        run_attached(m, c, s);
        break;
    case M_CONTEXT:
        add_context(m, c, s);
        break;
    case M_SHIELD:
        end_shield(m, c, s);
        break;
    case M_KEEPER:
        end_keeper(m, c, s);
        break;
    case M_DETACH:
        end_detached(m, c, s);
        break;
    case M_FIBER:
        if (s && !c->cancelled)
            m_see(m, &s->value);
        m_fiber_goes_on(m, c, s || c->cancelled ? take_input(m, c, s) : m_none());
        break;
    case M_ELEMENT:
        m_element_settled(m, c, s);
        break;
    default:
        pass(m, c, s);
    }
}

static size_t serve_settled(struct model *m, struct m_promise *p, size_t most)
{
    size_t served = 0;
    p->busy = true;
    for (; p->consumers.n > 0 && served < most; served++) {
        struct m_promise *c = p->consumers.at[0];
        m_remove(&p->consumers, c);
        p->handled = p->handled || !c->cancelled;
        run(m, c, p);
    }
    p->busy = false;
    if (p->consumers.n > 0) { /* next time it goes on there */
        p->queued = true;
        m_insert(&m->queue, 0, p);
        return served;
    }
    m_unseen_if_left(m, p);
    m_drop_if_unwanted(m, p);
    return served;
}

static void serve_single(struct model *m, struct m_promise *c)
{
    struct m_promise *s = c->source;
    if (!s) {
        run(m, c, NULL);
        return;
    }
    s->late--;
    s->busy = true;
    s->handled = s->handled || !c->cancelled;
    run(m, c, s);
    s->busy = false;
    m_unseen_if_left(m, s);
    m_drop_if_unwanted(m, s);
}

static void serve_thenable(struct model *m, struct m_promise *p)
{
    struct m_value thenable = p->value;
    p->kind = M_SOURCE;
    p->stop = p->destroy = p->timer = false;
    p->busy = true;
    m->handlers++;
    m->host.then(m->host.self, thenable.object->who, p);
    m_release(m, thenable);
    p->busy = false;
    m_drop_if_unwanted(m, p);
}

static size_t serve(struct model *m, struct m_promise *p, size_t most)
{
    m_remove(&m->queue, p);
    p->queued = false;
    if (m_settled(p))
        return serve_settled(m, p, most);
    if (p->kind == M_CALLS_THEN)
        serve_thenable(m, p);
    else
        serve_single(m, p);
    return 1;
}

size_t m_serve(struct model *m, size_t most)
{
    if (m->draining || m->dropping || m->guarded || m->running) {
        if (m->queue.n > 0 && !m->draining)
            m->awake = m->woken = true; /* whoever wanted this needs another */
        return 0;
    }
    m->draining = m->awake = true;
    size_t served = 0;
    while (served < most && m->queue.n > 0)
        served += serve(m, m->queue.at[0], most - served);
    if (m->queue.n == 0 || ++m->unreported >= 64)
        m_report_unseen(m);
    m->awake = m->queue.n > 0;
    m->yielded = m->yielded || m->queue.n > 0;
    m->draining = false;
    return served;
}

void m_budget(struct model *m, size_t handlers) { m->budget = handlers ? handlers : 1; }

size_t m_drain(struct model *m, size_t most)
{
    size_t served = m_serve(m, most);
    m_finish(m);
    return served;
}
