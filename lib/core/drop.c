/* SPDX-License-Identifier: MIT
 *
 * core/drop.c - what happens when nobody wants a promise any more. A machine with two
 * work lists and no recursion:
 *   dead    tails of chains, still linked below their sources
 *   down    tops of chains whose way back to the tail is in `consumers`
 * A dead tail is climbed: each source that only it wanted becomes part of the chain. From
 * the top the chain is then torn down, source first. A combinator on top makes its inputs
 * dead and waits for them on `down`. What user code drops meanwhile goes onto `dead`; the
 * outermost call works everything off.
 * A chain whose source is just running its handler is parked until that returns, with all
 * that waits on `down`: its data is still in use.
 */
#include "core/combine.h"
#include "core/linear.h"
#include "core/loop.h"

static void add_dead(vow_loop *loop, vow_promise *p)
{
    p->flags |= F_DEAD;
    p->consumers = loop->dead;
    loop->dead = p;
}

vow_promise *vow__leave_source(vow_loop *loop, vow_promise *c)
{
    vow_promise *s = c->source;
    c->source = NULL;
    if (c->flags & F_QUEUED) {
        vow__unqueue(loop, c);
        if (s && --s->late == 0)
            s->flags &= (uint8_t)~F_LATE;
    } else {
        vow__remove_consumer(s, c);
        if (vow__settled(s) && !s->consumers && (s->flags & F_QUEUED))
            vow__unqueue(loop, s);
    }
    if (s)
        vow__unseen_if_left(loop, s);
    return s && !vow__wanted(s) ? s : NULL;
}

/* The chain, and all that waits on `down` below it, until the running handler returns. */
static void park(vow_loop *loop, vow_promise *chain)
{
    vow_promise *last = chain;
    last->next = loop->down;
    loop->down = NULL;
    while (last->next)
        last = last->next;
    last->next = loop->parked;
    loop->parked = chain;
}

/* Takes all elements off the combinator; inputs nobody else wants are dead, the last one
 * first: `down` turns their order round. True: the running handler's promise is one of them. */
static bool let_inputs_go(vow_loop *loop, vow_promise *combine)
{
    bool running = false;
    while (combine->first) {
        vow_promise *e = combine->first;
        combine->first = e->next_element;
        vow_promise *input = vow__leave_source(loop, e);
        vow__give(loop, e);
        if (input && input == loop->running)
            running = true;
        else if (input)
            add_dead(loop, input);
    }
    combine->left = 0;
    return running;
}

/* A combinator that nobody wants, but its inputs are just being cancelled: the line stays
 * until that is done, its inputs go now. */
static bool only_pinned(const vow_promise *s)
{
    return s->kind == K_COMBINE && !s->outside && !s->consumers && (s->flags & F_WANTED) == F_BUSY;
}

/* Goes up from the dead tail to the first source that somebody else wants, linking the
 * way back; puts the top onto `down`. */
static void climb(vow_loop *loop, vow_promise *tail)
{
    vow_promise *n = tail;
    n->consumers = NULL;
    while (vow__derived(n) && (n->source || (n->flags & F_QUEUED))) {
        vow_promise *s = n->source, *unwanted = vow__leave_source(loop, n);
        bool in_use = unwanted && s == loop->running;
        if (s && only_pinned(s))
            in_use = let_inputs_go(loop, s) || s == loop->running;
        if (in_use) {
            park(loop, n);
            return;
        }
        if (!unwanted)
            break;
        s->flags |= F_DEAD;
        s->consumers = n;
        n = s;
    }
    if (n->kind == K_THENABLE)
        vow__unqueue(loop, n); /* it needs its links */
    n->next = loop->down;
    loop->down = n;
}

/* Nobody wants the pending source. Without a stop hook its resolver stays, inert. */
static void stop_dropped(vow_loop *loop, vow_promise *p)
{
    vow_destroy_fn *stop = p->stop, *destroy = p->destroy;
    void *op = p->data;
    if (p->kind == K_ORPHAN) {
        vow__give(loop, p);
        return;
    }
    if (!stop) {
        p->kind = K_ZOMBIE;
        p->flags = 0;
        if (destroy)
            destroy(op); /* last: it may use the resolver, and p is gone */
        return;
    }
    p->flags |= F_CANCEL;
    stop(op);
    if (p->kind == K_SOURCE && destroy) /* else the hook resolved it, to no effect */
        destroy(op);
    vow__give(loop, p);
}

/* Gives back what the line itself owns, and the line. */
static void free_line(vow_loop *loop, vow_promise *p)
{
    switch (p->kind) {
    case K_SOURCE:
    case K_ORPHAN:
        stop_dropped(loop, p);
        return;
    case K_THENABLE:
    case K_FINWAIT:
        vow__release(p->saved);
        break;
    case K_ATTACH:
        p->destroy(p->data);
        break;
    case K_LINEAR:
        p->linear->drop(p->data);
        break;
    case K_CONTEXT:
        vow_error_unref(p->data);
        break;
    case K_SHIELD:
        ((vow_promise *)p->data)->data = NULL;
        break;
    case K_COMBINE:
        if (p->bits & COMBINE_DECIDED)
            vow__release(p->saved);
        else if (p->state)
            p->ops->done(p->state);
        break;
    case K_FULFILLED:
    case K_REJECTED:
        vow__release(p->value);
        break;
    default:
        break;
    }
    vow__give(loop, p);
}

static void tear_down(vow_loop *loop, vow_promise *n)
{
    while (n) {
        vow_promise *below = n->consumers;
        if (n->kind == K_COMBINE && n->first) {
            if (let_inputs_go(loop, n)) {
                park(loop, n);
            } else {
                n->next = loop->down;
                loop->down = n;
            }
            return;
        }
        n->consumers = NULL;
        free_line(loop, n);
        n = below;
    }
}

static void work_off(vow_loop *loop)
{
    if (loop->dropping)
        return;
    loop->dropping = true;
    while (loop->dead || loop->down) {
        if (loop->dead) {
            vow_promise *tail = loop->dead;
            loop->dead = tail->consumers;
            climb(loop, tail);
        } else {
            vow_promise *top = loop->down;
            loop->down = top->next;
            tear_down(loop, top);
        }
    }
    loop->dropping = false;
    if (VOW_UNLIKELY(loop->released))
        vow__core_end_if_last(loop);
}

/* Straight down: a settled promise is a chain of itself. What its value's destructor drops
 * goes onto `dead`, as always. */
static void drop_settled(vow_loop *loop, vow_promise *p)
{
    vow_value v = p->value;
    loop->dropping = true;
    vow__give(loop, p);
    vow__release(v);
    loop->dropping = false;
    if (loop->dead || loop->released)
        work_off(loop);
}

void vow__drop(vow_loop *loop, vow_promise *p)
{
    if (p == loop->running || (p->flags & F_DEAD))
        return; /* its caller looks when the handler has returned; or already on its way */
    if (VOW_UNLIKELY(p == loop->no_memory || p == loop->no_loop)) {
        vow__core_end_if_last(loop); /* these two go with the loop */
        return;
    }
    if (vow__settled(p) && !loop->dropping) {
        drop_settled(loop, p);
        return;
    }
    add_dead(loop, p);
    work_off(loop);
}

void vow__drop_pinned(vow_loop *loop, vow_promise *p)
{
    if (only_pinned(p)) {
        let_inputs_go(loop, p);
        work_off(loop);
    }
}

void vow__drop_parked(vow_loop *loop)
{
    loop->down = loop->parked; /* empty: no handler runs inside the machine */
    loop->parked = NULL;
    work_off(loop);
}
