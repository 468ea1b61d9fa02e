/* SPDX-License-Identifier: MIT
 *
 * side_vow_tasks.c - vow's fibers, channels and scopes as a side of the world has them.
 */
#include "scope/scope.h"

#include "side_vow.h"

static void *channel(struct world *w, size_t capacity)
{
    return vow_channel_new(w->loop, capacity);
}
static void *send_to(struct world *w, void *ch, union any v)
{
    (void)w;
    vow_promise *p = vow_channel_send(ch, v.vow);
    remember_source(p);
    return p;
}
static void *receive_from(struct world *w, void *ch)
{
    (void)w;
    vow_promise *p = vow_channel_receive(ch);
    remember_source(p);
    return p;
}
static union any drain_channel(struct world *w, void *ch)
{
    (void)w;
    return (union any){.vow = vow_channel_drain(ch)};
}
static void close_channel(struct world *w, void *ch)
{
    (void)w;
    vow_channel_close(ch);
}
static void free_channel(struct world *w, void *ch)
{
    (void)w;
    vow_channel_unref(ch);
}

static void *scope(struct world *w, bool collect)
{
    return vow_scope_new(w->loop, collect ? VOW_COLLECT : VOW_FAIL_FAST);
}
static void add(struct world *w, void *s, void *p)
{
    (void)w;
    vow_scope_add(s, p);
}
static void cancel_scope(struct world *w, void *s)
{
    (void)w;
    vow_scope_cancel(s);
}
static void *join(struct world *w, void *s)
{
    (void)w;
    return vow_scope_join(s);
}
static void free_scope(struct world *w, void *s)
{
    (void)w;
    vow_scope_free(s);
}
/* Before the loop may close, as with timers: a cancelled join makes its own promise. */
void remember_joiners(const struct world *w)
{
    for (unsigned i = 0; i < SCOPES; i++) {
        const vow_scope *s = w->scopes[i];
        size_t n = 0;
        for (const struct vow__waiter *j = s ? s->joiners.first : NULL; j; j = j->next) {
            if (n == MOST_JOINERS)
                interpreter_failed("more joins than there is room for");
            places.joiners[i][n++] = (uintptr_t)j->resolver;
        }
    }
}

/* Each wait is one turn's end. */
static vow_value fiber(void *data)
{
    vow_value in = vow_none();
    for (unsigned turn = 0;; turn++) {
        union any out;
        enum m_went went = world_turn(here, as_who(data), turn, (union any){.vow = in}, &out);
        vow_release(in);
        if (went == M_ENDS)
            return out.vow;
        if (went == M_YIELDS)
            in = vow_v(vow_yield());
        else if ((vow_await(out.vow.as.p, &in) != 0) != vow_is_error(in))
            interpreter_failed("vow_await gave a code and no error, or an error and no code");
    }
}
static void *spawn(struct world *w, uint32_t who, bool destroy)
{
    return vow_spawn(w->loop, fiber, as_data(who), destroy ? destroyed : NULL);
}

const struct side_tasks vow_tasks = {
    .channel = channel,
    .send = send_to,
    .receive = receive_from,
    .drain_channel = drain_channel,
    .close_channel = close_channel,
    .free_channel = free_channel,
    .scope = scope,
    .add = add,
    .cancel_scope = cancel_scope,
    .join = join,
    .free_scope = free_scope,
    .spawn = spawn,
};
