/* SPDX-License-Identifier: MIT
 *
 * net/listen_open.c - opening a listening descriptor, and the file of a unix one.
 */
#include "net/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/address.h"
#include "net/sock_options.h"

/* Is the file what a listener has left behind that is no more? */
static bool is_left_behind(const vow_address *a)
{
    struct stat status;
    const char *path = vow__address_path(a);
    if (!path || lstat(path, &status) || !S_ISSOCK(status.st_mode))
        return false;
    int fd = vow__fd_socket(AF_UNIX, SOCK_STREAM);
    bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)&a->storage, a->size) &&
                   errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return refused;
}

static int bind_to(int fd, const vow_address *a, bool replace)
{
    if (bind(fd, (const struct sockaddr *)&a->storage, a->size) == 0)
        return 0;
    int failed = errno;
    if (failed != EADDRINUSE || !replace || !is_left_behind(a))
        return failed;
    vow__address_unlink(a);
    return bind(fd, (const struct sockaddr *)&a->storage, a->size) ? errno : 0;
}

/* 0 or an errno number. */
static int prepare(int fd, const vow_address *a, const vow_listen_options *o)
{
    int family = vow_address_family(a), failed = 0;
    if (family != AF_UNIX)
        failed = vow__sock_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (!failed && o->reuse_port)
        failed = vow__sock_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (!failed && family == AF_INET6)
        failed = vow__sock_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, o->v6only);
    if (!failed && o->keepalive_s)
        failed = vow__sock_keepalive(fd, o->keepalive_s);
    if (!failed)
        failed = bind_to(fd, a, o->replace);
    if (!failed && listen(fd, o->backlog > 0 ? o->backlog : SOMAXCONN))
        failed = errno;
    return failed;
}

int vow__listen_open(const vow_address *address, const vow_listen_options *options)
{
    int fd = vow__fd_socket(vow_address_family(address), SOCK_STREAM);
    int failed = fd < 0 ? errno : prepare(fd, address, options);
    if (!failed)
        return fd;
    if (fd >= 0)
        close(fd);
    return -failed;
}
