/* SPDX-License-Identifier: MIT
 *
 * sync/flight.h - one call whose outcome many wait for. A flight belongs to a slot as long as
 * others may still join it: until it has ended, or nobody waits, or the slot goes.
 */
#ifndef VOW_SYNC_FLIGHT_H
#define VOW_SYNC_FLIGHT_H

#include "core/loop.h"
#include "vow/reuse.h"

struct vow__flight;

struct vow__slot {
    vow_loop *loop;
    struct vow__flight *flight; /* or NULL */
    vow_value value;
    bool filled; /* `value` is there */
    /* The flight has ended with this (looked at), or, none, was left by all. May be NULL. */
    void (*landed)(struct vow__slot *slot, bool fulfilled);
};

/* What a flight calls: `step`, or `load` with the flight's own copy of the key. */
struct vow__call {
    vow_step_fn *step;
    vow_load_fn *load;
    void *data;
    vow_destroy_fn *destroy; /* or NULL */
    const char *key;         /* looked at */
};

/* The slot's value, or a promise of the flight's outcome, which is started if there is none.
 * Takes the call's data. */
vow_promise *vow__slot_get(struct vow__slot *slot, struct vow__call call, const char *where);
/* The slot goes, or is to know nothing of what is under way. Releases the value. */
void vow__slot_clear(struct vow__slot *slot);

#endif
