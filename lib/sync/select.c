/* SPDX-License-Identifier: MIT
 *
 * sync/select.c - the first of several sends and receives. One that has to wait is a group of
 * waiters, one in a queue of each channel, with one promise and a result made ahead: being
 * called allocates nothing.
 */
#include "base/mem.h"
#include "sync/channel.h"

struct group {
    vow_resolver *resolver;
    vow_value result; /* an array of two */
    size_t n;
    struct vow__waiter *waiters[]; /* by case; NULL: that one has been called */
};

static void fill(vow_value result, size_t index, vow_value v)
{
    vow__array_put(result, 0, vow_int((int64_t)index));
    vow__array_put(result, 1, v);
}

/* First all leave their queues: what is released then is code of the user's. */
static void end_group(struct group *g)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->waiters[i]->queue)
            vow__waiter_take(g->waiters[i]);
    for (size_t i = 0; i < g->n; i++) {
        vow_value value = g->waiters[i]->value;
        vow__waiter_free(g->waiters[i]);
        vow__release(value);
    }
    vow__release(g->result);
    vow__free(g);
}

void vow__select_called(struct vow__waiter *w, vow_value v)
{
    struct group *g = w->group;
    vow_resolver *r = g->resolver;
    if (vow__has_kind(v, VOW__ERROR)) {
        vow_resolve(r, v);
    } else {
        fill(g->result, (size_t)w->n - 1, v);
        vow_resolve(r, g->result);
        g->result = vow_none();
    }
    end_group(g);
}

static void stop(void *group) { end_group(group); }

/* True: the case is done, or can never be, and *ret says what came of it. */
static bool try_case(vow_channel_case *c, vow_value *ret, const char *where)
{
    if (!c->send)
        return vow__channel_take(c->channel, ret);
    bool error = vow__has_kind(c->value, VOW__ERROR);
    *ret = error ? c->value : c->channel->closed ? vow__channel_broken(where) : vow_none();
    bool done = error || (!c->channel->closed && vow__channel_put(c->channel, c->value));
    if (done)
        c->value = vow_none();
    return done || c->channel->closed;
}

static void release_values(size_t n, vow_channel_case *cases)
{
    for (size_t i = 0; i < n; i++) {
        vow_value value = cases[i].value;
        cases[i].value = vow_none();
        vow__release(value);
    }
}

/* NULL: no memory; nothing is taken then. */
static struct group *new_group(vow_loop *loop, size_t n, const char *where)
{
    struct group *g = vow__alloc_zeroed(sizeof *g + n * sizeof(struct vow__waiter *));
    if (!g)
        return NULL;
    for (; g->n < n; g->n++) {
        struct vow__waiter *w = vow__waiter_new(loop, where);
        if (!w) {
            end_group(g);
            return NULL;
        }
        w->group = g;
        w->n = g->n + 1;
        g->waiters[g->n] = w;
    }
    return g;
}

static vow_promise *wait_for_any(struct group *g, vow_loop *loop, vow_channel_case *cases,
                                 const char *where)
{
    vow_promise *p = vow_promise_new_at(loop, &g->resolver, where);
    if (vow__settled(p)) {
        vow_resolver_abandon(g->resolver);
        end_group(g);
        return p;
    }
    for (size_t i = 0; i < g->n; i++) {
        vow_channel *ch = cases[i].channel;
        g->waiters[i]->value = cases[i].value;
        cases[i].value = vow_none();
        vow__waiter_move(g->waiters[i], cases[i].send ? &ch->senders : &ch->receivers);
    }
    vow_on_stop(g->resolver, stop, g, NULL);
    return p;
}

vow_promise *vow_channel_select_at(size_t n, vow_channel_case *cases, const char *where)
{
    VOW_CHECK(n > 0, "vow_channel_select at %s: nothing to choose from", where);
    vow_loop *loop = cases[0].channel->loop;
    vow__check_loop(loop, "vow_channel_select");
    vow_promise *p = NULL;
    vow_value result = vow__array_new(2), v;
    struct group *g = vow_is_none(result) ? NULL : new_group(loop, n, where);
    for (size_t i = 0; g && !p && i < n; i++) {
        if (!try_case(&cases[i], &v, where))
            continue;
        if (!vow__has_kind(v, VOW__ERROR)) {
            fill(result, i, v);
            v = vow_keep(result);
        }
        p = vow_resolved_at(loop, v, where);
    }
    if (g && !p) {
        g->result = vow_keep(result);
        p = wait_for_any(g, loop, cases, where);
    } else if (g) {
        end_group(g);
    }
    vow__release(result);
    release_values(n, cases);
    return p ? p : vow__refuse(loop, NULL, NULL, NULL);
}
