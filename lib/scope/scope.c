/* SPDX-License-Identifier: MIT */
#include "scope/scope.h"

#include "base/mem.h"
#include "value/error.h"
#include "vow/timer.h"

/* An error that has no room elsewhere. A cancellation is never reported, nor is anything once
 * the loop was freed. */
static void report(vow_loop *loop, vow_error *e, uint16_t site)
{
    if (e && !vow__is_cancel(e) && !loop->released)
        vow__report_error(loop, e, site);
    else
        vow_error_unref(e);
}

void vow__scope_unref(vow_scope *scope)
{
    if (--scope->refs > 0)
        return;
    vow_error_unref(scope->error);
    vow__free(scope);
}

/* Children. */

static void input(vow_promise *c, uint64_t index, vow_value outcome)
{
    vow_scope *scope = c->state;
    bool failed = vow__has_kind(outcome, VOW__ERROR);
    if (!scope) { /* freed: there is nobody to be told */
        if (failed)
            report(vow__loop_of(c), outcome.as.p, c->site);
        else
            vow__release(outcome);
        return;
    }
    vow__scope_ref(scope);
    if (index == SCOPE_STARTER)
        vow__scope_starter_came(scope);
    if (failed)
        vow__scope_failed(scope, outcome);
    else
        vow__release(outcome);
    if (!scope->freed)
        vow__scope_start_some(scope);
    vow__scope_unref(scope);
}

/* With the scope gone this is the end of the combinator. */
static void last(vow_promise *c)
{
    vow_scope *scope = c->state;
    if (scope)
        vow__scope_look(scope);
    else
        vow__combine_decide(c, vow_none());
}

/* Nobody but the scope holds it, and the scope takes its state away before it lets go. */
static const struct vow__combine_ops ops = {"scope", input, last, NULL, false};

/* An error that others hold too (the child's promise) is in a list only as a cause. */
static vow_error *wrapped(const vow_scope *scope, vow_error *e)
{
    vow_value w = vow_wrap_at(scope->where, e, vow_error_code(e), "a child of the scope");
    vow__error_set_code(w.as.p, vow_error_domain(e), vow_error_code(e));
    vow_error_unref(e);
    return w.as.p;
}

/* Onto the scope's error, or, where that is shared or immortal, reported. Takes e. */
static void suppress(vow_scope *scope, vow_error *e)
{
    if (e == scope->error) { /* by another way: it is told of already */
        vow_error_unref(e);
        return;
    }
    scope->told = false;
    vow_error *left = vow__error_suppress(scope->error, e);
    if (left)
        left = vow__error_suppress(scope->error, wrapped(scope, left));
    report(scope->loop, left, scope->children->site);
}

/* A later error. One that follows a mere cancellation takes its place. */
static void add_error(vow_scope *scope, vow_error *e)
{
    vow_error *old = scope->error;
    if (!vow__is_cancel(old)) {
        suppress(scope, e);
        return;
    }
    scope->error = e;
    scope->told = false;
    vow_error_unref(old);
}

static void collect(vow_scope *scope, vow_error *e)
{
    if (!scope->error)
        scope->error =
            vow_error_new_at(scope->where, vow_own_domain(), VOW_EAGGREGATE, "children of a scope");
    suppress(scope, e);
}

void vow__scope_failed(vow_scope *scope, vow_value error)
{
    vow_error *e = error.as.p;
    if (scope->freed || vow__is_cancel(e))
        report(scope->loop, e, 0);
    else if (scope->over)
        add_error(scope, e);
    else if (scope->kind == VOW_COLLECT)
        collect(scope, e);
    else
        vow__scope_end(scope, e);
}

void vow__scope_refused(vow_scope *scope)
{
    vow__scope_failed(scope, vow__fail_ready(scope->loop->closing ? VOW_ECLOSED : ENOMEM));
}

/* Ending. No code of the user's may see half of it: first all scopes inside are marked and put
 * onto a list, then each is worked off. */

static void mark(vow_scope *scope, vow_error *why)
{
    scope->over = true;
    if (!scope->error)
        scope->error = why;
    else if (vow__is_cancel(why))
        vow_error_unref(why);
    else
        suppress(scope, why);
    vow__scope_ref(scope);
}

/* The scope and those inside it that are not over, in a list by `to_end`. */
static vow_scope *mark_all(vow_scope *root, vow_error *why)
{
    vow_scope *last_marked = root;
    mark(root, why);
    root->to_end = NULL;
    for (vow_scope *s = root; s; s = s->to_end)
        for (vow_scope *inner = s->inner; inner; inner = inner->next)
            if (!inner->over) {
                mark(inner, vow__error_ready(ECANCELED));
                inner->to_end = NULL;
                last_marked->to_end = inner;
                last_marked = inner;
            }
    return root;
}

/* Once: a second cancel would end what the first has begun, a clean-up. Elements leave from the
 * queue only: what a stop hook adds stands behind, and is cancelled when it is added; one that
 * frees the scope leaves the rest to us. */
static void cancel_children(vow_scope *scope)
{
    vow_promise *c = scope->children;
    vow_loop *loop = scope->loop;
    scope->swept = true;
    for (vow_promise *e = c->first; e; e = e->next_element)
        vow__cancel(loop, e->source);
}

static void end_one(vow_scope *scope)
{
    vow_promise *timer = scope->deadline;
    vow_error *timed_out = scope->timed_out;
    scope->deadline = NULL;
    scope->timed_out = NULL;
    vow_unref(timer);
    vow_error_unref(timed_out);
    vow__scope_drop_starts(scope);
    if (scope->freed)
        return; /* by a destructor, which has ended it */
    scope->told |= scope->ties.first != NULL;
    vow__ties_end(&scope->ties, vow_error_value(scope->error), false);
    if (!scope->freed)
        cancel_children(scope);
    if (!scope->freed)
        vow__scope_look(scope);
}

void vow__scope_end(vow_scope *scope, vow_error *why)
{
    if (scope->over) {
        report(scope->loop, why, 0);
        return;
    }
    for (vow_scope *s = mark_all(scope, why), *next; s; s = next) {
        next = s->to_end;
        if (!s->freed)
            end_one(s);
        vow__scope_unref(s);
    }
}

/* Life. */

static void enter_parent(vow_scope *scope, vow_scope *parent)
{
    scope->parent = parent;
    scope->next = parent->inner;
    if (scope->next)
        scope->next->prev = scope;
    parent->inner = scope;
}

static void leave_parent(vow_scope *scope)
{
    vow_scope *parent = scope->parent;
    scope->parent = NULL;
    if (scope->prev)
        scope->prev->next = scope->next;
    else
        parent->inner = scope->next;
    if (scope->next)
        scope->next->prev = scope->prev;
    scope->next = scope->prev = NULL;
}

vow_scope *vow_scope_new_at(vow_loop *loop, vow_scope_kind kind, const char *where)
{
    vow__check_loop(loop, "vow_scope_new");
    vow_scope *scope = vow__alloc_zeroed(sizeof *scope);
    if (!scope)
        return NULL;
    scope->children = vow__combine_new(loop, &ops, scope, where);
    if (!scope->children) {
        vow__free(scope);
        return NULL;
    }
    scope->loop = loop;
    scope->refs = 1;
    scope->kind = kind;
    scope->where = where;
    return scope;
}

vow_scope *vow_scope_new_in_at(vow_scope *parent, vow_scope_kind kind, const char *where)
{
    vow_scope *scope = vow_scope_new_at(parent->loop, kind, where);
    if (!scope)
        return NULL;
    enter_parent(scope, parent);
    if (parent->over)
        vow__scope_end(scope, vow__error_ready(ECANCELED));
    return scope;
}

/* The children that are left end on their own; the combinator goes with the last. */
static void release_children(vow_scope *scope)
{
    vow_promise *c = scope->children;
    scope->children = NULL;
    c->state = NULL;
    if (c->left > 0)
        c->flags |= F_KEPT;
    vow_unref(c);
}

static void tell_untold(vow_scope *scope, vow_scope *parent)
{
    vow_error *e = scope->told ? NULL : scope->error;
    if (!e)
        return;
    scope->error = NULL;
    if (parent)
        vow__scope_failed(parent, vow_error_value(e));
    else
        report(scope->loop, e, 0);
}

vow_scope *vow_scope_free(vow_scope *scope)
{
    if (!scope)
        return NULL;
    vow__check_loop(scope->loop, "vow_scope_free");
    vow_loop *loop = scope->loop;
    bool released = loop->released; /* then it may go with the scope */
    if (!scope->over)
        vow__scope_end(scope, vow__error_ready(ECANCELED));
    else if (!scope->swept)
        end_one(scope); /* freed before its turn in that */
    vow_scope *parent = scope->parent;
    while (scope->inner)
        leave_parent(scope->inner); /* cancelled; the program still has them */
    if (parent) {
        vow__scope_ref(parent);
        leave_parent(scope);
    }
    scope->freed = true;
    vow__waiters_call_all(&scope->joiners, vow__fail_ready(ECANCELED));
    tell_untold(scope, parent); /* before the children: a loop that was freed may go with them */
    release_children(scope);
    if (parent) {
        if (!parent->freed) /* by who was told of an error */
            vow__scope_look(parent);
        vow__scope_unref(parent);
    }
    vow__scope_unref(scope);
    if (!released)
        vow__finish(loop);
    return NULL;
}

void vow_scope_add_at(vow_scope *scope, vow_promise *p, const char *where)
{
    vow_loop *loop = scope->loop;
    VOW_CHECK(vow_loop_of(p) == loop, "vow_scope_add at %s: a promise of another loop", where);
    vow__scope_ref(scope);
    if (VOW_UNLIKELY(!vow__combine_add(scope->children, p, SCOPE_CHILD, where)))
        vow__scope_refused(scope);
    else if (scope->over)
        vow__cancel(loop, p); /* an element keeps its input */
    vow__scope_unref(scope);
    vow__finish(loop);
}

void vow_scope_cancel(vow_scope *scope)
{
    vow_loop *loop = scope->loop;
    vow__check_loop(loop, "vow_scope_cancel");
    vow__scope_end(scope, vow__error_ready(ECANCELED));
    vow__finish(loop);
}

static vow_value expire(vow_value v, void *data)
{
    vow_scope *scope = data;
    vow_error *why = scope->timed_out;
    (void)v;
    scope->timed_out = NULL;
    vow__scope_end(scope, why);
    return vow_none();
}

int vow_scope_deadline_at(vow_scope *scope, uint64_t ms, const char *where)
{
    vow__check_loop(scope->loop, "vow_scope_deadline");
    if (scope->over)
        return 0;
    scope->deadline = vow_unref(scope->deadline);
    vow_error_unref(scope->timed_out);
    scope->timed_out =
        vow_error_new_at(where, vow_errno_domain(), ETIMEDOUT, "the scope timed out after %llu ms",
                         (unsigned long long)ms);
    vow_promise *p = vow_delay_at(scope->loop, ms, where);
    if (!vow__settled(p)) /* else refused */
        p = vow_then_at(p, expire, scope, NULL, where);
    if (vow__settled(p)) {
        int code = vow_error_code(vow_error_of(p));
        vow_mark_handled(p);
        vow_unref(p);
        return code;
    }
    scope->deadline = p;
    return 0;
}

bool vow_scope_is_over(const vow_scope *scope) { return scope->over; }

size_t vow_scope_running(const vow_scope *scope) { return scope->children->left - scope->starter; }

vow_promise *vow_within_at(vow_scope *scope, vow_promise *p, const char *where)
{
    VOW_CHECK(vow_loop_of(p) == scope->loop, "vow_within at %s: a promise of another loop", where);
    vow_promise *c = vow__tie(&scope->ties, p, where);
    if (VOW_LIKELY(!scope->over || vow__settled(c)))
        return c;
    vow_loop *loop = vow__scope_ref(scope)->loop; /* a stop hook may free it */
    scope->told = true;
    vow__ties_end(&scope->ties, vow_error_value(scope->error), false);
    vow__scope_unref(scope);
    vow__finish(loop);
    return c;
}
