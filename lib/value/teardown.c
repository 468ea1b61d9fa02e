/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "value/object.h"

/* What has died and still holds references of its own. Each list runs through the `next`
 * of its objects, which need it no more. */
struct dead {
    vow_error *errors;
    vow__array *arrays;
};

static void let_go_of_error(struct dead *dead, vow_error *e)
{
    if (e == NULL || e->count == 0 || --e->count > 0)
        return;
    e->next = dead->errors;
    dead->errors = e;
}

static void let_go_of_array(struct dead *dead, vow__array *a)
{
    if (--a->count > 0)
        return;
    a->next = dead->arrays;
    dead->arrays = a;
}

static void let_go(struct dead *dead, vow_value v)
{
    if (vow__has_kind(v, VOW__ERROR))
        let_go_of_error(dead, v.as.p);
    else if (v.type == &vow__array_type)
        let_go_of_array(dead, v.as.p);
    else
        vow_release(v);
}

static void bury_error(struct dead *dead, vow_error *e)
{
    vow_error *other = e->suppressed;

    let_go(dead, e->payload);
    while (other != NULL) {
        vow_error *next = other->next;

        other->next = NULL; /* it may live on */
        let_go_of_error(dead, other);
        other = next;
    }
    let_go_of_error(dead, e->cause);
    if (e->reserved)
        vow__reserve_give(e);
    else
        vow__free(e);
}

static void bury_array(struct dead *dead, vow__array *a)
{
    for (size_t i = 0; i < a->size; i++) {
        if (vow__is_plain(a->items[i]))
            continue;
        if (a->seen)
            vow__see(&a->items[i]);
        let_go(dead, a->items[i]);
    }
    vow__free(a);
}

/* Releasing a value may run the program's code, and that may come back here with lists of
 * its own: these lists hold only what nobody can reach any more. */
static void bury(struct dead dead)
{
    for (;;) {
        vow_error *e = dead.errors;
        vow__array *a = dead.arrays;

        if (e != NULL) {
            dead.errors = e->next;
            bury_error(&dead, e);
        } else if (a != NULL) {
            dead.arrays = a->next;
            bury_array(&dead, a);
        } else {
            return;
        }
    }
}

void vow__error_destroy(vow_error *e)
{
    e->next = NULL;
    bury((struct dead){.errors = e});
}

void vow__array_destroy(vow__array *a)
{
    a->next = NULL;
    bury((struct dead){.arrays = a});
}
