/* SPDX-License-Identifier: MIT
 *
 * value.c - the model's values: how often each object is held decides when it is destroyed,
 * and whether two errors may be joined.
 */
#include <errno.h>
#include <stdlib.h>

#include "inside.h"
#include "vow/error.h"

struct m_value m_none(void) { return (struct m_value){.type = M_NONE}; }

struct m_value m_int(int number) { return (struct m_value){.type = M_INT, .number = number}; }

static struct m_value new_object(enum m_type type)
{
    struct m_object *object = calloc(1, sizeof *object);
    object->type = type;
    object->refs = 1;
    return (struct m_value){.type = type, .object = object};
}

struct m_value m_box(struct model *m, enum m_type type, uint32_t who)
{
    (void)m;
    struct m_value v = new_object(type);
    v.object->who = who;
    return v;
}

struct m_value m_array(struct model *m, size_t n)
{
    (void)m;
    struct m_value v = new_object(M_ARRAY);
    v.object->contents.at = calloc(n + 1, sizeof(struct m_value));
    v.object->contents.n = v.object->contents.room = n;
    return v;
}

struct m_value m_error(struct model *m, int code)
{
    (void)m;
    struct m_value v = new_object(M_ERROR);
    v.object->code = code;
    return v;
}

struct m_value m_ready(struct model *m, int code)
{
    (void)m;
    static struct m_object ready[] = {{.type = M_ERROR, .code = ECANCELED},
                                      {.type = M_ERROR, .code = VOW_EBROKEN},
                                      {.type = M_ERROR, .code = VOW_ECYCLE},
                                      {.type = M_ERROR, .code = VOW_ECLOSED}};
    for (size_t i = 0; i < sizeof ready / sizeof *ready; i++)
        if (ready[i].code == code)
            return (struct m_value){.type = M_ERROR, .object = &ready[i]};
    abort();
}

struct m_value m_promise_value(struct m_promise *p)
{
    return (struct m_value){.type = M_PROMISE, .promise = p};
}

static bool is_object(struct m_value v) { return v.type >= M_BOX; }

struct m_value m_keep(struct m_value v)
{
    if (v.type == M_PROMISE)
        m_ref(v.promise);
    else if (is_object(v) && v.object->refs > 0)
        v.object->refs++;
    return v;
}

/* What has died: errors are looked through before arrays, the last one found first; boxes
 * go at once. */
struct dying {
    struct m_values errors, arrays;
};

void m_append(struct m_values *values, struct m_value v)
{
    if (values->n == values->room) {
        values->room = values->room * 2 + 4;
        values->at = realloc(values->at, values->room * sizeof *values->at);
    }
    values->at[values->n++] = v;
}

static void let_go(struct model *m, struct dying *dying, struct m_value v)
{
    if (v.type == M_PROMISE)
        m_unref(m, v.promise);
    if (!is_object(v) || v.object->refs == 0 || --v.object->refs > 0)
        return;
    if (v.type == M_PARCEL) {
        m_parcel_gone(m, v);
    } else if (v.type == M_ERROR) {
        m_append(&dying->errors, v);
    } else if (v.type == M_ARRAY) {
        m_append(&dying->arrays, v);
    } else if (v.type == M_PERMIT) {
        m_permit_back(m, v.object);
        free(v.object);
        m->live--;
    } else {
        uint32_t who = v.object->who;
        free(v.object);
        m->host.destroyed(m->host.self, who);
    }
}

static void bury(struct model *m, struct dying *dying, struct m_object *object)
{
    let_go(m, dying, object->payload);
    for (size_t i = 0; i < object->contents.n; i++) {
        if (object->seen)
            m_see(m, &object->contents.at[i]);
        let_go(m, dying, object->contents.at[i]);
    }
    let_go(m, dying, object->cause);
    free(object->contents.at);
    free(object);
}

void m_release(struct model *m, struct m_value v)
{
    struct dying dying = {{0}, {0}};
    let_go(m, &dying, v);
    while (dying.errors.n > 0 || dying.arrays.n > 0) {
        struct m_values *from = dying.errors.n > 0 ? &dying.errors : &dying.arrays;
        bury(m, &dying, from->at[--from->n].object);
    }
    free(dying.errors.at);
    free(dying.arrays.at);
}

static void open_parcel(struct model *m, struct m_value *v)
{
    struct m_value parcel = *v;
    parcel.object->home = NULL;
    parcel.object->turn.told_by = NULL;
    *v = m_keep(parcel.object->payload);
    m_release(m, parcel);
}

static bool has_parcels(struct m_value v)
{
    bool has = v.type == M_PARCEL;
    for (size_t i = 0; v.type == M_ARRAY && i < v.object->contents.n && !has; i++)
        has = has_parcels(v.object->contents.at[i]);
    return has;
}

void m_see(struct model *m, struct m_value *v)
{
    if (v->type == M_PARCEL)
        open_parcel(m, v);
    else if (v->type == M_PERMIT)
        v->object->turn.told_by = NULL;
    if (v->type != M_ARRAY)
        return;
    v->object->seen = true;
    for (size_t i = 0; i < v->object->contents.n; i++)
        if (has_parcels(v->object->contents.at[i]))
            m_see(m, &v->object->contents.at[i]);
}

bool m_is_error(struct m_value v) { return v.type == M_ERROR; }

bool m_is_cancel(struct m_value error) { return error.object->code == ECANCELED; }

/* The cause goes to the end of the chain, if nobody else could see that. */
bool m_add_cause(struct m_value error, struct m_value other)
{
    struct m_object *e = error.object;
    while (e->refs == 1 && m_is_error(e->cause))
        e = e->cause.object;
    if (e->refs != 1)
        return false;
    e->cause = other;
    return true;
}

/* Could `e` be part of it? Taken to be so where looking would go too deep. */
static bool may_hold(const struct m_object *tree, const struct m_object *e)
{
    for (;; tree = tree->cause.object) {
        if (tree == e || tree->contents.n > 0 || tree->payload.type >= M_PROMISE)
            return true;
        if (!m_is_error(tree->cause))
            return false;
    }
}

bool m_suppress(struct m_value error, struct m_value other)
{
    struct m_object *e = error.object;
    if (e == other.object || e->refs == 0 || other.object->refs != 1)
        return false;
    if (e->refs > 1 && may_hold(other.object, e))
        return false;
    m_append(&e->contents, other);
    return true;
}
