/* SPDX-License-Identifier: MIT
 *
 * operate.c - what the operations of a program do, on whichever side.
 */
#include <stdint.h>

#include "world.h"

static void do_resolver(struct world *w, const struct op *op)
{
    union any v = w->side->values->simple(M_NONE);
    bool settles = op->code == OP_resolve || op->code == OP_reject;
    if (settles) /* first: making the value may end another operation */
        v = op->code == OP_resolve ? world_make(w, op->b, op->c, NULL)
                                   : world_make_error(w, op->b, op->c);
    void *r = world_take_resolver(w, op->a);
    if (!r) {
        if (settles)
            world_keep_handle(w, w->side->resolved(w, v));
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
            world_event(w, w->side->is_wanted(w->resolvers[at].r) ? "wanted" : "not wanted",
                        w->resolvers[at].who);
            return;
        }
    }
}

static void do_then(struct world *w, const struct op *op, enum m_role role)
{
    void *p = world_take_handle(w, op->a);
    if (!p)
        return;
    uint32_t who = world_new_who(w, 0, op->b);
    if (op->c % 2)
        world_owe(w, who);
    world_keep_handle(w, w->side->then(w, p, role, who, op->c % 2));
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
    world_keep_handle(w, w->side->combine(w, policy, n, inputs));
}

static void do_repeat(struct world *w, const struct op *op, enum m_policy policy)
{
    uint32_t who = world_new_who(w, 0, op->b);
    bool destroy = op->c % 2;
    if (destroy)
        world_owe(w, who);
    size_t n = policy == M_INTERVAL ? op->c % 8 : op->a % 5;
    world_keep_handle(w, w->side->repeat(w, policy, n, op->a / 5 % 3, who, destroy));
}

static void do_attach(struct world *w, const struct op *op)
{
    void *p = world_take_handle(w, op->a);
    if (p && w->side->can_attach(w, p)) {
        uint32_t who = world_new_who(w, 0, op->b);
        world_owe(w, who);
        p = w->side->attach(w, p, who);
    }
    if (p)
        world_keep_handle(w, p);
}

static void do_detach(struct world *w, const struct op *op)
{
    void *p = world_take_handle(w, op->a);
    if (!p)
        return;
    uint32_t who = world_new_who(w, 0, op->b);
    bool destroy = op->c % 2, on_error = op->c / 2 % 2;
    if (destroy)
        world_owe(w, who);
    w->side->detach(w, p, on_error, who, destroy);
}

static void do_post(struct world *w, const struct op *op)
{
    uint32_t who = world_new_who(w, 0, op->b);
    world_owe(w, who);
    if (w->side->post(w, who))
        world_event(w, "refused", who);
}

static void do_time(struct world *w, const struct op *op)
{
    void *p;
    switch (op->code) {
    case OP_delay:
        world_keep_handle(w, w->side->delay(w, op->c % 16));
        break;
    case OP_timeout:
    case OP_deadline:
        if ((p = world_take_handle(w, op->a)) != NULL)
            world_keep_handle(w, w->side->timeout(w, p, op->c % 16, op->code == OP_deadline));
        break;
    case OP_poll:
        text_number(world_event(w, "polled ", 0), (uint64_t)w->side->poll(w));
        break;
    case OP_advance:
        w->side->advance(w, op->c % 24);
        break;
    default:
        if (op->c < 64) /* seldom: not much happens afterwards */
            text_number(world_event(w, "closed ", 0), w->side->close(w));
    }
}

static void do_handle(struct world *w, const struct op *op)
{
    void **slot = world_find_handle(w, op->a), *p = slot ? *slot : NULL;
    if (!p)
        return;
    switch (op->code) {
    case OP_context:
    case OP_shield:
        *slot = NULL;
        p = op->code == OP_context ? w->side->context(w, p) : w->side->shield(w, p);
        world_keep_handle(w, p);
        break;
    case OP_ref:
        world_keep_handle(w, w->side->ref(p));
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
    text_number(world_event(w, "drained ", 0), served);
}

void world_do(struct world *w, const struct op *op)
{
    w->steps++;
    switch (op->code) {
    case OP_nothing:
        break;
    case OP_new:
        world_keep_handle(w, world_new_pending(w, op->b, op->c));
        break;
    case OP_resolved:
        world_keep_handle(w, w->side->resolved(w, world_make(w, op->b, op->c, NULL)));
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
    case OP_context:
    case OP_shield:
    case OP_ref:
    case OP_unref:
    case OP_cancel:
    case OP_mark_handled:
        do_handle(w, op);
        break;
    default:
        world_do_task(w, op);
    }
}
