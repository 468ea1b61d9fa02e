/* SPDX-License-Identifier: MIT */
#include "net/sock_options.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

int vow__sock_set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) ? errno : 0;
}

int vow__sock_keepalive(int fd, unsigned s)
{
    int failed = vow__sock_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
    if (!failed)
        failed = vow__sock_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)s);
    if (!failed)
        failed = vow__sock_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, (int)s);
    if (!failed)
        failed = vow__sock_set(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
#else
    (void)s;
#endif
    return failed;
}
