/* SPDX-License-Identifier: MIT
 *
 * seq/outside.c - sequences of what comes from the system one by one: signals, entries of
 * directories, changes.
 */
#include "seq/seq.h"

struct outside {
    struct vow__part part; /* first */
    void *object;
    vow_promise *(*ask)(void *object);
    void (*end)(void *object);
};

static vow_value came(vow_value v, void *data)
{
    struct outside *o = data;
    return vow_is_none(v) ? vow_end() : vow__seq_ready(o->part.seq, vow_keep(v));
}

static vow_value ask(void *data)
{
    struct outside *o = data;
    return vow_promise_value(vow_then(o->ask(o->object), came, o));
}

static void end(void *data)
{
    struct outside *o = data;
    o->end(o->object);
    vow__free(o);
}

/* Takes what is in it. */
static vow_seq *sequence_of(vow_loop *loop, struct outside outside)
{
    struct outside *o = outside.object ? vow__alloc(sizeof *o) : NULL;
    if (!o) {
        outside.end(outside.object);
        return NULL;
    }
    *o = outside;
    return vow__seq_new(loop, ask, o, end, NULL);
}

static vow_promise *next_signal(void *signals) { return vow_signals_next_info(signals); }
static void end_signals(void *signals) { vow_signals_free(signals); }

vow_seq *vow_seq_of_signals(vow_loop *loop, vow_signals *signals)
{
    return sequence_of(loop, (struct outside){{NULL}, signals, next_signal, end_signals});
}

static vow_promise *next_entry(void *dir) { return vow_dir_next(dir); }
static void end_walk(void *dir) { vow_dir_unref(dir); }

vow_seq *vow_seq_of_dir(vow_loop *loop, vow_dir *dir)
{
    return sequence_of(loop, (struct outside){{NULL}, dir, next_entry, end_walk});
}

static vow_promise *next_change(void *watch) { return vow_watch_next(watch); }
static void end_watch(void *watch) { vow_watch_unref(watch); }

vow_seq *vow_seq_of_watch(vow_loop *loop, vow_watch *watch)
{
    return sequence_of(loop, (struct outside){{NULL}, watch, next_change, end_watch});
}
