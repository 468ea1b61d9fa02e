/* SPDX-License-Identifier: MIT
 *
 * core/combine.c - see combine.h. Elements hang in a list in input order: next_element
 * forward, `consumers` backward (the first one's is the last).
 */
#include "core/combine.h"

vow_promise *vow__combine_new(vow_loop *loop, const struct vow__combine_ops *ops, void *state,
                              const char *where)
{
    vow_promise *c = vow__new_line(loop, K_COMBINE, where);
    if (!c)
        return NULL;
    c->outside = 1;
    c->first = NULL;
    c->left = c->bits = 0;
    c->ops = ops;
    c->state = state;
    return c;
}

void vow__combine_drop_input(vow_promise *input)
{
    if (input == vow__loop_of(input)->no_memory)
        vow_mark_handled(input);
    vow_unref(input);
}

bool vow__combine_add(vow_promise *c, vow_promise *input, uint64_t index, const char *where)
{
    vow_loop *loop = vow__loop_of(c);
    vow_promise *e = vow__new_line(loop, K_ELEMENT, where);
    if (VOW_UNLIKELY(!e)) {
        vow__combine_drop_input(input);
        return false;
    }
    vow__wait_for(loop, e, input);
    input->outside--;
    e->outside = 0;
    e->data = c;
    e->index = index;
    e->next_element = NULL;
    if (c->first) {
        e->consumers = c->first->consumers;
        c->first->consumers->next_element = e;
        c->first->consumers = e;
    } else {
        c->first = e->consumers = e;
    }
    c->left++;
    return true;
}

void vow__combine_deliver(vow_loop *loop, vow_promise *c)
{
    if (vow__combine_decided(c) && c->left == 0)
        vow__settle_as(loop, c, c->saved);
}

void vow__combine_ready(vow_promise *c)
{
    if (c->left == 0 && !vow__combine_decided(c) && vow__wanted(c))
        c->ops->last(c);
}

void vow__combine_set_result(vow_promise *c, vow_value result)
{
    void (*done)(void *) = c->ops->done;
    void *state = c->state;
    c->bits |= COMBINE_DECIDED;
    c->saved = result;
    if (state)
        done(state); /* last: destructors are code of the user's */
}

void vow__combine_decide(vow_promise *c, vow_value result)
{
    vow__combine_set_result(c, result);
    vow__cancel_losers(vow__loop_of(c), c);
}

/* A loser's error travels on the result's error; what has no room there is reported if it
 * came after the cancel (`late`), else it is what the combinator is meant to overlook. */
static void lose(vow_loop *loop, vow_promise *c, vow_value outcome, bool late)
{
    vow_value result = c->saved;
    if (!vow__has_kind(outcome, VOW__ERROR) || outcome.as.p == result.as.p) {
        vow__release(outcome);
        return;
    }
    vow_error *e = outcome.as.p;
    bool cancelled = vow__is_cancel(e);
    if (vow__has_kind(result, VOW__ERROR)) {
        if (c->bits & COMBINE_CAUSE)
            e = e == vow__error_ready(ECANCELED) ? NULL : vow__error_add_cause(result.as.p, e);
        else if (!cancelled)
            e = vow__error_suppress(result.as.p, e);
    }
    if (e && late && !cancelled)
        vow__report_error(loop, e, c->site);
    else
        vow_error_unref(e);
}

/* A queued input that only e waits for, and whose value needs no care. */
static bool let_go_is_straight(const vow_promise *e, const vow_promise *input)
{
    return input->kind_flags == VOW__KF(K_FULFILLED, F_QUEUED) && input->consumers == e &&
           !e->next && !input->outside && vow__is_plain(input->value);
}

void vow__combine_let_go(vow_loop *loop, vow_promise *c, vow_promise *e)
{
    vow_promise *input = e->source;
    if (let_go_is_straight(e, input)) {
        vow__combine_remove(c, e);
        vow__unqueue(loop, input);
        vow__give(loop, e);
        vow__give(loop, input);
        return;
    }
    vow_value outcome = vow_none();
    if (input->kind == K_REJECTED) {
        outcome = vow_keep(input->value);
        input->flags |= F_HANDLED;
    }
    vow__combine_remove(c, e);
    vow_promise *unwanted = vow__leave_source(loop, e);
    vow__give(loop, e);
    if (unwanted)
        vow__drop(loop, unwanted);
    lose(loop, c, outcome, false);
}

void vow__combine_input_settled(vow_loop *loop, vow_promise *e, vow_promise *input)
{
    vow_promise *c = e->data;
    uint64_t index = e->index;
    vow_value outcome = vow__take_outcome(input);
    vow__combine_remove(c, e);
    vow__give(loop, e);
    vow__user_begin(loop, c);
    if (vow__combine_decided(c))
        lose(loop, c, outcome, true);
    else
        c->ops->input(c, index, outcome);
    vow__combine_ready(c);
    bool cancel = (c->flags & F_CANCEL) && !vow__combine_decided(c);
    c->flags &= (uint8_t)~F_CANCEL;
    if (!vow__user_end(loop, c))
        return;
    if (cancel)
        vow__cancel(loop, c);
    else
        vow__combine_deliver(loop, c);
}
