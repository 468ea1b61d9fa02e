/* SPDX-License-Identifier: MIT
 *
 * adapt/names.c - see names.h. getaddrinfo, because it knows what the system knows
 * (nsswitch, hosts, mDNS); in a pool of its own, because it may take half a minute.
 */
#include "adapt/names.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "adapt/op.h"
#include "adapt/pool.h"
#include "base/mem.h"

struct lookup {
    const char *where;
    const char *service; /* behind the host */
    char host[];
};

static void free_list(void *list) { freeaddrinfo(list); }

static int find(const char *host, const char *service, int flags, struct addrinfo **ret)
{
    struct addrinfo hints = {.ai_flags = flags, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    return getaddrinfo(host, service, &hints, ret);
}

vow_value vow__names_numeric(const char *host, const char *service)
{
    struct addrinfo *list;
    if (find(host, service, AI_NUMERICHOST | AI_NUMERICSERV, &list))
        return vow_none(); /* whatever it was, the look-up will say so */
    return vow_box(list, free_list);
}

/* On a thread of the pool. */
static vow_value look_up(void *data)
{
    const struct lookup *job = data;
    struct addrinfo *list;
    int code = find(job->host, job->service, 0, &list), system_code = errno;
    if (code == 0)
        return vow_box(list, free_list);
    if (code == EAI_SYSTEM)
        return vow_fail_at(job->where, vow_errno_domain(), system_code, "look up %s", job->host);
    return vow_fail_at(job->where, vow_gai_domain(), code, "look up %s:%s", job->host,
                       job->service);
}

vow_promise *vow__names_look_up(vow_loop *loop, const char *host, const char *service,
                                const char *where)
{
    size_t host_size = strlen(host) + 1, service_size = strlen(service) + 1;
    struct lookup *job = vow__alloc(sizeof *job + host_size + service_size);
    if (!job)
        return vow__op_no_memory(loop);
    memcpy(job->host, host, host_size);
    job->service = memcpy(job->host + host_size, service, service_size);
    job->where = where;
    return vow_work_at(loop, vow__pool_names(), look_up, job, vow__free, where);
}
