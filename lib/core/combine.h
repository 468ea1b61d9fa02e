/* SPDX-License-Identifier: MIT
 *
 * core/combine.h - the mechanism under all, race, map, timeout ...: a promise that waits
 * for elements, one line per input, and a policy that says when it is decided. Deciding
 * cancels or lets go what is left; the result is delivered when no element is.
 */
#ifndef VOW_CORE_COMBINE_H
#define VOW_CORE_COMBINE_H

#include "core/loop.h"

/* The policy. Both run on the loop's thread, from the queue, one input at a time, as
 * inputs settle; they may call functions of the user's. `combine->state` is theirs. */
struct vow__combine_ops {
    const char *name; /* for dumps */
    /* One input has settled. Takes outcome (value or error value). May decide, may add. */
    void (*input)(vow_promise *combine, uint64_t index, vow_value outcome);
    /* No element is left, nothing is decided, and somebody still wants to know: must decide.
     * NULL where that cannot be. */
    void (*last)(vow_promise *combine);
    /* Gives the state back: on deciding and on drop, when state is not NULL. */
    void (*done)(void *state);
    /* `state` is a vow__array, and all that input() would do with a plain value that is not
     * the last is to put it there: so that need not be called. */
    bool fills_array;
};

enum {
    COMBINE_DECIDED = 1, /* `saved` holds the result; ops and state are gone             */
    COMBINE_CAUSE = 2    /* losers' errors become the result's cause, not suppressed ones */
};

/* Read by itself: merged with `left` beside it, which has just changed, the load would have to
 * wait until that is in the cache. */
static inline bool vow__combine_decided(const vow_promise *combine)
{
    return *(const volatile uint32_t *)&combine->bits & COMBINE_DECIDED;
}

/* A pending combinator without elements; NULL when refused (state is then still the caller's). */
vow_promise *vow__combine_new(vow_loop *loop, const struct vow__combine_ops *ops, void *state,
                              const char *where);
/* Waits for one more input, a promise of its loop whose handle it takes. False when refused:
 * input is dropped. */
bool vow__combine_add(vow_promise *combine, vow_promise *input, uint64_t index, const char *where);
/* Drops an input of a refused combinator: a refusal among them is told by that of the whole. */
void vow__combine_drop_input(vow_promise *input);
/* To be called once after building: decides when there is no element. */
void vow__combine_ready(vow_promise *combine);
/* Settles the matter, which is undecided, with `result` (taken; a value or an error value).
 * Stop hooks may run. */
void vow__combine_decide(vow_promise *combine, vow_value result);

/* for serve.c and cancel.c */
static inline void vow__combine_remove(vow_promise *c, vow_promise *e)
{
    vow_promise *after = e->next_element, *before = e->consumers;
    if (e == c->first)
        c->first = after;
    else
        before->next_element = after;
    if (after)
        after->consumers = before;
    else if (c->first)
        c->first->consumers = before;
    c->left--;
}
void vow__combine_input_settled(vow_loop *loop, vow_promise *element, vow_promise *input);
/* Marks as decided without touching the elements. Takes result. */
void vow__combine_set_result(vow_promise *combine, vow_value result);
/* Takes the element off without cancelling its input. */
void vow__combine_let_go(vow_loop *loop, vow_promise *combine, vow_promise *element);
/* Delivers the result when it is decided and no element is left. */
void vow__combine_deliver(vow_loop *loop, vow_promise *combine);

/* cancel.c: cancels or lets go all elements of a decided combinator, then delivers. */
void vow__cancel_losers(vow_loop *loop, vow_promise *combine);

/* User code runs on behalf of `node` in between: whatever it drops or cancels, the node
 * stays. vow__user_end gives false when nobody wants it any more: it is gone, with what was
 * parked until then (the source first). */
static inline void vow__user_begin(vow_loop *loop, vow_promise *node) { loop->running = node; }
void vow__drop_running(vow_loop *loop, vow_promise *node); /* serve.c */
static inline bool vow__user_end(vow_loop *loop, vow_promise *node)
{
    loop->running = NULL;
    if (VOW_LIKELY(vow__wanted(node)))
        return true;
    vow__drop_running(loop, node);
    return false;
}

/* consume.c: c, taken off the pinned s (NULL when it was cut off), does what it is for. */
void vow__consume(vow_loop *loop, vow_promise *c, vow_promise *s);
/* A handler of c has seen `in` and given `result` (taken), by which c settles. */
void vow__settle_by(vow_loop *loop, vow_promise *c, vow_value in, vow_value result);
/* Panics when the user's function of c gave away `in`, which it had only borrowed. */
void vow__check_result(const vow_promise *c, vow_value in, vow_value result);

#endif
