/* SPDX-License-Identifier: MIT
 *
 * core/consume.c - what a promise does when its source has settled, by its kind: a handler
 * runs, a clean-up is waited for, data is destroyed, an outcome passes through.
 */
#include "core/combine.h"
#include "core/linear.h"
#include "core/loop.h"

/* What c gets from its source s: the outcome, or the cancellation. _input borrows it,
 * _outcome takes it. */
static vow_value borrow_input(const vow_promise *c, vow_promise *s)
{
    if (VOW_UNLIKELY(c->flags & F_CANCEL))
        return vow__fail_ready(ECANCELED);
    vow__see(&s->value);
    return s->value;
}
static vow_value take_input(const vow_promise *c, vow_promise *s)
{
    return VOW_UNLIKELY(c->flags & F_CANCEL) ? vow__fail_ready(ECANCELED) : vow__take_outcome(s);
}

static void pass(vow_loop *loop, vow_promise *c, vow_promise *s)
{
    vow__settle_as(loop, c, take_input(c, s));
}

/* A handler must not give away what it only borrowed. The source still holds its reference:
 * where references can be counted, a returned argument with only that one is misuse. */
void vow__check_result(const vow_promise *c, vow_value in, vow_value result)
{
    if (!vow__is_counted(in) || result.type != in.type || result.as.p != in.as.p || !in.type->count)
        return;
    const char *place = vow__site_text(c->site);
    VOW_CHECK(in.type->count(in.as.p) > 1,
              "the handler set at %s returned its argument (a %s) without a reference of its "
              "own: return VOW_SAME or vow_keep(v)",
              place ? place : "(places are not recorded)", vow_type_name(in));
}

static VOW_NOINLINE void end_unwanted(vow_loop *loop, vow_promise *c, vow_value result)
{
    vow__drop_running(loop, c);
    vow__release(result);
}

static inline void settle(vow_loop *loop, vow_promise *c, vow_value result)
{
    loop->running = NULL;
    if (VOW_UNLIKELY(!vow__wanted(c)))
        end_unwanted(loop, c, result);
    else if (vow__has_kind(result, VOW__PROMISE))
        vow__follow(loop, c, result.as.p);
    else
        vow__resolve_with(loop, c, result);
}

static VOW_NOINLINE void settle_alike(vow_loop *loop, vow_promise *c, vow_value in,
                                      vow_value result)
{
    vow__check_result(c, in, result);
    settle(loop, c, vow__has_kind(result, VOW__SAME) ? vow_keep(in) : result);
}

void vow__settle_by(vow_loop *loop, vow_promise *c, vow_value in, vow_value result)
{
    if (VOW_UNLIKELY(result.type == in.type || vow__has_kind(result, VOW__SAME)))
        settle_alike(loop, c, in, result);
    else
        settle(loop, c, result);
}

/* Calls one handler of c with what it sees: `ok`, or `err` where that is NULL. */
static void call(vow_loop *loop, vow_promise *c, vow_value in, vow_then_fn *ok, vow_catch_fn *err)
{
    loop->handlers++;
    c->flags &= (uint8_t)~F_CANCEL; /* from here on it means: cancel what is returned */
    c->source = NULL;
    vow__user_begin(loop, c);
    vow__settle_by(loop, c, in, ok ? ok(in, c->data) : err(vow_as_error(in), c->data));
}

/* The error of a failed clean-up wins and carries what it replaces. c settles before any
 * code of the user's (a report, a destructor) runs: it is in no list meanwhile. */
static void fail_finally(vow_loop *loop, vow_promise *c, vow_value error, vow_value outcome)
{
    bool two = vow__has_kind(outcome, VOW__ERROR) && outcome.as.p != error.as.p;
    vow_error *left = two ? vow__error_add_cause(error.as.p, outcome.as.p) : NULL;
    uint16_t site = c->site;
    vow__reject(loop, c, error);
    if (left)
        vow__report_error(loop, left, site);
    if (!two)
        vow__release(outcome);
}

static void wait_for_cleanup(vow_loop *loop, vow_promise *c, vow_promise *q, vow_value outcome)
{
    int refused = vow__cannot_wait(loop, c, q);
    if (refused) {
        fail_finally(loop, c, vow__fail_ready(refused), outcome);
        vow_unref(q); /* after: q may be c, or the last to want it */
        return;
    }
    bool cancelled = c->flags & F_CANCEL; /* asked for inside the function */
    c->flags &= (uint8_t)~F_CANCEL;
    c->kind = K_FINWAIT;
    c->saved = outcome;
    vow__wait_for(loop, c, q);
    q->outside--;
    if (cancelled)
        vow__cancel(loop, c);
}

static void run_finally(vow_loop *loop, vow_promise *c, vow_promise *s)
{
    vow_value outcome = take_input(c, s);
    vow_finally_fn *fin = c->fin;
    loop->handlers++;
    c->flags &= (uint8_t)~F_CANCEL;
    c->source = NULL;
    vow__user_begin(loop, c);
    vow_value result = fin(c->data);
    if (!vow__user_end(loop, c)) {
        vow__release(result);
        vow__release(outcome);
    } else if (vow__has_kind(result, VOW__ERROR)) {
        fail_finally(loop, c, result, outcome);
    } else if (vow__has_kind(result, VOW__PROMISE)) {
        wait_for_cleanup(loop, c, result.as.p, outcome);
    } else {
        vow__settle_as(loop, c, outcome);
        vow__release(result);
    }
}

static void end_finwait(vow_loop *loop, vow_promise *c, vow_promise *s)
{
    if (s->kind == K_REJECTED)
        fail_finally(loop, c, vow__take_outcome(s), c->saved);
    else
        vow__settle_as(loop, c, c->saved);
}

static void run_attached(vow_loop *loop, vow_promise *c, vow_promise *s)
{
    vow_value outcome = take_input(c, s);
    vow_destroy_fn *destroy = c->destroy;
    void *data = c->data;
    c->kind = K_HANDLE; /* whose line owns nothing, should destroy drop it */
    c->source = NULL;
    vow__user_begin(loop, c);
    destroy(data);
    if (vow__user_end(loop, c))
        vow__settle_as(loop, c, outcome);
    else
        vow__release(outcome);
}

static void add_context(vow_loop *loop, vow_promise *c, vow_promise *s)
{
    vow_value outcome = take_input(c, s);
    vow_error *wrapper = c->data;
    if (!vow__has_kind(outcome, VOW__ERROR)) {
        vow_error_unref(wrapper);
        vow__fulfil(loop, c, outcome);
        return;
    }
    vow_error *e = outcome.as.p;
    vow__error_set_code(wrapper, vow_error_domain(e), vow_error_code(e));
    vow_error *left = vow__error_add_cause(wrapper, e);
    vow_error_unref(left); /* never: the wrapper is ours alone and has no cause */
    vow__reject(loop, c, vow_error_value(wrapper));
}

/* The shield stands before its keeper: it has run, was cut off, or is gone by now. */
static void end_keep(vow_loop *loop, vow_promise *c, vow_promise *s)
{
    if (c->data != c && s->kind == K_REJECTED)
        vow__report_error(loop, vow_error_ref(vow_as_error(s->value)), c->site);
    vow__give(loop, c);
}

static void end_shield(vow_loop *loop, vow_promise *c, vow_promise *s)
{
    vow_promise *keep = c->data;
    bool delivers = s && !(c->flags & F_CANCEL);
    keep->data = delivers ? keep : NULL;
    pass(loop, c, s);
}

static void end_detached(vow_loop *loop, vow_promise *c, vow_promise *s)
{
    vow__user_begin(loop, c);
    if (s->kind == K_REJECTED && c->on_error)
        c->on_error(vow_as_error(s->value), c->data);
    else if (s->kind == K_REJECTED)
        vow__report_error(loop, vow_error_ref(vow_as_error(s->value)), c->site);
    else
        vow__see(&s->value); /* thrown away on purpose */
    if (c->destroy)
        c->destroy(c->data);
    vow__user_end(loop, c); /* F_KEPT: it is wanted to its end */
    vow__give(loop, c);
}

/* Without a source it begins, or has let others go first. */
static void go_on(vow_loop *loop, vow_promise *c, vow_promise *s)
{
    vow_value in = vow_none();
    if (c->flags & F_CANCEL) {
        in = vow__fail_ready(ECANCELED);
    } else if (s) {
        vow__see(&s->value);
        in = vow__take_outcome(s);
    }
    loop->alone = false; /* others that wait for s may stand behind c */
    vow__linear_go_on(loop, c, in);
}

void vow__consume(vow_loop *loop, vow_promise *c, vow_promise *s)
{
    switch (c->kind) {
    case K_HANDLE:
        call(loop, c, borrow_input(c, s), c->handle, NULL);
        break;
    case K_THEN: {
        bool failed = (c->flags & F_CANCEL) || s->kind == K_REJECTED;
        if (failed ? c->err != NULL : c->ok != NULL)
            call(loop, c, borrow_input(c, s), failed ? NULL : c->ok, c->err);
        else
            pass(loop, c, s);
        break;
    }
    case K_FINALLY:
        run_finally(loop, c, s);
        break;
    case K_FINWAIT:
        end_finwait(loop, c, s);
        break;
    case K_ATTACH:
        run_attached(loop, c, s);
        break;
    case K_CONTEXT:
        add_context(loop, c, s);
        break;
    case K_SHIELD:
        end_shield(loop, c, s);
        break;
    case K_KEEP:
        end_keep(loop, c, s);
        break;
    case K_DETACH:
        end_detached(loop, c, s);
        break;
    case K_LINEAR:
        go_on(loop, c, s);
        break;
    case K_ELEMENT:
        vow__combine_input_settled(loop, c, s);
        break;
    default: /* K_FOLLOW */
        pass(loop, c, s);
    }
}
