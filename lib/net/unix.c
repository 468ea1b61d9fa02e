/* SPDX-License-Identifier: MIT
 *
 * net/unix.c - unix sockets: opening them, and who is at the other end.
 */
#include "vow/unix.h"

#include <errno.h>
#include <unistd.h>

#include "adapt/op.h"
#include "base/fd.h"
#include "net/address.h"
#include "net/dgram.h"

vow_promise *vow_unix_connect_at(vow_loop *loop, const char *path, const char *where)
{
    vow_address a;
    VOW_CHECK(path, "vow_unix_connect at %s: the path is NULL", where);
    vow_promise *refused = vow__refused(loop, where);
    int failed = refused ? 0 : vow_address_unix(&a, path);
    if (refused)
        return refused;
    if (failed)
        return vow__op_failed(loop, failed, "connect to a unix path", where);
    return vow_sock_connect_to_at(loop, vow_address_value(&a), NULL, where);
}

vow_listener *vow_unix_listen(vow_loop *loop, const char *path, int backlog)
{
    vow_address a;
    int failed = vow_address_unix(&a, path);
    if (!failed)
        return vow_listen_on(loop, &a, &(vow_listen_options){.backlog = backlog});
    errno = failed;
    return NULL;
}

int vow_unix_pair(vow_loop *loop, vow_stream *ret[2])
{
    int fd[2], failed = vow__fd_pair(SOCK_STREAM, fd);
    if (failed)
        return failed;
    vow_stream *one = vow_stream_from_fd(loop, fd[0]);
    failed = one ? 0 : errno;
    vow_stream *two = vow_stream_from_fd(loop, fd[1]); /* takes it in any case */
    if (one && two) {
        ret[0] = one;
        ret[1] = two;
        return 0;
    }
    failed = failed ? failed : errno;
    vow_stream_unref(one);
    vow_stream_unref(two);
    return failed;
}

int vow_unix_dgram_pair(vow_loop *loop, vow_dgram *ret[2])
{
    int fd[2], failed = vow__fd_pair(SOCK_DGRAM, fd);
    if (failed)
        return failed;
    vow_dgram *one = vow_dgram_from_fd(loop, fd[0]);
    failed = one ? 0 : errno;
    vow_dgram *two = vow_dgram_from_fd(loop, fd[1]);
    if (one && two) {
        ret[0] = one;
        ret[1] = two;
        return 0;
    }
    failed = failed ? failed : errno;
    vow_dgram_unref(one);
    vow_dgram_unref(two);
    return failed;
}

vow_dgram *vow_unix_dgram(vow_loop *loop, const char *path)
{
    vow_address a = {.size = 0};
    int failed = path ? vow_address_unix(&a, path) : 0;
    int fd = failed ? -1 : vow__fd_socket(AF_UNIX, SOCK_DGRAM);
    if (!failed && fd < 0)
        failed = errno;
    if (!failed && path && bind(fd, (const struct sockaddr *)&a.storage, a.size))
        failed = errno;
    if (failed) {
        if (fd >= 0)
            close(fd);
        errno = failed;
        return NULL;
    }
    vow_dgram *d = vow_dgram_from_fd(loop, fd);
    if (d && path)
        d->process = getpid();
    if (!d) {
        failed = errno;
        vow__address_unlink(&a);
        errno = failed;
    }
    return d;
}

int vow_unix_peer_of(vow_unix_peer *ret, int fd)
{
#ifdef SO_PEERCRED
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
        return errno;
    if (peer.pid == 0)
        return ENOTCONN; /* what the kernel knows of a socket without a peer */
    *ret = (vow_unix_peer){peer.pid, peer.uid, peer.gid};
    return 0;
#else
    vow_unix_peer peer = {0};
    if (getpeereid(fd, &peer.uid, &peer.gid))
        return errno;
    *ret = peer;
    return 0;
#endif
}
