/* SPDX-License-Identifier: MIT */
#include "task/fiber.h"

#include "task/shuffle.h"
#include "value/error.h"

_Thread_local struct vow__fiber *vow__fiber_here;

/* On the fiber's stack. */

void vow__fiber_overflowed(const struct vow__fiber *f)
{
    vow__panic("the fiber spawned at %s has overflowed its stack of %zu bytes "
               "(vow_fiber_stacks makes them larger); its last await was at %s",
               f->made, f->stack.size, f->where ? f->where : "none");
}

static void look_before_leaving(struct vow__fiber *f)
{
    if (vow__stack_has_overflowed(&f->stack))
        vow__fiber_overflowed(f);
    if (f->cancelled && !f->shields) { /* kept: for the wait that begins, or the result */
        f->cancelled = false;
        f->loop->running->flags |= F_CANCEL;
    }
    f->careful = f->cancelled || f->stack.guard == GUARD_CANARY;
}

/* Gives what the outcome's code is, which goes to *ret. The last thing its caller does. */
static inline int suspend(struct vow__fiber *f, enum vow__went went, vow_value *ret,
                          const char *where)
{
    f->ret = ret;
    f->where = where;
    vow__fiber_here = f->outer;
    return vow__cross(&f->stack.side, &f->caller, went);
}

VOW_NORETURN static void fiber_main(void *data)
{
    struct vow__fiber *f = data;
    vow__arrived(&f->caller);
    vow_value result = f->fn(f->data);
    if (f->destroy)
        f->destroy(f->data);
    f->shields = 0; /* what it gives is behind none */
    f->cancelled = f->cancelled && !f->dropped;
    look_before_leaving(f);
    *f->slot = result;
    vow__fiber_here = f->outer;
    vow__leave(&f->stack.side, &f->caller, WENT_ENDED);
}

/* On the stack of whoever resumes it. */

/* The last thing its caller does. */
static inline int resume(struct vow__fiber *f, vow_value *out, int code)
{
    f->slot = out;
    f->outer = vow__fiber_here;
    vow__fiber_here = f;
    return vow__cross(&f->caller, &f->stack.side, code);
}

static void start(struct vow__fiber *f)
{
    char *low = vow__stack_low(&f->stack);
    f->started = true;
    vow__prepare(&f->stack.side, low, (size_t)((char *)f - low), fiber_main, f, &f->caller);
}

static void give(void *data)
{
    struct vow__fiber *f = data;
    vow__stack_give(f->loop, &f->stack);
}

/* Has a test's random order made it wait? Then *in is kept, and comes back here. */
static bool is_held(struct vow__fiber *f, vow_value *in)
{
    if (f->held) { /* a cancel has come in between: what was kept goes */
        bool cancelled = vow__has_kind(*in, VOW__ERROR);
        f->held = false;
        if (cancelled)
            vow__release(f->kept);
        else
            *in = f->kept;
        return false;
    }
    f->held = f->loop->shuffle && vow__shuffled(f->loop);
    f->kept = *in;
    return f->held;
}

/* Its first turn; false: it is not to begin, *in says why. */
static bool begin(struct vow__fiber *f, vow_value *in)
{
    if (f->loop->closing)
        *in = vow__fail_ready(VOW_ECLOSED);
    if (vow__has_kind(*in, VOW__ERROR)) {
        if (f->destroy)
            f->destroy(f->data);
        return false;
    }
    start(f);
    return true;
}

VOW_NOINLINE static enum vow__went go_on_carefully(struct vow__fiber *f, vow_value in,
                                                   vow_value *out)
{
    if (is_held(f, &in))
        return WENT_YIELDS;
    if (!f->started && !begin(f, &in)) {
        *out = in;
        return WENT_ENDED;
    }
    return (enum vow__went)resume(f, out, vow__hand_out(in, f->ret));
}

/* Straight down for a value. It comes in registers: what was just stored by halves is
 * slow to load as a whole. */
static enum vow__went go_on(void *data, vow_value in, vow_value *out)
{
    struct vow__fiber *f = data;
    if (VOW_UNLIKELY(f->held || f->loop->shuffle || !f->started ||
                     (!vow__is_plain(in) && (!f->ret || in.type->kind == VOW__ERROR))))
        return go_on_carefully(f, in, out);
    if (f->ret)
        *f->ret = in;
    return (enum vow__went)resume(f, out, 0);
}

static bool shielded(void *data)
{
    struct vow__fiber *f = data;
    if (f->shields)
        f->cancelled = f->careful = true;
    return f->shields > 0;
}

/* It unwinds now, inside the drop: its data may be gone when that returns. */
static void drop(void *data)
{
    struct vow__fiber *f = data;
    vow_value result;
    if (f->held)
        vow__release(f->kept);
    f->held = false;
    if (f->started) {
        vow_loop *outer = vow__running_loop;
        vow__running_loop = f->loop; /* it may ask for vow_current() */
        f->dropped = f->careful = true;
        resume(f, &result, vow__hand_out(vow__fail_ready(ECANCELED), f->ret));
        vow__running_loop = outer;
        vow__release(result);
    } else if (f->destroy) {
        f->destroy(f->data);
    }
    give(f);
}

static const struct vow__linear_ops fiber_ops = {"fiber", go_on, give, shielded, drop};

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
    f->ret = NULL;
    f->shields = 0;
    f->started = f->dropped = f->cancelled = f->held = false;
    f->careful = f->stack.guard == GUARD_CANARY;
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

VOW_NOINLINE static int await_carefully(vow_promise *p, vow_value *ret, const char *where)
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
        return vow__hand_out(refusal(f, refused, where), ret);
    }
    look_before_leaving(f);
    f->slot->as.p = p;
    return suspend(f, WENT_WAITS, ret, where);
}

/* p is simple. */
VOW_NOINLINE static int await_settled(struct vow__fiber *f, vow_promise *p, vow_value *ret,
                                      const char *where)
{
    if (vow__linear_may_take(f->loop, p))
        return vow__hand_out(vow__linear_take(f->loop, p), ret);
    f->slot->as.p = p;
    return suspend(f, WENT_WAITS, ret, where);
}

/* Straight down for a source of this loop's, which waits for nothing itself. */
int vow_await_at(vow_promise *p, vow_value *ret, const char *where)
{
    struct vow__fiber *f = vow__fiber_here;
    vow_loop *loop = vow__running_loop;
    if (VOW_UNLIKELY(!f || f->loop != loop || f->careful || loop->guarded || loop->dropping ||
                     !vow__is_simple(loop, p)))
        return await_carefully(p, ret, where);
    if (vow__settled(p))
        return await_settled(f, p, ret, where);
    f->slot->as.p = p;
    return suspend(f, WENT_WAITS, ret, where);
}

int vow_yield_at(const char *where)
{
    vow_loop *loop = vow__running_loop;
    struct vow__fiber *f = loop ? here(loop) : NULL;
    if (VOW_UNLIKELY(!f || f->dropped))
        return vow__hand_out(refusal(f, VOW_EAWAIT, where), NULL);
    if (VOW_UNLIKELY(loop->closing))
        return VOW_ECLOSED;
    look_before_leaving(f);
    return suspend(f, WENT_YIELDS, NULL, where);
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
