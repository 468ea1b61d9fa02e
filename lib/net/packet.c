/* SPDX-License-Identifier: MIT
 *
 * net/packet.c - packets as values, and messages with descriptors beside their bytes.
 */
#include "net/packet.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/panic.h"
#include "value/buf.h"
#include "value/error.h"
#include "value/value.h"

#ifndef MSG_CMSG_CLOEXEC
#define MSG_CMSG_CLOEXEC 0
#endif
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

vow_packet *vow__packet_new(size_t size, size_t fds)
{
    vow_packet *p = vow__alloc(sizeof *p + fds * sizeof *p->fds);
    if (!p)
        return NULL;
    *p = (vow_packet){.count = 1, .buf = vow_buf_new(size), .fd_count = fds};
    if (p->buf)
        return p;
    vow__free(p);
    return NULL;
}

/* Takes the descriptors out of the message; how many there were. */
static size_t take_fds(struct msghdr *message, int *fds)
{
    size_t n = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t size = c->cmsg_len - CMSG_LEN(0);
        memcpy(fds + n, CMSG_DATA(c), size);
        n += size / sizeof *fds;
    }
    return n;
}

int vow__packet_receive(vow_packet **packet, int fd)
{
    vow_packet *p = *packet;
    union vow__fds_room room;
    struct iovec part = {vow_buf_bytes(p->buf), vow_buf_size(p->buf)};
    struct msghdr message = {.msg_name = &p->from.storage,
                             .msg_namelen = sizeof p->from.storage,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = p->fd_count ? room.bytes : NULL,
                             .msg_controllen =
                                 p->fd_count ? CMSG_SPACE(p->fd_count * sizeof(int)) : 0};
    bool fds = p->fd_count > 0;
    ssize_t n;
    while ((n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    p->fd_count = 0;
    if (n < 0)
        return errno;
    vow_buf_shrink(p->buf, (size_t)n);
    p->from.size = message.msg_namelen;
    p->truncated = message.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
    if (!fds)
        return 0;
    p->fd_count = take_fds(&message, p->fds);
    vow_packet *smaller = vow__resize(p, sizeof *p + p->fd_count * sizeof *p->fds);
    if (smaller)
        *packet = smaller;
    return 0;
}

void vow__packet_free(vow_packet *p)
{
    for (size_t i = 0; i < p->fd_count; i++)
        if (p->fds[i] >= 0)
            close(p->fds[i]);
    vow_buf_unref(p->buf);
    vow__free(p);
}

int vow__message_send(int fd, const vow_message *m, size_t *ret_sent)
{
    union vow__fds_room room;
    struct iovec part = {(void *)(uintptr_t)m->bytes, m->size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (m->to) {
        message.msg_name = (void *)(uintptr_t)&m->to->storage;
        message.msg_namelen = m->to->size;
    }
    if (m->fd_count > 0) {
        size_t size = m->fd_count * sizeof *m->fds;
        memset(&room, 0, CMSG_SPACE(size));
        message.msg_control = room.bytes;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(c), m->fds, size);
    }
    ssize_t n;
    while ((n = sendmsg(fd, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        ;
    if (n < 0)
        return errno;
    *ret_sent = (size_t)n;
    return 0;
}

/* As values. */

static void see(void *object)
{
    vow_packet *p = object;
    vow_dgram *home = p->home;
    p->home = NULL;
    vow_dgram_unref(home);
    vow_value bytes = vow_buf_value(p->buf);
    vow__see(&bytes);
}

static void *ref(void *object) { return vow_packet_ref(object); }
static void unref(void *object) { vow_packet_unref(object); }
static size_t count(const void *object) { return ((const vow_packet *)object)->count; }

static const struct vow__homing_type packet_type = {.type = {.size = sizeof(vow_type),
                                                             .kind = VOW__HOMING,
                                                             .name = "packet",
                                                             .ref = ref,
                                                             .unref = unref,
                                                             .count = count},
                                                    .seen = see};

const vow_type *vow_packet_type(void) { return &packet_type.type; }

vow_value vow_packet_value(vow_packet *p)
{
    return p ? (vow_value){.type = &packet_type.type, .as.p = p} : vow_none();
}

vow_packet *vow_packet_of(vow_value v)
{
    vow_packet *p = vow_as(v, &packet_type.type);
    see(p);
    return p;
}

vow_buf *vow_packet_buf(const vow_packet *p) { return p->buf; }
const vow_address *vow_packet_from(const vow_packet *p) { return &p->from; }
bool vow_packet_truncated(const vow_packet *p) { return p->truncated; }
size_t vow_packet_fd_count(const vow_packet *p) { return p->fd_count; }

int vow_packet_take_fd(vow_packet *p, size_t index)
{
    VOW_CHECK(index < p->fd_count, "vow_packet_take_fd: index %zu of %zu", index, p->fd_count);
    int fd = p->fds[index];
    p->fds[index] = -1;
    return fd;
}

vow_packet *vow_packet_ref(vow_packet *p)
{
    if (p)
        p->count++;
    return p;
}

vow_packet *vow_packet_unref(vow_packet *p)
{
    if (!p || --p->count > 0)
        return NULL;
    vow_dgram *home = p->home;
    if (home) {
        p->home = NULL;
        p->count = 1;
        vow__dgram_give_back(home, p);
        vow_dgram_unref(home);
    } else if (vow__buf_home(p->buf)) {
        p->count = 1;
        vow__unix_give_back(p);
    } else {
        vow__packet_free(p);
    }
    return NULL;
}
