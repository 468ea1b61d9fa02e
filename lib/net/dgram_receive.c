/* SPDX-License-Identifier: MIT
 *
 * net/dgram_receive.c - receiving datagrams. What has come already needs no memory but its
 * own and the promise's; who has to wait stands in a list.
 */
#include <errno.h>

#include "adapt/op.h"
#include "net/dgram.h"

/* Up to so many bytes are set aside for any datagram; for more it is asked how large it is. */
enum { SMALL = 4096 };

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
    vow__dgram_finish(&d->in, take_back(d));
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
        vow__dgram_finish(&d->in, outcome);
    if (!d->in.first && d->in.watch.added)
        vow__watch_rest(loop, &d->in.watch);
    vow_dgram_unref(d);
    vow_leave(loop);
}

static void stop_receive(void *data)
{
    struct vow__dgram_wait *w = data;
    vow_dgram *d = w->dgram;
    vow__dgram_leave(&d->in, w);
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
    vow_promise *p = vow__dgram_refused(d, "receive", where);
    if (!p)
        p = vow_promise_new_at(d->member.loop, &resolver, where);
    if (vow__settled(p))
        return p;
    if (received_at_once(d, max, where, &outcome)) {
        vow_resolve(resolver, outcome);
        return p;
    }
    struct vow__dgram_wait *w = vow__dgram_wait_new(d, resolver, where);
    if (!w) {
        vow_resolve(resolver, vow__fail_ready(ENOMEM));
        return p;
    }
    w->max = max;
    vow_on_stop(resolver, stop_receive, w, vow__dgram_wait_free);
    vow__dgram_append(&d->in, w);
    int failed = vow__dgram_watch(d, &d->in, EV_READ, on_readable);
    if (failed) {
        vow__dgram_leave(&d->in, w);
        vow_resolve(resolver, vow_fail_at(where, vow_errno_domain(), failed, "receive"));
    }
    return p;
}
