/* SPDX-License-Identifier: MIT
 *
 * scope/scope.h - inside scope/ only: what a scope is made of. Its children are the elements
 * of a combinator (core/combine.h) that is never decided while the scope lives; cancelling
 * goes to the children themselves, whoever else holds them.
 *
 * Always true between calls:
 *   1  the scope holds the one handle of `children`, whose state is the scope
 *   2  `error` is NULL unless the scope is over or (collect) a child has failed
 *   3  over: no start waits, no tie is left, the deadline's timer is gone
 */
#ifndef VOW_SCOPE_SCOPE_H
#define VOW_SCOPE_SCOPE_H

#include "core/combine.h"
#include "scope/tie.h"
#include "scope/waiters.h"
#include "vow/scope.h"

/* A function that waits for its turn. */
struct vow__start {
    struct vow__start *next;
    vow_step_fn *fn;
    void *data;
    vow_destroy_fn *destroy;
    const char *where;
};

struct vow_scope {
    vow_loop *loop;
    vow_promise *children;
    size_t refs; /* the program's, and calls under way */
    vow_scope_kind kind;
    bool over, freed, starter; /* starter: among the elements, and no child */
    bool swept;                /* its children have been cancelled, or just are */
    bool told;                 /* a join has given `error` */
    vow_error *error;
    vow_error *timed_out; /* made with the deadline, its error to be */
    vow_promise *deadline;
    struct vow__start *first_start, *last_start;
    size_t limit; /* 0: none */
    struct vow__queue joiners;
    struct vow__ties ties;
    vow_scope *parent, *inner, *next, *prev; /* the tree of scopes; inner: the newest inside */
    vow_scope *to_end;                       /* a list of those that are just being ended */
    const char *where;
};

/* start.c: destroys all that waits; starts what may be; the starter's turn. */
void vow__scope_drop_starts(vow_scope *scope);
void vow__scope_start_some(vow_scope *scope);
void vow__scope_starter_came(vow_scope *scope);
enum { SCOPE_CHILD, SCOPE_STARTER }; /* index of an element */

/* join.c: tells the joiners of it, and the scopes outside, if nothing is left in it. */
void vow__scope_look(vow_scope *scope);

/* scope.c */
void vow__scope_failed(vow_scope *scope, vow_value error); /* of a child; takes it */
void vow__scope_refused(vow_scope *scope);                 /* a child that could not be added */
void vow__scope_end(vow_scope *scope, vow_error *why);     /* takes why; nothing if over */
static inline vow_scope *vow__scope_ref(vow_scope *scope)
{
    scope->refs++;
    return scope;
}
void vow__scope_unref(vow_scope *scope);

#endif
