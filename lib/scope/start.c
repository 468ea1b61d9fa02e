/* SPDX-License-Identifier: MIT
 *
 * scope/start.c - children given as functions, at most so many at a time. As in flow/map.c each
 * entry of the queue makes at most one call: an extra element, the starter, comes while more
 * may be started.
 */
#include "scope/scope.h"

#include "base/mem.h"
#include "value/error.h"

static void destroy_start(struct vow__start *s)
{
    if (s->destroy)
        s->destroy(s->data);
    vow__free(s);
}

static struct vow__start *take_start(vow_scope *scope)
{
    struct vow__start *s = scope->first_start;
    if (s) {
        scope->first_start = s->next;
        if (!s->next)
            scope->last_start = NULL;
    }
    return s;
}

void vow__scope_drop_starts(vow_scope *scope)
{
    struct vow__start *s;
    while ((s = take_start(scope)) != NULL)
        destroy_start(s);
}

static bool may_start(const vow_scope *scope)
{
    return scope->first_start && !scope->over &&
           (scope->limit == 0 || vow_scope_running(scope) < scope->limit);
}

/* Without a starter nothing would ever be started. */
void vow__scope_start_some(vow_scope *scope)
{
    if (scope->starter || !may_start(scope))
        return;
    vow_promise *p = vow_resolved_at(scope->loop, vow_none(), scope->where);
    scope->starter = vow__combine_add(scope->children, p, SCOPE_STARTER, scope->where);
    if (!scope->starter) {
        vow__scope_drop_starts(scope);
        if (!scope->freed)
            vow__scope_refused(scope);
    }
}

/* The promise of what fn gives, which owns fn's data. */
static vow_promise *run(vow_scope *scope, struct vow__start s)
{
    vow_loop *loop = scope->loop;
    loop->handlers++;
    vow_value v = s.fn(s.data);
    vow_promise *p = vow__has_kind(v, VOW__PROMISE) ? v.as.p : vow_resolved_at(loop, v, s.where);
    if (!s.destroy)
        return p;
    /* a step of its own between: others may hold p, and then nothing may be attached to it */
    return vow_then_catch_at(p, NULL, NULL, s.data, s.destroy, s.where);
}

void vow__scope_starter_came(vow_scope *scope)
{
    scope->starter = false;
    struct vow__start *s = may_start(scope) ? take_start(scope) : NULL;
    if (!s)
        return;
    struct vow__start own = *s;
    vow__free(s);
    vow_promise *p = run(scope, own);
    if (!scope->freed) {
        vow_scope_add_at(scope, p, own.where);
        return;
    }
    vow_cancel(p); /* fn has freed its scope: p ends as what ran in it */
    vow_detach_at(p, NULL, NULL, NULL, own.where);
}

/* The end of a public call. */
static void start_and_finish(vow_scope *scope)
{
    vow_loop *loop = scope->loop;
    vow__scope_ref(scope);
    vow__scope_start_some(scope);
    vow__scope_unref(scope);
    vow__finish(loop);
}

void vow_scope_start_at(vow_scope *scope, vow_step_fn *fn, void *data, vow_destroy_fn *destroy,
                        const char *where)
{
    vow_loop *loop = scope->loop;
    vow__check_loop(loop, "vow_scope_start");
    struct vow__start *s = scope->over ? NULL : vow__alloc(sizeof *s);
    if (!s) {
        vow__scope_ref(scope);
        if (destroy)
            destroy(data);
        if (!scope->over)
            vow__scope_failed(scope, vow__fail_ready(ENOMEM));
        vow__scope_unref(scope);
        vow__finish(loop);
        return;
    }
    *s = (struct vow__start){NULL, fn, data, destroy, where};
    if (scope->last_start)
        scope->last_start->next = s;
    else
        scope->first_start = s;
    scope->last_start = s;
    start_and_finish(scope);
}

void vow_scope_limit(vow_scope *scope, size_t most)
{
    vow__check_loop(scope->loop, "vow_scope_limit");
    scope->limit = most;
    start_and_finish(scope);
}
