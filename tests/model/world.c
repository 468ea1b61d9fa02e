/* SPDX-License-Identifier: MIT
 *
 * world.c - what the operations of a program do, on whichever side.
 */
#include "world.h"

#include <errno.h>
#include <string.h>

static struct text *event(struct world *w, const char *what, uint32_t who)
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

/* Words for functions: a number, what a stop hook does, a behaviour. */

static uint32_t new_who(struct world *w, unsigned extra, unsigned behaviour)
{
    if (++w->serials == MOST_SERIALS)
        interpreter_failed("more functions than there is room for");
    return w->serials << 6 | (extra & 3) << 4 | behaviour % BEHAVIOURS;
}

static const struct behaviour *behaviour_of(struct world *w, uint32_t who)
{
    return &w->program->behaviours[who & 15];
}

/* vow will have to destroy it. */
static void owe(struct world *w, uint32_t who)
{
    w->owes[who >> 6] = true;
    w->owed++;
}

/* Slots. */

static void **find_handle(struct world *w, unsigned a)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (w->handles[(a + i) % SLOTS])
            return &w->handles[(a + i) % SLOTS];
    return NULL;
}

static void *take_handle(struct world *w, unsigned a)
{
    void **slot = find_handle(w, a), *p = slot ? *slot : NULL;
    if (slot)
        *slot = NULL;
    return p;
}

/* With no slot free another handle is given back first. */
static void keep_handle(struct world *w, void *p)
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

static void *take_resolver(struct world *w, unsigned a)
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
    uint32_t who = new_who(w, hooks, behaviour);
    if (hooks % 4) {
        owe(w, who);
        w->side->on_stop(w, r, hooks % 4 > 1, true, who);
    }
    keep_resolver(w, r, who);
}

static void *new_pending(struct world *w, unsigned hooks, unsigned behaviour)
{
    void *r, *p = w->side->pending(w, &r);
    keep_with_hooks(w, r, hooks, behaviour);
    return p;
}

static union any new_box(struct world *w, enum m_type type, unsigned behaviour)
{
    uint32_t who = new_who(w, 0, behaviour);
    owe(w, who);
    return w->side->box(w, type, who);
}

/* Only such promises may hide in values: they wait for nothing, so there are no circles. */
static void *take_fulfilled(struct world *w, unsigned a)
{
    void **slot = find_handle(w, a), *p = slot ? *slot : NULL;
    struct text text = {.at = ""};
    if (p)
        w->side->outcome(&text, p);
    if (!p || text.at[0] == '!' || text.at[0] == 'p')
        return NULL;
    *slot = NULL;
    return p;
}

/* `in`: what the function that gives it was called with; NULL outside of functions. */
static union any make(struct world *w, unsigned gift, unsigned with, const union any *in)
{
    const struct side *side = w->side;
    void *p;
    switch (w->quiet ? GIVE_number : gift) {
    case GIVE_none:
        return side->simple(M_NONE);
    case GIVE_error:
        return side->error(w, with % 2 ? EIO : EPROTO);
    case GIVE_own_cancel:
        return side->error(w, ECANCELED);
    case GIVE_same:
        return in ? side->simple(M_SAME) : side->number((int)with);
    case GIVE_kept:
        return in ? side->keep(*in) : side->number((int)with);
    case GIVE_wrapped:
        return in && side->is_error(*in) ? side->wrapped(w, *in, EPIPE) : side->error(w, EPIPE);
    case GIVE_promise:
        p = take_handle(w, with);
        return p ? side->promise(p) : side->simple(M_NONE);
    case GIVE_pending:
        return side->promise(new_pending(w, with, with));
    case GIVE_box:
        return new_box(w, M_BOX, with);
    case GIVE_payload:
        p = with % 2 ? take_fulfilled(w, with) : NULL;
        return side->payload(w, p ? side->promise(p) : new_box(w, M_BOX, with));
    case GIVE_array:
        return side->array(w, new_box(w, M_BOX, with), side->number((int)with));
    case GIVE_thenable:
        return new_box(w, M_THENABLE, with);
    case GIVE_again:
        return side->simple(M_AGAIN);
    case GIVE_delay:
        return side->promise(side->delay(w, with % 16));
    default:
        return side->number((int)with);
    }
}

/* Whatever it is, as an error. A promise that may be pending could close a circle. */
static union any make_error(struct world *w, unsigned gift, unsigned with)
{
    if (gift == GIVE_promise || gift == GIVE_pending || gift == GIVE_delay)
        gift = GIVE_payload;
    union any v = make(w, gift, with, NULL);
    return w->side->is_error(v) ? v : w->side->payload(w, v);
}

/* Functions of the program that a side calls. */

enum { MOST_CALLS = 300, MOST_DEPTH = 3 };

static void act(struct world *w, uint32_t who)
{
    if (++w->calls > MOST_CALLS)
        w->quiet = true;
    if (w->quiet || w->depth == MOST_DEPTH)
        return;
    w->depth++;
    world_do(w, &behaviour_of(w, who)->op);
    w->depth--;
}

union any world_call(struct world *w, enum m_role role, uint32_t who, union any in)
{
    static const char *const names[] = {"handle",  "then", "catch", "either",
                                        "finally", "step", "each"};
    const struct behaviour *behaviour = behaviour_of(w, who);
    struct text *text = event(w, names[role], who);
    text_add(text, " ");
    w->side->describe(text, in);
    act(w, who);
    bool has_input = role < M_ON_FINALLY;
    return make(w, behaviour->give, behaviour->with, has_input ? &in : NULL);
}

/* It does nothing itself: what would come of that could not be told to the model (places). */
void world_discarded(struct world *w, uint32_t who)
{
    event(w, "destroy", who);
    if (!w->owes[who >> 6])
        interpreter_failed("#%u was destroyed twice", (unsigned)(who >> 6));
    w->owes[who >> 6] = false;
    w->owed--;
}

void world_destroyed(struct world *w, uint32_t who)
{
    world_discarded(w, who);
    act(w, who);
}

void world_stopped(struct world *w, uint32_t who, void *resolver)
{
    event(w, "stop", who);
    for (unsigned i = 0; i < SLOTS; i++)
        if (w->resolvers[i].who == who)
            w->resolvers[i].r = NULL;
    act(w, who);
    if ((who >> 4 & 3) == 3)
        w->side->resolve(w, resolver, w->side->number((int)(who & 15)));
}

void world_unhandled(struct world *w, union any error, bool late)
{
    struct text *text = event(w, late ? "late " : "unhandled ", 0);
    w->side->describe(text, error);
    act(w, 0);
}

void world_lost(struct world *w, uint32_t who, union any error)
{
    struct text *text = event(w, "lost", who);
    text_add(text, " ");
    w->side->describe(text, error);
    act(w, who);
}

void world_posted(struct world *w, uint32_t who)
{
    event(w, "posted", who);
    act(w, who);
}

/* A foreign `then`: keeps its resolver for later, gives it up, or uses it. */
void world_then(struct world *w, uint32_t who, void *resolver)
{
    const struct behaviour *behaviour = behaviour_of(w, who);
    event(w, "foreign", who);
    act(w, who);
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
        w->side->resolve(w, resolver, make(w, behaviour->give, behaviour->with, NULL));
    }
}

/* Operations. */

static void do_resolver(struct world *w, const struct op *op)
{
    union any v = w->side->simple(M_NONE);
    bool settles = op->code == OP_resolve || op->code == OP_reject;
    if (settles) /* first: making the value may end another operation */
        v = op->code == OP_resolve ? make(w, op->b, op->c, NULL) : make_error(w, op->b, op->c);
    void *r = take_resolver(w, op->a);
    if (!r) {
        if (settles)
            keep_handle(w, w->side->resolved(w, v));
    } else if (op->code == OP_reject) {
        w->side->reject(w, r, v);
    } else if (op->code == OP_resolve) {
        w->side->resolve(w, r, v);
    } else if (op->code == OP_abandon) {
        w->side->resolver_abandon(w, r);
    } else {
        w->side->resolver_drop(w, r);
    }
}

static void do_is_wanted(struct world *w, const struct op *op)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        unsigned at = (op->a + i) % SLOTS;
        if (w->resolvers[at].r) {
            event(w, w->side->is_wanted(w->resolvers[at].r) ? "wanted" : "not wanted",
                  w->resolvers[at].who);
            return;
        }
    }
}

static void do_then(struct world *w, const struct op *op, enum m_role role)
{
    void *p = take_handle(w, op->a);
    if (!p)
        return;
    uint32_t who = new_who(w, 0, op->b);
    if (op->c % 2)
        owe(w, who);
    keep_handle(w, w->side->then(w, p, role, who, op->c % 2));
}

static void do_successor(struct world *w, const struct op *op)
{
    switch (op->code) {
    case OP_handle:
        do_then(w, op, M_ON_ANY);
        break;
    case OP_then:
        do_then(w, op, M_ON_VALUE);
        break;
    case OP_catch:
        do_then(w, op, M_ON_ERROR);
        break;
    case OP_then_catch:
        do_then(w, op, M_ON_EITHER);
        break;
    default:
        do_then(w, op, M_ON_FINALLY);
    }
}

static void do_combine(struct world *w, const struct op *op, enum m_policy policy)
{
    void *inputs[SLOTS];
    size_t n = 0;
    for (unsigned i = 0; i < SLOTS; i++)
        if (((op->a | op->b << 8) >> i & 1) && w->handles[i]) {
            inputs[n++] = w->handles[i];
            w->handles[i] = NULL;
        }
    keep_handle(w, w->side->combine(w, policy, n, inputs));
}

static void do_repeat(struct world *w, const struct op *op, enum m_policy policy)
{
    uint32_t who = new_who(w, 0, op->b);
    bool destroy = op->c % 2;
    if (destroy)
        owe(w, who);
    size_t n = policy == M_INTERVAL ? op->c % 8 : op->a % 5;
    keep_handle(w, w->side->repeat(w, policy, n, op->a / 5 % 3, who, destroy));
}

static void do_attach(struct world *w, const struct op *op)
{
    void *p = take_handle(w, op->a);
    if (p && w->side->can_attach(w, p)) {
        uint32_t who = new_who(w, 0, op->b);
        owe(w, who);
        p = w->side->attach(w, p, who);
    }
    if (p)
        keep_handle(w, p);
}

static void do_detach(struct world *w, const struct op *op)
{
    void *p = take_handle(w, op->a);
    if (!p)
        return;
    uint32_t who = new_who(w, 0, op->b);
    bool destroy = op->c % 2, on_error = op->c / 2 % 2;
    if (destroy)
        owe(w, who);
    w->side->detach(w, p, on_error, who, destroy);
}

static void do_post(struct world *w, const struct op *op)
{
    uint32_t who = new_who(w, 0, op->b);
    owe(w, who);
    if (w->side->post(w, who))
        event(w, "refused", who);
}

static void do_time(struct world *w, const struct op *op)
{
    void *p;
    switch (op->code) {
    case OP_delay:
        keep_handle(w, w->side->delay(w, op->c % 16));
        break;
    case OP_timeout:
    case OP_deadline:
        if ((p = take_handle(w, op->a)) != NULL)
            keep_handle(w, w->side->timeout(w, p, op->c % 16, op->code == OP_deadline));
        break;
    case OP_poll:
        text_number(event(w, "polled ", 0), (uint64_t)w->side->poll(w));
        break;
    case OP_advance:
        w->side->advance(w, op->c % 24);
        break;
    default:
        if (op->c < 64) /* seldom: not much happens afterwards */
            text_number(event(w, "closed ", 0), w->side->close(w));
    }
}

static void do_handle(struct world *w, const struct op *op)
{
    void **slot = find_handle(w, op->a), *p = slot ? *slot : NULL;
    if (!p)
        return;
    switch (op->code) {
    case OP_context:
    case OP_shield:
        *slot = NULL;
        p = op->code == OP_context ? w->side->context(w, p) : w->side->shield(w, p);
        keep_handle(w, p);
        break;
    case OP_ref:
        keep_handle(w, w->side->ref(p));
        break;
    case OP_unref:
        *slot = NULL;
        w->side->unref(w, p);
        break;
    case OP_cancel:
        w->side->cancel(w, p);
        break;
    default:
        w->side->mark_handled(w, p);
    }
}

static void do_drain(struct world *w, const struct op *op)
{
    size_t most = op->a < 240 ? op->a % 12 : SIZE_MAX;
    size_t served = w->side->drain(w, most);
    text_number(event(w, "drained ", 0), served);
}

void world_do(struct world *w, const struct op *op)
{
    w->steps++;
    switch (op->code) {
    case OP_nothing:
        break;
    case OP_new:
        keep_handle(w, new_pending(w, op->b, op->c));
        break;
    case OP_resolved:
        keep_handle(w, w->side->resolved(w, make(w, op->b, op->c, NULL)));
        break;
    case OP_resolve:
    case OP_reject:
    case OP_drop_resolver:
    case OP_abandon:
        do_resolver(w, op);
        break;
    case OP_is_wanted:
        do_is_wanted(w, op);
        break;
    case OP_handle:
    case OP_then:
    case OP_catch:
    case OP_then_catch:
    case OP_finally:
        do_successor(w, op);
        break;
    case OP_all:
    case OP_any:
    case OP_race:
    case OP_all_settled:
        do_combine(w, op, (enum m_policy)(M_ALL + op->code - OP_all));
        break;
    case OP_repeat:
    case OP_map:
    case OP_for_each:
    case OP_reduce:
    case OP_retry:
        do_repeat(w, op, (enum m_policy)(M_REPEAT + op->code - OP_repeat));
        break;
    case OP_interval:
        do_repeat(w, op, M_INTERVAL);
        break;
    case OP_attach:
        do_attach(w, op);
        break;
    case OP_detach:
        do_detach(w, op);
        break;
    case OP_post:
        do_post(w, op);
        break;
    case OP_delay:
    case OP_timeout:
    case OP_deadline:
    case OP_poll:
    case OP_advance:
    case OP_close:
        do_time(w, op);
        break;
    case OP_budget:
        w->side->budget(w, op->a % 4 ? 1024 : op->a / 4 % 8);
        break;
    case OP_drain:
        do_drain(w, op);
        break;
    default:
        do_handle(w, op);
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
    side->begin(w);
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
    w->side->drain(w, SIZE_MAX);
}

void world_end(struct world *w)
{
    w->side->end(w);
    if (w->owed != 0)
        interpreter_failed("%ld things were never destroyed", w->owed);
}
