/* SPDX-License-Identifier: MIT
 *
 * inspect/dump.c - who waits for whom, and the counts. Reads the lines of all slabs;
 * allocates nothing, recurses nowhere, bounds every listing.
 */
#include <stdio.h>

#include "core/combine.h"
#include "core/linear.h"
#include "loop/loop.h"
#include "vow/inspect.h"

static const char *kind_name(const vow_promise *p)
{
    static const char *const names[] = {
        [K_SOURCE] = "promise", [K_ORPHAN] = "abandoned promise", [K_THENABLE] = "thenable",
        [K_HANDLE] = "handle", [K_THEN] = "then", [K_FINALLY] = "finally",
        [K_FINWAIT] = "finally, waiting for its clean-up", [K_FOLLOW] = "follower",
        [K_ATTACH] = "attach", [K_CONTEXT] = "context", [K_SHIELD] = "shield",
        [K_KEEP] = "shield's keeper", [K_DETACH] = "detached end", [K_ELEMENT] = "input",
        [K_COMBINE] = "combinator", [K_FULFILLED] = "fulfilled", [K_REJECTED] = "rejected",
        [K_ZOMBIE] = "dropped, its resolver in use", [K_OTHER] = "no promise"};
    if (p->kind == K_THEN && !p->ok)
        return "catch";
    if (p->kind == K_LINEAR)
        return p->linear->name;
    if (p->kind == K_COMBINE)
        return p->bits & COMBINE_DECIDED ? "decided combinator, waiting for its losers"
                                         : p->ops->name;
    return names[p->kind];
}

struct out {
    vow_line_fn *line;
    void *data;
    size_t left; /* lines that may still be written */
    const vow_loop *closed; /* NULL: open; else settled promises with handles are shown too */
};

static void write_line(struct out *out, const vow_promise *p, unsigned depth)
{
    if (out->left == 0)
        return;
    char text[300];
    const char *place = vow__site_text(p->site);
    unsigned indent = depth < 30 ? depth * 2 : 60;
    int n = snprintf(text, sizeof text, "%*s%s%s%s, %u handle%s%s%s", (int)indent, "",
                     kind_name(p), place ? " made at " : "", place ? place : "",
                     (unsigned)p->outside, p->outside == 1 ? "" : "s",
                     p->kind == K_CONTEXT ? ": " : "",
                     p->kind == K_CONTEXT ? vow_error_message(p->data) : "");
    if (n > 0 && p->kind == K_ELEMENT) {
        const char *owner = vow__site_text(((vow_promise *)p->data)->site);
        snprintf(text, sizeof text, "%*sinput %llu of %s%s%s", (int)indent, "",
                 (unsigned long long)p->index, kind_name(p->data), owner ? " made at " : "",
                 owner ? owner : "");
    }
    out->line(--out->left ? text : "...", out->data);
}

static const vow_promise *first_below(const vow_promise *p)
{
    return p->kind == K_ELEMENT ? NULL : p->consumers;
}

/* Writes root and everything that waits for it, depth first, along the links. */
static void write_tree(struct out *out, const vow_promise *root)
{
    const vow_promise *p = root;
    unsigned depth = 0;
    while (out->left) {
        write_line(out, p, depth);
        if (first_below(p)) {
            p = first_below(p);
            depth++;
            continue;
        }
        while (p != root && !p->next) {
            p = p->source;
            depth--;
        }
        if (p == root)
            return;
        p = p->next;
    }
}

static bool is_held(const vow_promise *p, const vow_loop *closed)
{
    return vow__settled(p) && p->outside && p != closed->no_memory && p != closed->no_loop;
}

/* Links of a promise that is just being dropped are the drop machine's: not shown. */
static void write_if_root(vow_promise *p, void *data)
{
    struct out *out = data;
    bool pending = p->kind >= K_SOURCE && !vow__settled(p) && !(p->flags & F_DEAD);
    bool waits_in_a_tree = vow__derived(p) && p->source && !vow__settled(p->source);
    if (pending && !waits_in_a_tree && p->kind != K_ELEMENT)
        write_tree(out, p);
    else if (out->closed && is_held(p, out->closed))
        write_line(out, p, 0);
}

void vow_dump(vow_loop *loop, vow_line_fn *line, void *data)
{
    vow__check_loop(loop, "vow_dump");
    struct out out = {line, data, 10000, loop->closed ? loop : NULL};
    vow__each_line(loop, write_if_root, &out);
}

void vow_dump_to_file(const char *line, void *file) { fprintf(file, "%s\n", line); }

/* From p up; at a combinator into each of its inputs, at most 8 deep. */
void vow_dump_promise(const vow_promise *p, vow_line_fn *line, void *data)
{
    vow__check(p, "vow_dump_promise");
    struct out out = {line, data, 64, NULL};
    const vow_promise *pending[8], *n = p;
    unsigned depth = 0;
    while (n && out.left) {
        write_line(&out, n, depth);
        if (n->kind == K_COMBINE && n->first && depth < 8) {
            pending[depth++] = n->first;
            n = n->first->source;
            continue;
        }
        n = vow__derived(n) ? n->source : NULL;
        while (!n && depth > 0) {
            const vow_promise *next = pending[depth - 1]->next_element;
            pending[depth - 1] = next;
            n = next ? next->source : NULL;
            depth -= next ? 0 : 1;
        }
    }
}

static void count_line(vow_promise *p, void *data)
{
    vow_counts *counts = data;
    counts->live++;
    if (p->kind == K_OTHER)
        return;
    counts->handles += p->outside;
    counts->pending += p->kind >= K_SOURCE && !vow__settled(p);
    counts->queued += vow__settled(p) && (p->flags & F_QUEUED);
}

vow_counts vow_stats(const vow_loop *loop)
{
    vow_counts counts = {.made = loop->made,
                         .handlers = loop->handlers,
                         .unhandled = loop->unhandled,
                         .timers = ((const struct vow__event_loop *)loop)->timers.count,
                         .bytes = loop->slab_count * VOW_SLAB_BYTES};
    vow__each_line(loop, count_line, &counts);
    counts.live -= 2; /* what builders return when refused */
    counts.handles -= 2;
    counts.peak = loop->slab_count * (VOW_SLAB_BYTES / sizeof(vow_promise) - 1) -
                  (size_t)(loop->fresh_end - loop->fresh) - 2;
    return counts;
}
