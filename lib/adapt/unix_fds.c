/* SPDX-License-Identifier: MIT
 *
 * adapt/unix_fds.c - descriptors beside the bytes of a stream.
 */
#include <errno.h>

#include "adapt/op.h"
#include "adapt/packet.h"
#include "adapt/stream.h"
#include "base/mem.h"
#include "vow/ready.h"
#include "vow/unix.h"

struct passing {
    vow_stream *stream; /* a reference */
    const char *where;
    bool sending;
    vow_message message; /* sending: what is left of it */
    size_t size;         /* of all of it; receiving: most bytes */
};

static void destroy(void *data)
{
    struct passing *op = data;
    vow_stream_unref(op->stream);
    vow__free(op);
}

/* 0: all is sent. Or an errno number. */
static int send_on(struct passing *op, vow_value *ret)
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

static int receive(struct passing *op, vow_value *ret)
{
    vow_packet *p = vow__packet_new(op->size, VOW__MOST_FDS);
    if (!p)
        return ENOMEM;
    int failed = vow__packet_receive(&p, vow_stream_fd(op->stream));
    if (failed) {
        vow__packet_free(p);
        return failed;
    }
    p->from.size = 0;
    *ret = vow_packet_value(p);
    return 0;
}

/* The outcome, or a promise of it. The wait is vow_ready's, which hears of it when the stream
 * is closed. */
static vow_value go_on(vow_value ready, void *data)
{
    (void)ready;
    struct passing *op = data;
    vow_value outcome;
    int failed = op->sending ? send_on(op, &outcome) : receive(op, &outcome);
    if (!failed)
        return outcome;
    if (failed != EAGAIN && failed != EWOULDBLOCK)
        return vow_fail_at(op->where, vow_errno_domain(), failed,
                           op->sending ? "send descriptors" : "receive descriptors");
    vow_promise *p = vow_ready_at(op->stream->member.loop, vow_stream_fd(op->stream),
                                  op->sending ? VOW_WRITE : VOW_READ, op->where);
    return vow_promise_value(vow_then_at(p, go_on, op, NULL, op->where));
}

/* The promise comes first: without it nothing may be sent or taken. */
static vow_promise *start(vow_stream *s, const struct passing *what)
{
    vow_loop *loop = s->member.loop;
    struct passing *op = vow__alloc(sizeof *op);
    if (!op)
        return vow__op_no_memory(loop);
    *op = *what;
    op->stream = vow_stream_ref(s);
    vow_resolver *resolver;
    vow_promise *p = vow_promise_new_at(loop, &resolver, op->where);
    p = vow_attach(p, op, destroy); /* the last that can fail */
    if (vow__settled(p))
        vow_resolver_drop(resolver);
    else
        vow_resolve(resolver, go_on(vow_none(), op));
    return p;
}

vow_promise *vow_unix_send_at(vow_stream *s, const vow_message *message, const char *where)
{
    vow_promise *refused = vow__stream_refused(s, s->out.resolver, "send descriptors", where);
    if (refused)
        return refused;
    if (message->size == 0 || message->fd_count > VOW__MOST_FDS)
        return vow__op_failed(s->member.loop, EINVAL, "send descriptors", where);
    struct passing op = {
        .where = where, .sending = true, .message = *message, .size = message->size};
    op.message.to = NULL;
    return start(s, &op);
}

/* Bytes that the stream had read already: whatever came with them is gone. */
static vow_value as_packet(vow_value v, void *data)
{
    (void)data;
    vow_packet *p = vow__packet_new(0, 0);
    if (!p)
        return vow__fail_ready(ENOMEM);
    vow_buf_unref(p->buf);
    p->buf = vow_buf_ref(vow_buf_of(v));
    return vow_packet_value(p);
}

vow_promise *vow_unix_receive_at(vow_stream *s, size_t max, const char *where)
{
    VOW_CHECK(max > 0, "vow_unix_receive at %s: no bytes are asked for", where);
    vow_promise *refused = vow__stream_refused(s, s->in.resolver, "receive descriptors", where);
    if (refused)
        return refused;
    if (vow__stream_kept(s) > 0 || s->in.back)
        return vow_then_at(vow_stream_read_at(s, max, where), as_packet, NULL, NULL, where);
    return start(s, &(struct passing){.where = where, .size = max});
}
