/* SPDX-License-Identifier: MIT
 *
 * time.c - the model's clock, its door for posts, and its end.
 */
#include <stdlib.h>

#include "inside.h"
#include "vow/error.h"

static bool busy(const struct model *m)
{
    return m->inside || m->in_run || m->draining || m->dropping || m->guarded || m->running;
}

struct m_promise *m_delay(struct model *m, uint64_t ms) { return m_delay_until(m, m->now + ms); }

struct m_promise *m_delay_until(struct model *m, uint64_t ms)
{
    struct m_promise *p = m_make(m, M_SOURCE);
    if (!p)
        return m_refuse(m, NULL, false, 0);
    m->live++; /* the timer */
    p->stop = p->timer = true;
    p->deadline = ms;
    p->timer_number = m->timers_made++;
    size_t at = 0;
    while (at < m->timers.n && m->timers.at[at]->deadline <= p->deadline)
        at++;
    m_insert(&m->timers, at, p);
    return p;
}

struct m_promise *m_timeout(struct model *m, struct m_promise *p, uint64_t ms, bool absolute)
{
    if (m_settled(p))
        return p;
    struct m_promise *inputs[] = {p, m_delay_until(m, absolute ? ms : m->now + ms)};
    if (!m_settled(inputs[1]))
        return m_combine(m, M_TIMEOUT, 2, inputs);
    m_unref(m, p);
    return inputs[1];
}

static bool is_due(const struct model *m)
{
    return m->timers.n > 0 && m->timers.at[0]->deadline <= m->now;
}

/* Callbacks of the base: what they make ready is served at the end of the outermost. */
static void enter(struct model *m)
{
    m->inside++;
    m->awake = true;
}

static void leave(struct model *m)
{
    if (m->inside == 1)
        m_serve(m, m->budget);
    m->inside--;
}

static bool fire_due(struct model *m)
{
    if (!is_due(m))
        return false;
    enter(m);
    uint64_t now = m->now;
    while (m->timers.n > 0 && m->timers.at[0]->deadline <= now) {
        struct m_promise *p = m->timers.at[0];
        m_remove(&m->timers, p);
        m_resolve(m, p, m_none());
    }
    leave(m);
    return true;
}

/* What many posts have made ready is served in between. */
static void run_posts(struct model *m)
{
    enum { MANY = 128 };
    uint32_t *posts = m->posts;
    size_t n = m->post_count;
    m->posts = NULL;
    m->post_count = m->post_room = 0;
    enter(m);
    for (size_t i = 0; i < n; i++) {
        m->host.posted(m->host.self, posts[i]);
        m->host.destroyed(m->host.self, posts[i]);
        if ((i + 1) % MANY == 0 && m->queue.n > 0) {
            m_serve(m, m->budget);
            m->awake = true; /* as in enter: leave is still to come */
        }
    }
    free(posts);
    leave(m);
}

static void wake_up(struct model *m)
{
    enter(m);
    fire_due(m);
    leave(m);
}

/* One turn of the base without waiting: whoever woke it comes first, then posts, then what
 * a drain left over, unless another drain left something meanwhile: then in the next turn.
 * True: something was called. */
static bool turn_base(struct model *m)
{
    bool woken = m->woken, posts = m->post_count > 0, yielded = m->yielded;
    m->woken = m->yielded = false;
    if (woken)
        wake_up(m);
    if (posts)
        run_posts(m);
    if (yielded && !m->yielded)
        wake_up(m);
    while (m->woken) {
        m->woken = false;
        wake_up(m);
    }
    return woken || posts || yielded;
}

int m_post(struct model *m, uint32_t who)
{
    if (m->posts_refused) {
        (m->closed ? m->host.destroyed : m->host.discarded)(m->host.self, who);
        return -1;
    }
    if (m->post_count == m->post_room) {
        m->post_room = m->post_room * 2 + 4;
        m->posts = realloc(m->posts, m->post_room * sizeof *m->posts);
    }
    m->posts[m->post_count++] = who;
    return 0;
}

/* Until nothing is ready. */
static void turn(struct model *m)
{
    bool something;
    do {
        m_serve(m, m->budget);
        something = fire_due(m);
        something = turn_base(m) || something;
    } while (!m->stop && (something || m->queue.n > 0));
}

/* False: not from here. */
static bool begin_run(struct model *m)
{
    if (busy(m) || m->closed)
        return false;
    m->in_run = true;
    return true;
}

static void end_run(struct model *m)
{
    m->in_run = m->stop = false;
    m_finish(m);
}

long m_poll(struct model *m)
{
    if (!begin_run(m))
        return -1;
    uint64_t before = m->handlers;
    turn(m);
    long ran = (long)(m->handlers - before);
    end_run(m);
    return ran;
}

void m_advance(struct model *m, uint64_t ms)
{
    uint64_t target = m->now + ms;
    if (!begin_run(m)) {
        m->now = target;
        m->woken = m->woken || !m->closed;
        return;
    }
    turn(m);
    while (!m->stop && m->timers.n > 0 && m->timers.at[0]->deadline <= target) {
        if (m->now < m->timers.at[0]->deadline)
            m->now = m->timers.at[0]->deadline;
        fire_due(m);
        turn(m);
    }
    if (!m->stop && m->now < target)
        m->now = target;
    end_run(m);
}

/* Closing. */

static struct m_promise *next_source(struct model *m, uintptr_t after)
{
    struct m_promise *next = NULL;
    for (size_t i = 0; i < m->made; i++) {
        struct m_promise *p = &m->promises[i];
        if ((p->kind == M_SOURCE || p->kind == M_ORPHAN) && !p->dead && p->address > after &&
            (!next || p->address < next->address))
            next = p;
    }
    return next;
}

/* The law does not say in which order pending promises are rejected; the model follows vow. */
static bool reject_sources(struct model *m)
{
    struct m_promise *p = next_source(m, 0);
    bool found = p != NULL;
    while (p) {
        uintptr_t address = p->address;
        m->guarded = true;
        m_stop_source(m, p, m_ready(m, VOW_ECLOSED));
        m->guarded = false;
        p = next_source(m, address);
    }
    return found;
}

static void close_now(struct model *m)
{
    m->close_asked = false;
    if (m->closing)
        return;
    m->inside++;
    uint32_t *posts = m->posts;
    size_t n = m->post_count;
    m->posts = NULL;
    m->post_count = m->post_room = 0;
    m->posts_refused = true;
    for (size_t i = 0; i < n; i++)
        m->host.discarded(m->host.self, posts[i]);
    free(posts);
    m->closing = true;
    m->host.closing(m->host.self);
    do { /* a foreign thenable gets a resolver when it is served */
        while (m->queue.n > 0 || m->unseen.n > 0)
            m_serve(m, SIZE_MAX);
    } while (reject_sources(m));
    m->closed = true;
    m->inside--;
}

void m_finish(struct model *m)
{
    if (m->close_asked && !busy(m))
        close_now(m);
}

size_t m_handles(const struct model *m)
{
    size_t handles = m->no_loop->handles - 1;
    for (size_t i = 0; i < m->made; i++)
        if (m->promises[i].kind != M_FREE)
            handles += m->promises[i].handles;
    return handles;
}

size_t m_pending(const struct model *m)
{
    size_t pending = 0;
    for (size_t i = 0; i < m->made; i++)
        pending += m->promises[i].kind > M_ZOMBIE && !m_settled(&m->promises[i]);
    return pending;
}

size_t m_close(struct model *m)
{
    if (busy(m)) {
        m->close_asked = m->woken = true;
        m->stop = m->stop || m->in_run;
        return 0;
    }
    close_now(m);
    size_t handles = m_handles(m);
    m_finish(m);
    return handles;
}
