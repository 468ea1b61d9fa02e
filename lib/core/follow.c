/* SPDX-License-Identifier: MIT
 *
 * core/follow.c - a promise resolved with another promise takes over its outcome.
 * Chains of followers collapse, so that a loop whose handler returns its own next step
 * runs in constant memory (semantics.md, "Promises"):
 *   - an exclusive derived promise is moved into the follower's line;
 *   - a follower without handles and with one consumer hands that consumer on;
 *   - what remains is K_FOLLOW, handed on when its last handle goes.
 */
#include "core/loop.h"

enum { MARKED = 1 << 30 }; /* in a K_COMBINE's bits: already looked through */

/* Goes up from n to the first combinator or source; true if that passes p. */
static bool climb_meets(vow_promise *n, const vow_promise *p, vow_promise **combinators)
{
    while (n) {
        if (n == p)
            return true;
        if (n->kind == K_COMBINE && !(n->bits & MARKED)) {
            n->bits |= MARKED;
            n->prev = *combinators; /* a pending combinator is in no list */
            *combinators = n;
        }
        n = vow__derived(n) ? n->source : NULL;
    }
    return false;
}

/* Does the pending q wait for p, through whatever it waits for? Each combinator is
 * entered once. */
static bool waits_for(vow_promise *q, const vow_promise *p)
{
    vow_promise *combinators = NULL, *seen = NULL;
    bool found = climb_meets(q, p, &combinators);
    while (combinators) {
        vow_promise *c = combinators;
        combinators = c->prev;
        c->prev = seen;
        seen = c;
        for (vow_promise *e = c->first; e && !found; e = e->next_element)
            found = climb_meets(e->source, p, &combinators);
    }
    for (; seen; seen = seen->prev)
        seen->bits &= ~(uint32_t)MARKED;
    return found;
}

/* q is settled: its outcome is p's. */
static void take_over_settled(vow_loop *loop, vow_promise *p, vow_promise *q)
{
    bool rejected = q->kind == K_REJECTED;
    if (rejected) {
        vow__now_handled(loop, q);
        q->flags |= F_HANDLED; /* p has it: should q lose its consumers, that is no loss */
    }
    vow_value outcome = vow__take_outcome(q);
    vow__drop_if_unwanted(loop, q);
    if (rejected)
        vow__reject(loop, p, outcome);
    else
        vow__fulfil(loop, p, outcome);
}

/* Everything of q but its identity moves into p; q's place at its source becomes p's. */
static void move_into(vow_loop *loop, vow_promise *p, vow_promise *q)
{
    vow_promise *s = q->source;
    p->kind = q->kind;
    p->flags |= q->flags & F_CANCEL;
    p->source = s;
    p->data = q->data;
    p->saved = q->saved; /* the widest member: all 16 bytes */
    p->next = q->next;
    p->prev = q->prev == q ? p : q->prev;
    if (s->consumers == q)
        s->consumers = p;
    else
        q->prev->next = p;
    if (q->next)
        q->next->prev = p;
    else
        s->consumers->prev = p;
    vow__give(loop, q);
}

static bool exclusive(const vow_promise *q)
{
    return !q->outside && !q->consumers && !(q->flags & (F_WANTED | F_QUEUED));
}
static bool movable(const vow_loop *loop, const vow_promise *q)
{
    return vow__derived(q) && q->kind != K_SHIELD && q != loop->running && exclusive(q);
}
static bool replaceable(const vow_promise *p)
{
    return !p->outside && p->consumers && !p->consumers->next && !(p->flags & (F_WANTED | F_CANCEL));
}

/* p waits for `q`, nobody but p's only consumer wants p: that waits for q itself. */
static void hand_on_consumer(vow_loop *loop, vow_promise *p, vow_promise *q)
{
    vow_promise *c = p->consumers;
    p->consumers = NULL;
    c->source = q;
    vow__add_consumer(q, c);
    vow__give(loop, p);
}

void vow__splice_follower(vow_loop *loop, vow_promise *p)
{
    if ((p->flags & F_QUEUED) || !replaceable(p))
        return;
    vow_promise *s = p->source, *c = p->consumers;
    if (vow__settled(s))
        return;
    c->source = s;
    c->next = p->next;
    c->prev = p->prev == p ? c : p->prev;
    if (s->consumers == p)
        s->consumers = c;
    else
        p->prev->next = c;
    if (p->next)
        p->next->prev = c;
    else
        s->consumers->prev = c;
    p->consumers = NULL;
    vow__give(loop, p);
}

static void link_to_pending(vow_loop *loop, vow_promise *p, vow_promise *q)
{
    bool cancelled = p->flags & F_CANCEL;
    p->flags &= (uint8_t)~F_CANCEL;
    if (movable(loop, q)) {
        move_into(loop, p, q);
    } else if (!cancelled && replaceable(p)) {
        hand_on_consumer(loop, p, q);
        return;
    } else {
        p->kind = K_FOLLOW;
        p->source = q;
        vow__add_consumer(q, p);
    }
    if (cancelled)
        vow__cancel(loop, p);
}

int vow__cannot_wait(vow_loop *loop, vow_promise *c, vow_promise *q)
{
    vow__check(q, "resolving with a promise");
    if (vow__loop_of(q) != loop)
        return VOW_ELOOP;
    const vow_promise *top = q; /* a chain's source waits for nothing; a combinator may */
    while (top != c && vow__derived(top) && top->source)
        top = top->source;
    if (VOW_LIKELY(top != c && top->kind != K_COMBINE))
        return 0;
    return q == c || (c->consumers && waits_for(q, c)) ? VOW_ECYCLE : 0;
}

static VOW_NOINLINE void follow(vow_loop *loop, vow_promise *p, vow_promise *q)
{
    int refused = vow__cannot_wait(loop, p, q);
    if (VOW_UNLIKELY(refused)) {
        vow__reject(loop, p, vow__fail_ready(refused));
        vow_unref(q);
        return;
    }
    q->outside--;
    if (vow__settled(q))
        take_over_settled(loop, p, q);
    else
        link_to_pending(loop, p, q);
}

/* Straight down: a plain value that nobody else asks for. What q is and who holds it are not
 * looked at next to each other: merged into one load that would wait for both to be stored. */
void vow__follow(vow_loop *loop, vow_promise *p, vow_promise *q)
{
    if (q->kind_flags != VOW__KF(K_FULFILLED, 0) || !vow__is_plain(q->value) || q->outside != 1 ||
        vow__loop_of(q) != loop) {
        follow(loop, p, q);
        return;
    }
    vow_value v = q->value;
    vow__give(loop, q);
    vow__resolve_with(loop, p, v);
}
