/* SPDX-License-Identifier: MIT
 *
 * stream/stream.c - a stream's life.
 */
#include "stream/stream.h"

#include <errno.h>

#include "adapt/op.h"
#include "base/mem.h"

static void *ref(void *object) { return vow_stream_ref(object); }
static void unref(void *object) { vow_stream_unref(object); }
static size_t count(const void *object) { return ((const vow_stream *)object)->count; }

static void see(void *object)
{
    vow_stream *s = object;
    struct vow__stream_home *home = s->home;
    s->home = NULL;
    if (home)
        home->seen(home);
}

static const struct vow__homing_type stream_type = {.type = {.size = sizeof(vow_type),
                                                             .kind = VOW__HOMING,
                                                             .name = "stream",
                                                             .ref = ref,
                                                             .unref = unref,
                                                             .count = count},
                                                    .seen = see};

const vow_type *vow_stream_type(void) { return &stream_type.type; }

vow_value vow_stream_value(vow_stream *s)
{
    return s ? (vow_value){.type = &stream_type.type, .as.p = s} : vow_none();
}

vow_stream *vow_stream_of(vow_value v)
{
    vow_stream *s = vow_as(v, &stream_type.type);
    see(s);
    return s;
}

/* The loop has rejected everything in flight. */
static void detach(struct vow__member *member)
{
    vow_stream *s = (vow_stream *)member;
    if (s->transport && s->transport->detach)
        s->transport->detach(s->object);
}

vow_stream *vow__stream_new(vow_loop *loop, const vow_transport *transport, size_t size)
{
    vow_stream *s = vow__alloc_zeroed(sizeof *s + size);
    if (!s)
        return NULL;
    s->transport = transport;
    s->object = s + 1;
    s->count = 1;
    s->in.home.give_back = vow__stream_give_back;
    vow__member_join(&s->member, loop, detach);
    return s;
}

vow_stream *vow_stream_new(vow_loop *loop, const vow_transport *transport, void *object)
{
    vow__check_loop(loop, "vow_stream_new");
    VOW_CHECK(transport->size == sizeof *transport,
              "vow_stream_new: the transport \"%s\" must start with its size", transport->name);
    vow_stream *s = loop->closing ? NULL : vow__stream_new(loop, transport, 0);
    if (!s) {
        transport->close(object);
        errno = loop->closing ? ESHUTDOWN : ENOMEM;
        return NULL;
    }
    s->object = object;
    return s;
}

vow_promise *vow__stream_refusal(vow_stream *s, const vow_resolver *in_flight, const char *what,
                                 const char *where)
{
    VOW_CHECK(s->member.loop, "%s at %s: the stream's loop is freed", what, where);
    vow_promise *refused = vow__refused(s->member.loop, where);
    if (refused)
        return refused;
    if (!s->transport)
        return vow__op_failed(s->member.loop, EBADF, what, where);
    return in_flight ? vow__op_failed(s->member.loop, EBUSY, what, where) : NULL;
}

vow_error *vow__stream_error(const vow_stream *s, int side)
{
    return s->transport->error ? s->transport->error(s->object, side) : NULL;
}

void *vow_stream_object(const vow_stream *s, const vow_transport *transport)
{
    return s->transport == transport ? s->object : NULL;
}

vow_loop *vow_stream_loop(const vow_stream *s) { return s->member.loop; }

void vow_stream_wrote(vow_stream *s, size_t bytes)
{
    s->out.written += bytes;
    if (s->out.pump)
        vow__pump_wrote(s->out.pump, bytes);
}

void vow_stream_ready(vow_stream *s, int side)
{
    vow_stream_ref(s); /* what is in flight may hold the last reference */
    if (side & VOW_READ)
        vow__stream_read_on(s);
    if (side & VOW_WRITE)
        vow__stream_write_on(s);
    vow_stream_unref(s);
}

void vow_stream_close(vow_stream *s)
{
    const vow_transport *transport = s->transport;
    if (!transport)
        return;
    vow_stream_ref(s);
    vow__stream_end_read(s);
    vow__stream_end_write(s);
    s->transport = NULL;
    transport->close(s->object);
    vow_stream_unref(s);
}

vow_stream *vow_stream_ref(vow_stream *s)
{
    if (s)
        s->count++;
    return s;
}

vow_stream *vow_stream_unref(vow_stream *s)
{
    if (!s || --s->count > 0)
        return NULL;
    s->count = 1; /* for what closing does */
    struct vow__stream_home *home = s->home;
    if (home) {
        s->home = NULL;
        home->give_back(home, s);
        return NULL;
    }
    vow_stream_close(s);
    vow__member_leave(&s->member);
    vow__free(s);
    return NULL;
}
