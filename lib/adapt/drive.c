/* SPDX-License-Identifier: MIT
 *
 * adapt/drive.c - see vow/drive.h.
 */
#include "vow/drive.h"

#include <errno.h>
#include <fcntl.h>

#include "adapt/op.h"
#include "base/mem.h"
#include "loop/watch.h"
#include "vow/timer.h"

struct stepper {
    vow_loop *loop;
    vow_resolver *resolver; /* NULL: the promise has ended */
    vow_drive_fn *step;
    void *data;
    vow_destroy_fn *destroy;
    const char *where;
    struct vow__watch watch; /* for fd and events; added while waiting */
    vow_promise *limit;      /* while waiting; or NULL */
    int fd;
    short events;
    bool stepping; /* inside the step: should the promise end there, what is ours waits */
};

static void rest(struct stepper *op)
{
    vow__watch_stop(op->loop, &op->watch);
    op->limit = vow_unref(op->limit);
}

static void take_apart(struct stepper *op)
{
    rest(op);
    vow__watch_done(op->loop, &op->watch);
    if (op->destroy)
        op->destroy(op->data);
    vow__free(op);
}

static void stop(void *data) { rest(data); }

static void ended(void *data)
{
    struct stepper *op = data;
    op->resolver = NULL;
    if (!op->stepping)
        take_apart(op);
}

static void go_on(struct stepper *op, int ready);

static void on_ready(evutil_socket_t fd, short events, void *data)
{
    (void)fd;
    struct stepper *op = data;
    vow_loop *loop = op->loop;
    vow_enter(loop);
    go_on(op, (events & EV_READ ? VOW_READ : 0) | (events & EV_WRITE ? VOW_WRITE : 0));
    vow_leave(loop);
}

static vow_value on_limit(vow_value v, void *data)
{
    struct stepper *op = data;
    op->limit = vow_unref(op->limit);
    if (vow_is_error(v))
        vow_resolve(op->resolver, vow_keep(v)); /* no memory for the timer */
    else
        go_on(op, 0);
    return vow_none();
}

/* 0 or an errno number. */
static int watch(struct stepper *op, const vow_wants *wants)
{
    short events = (short)((wants->what & VOW_READ ? EV_READ : 0) |
                           (wants->what & VOW_WRITE ? EV_WRITE : 0));
    if (events == 0)
        return EINVAL;
    if (fcntl(wants->fd, F_GETFD) < 0)
        return errno;
    if (wants->fd != op->fd || events != op->events) {
        vow__watch_done(op->loop, &op->watch);
        op->fd = wants->fd;
        op->events = events;
    }
    if (!op->watch.event && vow__watch_init(op->loop, &op->watch, op->fd,
                                            (short)(events | EV_PERSIST), on_ready, op))
        return ENOMEM;
    return vow__watch_begin(op->loop, &op->watch);
}

/* 0 or an errno number. */
static int wait_for(struct stepper *op, const vow_wants *wants)
{
    int failed = wants->fd >= 0 ? watch(op, wants) : wants->ms > 0 ? 0 : EINVAL;
    if (!failed && wants->ms > 0)
        op->limit = vow_handle_at(vow_delay_at(op->loop, wants->ms, op->where), on_limit, op,
                                  NULL, op->where);
    return failed;
}

/* The event is out of the base during a step: a library may close a descriptor and get the
 * same number for the next one. */
static void go_on(struct stepper *op, int ready)
{
    vow_wants wants = {-1, 0, 0};
    vow_value result;
    rest(op);
    op->stepping = true;
    bool done = op->step(op->data, ready, &wants, &result);
    op->stepping = false;
    if (!op->resolver) {
        if (done)
            vow_release(result);
        take_apart(op);
        return;
    }
    int failed = done ? 0 : wait_for(op, &wants);
    if (failed)
        result = vow_fail_at(op->where, vow_errno_domain(), failed, "drive: cannot wait");
    if (done || failed)
        vow_resolve(op->resolver, result);
}

vow_promise *vow_drive_at(vow_loop *loop, vow_drive_fn *step, void *data, vow_destroy_fn *destroy,
                         const char *where)
{
    vow_promise *p = vow__refused(loop, where);
    struct stepper *op = p ? NULL : vow__alloc_zeroed(sizeof *op);
    if (!op) {
        if (destroy)
            destroy(data);
        return p ? p : vow__op_no_memory(loop);
    }
    *op = (struct stepper){.loop = loop, .step = step, .data = data, .destroy = destroy,
                           .where = where, .fd = -1};
    op->resolver = vow__op_begin(loop, op, stop, ended, where, &p);
    if (op->resolver)
        go_on(op, 0);
    return p;
}
