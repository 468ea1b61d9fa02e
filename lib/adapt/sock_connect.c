/* SPDX-License-Identifier: MIT
 *
 * adapt/sock_connect.c - connecting by name: the addresses one after the other until one
 * answers.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapt/names.h"
#include "adapt/op.h"
#include "adapt/stream.h"
#include "base/mem.h"
#include "vow/sock.h"

struct connecting {
    size_t count; /* of the wait for the addresses, and of the promise of the connection */
    vow_loop *loop;
    vow_resolver *resolver;
    vow_value addresses; /* a box around `next`'s list; none while it is looked up */
    const struct addrinfo *next;
    struct event *event; /* of fd; NULL: not waiting */
    int fd;
    vow_stream *sock; /* to be; NULL once delivered */
    const char *where;
    const char *service; /* behind the host */
    char host[];
};

static void close_fd(struct connecting *op)
{
    if (op->event)
        vow__event_free(op->loop, op->event);
    op->event = NULL;
    if (op->fd >= 0)
        close(op->fd);
    op->fd = -1;
}

static void release(void *data)
{
    struct connecting *op = data;
    if (--op->count > 0)
        return;
    close_fd(op);
    vow_release(op->addresses);
    vow_stream_unref(op->sock);
    vow__free(op);
}

static struct connecting *new_connecting(vow_loop *loop, const char *host, const char *service,
                                         const char *where)
{
    size_t host_size = strlen(host) + 1, service_size = strlen(service) + 1;
    struct connecting *op = vow__alloc_zeroed(sizeof *op + host_size + service_size);
    vow_stream *s = op ? vow__stream_of_sock(loop) : NULL;
    if (!s) {
        vow__free(op);
        return NULL;
    }
    op->count = 1;
    op->loop = loop;
    op->fd = -1;
    op->sock = s;
    op->where = where;
    memcpy(op->host, host, host_size);
    op->service = memcpy(op->host + host_size, service, service_size);
    return op;
}

static void succeed(struct connecting *op)
{
    vow_stream *s = op->sock;
    op->sock = NULL;
    vow__stream_set_fd(s, op->fd);
    op->fd = -1;
    vow_resolve(op->resolver, vow_stream_value(s));
}

static void on_answer(evutil_socket_t fd, short events, void *data);

/* 0: connected. EINPROGRESS: the answer will come. Or why not. */
static int try_one(struct connecting *op, const struct addrinfo *address)
{
    op->fd = vow__sock_open(address->ai_family);
    if (op->fd < 0)
        return errno;
    if (connect(op->fd, address->ai_addr, address->ai_addrlen) == 0)
        return 0;
    if (errno != EINPROGRESS && errno != EINTR)
        return errno;
    op->event = vow__event_new(op->loop, op->fd, EV_WRITE, on_answer, op);
    int failed = op->event ? vow__event_add(op->event, NULL) : ENOMEM;
    return failed ? failed : EINPROGRESS;
}

/* Goes on with the next address; `failed` is how the one before ended. */
static void try_next(struct connecting *op, int failed)
{
    while (op->next) {
        const struct addrinfo *address = op->next;
        close_fd(op);
        op->next = address->ai_next;
        failed = try_one(op, address);
        if (failed == EINPROGRESS)
            return;
        if (failed == 0) {
            succeed(op);
            return;
        }
    }
    vow_resolve(op->resolver, vow_fail_at(op->where, vow_errno_domain(), failed, "connect %s:%s",
                                          op->host, op->service));
}

static void on_answer(evutil_socket_t fd, short events, void *data)
{
    (void)events;
    struct connecting *op = data;
    vow_loop *loop = op->loop;
    int failed = 0;
    socklen_t size = sizeof failed;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size))
        failed = errno;
    event_free(op->event);
    op->event = NULL;
    vow_enter(loop);
    if (failed)
        try_next(op, failed);
    else
        succeed(op);
    vow_leave(loop);
}

static void stop(void *data) { close_fd(data); }

/* Takes the reference of op and addresses. */
static vow_promise *begin(struct connecting *op, vow_value addresses)
{
    vow_promise *p;
    op->addresses = addresses;
    op->next = vow_unbox(addresses);
    vow_resolver *resolver = vow__op_begin(op->loop, op, stop, release, op->where, &p);
    if (!resolver)
        return p;
    op->resolver = resolver;
    try_next(op, EADDRNOTAVAIL);
    return p;
}

static vow_value found(vow_value addresses, void *data)
{
    struct connecting *op = data;
    op->count++;
    return vow_promise_value(begin(op, vow_keep(addresses)));
}

vow_promise *vow_sock_connect_at(vow_loop *loop, const char *host, const char *service,
                                 const char *where)
{
    VOW_CHECK(host && service, "vow_sock_connect at %s: the host or the service is NULL", where);
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    struct connecting *op = new_connecting(loop, host, service, where);
    if (!op)
        return vow__op_no_memory(loop);
    vow_value addresses = vow__names_numeric(host, service);
    if (vow_is_none(addresses))
        return vow_then_at(vow__names_look_up(loop, host, service, where), found, op, release,
                           where);
    if (!vow_is_error(addresses))
        return begin(op, addresses);
    release(op);
    return vow_resolved_at(loop, addresses, where);
}
