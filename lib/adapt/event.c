/* SPDX-License-Identifier: MIT
 *
 * adapt/event.c - a promise from the program's own struct event.
 */
#include <errno.h>

#include "adapt/op.h"
#include "base/mem.h"
#include "loop/watch.h"
#include "vow/ready.h"

struct borrowed {
    struct event *event;
    vow_resolver *resolver;
    vow_loop *loop;
    event_callback_fn callback; /* the program's, given back at the end */
    void *data;
    bool replaced;
};

/* Gives the event, which is not pending, another callback; the rest stays as it was. */
static int set_callback(struct event *event, event_callback_fn callback, void *data)
{
    struct event_base *base;
    evutil_socket_t fd;
    short events;
    int priority = event_get_priority(event);
    event_get_assignment(event, &base, &fd, &events, NULL, NULL);
    if (event_assign(event, base, fd, events, callback, data))
        return EINVAL;
    event_priority_set(event, priority);
    return 0;
}

/* Deletes first: that also ends libevent's own loop over a signal's repetitions, which
 * would go on to call the program's callback. */
static void stop(void *data)
{
    struct borrowed *op = data;
    vow__event_del(op->loop, op->event);
}

static void destroy(void *data)
{
    struct borrowed *op = data;
    if (op->replaced) {
        vow__event_del(op->loop, op->event);
        set_callback(op->event, op->callback, op->data);
    }
    vow__free(op);
}

static void on_event(evutil_socket_t fd, short events, void *data)
{
    (void)fd;
    struct borrowed *op = data;
    vow_loop *loop = op->loop;
    vow_enter(loop);
    vow_resolve(op->resolver, vow_int(events));
    vow_leave(loop);
}

static int start(struct borrowed *op, uint64_t ms)
{
    op->callback = event_get_callback(op->event);
    op->data = event_get_callback_arg(op->event);
    int failed = set_callback(op->event, on_event, op);
    if (failed)
        return failed;
    op->replaced = true;
    struct timeval limit = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    return vow__event_add(op->event, ms ? &limit : NULL);
}

vow_promise *vow_event_at(vow_loop *loop, struct event *event, uint64_t ms, const char *where)
{
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    VOW_CHECK(event_get_base(event) == vow_loop_base(loop),
              "vow_event at %s: the event belongs to another event_base", where);
    VOW_CHECK(!event_pending(event, EV_TIMEOUT | EV_READ | EV_WRITE | EV_SIGNAL, NULL),
              "vow_event at %s: the event is pending already", where);
    struct borrowed *op = vow__alloc_zeroed(sizeof *op);
    if (!op)
        return vow__op_no_memory(loop);
    op->loop = loop;
    op->event = event;
    vow_promise *p;
    vow_resolver *resolver = vow__op_begin(loop, op, stop, destroy, where, &p);
    if (!resolver)
        return p;
    op->resolver = resolver;
    int failed = start(op, ms);
    if (failed)
        vow_resolve(resolver, vow_fail_at(where, vow_errno_domain(), failed, "event"));
    return p;
}
