/* SPDX-License-Identifier: MIT
 *
 * side_vow.c - vow as a side of the world: nothing but calls of its functions, and its
 * counts. What it calls finds its world through `here`.
 */
#include <stdlib.h>
#include <string.h>

#include "core/loop.h"
#include "loop/heap.h"
#include "vow/inspect.h"
#include "side_vow.h"

struct world *here;
struct places places;

/* What vow calls. */

static vow_value call(enum m_role role, vow_value in, void *data)
{
    return world_call(here, role, as_who(data), (union any){.vow = in}).vow;
}
static vow_value on_any(vow_value v, void *data) { return call(M_ON_ANY, v, data); }
static vow_value on_value(vow_value v, void *data) { return call(M_ON_VALUE, v, data); }
static vow_value borrowed(const vow_error *e) { return vow_error_value((vow_error *)e); }
static vow_value on_error(const vow_error *e, void *data)
{
    return call(M_ON_ERROR, borrowed(e), data);
}
static vow_value either_value(vow_value v, void *data) { return call(M_ON_EITHER, v, data); }
static vow_value either_error(const vow_error *e, void *data)
{
    return call(M_ON_EITHER, borrowed(e), data);
}
static vow_value on_finally(void *data) { return call(M_ON_FINALLY, vow_none(), data); }
static vow_value on_step(void *data) { return call(M_ON_STEP, vow_none(), data); }
static vow_value on_each(size_t i, void *data) { return call(M_ON_EACH, vow_v((int)i), data); }
static vow_value on_reduce(vow_value v, size_t i, void *data)
{
    (void)i;
    return call(M_ON_ANY, v, data);
}
static void lost(const vow_error *e, void *data)
{
    world_lost(here, as_who(data), (union any){.vow = borrowed(e)});
}
static bool closing; /* posts are discarded */
static void post_destroyed(void *data)
{
    if (closing)
        world_discarded(here, as_who(data));
    else
        world_destroyed(here, as_who(data));
}
static void posted(void *data) { world_posted(here, as_who(data)); }
void destroyed(void *data) { world_destroyed(here, as_who(data)); }

static void unhandled(const vow_error *e, const char *made, bool late, void *data)
{
    (void)made, (void)data;
    world_unhandled(here, (union any){.vow = borrowed(e)}, late);
}

/* A stop hook needs its resolver, so the operation behind it is an object. */
struct hook {
    vow_resolver *r;
    uint32_t who;
};
static void stopped(void *data)
{
    struct hook *hook = data;
    world_stopped(here, hook->who, hook->r);
}
static void hook_destroyed(void *data)
{
    uint32_t who = ((struct hook *)data)->who;
    free(data);
    world_destroyed(here, who);
}

void remember_source(void *resolver)
{
    if (places.told == MOST_SERIALS)
        interpreter_failed("more promises than there is room for");
    places.sources[places.told++] = (uintptr_t)resolver;
}

/* Operations. */

static void *pending(struct world *w, void **resolver)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(w->loop, &r);
    *resolver = r;
    remember_source(r);
    return p;
}
static void *resolved(struct world *w, union any v) { return vow_resolved(w->loop, v.vow); }
static void on_stop(struct world *w, void *r, bool stop, bool destroy, uint32_t who)
{
    (void)w, (void)destroy;
    struct hook *hook = malloc(sizeof *hook);
    *hook = (struct hook){r, who};
    vow_on_stop(r, stop ? stopped : NULL, hook, hook_destroyed);
}
static void resolve(struct world *w, void *r, union any v)
{
    (void)w;
    vow_resolve(r, v.vow);
}
static void reject(struct world *w, void *r, union any e)
{
    (void)w;
    vow_reject(r, (vow_error *)vow_as_error(e.vow));
}
static void resolver_drop(struct world *w, void *r)
{
    (void)w;
    vow_resolver_drop(r);
}
static void resolver_abandon(struct world *w, void *r)
{
    (void)w;
    vow_resolver_abandon(r);
}
static bool is_wanted(void *r) { return vow_is_wanted(r); }

static void *then(struct world *w, void *p, enum m_role role, uint32_t who, bool destroy)
{
    (void)w;
    void *data = as_data(who);
    vow_destroy_fn *done = destroy ? destroyed : NULL;
    switch (role) {
    case M_ON_ANY:
        return vow_handle_with(p, on_any, data, done);
    case M_ON_VALUE:
        return vow_then_with(p, on_value, data, done);
    case M_ON_ERROR:
        return vow_catch_with(p, on_error, data, done);
    case M_ON_EITHER:
        return vow_then_catch_with(p, either_value, either_error, data, done);
    default:
        return vow_finally_with(p, on_finally, data, done);
    }
}
static void *ref(void *p) { return vow_ref(p); }
static void unref(struct world *w, void *p)
{
    (void)w;
    vow_unref(p);
}
static void cancel(struct world *w, void *p)
{
    (void)w;
    vow_cancel(p);
}
static void mark_handled(struct world *w, void *p)
{
    (void)w;
    vow_mark_handled(p);
}
static void *attach(struct world *w, void *p, uint32_t who)
{
    (void)w;
    return vow_attach(p, as_data(who), destroyed);
}
static bool is_refused(struct world *w, void *p) { return p == ((vow_loop *)w->loop)->no_loop; }
static bool can_attach(struct world *w, void *handle)
{
    vow_promise *p = handle;
    return is_refused(w, p) || (p->outside == 1 && !p->consumers && !(p->flags & F_LATE));
}
static void *context(struct world *w, void *p)
{
    (void)w;
    return vow_context(p, "with %s", "context");
}
static void *shield(struct world *w, void *p)
{
    (void)w;
    return vow_shield(p);
}
static void detach(struct world *w, void *p, bool on_error, uint32_t who, bool destroy)
{
    (void)w;
    vow_detach(p, on_error ? lost : NULL, as_data(who), destroy ? destroyed : NULL);
}
static void *combine(struct world *w, enum m_policy policy, size_t n, void **inputs)
{
    vow_promise *promises[SLOTS];
    for (size_t i = 0; i < n; i++)
        promises[i] = inputs[i];
    vow_promise *p = policy == M_ALL    ? vow_all_n(w->loop, n, promises)
                     : policy == M_ANY  ? vow_any_n(w->loop, n, promises)
                     : policy == M_RACE ? vow_race_n(w->loop, n, promises)
                                        : vow_all_settled_n(w->loop, n, promises);
    for (size_t i = 0; i < n; i++)
        if (promises[i])
            interpreter_failed("a combinator left an input in the array");
    return p;
}
void *remember_timers(vow_loop *loop, void *made)
{
    const struct vow__timers *timers = &((struct vow__event_loop *)loop)->timers;
    for (size_t i = 0; i < timers->count; i++) {
        const struct vow__timer *timer = timers->heap[i].timer;
        places.timers[timer->number] = (uintptr_t)timer->resolver;
    }
    return made;
}

static void *repeat(struct world *w, enum m_policy policy, size_t n, size_t limit, uint32_t who,
                    bool destroy)
{
    static const vow_retry_policy retries = {3, 1, 6, 2, 0, NULL, 1};
    vow_destroy_fn *done = destroy ? destroyed : NULL;
    void *data = as_data(who);
    switch (policy) {
    case M_REPEAT:
        return vow_repeat_with(w->loop, on_step, data, done);
    case M_MAP:
        return vow_map_with(w->loop, n, limit, on_each, data, done);
    case M_FOR_EACH:
        return vow_for_each_with(w->loop, n, limit, on_each, data, done);
    case M_REDUCE:
        return vow_reduce_with(w->loop, n, vow_v(0), on_reduce, data, done);
    case M_RETRY:
        return vow_retry_with(w->loop, &retries, on_step, data, done);
    default:
        return remember_timers(w->loop, vow_interval_with(w->loop, n, on_step, data, done));
    }
}

/* Time. */

static void *delay(struct world *w, uint64_t ms)
{
    return remember_timers(w->loop, vow_delay(w->loop, ms));
}
static void *timeout(struct world *w, void *p, uint64_t ms, bool absolute)
{
    return remember_timers(w->loop, absolute ? vow_deadline(p, ms * 1000000) : vow_timeout(p, ms));
}
static long poll_loop(struct world *w) { return vow_poll(w->loop); }
static void advance(struct world *w, uint64_t ms) { vow_clock_advance(w->loop, ms); }

static vow_remote *remote; /* made when it is needed */

static int post(struct world *w, uint32_t who)
{
    if (!remote)
        remote = vow_remote_new(w->loop);
    if (remote)
        return vow_post(remote, posted, as_data(who), post_destroyed) ? -1 : 0;
    post_destroyed(as_data(who));
    return -1;
}

static void (*vows_finish)(vow_loop *loop);
static void finish(vow_loop *loop)
{
    remember_timers(loop, NULL);
    remember_joiners(here);
    bool was = closing;
    closing = true;
    vows_finish(loop);
    closing = was;
}
static size_t close_loop(struct world *w)
{
    vow_loop *loop = w->loop;
    remember_timers(loop, NULL);
    remember_joiners(w);
    bool was = closing;
    closing = true;
    size_t left = vow_loop_close(loop);
    closing = was;
    if (loop->finish && loop->finish != finish) {
        vows_finish = loop->finish;
        loop->finish = finish;
    }
    return left;
}

static void budget(struct world *w, size_t handlers) { vow_loop_set_budget(w->loop, handlers); }
static size_t drain(struct world *w, size_t most) { return vow_drain(w->loop, most); }

static void outcome(const struct world *w, struct text *text, void *p)
{
    (void)w;
    if (vow_state(p) == VOW_PENDING)
        text_add(text, "pending");
    else if (vow_state(p) == VOW_FULFILLED)
        vow_values.describe(text, (union any){.vow = vow_peek(p)});
    else
        vow_values.describe(text, (union any){.vow = borrowed(vow_error_of(p))});
}

static struct counts counts(struct world *w)
{
    vow_counts c = vow_stats(w->loop);
    return (struct counts){c.live, c.handles, c.pending, c.timers, c.handlers, c.unhandled};
}

/* Begin and end. */

static void panicked(const char *message, void *data)
{
    (void)data;
    interpreter_failed("panic: %s", message);
}

static void begin(struct world *w)
{
    here = w;
    vow_on_panic(panicked, NULL);
    places.told = places.asked = 0;
    memset(places.timers, 0, sizeof places.timers); /* so that no program depends on others */
    w->loop = vow_loop_new();
    if (!w->loop)
        interpreter_failed("no loop");
    vow_clock_virtual(w->loop, false);
    vow_on_unhandled(w->loop, unhandled, NULL);
}

static void end(struct world *w)
{
    size_t left = close_loop(w);
    remote = vow_remote_unref(remote);
    if (left > 0)
        interpreter_failed("vow says that %zu handles are left", left);
    vow_loop_free(w->loop);
}

const struct side vow_side = {
    .begin = begin,
    .end = end,
    .values = &vow_values,
    .tasks = &vow_tasks,
    .locks = &vow_locks,
    .pending = pending,
    .resolved = resolved,
    .on_stop = on_stop,
    .resolve = resolve,
    .reject = reject,
    .resolver_drop = resolver_drop,
    .resolver_abandon = resolver_abandon,
    .is_wanted = is_wanted,
    .then = then,
    .ref = ref,
    .unref = unref,
    .cancel = cancel,
    .mark_handled = mark_handled,
    .attach = attach,
    .can_attach = can_attach,
    .context = context,
    .shield = shield,
    .detach = detach,
    .combine = combine,
    .repeat = repeat,
    .delay = delay,
    .timeout = timeout,
    .poll = poll_loop,
    .advance = advance,
    .post = post,
    .budget = budget,
    .drain = drain,
    .close = close_loop,
    .outcome = outcome,
    .counts = counts,
};
