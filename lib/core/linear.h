/* SPDX-License-Identifier: MIT
 *
 * core/linear.h - the mechanism under fibers and stackless tasks: a promise for what code
 * gives that stops to wait for other promises, one after the other. Its line is in the
 * consumers of what it waits for, so that cancel, drop and the order of the queue are those
 * of handlers, and waiting takes no memory.
 */
#ifndef VOW_CORE_LINEAR_H
#define VOW_CORE_LINEAR_H

#include "core/loop.h"

/* What the code did when it came back. */
enum vow__went {
    WENT_ENDED, /* *out is its result: anything a handler may give but VOW_SAME */
    WENT_WAITS, /* for the promise in *out, which vow__cannot_wait has nothing against */
    WENT_YIELDS /* lets go first what is in the queue */
};

struct vow__linear_ops {
    const char *name; /* for dumps */
    /* Goes on with `in` (taken), an outcome; none when it begins or has let others go first. */
    enum vow__went (*go_on)(void *data, vow_value in, vow_value *out);
    /* After WENT_ENDED: gives `data` back. */
    void (*ended)(void *data);
    /* Asked when it is to be cancelled while it waits: true keeps that for later. */
    bool (*shielded)(void *data);
    /* Nobody wants the result, or ever will: ends it now and gives `data` back. */
    void (*drop)(void *data);
};

/* A pending promise for what `data` gives, which begins from the queue; NULL when refused. */
vow_promise *vow__linear_new(vow_loop *loop, const struct vow__linear_ops *ops, void *data,
                             const char *where);

/* A promise to wait for that vow__cannot_wait need not be asked about: a source of the loop's
 * own and what has settled wait for nothing. NULL is left to that, too. */
static inline bool vow__is_simple(const vow_loop *loop, const vow_promise *p)
{
    return p && p->outside && (p->kind == K_SOURCE || vow__settled(p)) && vow__loop_of(p) == loop;
}

/* Would the running code, if it waited for what has settled, be the next to go on, and in this
 * drain? */
static inline bool vow__linear_is_next(const vow_loop *loop)
{
    const vow_promise *c = loop->running;
    return !loop->head && loop->alone && loop->left > 1 && !loop->shuffle &&
           c->kind_flags == VOW__KF(K_LINEAR, 0) && (c->consumers || c->outside);
}
/* May it then have the value of p, which is simple, where it stands? Nobody else holds that. */
static inline bool vow__linear_may_take(const vow_loop *loop, const vow_promise *p)
{
    return p->kind_flags == VOW__KF(K_FULFILLED, 0) && p->outside <= 1 && vow__linear_is_next(loop);
}
/* It may: takes p, gives its value. */
static inline vow_value vow__linear_take(vow_loop *loop, vow_promise *p)
{
    loop->left--; /* a turn all the same */
    loop->handlers++;
    vow__see(&p->value);
    vow_value v = p->value;
    vow__give(loop, p);
    return v;
}

/* linear.c, for the function below. */
void vow__linear_end(vow_loop *loop, vow_promise *c, vow_value result);
void vow__linear_look_again(vow_loop *loop, vow_promise *c);

/* consume.c, serve.c: lets c, in no list, go on with `in` (taken). Inline, and with nothing to
 * do after go_on that would need a frame of its own: a fiber's switch confuses the processor
 * about where the calls return to that were made before it. */
static inline void vow__linear_go_on(vow_loop *loop, vow_promise *c, vow_value in)
{
    loop->handlers++;
    c->flags &= (uint8_t)~F_CANCEL; /* from here on it means: cancel what it waits for next */
    c->source = NULL;
    loop->running = c;
    vow_value out;
    enum vow__went went = c->linear->go_on(c->data, in, &out);
    if (VOW_UNLIKELY(went == WENT_ENDED)) {
        vow__linear_end(loop, c, out);
        return;
    }
    loop->running = NULL;
    if (VOW_LIKELY(went == WENT_WAITS)) {
        vow_promise *next = out.as.p;
        vow__wait_for(loop, c, next);
        next->outside--;
    } else {
        vow__push(loop, c);
    }
    if (VOW_UNLIKELY(!vow__wanted(c) || (c->flags & F_CANCEL)))
        vow__linear_look_again(loop, c);
}

#endif
