/* SPDX-License-Identifier: MIT
 *
 * stream/fd.c - descriptors that can be waited for as transports: stream sockets, and
 * what is read and written as a pipe is. Nothing is tried on suspicion: that would be an
 * EAGAIN for every request.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/epoll.h>
#endif

#include "base/fd.h"
#include "stream/stream.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* TODO(port): SO_NOSIGPIPE where there is one */
#endif

struct descriptor {
    struct vow__watch in, out; /* made by the first operation that has to wait */
    int fd;                    /* -1: a socket to be, or a pipe that was shut down */
    bool told;                 /* inside the callback of `in` */
    vow_destroy_fn *closed;    /* NULL, or: called once when the descriptor is closed */
    void *closed_data;
};

static vow_stream *stream_of(struct descriptor *d) { return (vow_stream *)d - 1; }
static vow_loop *loop_of(struct descriptor *d) { return stream_of(d)->member.loop; }

static void on_readable(evutil_socket_t fd, short events, void *data)
{
    (void)fd, (void)events;
    struct descriptor *d = data;
    vow_stream *s = stream_of(d);
    vow_loop *loop = loop_of(d);
    vow_enter(loop);
    if (!(s->waiting & VOW_READ))
        vow__watch_stop(loop, &d->in);
    d->told = true; /* taken back by `rest`, or below: s may be gone then */
    vow_stream_ref(s);
    vow__stream_read_on(s);
    d->told = false;
    vow_stream_unref(s);
    vow_leave(loop);
}

static void on_writable(evutil_socket_t fd, short events, void *data)
{
    (void)fd, (void)events;
    struct descriptor *d = data;
    vow_loop *loop = loop_of(d);
    vow_enter(loop);
    vow_stream_ready(stream_of(d), VOW_WRITE);
    vow_leave(loop);
}

static int wait_for(void *object, int side)
{
    struct descriptor *d = object;
    vow_loop *loop = loop_of(d);
    bool reading = side == VOW_READ;
    struct vow__watch *w = reading ? &d->in : &d->out;
    if (!w->event && vow__watch_init(loop, w, d->fd, (reading ? EV_READ : EV_WRITE) | EV_PERSIST,
                                     reading ? on_readable : on_writable, d))
        return ENOMEM;
    return vow__watch_begin(loop, w);
}

static void rest(void *object, int side)
{
    struct descriptor *d = object;
    if (side == VOW_READ && d->told)
        vow__watch_rest(loop_of(d), &d->in);
    else
        vow__watch_stop(loop_of(d), side == VOW_READ ? &d->in : &d->out);
}

static void detach(void *object)
{
    struct descriptor *d = object;
    vow__watch_done(loop_of(d), &d->in);
    vow__watch_done(loop_of(d), &d->out);
}

static void close_fd(struct descriptor *d)
{
    int fd = d->fd;
    vow_loop *loop = loop_of(d);
    d->fd = -1;
    detach(d);
    if (fd >= 0 && loop)
        vow_ready_close(loop, fd);
    else if (fd >= 0)
        close(fd);
    vow_destroy_fn *closed = d->closed;
    d->closed = NULL;
    if (closed)
        closed(d->closed_data);
}

static void close_object(void *object) { close_fd(object); }

/* EINTR is tried again; EAGAIN has one name. */
static bool again(ssize_t n)
{
    if (VOW_LIKELY(n >= 0))
        return false;
    if (errno == EWOULDBLOCK)
        errno = EAGAIN;
    return errno == EINTR;
}

static ssize_t sock_read(void *object, void *bytes, size_t size)
{
    struct descriptor *d = object;
    ssize_t n;
    while (again(n = recv(d->fd, bytes, size, 0)))
        ;
    return n;
}

static VOW_NOINLINE ssize_t sock_send_parts(struct descriptor *d, const struct iovec *parts,
                                            int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    ssize_t n;
    while (again(n = sendmsg(d->fd, &message, MSG_NOSIGNAL)))
        ;
    return n;
}

static ssize_t sock_write(void *object, const struct iovec *parts, int count)
{
    struct descriptor *d = object;
    ssize_t n;
    if (VOW_UNLIKELY(count != 1))
        return sock_send_parts(d, parts, count);
    while (again(n = send(d->fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL)))
        ;
    return n;
}

static int sock_shutdown(void *object)
{
    struct descriptor *d = object;
    return shutdown(d->fd, SHUT_WR) ? errno : 0;
}

static const vow_transport sock_transport = {
    .size = sizeof(vow_transport), .name = "socket", .read = sock_read, .write = sock_write,
    .wait = wait_for, .rest = rest, .shutdown = sock_shutdown, .detach = detach,
    .close = close_object};

static ssize_t pipe_read(void *object, void *bytes, size_t size)
{
    struct descriptor *d = object;
    ssize_t n;
    while (again(n = read(d->fd, bytes, size)))
        ;
    if (n < 0 && errno == EIO && isatty(d->fd))
        return 0; /* the other end of a pseudo-terminal is closed: its way of saying so */
    return n;
}

/* Nothing else than a mask keeps writing to a pipe without readers from raising SIGPIPE. One
 * that was pending before is left alone. */
static ssize_t pipe_write(void *object, const struct iovec *parts, int count)
{
    struct descriptor *d = object;
    sigset_t pipe_signal, before, pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigemptyset(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    if (sigismember(&before, SIGPIPE))
        sigpending(&pending);
    ssize_t n;
    while (again(n = writev(d->fd, parts, count)))
        ;
    int failed = n < 0 ? errno : 0;
    if (failed == EPIPE && !sigismember(&pending, SIGPIPE))
        sigtimedwait(&pipe_signal, NULL, &(struct timespec){0, 0});
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return n;
}

/* A writing end has nothing but its closing to say so. */
static int pipe_shutdown(void *object)
{
    struct descriptor *d = object;
    int mode = fcntl(d->fd, F_GETFL);
    if (mode < 0)
        return errno;
    if ((mode & O_ACCMODE) != O_WRONLY)
        return ENOTSOCK;
    close_fd(d);
    return 0;
}

static const vow_transport pipe_transport = {
    .size = sizeof(vow_transport), .name = "pipe", .read = pipe_read, .write = pipe_write,
    .wait = wait_for, .rest = rest, .shutdown = pipe_shutdown, .detach = detach,
    .close = close_object};

static vow_stream *new_stream(vow_loop *loop, const vow_transport *transport)
{
    vow_stream *s = vow__stream_new(loop, transport, sizeof(struct descriptor));
    if (s)
        ((struct descriptor *)s->object)->fd = -1;
    return s;
}

vow_stream *vow__stream_of_sock(vow_loop *loop) { return new_stream(loop, &sock_transport); }

void vow__stream_set_fd(vow_stream *s, int fd)
{
    int one = 1;
    ((struct descriptor *)s->object)->fd = fd;
    /* requests and answers are short; sockets that are not TCP refuse, and need not */
    if (s->transport == &sock_transport)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void vow__stream_on_close(vow_stream *s, vow_destroy_fn *closed, void *data)
{
    struct descriptor *d = s->object;
    d->closed = closed;
    d->closed_data = data;
}

int vow_stream_fd(const vow_stream *s)
{
    if (s->transport == &sock_transport || s->transport == &pipe_transport)
        return ((const struct descriptor *)s->object)->fd;
    return vow__stream_file_fd(s);
}

/* Character devices differ: a terminal can be waited for, /dev/null cannot. 0 or an errno
 * number: finding out takes a descriptor. */
static int can_be_waited_for(int fd, mode_t mode, bool *ret)
{
    *ret = !S_ISREG(mode) && !S_ISBLK(mode) && !S_ISDIR(mode);
#ifdef __linux__
    if (S_ISCHR(mode)) {
        struct epoll_event ask = {.events = EPOLLIN};
        int epoll = epoll_create1(EPOLL_CLOEXEC);
        if (epoll < 0)
            return errno;
        *ret = epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ask) == 0 || errno != EPERM;
        close(epoll);
    }
#else
    (void)fd;
#endif
    return 0;
}

vow_stream *vow_stream_from_fd(vow_loop *loop, int fd)
{
    vow__check_loop(loop, "vow_stream_from_fd");
    struct stat status;
    bool waits = false;
    int failed = loop->closing ? ESHUTDOWN : 0;
    if (!failed && fstat(fd, &status))
        failed = errno;
    if (!failed)
        failed = can_be_waited_for(fd, status.st_mode, &waits);
    if (!failed && !waits)
        return vow__stream_of_file(loop, fd);
    if (!failed)
        failed = vow__fd_set_flags(fd);
    vow_stream *s = failed ? NULL
                           : new_stream(loop, S_ISSOCK(status.st_mode) ? &sock_transport
                                                                       : &pipe_transport);
    if (!s) {
        if (fd >= 0)
            close(fd);
        errno = failed ? failed : ENOMEM;
        return NULL;
    }
    vow__stream_set_fd(s, fd);
    return s;
}
