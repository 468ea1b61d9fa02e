/* SPDX-License-Identifier: MIT
 *
 * world_tasks.c - what the code of fibers and tasks does, on whichever side: one call for each
 * turn.
 */
#include "world.h"

/* What it waits for: promises that it takes, shares or makes. None: the others go first. */
static void *awaited(struct world *w, unsigned choice)
{
    void **slot;
    switch (choice % 6) {
    case 0:
        return w->side->delay(w, choice % 16);
    case 1:
        return world_new_pending(w, choice, choice);
    case 2:
        slot = world_find_handle(w, choice);
        return slot ? w->side->ref(*slot) : NULL;
    case 3:
        return NULL;
    default:
        return world_take_handle(w, choice);
    }
}

/* One in three shields itself, in some of its turns. */
static bool is_shielded(const struct behaviour *behaviour, unsigned turn)
{
    return behaviour->with % 3 == 0 && (behaviour->with >> turn % 8 & 1);
}

enum m_went world_turn(struct world *w, uint32_t who, unsigned turn, union any in, union any *out)
{
    const struct behaviour *behaviour = world_behaviour(w, who);
    struct text *text = world_event(w, "turn", who);
    text_add(text, ".");
    text_number(text, turn);
    text_add(text, " ");
    w->side->values->describe(text, in);
    bool shielded = is_shielded(behaviour, turn);
    if (shielded != (turn > 0 && is_shielded(behaviour, turn - 1)))
        w->side->tasks->shield(w, shielded);
    world_act(w, who);
    if (turn < (who >> 4 & 3) && !w->quiet) {
        void *p = awaited(w, behaviour->with / 4 + turn);
        if (!p)
            return M_YIELDS;
        *out = w->side->values->promise(p);
        return M_WAITS;
    }
    unsigned gift = behaviour->give == GIVE_same ? GIVE_kept : behaviour->give;
    *out = world_make(w, gift, behaviour->with, &in);
    return M_ENDS;
}
