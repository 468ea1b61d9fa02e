/* SPDX-License-Identifier: MIT
 *
 * adapt/ready.c - readiness of a descriptor.
 *
 * poll(2) is asked first: it answers for the descriptors that epoll refuses (regular files,
 * /dev/null), for bad ones and for what is ready already, so that the base only sees
 * descriptors that can wait. Hang-ups are waited for through an epoll of the wait's own:
 * libevent reports an error on the descriptor as readable and writable only, and so would
 * turn for ever around an event that asks for EV_CLOSED alone.
 */
#include "vow/ready.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/epoll.h>
#endif

#include "adapt/op.h"
#include "base/mem.h"
#include "loop/watch.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

struct vow__ready {
    struct vow__ready *next, **at; /* waits of the same bucket */
    struct event *event;
    vow_resolver *resolver;
    int fd, what;
    int hangup; /* the epoll that `event` watches instead of fd, or -1 */
    vow_loop *loop;
};

static struct vow__ready **bucket(vow_loop *loop, int fd)
{
    struct vow__event_loop *l = vow__event_loop(loop);
    return &l->ready[(unsigned)fd % (sizeof l->ready / sizeof *l->ready)];
}

static int bits_of_poll(short events)
{
    int failed = events & (POLLERR | POLLHUP) ? VOW_READ | VOW_WRITE : 0;
    return failed | (events & POLLIN ? VOW_READ : 0) | (events & POLLOUT ? VOW_WRITE : 0) |
           (events & (POLLERR | POLLHUP | POLLRDHUP) ? VOW_HANGUP : 0);
}

/* The bits of `what` that are ready now, or minus an errno number. */
static int ready_now(int fd, int what)
{
    struct pollfd ask = {fd,
                         (short)((what & VOW_READ ? POLLIN : 0) | (what & VOW_WRITE ? POLLOUT : 0) |
                                 (what & VOW_HANGUP ? POLLRDHUP : 0)),
                         0};
    int n;
    while ((n = poll(&ask, 1, 0)) < 0 && errno == EINTR)
        ;
    if (n < 0)
        return -errno;
    if (fd < 0 || (ask.revents & POLLNVAL))
        return -EBADF;
    return bits_of_poll(ask.revents) & what;
}

static void stop(void *data)
{
    struct vow__ready *op = data;
    vow__event_del(op->loop, op->event);
}

static void destroy(void *data)
{
    struct vow__ready *op = data;
    if (op->at) {
        *op->at = op->next;
        if (op->next)
            op->next->at = op->at;
    }
    if (op->event)
        vow__event_free(op->loop, op->event);
    if (op->hangup >= 0)
        close(op->hangup);
    vow__free(op);
}

static void on_ready(evutil_socket_t fd, short events, void *data)
{
    (void)fd;
    struct vow__ready *op = data;
    vow_loop *loop = op->loop;
    int bits = (events & EV_READ ? VOW_READ : 0) | (events & EV_WRITE ? VOW_WRITE : 0) |
               (events & EV_CLOSED ? VOW_HANGUP : 0);
    if (op->hangup >= 0)
        bits = ready_now(op->fd, op->what);
    if (bits == 0)
        return; /* it was, a moment ago; with `hangup` the event is persistent */
    vow_enter(loop);
    vow_resolve(op->resolver,
                bits > 0 ? vow_int(bits) : vow_fail_at(NULL, vow_errno_domain(), -bits, "ready"));
    vow_leave(loop);
}

/* 0 or an errno number. */
static int make_event(struct vow__ready *op)
{
    short events =
        (short)((op->what & VOW_READ ? EV_READ : 0) | (op->what & VOW_WRITE ? EV_WRITE : 0));
    int watched = op->fd;
    if (op->what & VOW_HANGUP) {
#ifdef __linux__
        struct epoll_event ask = {.events = EPOLLRDHUP | (op->what & VOW_READ ? EPOLLIN : 0) |
                                            (op->what & VOW_WRITE ? EPOLLOUT : 0)};
        op->hangup = watched = epoll_create1(EPOLL_CLOEXEC);
        if (watched < 0 || epoll_ctl(watched, EPOLL_CTL_ADD, op->fd, &ask))
            return errno;
        events = EV_READ | EV_PERSIST;
#else
        events |= EV_CLOSED; /* where the base cannot tell, adding it fails */
#endif
    }
    op->event = vow__event_new(op->loop, watched, events, on_ready, op);
    return op->event ? 0 : ENOMEM;
}

static vow_promise *wait_for(vow_loop *loop, int fd, int what, const char *where)
{
    struct vow__ready *op = vow__alloc_zeroed(sizeof *op);
    if (!op)
        return vow__op_no_memory(loop);
    op->loop = loop;
    op->fd = fd;
    op->what = what;
    op->hangup = -1;
    int failed = make_event(op);
    if (failed) {
        destroy(op);
        return vow__op_failed(loop, failed, "ready", where);
    }
    vow_promise *p;
    vow_resolver *resolver = vow__op_begin(loop, op, stop, destroy, where, &p);
    if (!resolver)
        return p;
    op->resolver = resolver;
    op->at = bucket(loop, fd);
    op->next = *op->at;
    if (op->next)
        op->next->at = &op->next;
    *op->at = op;
    failed = vow__event_add(op->event, NULL);
    if (failed)
        vow_resolve(resolver, vow_fail_at(where, vow_errno_domain(), failed, "ready"));
    return p;
}

vow_promise *vow_ready_at(vow_loop *loop, int fd, int what, const char *where)
{
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    what &= VOW_READ | VOW_WRITE | VOW_HANGUP;
    if (what == 0)
        return vow__op_failed(loop, EINVAL, "ready: nothing to wait for", where);
    int bits = ready_now(fd, what);
    if (bits < 0)
        return vow__op_failed(loop, -bits, "ready", where);
    return bits > 0 ? vow_resolved_at(loop, vow_int(bits), where) : wait_for(loop, fd, what, where);
}

static struct vow__ready *find(vow_loop *loop, int fd)
{
    struct vow__ready *op = *bucket(loop, fd);
    while (op && op->fd != fd)
        op = op->next;
    return op;
}

int vow_ready_close(vow_loop *loop, int fd)
{
    vow__check_loop(loop, "vow_ready_close");
    struct vow__ready *op;
    while ((op = find(loop, fd)) != NULL) /* settling takes it off the list */
        vow_resolve(op->resolver,
                    vow_fail_at(NULL, vow_errno_domain(), EBADF, "closed while it was waited for"));
    return close(fd);
}
