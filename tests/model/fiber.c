/* SPDX-License-Identifier: MIT
 *
 * fiber.c - the model's fibers. The model knows of no stacks: what the code of a fiber does
 * until it waits is one call of the host's, its turn.
 */
#include <errno.h>

#include "model.h"
#include "vow/error.h"

struct m_promise *m_spawn(struct model *m, uint32_t who, bool destroy)
{
    struct m_promise *c = m_make(m, M_FIBER);
    if (!c)
        return m_refuse(m, NULL, destroy, who);
    c->who = who;
    c->destroy = destroy;
    m_enqueue(m, c);
    return c;
}

static void destroy_data(struct model *m, const struct m_promise *c)
{
    if (c->destroy)
        m->host.destroyed(m->host.self, c->who);
}

/* Who has yielded gets nothing but a code. */
static struct m_value answer(struct model *m, const struct m_promise *c, struct m_value in)
{
    if (!c->yields)
        return in;
    int code = m_is_error(in) ? in.object->code : 0;
    m_release(m, in);
    return m_int(code);
}

/* May it wait for that? True: *in is why not, and what it would have waited for is let go. */
static bool refused(struct model *m, const struct m_promise *c, bool dropped, struct m_value out,
                    struct m_value *in)
{
    if (dropped)
        *in = m_ready(m, ECANCELED);
    else if (c->yields && m->closing)
        *in = m_ready(m, VOW_ECLOSED);
    else if (!c->yields && m_cannot_wait(m, m->running, out.promise))
        *in = m_error(m, VOW_ECYCLE);
    else
        return false;
    m_release(m, out);
    return true;
}

/* Until it ends, or waits for what it may wait for. */
static enum m_went go_on(struct model *m, struct m_promise *c, bool dropped, struct m_value in,
                         struct m_value *out)
{
    enum m_went went;
    do {
        in = answer(m, c, in);
        *out = m_none();
        went = m->host.turn(m->host.self, c->who, c->turns++, in, out);
        c->yields = went == M_YIELDS;
    } while (went != M_ENDS && refused(m, c, dropped, *out, &in));
    if (went == M_ENDS)
        destroy_data(m, c);
    return went;
}

/* One that is cancelled before its first turn does not begin, nor does one of a closing loop. */
static bool begins(struct model *m, struct m_promise *c, struct m_value *in)
{
    if (c->turns > 0)
        return true;
    if (m->closing)
        *in = m_ready(m, VOW_ECLOSED);
    if (!m_is_error(*in))
        return true;
    destroy_data(m, c);
    return false;
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
    struct m_value out = in;
    m->handlers++;
    c->cancelled = false;
    c->source = NULL;
    m_user_begin(m, c);
    enum m_went went = begins(m, c, &out) ? go_on(m, c, false, in, &out) : M_ENDS;
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

/* It ends now, whatever it still wants to wait for. */
void m_drop_fiber(struct model *m, struct m_promise *c)
{
    struct m_value result;
    if (c->turns == 0) {
        destroy_data(m, c);
        return;
    }
    go_on(m, c, true, m_ready(m, ECANCELED), &result);
    m_release(m, result);
}
