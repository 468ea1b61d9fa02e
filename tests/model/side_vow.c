/* SPDX-License-Identifier: MIT
 *
 * side_vow.c - vow as a side of the world: nothing but calls of its functions, and its
 * counts. What it calls finds its world through `here`.
 */
#include <stdlib.h>

#include "core/loop.h"
#include "vow/inspect.h"
#include "world.h"

static struct world *here;

static void *as_data(uint32_t who) { return (void *)(uintptr_t)who; }
static uint32_t as_who(void *data) { return (uint32_t)(uintptr_t)data; }

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
static void destroyed(void *data) { world_destroyed(here, as_who(data)); }

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

/* Values. */

static union any number(int n) { return (union any){.vow = vow_int(n)}; }
static union any simple(enum m_type type)
{
    return (union any){.vow = type == M_SAME ? VOW_SAME : type == M_AGAIN ? VOW_AGAIN : vow_none()};
}
static union any error(struct world *w, int code)
{
    (void)w;
    return (union any){.vow = vow_fail(code, "an error")};
}
static union any payload(struct world *w, union any v)
{
    (void)w;
    return (union any){.vow = vow_error_value(vow_error_of_value(v.vow))};
}
static union any wrapped(struct world *w, union any e, int code)
{
    (void)w;
    return (union any){.vow = vow_wrap(vow_as_error(e.vow), code, "wrapped")};
}
static union any box(struct world *w, enum m_type type, uint32_t who)
{
    (void)w, (void)type;
    return (union any){.vow = vow_box(as_data(who), destroyed)};
}
static union any promise(void *p) { return (union any){.vow = vow_promise_value(p)}; }
static union any keep(union any v) { return (union any){.vow = vow_keep(v.vow)}; }
static bool is_error(union any v) { return vow_is_error(v.vow); }

static void describe_error(struct text *text, const vow_error *e, int depth);

static void describe_value(struct text *text, vow_value v, int depth)
{
    if (vow_is_error(v)) {
        describe_error(text, vow_as_error(v), depth);
    } else if (vow_is(v, vow_int_type())) {
        text_number(text, (uint64_t)vow_as_int(v));
    } else if (vow_is(v, vow_box_type())) {
        text_add(text, "box#");
        text_number(text, as_who(vow_unbox(v)) >> 6);
    } else if (vow_is(v, vow_array_type())) {
        text_add(text, "[");
        for (size_t i = 0; i < vow_count(v) && depth > 0; i++) {
            describe_value(text, vow_at(v, i), depth - 1);
            text_add(text, " ");
        }
        text_add(text, "]");
    } else {
        text_add(text, vow_is_none(v) ? "none" : "something");
    }
}

static void describe_error(struct text *text, const vow_error *e, int depth)
{
    text_add(text, "!");
    text_number(text, (uint64_t)vow_error_code(e));
    if (depth == 0)
        return;
    if (!vow_is_none(vow_error_payload(e))) {
        text_add(text, "=");
        describe_value(text, vow_error_payload(e), depth - 1);
    }
    if (vow_error_cause(e)) {
        text_add(text, "<");
        describe_error(text, vow_error_cause(e), depth - 1);
    }
    for (const vow_error *s = vow_error_suppressed(e); s; s = vow_error_next(s)) {
        text_add(text, "+");
        describe_error(text, s, depth - 1);
    }
}

static void describe(struct text *text, union any v) { describe_value(text, v.vow, 5); }

/* Operations. */

static void *new (struct world *w, void **resolver)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(w->loop, &r);
    *resolver = r;
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
static size_t drain(struct world *w, size_t most) { return vow_drain(w->loop, most); }
static size_t close_loop(struct world *w) { return vow_loop_close(w->loop); }

static bool is_refused(struct world *w, void *p) { return p == ((vow_loop *)w->loop)->no_loop; }

static void outcome(struct text *text, void *p)
{
    if (vow_state(p) == VOW_PENDING)
        text_add(text, "pending");
    else if (vow_state(p) == VOW_FULFILLED)
        describe_value(text, vow_peek(p), 5);
    else
        describe_error(text, vow_error_of(p), 5);
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
    w->loop = vow_loop_new();
    if (!w->loop)
        interpreter_failed("no loop");
    vow_clock_virtual(w->loop, false);
    vow_on_unhandled(w->loop, unhandled, NULL);
}

static void end(struct world *w)
{
    size_t left = vow_loop_close(w->loop);
    if (left > 0)
        interpreter_failed("vow says that %zu handles are left", left);
    vow_loop_free(w->loop);
}

const struct side vow_side = {
    .begin = begin,
    .end = end,
    .number = number,
    .simple = simple,
    .error = error,
    .payload = payload,
    .wrapped = wrapped,
    .box = box,
    .promise = promise,
    .keep = keep,
    .is_error = is_error,
    .describe = describe,
    .new = new,
    .resolved = resolved,
    .on_stop = on_stop,
    .resolve = resolve,
    .resolver_drop = resolver_drop,
    .resolver_abandon = resolver_abandon,
    .is_wanted = is_wanted,
    .then = then,
    .ref = ref,
    .unref = unref,
    .cancel = cancel,
    .mark_handled = mark_handled,
    .drain = drain,
    .close = close_loop,
    .is_refused = is_refused,
    .outcome = outcome,
    .counts = counts,
};
