/* SPDX-License-Identifier: MIT
 *
 * adapt/sock.c - a socket's life.
 */
#include "adapt/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapt/op.h"
#include "base/mem.h"
#include "vow/ready.h"

static void *ref(void *object) { return vow_sock_ref(object); }
static void unref(void *object) { vow_sock_unref(object); }
static size_t count(const void *object) { return ((const vow_sock *)object)->count; }

static const vow_type sock_type = {
    .size = sizeof(vow_type), .name = "sock", .ref = ref, .unref = unref, .count = count};

const vow_type *vow_sock_type(void) { return &sock_type; }
vow_value vow_sock_value(vow_sock *s) { return vow_of(&sock_type, s); }
vow_sock *vow_sock_of(vow_value v) { return vow_as(v, &sock_type); }

/* The loop has rejected everything in flight. */
static void give_events_back(struct vow__member *member)
{
    vow_sock *s = (vow_sock *)member;
    vow__watch_done(s->member.loop, &s->in.watch);
    vow__watch_done(s->member.loop, &s->out.watch);
}

vow_sock *vow__sock_new(vow_loop *loop)
{
    vow_sock *s = vow__alloc_zeroed(sizeof *s);
    if (!s)
        return NULL;
    s->count = 1;
    s->fd = -1;
    vow__member_join(&s->member, loop, give_events_back);
    return s;
}

/* 0 or an errno number. */
static int set_flags(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
        return errno;
    return 0;
}

#ifdef __linux__
int vow__sock_open(int family)
{
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int vow__sock_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
#else
static int with_flags(int fd)
{
    int failed = fd < 0 ? 0 : set_flags(fd);
    if (!failed)
        return fd;
    close(fd);
    errno = failed;
    return -1;
}

int vow__sock_open(int family) { return with_flags(socket(family, SOCK_STREAM, 0)); }

int vow__sock_accept(int listener) { return with_flags(accept(listener, NULL, NULL)); }
#endif

void vow__sock_set_fd(vow_sock *s, int fd)
{
    int one = 1;
    /* requests and answers are short; sockets that are not TCP refuse, and need not */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    s->fd = fd;
}

vow_sock *vow_sock_from_fd(vow_loop *loop, int fd)
{
    vow__check_loop(loop, "vow_sock_from_fd");
    int type, failed = loop->closing ? ESHUTDOWN : 0;
    socklen_t size = sizeof type;
    if (!failed && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size))
        failed = errno;
    if (!failed)
        failed = set_flags(fd);
    vow_sock *s = failed ? NULL : vow__sock_new(loop);
    if (!s) {
        close(fd);
        errno = failed ? failed : ENOMEM;
        return NULL;
    }
    vow__sock_set_fd(s, fd);
    return s;
}

vow_promise *vow__sock_refused(vow_sock *s, const vow_resolver *in_flight, const char *what,
                               const char *where)
{
    VOW_CHECK(s->member.loop, "%s at %s: the socket's loop is freed", what, where);
    vow_promise *refused = vow__refused(s->member.loop, where);
    if (refused)
        return refused;
    if (s->fd < 0)
        return vow__op_failed(s->member.loop, EBADF, what, where);
    return in_flight ? vow__op_failed(s->member.loop, EBUSY, what, where) : NULL;
}

int vow_sock_shutdown(vow_sock *s) { return shutdown(s->fd, SHUT_WR); }

void vow_sock_close(vow_sock *s)
{
    int fd = s->fd;
    if (fd < 0)
        return;
    s->fd = -1;
    vow_sock_ref(s); /* what is in flight may hold the last reference */
    vow__sock_end_read(s);
    vow__sock_end_write(s);
    if (s->member.loop)
        vow_ready_close(s->member.loop, fd);
    else
        close(fd);
    vow_sock_unref(s);
}

int vow_sock_fd(const vow_sock *s) { return s->fd; }

vow_sock *vow_sock_ref(vow_sock *s)
{
    if (s)
        s->count++;
    return s;
}

vow_sock *vow_sock_unref(vow_sock *s)
{
    if (!s || --s->count > 0)
        return NULL;
    s->count = 1; /* for what closing does */
    vow_sock_close(s);
    vow__member_leave(&s->member);
    vow__free(s);
    return NULL;
}
