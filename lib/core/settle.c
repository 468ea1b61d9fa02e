/* SPDX-License-Identifier: MIT
 *
 * core/settle.c - the only place where a promise settles. Allocates nothing, runs no
 * handler: consumers are queued.
 */
#include "core/loop.h"

void vow__reject(vow_loop *loop, vow_promise *p, vow_value error)
{
    p->kind = K_REJECTED;
    p->flags &= (uint8_t)~(F_KEPT | F_CANCEL);
    p->value = error;
    p->late = p->reported = 0;
    if (p->consumers) {
        vow__push(loop, p);
        return;
    }
    vow__unseen_add(loop, p);
    vow__drop_if_unwanted(loop, p);
}

void vow__settle_as(vow_loop *loop, vow_promise *p, vow_value outcome)
{
    if (vow__has_kind(outcome, VOW__ERROR))
        vow__reject(loop, p, outcome);
    else
        vow__fulfil(loop, p, outcome);
}

vow_value vow__take_outcome(vow_promise *s)
{
    vow_value v = s->value;
    if (vow__is_plain(v))
        return v;
    if (s->outside || s->consumers || (s->flags & (F_LATE | F_KEPT | F_UNSEEN)))
        return vow_keep(v);
    s->value = vow_none();
    return v;
}

/* A job of its own calls the foreign object's `then` (Promises/A+ 2.3.3.3). */
static void resolve_with_thenable(vow_loop *loop, vow_promise *p, vow_value thenable)
{
    if (p->flags & F_CANCEL) { /* asked for while the handler ran that returned it */
        vow__reject(loop, p, vow__fail_ready(ECANCELED));
        vow__release(thenable);
        return;
    }
    p->kind = K_THENABLE;
    p->source = NULL;
    p->saved = thenable;
    vow__push(loop, p);
}

void vow__resolve_with(vow_loop *loop, vow_promise *p, vow_value v)
{
    if (vow__is_plain(v)) {
        vow__fulfil(loop, p, v);
        return;
    }
    VOW_CHECK(v.type->kind != VOW__SAME, "VOW_SAME is for handlers to return: a resolver has "
                                         "no argument that could be passed on");
    switch (v.type->kind) {
    case VOW__ERROR:
        vow__reject(loop, p, v);
        break;
    case VOW__PROMISE:
        vow__follow(loop, p, v.as.p);
        break;
    case VOW__COUNTED:
        if (VOW_UNLIKELY(v.type->then != NULL)) {
            resolve_with_thenable(loop, p, v);
            break;
        }
        /* fall through */
    default:
        vow__fulfil(loop, p, v);
    }
}
