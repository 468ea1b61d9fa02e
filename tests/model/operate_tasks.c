/* SPDX-License-Identifier: MIT
 *
 * operate_tasks.c - what the operations on fibers, tasks, channels, scopes and owners do, on
 * whichever side.
 */
#include "world.h"

static const struct side_tasks *side(const struct world *w) { return w->side->tasks; }

/* Channels. */

/* No promise is to be sent; an error as it is. */
static union any make_message(struct world *w, const struct op *op)
{
    bool promise = op->b == GIVE_promise || op->b == GIVE_pending || op->b == GIVE_delay;
    return world_make(w, promise ? GIVE_box : op->b, op->c, NULL);
}

/* Up to three cases: a channel, a direction and a message by two bits, one and one of each. */
static void do_select(struct world *w, const struct op *op)
{
    static const uint8_t gifts[] = {GIVE_box, GIVE_box, GIVE_number, GIVE_error};
    struct side_case cases[3];
    size_t n = 0;
    for (unsigned i = 0; i <= op->a % 3u; i++) {
        void *ch = w->channels[(op->b >> 2 * i & 3) % CHANNELS];
        bool send = op->c >> i & 1;
        if (!ch)
            continue;
        cases[n] = (struct side_case){ch, send, w->side->values->simple(M_NONE)};
        if (send)
            cases[n].value = world_make(w, gifts[((op->c >> 3) + i) % 4], op->c, NULL);
        n++;
    }
    if (n > 0)
        world_keep_handle(w, side(w)->select(w, n, cases));
}

static void do_channel(struct world *w, const struct op *op)
{
    void **slot = &w->channels[op->a % CHANNELS], *ch = *slot;
    union any v = w->side->values->simple(M_NONE);
    switch (ch ? op->code : OP_channel) {
    case OP_channel:
        *slot = side(w)->channel(w, op->a / CHANNELS % 3);
        if (ch)
            side(w)->free_channel(w, ch);
        break;
    case OP_send:
        v = make_message(w, op);
        if ((ch = *slot) != NULL) /* making the value may end something */
            world_keep_handle(w, side(w)->send(w, ch, v));
        break;
    case OP_receive:
        world_keep_handle(w, side(w)->receive(w, ch));
        break;
    case OP_drain_channel:
        v = side(w)->drain_channel(w, ch);
        world_keep_handle(w, w->side->resolved(w, v));
        break;
    case OP_close_channel:
        side(w)->close_channel(w, ch);
        break;
    default:
        *slot = NULL;
        side(w)->free_channel(w, ch);
    }
}

/* Scopes. */

static void new_scope(struct world *w, const struct op *op)
{
    void **slot = &w->scopes[op->b % SCOPES], *old = *slot;
    void *parent = op->code == OP_scope_in ? w->scopes[op->a % SCOPES] : NULL;
    *slot = side(w)->scope(w, parent, op->b / SCOPES % 2);
    if (old)
        side(w)->free_scope(w, old);
}

static void do_start(struct world *w, const struct op *op, void *s)
{
    uint32_t who = world_new_who(w, 0, op->b);
    if (op->c % 2)
        world_owe(w, who);
    side(w)->start(w, s, who, op->c % 2);
}

static void tell_state(struct world *w, void *s)
{
    struct text *text = world_event(w, side(w)->is_over(s) ? "over " : "runs ", 0);
    text_number(text, side(w)->running(s));
}

static void do_scope(struct world *w, const struct op *op)
{
    unsigned at = op->code == OP_start ? op->a : op->b;
    void **slot = &w->scopes[at % SCOPES], *s = *slot, *p = NULL;
    if (!s) {
        new_scope(w, op);
        return;
    }
    tell_state(w, s);
    switch (op->code) {
    case OP_add:
        if ((p = world_take_handle(w, op->a)) != NULL)
            side(w)->add(w, s, p);
        break;
    case OP_within:
        if ((p = world_take_handle(w, op->a)) != NULL)
            world_keep_handle(w, side(w)->within(w, s, p));
        break;
    case OP_start:
        do_start(w, op, s);
        break;
    case OP_limit:
        side(w)->limit(w, s, op->a % 4);
        break;
    case OP_scope_deadline:
        if (side(w)->deadline(w, s, op->c % 16))
            world_event(w, "refused", 0);
        break;
    case OP_join:
        world_keep_handle(w, side(w)->join(w, s));
        break;
    case OP_cancel_scope:
        side(w)->cancel_scope(w, s);
        break;
    default:
        *slot = NULL;
        side(w)->free_scope(w, s);
    }
}

/* Without an owner in the slot it makes one. */
static void do_owner(struct world *w, const struct op *op)
{
    void **slot = &w->owners[op->b % OWNERS], *owner = *slot, *p = NULL;
    if (!owner) {
        *slot = side(w)->owner(w);
    } else if (op->code == OP_own) {
        if ((p = world_take_handle(w, op->a)) != NULL)
            world_keep_handle(w, side(w)->own(w, owner, p));
    } else {
        *slot = NULL;
        side(w)->free_owner(w, owner);
    }
}

static void do_spawn(struct world *w, const struct op *op)
{
    uint32_t who = world_new_who(w, op->a, op->b);
    if (op->c % 2)
        world_owe(w, who);
    world_keep_handle(w, side(w)->spawn(w, op->code == OP_task, who, op->c % 2));
}

void world_do_task(struct world *w, const struct op *op)
{
    switch (op->code) {
    case OP_spawn:
    case OP_task:
        do_spawn(w, op);
        break;
    case OP_shuffle:
        side(w)->shuffle(w, op->a % 4);
        break;
    case OP_select:
        do_select(w, op);
        break;
    case OP_channel:
    case OP_send:
    case OP_receive:
    case OP_drain_channel:
    case OP_close_channel:
    case OP_free_channel:
        do_channel(w, op);
        break;
    case OP_scope:
    case OP_scope_in:
        new_scope(w, op);
        break;
    case OP_own:
    case OP_free_owner:
        do_owner(w, op);
        break;
    case OP_add:
    case OP_within:
    case OP_start:
    case OP_limit:
    case OP_scope_deadline:
    case OP_join:
    case OP_cancel_scope:
    case OP_free_scope:
        do_scope(w, op);
        break;
    default:
        world_do_lock(w, op);
    }
}
