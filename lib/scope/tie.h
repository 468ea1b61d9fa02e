/* SPDX-License-Identifier: MIT
 *
 * scope/tie.h - a promise that stands for another one as long as the owner of a list allows
 * it: a combinator of one input, which the owner can decide.
 */
#ifndef VOW_SCOPE_TIE_H
#define VOW_SCOPE_TIE_H

#include "core/combine.h"

struct vow__tie;
struct vow__ties {
    struct vow__tie *first; /* newest */
};

/* Takes p. Gives the promise to be handed out; refused: p is dropped. */
vow_promise *vow__tie(struct vow__ties *ties, vow_promise *p, const char *where);
/* Decides all with `error` (looked at): the inputs are cancelled and waited for, or, `drop`,
 * dropped. */
void vow__ties_end(struct vow__ties *ties, vow_value error, bool drop);

#endif
