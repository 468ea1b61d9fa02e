/* SPDX-License-Identifier: MIT
 *
 * net/dgram_send.c - sending datagrams. What the kernel takes at once needs no memory but
 * the promise; what has to wait stands in a list.
 */
#include <errno.h>

#include "adapt/op.h"
#include "net/dgram.h"

static vow_value sent(const vow_message *m, int failed, const char *where)
{
    char to[VOW_ADDRESS_TEXT] = "";
    if (!failed)
        return vow_v(m->size);
    if (m->to)
        vow_address_text(m->to, to, sizeof to);
    return vow_fail_at(where, vow_errno_domain(), failed, "send%s%s", m->to ? " to " : "", to);
}

/* One datagram: 0, EAGAIN, or why it was not sent. */
static int send_one(vow_dgram *d, const vow_message *m)
{
    size_t n;
    int failed = vow__message_send(d->fd, m, &n);
    return failed == EWOULDBLOCK ? EAGAIN : failed;
}

void vow__dgram_reject_sends(vow_dgram *d, int failed)
{
    while (d->out.first)
        vow__dgram_finish(&d->out, sent(&d->out.first->message, failed, d->out.first->where));
}

static void send_waiting(vow_dgram *d);

static void on_writable(evutil_socket_t fd, short events, void *data)
{
    (void)fd, (void)events;
    vow_dgram *d = data;
    vow_loop *loop = d->member.loop;
    vow_enter(loop);
    vow_dgram_ref(d);
    send_waiting(d);
    vow_dgram_unref(d);
    vow_leave(loop);
}

static void await_room(vow_dgram *d)
{
    int failed = vow__dgram_watch(d, &d->out, EV_WRITE, on_writable);
    if (failed)
        vow__dgram_reject_sends(d, failed);
}

/* A pause, whose end runs in a handler: the loop has been entered. */
void vow__dgram_pause_over(void *data, int failed)
{
    vow_dgram *d = data;
    vow_dgram_ref(d);
    if (failed)
        vow__dgram_reject_sends(d, failed);
    else
        send_waiting(d);
    vow_dgram_unref(d);
}

/* The descriptor is writable, or a pause is over. Where it is writable and yet takes nothing,
 * the queue that is full is the peer's: without a pause the loop would spin until there is
 * room in it. */
static void send_waiting(vow_dgram *d)
{
    int failed = 0;
    bool some = false;
    while (d->out.first && (failed = send_one(d, &d->out.first->message)) != EAGAIN) {
        some = true;
        d->pause.ms = 0;
        vow__dgram_finish(&d->out, sent(&d->out.first->message, failed, d->out.first->where));
    }
    if (d->out.first && some) {
        await_room(d);
        return;
    }
    vow__watch_stop(d->member.loop, &d->out.watch);
    if (d->out.first && vow__pause_begin(d->member.loop, &d->pause))
        vow__dgram_reject_sends(d, ENOMEM);
}

static void stop_send(void *data)
{
    struct vow__dgram_wait *w = data;
    vow_dgram *d = w->dgram;
    vow__dgram_leave(&d->out, w);
    if (d->out.first)
        return;
    vow__watch_stop(d->member.loop, &d->out.watch);
    vow__pause_stop(&d->pause);
}

/* Takes buf, which may be NULL. */
static void wait_to_send(vow_dgram *d, const vow_message *m, vow_buf *buf, vow_resolver *resolver,
                         const char *where)
{
    struct vow__dgram_wait *w = vow__dgram_wait_new(d, resolver, where);
    if (!w) {
        vow_buf_unref(buf);
        vow_resolve(resolver, vow__fail_ready(ENOMEM));
        return;
    }
    w->message = *m;
    w->buf = buf;
    if (m->to) {
        w->address = *m->to;
        w->message.to = &w->address;
    }
    vow_on_stop(resolver, stop_send, w, vow__dgram_wait_free);
    vow__dgram_append(&d->out, w);
    if (!d->pause.end)
        await_room(d);
}

/* Takes buf, which may be NULL. The promise comes first: without it nothing may be sent. */
static vow_promise *start(vow_dgram *d, const vow_message *m, vow_buf *buf, const char *where)
{
    vow_resolver *resolver;
    vow_promise *p = vow__dgram_refused(d, "send", where);
    if (!p)
        p = vow_promise_new_at(d->member.loop, &resolver, where);
    if (vow__settled(p)) {
        vow_buf_unref(buf);
        return p;
    }
    int failed = d->out.first ? EAGAIN : send_one(d, m);
    if (failed == EAGAIN) {
        wait_to_send(d, m, buf, resolver, where);
        return p;
    }
    vow_buf_unref(buf);
    vow_resolve(resolver, sent(m, failed, where));
    return p;
}

vow_promise *vow_dgram_send_at(vow_dgram *d, const vow_address *to, const void *bytes, size_t size,
                               const char *where)
{
    return start(d, &(vow_message){.bytes = bytes, .size = size, .to = to}, NULL, where);
}

vow_promise *vow_dgram_send_buf_at(vow_dgram *d, const vow_address *to, vow_buf *buf,
                                   const char *where)
{
    if (!buf)
        return vow__op_no_memory(d->member.loop);
    return start(d,
                 &(vow_message){.bytes = vow_buf_bytes(buf), .size = vow_buf_size(buf), .to = to},
                 buf, where);
}

vow_promise *vow_dgram_send_message_at(vow_dgram *d, const vow_message *message, const char *where)
{
    VOW_CHECK(d->member.loop, "send at %s: the socket's loop is freed", where);
    if (message->fd_count > 0 && d->family != AF_UNIX)
        return vow__op_failed(d->member.loop, EINVAL, "send: descriptors go through unix sockets",
                              where);
    if (message->fd_count > VOW__MOST_FDS)
        return vow__op_failed(d->member.loop, EMSGSIZE, "send: too many descriptors", where);
    return start(d, message, NULL, where);
}
