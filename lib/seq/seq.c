/* SPDX-License-Identifier: MIT */
#include "seq/seq.h"

VOW_TYPE_DEFINE(vow_seq, vow_seq, vow_seq_ref, vow_seq_unref)

static void finish(vow_seq *seq)
{
    if (seq->over)
        return;
    seq->over = true;
    if (seq->destroy)
        seq->destroy(seq->data);
}

static vow_seq *make(vow_loop *loop, vow_step_fn *next, void *data, vow_destroy_fn *destroy)
{
    vow_seq *seq = vow__alloc_zeroed(sizeof *seq);
    if (!seq)
        return vow__seq_refuse(NULL, data, destroy);
    seq->loop = loop;
    seq->refs = 1;
    seq->next = next;
    seq->data = data;
    seq->destroy = destroy;
    return seq;
}

vow_seq *vow_seq_new_at(vow_loop *loop, vow_step_fn *next, void *data, vow_destroy_fn *destroy,
                        const char *where)
{
    vow__check_loop(loop, "vow_seq_new");
    vow_seq *seq = make(loop, next, data, destroy);
    if (seq) {
        seq->users = true;
        seq->where = where;
    }
    return seq;
}

vow_seq *vow__seq_new(vow_loop *loop, vow_step_fn *next, void *data, vow_destroy_fn *destroy,
                      const char *where)
{
    vow_seq *seq = data ? make(loop, next, data, destroy) : NULL;
    if (seq)
        seq->where = where;
    return seq;
}

vow_seq *vow_seq_ref(vow_seq *seq)
{
    if (seq)
        seq->refs++;
    return seq;
}

vow_seq *vow_seq_unref(vow_seq *seq)
{
    if (!seq || --seq->refs > 0)
        return NULL;
    finish(seq);
    vow__free(seq);
    return NULL;
}

static vow_value call_next(vow_value v, void *data)
{
    vow_seq *seq = data;
    (void)v;
    return seq->next(seq->data);
}

/* What ends the sequence ends its source, before anybody sees it. */
static vow_value pulled(vow_value v, void *data)
{
    vow_seq *seq = data;
    const vow_error *e = vow_as_error(v);
    seq->pulling = false;
    if (e ? !vow__is_cancel(e) : vow_is_end(v))
        finish(seq);
    return VOW_SAME;
}

static void pull_ended(void *data)
{
    vow_seq *seq = data;
    seq->pulling = false; /* it was dropped */
    vow_seq_unref(seq);
}

vow_promise *vow_seq_next_at(vow_seq *seq, const char *where)
{
    vow_loop *loop = seq->loop;
    vow__check_loop(loop, "vow_seq_next");
    VOW_CHECK(!seq->pulling, "vow_seq_next at %s: the one before is still pending", where);
    if (seq->over)
        return vow_resolved_at(loop, vow_end(), where);
    seq->pulling = true;
    vow_seq_ref(seq);
    vow_promise *p;
    if (seq->users)
        p = vow_then_at(vow_resolved_at(loop, vow_none(), where), call_next, seq, NULL, where);
    else
        p = vow__seq_promise(loop, seq->next(seq->data), where);
    return vow_handle_at(p, pulled, seq, pull_ended, where);
}
