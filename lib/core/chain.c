/* SPDX-License-Identifier: MIT
 *
 * core/chain.c - the builders: each takes a promise and gives its successor.
 */
#include <stdarg.h>

#include "core/loop.h"

void vow__wait_for_settled(vow_loop *loop, vow_promise *c, vow_promise *s)
{
    if (s->kind == K_REJECTED)
        vow__now_handled(loop, s);
    s->late = s->flags & F_LATE ? s->late + 1 : 1;
    s->flags |= F_LATE;
    vow__push(loop, c);
}

/* The report comes at the end of a drain, should nobody handle it. */
static void count_refusal(vow_loop *loop)
{
    loop->refusals++;
    if (!loop->awake) {
        loop->awake = true;
        loop->wake(loop);
    }
}

static bool says_the_same(const vow_error *a, const vow_error *b)
{
    return vow_error_is(a, vow_error_domain(b), vow_error_code(b));
}

vow_promise *vow__refuse(vow_loop *loop, vow_promise *p, void *data, vow_destroy_fn *destroy)
{
    vow_promise *refused = loop->closing ? loop->no_loop : loop->no_memory;
    if (p && p->kind == K_REJECTED && says_the_same(p->value.as.p, refused->value.as.p))
        vow_mark_handled(p); /* what is given stands for it */
    refused->outside++; /* before p goes: a freed loop lives by its handles */
    if (refused == loop->no_memory)
        count_refusal(loop);
    if (p)
        vow_unref(p);
    if (destroy)
        destroy(data);
    return refused;
}

/* Appends the destroy of a _with form to the finished step. */
static vow_promise *with_destroy(vow_promise *c, void *data, vow_destroy_fn *destroy,
                                 const char *where)
{
    return VOW_LIKELY(!destroy) ? c : vow_attach_at(c, data, destroy, where);
}

vow_promise *vow_handle_at(vow_promise *p, vow_handle_fn *fn, void *data, vow_destroy_fn *destroy,
                           const char *where)
{
    vow_promise *c = vow__derive(p, K_HANDLE, where, "vow_handle");
    if (VOW_UNLIKELY(!c))
        return vow__refuse(vow__loop_of(p), p, data, destroy);
    c->data = data;
    c->handle = fn;
    return with_destroy(c, data, destroy, where);
}

vow_promise *vow_then_catch_at(vow_promise *p, vow_then_fn *ok, vow_catch_fn *err, void *data,
                               vow_destroy_fn *destroy, const char *where)
{
    vow_promise *c = vow__derive(p, K_THEN, where, "vow_then or vow_catch");
    if (VOW_UNLIKELY(!c))
        return vow__refuse(vow__loop_of(p), p, data, destroy);
    c->data = data;
    c->ok = ok;
    c->err = err;
    return with_destroy(c, data, destroy, where);
}

/* Straight down for what nearly all calls are: a used line to take, a first consumer of a
 * pending promise, nothing to destroy. No call but the last: no register is saved. */
vow_promise *vow_then_at(vow_promise *p, vow_then_fn *fn, void *data, vow_destroy_fn *destroy,
                         const char *where)
{
    vow_loop *loop = vow__check(p, "vow_then");
    vow_promise *c = *loop->free_top;
    if (VOW_UNLIKELY(!c || destroy || loop->places || vow__settled(p) || p->consumers))
        return vow_then_catch_at(p, fn, NULL, data, destroy, where);
    c = vow__new_line(loop, K_THEN, where);
    c->next = NULL;
    c->prev = c;
    c->source = p;
    c->data = data;
    c->ok = fn;
    c->err = NULL;
    p->consumers = c;
    p->outside--;
    return c;
}

vow_promise *vow_catch_at(vow_promise *p, vow_catch_fn *fn, void *data, vow_destroy_fn *destroy,
                          const char *where)
{
    return vow_then_catch_at(p, NULL, fn, data, destroy, where);
}

vow_promise *vow_finally_at(vow_promise *p, vow_finally_fn *fn, void *data,
                            vow_destroy_fn *destroy, const char *where)
{
    VOW_CHECK(fn, "vow_finally at %s: the function is NULL", where);
    vow_promise *c = vow__derive(p, K_FINALLY, where, "vow_finally");
    if (VOW_UNLIKELY(!c))
        return vow__refuse(vow__loop_of(p), p, data, destroy);
    c->data = data;
    c->fin = fn;
    return with_destroy(c, data, destroy, where);
}

vow_promise *vow_attach_at(vow_promise *p, void *data, vow_destroy_fn *destroy, const char *where)
{
    VOW_CHECK(destroy, "vow_attach at %s: destroy is NULL", where);
    vow_loop *loop = vow__check(p, "vow_attach");
    bool refused = p == loop->no_memory || p == loop->no_loop;
    VOW_CHECK(refused || (p->outside == 1 && !p->consumers && !(p->flags & F_LATE)),
              "vow_attach at %s: the promise has other holders, which could still need the data",
              where);
    vow_promise *c = refused ? NULL : vow__derive(p, K_ATTACH, where, "vow_attach");
    if (VOW_UNLIKELY(!c))
        return vow__refuse(loop, p, data, destroy);
    c->data = data;
    c->destroy = destroy;
    return c;
}

vow_promise *vow_context_at(vow_promise *p, const char *where, const char *format, ...)
{
    vow_loop *loop = vow__check(p, "vow_context");
    va_list arguments;
    va_start(arguments, format);
    vow_error *wrapper = vow__error_prepare(where, vow_errno_domain(), ENOMEM, format, arguments);
    va_end(arguments);
    if (!wrapper)
        return vow__refuse(loop, p, NULL, NULL);
    vow_promise *c = vow__derive(p, K_CONTEXT, where, "vow_context");
    if (VOW_UNLIKELY(!c)) {
        vow_error_unref(wrapper);
        return vow__refuse(loop, p, NULL, NULL);
    }
    c->data = wrapper;
    return c;
}

void vow_detach_at(vow_promise *p, vow_error_fn *on_error, void *data, vow_destroy_fn *destroy,
                   const char *where)
{
    vow_promise *c = vow__derive(p, K_DETACH, where, "vow_detach");
    if (VOW_LIKELY(c != NULL)) {
        c->outside = 0;
        c->flags |= F_KEPT;
        c->data = data;
        c->on_error = on_error;
        c->destroy = destroy;
        return;
    }
    vow_loop *loop = vow__loop_of(p);
    if (destroy) { /* what would run on may use the data */
        vow_unref(vow__refuse(loop, p, data, destroy));
        return;
    }
    if (!vow__settled(p))
        p->flags |= F_KEPT;
    vow_unref(p);
}

/* S takes p's outcome; behind it K keeps p running should S be cancelled or dropped. */
vow_promise *vow_shield_at(vow_promise *p, const char *where)
{
    vow_loop *loop = vow__check(p, "vow_shield");
    if (vow__settled(p))
        return p;
    vow_promise *keep = vow__new_line(loop, K_KEEP, where);
    vow_promise *shield = keep ? vow__new_line(loop, K_SHIELD, where) : NULL;
    if (!shield) {
        if (keep)
            vow__give(loop, keep);
        return vow__refuse(loop, p, NULL, NULL);
    }
    keep->outside = 0;
    keep->flags |= F_KEPT;
    keep->data = shield;
    shield->data = keep;
    vow__wait_for(loop, shield, p); /* first: the keeper looks what became of it */
    vow__wait_for(loop, keep, p);
    p->outside--;
    return shield;
}

vow_promise *vow_ref(vow_promise *p)
{
    if (p) {
        vow__check(p, "vow_ref");
        p->outside++;
    }
    return p;
}

/* Destructors may have asked for the loop to be closed or freed. */
static void drop_last_handle(vow_loop *loop, vow_promise *p)
{
    bool released = loop->released; /* then it may be gone with p */
    vow__drop(loop, p);
    if (!released)
        vow__finish(loop);
}

/* The last handle of p is gone. */
static VOW_NOINLINE void unhold(vow_loop *loop, vow_promise *p)
{
    if (!vow__wanted(p) && vow__settled(p) && vow__is_plain(p->value))
        vow__give(loop, p);
    else if (!vow__wanted(p))
        drop_last_handle(loop, p);
    else if (p->kind == K_FOLLOW)
        vow__splice_follower(loop, p);
    else if (p->kind == K_COMBINE)
        vow__drop_pinned(loop, p);
}

/* Straight down: other handles are left, or a plain value that nobody asks for any more (a
 * settled promise with consumers has a flag). */
vow_promise *vow_unref(vow_promise *p)
{
    if (!p)
        return NULL;
    vow_loop *loop = vow__check(p, "vow_unref");
    if (--p->outside > 0)
        return NULL;
    if (VOW_LIKELY(p->kind_flags == VOW__KF(K_FULFILLED, 0) && vow__is_plain(p->value)))
        vow__give(loop, p);
    else
        unhold(loop, p);
    return NULL;
}
