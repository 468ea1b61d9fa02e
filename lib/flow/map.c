/* SPDX-License-Identifier: MIT
 *
 * flow/map.c - map and for_each: a user's function for many indices, some of them at a
 * time. Each entry of the queue makes at most one call, so that a million calls that give
 * plain values let others go in between; an extra input, the starter, comes while more may
 * be started.
 */
#include "base/mem.h"
#include "flow/build.h"
#include "vow/flow.h"

/* While undecided: either a starter is queued, or `limit` calls are unfinished, or all n
 * have been made. Inputs are numbered by index; the starter has number n. */
struct map {
    vow_each_fn *fn;
    void *data;
    size_t n, next, limit; /* limit > 0 */
    vow_value results;     /* an array; none for for_each */
    bool starter;          /* among c's elements */
};

static bool may_start(const vow_promise *c, const struct map *m)
{
    return m->next < m->n && c->left - m->starter < m->limit;
}

static void add_starter(vow_promise *c, struct map *m)
{
    if (m->starter || !may_start(c, m))
        return;
    m->starter = true;
    vow__flow_await(c, vow_none(), m->n);
}

/* An error that comes at once decides at once: no call is made after it. */
static bool start_one(vow_promise *c, struct map *m)
{
    size_t index = m->next++;
    vow__loop_of(c)->handlers++;
    vow_value v = m->fn(index, m->data);
    if (vow__has_kind(v, VOW__ERROR))
        vow__combine_decide(c, v);
    else
        vow__flow_await(c, v, index);
    return !(c->bits & COMBINE_DECIDED);
}

static void input_settled(vow_promise *c, uint64_t index, vow_value outcome)
{
    struct map *m = c->state;
    if (vow__has_kind(outcome, VOW__ERROR)) {
        vow__combine_decide(c, outcome);
        return;
    }
    if (index == m->n)
        m->starter = false;
    else if (!vow_is_none(m->results))
        vow__array_put(m->results, (size_t)index, outcome);
    else
        vow__release(outcome);
    if (!may_start(c, m) || start_one(c, m))
        add_starter(c, m);
}

static void all_done(vow_promise *c)
{
    struct map *m = c->state;
    vow_value results = m->results;
    m->results = vow_none();
    vow__combine_decide(c, results);
}

static void free_map(void *state)
{
    vow__release(((struct map *)state)->results);
    vow__free(state);
}

static const struct vow__combine_ops map_ops = {"map", input_settled, all_done, free_map, false};
static const struct vow__combine_ops for_each_ops = {"for_each", input_settled, all_done, free_map,
                                                     false};

struct range {
    size_t n, limit;
};

static struct map *new_map(struct range range, bool keep_results, vow_each_fn *fn, void *data)
{
    struct map *m = vow__alloc(sizeof *m);
    if (!m)
        return NULL;
    *m = (struct map){.fn = fn, .data = data, .n = range.n};
    m->limit = range.limit ? range.limit : SIZE_MAX;
    m->results = keep_results ? vow__array_new(range.n) : vow_none();
    if (keep_results && vow_is_none(m->results)) {
        vow__free(m);
        return NULL;
    }
    return m;
}

static vow_promise *begin(vow_loop *loop, const struct vow__combine_ops *ops, struct map *m,
                          const char *where)
{
    vow_promise *c = vow__flow_new(loop, ops, m, where);
    if (c) {
        add_starter(c, m);
        vow__combine_ready(c);
    }
    return c;
}

vow_promise *vow_map_at(vow_loop *loop, size_t n, size_t limit, vow_each_fn *fn, void *data,
                        vow_destroy_fn *destroy, const char *where)
{
    struct map *m = new_map((struct range){n, limit}, true, fn, data);
    return vow__flow_owning(loop, begin(loop, &map_ops, m, where), data, destroy, where);
}

vow_promise *vow_for_each_at(vow_loop *loop, size_t n, size_t limit, vow_each_fn *fn, void *data,
                             vow_destroy_fn *destroy, const char *where)
{
    struct map *m = new_map((struct range){n, limit}, false, fn, data);
    return vow__flow_owning(loop, begin(loop, &for_each_ops, m, where), data, destroy, where);
}
