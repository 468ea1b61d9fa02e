/* SPDX-License-Identifier: MIT
 *
 * side_model_tasks.c - the model's fibers, tasks, channels, scopes and owners as a side of the
 * world has them.
 */
#include "side_model.h"

static void *channel(struct world *w, size_t capacity) { return m_channel_new(w->loop, capacity); }
static void *send_to(struct world *w, void *ch, union any v)
{
    return place_source(m_channel_send(w->loop, ch, v.model));
}
static void *receive_from(struct world *w, void *ch)
{
    return place_source(m_channel_receive(w->loop, ch));
}
static union any drain_channel(struct world *w, void *ch)
{
    return (union any){.model = m_channel_drain(w->loop, ch)};
}
static void close_channel(struct world *w, void *ch) { m_channel_close(w->loop, ch); }
static void free_channel(struct world *w, void *ch) { m_channel_abort(w->loop, ch); }
static void *select_from(struct world *w, size_t n, const struct side_case *from)
{
    struct m_case cases[3];
    for (size_t i = 0; i < n; i++)
        cases[i] = (struct m_case){from[i].channel, from[i].send, from[i].value.model};
    return place_source(m_channel_select(w->loop, n, cases));
}

static void *scope(struct world *w, void *parent, bool collect)
{
    return m_scope_new(w->loop, parent, collect);
}
static void add(struct world *w, void *s, void *p) { m_scope_add(w->loop, s, p); }
static void cancel_scope(struct world *w, void *s) { m_scope_cancel(w->loop, s); }
static void *join(struct world *w, void *s) { return m_scope_join(w->loop, s); }
static void free_scope(struct world *w, void *s) { m_scope_free(w->loop, s); }
static void start(struct world *w, void *s, uint32_t who, bool destroy)
{
    m_scope_start(w->loop, s, who, destroy);
}
static void limit(struct world *w, void *s, size_t most) { m_scope_limit(w->loop, s, most); }
static int deadline(struct world *w, void *s, uint64_t ms)
{
    return m_scope_deadline(w->loop, s, ms);
}
static bool is_over(void *s) { return ((struct m_scope *)s)->over; }
static size_t running(void *s) { return m_scope_running(s); }
static void *within(struct world *w, void *s, void *p) { return m_within(w->loop, s, p); }

static void *owner(struct world *w) { return m_owner_new(w->loop); }
static void *own(struct world *w, void *o, void *p) { return m_own(w->loop, o, p); }
static void free_owner(struct world *w, void *o) { m_owner_free(w->loop, o); }

static void *spawn(struct world *w, bool stackless, uint32_t who, bool destroy)
{
    return m_spawn(w->loop, stackless, who, destroy);
}
static void shield(struct world *w, bool on) { m_fiber_shield(w->loop, on); }
static void shuffle(struct world *w, uint64_t seed) { m_shuffle(w->loop, seed); }

const struct side_tasks model_tasks = {
    .channel = channel,
    .send = send_to,
    .receive = receive_from,
    .drain_channel = drain_channel,
    .close_channel = close_channel,
    .free_channel = free_channel,
    .select = select_from,
    .scope = scope,
    .add = add,
    .cancel_scope = cancel_scope,
    .join = join,
    .free_scope = free_scope,
    .start = start,
    .limit = limit,
    .deadline = deadline,
    .is_over = is_over,
    .running = running,
    .within = within,
    .owner = owner,
    .own = own,
    .free_owner = free_owner,
    .spawn = spawn,
    .shield = shield,
    .shuffle = shuffle,
};
