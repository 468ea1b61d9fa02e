/* SPDX-License-Identifier: MIT
 *
 * scope/parcel.h - values on their way from something of vow's own (a channel, a sequence) to
 * whoever sees the promise that was fulfilled with them. Who sees it gets what is in it
 * (value/value.h); released before, by a drop, a cancel, a lost race, it goes back home. A
 * parcel is a line of the pool, made of a waiter's, so that sending one allocates nothing.
 */
#ifndef VOW_SCOPE_PARCEL_H
#define VOW_SCOPE_PARCEL_H

#include "scope/waiters.h"

struct vow__parcel_home;

/* A line, whose first 8 bytes belong to the pool. */
struct vow__parcel {
    uint64_t line;
    struct vow__parcel_home *home; /* NULL: somebody has seen it */
    vow_value value;
    size_t refs;
    uint64_t n;               /* the home's: where it came from, or how much it stands for */
    struct vow__parcel *next; /* the home's, when it is back */
};
_Static_assert(sizeof(struct vow__parcel) <= sizeof(vow_promise), "a parcel fits a line");

/* Must not go before its parcels have called one of the two, in which it may. */
struct vow__parcel_home {
    void (*seen)(struct vow__parcel_home *home);
    /* Takes the parcel, which nobody else has. Others may be called, nothing may be allocated. */
    void (*back)(struct vow__parcel_home *home, struct vow__parcel *parcel);
};

extern const struct vow__parcel_type vow__parcel;
/* The same one once more, which was back. */
static inline vow_value vow__parcel_again(struct vow__parcel *parcel)
{
    parcel->refs = 1;
    return (vow_value){.type = &vow__parcel.type, .as.p = parcel};
}
/* Takes w, in no queue, and v. */
static inline vow_value vow__parcel_send(struct vow__parcel_home *home, struct vow__waiter *w,
                                         vow_value v, uint64_t n)
{
    struct vow__parcel *parcel = (void *)w;
    parcel->home = home;
    parcel->value = v;
    parcel->n = n;
    return vow__parcel_again(parcel);
}
/* One that is back, and is not sent again: takes it out of its cover; home has not been told. */
vow_value vow__parcel_open(struct vow__parcel *parcel);

/* Those that are back, in the order in which they were sent first. */
struct vow__parcels {
    struct vow__parcel *first, *last;
    size_t count;
};
void vow__parcels_add(struct vow__parcels *parcels, struct vow__parcel *parcel); /* by its n */
struct vow__parcel *vow__parcels_take(struct vow__parcels *parcels);             /* NULL: none */

#endif
