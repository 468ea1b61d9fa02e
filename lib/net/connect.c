/* SPDX-License-Identifier: MIT
 *
 * net/connect.c - connecting by name or address: what is asked for, and its look-up,
 * whose addresses race as they come (eyeballs.c).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "adapt/op.h"
#include "base/mem.h"
#include "net/connect.h"
#include "stream/stream.h"
#include "vow/dns.h"

enum { RESOLUTION_DELAY_MS = 50 }; /* RFC 8305, section 3 */

static void release(void *data)
{
    struct vow__connecting *op = data;
    vow__connect_stop(op);
    for (size_t i = 0; i < 2; i++) {
        struct vow__addresses *list = &op->lists[i];
        size_t n = op->latest != list ? op->cut : op->begun - op->cut;
        for (size_t j = 0; list->attempts && j < n; j++)
            vow_error_unref(list->attempts[j].error);
        vow__free(list->attempts);
        vow_release(list->value);
    }
    vow_stream_unref(op->stream);
    vow__free(op);
}

/* host and service NULL: addresses. NULL: no memory. */
static struct vow__connecting *new_op(vow_loop *loop, const char *host, const char *service,
                                      const vow_connect_options *options)
{
    size_t host_size = host ? strlen(host) + 1 : 0, size = host ? strlen(service) + 1 : 1;
    struct vow__connecting *op = vow__alloc_zeroed(sizeof *op + 2 * (host_size + size));
    vow_stream *s = op ? vow__stream_of_sock(loop) : NULL;
    if (!s) {
        vow__free(op);
        return NULL;
    }
    op->loop = loop;
    op->stream = s;
    for (size_t i = 0; i < 2; i++)
        op->lists[i].value = vow_none();
    if (host) {
        snprintf(op->name, host_size + size, "%s:%s", host, service);
        op->host = memcpy(op->name + host_size + size, host, host_size);
        op->service = memcpy(op->name + 2 * host_size + size, service, size);
    }
    if (options)
        op->options = *options;
    if (op->options.local) {
        op->local = *op->options.local;
        op->options.local = &op->local;
    }
    return op;
}

/* Takes op. False: no memory; *ret is what to give in any case. */
static bool begin(struct vow__connecting *op, const char *where, vow_promise **ret)
{
    op->where = where;
    vow_resolver *resolver = vow__op_begin(op->loop, op, vow__connect_stop, release, where, ret);
    if (resolver)
        op->resolver = resolver;
    return resolver;
}

/* Looking up. The system is asked for all addresses, because only then it says in which order
 * it would have them. When that takes long it is the answer of one family that is missing,
 * mostly IPv6's. */

static vow_value on_all(vow_value v, void *data)
{
    struct vow__connecting *op = data;
    op->all = vow_unref(op->all);
    op->half = vow_unref(op->half);
    if (!vow_is_error(v))
        vow__connect_join(op, vow_keep(v));
    else if (!op->latest || vow_error_is(vow_as_error(v), vow_errno_domain(), ENOMEM))
        vow__connect_fail(op, vow_keep(v));
    else
        vow__connect_go_on(op);
    return vow_none();
}

static vow_value ask_for_half(vow_value v, void *data)
{
    (void)v;
    const struct vow__connecting *op = data;
    vow_promise *p = vow_dns_lookup_at(op->loop, op->host, op->service, AF_INET, op->where);
    vow_mark_handled(p);
    return vow_promise_value(p);
}

static vow_value on_half(vow_value v, void *data)
{
    struct vow__connecting *op = data;
    op->half = vow_unref(op->half);
    if (!vow_is_error(v))
        vow__connect_join(op, vow_keep(v));
    return vow_none();
}

/* p with a handler, or NULL: no memory. Its error is not missed when it is not wanted any more. */
static vow_promise *heard(struct vow__connecting *op, vow_promise *p, vow_handle_fn *fn)
{
    vow_mark_handled(p);
    p = vow_handle_at(p, fn, op, NULL, op->where);
    if (!vow__settled(p))
        return p;
    vow_mark_handled(p);
    return vow_unref(p);
}

static void look_up(struct vow__connecting *op)
{
    vow_promise *p =
        vow_dns_lookup_at(op->loop, op->host, op->service, op->options.family, op->where);
    if (vow_state(p) == VOW_FULFILLED) { /* numeric: no turn is needed to go on */
        vow_value addresses = vow_keep(vow_peek(p));
        vow_unref(p);
        vow__connect_join(op, addresses);
        return;
    }
    op->all = heard(op, p, on_all);
    if (!op->all) {
        vow_resolve(op->resolver, vow__fail_ready(ENOMEM));
    } else if (!op->options.family && !op->options.local) {
        p = vow_delay_at(op->loop, RESOLUTION_DELAY_MS, op->where);
        p = vow_then_at(p, ask_for_half, op, NULL, op->where);
        op->half = heard(op, p, on_half); /* without memory it is done without */
    }
}

vow_promise *vow_sock_connect_how_at(vow_loop *loop, const char *host, const char *service,
                                     const vow_connect_options *options, const char *where)
{
    VOW_CHECK(host && service, "vow_sock_connect at %s: the host or the service is NULL", where);
    vow_promise *p = vow__refused(loop, where);
    if (p)
        return p;
    struct vow__connecting *op = new_op(loop, host, service, options);
    if (!op)
        return vow__op_no_memory(loop);
    if (begin(op, where, &p))
        look_up(op);
    return p;
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
    vow_promise *p;
    if (begin(op, where, &p))
        vow__connect_join(op, to);
    else
        vow_release(to);
    return p;
}
