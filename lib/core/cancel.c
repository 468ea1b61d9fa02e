/* SPDX-License-Identifier: MIT
 *
 * core/cancel.c - the polite way to end a promise: its source is stopped if only this
 * chain wanted it, and the chain sees ECANCELED. No recursion: combinators met on the way
 * go onto a list.
 */
#include "core/combine.h"
#include "core/linear.h"
#include "core/loop.h"

void vow__stop_source(vow_loop *loop, vow_promise *p, vow_error *error)
{
    vow_destroy_fn *stop = p->stop, *destroy = p->destroy;
    void *op = p->data;
    bool resolver_stays = p->kind == K_SOURCE && !stop;
    uint8_t busy = p->flags & F_BUSY; /* set: a foreign `then` is running, and cancels */
    if (stop) {
        p->flags |= F_BUSY | F_CANCEL;
        stop(op);
        p->flags = (uint8_t)((p->flags & ~F_BUSY) | busy);
        if (p->kind != K_SOURCE) { /* the hook settled it: the cancel has lost */
            vow__drop_if_unwanted(loop, p);
            return;
        }
    }
    if (!resolver_stays) {
        vow__reject(loop, p, vow_error_value(error));
    } else {
        p->flags |= F_BUSY;
        vow__reject(loop, p, vow_error_value(error));
        p->flags = (uint8_t)((p->flags & ~F_BUSY) | busy | F_KEPT); /* until r is used, to no effect */
    }
    if (destroy)
        destroy(op);
}

/* Cuts the branch n off a source that others want too: it gets ECANCELED, from the queue. */
static void cut(vow_loop *loop, vow_promise *n)
{
    vow__leave_source(loop, n);
    n->flags |= F_CANCEL;
    vow__push(loop, n);
}

static void cancel_thenable(vow_loop *loop, vow_promise *p)
{
    vow_value thenable = p->saved;
    vow__unqueue(loop, p);
    vow__reject(loop, p, vow__fail_ready(ECANCELED));
    vow__release(thenable);
}

/* A clean-up goes on; what is delivered after it is the cancellation, unless the outcome
 * is an error already. */
static void cancel_finwait(vow_promise *p)
{
    vow_value outcome = p->saved;
    if (vow__has_kind(outcome, VOW__ERROR))
        return;
    p->saved = vow__fail_ready(ECANCELED);
    vow__release(outcome);
}

/* Pins c and pushes it onto the list of combinators whose elements are to be cancelled. */
static void add_combinator(vow_promise *c, vow_promise **combinators)
{
    c->flags |= F_BUSY;
    c->next = *combinators;
    *combinators = c;
}

/* An undecided combinator is decided by the cancel; one that only waits for its losers has
 * won against it. */
static void cancel_combinator(vow_promise *c, vow_promise **combinators)
{
    if (c->bits & COMBINE_DECIDED)
        return;
    add_combinator(c, combinators); /* pinned before destructors run */
    vow__combine_set_result(c, vow__fail_ready(ECANCELED));
}

/* What ends the climb at n by n's own kind. False: go on to n's source. */
static bool cancel_here(vow_loop *loop, vow_promise *n, vow_promise **combinators)
{
    switch (n->kind) {
    case K_SOURCE:
    case K_ORPHAN:
        if (!(n->flags & F_CANCEL))
            vow__stop_source(loop, n, vow__error_ready(ECANCELED));
        return true;
    case K_THENABLE:
        cancel_thenable(loop, n);
        return true;
    case K_FINWAIT:
        cancel_finwait(n);
        return true;
    case K_COMBINE:
        cancel_combinator(n, combinators);
        return true;
    case K_LINEAR:
        return n->linear->shielded(n->data);
    default:
        return false;
    }
}

/* n is not to see the outcome of the settled s any more. A value that nobody else will see
 * goes now, not when n's turn comes: it may be bytes that a next read is to find where they
 * came from (value/buf.h). */
static void let_value_go(vow_promise *s, const vow_promise *n)
{
    bool only = n->flags & F_QUEUED ? !s->consumers && s->late == 1
                                    : s->consumers == n && !n->next && !(s->flags & F_LATE);
    if (!only || s->outside || (s->flags & F_BUSY) || s->kind != K_FULFILLED)
        return;
    vow_value v = s->value;
    s->value = vow_none();
    vow__release(v);
}

/* Climbs from p to what can be stopped. */
static void climb(vow_loop *loop, vow_promise *p, vow_promise **combinators)
{
    for (vow_promise *n = p; !vow__settled(n); n = n->source) {
        if (n == loop->running) {
            n->flags |= F_CANCEL; /* applies to the promise it returns */
            return;
        }
        if (cancel_here(loop, n, combinators))
            return;
        if ((n->flags & (F_QUEUED | F_CANCEL)) || vow__settled(n->source)) {
            bool again = n->flags & F_CANCEL;
            n->flags |= F_CANCEL;      /* keeps its place in the queue, as a rejection */
            if (!again && n->source)   /* else it was cut off, or has done so; K_LINEAR */
                let_value_go(n->source, n);
            return;
        }
        if (!vow__only_wanter(n->source, n)) { /* as behind a shield: its keeper wants it */
            cut(loop, n);
            return;
        }
    }
}

/* A bare source has no handlers to wait for: letting it go stops it. */
static bool worth_waiting_for(const vow_promise *input, const vow_promise *e)
{
    return !vow__settled(input) && input->kind != K_SOURCE && vow__only_wanter(input, e);
}

/* A stop hook may drop c: then all elements are gone at once (drop.c). */
static void cancel_elements(vow_loop *loop, vow_promise *c, vow_promise **combinators)
{
    for (vow_promise *e = c->first, *next; e && c->first; e = next) {
        next = e->next_element;
        if (worth_waiting_for(e->source, e))
            climb(loop, e->source, combinators);
        else
            vow__combine_let_go(loop, c, e);
    }
    c->flags &= (uint8_t)~F_BUSY;
    if (c == loop->running)
        return; /* its caller delivers */
    if (vow__wanted(c))
        vow__combine_deliver(loop, c);
    else
        vow__drop(loop, c);
}

static void work_off(vow_loop *loop, vow_promise *combinators)
{
    while (combinators) {
        vow_promise *c = combinators;
        combinators = c->next;
        cancel_elements(loop, c, &combinators);
    }
}

void vow__cancel_losers(vow_loop *loop, vow_promise *combine)
{
    vow_promise *combinators = NULL;
    bool guarded = loop->guarded;
    loop->guarded = true; /* stop hooks must not have handlers served under us */
    add_combinator(combine, &combinators);
    work_off(loop, combinators);
    loop->guarded = guarded;
}

void vow__cancel(vow_loop *loop, vow_promise *p)
{
    vow_promise *combinators = NULL;
    bool guarded = loop->guarded;
    loop->guarded = true;
    climb(loop, p, &combinators);
    work_off(loop, combinators);
    loop->guarded = guarded;
}

void vow_cancel(vow_promise *p)
{
    vow_loop *loop = vow__check(p, "vow_cancel");
    vow__cancel(loop, p);
    vow__finish(loop);
}
