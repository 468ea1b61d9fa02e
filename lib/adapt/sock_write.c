/* SPDX-License-Identifier: MIT
 *
 * adapt/sock_write.c - writing: tried at once; the base is asked only when the kernel's
 * buffer is full.
 */
#include <errno.h>
#include <sys/socket.h>

#include "adapt/op.h"
#include "adapt/sock.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* TODO(port): SO_NOSIGPIPE where there is one */
#endif

/* 0: all is sent. EAGAIN: the kernel takes no more. Or another errno number. */
static int send_more(vow_sock *s)
{
    while (s->out.left > 0) {
        ssize_t n = send(s->fd, s->out.at, s->out.left, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EWOULDBLOCK ? EAGAIN : errno;
        s->out.at += n;
        s->out.written += (uint64_t)n;
        s->out.left -= (size_t)n;
        if (s->out.left > 0)
            return EAGAIN; /* it was cut short: the next one would only say so */
    }
    return 0;
}

static vow_value outcome_of(const vow_sock *s, int failed)
{
    if (!failed)
        return vow_int((int64_t)s->out.size);
    return vow_fail_at(s->out.where, vow_errno_domain(), failed,
                       "socket write: %zu of %zu bytes sent%s", s->out.size - s->out.left,
                       s->out.size, failed == ECANCELED ? ", then it was closed" : "");
}

static void finish(vow_sock *s, int failed)
{
    vow_resolver *resolver = s->out.resolver;
    s->out.resolver = NULL;
    vow_resolve(resolver, outcome_of(s, failed)); /* gives back the reference: s may be gone */
}

static void on_writable(evutil_socket_t fd, short events, void *data)
{
    (void)fd, (void)events;
    vow_sock *s = data;
    vow_loop *loop = s->member.loop;
    int failed = send_more(s);
    if (failed == EAGAIN)
        return;
    vow_enter(loop);
    vow__watch_stop(loop, &s->out.watch);
    finish(s, failed);
    vow_leave(loop);
}

static void stop(void *data)
{
    vow_sock *s = data;
    s->out.resolver = NULL;
    vow__watch_stop(s->member.loop, &s->out.watch);
}

static void done(void *data)
{
    vow_sock *s = data;
    s->out.buf = vow_buf_unref(s->out.buf);
    vow_sock_unref(s);
}

static int watch(vow_sock *s)
{
    vow_loop *loop = s->member.loop;
    struct vow__watch *w = &s->out.watch;
    if (!w->event && vow__watch_init(loop, w, s->fd, EV_WRITE | EV_PERSIST, on_writable, s))
        return ENOMEM;
    return vow__watch_begin(loop, w);
}

/* Takes buf, which may be NULL. The promise comes first: without it nothing may be sent. */
static vow_promise *start(vow_sock *s, vow_buf *buf, const void *bytes, size_t size,
                          const char *where)
{
    vow_resolver *resolver;
    vow_promise *p = vow__sock_refused(s, s->out.resolver, "socket write", where);
    if (!p)
        p = vow_promise_new_at(s->member.loop, &resolver, where);
    if (vow__settled(p)) {
        vow_buf_unref(buf);
        return p;
    }
    s->out.at = bytes;
    s->out.left = s->out.size = size;
    s->out.where = where;
    int failed = send_more(s);
    if (failed != EAGAIN) {
        vow_buf_unref(buf);
        vow_resolve(resolver, outcome_of(s, failed));
        return p;
    }
    s->out.buf = buf;
    s->out.resolver = resolver;
    vow_on_stop(resolver, stop, vow_sock_ref(s), done);
    failed = watch(s);
    if (failed)
        finish(s, failed);
    return p;
}

vow_promise *vow_sock_write_at(vow_sock *s, const void *bytes, size_t size, const char *where)
{
    return start(s, NULL, bytes, size, where);
}

vow_promise *vow_sock_write_buf_at(vow_sock *s, vow_buf *buf, const char *where)
{
    if (!buf)
        return vow__op_no_memory(s->member.loop);
    return start(s, buf, vow_buf_bytes(buf), vow_buf_size(buf), where);
}

uint64_t vow_sock_written(const vow_sock *s) { return s->out.written; }

void vow__sock_end_write(vow_sock *s)
{
    if (s->out.resolver)
        finish(s, ECANCELED);
    vow__watch_done(s->member.loop, &s->out.watch);
}
