/* SPDX-License-Identifier: MIT
 *
 * flow/build.h - what the combinators of this folder are built with, on top of the
 * mechanism in core/combine.h: either over an array of inputs, or over what a user's
 * function gives, call after call.
 */
#ifndef VOW_FLOW_BUILD_H
#define VOW_FLOW_BUILD_H

#include "core/combine.h"

/* The array that the program gave: its elements are taken, and it is zeroed. */
struct vow__inputs {
    size_t n;
    vow_promise **items;
};

/* A combinator over the inputs, numbered from 0. Takes state and inputs; when refused, both
 * are given back and what it gives is a rejected promise. */
vow_promise *vow__flow_over(vow_loop *loop, const struct vow__combine_ops *ops, void *state,
                            struct vow__inputs inputs, const char *where);
/* The refused promise in place of a combinator. Takes inputs. */
vow_promise *vow__flow_refuse(vow_loop *loop, struct vow__inputs inputs);

/* A combinator that calls a user's function, without elements yet. Takes state (NULL: there
 * was no memory for it). NULL when refused, the state given back. */
vow_promise *vow__flow_new(vow_loop *loop, const struct vow__combine_ops *ops, void *state,
                           const char *where);
/* One more input of c: what the user's function gave, of whatever kind (taken). It settles
 * from the queue even when it is a plain value, so that nobody recurses and nobody starves.
 * When c must not wait for it, c is decided. */
void vow__flow_await(vow_promise *c, vow_value v, uint64_t index);
/* The promise for the caller: c (NULL: refused) that owns the function's data. destroy may be
 * NULL; it runs when all that c had started has ended. */
vow_promise *vow__flow_owning(vow_loop *loop, vow_promise *c, void *data, vow_destroy_fn *destroy,
                              const char *where);

/* An error to be used later, when there may be no memory; NULL: there is none now. */
vow_error *vow__flow_error(const char *where, const vow_domain *domain, int code,
                           const char *format, ...) VOW_FORMAT(4, 5);

#endif
