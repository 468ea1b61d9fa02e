/* SPDX-License-Identifier: MIT
 *
 * net/dgram.c - a datagram socket's life, and the operations that wait on it.
 */
#include "net/dgram.h"

#include <errno.h>
#include <unistd.h>

#include "adapt/op.h"
#include "base/fd.h"
#include "base/mem.h"
#include "net/address.h"
#include "vow/ready.h"

enum { FIRST_PAUSE_MS = 1, LONGEST_PAUSE_MS = 64 };

static void *ref(void *object) { return vow_dgram_ref(object); }
static void unref(void *object) { vow_dgram_unref(object); }
static size_t count(const void *object) { return ((const vow_dgram *)object)->count; }

static const vow_type dgram_type = {
    .size = sizeof(vow_type), .name = "dgram", .ref = ref, .unref = unref, .count = count};

const vow_type *vow_dgram_type(void) { return &dgram_type; }
vow_value vow_dgram_value(vow_dgram *d) { return vow_of(&dgram_type, d); }
vow_dgram *vow_dgram_of(vow_value v) { return vow_as(v, &dgram_type); }

/* What waits. */

void vow__dgram_append(struct vow__dgram_side *side, struct vow__dgram_wait *w)
{
    w->at = side->end;
    *side->end = w;
    side->end = &w->next;
}

void vow__dgram_leave(struct vow__dgram_side *side, struct vow__dgram_wait *w)
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

void vow__dgram_finish(struct vow__dgram_side *side, vow_value outcome)
{
    struct vow__dgram_wait *w = side->first;
    vow__dgram_leave(side, w);
    vow_resolve(w->resolver, outcome); /* gives back its reference: the socket may be gone */
}

void vow__dgram_wait_free(void *wait)
{
    struct vow__dgram_wait *w = wait;
    vow_buf_unref(w->buf);
    vow_dgram_unref(w->dgram);
    vow__free(w);
}

int vow__dgram_watch(vow_dgram *d, struct vow__dgram_side *side, short what, event_callback_fn on)
{
    vow_loop *loop = d->member.loop;
    if (!side->watch.event && vow__watch_init(loop, &side->watch, d->fd, what | EV_PERSIST, on, d))
        return ENOMEM;
    return vow__watch_begin(loop, &side->watch);
}

vow_promise *vow__dgram_refused(vow_dgram *d, const char *what, const char *where)
{
    VOW_CHECK(d->member.loop, "%s at %s: the socket's loop is freed", what, where);
    vow_promise *p = vow__refused(d->member.loop, where);
    if (!p && d->fd < 0)
        p = vow__op_failed(d->member.loop, EBADF, what, where);
    return p;
}

struct vow__dgram_wait *vow__dgram_wait_new(vow_dgram *d, vow_resolver *resolver, const char *where)
{
    struct vow__dgram_wait *w = vow__alloc_zeroed(sizeof *w);
    if (!w)
        return NULL;
    w->dgram = vow_dgram_ref(d);
    w->resolver = resolver;
    w->where = where;
    return w;
}

/* Its life. */

/* The loop has rejected everything in flight. */
static void give_events_back(struct vow__member *member)
{
    vow_dgram *d = (vow_dgram *)member;
    vow__watch_done(d->member.loop, &d->in.watch);
    vow__watch_done(d->member.loop, &d->out.watch);
}

/* Non-blocking from here on. 0 or an errno number. */
static int prepare(int fd)
{
    int type;
    socklen_t size = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size))
        return errno;
    return type == SOCK_DGRAM ? vow__fd_set_flags(fd) : EPROTOTYPE;
}

vow_dgram *vow_dgram_from_fd(vow_loop *loop, int fd)
{
    vow__check_loop(loop, "vow_dgram_from_fd");
    vow_address local = {.size = 0};
    int failed = loop->closing ? ESHUTDOWN : prepare(fd);
    if (!failed)
        failed = vow_address_local(&local, fd);
    vow_dgram *d = failed ? NULL : vow__alloc_zeroed(sizeof *d);
    if (!d) {
        close(fd);
        errno = failed ? failed : ENOMEM;
        return NULL;
    }
    d->count = 1;
    d->fd = fd;
    d->family = vow_address_family(&local);
    d->in.end = &d->in.first;
    d->out.end = &d->out.first;
    d->pause = (struct vow__pause){.first = FIRST_PAUSE_MS,
                                   .most = LONGEST_PAUSE_MS,
                                   .over = vow__dgram_pause_over,
                                   .data = d};
    vow__member_join(&d->member, loop, give_events_back);
    return d;
}

int vow_dgram_connect(vow_dgram *d, const vow_address *peer)
{
    static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    int failed = peer ? connect(d->fd, (const struct sockaddr *)&peer->storage, peer->size)
                      : connect(d->fd, &nobody, sizeof nobody);
    return failed ? errno : 0;
}

int vow_dgram_address(const vow_dgram *d, vow_address *ret)
{
    return vow_address_local(ret, d->fd);
}

static void end_all(vow_dgram *d)
{
    while (d->in.first)
        vow__dgram_finish(&d->in, vow_fail_at(d->in.first->where, vow_errno_domain(), ECANCELED,
                                              "receive: the socket was closed"));
    vow__dgram_reject_sends(d, ECANCELED);
    vow__pause_stop(&d->pause);
    give_events_back(&d->member);
    while (d->back) {
        vow_packet *p = d->back;
        d->back = p->next;
        vow__packet_free(p);
    }
}

void vow_dgram_close(vow_dgram *d)
{
    vow_address local;
    int fd = d->fd;
    if (fd < 0)
        return;
    d->fd = -1;
    vow_dgram_ref(d); /* what is in flight may hold the last reference */
    end_all(d);
    if (d->process == getpid() && !vow_address_local(&local, fd))
        vow__address_unlink(&local);
    if (d->member.loop)
        vow_ready_close(d->member.loop, fd);
    else
        close(fd);
    vow_dgram_unref(d);
}

int vow_dgram_fd(const vow_dgram *d) { return d->fd; }

vow_dgram *vow_dgram_ref(vow_dgram *d)
{
    if (d)
        d->count++;
    return d;
}

vow_dgram *vow_dgram_unref(vow_dgram *d)
{
    if (!d || --d->count > 0)
        return NULL;
    d->count = 1; /* for what closing does */
    vow_dgram_close(d);
    vow__member_leave(&d->member);
    vow__free(d);
    return NULL;
}
