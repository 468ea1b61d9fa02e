/* SPDX-License-Identifier: MIT
 *
 * common.h - what tests of the core share: handlers that write a trace, an operation with
 * a stop hook, lines that run out, counts of the loop.
 *
 *     struct note a = {&seen, "a"};
 *     p = vow_then(p, note_value, &a);     // writes "a=1" and passes its value on
 */
#ifndef VOW_TESTS_CORE_COMMON_H
#define VOW_TESTS_CORE_COMMON_H

#include <errno.h>
#include <stdlib.h>

#include "core/structure.h"
#include "harness.h"
#include "vow/inspect.h"

#define UNUSED __attribute__((unused))

/* Runs everything that is queued; afterwards each line is as core/promise.h says. */
static inline void drain(vow_loop *loop)
{
    vow_drain(loop, SIZE_MAX);
    vow_counts counts = vow_stats(loop);
    if (counts.live < 1000)
        check_structure(loop, counts.handles);
}

static inline const char *code_name(const vow_error *e)
{
    static const struct {
        int code;
        const char *name;
    } names[] = {{EIO, "EIO"},           {EPROTO, "EPROTO"},       {ECANCELED, "ECANCELED"},
                 {ENOMEM, "ENOMEM"},     {EDEADLK, "EDEADLK"},     {VOW_EBROKEN, "EBROKEN"},
                 {VOW_ECYCLE, "ECYCLE"}, {VOW_ECLOSED, "ECLOSED"}, {VOW_ELOOP, "ELOOP"},
                 {VOW_EVALUE, "EVALUE"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == vow_error_code(e))
            return names[i].name;
    return "another error";
}

/* One event of a trace: "NAME=3", "NAME=text", "NAME=none", "NAME!EIO". */
static inline void trace_value(struct trace *seen, const char *name, vow_value v)
{
    if (vow_is_error(v))
        trace_add(seen, "%s!%s", name, code_name(vow_as_error(v)));
    else if (vow_is(v, vow_int_type()))
        trace_add(seen, "%s=%d", name, (int)vow_as_int(v));
    else if (vow_is(v, vow_text_type()))
        trace_add(seen, "%s=%s", name, vow_as_text(v));
    else
        trace_add(seen, "%s=%s", name, vow_type_name(v));
}

struct note {
    struct trace *seen;
    const char *name;
};

/* For vow_handle and vow_then: traces and passes on. */
static inline vow_value note_value(vow_value v, void *data)
{
    struct note *note = data;
    trace_value(note->seen, note->name, v);
    return VOW_SAME;
}
/* For vow_catch: traces and passes on; _recover gives none. */
static inline vow_value note_error(const vow_error *e, void *data)
{
    struct note *note = data;
    trace_add(note->seen, "%s!%s", note->name, code_name(e));
    return VOW_SAME;
}
static inline vow_value note_recover(const vow_error *e, void *data)
{
    note_error(e, data);
    return vow_none();
}
/* For vow_finally: traces "NAME". */
static inline vow_value note_finally(void *data)
{
    struct note *note = data;
    trace_add(note->seen, "%s", note->name);
    return vow_none();
}
/* For destroy and stop functions: traces "~NAME", "NAME stopped". */
static inline void note_destroy(void *data)
{
    struct note *note = data;
    trace_add(note->seen, "~%s", note->name);
}
static inline void note_stop(void *data)
{
    struct note *note = data;
    trace_add(note->seen, "%s-stopped", note->name);
}
/* For vow_detach. */
static inline void note_detached(const vow_error *e, void *data)
{
    struct note *note = data;
    trace_add(note->seen, "%s!%s", note->name, code_name(e));
}
/* For vow_on_unhandled: "unhandled!EIO", "late!EIO". */
static inline void note_unhandled(const vow_error *e, UNUSED const char *made, bool late,
                                  void *seen)
{
    trace_add(seen, "%s!%s", late ? "late" : "unhandled", code_name(e));
}

static inline vow_value add_one(vow_value v, UNUSED void *data)
{
    return vow_int(vow_as_int(v) + 1);
}
static inline vow_value same(UNUSED vow_value v, UNUSED void *data) { return VOW_SAME; }
static inline vow_value never_called(UNUSED vow_value v, void *data)
{
    FAIL("a handler ran that must not (%s)", data != NULL ? (const char *)data : "");
}
static inline vow_value never_caught(const vow_error *e, UNUSED void *data)
{
    FAIL("a catch ran that must not: %s", code_name(e));
}
static inline vow_value fail_eproto(UNUSED vow_value v, UNUSED void *data)
{
    return vow_fail(EPROTO, NULL);
}
/* Gives the promise in *data, whose handle it takes away. */
static inline vow_value give_promise(UNUSED vow_value v, void *data)
{
    vow_promise **held = data, *p = *held;
    *held = NULL;
    return vow_v(p);
}
/* Drops the promise in *data. */
static inline vow_value drop_promise(UNUSED vow_value v, void *data)
{
    vow_promise **held = data;
    *held = vow_unref(*held);
    return vow_none();
}
static inline void drop_held(void *data) { drop_promise(vow_none(), data); }

static inline vow_error *eio(void)
{
    return vow_error_new(vow_errno_domain(), EIO, "disk on fire");
}

/* An object that counts its references itself, as foreign ones do: *destroyed grows when
 * the last one goes. */
static inline vow_value counted(int *destroyed) { return vow_box(destroyed, count_destroy); }

/* An operation behind a resolver. */
struct op {
    vow_resolver *r;
    int stops, destroys;
};
static inline void op_stop(void *data) { ((struct op *)data)->stops++; }
static inline void op_destroy(void *data) { ((struct op *)data)->destroys++; }
static inline vow_promise *op_start(vow_loop *loop, struct op *op)
{
    vow_promise *p = vow_promise_new(loop, &op->r);
    vow_on_stop(op->r, op_stop, op, op_destroy);
    return p;
}

/* Error code of the rejected p; 0 when it is not. */
static inline int error_code(const vow_promise *p)
{
    return vow_error_of(p) != NULL ? vow_error_code(vow_error_of(p)) : 0;
}

/* A chain of n links on p. */
static inline vow_promise *chain_of(vow_promise *p, size_t n, vow_then_fn *fn, void *data)
{
    while (n-- > 0)
        p = vow_then(p, fn, data);
    return p;
}

/* Lines taken so that the next one needs a new slab: with vow_test_fail_allocation that is
 * how a promise is refused. */
struct lines {
    vow_promise **held;
    size_t count;
};
static inline struct lines exhaust_lines(vow_loop *loop)
{
    struct lines lines = {malloc(40000 * sizeof *lines.held), 0};
    size_t bytes = vow_stats(loop).bytes, all = bytes / 64 - bytes / (1024 * 1024);
    while (vow_stats(loop).live + 2 < all) /* and two that the loop keeps for itself */
        for (size_t n = all - vow_stats(loop).live - 2; n > 0; n--)
            lines.held[lines.count++] = vow_resolved(loop, vow_none());
    return lines;
}
static inline void give_lines_back(struct lines *lines)
{
    while (lines->count > 0)
        vow_unref(lines->held[--lines->count]);
    free(lines->held);
}

#endif
