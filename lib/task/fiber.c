/* SPDX-License-Identifier: MIT */
#include "task/fiber.h"

#include "task/shuffle.h"
#include "value/error.h"

_Thread_local struct vow__fiber *vow__fiber_here;

/* On the fiber's stack. */

VOW_NORETURN static void fiber_main(void *data)
{
    struct vow__fiber *f = data;
    vow__arrived(&f->caller);
    f->v = f->fn(f->data);
    if (f->destroy)
        f->destroy(f->data);
    f->went = WENT_ENDED;
    vow__leave(&f->stack.side, &f->caller);
}

/* What f gets is in f->v when it returns. */
static void suspend(struct vow__fiber *f, enum vow__went went, const char *where)
{
    f->went = went;
    f->where = where;
    vow__cross(&f->stack.side, &f->caller);
}

/* On the stack of whoever resumes it. */

void vow__fiber_overflowed(const struct vow__fiber *f)
{
    vow__panic("the fiber spawned at %s has overflowed its stack of %zu bytes "
               "(vow_fiber_stacks makes them larger); its last await was at %s",
               f->made, f->stack.size, f->where ? f->where : "none");
}

static void run(struct vow__fiber *f)
{
    struct vow__fiber *outer = vow__fiber_here;
    vow__fiber_here = f;
    vow__cross(&f->caller, &f->stack.side);
    vow__fiber_here = outer;
    if (VOW_UNLIKELY(vow__stack_has_overflowed(&f->stack)))
        vow__fiber_overflowed(f);
}

static void start(struct vow__fiber *f)
{
    char *low = vow__stack_low(&f->stack);
    f->started = true;
    vow__prepare(&f->stack.side, low, (size_t)((char *)f - low), fiber_main, f, &f->caller);
}

static void give(struct vow__fiber *f) { vow__stack_give(f->loop, &f->stack); }

static void never_started(struct vow__fiber *f)
{
    vow_destroy_fn *destroy = f->destroy;
    void *data = f->data;
    give(f);
    if (destroy)
        destroy(data);
}

/* Has a test's random order made it wait? Then v is kept, and comes back here. */
static bool is_held(struct vow__fiber *f, vow_value *v)
{
    if (f->held) { /* a cancel has come in between: what was kept goes */
        bool cancelled = vow__has_kind(*v, VOW__ERROR);
        vow_value kept = f->v;
        f->held = false;
        if (cancelled)
            vow__release(kept);
        else
            *v = kept;
        return false;
    }
    f->held = vow__shuffled(f->loop);
    f->v = *v;
    return f->held;
}

static enum vow__went go_on(void *data, vow_value *v)
{
    struct vow__fiber *f = data;
    if (VOW_UNLIKELY(f->loop->shuffle || f->held) && is_held(f, v))
        return WENT_YIELDS;
    if (VOW_UNLIKELY(!f->started)) {
        if (f->loop->closing)
            *v = vow__fail_ready(VOW_ECLOSED);
        if (vow__has_kind(*v, VOW__ERROR)) { /* cancelled before its first turn */
            never_started(f);
            return WENT_ENDED;
        }
        start(f);
    }
    f->v = *v;
    run(f);
    *v = f->v;
    enum vow__went went = f->went;
    if (went == WENT_ENDED)
        give(f);
    return went;
}

static bool shielded(void *data)
{
    struct vow__fiber *f = data;
    if (f->shields)
        f->cancelled = true;
    return f->shields > 0;
}

/* It unwinds now, inside the drop: its data may be gone when that returns. */
static void drop(void *data)
{
    struct vow__fiber *f = data;
    if (f->held)
        vow__release(f->v);
    f->held = false;
    if (!f->started) {
        never_started(f);
        return;
    }
    f->dropped = true;
    f->v = vow__fail_ready(ECANCELED);
    run(f);
    vow_value result = f->v;
    give(f);
    vow__release(result);
}

static const struct vow__linear_ops fiber_ops = {"fiber", go_on, shielded, drop};

vow_promise *vow_spawn_at(vow_loop *loop, vow_fiber_fn *fn, void *data, vow_destroy_fn *destroy,
                          const char *where)
{
    vow_promise *refused = vow__refused(loop, where);
    if (VOW_UNLIKELY(refused != NULL)) {
        if (destroy)
            destroy(data);
        return refused;
    }
    struct vow__fiber *f = (struct vow__fiber *)vow__stack_take(loop);
    vow_promise *p = f ? vow__linear_new(loop, &fiber_ops, f, where) : NULL;
    if (VOW_UNLIKELY(!p)) {
        if (f)
            vow__stack_give(loop, &f->stack);
        return vow__refuse(loop, NULL, data, destroy);
    }
    f->loop = loop;
    f->fn = fn;
    f->data = data;
    f->destroy = destroy;
    f->made = where;
    f->where = NULL;
    f->shields = 0;
    f->started = f->dropped = f->cancelled = f->held = false;
    return p;
}

/* Inside the fiber. */

/* NULL: the running code is none of a fiber of `loop`, or in a destructor or hook, which end
 * before they give the loop back. */
static struct vow__fiber *here(const vow_loop *loop)
{
    struct vow__fiber *f = vow__fiber_here;
    bool may = f && f->loop == loop && vow__running_loop == loop &&
               (f->dropped || (!loop->dropping && !loop->guarded));
    return may ? f : NULL;
}

bool vow_in_fiber(void) { return vow__running_loop && here(vow__running_loop); }

/* Hands the outcome out or releases it: 0 or its code. */
static int answer(vow_value outcome, vow_value *ret)
{
    int code = 0;
    if (VOW_UNLIKELY(vow__has_kind(outcome, VOW__ERROR))) {
        code = vow_error_code(vow_as_error(outcome));
        code = code ? code : -1;
    }
    if (ret)
        *ret = outcome;
    else
        vow__release(outcome);
    return code;
}

/* A cancel that a shield has kept back is for the wait that begins. */
static void pass_cancel_on(struct vow__fiber *f)
{
    if (f->cancelled && !f->shields) {
        f->cancelled = false;
        f->loop->running->flags |= F_CANCEL;
    }
}

/* Why f may not wait. Looks. */
static vow_value refusal(const struct vow__fiber *f, int code, const char *where)
{
    if (f && f->dropped)
        return vow__fail_ready(ECANCELED);
    if (code == VOW_EAWAIT && vow__fiber_here)
        return vow_fail_at(where, vow_own_domain(), VOW_EAWAIT,
                           "await in a destructor or a stop hook");
    return vow_fail_at(where, vow_own_domain(), code, NULL);
}

int vow_await_at(vow_promise *p, vow_value *ret, const char *where)
{
    vow_loop *loop = vow__check(p, "vow_await");
    struct vow__fiber *f = here(loop);
    int refused = VOW_EAWAIT;
    if (VOW_LIKELY(f && !f->dropped))
        refused = vow__cannot_wait(loop, loop->running, p);
    else if (vow__running_loop && vow__running_loop != loop && here(vow__running_loop))
        refused = VOW_ELOOP;
    if (VOW_UNLIKELY(refused)) {
        vow_unref(p);
        return answer(refusal(f, refused, where), ret);
    }
    pass_cancel_on(f);
    f->v = vow_promise_value(p);
    suspend(f, WENT_WAITS, where);
    return answer(f->v, ret);
}

int vow_yield_at(const char *where)
{
    vow_loop *loop = vow__running_loop;
    struct vow__fiber *f = loop ? here(loop) : NULL;
    if (VOW_UNLIKELY(!f || f->dropped))
        return answer(refusal(f, VOW_EAWAIT, where), NULL);
    if (VOW_UNLIKELY(loop->closing))
        return VOW_ECLOSED;
    pass_cancel_on(f);
    suspend(f, WENT_YIELDS, where);
    return answer(f->v, NULL);
}

void vow_fiber_shield(void)
{
    VOW_CHECK(vow__fiber_here, "vow_fiber_shield outside a fiber");
    vow__fiber_here->shields++;
}

void vow_fiber_unshield(void)
{
    VOW_CHECK(vow__fiber_here && vow__fiber_here->shields > 0,
              "vow_fiber_unshield without vow_fiber_shield");
    vow__fiber_here->shields--;
}
