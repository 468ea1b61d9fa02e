/* SPDX-License-Identifier: MIT
 *
 * scope/join.c - waiting for the end of all that runs in a scope.
 */
#include "scope/scope.h"
#include "value/error.h"

static bool is_empty(const vow_scope *scope)
{
    return scope->children->left == 0 && !scope->first_start;
}

/* Nor anything in the scopes inside it, at whatever depth: they form a tree, walked by its
 * links. */
static bool is_quiet(const vow_scope *root)
{
    const vow_scope *s = root;
    for (;;) {
        if (!is_empty(s))
            return false;
        if (s->inner) {
            s = s->inner;
            continue;
        }
        while (s != root && !s->next)
            s = s->parent;
        if (s == root)
            return true;
        s = s->next;
    }
}

static vow_value outcome(vow_scope *scope)
{
    if (!scope->error)
        return vow_none();
    scope->told = true;
    return vow_error_value(vow_error_ref(scope->error));
}

/* Resolving runs no handler: nothing goes away meanwhile. */
void vow__scope_look(vow_scope *scope)
{
    for (vow_scope *s = scope; s && (!s->joiners.first || is_quiet(s)); s = s->parent)
        if (s->joiners.first)
            vow__waiters_call_all(&s->joiners, outcome(s));
}

static vow_promise *when_quiet(vow_scope *scope, const char *where)
{
    return vow__wait_for_turn(scope->loop, &scope->joiners, where);
}

static vow_value ignore(const vow_error *e, void *data)
{
    (void)e, (void)data;
    return vow_none();
}

static vow_value finish(void *data)
{
    vow_scope *scope = data;
    if (scope->freed || is_quiet(scope))
        return vow_none();
    return vow_promise_value(vow_catch(when_quiet(scope, scope->where), ignore, NULL));
}

static void let_scope_go(void *data) { vow__scope_unref(data); }

/* A cancelled join is the scope's cancel: it has ended when that has. One that was told leaves
 * the scope alone, which may have children again by now. */
static vow_value look_for_cancel(const vow_error *e, void *data)
{
    vow_scope *scope = data;
    if (!vow__is_cancel(e) || scope->freed || is_quiet(scope))
        return VOW_SAME;
    vow__scope_end(scope, vow__error_ready(ECANCELED));
    vow_promise *p = vow_rejected_at(scope->loop, vow_error_ref((vow_error *)e), scope->where);
    return vow_promise_value(
        vow_finally_at(p, finish, vow__scope_ref(scope), let_scope_go, scope->where));
}

vow_promise *vow_scope_join_at(vow_scope *scope, const char *where)
{
    vow__check_loop(scope->loop, "vow_scope_join");
    if (is_quiet(scope))
        return vow_resolved_at(scope->loop, outcome(scope), where);
    return vow_catch_at(when_quiet(scope, where), look_for_cancel, vow__scope_ref(scope),
                        let_scope_go, where);
}
