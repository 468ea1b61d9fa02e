/* SPDX-License-Identifier: MIT
 *
 * net/unix_fds.c - descriptors beside the bytes of a stream.
 */
#include <errno.h>

#include "adapt/op.h"
#include "base/mem.h"
#include "net/packet.h"
#include "stream/stream.h"
#include "vow/ready.h"
#include "vow/unix.h"

struct vow__passing {
    vow_stream *stream; /* a reference */
    vow_resolver *resolver;
    vow_promise *ready; /* until the descriptor is; or NULL */
    const char *where;
    bool sending;
    vow_message message; /* sending: what is left of it */
    size_t size;         /* of all of it; receiving: most bytes */
};

static void ends(struct vow__passing *op)
{
    op->ready = vow_unref(op->ready);
    op->resolver = NULL;
    if (!op->sending)
        op->stream->receiver = NULL;
}

static void stop(void *op) { ends(op); }

static void destroy(void *data)
{
    struct vow__passing *op = data;
    vow_stream_unref(op->stream);
    vow__free(op);
}

static void settle(struct vow__passing *op, vow_value outcome)
{
    vow_resolver *resolver = op->resolver;
    ends(op);
    vow_resolve(resolver, outcome);
}

/* 0: all is sent. Or an errno number. */
static int send_on(struct vow__passing *op, vow_value *ret)
{
    vow_message *m = &op->message;
    size_t n;
    do {
        int failed = vow__message_send(vow_stream_fd(op->stream), m, &n);
        if (failed)
            return failed;
        m->bytes = (const char *)m->bytes + n;
        m->size -= n;
        m->fd_count = 0;
    } while (m->size > 0);
    *ret = vow_v(op->size);
    return 0;
}

void vow__unix_forget(vow_stream *s)
{
    if (s->parcel)
        vow__packet_free(s->parcel);
    s->parcel = NULL;
}

static int receive(struct vow__passing *op, vow_value *ret)
{
    vow_stream *s = op->stream;
    vow_packet *p = vow__packet_new(op->size, VOW__MOST_FDS);
    if (!p)
        return ENOMEM;
    int failed = vow__packet_receive(&p, vow_stream_fd(s));
    if (failed) {
        vow__packet_free(p);
        return failed;
    }
    vow__unix_forget(s); /* their bytes were read without them */
    p->from.size = 0;
    if (vow_buf_size(p->buf) > 0)
        vow__buf_taken_from(p->buf, &s->in.home);
    *ret = vow_packet_value(p);
    return 0;
}

/* Bytes that the stream had read already, or that came back, with what came beside them then;
 * what came beside those that were read is gone. */
static int take_kept(struct vow__passing *op, vow_value *ret)
{
    vow_stream *s = op->stream;
    size_t have = vow__stream_kept(s);
    vow_packet *p = s->parcel ? s->parcel : vow__packet_new(0, 0);
    vow_value bytes = p ? vow__stream_take(s, have < op->size ? have : op->size) : vow_none();
    if (!p || vow_is_error(bytes)) {
        if (p && !s->parcel)
            vow__packet_free(p);
        return ENOMEM;
    }
    s->parcel = NULL;
    vow_buf_unref(p->buf);
    p->buf = bytes.as.p;
    *ret = vow_packet_value(p);
    return 0;
}

void vow__unix_give_back(vow_packet *p)
{
    struct vow__home *home = vow__buf_home(p->buf);
    vow_stream *s = (vow_stream *)((char *)home - offsetof(vow_stream, in.home));
    vow_buf *buf = p->buf;
    p->buf = NULL;
    vow__unix_forget(s);
    s->parcel = p;
    vow_buf_unref(buf); /* goes home, where a receiver may wait */
}

static void go_on(struct vow__passing *op);

static vow_value on_ready(vow_value v, void *data)
{
    struct vow__passing *op = data;
    op->ready = vow_unref(op->ready);
    if (vow_is_error(v))
        settle(op, vow_keep(v));
    else
        go_on(op);
    return vow_none();
}

/* The wait is vow_ready's, which hears of it when the stream is closed. */
static void wait(struct vow__passing *op)
{
    vow_promise *p = vow_ready_at(op->stream->member.loop, vow_stream_fd(op->stream),
                                  op->sending ? VOW_WRITE : VOW_READ, op->where);
    op->ready = vow_handle_at(p, on_ready, op, NULL, op->where);
    if (!vow__settled(op->ready))
        return;
    vow_mark_handled(op->ready);
    settle(op, vow__fail_ready(ENOMEM));
}

static void go_on(struct vow__passing *op)
{
    vow_stream *s = op->stream;
    vow_value outcome;
    int failed;
    if (op->sending)
        failed = send_on(op, &outcome);
    else if (!vow__stream_join(s))
        failed = ENOMEM;
    else
        failed = vow__stream_kept(s) > 0 ? take_kept(op, &outcome) : receive(op, &outcome);
    if (failed == EAGAIN || failed == EWOULDBLOCK)
        wait(op);
    else if (failed)
        settle(op, vow_fail_at(op->where, vow_errno_domain(), failed,
                               op->sending ? "send descriptors" : "receive descriptors"));
    else
        settle(op, outcome);
}

void vow__unix_receive_on(struct vow__passing *receiver)
{
    receiver->ready = vow_unref(receiver->ready);
    go_on(receiver);
}

/* The promise comes first: without it nothing may be sent or taken. */
static vow_promise *start(vow_stream *s, const struct vow__passing *what)
{
    vow_loop *loop = s->member.loop;
    vow_promise *p;
    struct vow__passing *op = vow__alloc(sizeof *op);
    if (!op)
        return vow__op_no_memory(loop);
    *op = *what;
    op->stream = vow_stream_ref(s);
    vow_resolver *resolver = vow__op_begin(loop, op, stop, destroy, op->where, &p);
    if (!resolver)
        return p;
    op->resolver = resolver;
    if (!op->sending)
        s->receiver = op;
    go_on(op);
    return p;
}

vow_promise *vow_unix_send_at(vow_stream *s, const vow_message *message, const char *where)
{
    vow_promise *refused = vow__stream_refused(s, s->out.resolver, "send descriptors", where);
    if (refused)
        return refused;
    if (message->size == 0 || message->fd_count > VOW__MOST_FDS)
        return vow__op_failed(s->member.loop, EINVAL, "send descriptors", where);
    struct vow__passing op = {
        .where = where, .sending = true, .message = *message, .size = message->size};
    op.message.to = NULL;
    return start(s, &op);
}

vow_promise *vow_unix_receive_at(vow_stream *s, size_t max, const char *where)
{
    VOW_CHECK(max > 0, "vow_unix_receive at %s: no bytes are asked for", where);
    vow_promise *refused = vow__stream_refused(s, s->in.resolver, "receive descriptors", where);
    if (!refused && s->receiver)
        refused = vow__op_failed(s->member.loop, EBUSY, "receive descriptors", where);
    if (refused)
        return refused;
    return start(s, &(struct vow__passing){.where = where, .size = max});
}
