/* SPDX-License-Identifier: MIT
 *
 * core/serve.c - the queue at work. An entry is a settled promise with the consumers it
 * had when it settled, or one consumer on its own (late, or cut off), or a foreign
 * thenable. First in, first out; no handler under another.
 */
#include "core/combine.h"
#include "core/linear.h"
#include "core/loop.h"

_Thread_local vow_loop *vow__running_loop;

vow_loop *vow_current(void) { return vow__running_loop; }

void vow__drop_running(vow_loop *loop, vow_promise *node)
{
    vow__drop(loop, node);
    if (loop->parked)
        vow__drop_parked(loop);
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
        vow__consume(loop, c, p);
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
 * the head of the queue whose only consumer is an unflagged `then`, linear code or element. */

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
    if (VOW_LIKELY(!p->outside && vow__is_plain(v) &&
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
    vow__user_begin(loop, c);
    vow__see(&p->value);
    vow_value in = p->value, result = c->ok(in, c->data);
    if (VOW_LIKELY(vow__is_plain(result) && !loop->parked && (c->consumers || c->outside) &&
                   c->kind_flags == VOW__KF(K_THEN, 0))) {
        loop->running = NULL;
        c->value = result;
        c->kind_flags = VOW__KF(K_FULFILLED, c->consumers ? F_QUEUED : 0);
        if (c->consumers)
            vow__append(loop, c);
    } else {
        vow__settle_by(loop, c, in, result);
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
    if (c->kind_flags == VOW__KF(K_LINEAR, 0)) {
        pop_head(loop, p);
        loop->alone = !p->outside; /* else its value may go when the code has had its turn */
        vow_value in = p->value;
        if (VOW_UNLIKELY(!vow__is_plain(in))) {
            vow__see(&p->value);
            in = vow__take_outcome(p);
        }
        vow__linear_go_on(loop, c, in);
        end_straight(loop, p, p->value);
        return true;
    }
    if (c->kind_flags != VOW__KF(K_ELEMENT, 0))
        return false;
    pop_head(loop, p);
    if (fills(c, p->value)) {
        vow_promise *combine = c->data;
        ((vow__array *)combine->state)->items[c->index] = p->value;
        vow__combine_remove(combine, c);
        vow__give(loop, c);
        end_straight(loop, p, p->value);
    } else {
        vow__combine_input_settled(loop, c, p);
        p->flags &= (uint8_t)~F_BUSY;
        vow__drop_if_unwanted(loop, p);
    }
    return true;
}

/* One consumer that came after its source had settled, or was cut off from it. */
static void serve_single(vow_loop *loop, vow_promise *c)
{
    vow_promise *s = c->source;
    if (!s) {
        vow__consume(loop, c, NULL);
        return;
    }
    if (--s->late == 0)
        s->flags &= (uint8_t)~F_LATE;
    s->flags |= c->flags & F_CANCEL ? F_BUSY : F_BUSY | F_HANDLED;
    vow__consume(loop, c, s);
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
    if (loop->draining || loop->dropping || loop->guarded) {
        if (loop->head && !loop->draining) { /* whoever wanted this drain needs another */
            loop->awake = true;
            loop->wake(loop);
        }
        return 0;
    }
    vow_loop *outer = vow__running_loop;
    vow__running_loop = loop;
    loop->draining = loop->awake = true;
    loop->left = most;
    vow_promise *p;
    while (loop->left > 0 && (p = loop->head) != NULL) {
        size_t n = VOW_LIKELY(serve_straight(loop, p)) ? 1 : serve(loop, p, loop->left);
        loop->left -= n; /* less what was taken meanwhile */
    }
    size_t served = most - loop->left;
    if (!loop->head || ++loop->drains_unreported >= 64)
        vow__report_if_unseen(loop);
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
