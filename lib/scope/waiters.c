/* SPDX-License-Identifier: MIT */
#include "scope/waiters.h"

#include <string.h>

#include "value/error.h"

struct vow__waiter *vow__waiter_new(vow_loop *loop, const char *where)
{
    struct vow__waiter *w = (void *)vow__new_line(loop, K_OTHER, where);
    if (VOW_UNLIKELY(!w))
        return NULL;
    loop->made--; /* a line, but no promise */
    ((vow_promise *)w)->outside = 0;
    memset((char *)w + sizeof w->line, 0, sizeof *w - sizeof w->line);
    return w;
}

void vow__waiter_free(struct vow__waiter *w)
{
    vow_promise *line = (void *)w;
    vow__give(vow__loop_of(line), line);
}

static void append(struct vow__queue *queue, struct vow__waiter *w)
{
    w->queue = queue;
    w->next = NULL;
    w->prev = queue->last;
    if (queue->last)
        queue->last->next = w;
    else
        queue->first = w;
    queue->last = w;
}

static void take_out(struct vow__waiter *w)
{
    struct vow__queue *queue = w->queue;
    if (w->prev)
        w->prev->next = w->next;
    else
        queue->first = w->next;
    if (w->next)
        w->next->prev = w->prev;
    else
        queue->last = w->prev;
    w->queue = NULL;
}

/* The line goes last: `left` may look into it. */
static void stop(void *data)
{
    struct vow__waiter *w = data;
    struct vow__queue *queue = w->queue;
    vow_value value = w->value;
    take_out(w);
    if (queue->left)
        queue->left(queue, w);
    vow__waiter_free(w);
    vow__release(value); /* code of the user's */
}

vow_promise *vow__wait_in(struct vow__queue *queue, struct vow__waiter *w, const char *where)
{
    vow_loop *loop = vow__loop_of((vow_promise *)(void *)w);
    vow_promise *p = vow_promise_new_at(loop, &w->resolver, where);
    if (VOW_UNLIKELY(vow__settled(p))) {
        vow_value value = w->value;
        vow_resolver_abandon(w->resolver);
        vow__waiter_free(w);
        vow__release(value);
        return p;
    }
    append(queue, w);
    vow_on_stop(w->resolver, stop, w, NULL);
    return p;
}

void vow__wait_with(struct vow__queue *queue, vow_resolver *r, vow_value value)
{
    vow_loop *loop = vow__loop_of((vow_promise *)(void *)r);
    struct vow__waiter *w = vow__waiter_new(loop, NULL);
    if (VOW_UNLIKELY(!w)) {
        vow_resolve(r, vow__fail_ready(loop->closing ? VOW_ECLOSED : ENOMEM));
        vow__release(value);
        return;
    }
    w->resolver = r;
    w->value = value;
    append(queue, w);
    vow_on_stop(r, stop, w, NULL);
}

vow_promise *vow__wait_for_turn(vow_loop *loop, struct vow__queue *queue, const char *where)
{
    struct vow__waiter *w = vow__waiter_new(loop, where);
    return w ? vow__wait_in(queue, w, where) : vow__refuse(loop, NULL, NULL, NULL);
}

vow_resolver *vow__waiter_take(struct vow__waiter *w)
{
    vow_resolver *r = w->resolver;
    take_out(w);
    w->resolver = NULL;
    return r;
}

void vow__waiter_call(struct vow__waiter *w, vow_value v)
{
    vow_resolver *r = vow__waiter_take(w);
    vow__waiter_free(w);
    vow_resolve(r, v);
}

void vow__waiter_move(struct vow__waiter *w, struct vow__queue *to)
{
    if (w->queue)
        take_out(w);
    append(to, w);
}

void vow__waiters_call_all(struct vow__queue *queue, vow_value v)
{
    while (queue->first) {
        vow_value value = queue->first->value;
        vow__waiter_call(queue->first, vow_keep(v));
        vow__release(value);
    }
    vow__release(v);
}
