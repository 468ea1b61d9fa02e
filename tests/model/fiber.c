/* SPDX-License-Identifier: MIT
 *
 * fiber.c - the model's fibers and tasks. The model knows of no stacks: what their code does
 * until it waits is one call of the host's, its turn. A task has what it got last until it
 * gets something else, for it is a variable of its own.
 */
#include <errno.h>

#include "inside.h"
#include "vow/error.h"

struct m_promise *m_spawn(struct model *m, bool stackless, uint32_t who, bool destroy)
{
    struct m_promise *c = m_make(m, M_FIBER);
    if (!c)
        return m_refuse(m, NULL, destroy, who);
    c->who = who;
    c->destroy = destroy;
    c->fiber.stackless = stackless;
    m_enqueue(m, c);
    return c;
}

/* A random order: the same numbers as vow draws. */

void m_shuffle(struct model *m, uint64_t seed)
{
    m->shuffle = seed ? (seed * 0x9E3779B97F4A7C15u) | 1 : 0;
}

static bool others_go_first(struct model *m)
{
    uint64_t x = m->shuffle;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    m->shuffle = x;
    return x >> 63;
}

/* Shields. */

void m_fiber_shield(struct model *m, bool on)
{
    struct m_fiber *fiber = &m->fiber->fiber;
    if (fiber->stackless)
        fiber->shields = on;
    else
        fiber->shields += on ? 1 : (unsigned)-1;
}

/* A cancel that a shield has kept is for what it waits for now, or gives at last. */
static void take_kept_cancel(struct m_promise *c)
{
    c->cancelled = c->cancelled || c->fiber.owed;
    c->fiber.owed = false;
}

/* Turns. */

static void set_value(struct model *m, struct m_promise *c, struct m_value v)
{
    struct m_value old = c->value;
    c->value = v;
    m_release(m, old);
}

static void destroy_data(struct model *m, struct m_promise *c)
{
    set_value(m, c, m_none());
    if (c->destroy)
        m->host.destroyed(m->host.self, c->who);
}

static enum m_went turn(struct model *m, struct m_promise *c, struct m_value *out)
{
    struct m_promise *before = m->fiber;
    struct m_value in = c->value;
    m->fiber = c;
    *out = m_none();
    if (c->fiber.yields) /* it gets nothing but a code */
        in = m_int(m_is_error(in) ? in.object->code : 0);
    enum m_went went = m->host.turn(m->host.self, c->who, c->fiber.turns++, in, out);
    if (!c->fiber.stackless)
        set_value(m, c, m_none());
    m->fiber = before;
    c->fiber.yields = went == M_YIELDS;
    return went;
}

/* May it wait for that? True: it gets why not, and what it would have waited for is let go. */
static bool refused(struct model *m, struct m_promise *c, bool dropped, struct m_value out)
{
    struct m_value why;
    if (dropped)
        why = m_ready(m, ECANCELED);
    else if (c->fiber.yields && m->closing)
        why = m_ready(m, VOW_ECLOSED);
    else if (!c->fiber.yields && m_cannot_wait(m, m->running, out.promise))
        why = c->fiber.stackless ? m_ready(m, VOW_ECYCLE) : m_error(m, VOW_ECYCLE);
    else
        return false;
    m_release(m, out);
    set_value(m, c, why);
    return true;
}

/* Until it ends, or waits for what it may wait for. A task hears of a refusal in its next turn,
 * as of everything. */
static enum m_went go_on(struct model *m, struct m_promise *c, bool dropped, struct m_value *out)
{
    enum m_went went;
    bool again;
    do {
        went = turn(m, c, out);
        again = went != M_ENDS && refused(m, c, dropped, *out);
        c->fiber.held = again && c->fiber.stackless;
    } while (again && !c->fiber.held);
    if (went == M_ENDS)
        destroy_data(m, c);
    return c->fiber.held ? M_YIELDS : went;
}

/* One that is cancelled before its first turn does not begin, nor does one of a closing loop. */
static bool begins(struct model *m, struct m_promise *c, struct m_value *result)
{
    if (c->fiber.turns > 0)
        return true;
    *result = m->closing ? m_ready(m, VOW_ECLOSED) : m_keep(c->value);
    if (!m_is_error(*result))
        return true;
    destroy_data(m, c);
    return false;
}

/* It has what it waited for. True: it is not to go on yet. What it is held with goes when it is
 * cancelled meanwhile. A task may be held again. */
static bool is_held(struct model *m, struct m_promise *c, struct m_value in)
{
    bool was = c->fiber.held;
    if (!was || m_is_error(in))
        set_value(m, c, in);
    c->fiber.held = m->shuffle && (!was || c->fiber.stackless) && others_go_first(m);
    return c->fiber.held;
}

static void end(struct model *m, struct m_promise *c, struct m_value result)
{
    c->kind = M_HANDLE; /* which has no code to be ended */
    if (m_user_end(m, c))
        m_resolve_with(m, c, result);
    else
        m_release(m, result);
}

/* Takes in. From here on a cancel is for what it waits for next. */
void m_fiber_goes_on(struct model *m, struct m_promise *c, struct m_value in)
{
    struct m_value out = m_none();
    enum m_went went = M_YIELDS;
    m->handlers++;
    c->cancelled = false;
    c->source = NULL;
    m_user_begin(m, c);
    m_see(m, &in);
    if (!is_held(m, c, in)) {
        went = begins(m, c, &out) ? go_on(m, c, false, &out) : M_ENDS;
        if (c->fiber.shields == 0 || went == M_ENDS)
            take_kept_cancel(c);
    }
    if (went == M_ENDS) {
        end(m, c, out);
        return;
    }
    m->running = NULL;
    if (went == M_YIELDS) {
        m_enqueue(m, c);
    } else {
        m_wait_for(m, c, out.promise);
        out.promise->handles--;
    }
    if (m_user_end(m, c) && c->cancelled) {
        c->cancelled = false;
        m_cancel_inside(m, c);
    }
}

/* It ends now, whatever it still wants to wait for; a task is not called any more. */
void m_drop_fiber(struct model *m, struct m_promise *c)
{
    struct m_value result = m_none();
    if (c->fiber.turns == 0 || c->fiber.stackless) {
        destroy_data(m, c);
        return;
    }
    set_value(m, c, m_ready(m, ECANCELED));
    go_on(m, c, true, &result);
    m_release(m, result);
}
