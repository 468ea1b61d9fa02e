/* SPDX-License-Identifier: MIT
 *
 * net/udp.c - opening UDP sockets, and multicast.
 */
#include "vow/udp.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/dgram.h"

#ifdef IPV6_ADD_MEMBERSHIP
#define JOIN_V6 IPV6_ADD_MEMBERSHIP
#define LEAVE_V6 IPV6_DROP_MEMBERSHIP
#else
#define JOIN_V6 IPV6_JOIN_GROUP
#define LEAVE_V6 IPV6_LEAVE_GROUP
#endif

/* 0 or an errno number. */
static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) ? errno : 0;
}

static int set_flag(int fd, int name, bool wanted)
{
    return wanted ? set(fd, SOL_SOCKET, name, 1) : 0;
}

static int apply(int fd, int family, const vow_udp_options *o)
{
    int failed = set_flag(fd, SO_REUSEADDR, o->reuse_address);
    if (!failed)
        failed = set_flag(fd, SO_REUSEPORT, o->reuse_port);
    if (!failed)
        failed = set_flag(fd, SO_BROADCAST, o->broadcast);
    if (!failed && family == AF_INET6)
        failed = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, o->v6only);
    if (!failed && o->receive_bytes)
        failed = set(fd, SOL_SOCKET, SO_RCVBUF, (int)o->receive_bytes);
    return failed;
}

vow_dgram *vow_udp_open(vow_loop *loop, const vow_address *local, const vow_udp_options *options)
{
    static const vow_udp_options none;
    int family = vow_address_family(local), fd = -1, failed = 0;
    if (family != AF_INET && family != AF_INET6)
        failed = EAFNOSUPPORT;
    else if ((fd = vow__fd_socket(family, SOCK_DGRAM)) < 0)
        failed = errno;
    if (!failed)
        failed = apply(fd, family, options ? options : &none);
    if (!failed && bind(fd, (const struct sockaddr *)&local->storage, local->size))
        failed = errno;
    if (!failed)
        return vow_dgram_from_fd(loop, fd);
    if (fd >= 0)
        close(fd);
    errno = failed;
    return NULL;
}

/* 0 or ENODEV; *ret 0: whatever the routes say. */
static int interface_index(const char *name, unsigned *ret)
{
    *ret = name ? if_nametoindex(name) : 0;
    return name && *ret == 0 ? ENODEV : 0;
}

static int change_membership(vow_dgram *d, const vow_address *group, const char *interface,
                             bool join)
{
    unsigned index;
    int failed = interface_index(interface, &index);
    if (failed)
        return failed;
    if (vow_address_family(group) != d->family)
        return EAFNOSUPPORT;
    if (d->family == AF_INET) {
        struct ip_mreqn four = {.imr_multiaddr =
                                    ((const struct sockaddr_in *)&group->storage)->sin_addr,
                                .imr_ifindex = (int)index};
        return setsockopt(d->fd, IPPROTO_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &four,
                          sizeof four)
                   ? errno
                   : 0;
    }
    struct ipv6_mreq six = {.ipv6mr_multiaddr =
                                ((const struct sockaddr_in6 *)&group->storage)->sin6_addr,
                            .ipv6mr_interface = index};
    return setsockopt(d->fd, IPPROTO_IPV6, join ? JOIN_V6 : LEAVE_V6, &six, sizeof six) ? errno : 0;
}

int vow_udp_join(vow_dgram *d, const vow_address *group, const char *interface)
{
    return change_membership(d, group, interface, true);
}

int vow_udp_leave(vow_dgram *d, const vow_address *group, const char *interface)
{
    return change_membership(d, group, interface, false);
}

static int multicast_v4(int fd, unsigned index, uint8_t hops, bool loopback)
{
    struct ip_mreqn out = {.imr_ifindex = (int)index};
    if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof out))
        return errno;
    int failed = set(fd, IPPROTO_IP, IP_MULTICAST_TTL, hops);
    return failed ? failed : set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, loopback);
}

static int multicast_v6(int fd, unsigned index, uint8_t hops, bool loopback)
{
    int failed = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)index);
    if (!failed)
        failed = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops);
    return failed ? failed : set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, loopback);
}

int vow_udp_multicast(vow_dgram *d, const char *interface, uint8_t hops, bool loopback)
{
    unsigned index;
    int failed = interface_index(interface, &index);
    if (failed)
        return failed;
    if (d->family == AF_INET)
        return multicast_v4(d->fd, index, hops, loopback);
    return d->family == AF_INET6 ? multicast_v6(d->fd, index, hops, loopback) : EAFNOSUPPORT;
}
