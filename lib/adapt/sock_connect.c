/* SPDX-License-Identifier: MIT
 *
 * adapt/sock_connect.c - connecting by name or address: what is asked for, its look-up, and
 * then the race of the addresses (eyeballs.c).
 */
#include <stdio.h>
#include <string.h>

#include "adapt/connect.h"
#include "adapt/op.h"
#include "adapt/stream.h"
#include "base/mem.h"
#include "vow/dns.h"

void vow__connect_release(void *data)
{
    struct vow__connecting *op = data;
    if (--op->count > 0)
        return;
    vow__connect_stop(op);
    for (size_t i = 0; i < op->begun; i++)
        vow_error_unref(op->attempts[i].error);
    vow__free(op->attempts);
    vow_release(op->addresses);
    vow_stream_unref(op->stream);
    vow__free(op);
}

/* host and service NULL: addresses. NULL: no memory. */
static struct vow__connecting *new_op(vow_loop *loop, const char *host, const char *service,
                                      const vow_connect_options *options)
{
    size_t size = host ? strlen(host) + strlen(service) + 2 : 1;
    struct vow__connecting *op = vow__alloc_zeroed(sizeof *op + size);
    vow_stream *s = op ? vow__stream_of_sock(loop) : NULL;
    if (!s) {
        vow__free(op);
        return NULL;
    }
    op->count = 1;
    op->loop = loop;
    op->stream = s;
    if (host)
        snprintf(op->name, size, "%s:%s", host, service);
    if (options)
        op->options = *options;
    if (op->options.local) {
        op->local = *op->options.local;
        op->options.local = &op->local;
    }
    return op;
}

static vow_value found(vow_value addresses, void *data)
{
    struct vow__connecting *op = data;
    op->count++;
    return vow_promise_value(vow__connect_race(op, vow_keep(addresses)));
}

vow_promise *vow_sock_connect_how_at(vow_loop *loop, const char *host, const char *service,
                                     const vow_connect_options *options, const char *where)
{
    VOW_CHECK(host && service, "vow_sock_connect at %s: the host or the service is NULL", where);
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    struct vow__connecting *op = new_op(loop, host, service, options);
    if (!op)
        return vow__op_no_memory(loop);
    op->where = where;
    vow_promise *p = vow_dns_lookup_at(loop, host, service, op->options.family, where);
    if (vow_state(p) != VOW_FULFILLED)
        return vow_then_at(p, found, op, vow__connect_release, where);
    vow_value addresses = vow_keep(vow_peek(p)); /* numeric: no turn is needed to go on */
    vow_unref(p);
    return vow__connect_race(op, addresses);
}

vow_promise *vow_sock_connect_at(vow_loop *loop, const char *host, const char *service,
                                 const char *where)
{
    return vow_sock_connect_how_at(loop, host, service, NULL, where);
}

vow_promise *vow_sock_connect_to_at(vow_loop *loop, vow_value to,
                                    const vow_connect_options *options, const char *where)
{
    vow_promise *refused = vow__refused(loop, where);
    if (!refused && vow_is_error(to))
        return vow_resolved_at(loop, to, where);
    struct vow__connecting *op = refused ? NULL : new_op(loop, NULL, NULL, options);
    if (!op) {
        vow_release(to);
        return refused ? refused : vow__op_no_memory(loop);
    }
    op->where = where;
    return vow__connect_race(op, to);
}
