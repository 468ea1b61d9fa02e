/* SPDX-License-Identifier: MIT
 *
 * world.c - what a world holds, and what the functions of its program do, on whichever side.
 */
#include "world.h"

#include <errno.h>
#include <string.h>

struct text *world_event(struct world *w, const char *what, uint32_t who)
{
    if (w->event_count == MOST_EVENTS)
        interpreter_failed("more events than there is room for");
    struct text *text = &w->events[w->event_count++];
    *text = (struct text){.used = 0, .hash = 0xCBF29CE484222325u};
    text->at[0] = '\0';
    text_add(text, what);
    if (who) {
        text_add(text, " #");
        text_number(text, who >> 6);
    }
    return text;
}

/* Words for functions: a number, what a stop hook does or how often a fiber waits, a
 * behaviour. */

uint32_t world_new_who(struct world *w, unsigned extra, unsigned behaviour)
{
    if (++w->serials == MOST_SERIALS)
        interpreter_failed("more functions than there is room for");
    return w->serials << 6 | (extra & 3) << 4 | behaviour % BEHAVIOURS;
}

const struct behaviour *world_behaviour(struct world *w, uint32_t who)
{
    return &w->program->behaviours[who & 15];
}

/* vow will have to destroy it. */
void world_owe(struct world *w, uint32_t who)
{
    w->owes[who >> 6] = true;
    w->owed++;
}

/* Slots. */

void **world_find_handle(struct world *w, unsigned a)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (w->handles[(a + i) % SLOTS])
            return &w->handles[(a + i) % SLOTS];
    return NULL;
}

void *world_take_handle(struct world *w, unsigned a)
{
    void **slot = world_find_handle(w, a), *p = slot ? *slot : NULL;
    if (slot)
        *slot = NULL;
    return p;
}

/* With no slot free another handle is given back first. */
void world_keep_handle(struct world *w, void *p)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (!w->handles[i]) {
            w->handles[i] = p;
            return;
        }
    void **slot = &w->handles[w->serials % SLOTS], *old = *slot;
    *slot = p;
    w->side->unref(w, old);
}

void *world_take_resolver(struct world *w, unsigned a)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        void **r = &w->resolvers[(a + i) % SLOTS].r, *taken = *r;
        *r = NULL;
        if (taken)
            return taken;
    }
    return NULL;
}

static void keep_resolver(struct world *w, void *r, uint32_t who)
{
    unsigned at = 0;
    while (at < SLOTS && w->resolvers[at].r)
        at++;
    at = at < SLOTS ? at : w->serials % SLOTS;
    void *old = w->resolvers[at].r;
    w->resolvers[at].r = r;
    w->resolvers[at].who = who;
    if (old)
        w->side->resolver_drop(w, old);
}

/* Values. */

static void keep_with_hooks(struct world *w, void *r, unsigned hooks, unsigned behaviour)
{
    uint32_t who = world_new_who(w, hooks, behaviour);
    if (hooks % 4) {
        world_owe(w, who);
        w->side->on_stop(w, r, hooks % 4 > 1, true, who);
    }
    keep_resolver(w, r, who);
}

void *world_new_pending(struct world *w, unsigned hooks, unsigned behaviour)
{
    void *r, *p = w->side->pending(w, &r);
    keep_with_hooks(w, r, hooks, behaviour);
    return p;
}

static union any new_box(struct world *w, enum m_type type, unsigned behaviour)
{
    uint32_t who = world_new_who(w, 0, behaviour);
    world_owe(w, who);
    return w->side->values->box(w, type, who);
}

/* Only such promises may hide in values: they wait for nothing, so there are no circles. */
static void *take_fulfilled(struct world *w, unsigned a)
{
    void **slot = world_find_handle(w, a), *p = slot ? *slot : NULL;
    struct text text = {.at = ""};
    if (p)
        w->side->outcome(w, &text, p);
    if (!p || text.at[0] == '!' || text.at[0] == 'p')
        return NULL;
    *slot = NULL;
    return p;
}

/* `in`: what the function that gives it was called with; NULL outside of functions. */
union any world_make(struct world *w, unsigned gift, unsigned with, const union any *in)
{
    const struct side *side = w->side;
    void *p;
    switch (w->quiet ? GIVE_number : gift) {
    case GIVE_none:
        return side->values->simple(M_NONE);
    case GIVE_error:
        return side->values->error(w, with % 2 ? EIO : EPROTO);
    case GIVE_own_cancel:
        return side->values->error(w, ECANCELED);
    case GIVE_same:
        return in ? side->values->simple(M_SAME) : side->values->number((int)with);
    case GIVE_kept:
        return in ? side->values->keep(*in) : side->values->number((int)with);
    case GIVE_wrapped:
        return in && side->values->is_error(*in) ? side->values->wrapped(w, *in, EPIPE)
                                                 : side->values->error(w, EPIPE);
    case GIVE_promise:
        p = world_take_handle(w, with);
        return p ? side->values->promise(p) : side->values->simple(M_NONE);
    case GIVE_pending:
        return side->values->promise(world_new_pending(w, with, with));
    case GIVE_box:
        return new_box(w, M_BOX, with);
    case GIVE_payload:
        p = with % 2 ? take_fulfilled(w, with) : NULL;
        return side->values->payload(w, p ? side->values->promise(p) : new_box(w, M_BOX, with));
    case GIVE_array:
        return side->values->array(w, new_box(w, M_BOX, with), side->values->number((int)with));
    case GIVE_thenable:
        return new_box(w, M_THENABLE, with);
    case GIVE_again:
        return side->values->simple(M_AGAIN);
    case GIVE_delay:
        return side->values->promise(side->delay(w, with % 16));
    default:
        return side->values->number((int)with);
    }
}

/* Whatever it is, as an error. A promise that may be pending could close a circle. */
union any world_make_error(struct world *w, unsigned gift, unsigned with)
{
    if (gift == GIVE_promise || gift == GIVE_pending || gift == GIVE_delay)
        gift = GIVE_payload;
    union any v = world_make(w, gift, with, NULL);
    return w->side->values->is_error(v) ? v : w->side->values->payload(w, v);
}

/* Functions of the program that a side calls. */

enum { MOST_CALLS = 300, MOST_DEPTH = 3 };

void world_act(struct world *w, uint32_t who)
{
    if (++w->calls > MOST_CALLS)
        w->quiet = true;
    if (w->quiet || w->depth == MOST_DEPTH)
        return;
    w->depth++;
    world_do(w, &world_behaviour(w, who)->op);
    w->depth--;
}

union any world_call(struct world *w, enum m_role role, uint32_t who, union any in)
{
    static const char *const names[] = {"handle",  "then", "catch", "either",
                                        "finally", "step", "each"};
    const struct behaviour *behaviour = world_behaviour(w, who);
    struct text *text = world_event(w, names[role], who);
    text_add(text, " ");
    w->side->values->describe(text, in);
    world_act(w, who);
    bool has_input = role < M_ON_FINALLY;
    return world_make(w, behaviour->give, behaviour->with, has_input ? &in : NULL);
}

/* It does nothing itself: what would come of that could not be told to the model (places). */
void world_discarded(struct world *w, uint32_t who)
{
    world_event(w, "destroy", who);
    if (!w->owes[who >> 6])
        interpreter_failed("#%u was destroyed twice", (unsigned)(who >> 6));
    w->owes[who >> 6] = false;
    w->owed--;
}

void world_destroyed(struct world *w, uint32_t who)
{
    world_discarded(w, who);
    world_act(w, who);
}

void world_stopped(struct world *w, uint32_t who, void *resolver)
{
    world_event(w, "stop", who);
    for (unsigned i = 0; i < SLOTS; i++)
        if (w->resolvers[i].who == who)
            w->resolvers[i].r = NULL;
    world_act(w, who);
    if ((who >> 4 & 3) == 3)
        w->side->resolve(w, resolver, w->side->values->number((int)(who & 15)));
}

void world_unhandled(struct world *w, union any error, bool late)
{
    struct text *text = world_event(w, late ? "late " : "unhandled ", 0);
    w->side->values->describe(text, error);
    world_act(w, 0);
}

void world_lost(struct world *w, uint32_t who, union any error)
{
    struct text *text = world_event(w, "lost", who);
    text_add(text, " ");
    w->side->values->describe(text, error);
    world_act(w, who);
}

void world_posted(struct world *w, uint32_t who)
{
    world_event(w, "posted", who);
    world_act(w, who);
}

/* A foreign `then`: keeps its resolver for later, gives it up, or uses it. */
void world_then(struct world *w, uint32_t who, void *resolver)
{
    const struct behaviour *behaviour = world_behaviour(w, who);
    world_event(w, "foreign", who);
    world_act(w, who);
    switch (w->quiet ? 0 : behaviour->with % 4) {
    case 1:
        keep_with_hooks(w, resolver, behaviour->with / 4, behaviour->with);
        break;
    case 2:
        w->side->resolver_abandon(w, resolver);
        break;
    case 3:
        w->side->resolver_drop(w, resolver);
        break;
    default:
        w->side->resolve(w, resolver, world_make(w, behaviour->give, behaviour->with, NULL));
    }
}

/* Begin and end. */

void world_begin(struct world *w, const struct side *side, const struct program *program)
{
    memset(w->owes, 0, (w->serials + 1) * sizeof *w->owes);
    w->side = side;
    w->program = program;
    w->serials = w->calls = w->depth = 0;
    w->quiet = false;
    w->owed = 0;
    w->event_count = 0;
    memset(w->handles, 0, sizeof w->handles);
    memset(w->resolvers, 0, sizeof w->resolvers);
    memset(w->channels, 0, sizeof w->channels);
    memset(w->scopes, 0, sizeof w->scopes);
    memset(w->owners, 0, sizeof w->owners);
    memset(w->locks, 0, sizeof w->locks);
    memset(w->conditions, 0, sizeof w->conditions);
    memset(w->flags, 0, sizeof w->flags);
    side->begin(w);
}

static void free_all(struct world *w, void **slots, unsigned n,
                     void (*free_one)(struct world *w, void *thing))
{
    for (unsigned i = 0; i < n; i++) {
        void *thing = slots[i];
        slots[i] = NULL;
        if (thing)
            free_one(w, thing);
    }
}

void world_let_go(struct world *w)
{
    w->quiet = true;
    for (unsigned i = 0; i < SLOTS; i++) {
        void *p = w->handles[i];
        w->handles[i] = NULL;
        if (p)
            w->side->unref(w, p);
        void *r = w->resolvers[i].r; /* now: it may have been stopped */
        w->resolvers[i].r = NULL;
        if (r)
            w->side->resolver_drop(w, r);
    }
    free_all(w, w->channels, CHANNELS, w->side->tasks->free_channel);
    free_all(w, w->scopes, SCOPES, w->side->tasks->free_scope);
    free_all(w, w->owners, OWNERS, w->side->tasks->free_owner);
    free_all(w, w->conditions, LOCKS, w->side->locks->free_condition);
    free_all(w, w->flags, LOCKS, w->side->locks->free_flag);
    for (unsigned i = 0; i < LOCKS; i++) {
        struct lock lock = w->locks[i];
        w->locks[i].l = NULL;
        if (lock.l)
            w->side->locks->free_lock(w, &lock);
    }
    w->side->drain(w, SIZE_MAX);
}

void world_end(struct world *w)
{
    w->side->end(w);
    if (w->owed != 0)
        interpreter_failed("%ld things were never destroyed", w->owed);
}
