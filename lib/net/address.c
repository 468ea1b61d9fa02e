/* SPDX-License-Identifier: MIT
 *
 * net/address.c - addresses of sockets: their text, and as values.
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "value/error.h"

enum { PATH_AT = offsetof(struct sockaddr_un, sun_path) };

/* The views of what is stored; the address has that family. */
static struct sockaddr_in *v4(vow_address *a) { return (struct sockaddr_in *)&a->storage; }
static struct sockaddr_in6 *v6(vow_address *a) { return (struct sockaddr_in6 *)&a->storage; }
static const struct sockaddr_in *v4_of(const vow_address *a)
{
    return (const struct sockaddr_in *)&a->storage;
}
static const struct sockaddr_in6 *v6_of(const vow_address *a)
{
    return (const struct sockaddr_in6 *)&a->storage;
}
static const char *path_of(const vow_address *a) { return (const char *)&a->storage + PATH_AT; }
static size_t path_size(const vow_address *a) { return a->size - PATH_AT; }

/* The index of an interface given by name or number; 0: there is none. */
static unsigned interface_of(const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    return *text && !*end && number <= UINT32_MAX ? (unsigned)number : if_nametoindex(text);
}

/* "fe80::1%eth0", of which inet_pton knows the first part. */
static int parse_v6(vow_address *ret, const char *host, uint16_t port)
{
    char digits[INET6_ADDRSTRLEN];
    size_t size = strcspn(host, "%");
    vow_address a = {.size = sizeof(struct sockaddr_in6)};
    if (size >= sizeof digits)
        return EINVAL;
    memcpy(digits, host, size);
    digits[size] = 0;
    if (inet_pton(AF_INET6, digits, &v6(&a)->sin6_addr) != 1)
        return EINVAL;
    if (host[size] && !(v6(&a)->sin6_scope_id = interface_of(host + size + 1)))
        return ENODEV;
    v6(&a)->sin6_family = AF_INET6;
    v6(&a)->sin6_port = htons(port);
    *ret = a;
    return 0;
}

int vow_address_ip(vow_address *ret, const char *host, uint16_t port)
{
    vow_address a = {.size = sizeof(struct sockaddr_in)};
    if (inet_pton(AF_INET, host, &v4(&a)->sin_addr) != 1)
        return parse_v6(ret, host, port);
    v4(&a)->sin_family = AF_INET;
    v4(&a)->sin_port = htons(port);
    *ret = a;
    return 0;
}

int vow_address_unix(vow_address *ret, const char *path)
{
    size_t size = strlen(path);
    bool abstract = *path == '@', chosen = abstract && size == 1;
    if (size == 0)
        return EINVAL;
    if (size + !abstract > sizeof((struct sockaddr_un *)NULL)->sun_path)
        return ENAMETOOLONG;
    vow_address a = {.storage.ss_family = AF_UNIX};
    char *at = (char *)&a.storage + PATH_AT;
    memcpy(at, path, size);
    if (abstract)
        *at = 0;
    /* the NUL behind a path is part of it, as the kernel tells it; of a name it is not */
    a.size = (socklen_t)(PATH_AT + (chosen ? 0 : size + !abstract));
    *ret = a;
    return 0;
}

/* The digits between text and end as a port, or -1. */
static int port_of(const char *text)
{
    size_t size = strspn(text, "0123456789");
    unsigned long port = strtoul(text, NULL, 10);
    return size > 0 && size < 6 && !text[size] && port <= UINT16_MAX ? (int)port : -1;
}

int vow_address_parse(vow_address *ret, const char *text)
{
    char host[64];
    if (strncmp(text, "unix:", 5) == 0)
        return vow_address_unix(ret, text + 5);
    bool bracket = *text == '[';
    const char *colon = strrchr(text, ':'), *end = bracket ? strchr(text, ']') : colon;
    if (!bracket && (!colon || strchr(text, ':') != colon))
        return vow_address_ip(ret, text, 0); /* no colon, or those of an IPv6 address */
    if (!end || (bracket && end[1] && end[1] != ':'))
        return EINVAL;
    const char *service = bracket ? end + 1 : end, *from = text + bracket;
    int port = *service ? port_of(service + 1) : 0;
    size_t size = (size_t)(end - from);
    if (port < 0 || size >= sizeof host)
        return EINVAL;
    memcpy(host, from, size);
    host[size] = 0;
    return (bracket ? parse_v6 : vow_address_ip)(ret, host, (uint16_t)port);
}

/* What the kernel has said. */
static int told(vow_address *ret, vow_address *a, int result)
{
    if (result)
        return errno;
    *ret = *a;
    return 0;
}

int vow_address_local(vow_address *ret, int fd)
{
    vow_address a = {.size = sizeof a.storage};
    return told(ret, &a, getsockname(fd, (struct sockaddr *)&a.storage, &a.size));
}

int vow_address_peer(vow_address *ret, int fd)
{
    vow_address a = {.size = sizeof a.storage};
    return told(ret, &a, getpeername(fd, (struct sockaddr *)&a.storage, &a.size));
}

static size_t v6_text(const vow_address *a, char *buf, size_t size)
{
    char host[INET6_ADDRSTRLEN], interface[IF_NAMESIZE + 1] = "";
    const struct sockaddr_in6 *name = v6_of(a);
    unsigned scope = name->sin6_scope_id;
    inet_ntop(AF_INET6, &name->sin6_addr, host, sizeof host);
    if (scope && !if_indextoname(scope, interface + 1))
        snprintf(interface + 1, sizeof interface - 1, "%u", scope);
    if (scope)
        interface[0] = '%';
    return (size_t)snprintf(buf, size, "[%s%s]:%u", host, interface, ntohs(name->sin6_port));
}

/* A NUL inside a name, and before it, is shown as '@'. */
static size_t unix_text(const vow_address *a, char *buf, size_t size)
{
    char name[sizeof a->storage];
    size_t n = a->size > PATH_AT ? path_size(a) : 0;
    memcpy(name, path_of(a), n);
    if (n > 0 && name[0])
        n = strnlen(name, n);
    for (size_t i = 0; i < n; i++)
        if (!name[i])
            name[i] = '@';
    return (size_t)snprintf(buf, size, "unix:%.*s", (int)n, name);
}

size_t vow_address_text(const vow_address *a, char *buf, size_t size)
{
    char host[INET_ADDRSTRLEN];
    int family = vow_address_family(a);
    if (family == AF_INET6)
        return v6_text(a, buf, size);
    if (family == AF_UNIX)
        return unix_text(a, buf, size);
    if (family == AF_UNSPEC)
        return (size_t)snprintf(buf, size, "none");
    if (family != AF_INET)
        return (size_t)snprintf(buf, size, "family %d", family);
    inet_ntop(AF_INET, &v4_of(a)->sin_addr, host, sizeof host);
    return (size_t)snprintf(buf, size, "%s:%u", host, ntohs(v4_of(a)->sin_port));
}

int vow_address_family(const vow_address *a)
{
    return a->size >= sizeof a->storage.ss_family ? a->storage.ss_family : AF_UNSPEC;
}

uint16_t vow_address_port(const vow_address *a)
{
    int family = vow_address_family(a);
    return family == AF_INET    ? ntohs(v4_of(a)->sin_port)
           : family == AF_INET6 ? ntohs(v6_of(a)->sin6_port)
                                : 0;
}

void vow_address_set_port(vow_address *a, uint16_t port)
{
    int family = vow_address_family(a);
    if (family == AF_INET)
        v4(a)->sin_port = htons(port);
    else if (family == AF_INET6)
        v6(a)->sin6_port = htons(port);
}

bool vow_address_equal(const vow_address *a, const vow_address *b)
{
    int family = vow_address_family(a);
    if (family != vow_address_family(b) || vow_address_port(a) != vow_address_port(b))
        return false;
    if (family == AF_INET)
        return v4_of(a)->sin_addr.s_addr == v4_of(b)->sin_addr.s_addr;
    if (family == AF_INET6)
        return v6_of(a)->sin6_scope_id == v6_of(b)->sin6_scope_id &&
               memcmp(&v6_of(a)->sin6_addr, &v6_of(b)->sin6_addr, sizeof(struct in6_addr)) == 0;
    return a->size == b->size && memcmp(&a->storage, &b->storage, a->size) == 0;
}

/* The file of a unix one. */

const char *vow__address_path(const vow_address *a)
{
    bool named = vow_address_family(a) == AF_UNIX && a->size > PATH_AT;
    return named && path_of(a)[0] ? path_of(a) : NULL;
}

void vow__address_unlink(const vow_address *a)
{
    const char *path = vow__address_path(a);
    if (path)
        unlink(path);
}

/* As a value. */

struct counted {
    vow_address address; /* first: vow_address_of gives it */
    size_t count;
};

static void *ref(void *object)
{
    ((struct counted *)object)->count++;
    return object;
}

static void unref(void *object)
{
    struct counted *c = object;
    if (--c->count == 0)
        vow__free(c);
}

static size_t count(const void *object) { return ((const struct counted *)object)->count; }

static const vow_type address_type = {
    .size = sizeof(vow_type), .name = "address", .ref = ref, .unref = unref, .count = count};

vow_value vow_address_value(const vow_address *a)
{
    struct counted *c = vow__alloc(sizeof *c);
    if (!c)
        return vow__fail_ready(ENOMEM);
    *c = (struct counted){*a, 1};
    return vow_of(&address_type, c);
}

const vow_address *vow_address_of(vow_value v)
{
    return &((struct counted *)vow_as(v, &address_type))->address;
}

const vow_type *vow_address_type(void) { return &address_type; }
