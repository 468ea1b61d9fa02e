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
    struct vow__waiter *waiters[]; /* by case; NULL: has become a parcel */
};

static void fill(vow_value result, size_t index, vow_value v)
{
    vow__array_put(result, 0, vow_int((int64_t)index));
    vow__array_put(result, 1, v);
}

static void leave_queues(struct group *g)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->waiters[i] && g->waiters[i]->queue)
            vow__waiter_take(g->waiters[i]);
}

/* It is in no queue: what is released is code of the user's. */
static void end_group(struct group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        if (!g->waiters[i])
            continue;
        vow_value value = g->waiters[i]->value;
        vow__waiter_free(g->waiters[i]);
        vow__release(value);
    }
    vow__release(g->result);
    vow__free(g);
}

void vow__select_called(struct vow__waiter *w, vow_channel *ch, vow_value v)
{
    struct group *g = w->group;
    vow_value result = v;
    size_t index = (size_t)w->n - 1;
    leave_queues(g);
    if (ch) {
        g->waiters[index] = NULL;
        v = vow__channel_pack(ch, w, v);
    }
    if (!vow__has_kind(v, VOW__ERROR)) {
        fill(g->result, index, v);
        result = g->result;
        g->result = vow_none();
    }
    vow_resolve(g->resolver, result);
    end_group(g);
}

bool vow__select_wanted(const struct vow__waiter *w)
{
    return vow_is_wanted(((const struct group *)w->group)->resolver);
}

static void stop(void *group)
{
    leave_queues(group);
    end_group(group);
}

/* True: the case is done, or can never be, and *ret says what came of it. */
static bool try_case(vow_channel_case *c, struct vow__waiter **w, vow_value *ret,
                     struct vow__told *told, const char *where)
{
    *told = (struct vow__told){NULL, NULL, vow_none()};
    if (!c->send) {
        bool received = vow__channel_take(c->channel, *w, ret, told);
        *w = received ? NULL : *w;
        return received;
    }
    bool error = vow__has_kind(c->value, VOW__ERROR);
    *ret = error ? c->value : c->channel->closed ? vow__channel_broken(where) : vow_none();
    bool done = error || (!c->channel->closed && vow__channel_put(c->channel, c->value, told));
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

/* NULL: no memory. */
static struct group *new_group(vow_loop *loop, size_t n, const char *where)
{
    struct group *g = vow__alloc_zeroed(sizeof *g + n * sizeof(struct vow__waiter *));
    if (!g)
        return NULL;
    g->result = vow__array_new(2);
    if (vow_is_none(g->result)) {
        end_group(g);
        return NULL;
    }
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

static void wait_for_any(struct group *g, vow_channel_case *cases)
{
    for (size_t i = 0; i < g->n; i++) {
        vow_channel *ch = cases[i].channel;
        g->waiters[i]->value = cases[i].value;
        cases[i].value = vow_none();
        vow__waiter_move(g->waiters[i], cases[i].send ? &ch->senders : &ch->receivers);
    }
    vow_on_stop(g->resolver, stop, g, NULL);
}

/* Takes g, which is complete: what is done from here on is done. */
static void do_or_wait(struct group *g, vow_channel_case *cases, const char *where)
{
    vow_value v;
    struct vow__told told;
    for (size_t i = 0; i < g->n; i++) {
        if (!try_case(&cases[i], &g->waiters[i], &v, &told, where))
            continue;
        if (!vow__has_kind(v, VOW__ERROR)) {
            fill(g->result, i, v);
            v = vow_keep(g->result);
        }
        vow_resolve(g->resolver, v);
        vow__channel_tell(&told);
        end_group(g);
        return;
    }
    wait_for_any(g, cases);
}

vow_promise *vow_channel_select_at(size_t n, vow_channel_case *cases, const char *where)
{
    VOW_CHECK(n > 0, "vow_channel_select at %s: nothing to choose from", where);
    vow_loop *loop = cases[0].channel->loop;
    for (size_t i = 0; i < n; i++) {
        vow__channel_check(cases[i].channel, cases[i].value, where);
        VOW_CHECK(cases[i].channel->loop == loop,
                  "vow_channel_select at %s: a channel of another loop", where);
    }
    vow_resolver *r;
    vow_promise *p = vow_promise_new_at(loop, &r, where);
    struct group *g = vow__settled(p) ? NULL : new_group(loop, n, where);
    if (g) {
        g->resolver = r;
        do_or_wait(g, cases, where);
    } else if (!vow__settled(p)) {
        vow_resolve(r, vow__fail_ready(ENOMEM));
    }
    release_values(n, cases);
    return p;
}
