/* SPDX-License-Identifier: MIT
 *
 * opencl/op.c - one operation (op.h): from its event's registration to its end.
 */
#include "opencl/op.h"

#include <sched.h>

#include "vow/pool.h"

enum { WAITERS = 4 };

/* The callback's node is home; also when the loop closes. */
static void on_node(vow_node *node) { vow__cl_op_arrive(((struct vow__cl_ticket *)node)->owner); }

struct vow__cl_op *vow__cl_op_new(struct vow__cl_home *home, size_t links)
{
    struct vow__cl_op *op =
        vow_alloc(sizeof *op + links * (sizeof op->links[0] + sizeof(cl_event)));
    struct vow__cl_ticket *ticket = op ? vow__cl_ticket_take() : NULL;
    if (!ticket) {
        vow_free(op);
        return NULL;
    }
    ticket->node = (vow_node){NULL, on_node, on_node};
    ticket->owner = op;
    op->ticket = ticket;
    op->waits = (cl_event *)(void *)&op->links[links];
    op->home = home;
    home->refs++;
    op->refs = 1;
    return op;
}

void vow__cl_op_unref(struct vow__cl_op *op)
{
    if (--op->refs > 0)
        return;
    if (op->ticket && vow__cl_is_here())
        vow__cl_ticket_give(op->ticket);
    if (op->command.verb->release)
        op->command.verb->release(&op->command, op->held && vow__cl_is_here());
    vow__cl_release_event(op->event);
    for (size_t i = 0; i < op->wait_count; i++)
        vow__cl_release_event(op->waits[i]);
    vow_cl_queue_unref(op->queue);
    vow__cl_home_unref(op->home);
    vow_free(op);
}

/* Nobody wants it any more: what it waits for on the host will not be waited for. */
static void call_off(void *data)
{
    struct vow__cl_op *op = data;
    for (size_t i = 0; i < op->link_count; i++)
        if (op->links[i].gate.event) {
            op->doomed = true;
            vow__cl_gate_set(&op->links[i].gate, VOW_CL_UNWANTED);
            vow__cl_look_soon(op->home);
        }
}

static void promise_ended(void *data)
{
    struct vow__cl_op *op = data;
    op->resolver = NULL;
    vow__cl_delist(op);
    call_off(op); /* after a rejection that was not the device's, too */
    for (size_t i = 0; i < op->link_count; i++) {
        vow_promise *handler = op->links[i].gate.handler;
        op->links[i].gate.handler = NULL;
        vow_unref(handler);
    }
    vow__cl_op_unref(op);
}

vow_promise *vow__cl_op_promise(struct vow__cl_op *op, const char *where)
{
    vow_promise *p = vow_promise_new_at(op->home->loop, &op->resolver, where);
    op->refs++;
    op->where = where;
    vow_resolver *resolver = op->resolver;
    vow_on_stop(resolver, call_off, op, promise_ended); /* no memory: has ended */
    if (op->resolver) {
        op->promise = p;
        vow__cl_enlist(op);
    }
    return p;
}

static void settle(struct vow__cl_op *op, vow_value v)
{
    if (op->resolver)
        vow_resolve(op->resolver, v);
    else
        vow_release(v);
}

void vow__cl_op_reject(struct vow__cl_op *op, vow_error *e) { settle(op, vow_error_value(e)); }

void vow__cl_op_reject_for(struct vow__cl_op *op, const vow_error *e)
{
    if (!op->resolver)
        return;
    vow_promise *p = vow_rejected_at(op->home->loop, vow_error_ref(e), op->where);
    settle(op, vow_promise_value(vow_context_at(p, op->where, "%s", op->command.verb->name)));
}

/* The device is done, or will never begin. */
static void land(struct vow__cl_op *op, cl_int status)
{
    op->refs++;
    op->waiter = vow_unref(op->waiter);
    if (status < 0) {
        vow__cl_op_reject(op, vow__cl_error(op->where, status, op->command.verb->name));
        vow__cl_look_soon(op->home); /* others may depend on it */
    } else {
        settle(op, op->command.verb->value ? op->command.verb->value(&op->command) : vow_none());
    }
    vow__cl_flight_end(op);
    vow__cl_op_unref(op);
    vow__cl_op_unref(op);
}

/* 0 and the status, or OpenCL's code why it cannot be had. */
static cl_int ask(cl_event event, cl_int *ret)
{
    *ret = CL_QUEUED;
    return clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof *ret, ret, NULL);
}

/* A command that waits for an event that failed never begins. While its promise is pending
 * none has failed that anybody knows of. */
static bool cannot_begin(const struct vow__cl_op *op)
{
    cl_int status;
    for (size_t i = 0; !op->resolver && i < op->wait_count; i++)
        if (ask(op->waits[i], &status) == CL_SUCCESS && status < 0)
            return true;
    return op->doomed;
}

/* The event of op will stay as it is for ever, and so will those of commands that wait for it. */
static void doom_dependants(const struct vow__cl_op *op)
{
    for (struct vow__cl_op *other = op->home->flight; other; other = other->next)
        for (size_t i = 0; i < other->wait_count; i++)
            if (other->waits[i] == op->event && !other->doomed)
                other->doomed = op->home->look_again = true;
}

/* As ask; what drivers forget to say is guessed. */
static cl_int ask_op(const struct vow__cl_op *op, cl_int *ret)
{
    cl_int code = ask(op->event, ret);
    if (code == CL_SUCCESS && *ret > CL_RUNNING && cannot_begin(op)) {
        *ret = CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
        doom_dependants(op);
    }
    return code;
}

static void call_was_early(struct vow__cl_op *op)
{
    vow__cl_ticket_reset(op->ticket);
    vow__cl_look_soon(op->home);
}

void vow__cl_op_arrive(struct vow__cl_op *op)
{
    cl_int status;
    if (!vow__cl_is_here()) {
        vow__cl_op_lost(op);
        return;
    }
    cl_int code = ask_op(op, &status);
    if (code != CL_SUCCESS || status <= 0)
        land(op, code != CL_SUCCESS ? code : status);
    else
        call_was_early(op);
}

/* Can the callback's node still come? A closed loop has taken in what was posted, and a
 * callback that finds it closed is just about to say so. */
static bool is_ours_alone(struct vow__cl_op *op)
{
    if (vow__cl_ticket_cancel(op->ticket))
        return true;
    if (!op->home->is_closing)
        return false;
    while (!vow__cl_ticket_is_refused(op->ticket))
        sched_yield();
    return true;
}

/* Whose status cannot be had may be under way still: the promise need not wait, the memory
 * has to. */
void vow__cl_op_look(struct vow__cl_op *op)
{
    cl_int status;
    cl_int code = ask_op(op, &status);
    if (code != CL_SUCCESS)
        vow__cl_op_reject(op, vow__cl_error(op->where, code, "clGetEventInfo"));
    else if (status <= 0 && is_ours_alone(op))
        land(op, status);
}

void vow__cl_op_abandon(struct vow__cl_op *op)
{
    if (op->waiter || !is_ours_alone(op))
        return;
    vow__cl_flight_end(op);
    vow__cl_op_unref(op);
}

void vow__cl_op_lost(struct vow__cl_op *op)
{
    vow__cl_op_reject(op, vow__cl_forked(op->where));
    vow__cl_flight_end(op);
    vow__cl_op_unref(op);
}

/* Where there is no callback. */

static vow_value wait_for(void *event)
{
    clWaitForEvents(1, (cl_event[]){event}); /* what it says is asked for again */
    return vow_none();
}
static void release_event(void *event) { vow__cl_release_event(event); }

static vow_value on_waited(vow_value v, void *data)
{
    (void)v;
    vow__cl_op_arrive(data);
    return vow_none();
}

/* Without a thread, or a second time, there are still the looks. */
static void wait_in_a_thread(struct vow__cl_op *op)
{
    struct vow__cl_home *home = op->home;
    if (!home->waiters)
        home->waiters = vow_pool_new("cl-wait", WAITERS, 0);
    if (!home->waiters || clRetainEvent(op->event) != CL_SUCCESS)
        return;
    vow_promise *p = vow_work(home->loop, home->waiters, wait_for, op->event, release_event);
    op->waiter = vow_handle(p, on_waited, op);
    vow_mark_handled(op->waiter);
}

void vow__cl_op_watch(struct vow__cl_op *op)
{
    void *number = vow__cl_ticket_arm(op->ticket, op->home->remote);
    op->refs++; /* the callback's node may be home... */
    if (clSetEventCallback(op->event, CL_COMPLETE, vow__cl_on_event, number) != CL_SUCCESS &&
        vow__cl_ticket_cancel(op->ticket))
        wait_in_a_thread(op);
    vow__cl_op_unref(op);
}
