/* SPDX-License-Identifier: MIT
 *
 * adapt/dgram.c - a datagram socket's life.
 */
#include "adapt/dgram.h"

#include <errno.h>
#include <unistd.h>

#include "adapt/op.h"
#include "adapt/stream.h"
#include "base/mem.h"
#include "vow/ready.h"

static void *ref(void *object) { return vow_dgram_ref(object); }
static void unref(void *object) { vow_dgram_unref(object); }
static size_t count(const void *object) { return ((const vow_dgram *)object)->count; }

static const vow_type dgram_type = {
    .size = sizeof(vow_type), .name = "dgram", .ref = ref, .unref = unref, .count = count};

const vow_type *vow_dgram_type(void) { return &dgram_type; }
vow_value vow_dgram_value(vow_dgram *d) { return vow_of(&dgram_type, d); }
vow_dgram *vow_dgram_of(vow_value v) { return vow_as(v, &dgram_type); }

/* The loop has rejected everything in flight. */
static void give_events_back(struct vow__member *member)
{
    vow_dgram *d = (vow_dgram *)member;
    vow__watch_done(d->member.loop, &d->in.watch);
    vow__watch_done(d->member.loop, &d->out.watch);
}

int vow__socket(int family, int type)
{
#ifdef __linux__
    return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
    int fd = socket(family, type, 0), failed = fd < 0 ? 0 : vow__fd_set_flags(fd);
    if (failed) {
        close(fd);
        errno = failed;
        fd = -1;
    }
    return fd;
#endif
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
    vow__dgram_begin(d);
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

void vow_dgram_close(vow_dgram *d)
{
    int fd = d->fd;
    if (fd < 0)
        return;
    d->fd = -1;
    vow_dgram_ref(d); /* what is in flight may hold the last reference */
    vow__dgram_end(d);
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
