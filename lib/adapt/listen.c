/* SPDX-License-Identifier: MIT
 *
 * adapt/listen.c - listening and accepting. A wait brings its stream's memory with it, so
 * that an accepted connection can always be delivered.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapt/op.h"
#include "adapt/stream.h"
#include "base/mem.h"
#include "vow/sock.h"
#include "vow/timer.h"

/* While descriptors or memory are short: how long to leave the clients in the backlog. */
enum { FIRST_PAUSE_MS = 10, LONGEST_PAUSE_MS = 1000 };

struct waiter {
    struct waiter *next, **at; /* at NULL: in no list any more */
    vow_listener *listener;
    vow_resolver *resolver;
    vow_stream *sock; /* without a descriptor; NULL once delivered */
};

struct vow_listener {
    struct vow__member member;
    struct vow__watch watch; /* added while somebody waits and there is no pause */
    struct waiter *first, **end;
    vow_promise *pause; /* its end, or NULL */
    uint64_t pause_ms;  /* of the last pause; 0 after a success */
    int fd;
    uint16_t port;
};

static void leave_list(struct waiter *w)
{
    if (!w->at)
        return;
    *w->at = w->next;
    if (w->next)
        w->next->at = w->at;
    else
        w->listener->end = w->at;
    w->at = NULL;
}

static void reject_all(vow_listener *l, int code, const char *text)
{
    while (l->first) {
        struct waiter *w = l->first;
        leave_list(w);
        vow_resolve(w->resolver, vow_fail_at(NULL, vow_errno_domain(), code, "accept%s", text));
    }
}

static void deliver(vow_listener *l, int fd)
{
    struct waiter *w = l->first;
    vow_stream *s = w->sock;
    leave_list(w);
    w->sock = NULL;
    vow__stream_set_fd(s, fd);
    vow_resolve(w->resolver, vow_stream_value(s));
}

static void watch(vow_listener *l)
{
    int failed = vow__watch_begin(l->member.loop, &l->watch);
    if (failed)
        reject_all(l, failed, "");
}

static vow_value end_pause(vow_value v, void *data)
{
    vow_listener *l = data;
    l->pause = vow_unref(l->pause);
    if (vow_is_error(v))
        reject_all(l, vow_error_code(vow_as_error(v)), ""); /* no memory for the timer */
    else if (l->first)
        watch(l);
    return vow_none();
}

/* The clients wait in the backlog. Without a pause the descriptor, which stays readable,
 * would keep the loop spinning. */
static void pause_for(vow_listener *l, int code)
{
    vow_loop *loop = l->member.loop;
    l->pause_ms = l->pause_ms ? 2 * l->pause_ms : FIRST_PAUSE_MS;
    if (l->pause_ms > LONGEST_PAUSE_MS)
        l->pause_ms = LONGEST_PAUSE_MS;
    vow__watch_stop(loop, &l->watch);
    l->pause = vow_handle(vow_delay(loop, l->pause_ms), end_pause, l);
    if (!vow__settled(l->pause))
        return;
    vow_mark_handled(l->pause); /* no memory even for the pause */
    l->pause = vow_unref(l->pause);
    reject_all(l, code, "");
}

static bool is_shortage(int code)
{
    return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

/* What accept reports of the listener itself; all else is a client that left or could not
 * be reached any more, and is skipped. */
static bool is_fatal(int code)
{
    return code == EBADF || code == EINVAL || code == ENOTSOCK || code == EFAULT;
}

static void accept_waiting(vow_listener *l)
{
    while (l->first) {
        int fd = vow__sock_accept(l->fd), code = fd < 0 ? errno : 0;
        if (code == EAGAIN || code == EWOULDBLOCK)
            return;
        if (is_shortage(code)) {
            pause_for(l, code);
            return;
        }
        if (is_fatal(code))
            reject_all(l, code, "");
        if (code == 0) {
            l->pause_ms = 0;
            deliver(l, fd);
        }
    }
    vow__watch_rest(l->member.loop, &l->watch);
}

static void on_acceptable(evutil_socket_t fd, short events, void *data)
{
    (void)fd, (void)events;
    vow_listener *l = data;
    vow_loop *loop = l->member.loop;
    vow_enter(loop);
    if (l->first)
        accept_waiting(l);
    else
        vow__watch_stop(loop, &l->watch);
    vow_leave(loop);
}

static void stop(void *data)
{
    struct waiter *w = data;
    vow_listener *l = w->listener;
    leave_list(w);
    if (l->first)
        return;
    vow__watch_stop(l->member.loop, &l->watch);
    l->pause = vow_unref(l->pause);
}

static void destroy(void *data)
{
    struct waiter *w = data;
    vow_stream_unref(w->sock);
    vow__free(w);
}

vow_promise *vow_accept_at(vow_listener *l, const char *where)
{
    vow_loop *loop = l->member.loop;
    VOW_CHECK(loop, "vow_accept at %s: the listener's loop is freed", where);
    vow_promise *p = vow__refused(loop, where);
    if (p)
        return p;
    struct waiter *w = vow__alloc_zeroed(sizeof *w);
    if (w)
        w->sock = vow__stream_of_sock(loop);
    if (!w || !w->sock) {
        vow__free(w);
        return vow__op_no_memory(loop);
    }
    w->listener = l;
    vow_resolver *resolver = vow__op_begin(loop, w, stop, destroy, where, &p);
    if (!resolver)
        return p;
    w->resolver = resolver;
    w->at = l->end;
    *l->end = w;
    l->end = &w->next;
    if (!l->pause)
        watch(l);
    return p;
}

/* The loop has rejected the waiting ones. */
static void give_events_back(struct vow__member *member)
{
    vow_listener *l = (vow_listener *)member;
    vow__watch_done(l->member.loop, &l->watch);
}

/* An errno number for what getaddrinfo says of an address that must be numeric. */
static int numeric_error(int code)
{
    return code == EAI_SYSTEM ? errno : code == EAI_MEMORY ? ENOMEM : EINVAL;
}

static uint16_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name = {.any.sa_family = AF_UNSPEC};
    socklen_t size = sizeof name;
    if (getsockname(fd, &name.any, &size))
        return 0;
    return ntohs(name.any.sa_family == AF_INET6 ? name.v6.sin6_port : name.v4.sin_port);
}

/* A listening descriptor, or minus an errno number. */
static int open_listening(const char *address, uint16_t port, int backlog)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    int code = getaddrinfo(address ? address : "127.0.0.1", service, &hints, &found);
    if (code)
        return -numeric_error(code);
    int one = 1, fd = vow__sock_open(found->ai_family);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        bind(fd, found->ai_addr, found->ai_addrlen) ||
        listen(fd, backlog > 0 ? backlog : SOMAXCONN)) {
        code = errno;
        if (fd >= 0)
            close(fd);
        fd = -code;
    }
    freeaddrinfo(found);
    return fd;
}

vow_listener *vow_listen(vow_loop *loop, const char *address, uint16_t port, int backlog)
{
    vow__check_loop(loop, "vow_listen");
    int fd = loop->closing ? -ESHUTDOWN : open_listening(address, port, backlog);
    vow_listener *l = fd < 0 ? NULL : vow__alloc_zeroed(sizeof *l);
    if (!l) {
        errno = fd < 0 ? -fd : ENOMEM;
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    l->fd = fd;
    l->port = port_of(fd);
    l->end = &l->first;
    vow__member_join(&l->member, loop, give_events_back);
    if (vow__watch_init(loop, &l->watch, fd, EV_READ | EV_PERSIST, on_acceptable, l)) {
        vow_listener_close(l);
        errno = ENOMEM;
        return NULL;
    }
    return l;
}

uint16_t vow_listener_port(const vow_listener *l) { return l->port; }

vow_listener *vow_listener_close(vow_listener *l)
{
    if (!l)
        return NULL;
    reject_all(l, ECANCELED, ": the listener was closed");
    vow_unref(l->pause);
    vow__watch_done(l->member.loop, &l->watch);
    vow__member_leave(&l->member);
    close(l->fd);
    vow__free(l);
    return NULL;
}
