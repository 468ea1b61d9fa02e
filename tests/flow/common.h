/* SPDX-License-Identifier: MIT
 *
 * common.h - what tests of flow share: named operations that write what happens to them
 * into a trace, and outcomes as short texts.
 *
 *     struct op a = {&seen, "a"};
 *     vow_promise *p = vow_race(loop, op_start(loop, &a), vow_delay(loop, 5));
 *     vow_clock_advance(loop, 5);
 *     OUTCOME(p, "none");          // takes p
 *     EQ_TRACE(seen, "a-stopped");
 */
#ifndef VOW_TESTS_FLOW_COMMON_H
#define VOW_TESTS_FLOW_COMMON_H

#include <errno.h>

#include "harness.h"

#define UNUSED __attribute__((unused))

/* A pending operation; its stop hook writes "NAME-stopped". */
struct op {
    struct trace *seen;
    const char *name;
    vow_resolver *r; /* until it is settled or stopped */
};

static inline void op_stop(void *data)
{
    struct op *op = data;
    trace_add(op->seen, "%s-stopped", op->name);
    op->r = NULL;
}

static inline vow_promise *op_start(vow_loop *loop, struct op *op)
{
    vow_promise *p = vow_promise_new(loop, &op->r);
    vow_on_stop(op->r, op_stop, op, NULL);
    return p;
}

static inline void op_resolve(struct op *op, vow_value v)
{
    vow_resolver *r = op->r;
    op->r = NULL;
    vow_resolve(r, v);
}

/* For vow_finally: "NAME-clean"; _slow takes 10 ms for it and ends with "NAME-cleaned". */
static inline vow_value op_clean(void *data)
{
    struct op *op = data;
    trace_add(op->seen, "%s-clean", op->name);
    return vow_none();
}
static inline vow_value op_cleaned(UNUSED vow_value v, void *data)
{
    struct op *op = data;
    trace_add(op->seen, "%s-cleaned", op->name);
    return vow_none();
}
static inline vow_value op_clean_slow(void *data)
{
    op_clean(data);
    return vow_v(vow_then(vow_delay(vow_current(), 10), op_cleaned, data));
}
static inline vow_promise *op_start_clean(vow_loop *loop, struct op *op)
{
    return vow_finally(op_start(loop, op), op_clean, op);
}
static inline vow_promise *op_start_slow(vow_loop *loop, struct op *op)
{
    return vow_finally(op_start(loop, op), op_clean_slow, op);
}

/* For vow_catch: "NAME!ECODE"; recover gives 7, break gives EPROTO "NAME broke". */
static inline vow_value op_recover(UNUSED const vow_error *e, void *data)
{
    trace_add(((struct op *)data)->seen, "%s-recovers", ((struct op *)data)->name);
    return vow_v(7);
}
static inline vow_value op_break(UNUSED const vow_error *e, void *data)
{
    return vow_fail(EPROTO, "%s broke", ((struct op *)data)->name);
}

/* For vow_handle: "NAME" when the outcome comes, which is passed on. */
static inline vow_value op_done(UNUSED vow_value v, void *data)
{
    trace_add(((struct op *)data)->seen, "%s", ((struct op *)data)->name);
    return VOW_SAME;
}
static inline void op_destroy(void *data)
{
    trace_add(((struct op *)data)->seen, "~%s", ((struct op *)data)->name);
}

static inline vow_promise *value(vow_loop *loop, int i) { return vow_resolved(loop, vow_v(i)); }
static inline vow_promise *failure(vow_loop *loop, int code)
{
    return vow_rejected(loop, vow_error_new(vow_errno_domain(), code, NULL));
}
static inline vow_promise *pending(vow_loop *loop) /* for ever */
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_resolver_abandon(r);
    return p;
}

/* Outcomes: "7", "'text'", "none", "[1 [2] !EIO]", "!EIO", "!EIO(cause)+suppressed",
 * "!EAGGREGATE[!EIO]", "pending". */
static inline const char *code_name(int code)
{
    switch (code) {
    case EIO:
        return "EIO";
    case EPROTO:
        return "EPROTO";
    case EPIPE:
        return "EPIPE";
    case ECANCELED:
        return "ECANCELED";
    case ETIMEDOUT:
        return "ETIMEDOUT";
    case ENOMEM:
        return "ENOMEM";
    case VOW_EAGGREGATE:
        return "EAGGREGATE";
    case VOW_ENONE:
        return "ENONE";
    case VOW_ECYCLE:
        return "ECYCLE";
    case VOW_ELOOP:
        return "ELOOP";
    case VOW_ECLOSED:
        return "ECLOSED";
    default:
        return "E?";
    }
}

struct outcome {
    char text[400];
    size_t used;
};

VOW_FORMAT(2, 3) static inline void outcome_add(struct outcome *to, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(to->text + to->used, sizeof to->text - to->used, format, arguments);
    va_end(arguments);
    to->used += n > 0 && to->used + (size_t)n < sizeof to->text ? (size_t)n : 0;
}

static inline void outcome_add_value(struct outcome *to, vow_value v)
{
    const vow_error *e = vow_as_error(v);
    if (e != NULL) {
        outcome_add(to, "!%s", code_name(vow_error_code(e)));
        if (!vow_is_none(vow_error_payload(e)))
            outcome_add_value(to, vow_error_payload(e));
        if (vow_error_cause(e) != NULL) {
            outcome_add(to, "(");
            outcome_add_value(to, vow_error_value((vow_error *)vow_error_cause(e)));
            outcome_add(to, ")");
        }
        for (e = vow_error_suppressed(e); e != NULL; e = vow_error_next(e))
            outcome_add(to, "+%s", code_name(vow_error_code(e)));
    } else if (vow_is(v, vow_array_type())) {
        outcome_add(to, "[");
        for (size_t i = 0; i < vow_count(v); i++) {
            outcome_add(to, i > 0 ? " " : "");
            outcome_add_value(to, vow_at(v, i));
        }
        outcome_add(to, "]");
    } else if (vow_is(v, vow_int_type())) {
        outcome_add(to, "%lld", (long long)vow_as_int(v));
    } else if (vow_is(v, vow_text_type())) {
        outcome_add(to, "'%s'", vow_as_text(v));
    } else {
        outcome_add(to, "%s", vow_type_name(v));
    }
}

static inline struct outcome outcome_of(vow_promise *p)
{
    struct outcome o = {"", 0};
    if (vow_state(p) == VOW_PENDING)
        outcome_add(&o, "pending");
    else if (vow_state(p) == VOW_REJECTED)
        outcome_add_value(&o, vow_error_value((vow_error *)vow_error_of(p)));
    else
        outcome_add_value(&o, vow_peek(p));
    return o;
}

/* Looks at p; OUTCOME takes it. */
#define IS(p, expected) EQ_TEXT(outcome_of(p).text, expected)
#define OUTCOME(p, expected)       \
    do {                           \
        vow_promise *settled = p;  \
        IS(settled, expected);     \
        vow_mark_handled(settled); \
        vow_unref(settled);        \
    } while (0)

/* Reports go into a trace. */
static inline void note_unhandled(const vow_error *e, UNUSED const char *made, UNUSED bool late,
                                  void *seen)
{
    trace_add(seen, "unhandled-%s", code_name(vow_error_code(e)));
}

#endif
