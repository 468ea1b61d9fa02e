/* SPDX-License-Identifier: MIT
 *
 * core/serve.c - the queue at work. An entry is a settled promise with the consumers it
 * had when it settled, or one consumer on its own (late, or cut off), or a foreign
 * thenable. First in, first out; no handler under another.
 */
#include "core/combine.h"
#include "core/loop.h"

_Thread_local vow_loop *vow__running_loop;

vow_loop *vow_current(void) { return vow__running_loop; }

/* What was parked wanted the node, which nobody else does: both go, the source first. */
static void drop_with_parked(vow_loop *loop, vow_promise *node)
{
    vow__drop(loop, node);
    if (loop->parked)
        vow__drop_parked(loop);
}

static inline bool user_end(vow_loop *loop, vow_promise *node)
{
    loop->running = NULL;
    if (VOW_LIKELY(vow__wanted(node)))
        return true;
    drop_with_parked(loop, node);
    return false;
}

bool vow__user_end(vow_loop *loop, vow_promise *node) { return user_end(loop, node); }

/* What c gets from its source s: the outcome, or the cancellation. _input borrows it,
 * _outcome takes it. */
static vow_value borrow_input(const vow_promise *c, const vow_promise *s)
{
    return VOW_UNLIKELY(c->flags & F_CANCEL) ? vow__fail_ready(ECANCELED) : s->value;
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

/* A handler of c has seen `in` and given `result`, by which c settles. */
static void settle_by(vow_loop *loop, vow_promise *c, vow_value in, vow_value result)
{
    vow__check_result(c, in, result);
    if (vow__has_kind(result, VOW__SAME))
        result = vow_keep(in);
    if (VOW_LIKELY(user_end(loop, c)))
        vow__resolve_with(loop, c, result);
    else
        vow__release(result);
}

/* Calls one handler of c with what it sees: `ok`, or `err` where that is NULL. */
static void call(vow_loop *loop, vow_promise *c, vow_value in, vow_then_fn *ok,
                        vow_catch_fn *err)
{
    loop->handlers++;
    c->flags &= (uint8_t)~F_CANCEL; /* from here on it means: cancel what is returned */
    c->source = NULL;
    vow__seen(in);
    vow__user_begin(loop, c);
    settle_by(loop, c, in, ok ? ok(in, c->data) : err(vow_as_error(in), c->data));
}

/* The error of a failed clean-up wins and carries what it replaces. c settles before any
 * code of the user's (a report, a destructor) runs: it is in no list meanwhile. */
static void fail_finally(vow_loop *loop, vow_promise *c, vow_value error, vow_value outcome)
{
    bool two = vow__has_kind(outcome, VOW__ERROR);
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
    if (!user_end(loop, c)) {
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
    if (user_end(loop, c))
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
        vow__seen(s->value); /* thrown away on purpose */
    if (c->destroy)
        c->destroy(c->data);
    user_end(loop, c); /* F_KEPT: it is wanted to its end */
    vow__give(loop, c);
}

/* c, taken off the pinned s (NULL when it was cut off), does what it is for. */
static void run(vow_loop *loop, vow_promise *c, vow_promise *s)
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
    case K_ELEMENT:
        vow__combine_input_settled(loop, c, s);
        break;
    default: /* K_FOLLOW */
        pass(loop, c, s);
    }
}

static void push_front(vow_loop *loop, vow_promise *p)
{
    p->flags |= F_QUEUED;
    p->prev = NULL;
    p->next = loop->head;
    if (loop->head)
        loop->head->prev = p;
    else
        loop->tail = p;
    loop->head = p;
}

/* The consumers that p had when it settled, at most `most` of them. A cancelled one does not
 * see the error, so it does not handle it. */
static size_t serve_settled(vow_loop *loop, vow_promise *p, size_t most)
{
    size_t served = 0;
    vow_promise *c;
    p->flags |= F_BUSY;
    while ((c = p->consumers) != NULL && served < most) {
        p->consumers = c->next;
        if (c->next)
            c->next->prev = c->prev;
        if (!(c->flags & F_CANCEL))
            p->flags |= F_HANDLED;
        run(loop, c, p);
        served++;
    }
    p->flags &= (uint8_t)~F_BUSY;
    if (VOW_UNLIKELY(p->consumers != NULL)) {
        push_front(loop, p);
        return served;
    }
    vow__unseen_if_left(loop, p);
    vow__drop_if_unwanted(loop, p);
    return served;
}

/* Straight down, with nothing left out that the general way would do: a fulfilled promise at
 * the head of the queue whose only consumer is an unflagged `then`, or the element of a
 * combinator that only stores plain values. */

static bool is_straight(const vow_promise *p)
{
    return p->kind_flags == VOW__KF(K_FULFILLED, F_QUEUED) && !p->consumers->next;
}

static inline void pop_head(vow_loop *loop, vow_promise *p)
{
    vow_promise *second = p->next;
    loop->head = second;
    if (second)
        second->prev = NULL;
    else
        loop->tail = NULL;
    p->consumers = NULL;
    p->kind_flags = VOW__KF(K_FULFILLED, F_BUSY);
}

static inline void end_straight(vow_loop *loop, vow_promise *p, vow_value v)
{
    if (VOW_LIKELY(!p->outside && !p->consumers && vow__is_plain(v) &&
                   p->kind_flags == VOW__KF(K_FULFILLED, F_BUSY))) {
        vow__give(loop, p);
    } else {
        p->flags &= (uint8_t)~F_BUSY;
        vow__drop_if_unwanted(loop, p);
    }
}

static inline void then_straight(vow_loop *loop, vow_promise *p, vow_promise *c)
{
    pop_head(loop, p);
    c->source = NULL;
    loop->handlers++;
    vow_value in = p->value;
    if (VOW_UNLIKELY(!vow__is_plain(in)))
        vow__seen(in);
    vow__user_begin(loop, c);
    vow_value result = c->ok(in, c->data);
    if (VOW_LIKELY(vow__is_plain(result) && !loop->parked && (c->consumers || c->outside) &&
                   c->kind_flags == VOW__KF(K_THEN, 0))) {
        loop->running = NULL;
        c->value = result;
        c->kind_flags = VOW__KF(K_FULFILLED, c->consumers ? F_QUEUED : 0);
        if (c->consumers)
            vow__append(loop, c);
    } else {
        settle_by(loop, c, in, result);
    }
    end_straight(loop, p, in);
}

/* Is v only to be put into the array of the element's combinator? */
static inline bool fills(const vow_promise *element, vow_value v)
{
    const vow_promise *combine = element->data;
    return vow__is_plain(v) && !(combine->bits & COMBINE_DECIDED) && combine->ops->fills_array &&
           combine->left > 1;
}

/* False: nothing was done, the general way is to be taken. */
static inline bool serve_straight(vow_loop *loop, vow_promise *p)
{
    if (VOW_UNLIKELY(!is_straight(p)))
        return false;
    vow_promise *c = p->consumers;
    if (c->kind_flags == VOW__KF(K_THEN, 0) && c->ok) {
        then_straight(loop, p, c);
        return true;
    }
    if (c->kind_flags == VOW__KF(K_ELEMENT, 0) && fills(c, p->value)) {
        vow_promise *combine = c->data;
        ((vow__array *)combine->state)->items[c->index] = p->value;
        vow__combine_remove(combine, c);
        vow__give(loop, c);
        pop_head(loop, p);
        end_straight(loop, p, p->value);
        return true;
    }
    return false;
}

/* One consumer that came after its source had settled, or was cut off from it. */
static void serve_single(vow_loop *loop, vow_promise *c)
{
    vow_promise *s = c->source;
    if (!s) {
        run(loop, c, NULL);
        return;
    }
    if (--s->late == 0)
        s->flags &= (uint8_t)~F_LATE;
    s->flags |= c->flags & F_CANCEL ? F_BUSY : F_BUSY | F_HANDLED;
    run(loop, c, s);
    s->flags &= (uint8_t)~F_BUSY;
    vow__unseen_if_left(loop, s);
    vow__drop_if_unwanted(loop, s);
}

/* The foreign `then` decides about p through a fresh resolver. */
static void serve_thenable(vow_loop *loop, vow_promise *p)
{
    vow_value thenable = p->saved;
    p->kind = K_SOURCE;
    p->data = NULL;
    p->stop = p->destroy = NULL;
    p->flags |= F_BUSY;
    loop->handlers++;
    thenable.type->then(thenable.as.p, (vow_resolver *)p);
    vow_release(thenable);
    p->flags &= (uint8_t)~F_BUSY;
    vow__drop_if_unwanted(loop, p);
}

static size_t serve(vow_loop *loop, vow_promise *p, size_t most)
{
    vow__unqueue(loop, p);
    if (vow__settled(p))
        return serve_settled(loop, p, most);
    if (p->kind == K_THENABLE)
        serve_thenable(loop, p);
    else
        serve_single(loop, p);
    return 1;
}

size_t vow__drain(vow_loop *loop, size_t most)
{
    if (loop->draining || loop->dropping || loop->guarded || loop->running) {
        if (loop->head && !loop->draining) { /* whoever wanted this drain needs another */
            loop->awake = true;
            loop->wake(loop);
        }
        return 0;
    }
    vow_loop *outer = vow__running_loop;
    vow__running_loop = loop;
    loop->draining = loop->awake = true;
    size_t served = 0;
    vow_promise *p;
    while (served < most && (p = loop->head) != NULL) {
        served += VOW_LIKELY(serve_straight(loop, p)) ? 1 : serve(loop, p, most - served);
    }
    if (!loop->head || ++loop->drains_unreported >= 64)
        vow__report_unseen(loop);
    if (loop->head)
        loop->wake(loop);
    else
        loop->awake = false;
    loop->draining = false;
    vow__running_loop = outer;
    return served;
}

size_t vow_drain(vow_loop *loop, size_t most)
{
    vow__check_loop(loop, "vow_drain");
    size_t served = vow__drain(loop, most);
    vow__finish(loop);
    return served;
}
