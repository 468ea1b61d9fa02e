/* SPDX-License-Identifier: MIT
 *
 * seq/each.c - what is done with all values of a sequence: for_each and collect.
 */
#include <stdint.h>

#include "flow/build.h"
#include "seq/seq.h"

/* While undecided: the next value is asked for, or `limit` calls are unfinished, or the
 * sequence is at its end. */
struct each {
    vow_seq *seq;
    vow_then_fn *fn;
    void *data;
    size_t limit; /* > 0 */
    bool pulling; /* among c's elements */
    bool ended;
};
enum { PULL, CALL };

/* False: c is decided, and the state gone. */
static bool call(vow_promise *c, struct each *each, vow_value v)
{
    vow__loop_of(c)->handlers++;
    vow_value r = each->fn(v, each->data);
    if (vow__has_kind(r, VOW__SAME))
        r = vow_none();
    if (vow__has_kind(r, VOW__ERROR))
        vow__combine_decide(c, r);
    else
        vow__flow_await(c, r, CALL);
    return !(c->bits & COMBINE_DECIDED);
}

static void ask(vow_promise *c, struct each *each)
{
    if (each->pulling || each->ended || c->left >= each->limit)
        return;
    each->pulling = true;
    vow__flow_await(c, vow_promise_value(vow_seq_next(each->seq)), PULL);
}

static void input(vow_promise *c, uint64_t index, vow_value outcome)
{
    struct each *each = c->state;
    bool going_on = true;
    if (vow__has_kind(outcome, VOW__ERROR)) {
        vow__combine_decide(c, outcome);
        return;
    }
    vow__see(&outcome);
    if (index == PULL) {
        each->pulling = false;
        each->ended = vow_is_end(outcome);
        going_on = each->ended || call(c, each, outcome);
    }
    vow__release(outcome);
    if (going_on && vow__wanted(c))
        ask(c, each);
}

static void all_done(vow_promise *c) { vow__combine_decide(c, vow_none()); }

static void free_each(void *state)
{
    struct each *each = state;
    vow_seq *seq = each->seq;
    vow__free(each);
    vow_seq_unref(seq);
}

static const struct vow__combine_ops ops = {"for_each of a sequence", input, all_done, free_each,
                                            false};

vow_promise *vow_seq_for_each_at(vow_loop *loop, vow_seq *seq, size_t limit, vow_then_fn *fn,
                                 void *data, vow_destroy_fn *destroy, const char *where)
{
    struct each *each = seq ? vow__alloc_zeroed(sizeof *each) : NULL;
    if (each)
        *each =
            (struct each){.seq = seq, .fn = fn, .data = data, .limit = limit ? limit : SIZE_MAX};
    else
        vow_seq_unref(seq);
    vow_promise *c = vow__flow_new(loop, &ops, each, where);
    if (c)
        ask(c, each);
    return vow__flow_owning(loop, c, data, destroy, where);
}

/* Collect. */

struct collection {
    vow_seq *seq;
    size_t count, room, most;
    vow_value *items;
};

static void free_collection(void *data)
{
    struct collection *all = data;
    vow_seq_unref(all->seq);
    for (size_t i = 0; i < all->count; i++)
        vow__release(all->items[i]);
    vow__free(all->items);
    vow__free(all);
}

static vow_value give_all(struct collection *all)
{
    vow_value array = vow_array(all->count, all->items);
    all->count = 0;
    return array;
}

static vow_value add(vow_value v, void *data)
{
    struct collection *all = data;
    if (vow_is_end(v))
        return give_all(all);
    if (all->count == all->most)
        return vow_fail(EMSGSIZE, "a sequence of more than %zu values", all->most);
    if (all->count == all->room) {
        size_t room = all->room ? 2 * all->room : 16;
        vow_value *items = vow__resize(all->items, room * sizeof *items);
        if (!items)
            return vow__fail_ready(ENOMEM);
        all->items = items;
        all->room = room;
    }
    all->items[all->count++] = vow_keep(v);
    return VOW_AGAIN;
}

static vow_value collect_next(void *data)
{
    struct collection *all = data;
    return vow_promise_value(vow_then(vow_seq_next(all->seq), add, all));
}

vow_promise *vow_seq_collect_at(vow_loop *loop, vow_seq *seq, size_t most, const char *where)
{
    vow__check_loop(loop, "vow_seq_collect");
    struct collection *all = seq ? vow__alloc_zeroed(sizeof *all) : NULL;
    if (!all) {
        vow_seq_unref(seq);
        return vow__refuse(loop, NULL, NULL, NULL);
    }
    all->seq = seq;
    all->most = most;
    return vow_repeat_at(loop, collect_next, all, free_collection, where);
}
