/* SPDX-License-Identifier: MIT
 *
 * side_model.c - the model as a side of the world.
 */
#include "side_model.h"
#include "vow/error.h"

static struct model the_model;

/* What the model calls. */

static struct m_value call(void *self, enum m_role role, uint32_t who, struct m_value in)
{
    return world_call(self, role, who, (union any){.model = in}).model;
}
static enum m_went turn(void *self, uint32_t who, unsigned turn, struct m_value in,
                        struct m_value *out)
{
    union any result = {.model = {0}};
    enum m_went went = world_turn(self, who, turn, (union any){.model = in}, &result);
    *out = result.model;
    return went;
}
static void destroyed(void *self, uint32_t who) { world_destroyed(self, who); }
static void discarded(void *self, uint32_t who) { world_discarded(self, who); }
static void stopped(void *self, uint32_t who, struct m_promise *r) { world_stopped(self, who, r); }
static void unhandled(void *self, struct m_value e, bool late)
{
    world_unhandled(self, (union any){.model = e}, late);
}

static void lost(void *self, uint32_t who, struct m_value e)
{
    world_lost(self, who, (union any){.model = e});
}
static void posted(void *self, uint32_t who) { world_posted(self, who); }

struct m_promise *place_source(struct m_promise *p)
{
    if (places.asked < places.told)
        p->address = places.sources[places.asked++];
    return p;
}
static void then(void *self, uint32_t who, struct m_promise *r)
{
    world_then(self, who, place_source(r));
}
static void closing(void *self)
{
    struct world *w = self;
    for (unsigned i = 0; i < SCOPES; i++) {
        struct m_scope *s = w->scopes[i];
        for (size_t k = 0; s && k < s->joiners.n; k++)
            s->joiners.at[k]->address = places.joiners[i][k];
    }
    struct model *m = ((struct world *)self)->loop;
    for (size_t i = 0; i < m->timers.n; i++)
        m->timers.at[i]->address = places.timers[m->timers.at[i]->timer_number];
}

/* Values. */

static union any any(struct m_value v) { return (union any){.model = v}; }
static union any number(int n) { return any(m_int(n)); }
static union any simple(enum m_type type) { return any((struct m_value){.type = type}); }
static union any error(struct world *w, int code) { return any(m_error(w->loop, code)); }
static union any payload(struct world *w, union any v)
{
    struct m_value e = m_error(w->loop, VOW_EVALUE);
    e.object->payload = v.model;
    return any(e);
}
static union any wrapped(struct world *w, union any cause, int code)
{
    struct m_value e = m_error(w->loop, code);
    e.object->cause = m_keep(cause.model);
    return any(e);
}
static union any box(struct world *w, enum m_type type, uint32_t who)
{
    return any(m_box(w->loop, type, who));
}
static union any promise(void *p) { return any(m_promise_value(p)); }
static union any array(struct world *w, union any a, union any b)
{
    struct m_value v = m_array(w->loop, 2);
    v.object->contents.at[0] = a.model;
    v.object->contents.at[1] = b.model;
    return any(v);
}
static union any keep(union any v) { return any(m_keep(v.model)); }
static bool is_error(union any v) { return m_is_error(v.model); }

static void describe_value(struct text *text, struct m_value v, int depth);

static void describe_error(struct text *text, const struct m_object *e, int depth)
{
    text_add(text, "!");
    text_number(text, (uint64_t)e->code);
    if (depth == 0)
        return;
    if (e->payload.type != M_NONE) {
        text_add(text, "=");
        describe_value(text, e->payload, depth - 1);
    }
    if (e->cause.type != M_NONE) {
        text_add(text, "<");
        describe_value(text, e->cause, depth - 1);
    }
    for (size_t i = 0; i < e->contents.n; i++) {
        text_add(text, "+");
        describe_value(text, e->contents.at[i], depth - 1);
    }
}

static void describe_value(struct text *text, struct m_value v, int depth)
{
    if (v.type == M_ERROR) {
        describe_error(text, v.object, depth);
    } else if (v.type == M_INT) {
        text_number(text, (uint64_t)v.number);
    } else if (v.type == M_BOX) {
        text_add(text, "box#");
        text_number(text, v.object->who >> 6);
    } else if (v.type == M_ARRAY) {
        text_add(text, "[");
        for (size_t i = 0; i < v.object->contents.n && depth > 0; i++) {
            describe_value(text, v.object->contents.at[i], depth - 1);
            text_add(text, " ");
        }
        text_add(text, "]");
    } else if (v.type == M_PERMIT) {
        text_add(text, v.object->turn.lock ? "permit" : "given back");
    } else if (v.type == M_END) {
        text_add(text, "end");
    } else {
        text_add(text, v.type == M_NONE ? "none" : "something");
    }
}

static void describe(struct text *text, union any v) { describe_value(text, v.model, 5); }

/* Operations. */

static void *pending(struct world *w, void **resolver)
{
    return *resolver = place_source(m_new(w->loop));
}
static void *resolved(struct world *w, union any v) { return m_resolved(w->loop, v.model); }
static void on_stop(struct world *w, void *r, bool stop, bool destroy, uint32_t who)
{
    m_on_stop(w->loop, r, stop, destroy, who);
}
static void resolve(struct world *w, void *r, union any v) { m_resolve(w->loop, r, v.model); }
static void reject(struct world *w, void *r, union any e) { m_resolve(w->loop, r, e.model); }
static void resolver_drop(struct world *w, void *r) { m_resolver_drop(w->loop, r); }
static void resolver_abandon(struct world *w, void *r) { m_resolver_abandon(w->loop, r); }
static bool is_wanted(void *r) { return m_is_wanted(r); }
static void *add_then(struct world *w, void *p, enum m_role role, uint32_t who, bool destroy)
{
    return m_then(w->loop, p, role, who, destroy);
}
static void *ref(void *p) { return m_ref(p); }
static void unref(struct world *w, void *p) { m_unref(w->loop, p); }
static void cancel(struct world *w, void *p) { m_cancel(w->loop, p); }
static void mark_handled(struct world *w, void *p) { m_mark_handled(w->loop, p); }
static void *attach(struct world *w, void *p, uint32_t who) { return m_attach(w->loop, p, who); }
static bool can_attach(struct world *w, void *p) { return m_can_attach(w->loop, p); }
static void *context(struct world *w, void *p) { return m_context(w->loop, p); }
static void *shield(struct world *w, void *p) { return m_shield(w->loop, p); }
static void detach(struct world *w, void *p, bool on_error, uint32_t who, bool destroy)
{
    m_detach(w->loop, p, on_error, who, destroy);
}
static void *combine(struct world *w, enum m_policy policy, size_t n, void **inputs)
{
    return m_combine(w->loop, policy, n, (struct m_promise **)inputs);
}
static void *repeat(struct world *w, enum m_policy policy, size_t n, size_t limit, uint32_t who,
                    bool destroy)
{
    return m_repeat(w->loop, policy, n, limit, who, destroy);
}
static void *delay(struct world *w, uint64_t ms) { return m_delay(w->loop, ms); }
static void *timeout(struct world *w, void *p, uint64_t ms, bool absolute)
{
    return m_timeout(w->loop, p, ms, absolute);
}
static long poll_loop(struct world *w) { return m_poll(w->loop); }
static void advance(struct world *w, uint64_t ms) { m_advance(w->loop, ms); }
static int post(struct world *w, uint32_t who) { return m_post(w->loop, who); }
static void budget(struct world *w, size_t handlers) { m_budget(w->loop, handlers); }
static size_t drain(struct world *w, size_t most) { return m_drain(w->loop, most); }
static size_t close_loop(struct world *w) { return m_close(w->loop); }

static void outcome(const struct world *w, struct text *text, void *p)
{
    if (!m_settled(p)) {
        text_add(text, "pending");
        return;
    }
    m_see(w->loop, &((struct m_promise *)p)->value);
    describe_value(text, ((struct m_promise *)p)->value, 5);
}

static struct counts counts(struct world *w)
{
    const struct model *m = w->loop;
    return (struct counts){m->live,     m_handles(m), m_pending(m),
                           m->timers.n, m->handlers,  m->unhandled};
}

static void begin(struct world *w)
{
    w->loop = &the_model;
    m_begin(&the_model, (struct m_host){.self = w,
                                        .call = call,
                                        .turn = turn,
                                        .destroyed = destroyed,
                                        .discarded = discarded,
                                        .stopped = stopped,
                                        .unhandled = unhandled,
                                        .lost = lost,
                                        .posted = posted,
                                        .then = then,
                                        .closing = closing});
}

static void end(struct world *w)
{
    size_t left = m_close(w->loop);
    if (left > 0)
        interpreter_failed("the model says that %zu handles are left", left);
    m_end(w->loop);
}

static const struct side_values model_values = {
    .number = number,
    .simple = simple,
    .error = error,
    .payload = payload,
    .wrapped = wrapped,
    .box = box,
    .promise = promise,
    .array = array,
    .keep = keep,
    .is_error = is_error,
    .describe = describe,
};

const struct side model_side = {
    .begin = begin,
    .end = end,
    .values = &model_values,
    .tasks = &model_tasks,
    .locks = &model_locks,
    .pending = pending,
    .resolved = resolved,
    .on_stop = on_stop,
    .resolve = resolve,
    .reject = reject,
    .resolver_drop = resolver_drop,
    .resolver_abandon = resolver_abandon,
    .is_wanted = is_wanted,
    .then = add_then,
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
