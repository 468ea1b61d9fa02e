/* SPDX-License-Identifier: MIT
 *
 * value/object.h - inside value/ only: what errors and arrays look like, and how they go.
 *
 * Errors hold values and errors, arrays hold values: a program may nest them a million
 * deep. So they are not destroyed by calls within calls: what dies waits in a list,
 * through a link of its own, until its holder is done (teardown.c). Everything is gone
 * when the outermost release returns.
 */
#ifndef VOW_VALUE_OBJECT_H
#define VOW_VALUE_OBJECT_H

#include "base/panic.h"
#include "value/value.h"
#include "vow/error.h"

/* Either exclusive (count 1: its holder may change it), shared (count > 1) or immortal
 * (count 0: in read-only memory). The suppressed errors each have one reference from the
 * list they are in, and at most one list, because their link is their own. */
struct vow_error {
    size_t count;
    const vow_domain *domain;
    const char *message; /* within this block, or NULL: the domain's text for code */
    const char *place;   /* static, or NULL: unknown                               */
    vow_error *cause;    /* one reference, or NULL                                 */
    vow_error *suppressed, *last_suppressed; /* both NULL when there are none       */
    vow_error *next;   /* in a list of suppressed errors, or of dead ones        */
    vow_value payload; /* owned                                                  */
    int code;
    bool reserved; /* belongs to the reserve (ready.c), not to the heap      */
};

/* The program gets it: its elements count as seen, and none is a parcel. */
void vow__see_array(struct vow__array *array);

extern const vow_type vow__array_type, vow__error_type, vow__text_type, vow__literal_type;

/* Destroy what lost its last reference. */
void vow__error_destroy(vow_error *e);
void vow__array_destroy(vow__array *a);

/* One of the reserve of errors for when memory runs out, all zero but for count 1 and
 * `reserved`; NULL: all taken. */
vow_error *vow__reserve_take(void);
void vow__reserve_give(vow_error *e);

extern const vow_domain vow__errno_domain, vow__own_domain;

/* Misuse: a descriptor that is not complete. */
void vow__check_type(const char *maker, const vow_type *type);

#endif
