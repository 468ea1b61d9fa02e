/* SPDX-License-Identifier: MIT
 *
 * adapt/dgram_io.c - sending and receiving datagrams. What the kernel does at once needs no
 * memory but the promise; what has to wait stands in its side's list.
 */
#include <errno.h>
#include <string.h>

#include "adapt/dgram.h"
#include "adapt/op.h"
#include "base/mem.h"

/* Up to so many bytes are set aside for any datagram; for more it is asked how large it is. */
enum { SMALL = 4096 };

enum { FIRST_PAUSE_MS = 1, LONGEST_PAUSE_MS = 64 };

struct vow__dgram_wait {
    struct vow__dgram_wait *next, **at; /* at NULL: in no list any more */
    vow_dgram *dgram;                   /* a reference */
    vow_resolver *resolver;
    const char *where;
    size_t max;          /* receiving: most bytes */
    vow_message message; /* sending; `to` is &address or NULL */
    vow_buf *buf;        /* of its bytes, when they are the socket's; or NULL */
    vow_address address;
};

static void append(struct vow__dgram_side *side, struct vow__dgram_wait *w)
{
    w->at = side->end;
    *side->end = w;
    side->end = &w->next;
}

static void leave_list(struct vow__dgram_side *side, struct vow__dgram_wait *w)
{
    if (!w->at)
        return;
    *w->at = w->next;
    if (w->next)
        w->next->at = w->at;
    else
        side->end = w->at;
    w->at = NULL;
}

/* Settles the first that waits. */
static void finish(struct vow__dgram_side *side, vow_value outcome)
{
    struct vow__dgram_wait *w = side->first;
    leave_list(side, w);
    vow_resolve(w->resolver, outcome); /* gives back its reference: the socket may be gone */
}

static void destroy(void *data)
{
    struct vow__dgram_wait *w = data;
    vow_buf_unref(w->buf);
    vow_dgram_unref(w->dgram);
    vow__free(w);
}

static int watch(vow_dgram *d, struct vow__dgram_side *side, short what, event_callback_fn on)
{
    vow_loop *loop = d->member.loop;
    if (!side->watch.event && vow__watch_init(loop, &side->watch, d->fd, what | EV_PERSIST, on, d))
        return ENOMEM;
    return vow__watch_begin(loop, &side->watch);
}

/* The rejected promise of an operation that cannot start, or NULL. */
static vow_promise *refused(vow_dgram *d, const char *what, const char *where)
{
    VOW_CHECK(d->member.loop, "%s at %s: the socket's loop is freed", what, where);
    vow_promise *p = vow__refused(d->member.loop, where);
    if (!p && d->fd < 0)
        p = vow__op_failed(d->member.loop, EBADF, what, where);
    return p;
}

/* The operation, waiting; NULL: no memory. */
static struct vow__dgram_wait *new_wait(vow_dgram *d, vow_resolver *resolver, const char *where)
{
    struct vow__dgram_wait *w = vow__alloc_zeroed(sizeof *w);
    if (!w)
        return NULL;
    w->dgram = vow_dgram_ref(d);
    w->resolver = resolver;
    w->where = where;
    return w;
}

/* Receiving. */

/* How much room the next datagram takes: 0 or an errno number. */
static int size_of_next(const vow_dgram *d, size_t max, size_t *ret)
{
    *ret = max;
#ifdef __linux__
    if (max <= SMALL)
        return 0;
    ssize_t n;
    while ((n = recv(d->fd, NULL, 0, MSG_PEEK | MSG_TRUNC)) < 0 && errno == EINTR)
        ;
    if (n < 0)
        return errno; /* also what a send has come to, which is told only once */
    *ret = (size_t)n < max ? (size_t)n : max;
#else
    (void)d;
#endif
    return 0;
}

/* The next datagram; 0 or an errno number. */
static int receive_packet(vow_dgram *d, size_t max, vow_packet **ret)
{
    size_t size, fds = d->family == AF_UNIX ? VOW__MOST_FDS : 0;
    int failed = size_of_next(d, max, &size);
    if (failed)
        return failed;
    vow_packet *p = vow__packet_new(size, fds);
    if (!p)
        return ENOMEM;
    failed = vow__packet_receive(&p, d->fd);
    if (failed) {
        vow__packet_free(p);
        return failed;
    }
    p->home = vow_dgram_ref(d);
    p->number = d->received++;
    *ret = p;
    return 0;
}

/* True: *ret is the outcome of a receive. False: there is nothing. */
static bool receive(vow_dgram *d, size_t max, const char *where, vow_value *ret)
{
    vow_packet *p;
    int failed = receive_packet(d, max, &p);
    if (failed == EAGAIN || failed == EWOULDBLOCK)
        return false;
    *ret = failed ? vow_fail_at(where, vow_errno_domain(), failed, "receive") : vow_packet_value(p);
    return true;
}

static vow_value take_back(vow_dgram *d)
{
    vow_packet *p = d->back;
    d->back = p->next;
    p->home = vow_dgram_ref(d);
    return vow_packet_value(p);
}

void vow__dgram_give_back(vow_dgram *d, vow_packet *p)
{
    vow_packet **at = &d->back;
    if (d->fd < 0) {
        vow__packet_free(p);
        return;
    }
    while (*at && (*at)->number < p->number)
        at = &(*at)->next;
    p->next = *at;
    *at = p;
    if (!d->in.first)
        return;
    finish(&d->in, take_back(d));
    if (!d->in.first)
        vow__watch_stop(d->member.loop, &d->in.watch);
}

static void on_readable(evutil_socket_t fd, short events, void *data)
{
    (void)fd, (void)events;
    vow_dgram *d = data;
    vow_loop *loop = d->member.loop;
    vow_value outcome;
    vow_enter(loop);
    vow_dgram_ref(d);
    if (!d->in.first) {
        vow__watch_stop(loop, &d->in.watch);
        d->unread = true;
    }
    while (d->in.first && receive(d, d->in.first->max, d->in.first->where, &outcome))
        finish(&d->in, outcome);
    if (!d->in.first && d->in.watch.added)
        vow__watch_rest(loop, &d->in.watch);
    vow_dgram_unref(d);
    vow_leave(loop);
}

static void stop_receive(void *data)
{
    struct vow__dgram_wait *w = data;
    vow_dgram *d = w->dgram;
    leave_list(&d->in, w);
    if (!d->in.first)
        vow__watch_stop(d->member.loop, &d->in.watch);
}

/* Has the outcome without waiting: a packet that came home, or one the event told of. */
static bool received_at_once(vow_dgram *d, size_t max, const char *where, vow_value *ret)
{
    if (d->in.first)
        return false; /* others wait already */
    if (d->back) {
        *ret = take_back(d);
        return true;
    }
    d->unread = d->unread && receive(d, max, where, ret);
    return d->unread;
}

/* The promise comes first: without it nothing may be taken. */
vow_promise *vow_dgram_receive_at(vow_dgram *d, size_t max, const char *where)
{
    vow_resolver *resolver;
    vow_value outcome;
    vow_promise *p = refused(d, "receive", where);
    if (!p)
        p = vow_promise_new_at(d->member.loop, &resolver, where);
    if (vow__settled(p))
        return p;
    if (received_at_once(d, max, where, &outcome)) {
        vow_resolve(resolver, outcome);
        return p;
    }
    struct vow__dgram_wait *w = new_wait(d, resolver, where);
    if (!w) {
        vow_resolve(resolver, vow__fail_ready(ENOMEM));
        return p;
    }
    w->max = max;
    vow_on_stop(resolver, stop_receive, w, destroy);
    append(&d->in, w);
    int failed = watch(d, &d->in, EV_READ, on_readable);
    if (failed) {
        leave_list(&d->in, w);
        vow_resolve(resolver, vow_fail_at(where, vow_errno_domain(), failed, "receive"));
    }
    return p;
}

/* Sending. */

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

static void reject_sends(vow_dgram *d, int failed)
{
    while (d->out.first)
        finish(&d->out, sent(&d->out.first->message, failed, d->out.first->where));
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
    int failed = watch(d, &d->out, EV_WRITE, on_writable);
    if (failed)
        reject_sends(d, failed);
}

/* A pause, whose end runs in a handler: the loop has been entered. */
static void on_pause_over(void *data, int failed)
{
    vow_dgram *d = data;
    vow_dgram_ref(d);
    if (failed)
        reject_sends(d, failed);
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
        finish(&d->out, sent(&d->out.first->message, failed, d->out.first->where));
    }
    if (d->out.first && some) {
        await_room(d);
        return;
    }
    vow__watch_stop(d->member.loop, &d->out.watch);
    if (d->out.first && vow__pause_begin(d->member.loop, &d->pause))
        reject_sends(d, ENOMEM);
}

static void stop_send(void *data)
{
    struct vow__dgram_wait *w = data;
    vow_dgram *d = w->dgram;
    leave_list(&d->out, w);
    if (d->out.first)
        return;
    vow__watch_stop(d->member.loop, &d->out.watch);
    vow__pause_stop(&d->pause);
}

/* Takes buf, which may be NULL. */
static void wait_to_send(vow_dgram *d, const vow_message *m, vow_buf *buf, vow_resolver *resolver,
                         const char *where)
{
    struct vow__dgram_wait *w = new_wait(d, resolver, where);
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
    vow_on_stop(resolver, stop_send, w, destroy);
    append(&d->out, w);
    if (!d->pause.end)
        await_room(d);
}

/* Takes buf, which may be NULL. The promise comes first: without it nothing may be sent. */
static vow_promise *start(vow_dgram *d, const vow_message *m, vow_buf *buf, const char *where)
{
    vow_resolver *resolver;
    vow_promise *p = refused(d, "send", where);
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
    return start(
        d, &(vow_message){.bytes = vow_buf_bytes(buf), .size = vow_buf_size(buf), .to = to}, buf,
        where);
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

/* A socket begins and ends. */

void vow__dgram_begin(vow_dgram *d)
{
    d->in.end = &d->in.first;
    d->out.end = &d->out.first;
    d->pause = (struct vow__pause){
        .first = FIRST_PAUSE_MS, .most = LONGEST_PAUSE_MS, .over = on_pause_over, .data = d};
}

void vow__dgram_end(vow_dgram *d)
{
    while (d->in.first)
        finish(&d->in, vow_fail_at(d->in.first->where, vow_errno_domain(), ECANCELED,
                                   "receive: the socket was closed"));
    reject_sends(d, ECANCELED);
    vow__pause_stop(&d->pause);
    vow__watch_done(d->member.loop, &d->in.watch);
    vow__watch_done(d->member.loop, &d->out.watch);
    while (d->back) {
        vow_packet *p = d->back;
        d->back = p->next;
        vow__packet_free(p);
    }
}
