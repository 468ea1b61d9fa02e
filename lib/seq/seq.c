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

static void end_use(vow_seq *seq)
{
    if (--seq->uses == 0)
        vow__free(seq);
}

static void parcel_seen(struct vow__parcel_home *home) { end_use((vow_seq *)home); }

static void release_parcel(vow_seq *seq, struct vow__parcel *parcel)
{
    vow_value v = vow__parcel_open(parcel);
    end_use(seq);
    vow__release(v);
}

static void parcel_back(struct vow__parcel_home *home, struct vow__parcel *parcel)
{
    vow_seq *seq = (vow_seq *)home;
    if (seq->refs > 0)
        vow__parcels_add(&seq->back, parcel);
    else
        release_parcel(seq, parcel);
}

static vow_seq *make(vow_loop *loop, vow_step_fn *next, void *data, vow_destroy_fn *destroy)
{
    vow_seq *seq = vow__alloc_zeroed(sizeof *seq);
    if (!seq)
        return vow__seq_refuse(NULL, data, destroy);
    seq->home = (struct vow__parcel_home){parcel_seen, parcel_back};
    seq->loop = loop;
    seq->refs = seq->uses = 1;
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
    if (seq) {
        ((struct vow__part *)data)->seq = seq;
        seq->where = where;
    }
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
    if (seq->cover)
        vow__waiter_free(seq->cover);
    struct vow__parcel *back;
    while ((back = vow__parcels_take(&seq->back)) != NULL)
        release_parcel(seq, back);
    vow_value ready = seq->ready;
    end_use(seq);
    vow__release(ready);
    return NULL;
}

static vow_value call_next(vow_value v, void *data)
{
    vow_seq *seq = data;
    (void)v;
    vow_value next = vow__seq_adopt(seq, seq->next(seq->data));
    return vow__has_kind(next, VOW__PROMISE) ? next : vow__seq_ready(seq, next);
}

/* v (taken) as it leaves. What ends the sequence ends its source, before anybody sees it. */
static vow_value give(vow_seq *seq, vow_value v)
{
    const vow_error *e = vow_as_error(v);
    if (e ? !vow__is_cancel(e) : vow_is_end(v))
        finish(seq);
    if (e || vow_is_end(v))
        return v;
    struct vow__waiter *cover = seq->cover;
    seq->cover = NULL;
    seq->uses++;
    return vow__parcel_send(&seq->home, cover, v, seq->given++);
}

static vow_value give_ready(vow_seq *seq)
{
    vow_value v = seq->ready;
    seq->ready = vow_none();
    seq->is_ready = false;
    return give(seq, v);
}

static vow_value pulled(vow_value v, void *data)
{
    vow_seq *seq = data;
    const vow_error *e = vow_as_error(v);
    seq->pulling = false;
    return seq->is_ready && !e ? give_ready(seq) : give(seq, vow_keep(v));
}

static void pull_ended(void *data)
{
    vow_seq *seq = data;
    seq->pulling = false; /* it was dropped */
    vow_seq_unref(seq);
}

static vow_promise *pull(vow_seq *seq, const char *where)
{
    vow_loop *loop = seq->loop;
    vow_promise *p;
    if (seq->users) {
        p = vow_then_at(vow_resolved_at(loop, vow_none(), where), call_next, seq, NULL, where);
    } else {
        vow_value next = vow__seq_adopt(seq, seq->next(seq->data));
        if (!vow__has_kind(next, VOW__PROMISE))
            return vow_resolved_at(loop, give(seq, next), where);
        p = next.as.p;
    }
    seq->pulling = true;
    return vow_handle_at(p, pulled, vow_seq_ref(seq), pull_ended, where);
}

vow_promise *vow_seq_next_at(vow_seq *seq, const char *where)
{
    vow_loop *loop = seq->loop;
    vow__check_loop(loop, "vow_seq_next");
    VOW_CHECK(!seq->pulling, "vow_seq_next at %s: the one before is still pending", where);
    struct vow__parcel *back = vow__parcels_take(&seq->back);
    if (back)
        return vow_resolved_at(loop, vow__parcel_again(back), where);
    if (seq->over)
        return vow_resolved_at(loop, vow_end(), where);
    if (!seq->cover)
        seq->cover = vow__waiter_new(loop, where);
    if (!seq->cover)
        return vow__refuse(loop, NULL, NULL, NULL);
    return seq->is_ready ? vow_resolved_at(loop, give_ready(seq), where) : pull(seq, where);
}
