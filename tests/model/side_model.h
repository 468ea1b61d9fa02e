/* SPDX-License-Identifier: MIT
 *
 * side_model.h - between the files of the model's side of the world.
 */
#ifndef VOW_TESTS_SIDE_MODEL_H
#define VOW_TESTS_SIDE_MODEL_H

#include "inside.h"
#include "world.h"

/* A new source lies where vow has its own (places). Gives p. */
struct m_promise *place_source(struct m_promise *p);

extern const struct side_tasks model_tasks;
extern const struct side_locks model_locks;

#endif
