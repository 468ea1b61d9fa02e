/* SPDX-License-Identifier: MIT
 *
 * structure.h - checks what core/promise.h says is always true, for every line of a loop.
 */
#ifndef VOW_TESTS_STRUCTURE_H
#define VOW_TESTS_STRUCTURE_H

#include "core/combine.h"
#include "core/loop.h"
#include "harness.h"

static inline bool in_list(const vow_promise *first, const vow_promise *p)
{
    while (first && first != p)
        first = first->next;
    return first != NULL;
}

static inline void check_siblings(const vow_promise *s)
{
    const vow_promise *last = NULL;
    for (const vow_promise *c = s->consumers; c; c = c->next) {
        EQ_PTR(c->source, s);
        if (last)
            EQ_PTR(c->prev, last);
        last = c;
    }
    if (last)
        EQ_PTR(s->consumers->prev, last);
}

static inline void check_elements(const vow_promise *combine)
{
    const vow_promise *last = NULL;
    size_t n = 0;
    for (const vow_promise *e = combine->first; e; e = e->next_element, n++) {
        EQ_INT(e->kind, K_ELEMENT);
        EQ_PTR(e->data, combine);
        if (last)
            EQ_PTR(e->consumers, last);
        last = e;
    }
    EQ_UINT(combine->left, n);
    if (last)
        EQ_PTR(combine->first->consumers, last);
}

/* The children of a scope, which may be none. */
static inline bool is_scope(const vow_promise *p)
{
    return !(p->bits & COMBINE_DECIDED) && strcmp(p->ops->name, "scope") == 0;
}

static inline void check_line(vow_promise *p, void *data)
{
    vow_loop *loop = data;
    if (p->kind == K_OTHER)
        return;
    CHECK(!(p->flags & (F_DEAD | F_BUSY)));
    if (p->kind == K_ZOMBIE || p == loop->no_memory || p == loop->no_loop)
        return;
    bool passive = p->kind == K_ELEMENT;
    CHECK(passive || vow__wanted(p));
    CHECK(!(p->flags & F_QUEUED) == !in_list(loop->head, p));
    CHECK(!(p->flags & F_UNSEEN) == !in_list(loop->unseen, p));
    if (!passive)
        check_siblings(p);
    if (p->kind == K_COMBINE) {
        check_elements(p);
        CHECK(p->left > 0 || is_scope(p));
    }
    if (vow__settled(p)) {
        CHECK(!p->consumers || (p->flags & F_QUEUED));
    } else if (vow__derived(p)) {
        if (p->source && !(p->flags & F_QUEUED))
            CHECK(in_list(p->source->consumers, p));
        else
            CHECK(p->flags & F_QUEUED);
    }
}

/* `handles`: how many the program holds. */
static inline void check_structure(vow_loop *loop, size_t handles)
{
    CHECK(!loop->dead && !loop->down && !loop->parked && !loop->running);
    vow__each_line(loop, check_line, loop);
    EQ_UINT(vow_stats(loop).handles, handles);
}

#endif
