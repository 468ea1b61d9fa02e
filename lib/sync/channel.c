/* SPDX-License-Identifier: MIT */
#include "sync/channel.h"

#include "base/mem.h"
#include "vow/type.h"

/* The end: a scalar, so that it needs no care. */
static const vow_type end_type = {.size = sizeof(vow_type), .kind = VOW__SCALAR, .name = "end"};

vow_value vow_end(void) { return (vow_value){.type = &end_type, .as.i = 0}; }
bool vow_is_end(vow_value v) { return v.type == &end_type; }

VOW_TYPE_DEFINE(vow_channel, vow_channel, vow_channel_ref, vow_channel_unref)

vow_value vow__channel_pack(vow_channel *ch, struct vow__waiter *w, vow_value v)
{
    if (vow__has_kind(v, VOW__PARCEL) || vow_is_end(v) || vow__is_thenable(v)) {
        vow__waiter_free(w);
        return v;
    }
    ch->uses++;
    return vow__parcel_send(&ch->home, w, v, ch->received++);
}

/* Both call somebody who waits. */
static void call_receiver(vow_channel *ch, struct vow__waiter *w, vow_value v)
{
    if (w->n) {
        vow__select_called(w, ch, v);
    } else {
        vow_resolver *r = vow__waiter_take(w);
        vow_resolve(r, vow__channel_pack(ch, w, v));
    }
}

/* v: nothing, or why it cannot send. */
static void call_sender(struct vow__waiter *w, vow_value v)
{
    if (w->n)
        vow__select_called(w, NULL, v);
    else
        vow__waiter_call(w, v);
}

void vow__channel_tell_waiter(const struct vow__told *told)
{
    if (told->channel)
        call_receiver(told->channel, told->waiter, told->value);
    else
        call_sender(told->waiter, told->value);
}

/* One that a destructor has dropped leaves when the outermost drop returns: until then it is
 * passed over, lest a value be lost with it. */
static struct vow__waiter *first(const struct vow__queue *queue)
{
    struct vow__waiter *w = queue->first;
    while (w && !(w->n ? vow__select_wanted(w) : vow_is_wanted(w->resolver)))
        w = w->next;
    return w;
}

/* What w waits to send. */
static vow_value take_value(struct vow__waiter *w)
{
    vow_value v = w->value;
    w->value = vow_none();
    return v;
}

static void push(vow_channel *ch, vow_value v)
{
    size_t at = ch->head + ch->count++;
    ch->ring[at < ch->capacity ? at : at - ch->capacity] = v;
}

static vow_value pop(vow_channel *ch)
{
    vow_value v = ch->ring[ch->head];
    ch->head = ch->head + 1 < ch->capacity ? ch->head + 1 : 0;
    ch->count--;
    return v;
}

bool vow__channel_put(vow_channel *ch, vow_value v, struct vow__told *ret)
{
    *ret = (struct vow__told){first(&ch->receivers), ch, v};
    if (!ret->waiter && ch->count == ch->capacity)
        return false;
    if (!ret->waiter)
        push(ch, v);
    return true;
}

bool vow__channel_take(vow_channel *ch, struct vow__waiter *w, vow_value *v, struct vow__told *ret)
{
    struct vow__parcel *back = vow__parcels_take(&ch->back);
    struct vow__waiter *sender = back ? NULL : first(&ch->senders);
    *ret = (struct vow__told){sender, NULL, vow_none()};
    if (VOW_UNLIKELY(back)) {
        *v = vow__parcel_again(back);
    } else if (ch->count > 0) {
        *v = pop(ch);
        if (sender)
            push(ch, take_value(sender));
    } else if (sender) {
        *v = take_value(sender);
    } else if (ch->closed) {
        *v = vow_end();
    } else {
        return false;
    }
    if (w)
        *v = vow__channel_pack(ch, w, *v);
    return true;
}

vow_value vow__channel_broken(const char *where)
{
    return vow_fail_at(where, vow_errno_domain(), EPIPE, "the channel is closed");
}

static void end_use(vow_channel *ch)
{
    if (--ch->uses == 0)
        vow__free(ch);
}

static void parcel_seen(struct vow__parcel_home *home) { end_use((vow_channel *)home); }

static void release_parcel(vow_channel *ch, struct vow__parcel *parcel)
{
    vow_value v = vow__parcel_open(parcel);
    end_use(ch);
    vow__release(v);
}

static void parcel_back(struct vow__parcel_home *home, struct vow__parcel *parcel)
{
    vow_channel *ch = (vow_channel *)home;
    struct vow__waiter *receiver = first(&ch->receivers);
    if (ch->aborted)
        release_parcel(ch, parcel);
    else if (receiver)
        call_receiver(ch, receiver, vow__parcel_again(parcel));
    else
        vow__parcels_add(&ch->back, parcel);
}

vow_channel *vow_channel_new(vow_loop *loop, size_t capacity)
{
    vow__check_loop(loop, "vow_channel_new");
    if (capacity > SIZE_MAX / 2 / sizeof(vow_value))
        return NULL;
    vow_channel *ch = vow__alloc(sizeof *ch + capacity * sizeof(vow_value));
    if (!ch)
        return NULL;
    *ch = (vow_channel){.home = {parcel_seen, parcel_back},
                        .loop = loop,
                        .refs = 1,
                        .uses = 1,
                        .capacity = capacity};
    return ch;
}

vow_channel *vow_channel_ref(vow_channel *ch)
{
    ch->refs++;
    return ch;
}

vow_channel *vow_channel_unref(vow_channel *ch)
{
    if (!ch || --ch->refs > 0)
        return NULL;
    vow_channel_abort(ch);
    end_use(ch);
    return NULL;
}

void vow__channel_check(const vow_channel *ch, vow_value v, const char *where)
{
    vow__check_loop(ch->loop, "vow_channel_send or _select");
    VOW_CHECK(!vow__has_kind(v, VOW__PROMISE) && !vow__has_kind(v, VOW__SAME) && !vow_is_end(v),
              "vow_channel_send or _select at %s: a %s is no value to be sent", where,
              vow_type_name(v));
}

vow_promise *vow_channel_send_at(vow_channel *ch, vow_value v, const char *where)
{
    vow_loop *loop = ch->loop;
    vow__channel_check(ch, v, where);
    if (VOW_UNLIKELY(vow__has_kind(v, VOW__ERROR)))
        return vow_resolved_at(loop, v, where);
    if (VOW_UNLIKELY(ch->closed)) {
        vow__release(v);
        return vow_resolved_at(loop, vow__channel_broken(where), where);
    }
    vow_resolver *r; /* first: what is done below is done */
    vow_promise *p = vow_promise_new_at(loop, &r, where);
    struct vow__told told;
    if (VOW_UNLIKELY(vow__settled(p))) {
        vow__release(v);
    } else if (vow__channel_put(ch, v, &told)) {
        vow_resolve(r, vow_none());
        vow__channel_tell(&told);
    } else {
        vow__wait_with(&ch->senders, r, v);
    }
    return p;
}

vow_promise *vow_channel_receive_at(vow_channel *ch, const char *where)
{
    vow_value v;
    vow_loop *loop = ch->loop;
    vow__check_loop(loop, "vow_channel_receive");
    struct vow__waiter *w = vow__waiter_new(loop, where);
    if (VOW_UNLIKELY(!w))
        return vow__refuse(loop, NULL, NULL, NULL);
    struct vow__told told;
    if (!vow__channel_take(ch, w, &v, &told))
        return vow__wait_in(&ch->receivers, w, where);
    vow_promise *p = vow_resolved_at(loop, v, where);
    vow__channel_tell(&told);
    return p;
}

static size_t count_senders(const vow_channel *ch)
{
    size_t n = 0;
    for (const struct vow__waiter *w = ch->senders.first; w; w = w->next)
        n++;
    return n;
}

/* A select may send on the channel in two of its cases, of which one is done: the array is
 * shorter then. */
vow_value vow_channel_drain(vow_channel *ch)
{
    vow__check_loop(ch->loop, "vow_channel_drain");
    size_t most = vow_channel_count(ch) + count_senders(ch), n = 0;
    vow_value array = vow__array_new(most), v;
    if (vow_is_none(array))
        return vow__fail_ready(ENOMEM);
    struct vow__told told;
    ch->uses++;
    while (n < most && vow__channel_take(ch, NULL, &v, &told) && !vow_is_end(v)) {
        vow__see(&v);
        vow__array_put(array, n++, v);
        vow__channel_tell(&told);
    }
    ((vow__array *)array.as.p)->size = n;
    end_use(ch);
    return array;
}

size_t vow_channel_count(const vow_channel *ch) { return ch->count + ch->back.count; }
bool vow_channel_is_closed(const vow_channel *ch) { return ch->closed; }

/* The loop may have gone before its channels: it is looked at only when somebody waits. */
void vow_channel_close(vow_channel *ch)
{
    if (ch->receivers.first || ch->senders.first)
        vow__check_loop(ch->loop, "vow_channel_close or _abort");
    ch->closed = true;
    ch->uses++;
    while (ch->receivers.first)
        call_receiver(ch, ch->receivers.first, vow_end());
    end_use(ch);
}

void vow_channel_abort(vow_channel *ch)
{
    ch->uses++;
    ch->aborted = true;
    vow_channel_close(ch);
    while (ch->senders.first) {
        struct vow__waiter *w = ch->senders.first;
        vow_value v = take_value(w);
        call_sender(w, vow__channel_broken(NULL));
        vow__release(v);
    }
    struct vow__parcel *back;
    while ((back = vow__parcels_take(&ch->back)) != NULL)
        release_parcel(ch, back);
    while (ch->count > 0)
        vow__release(pop(ch));
    end_use(ch);
}
