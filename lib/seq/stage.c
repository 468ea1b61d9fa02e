/* SPDX-License-Identifier: MIT
 *
 * seq/stage.c - map, filter, take, chunk. What a stage has taken from the sequence before it
 * and not yet given on stays in the stage, so that a next may be cancelled at any point.
 */
#include "seq/seq.h"

struct stage {
    struct vow__part part; /* first */
    vow_loop *loop;
    vow_seq *from;
    vow_then_fn *fn;
    void *data;
    vow_destroy_fn *destroy;
    vow_value held;   /* map, filter: fn is busy with it. chunk: the array so far */
    vow_value ending; /* chunk: what comes after it */
    bool busy, ended; /* there is a `held`, an `ending` */
    size_t n, count;
    const char *where;
};

static void free_stage(void *data)
{
    struct stage *s = data;
    vow_seq_unref(s->from);
    if (s->destroy)
        s->destroy(s->data);
    vow__release(s->held);
    vow__release(s->ending);
    vow__free(s);
}

static struct stage *new_stage(vow_seq *from, const char *where)
{
    struct stage *s = from ? vow__alloc_zeroed(sizeof *s) : NULL;
    if (s) {
        s->loop = from->loop;
        s->from = from;
        s->where = where;
    }
    return s;
}

static vow_value pull(struct stage *s, vow_then_fn *fn)
{
    return vow_promise_value(
        vow_then_at(vow_seq_next_at(s->from, s->where), fn, s, NULL, s->where));
}

static void let_held_go(struct stage *s)
{
    vow_value held = s->held;
    s->held = vow_none();
    s->busy = false;
    vow__release(held);
}

/* fn, for the value that is held. */
static vow_value apply(struct stage *s)
{
    vow_value r = s->fn(s->held, s->data);
    return vow__has_kind(r, VOW__SAME) ? vow_keep(s->held) : vow__seq_adopt(s->part.seq, r);
}

/* What comes of the value that is held. */
static vow_value put_in_its_place(struct stage *s, vow_value v)
{
    vow_value ready = vow__seq_ready(s->part.seq, v);
    let_held_go(s);
    return ready;
}

static vow_value take_hold(struct stage *s, vow_value v)
{
    s->held = vow_keep(v);
    s->busy = true;
    return vow_none();
}

/* Map. */

static vow_value mapped(vow_value v, void *data)
{
    const vow_error *e = vow_as_error(v);
    return e && vow__is_cancel(e) ? VOW_SAME : put_in_its_place(data, vow_keep(v));
}

static vow_value map_held(struct stage *s)
{
    vow_value r = apply(s);
    if (vow__has_kind(r, VOW__PROMISE))
        return vow_promise_value(vow_handle_at(r.as.p, mapped, s, NULL, s->where));
    return put_in_its_place(s, r);
}

static vow_value map_value(vow_value v, void *data)
{
    if (vow_is_end(v))
        return VOW_SAME;
    take_hold(data, v);
    return map_held(data);
}

static vow_value map_again(vow_value v, void *data)
{
    (void)v;
    return map_held(data);
}

static vow_value map_next(void *data)
{
    struct stage *s = data;
    if (!s->busy)
        return pull(s, map_value);
    vow_promise *p = vow_resolved_at(s->loop, vow_none(), s->where);
    return vow_promise_value(vow_then_at(p, map_again, s, NULL, s->where));
}

/* Filter. */

static vow_value filter_value(vow_value v, void *data);

static vow_value judge(struct stage *s, vow_value verdict)
{
    VOW_CHECK(vow_is(verdict, vow_bool_type()),
              "the function of the vow_seq_filter at %s gave a %s, not a bool", s->where,
              vow_type_name(verdict));
    if (!vow_as_bool(verdict)) {
        let_held_go(s);
        return pull(s, filter_value);
    }
    return put_in_its_place(s, vow_keep(s->held));
}

static vow_value judged(vow_value v, void *data) { return judge(data, v); }

static vow_value not_judged(const vow_error *e, void *data)
{
    if (vow__is_cancel(e))
        return vow_rethrow(e);
    return put_in_its_place(data, vow_error_value(vow_error_ref(e)));
}

static vow_value filter_held(struct stage *s)
{
    vow_value r = apply(s);
    if (vow__has_kind(r, VOW__PROMISE))
        return vow_promise_value(vow_then_catch_at(r.as.p, judged, not_judged, s, NULL, s->where));
    if (!vow__has_kind(r, VOW__ERROR))
        return judge(s, r);
    return put_in_its_place(s, r);
}

static vow_value filter_value(vow_value v, void *data)
{
    if (vow_is_end(v))
        return VOW_SAME;
    take_hold(data, v);
    return filter_held(data);
}

static vow_value filter_again(vow_value v, void *data)
{
    (void)v;
    return filter_held(data);
}

static vow_value filter_next(void *data)
{
    struct stage *s = data;
    if (!s->busy)
        return pull(s, filter_value);
    vow_promise *p = vow_resolved_at(s->loop, vow_none(), s->where);
    return vow_promise_value(vow_then_at(p, filter_again, s, NULL, s->where));
}

static vow_seq *with_function(vow_seq *from, vow_step_fn *next, struct stage function)
{
    struct stage *s = new_stage(from, function.where);
    if (!s)
        return vow__seq_refuse(from, function.data, function.destroy);
    s->fn = function.fn;
    s->data = function.data;
    s->destroy = function.destroy;
    return vow__seq_new(s->loop, next, s, free_stage, s->where);
}

vow_seq *vow_seq_map_at(vow_seq *seq, vow_then_fn *fn, void *data, vow_destroy_fn *destroy,
                        const char *where)
{
    struct stage function = {.fn = fn, .data = data, .destroy = destroy, .where = where};
    return with_function(seq, map_next, function);
}

vow_seq *vow_seq_filter_at(vow_seq *seq, vow_then_fn *fn, void *data, vow_destroy_fn *destroy,
                           const char *where)
{
    struct stage function = {.fn = fn, .data = data, .destroy = destroy, .where = where};
    return with_function(seq, filter_next, function);
}

/* Take. */

static vow_value took(vow_value v, void *data)
{
    struct stage *s = data;
    if (vow_is_end(v))
        return VOW_SAME;
    vow_value ready = vow__seq_ready(s->part.seq, vow_keep(v));
    if (++s->count == s->n)
        s->from = vow_seq_unref(s->from);
    return ready;
}

static vow_value take_next(void *data)
{
    struct stage *s = data;
    return s->count == s->n ? vow_end() : pull(s, took);
}

static vow_seq *with_number(vow_seq *from, vow_step_fn *next, size_t n)
{
    struct stage *s = new_stage(from, NULL);
    if (!s)
        return vow__seq_refuse(from, NULL, NULL);
    s->n = n;
    return vow__seq_new(s->loop, next, s, free_stage, NULL);
}

vow_seq *vow_seq_take(vow_seq *seq, size_t n) { return with_number(seq, take_next, n); }

/* Chunk. */

static vow_value give_chunk(struct stage *s)
{
    vow_value chunk = s->held;
    ((vow__array *)chunk.as.p)->size = s->count;
    s->held = vow_none();
    s->busy = false;
    s->count = 0;
    return vow__seq_ready(s->part.seq, chunk);
}

/* The end or an error comes behind what there was before it. */
static vow_value chunk_value(vow_value v, void *data)
{
    struct stage *s = data;
    const vow_error *e = vow_as_error(v);
    if (e && vow__is_cancel(e))
        return VOW_SAME;
    if (!e && !vow_is_end(v)) {
        vow__array_put(s->held, s->count++, vow_keep(v));
        if (s->count == s->n)
            return give_chunk(s);
        vow_promise *next = vow_seq_next_at(s->from, s->where);
        return vow_promise_value(vow_handle_at(next, chunk_value, s, NULL, s->where));
    }
    if (s->count == 0)
        return VOW_SAME;
    s->ending = vow_keep(v);
    s->ended = true;
    return give_chunk(s);
}

static vow_value chunk_next(void *data)
{
    struct stage *s = data;
    if (s->ended) {
        vow_value ending = s->ending;
        s->ending = vow_none();
        return ending;
    }
    if (!s->busy) {
        s->held = vow__array_new(s->n);
        if (vow_is_none(s->held))
            return vow__fail_ready(ENOMEM);
        s->busy = true;
    }
    vow_promise *next = vow_seq_next_at(s->from, s->where);
    return vow_promise_value(vow_handle_at(next, chunk_value, s, NULL, s->where));
}

vow_seq *vow_seq_chunk(vow_seq *seq, size_t n)
{
    VOW_CHECK(n > 0, "vow_seq_chunk: chunks of nothing");
    return with_number(seq, chunk_next, n);
}
