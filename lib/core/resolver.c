/* SPDX-License-Identifier: MIT
 *
 * core/resolver.c - the producer's side. The resolver is the promise's own line, so that
 * making one allocates nothing more; K_ZOMBIE, and F_KEPT on a settled line, keep the
 * line for a resolver that nobody listens to any more.
 */
#include "core/loop.h"

static vow_promise *line_of(const vow_resolver *r) { return (vow_promise *)r; }

static bool is_live(const vow_promise *p) { return p->kind == K_SOURCE && !(p->flags & F_DEAD); }

VOW_COLD VOW_NORETURN static void stale(const char *call)
{
    vow__panic("%s: the resolver was used already; settling, dropping and abandoning consume it",
               call);
}

static vow_loop *check(const vow_resolver *r, const char *call)
{
    if (VOW_UNLIKELY(!r))
        vow__panic("%s: the resolver is NULL", call);
    vow_loop *loop = vow__loop_of(line_of(r));
    vow__check_loop(loop, call);
    return loop;
}

static inline vow_promise *new_source(vow_loop *loop, const char *where)
{
    vow_promise *p = vow__new_line(loop, K_SOURCE, where);
    if (VOW_UNLIKELY(!p))
        return vow__refuse(loop, NULL, NULL, NULL);
    p->source = NULL;
    p->data = NULL;
    p->stop = p->destroy = NULL;
    return p;
}

static VOW_NOINLINE vow_promise *new_unusual(vow_loop *loop, const char *where)
{
    return new_source(loop, where);
}

/* Straight down: a used line to take. */
vow_promise *vow_promise_new_at(vow_loop *loop, vow_resolver **ret_resolver, const char *where)
{
    vow__check_loop(loop, "vow_promise_new");
    bool usual = VOW_LIKELY(*loop->free_top && !loop->places);
    vow_promise *p = usual ? new_source(loop, NULL) : new_unusual(loop, where);
    *ret_resolver = (vow_resolver *)p;
    return p;
}

vow_promise *vow_resolved_at(vow_loop *loop, vow_value v, const char *where)
{
    vow__check_loop(loop, "vow_resolved");
    vow_promise *p = vow__new_line(loop, K_ORPHAN, where);
    if (VOW_UNLIKELY(!p)) {
        vow_release(v);
        return vow__refuse(loop, NULL, NULL, NULL);
    }
    p->source = NULL;
    vow__resolve_with(loop, p, v);
    return p;
}

vow_promise *vow_rejected_at(vow_loop *loop, vow_error *e, const char *where)
{
    return vow_resolved_at(loop, vow_error_value(e), where);
}

/* The drop machine has p on a list: it will find that its resolver is gone. */
static void use_dying(vow_promise *p)
{
    vow_destroy_fn *destroy = p->destroy;
    p->kind = K_ORPHAN;
    p->stop = p->destroy = NULL;
    if (destroy)
        destroy(p->data);
}

/* The resolver of a promise that is not pending any more is inert. */
static void use_inert(vow_loop *loop, vow_promise *p, const char *call)
{
    if (p->kind == K_SOURCE) {
        use_dying(p);
    } else if (p->kind == K_ZOMBIE) {
        vow__give(loop, p);
    } else if (p == loop->no_memory || p == loop->no_loop) {
        return;
    } else if (vow__settled(p) && (p->flags & F_KEPT)) {
        p->flags &= (uint8_t)~F_KEPT;
        vow__drop_if_unwanted(loop, p);
    } else {
        stale(call);
    }
}

static VOW_NOINLINE void resolve(vow_loop *loop, vow_promise *p, vow_value v)
{
    if (VOW_UNLIKELY(!is_live(p))) {
        use_inert(loop, p, "vow_resolve");
        vow_release(v);
        return;
    }
    vow_destroy_fn *destroy = p->destroy;
    void *op = p->data;
    if (VOW_LIKELY(vow__fulfils(v)))
        vow__fulfil(loop, p, v);
    else
        vow__resolve_with(loop, p, v);
    if (destroy)
        destroy(op);
}

/* Straight down: a plain value for a source without flags and hooks that somebody waits for. */
void vow_resolve(vow_resolver *r, vow_value v)
{
    vow_loop *loop = check(r, "vow_resolve");
    vow_promise *p = line_of(r);
    if (VOW_UNLIKELY(p->kind_flags != VOW__KF(K_SOURCE, 0) || !vow__is_plain(v) || p->destroy ||
                     !p->consumers)) {
        resolve(loop, p, v);
        return;
    }
    p->kind_flags = VOW__KF(K_FULFILLED, F_QUEUED);
    p->value = v;
    vow__append(loop, p);
}

void vow_reject(vow_resolver *r, vow_error *e) { vow_resolve(r, vow_error_value(e)); }

/* Inside its own stop hook a source is given back by the hook's return. */
static bool being_stopped(const vow_promise *p)
{
    return p->kind == K_SOURCE && (p->flags & F_CANCEL);
}

void vow_resolver_drop(vow_resolver *r)
{
    if (!r)
        return;
    check(r, "vow_resolver_drop");
    if (!being_stopped(line_of(r)))
        vow_resolve(r, vow__fail_ready(VOW_EBROKEN));
}

void vow_resolver_abandon(vow_resolver *r)
{
    vow_loop *loop = check(r, "vow_resolver_abandon");
    vow_promise *p = line_of(r);
    if (being_stopped(p))
        return;
    if (!is_live(p)) {
        use_inert(loop, p, "vow_resolver_abandon");
        return;
    }
    vow_destroy_fn *destroy = p->destroy;
    void *op = p->data;
    p->kind = K_ORPHAN;
    p->data = NULL;
    p->stop = p->destroy = NULL;
    if (destroy)
        destroy(op);
}

bool vow_is_wanted(const vow_resolver *r)
{
    check(r, "vow_is_wanted");
    const vow_promise *p = line_of(r);
    return is_live(p) && (p->outside || p->consumers || (p->flags & F_KEPT));
}

void vow_on_stop(vow_resolver *r, vow_destroy_fn *stop, void *op, vow_destroy_fn *destroy)
{
    check(r, "vow_on_stop");
    vow_promise *p = line_of(r);
    if (is_live(p)) {
        VOW_CHECK(!p->stop && !p->destroy, "vow_on_stop: the resolver has a stop hook already");
        p->stop = stop;
        p->data = op;
        p->destroy = destroy;
    } else if (destroy) { /* inert: there will be nothing to stop */
        destroy(op);
    }
}
