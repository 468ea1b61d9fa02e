/* SPDX-License-Identifier: MIT
 *
 * net/dns.c - names to addresses and back: the system's calls, at once where they need not
 * wait, else in the pool for names.
 */
#include "vow/dns.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "adapt/op.h"
#include "adapt/pool.h"
#include "base/mem.h"

struct lookup {
    const char *where;
    const char *service; /* behind the host; NULL: none */
    int family;
    char host[];
};

/* The value of a getaddrinfo list, which is looked at. */
static vow_value addresses_of(const struct addrinfo *list)
{
    size_t n = 0, i = 0;
    for (const struct addrinfo *at = list; at; at = at->ai_next)
        n++;
    vow_value all = vow__array_new(n);
    if (vow_is_none(all))
        return vow__fail_ready(ENOMEM);
    for (const struct addrinfo *at = list; at; at = at->ai_next) {
        vow_address a = {.size = at->ai_addrlen};
        memcpy(&a.storage, at->ai_addr, at->ai_addrlen);
        vow_value v = vow_address_value(&a);
        if (vow_is_error(v)) {
            vow_release(all);
            return v;
        }
        vow__array_put(all, i++, v);
    }
    return all;
}

static vow_value failure(const struct lookup *l, int code, int system_code)
{
    const char *colon = l->service ? ":" : "", *service = l->service ? l->service : "";
    if (code == EAI_MEMORY)
        return vow__fail_ready(ENOMEM);
    if (code == EAI_SYSTEM)
        return vow_fail_at(l->where, vow_errno_domain(), system_code, "look up %s%s%s", l->host,
                           colon, service);
    return vow_fail_at(l->where, vow_gai_domain(), code, "look up %s%s%s", l->host, colon, service);
}

/* One socket type, or each address would come once for each of them. */
static int find(const struct lookup *l, int flags, int type, struct addrinfo **ret)
{
    struct addrinfo hints = {.ai_flags = flags, .ai_family = l->family, .ai_socktype = type};
    return getaddrinfo(l->host, l->service, &hints, ret);
}

/* On a thread of the pool. */
static vow_value look_up(void *data)
{
    const struct lookup *l = data;
    struct addrinfo *list;
    int code = find(l, 0, SOCK_STREAM, &list);
    if (code == EAI_SERVICE)
        code = find(l, 0, SOCK_DGRAM, &list);
    if (code)
        return failure(l, code, errno);
    vow_value all = addresses_of(list);
    freeaddrinfo(list);
    return all;
}

/* None: it takes a look-up, which will also say what is wrong. */
static vow_value numeric(const struct lookup *l)
{
    struct addrinfo *list;
    if (find(l, AI_NUMERICHOST | AI_NUMERICSERV, SOCK_STREAM, &list))
        return vow_none();
    vow_value all = addresses_of(list);
    freeaddrinfo(list);
    return all;
}

static struct lookup *new_lookup(const char *host, const char *service, int family)
{
    size_t host_size = strlen(host) + 1, service_size = service ? strlen(service) + 1 : 0;
    struct lookup *l = vow__alloc(sizeof *l + host_size + service_size);
    if (!l)
        return NULL;
    memcpy(l->host, host, host_size);
    l->service = service ? memcpy(l->host + host_size, service, service_size) : NULL;
    l->family = family;
    return l;
}

vow_promise *vow_dns_lookup_at(vow_loop *loop, const char *host, const char *service, int family,
                               const char *where)
{
    VOW_CHECK(host, "vow_dns_lookup at %s: the host is NULL", where);
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    struct lookup *l = new_lookup(host, service, family);
    if (!l)
        return vow__op_no_memory(loop);
    l->where = where;
    vow_value all = numeric(l);
    if (vow_is_none(all))
        return vow_work_at(loop, vow__pool_names(), look_up, l, vow__free, where);
    vow__free(l);
    return vow_resolved_at(loop, all, where);
}

/* Back. */

struct reverse {
    const char *where;
    vow_address address;
};

static vow_value find_name(void *data)
{
    const struct reverse *r = data;
    char host[NI_MAXHOST], text[VOW_ADDRESS_TEXT];
    int code = getnameinfo((const struct sockaddr *)&r->address.storage, r->address.size, host,
                           sizeof host, NULL, 0, NI_NAMEREQD);
    int system_code = errno;
    if (code == 0)
        return vow_text(host);
    if (code == EAI_MEMORY)
        return vow__fail_ready(ENOMEM);
    vow_address_text(&r->address, text, sizeof text);
    return vow_fail_at(r->where, code == EAI_SYSTEM ? vow_errno_domain() : vow_gai_domain(),
                       code == EAI_SYSTEM ? system_code : code, "name of %s", text);
}

vow_promise *vow_dns_name_at(vow_loop *loop, const vow_address *address, const char *where)
{
    int family = vow_address_family(address);
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    if (family != AF_INET && family != AF_INET6)
        return vow_resolved_at(
            loop, vow_fail_at(where, vow_gai_domain(), EAI_FAMILY, "the name of an address"),
            where);
    struct reverse *r = vow__alloc(sizeof *r);
    if (!r)
        return vow__op_no_memory(loop);
    *r = (struct reverse){where, *address};
    return vow_work_at(loop, vow__pool_names(), find_name, r, vow__free, where);
}
