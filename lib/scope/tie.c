/* SPDX-License-Identifier: MIT
 *
 * scope/tie.c - see tie.h; and the owner, which is nothing but such a list.
 */
#include "scope/tie.h"

#include "base/mem.h"
#include "vow/scope.h"

/* A line, whose first 8 bytes belong to the pool. In the list until its combinator is decided
 * or dropped. */
struct vow__tie {
    uint64_t line;
    struct vow__tie *next, *prev;
    struct vow__ties *ties;
    vow_promise *combine;
};
_Static_assert(sizeof(struct vow__tie) <= sizeof(vow_promise), "a tie fits a line");

static void outcome_comes(vow_promise *c, uint64_t index, vow_value outcome)
{
    (void)index;
    vow__combine_decide(c, outcome);
}

static void untie(void *state)
{
    struct vow__tie *t = state;
    if (t->prev)
        t->prev->next = t->next;
    else
        t->ties->first = t->next;
    if (t->next)
        t->next->prev = t->prev;
    vow__give(vow__loop_of((vow_promise *)state), state);
}

static const struct vow__combine_ops ops = {"within", outcome_comes, NULL, untie, false};

static struct vow__tie *new_tie(vow_loop *loop, struct vow__ties *ties, const char *where)
{
    struct vow__tie *t = (void *)vow__new_line(loop, K_OTHER, where);
    if (VOW_UNLIKELY(!t))
        return NULL;
    loop->made--; /* a line, but no promise */
    t->combine = vow__combine_new(loop, &ops, t, where);
    if (VOW_UNLIKELY(!t->combine)) {
        vow__give(loop, (void *)t);
        return NULL;
    }
    t->ties = ties;
    t->prev = NULL;
    t->next = ties->first;
    if (t->next)
        t->next->prev = t;
    ties->first = t;
    return t;
}

vow_promise *vow__tie(struct vow__ties *ties, vow_promise *p, const char *where)
{
    vow_loop *loop = vow__check(p, "vow_within or vow_own");
    struct vow__tie *t = new_tie(loop, ties, where);
    if (VOW_UNLIKELY(!t))
        return vow__refuse(loop, p, NULL, NULL);
    vow_promise *c = t->combine;
    if (VOW_LIKELY(vow__combine_add(c, p, 0, where)))
        return c;
    vow_unref(c);
    return vow__refuse(loop, NULL, NULL, NULL);
}

/* Pinned: what is dropped runs code of the user's, which may drop c. */
static void drop_input(vow_loop *loop, vow_promise *c, vow_value error)
{
    c->flags |= F_BUSY;
    vow__combine_set_result(c, error);
    while (c->first)
        vow__combine_let_go(loop, c, c->first);
    c->flags &= (uint8_t)~F_BUSY;
    if (vow__wanted(c))
        vow__combine_deliver(loop, c);
    else
        vow__drop(loop, c);
}

void vow__ties_end(struct vow__ties *ties, vow_value error, bool drop)
{
    while (ties->first) {
        vow_promise *c = ties->first->combine;
        vow_value why = vow_keep(error);
        c->bits |= drop ? 0 : COMBINE_CAUSE;
        if (c->flags & F_DEAD)
            vow__combine_set_result(c, why); /* parked: it goes when the running handler returns */
        else if (drop)
            drop_input(vow__loop_of(c), c, why);
        else
            vow__combine_decide(c, why);
    }
}

struct vow_owner {
    struct vow__ties ties;
    vow_loop *loop;
};

vow_owner *vow_owner_new(vow_loop *loop)
{
    vow__check_loop(loop, "vow_owner_new");
    vow_owner *owner = vow__alloc_zeroed(sizeof *owner);
    if (owner)
        owner->loop = loop;
    return owner;
}

vow_owner *vow_owner_free(vow_owner *owner)
{
    if (!owner)
        return NULL;
    vow_loop *loop = owner->ties.first ? owner->loop : NULL; /* else it may be gone */
    if (loop)
        vow__check_loop(loop, "vow_owner_free");
    vow__ties_end(&owner->ties, vow__fail_ready(ECANCELED), true);
    vow__free(owner);
    if (loop)
        vow__finish(loop);
    return NULL;
}

vow_promise *vow_own_at(vow_owner *owner, vow_promise *p, const char *where)
{
    VOW_CHECK(vow_loop_of(p) == owner->loop, "vow_own at %s: a promise of another loop", where);
    return vow__tie(&owner->ties, p, where);
}
