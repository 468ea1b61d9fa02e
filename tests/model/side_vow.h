/* SPDX-License-Identifier: MIT
 *
 * side_vow.h - between the files of vow's side of the world.
 */
#ifndef VOW_TESTS_SIDE_VOW_H
#define VOW_TESTS_SIDE_VOW_H

#include "world.h"

/* What vow calls finds its world here. */
extern struct world *here;

static inline void *as_data(uint32_t who) { return (void *)(uintptr_t)who; }
static inline uint32_t as_who(void *data) { return (uint32_t)(uintptr_t)data; }
void destroyed(void *data);

/* For `places`: a new source; those who wait in scopes, whenever the loop may close. */
void remember_source(void *resolver);
void remember_joiners(const struct world *w);
/* Timers, whenever one may have been made, and before the loop may close: an interval makes
 * its own. Gives `made`. */
void *remember_timers(vow_loop *loop, void *made);

extern const struct side_values vow_values;
extern const struct side_tasks vow_tasks;
extern const struct side_locks vow_locks;

#endif
