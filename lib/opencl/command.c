/* SPDX-License-Identifier: MIT
 *
 * opencl/command.c - putting a command into its queue with what it depends on: events of the
 * device where there are any, user events where the host has to say so.
 */
#include "opencl/op.h"

#include <errno.h>

/* A dependency has settled. */
static vow_value on_dependency(vow_value v, void *data)
{
    struct vow__cl_link *link = data;
    struct vow__cl_op *op = link->op;
    const vow_error *e = vow_as_error(v);
    if (e && link->gate.event)
        op->doomed = true;
    if (!vow__cl_gate_set(&link->gate, e ? VOW_CL_REJECTED : CL_COMPLETE))
        op->doomed = true; /* nobody else will set it */
    if (op->doomed)
        vow__cl_look_soon(op->home);
    if (e)
        vow__cl_op_reject_for(op, e); /* may be the end of op */
    return vow_none();
}

static bool is_in_context(const struct vow__cl_op *op, cl_context context)
{
    cl_context own = op->queue ? op->queue->context : NULL;
    if (!own)
        clGetEventInfo(op->event, CL_EVENT_CONTEXT, sizeof own, &own, NULL);
    return own == context;
}

/* The event that stands for a pending promise. CL_SUCCESS or OpenCL's code. */
static cl_int event_for(struct vow__cl_link *link, const vow_promise *p, cl_event *ret)
{
    cl_context context = link->op->queue->context;
    struct vow__cl_op *before = vow__cl_find(link->op->home, p);
    if (!before || !is_in_context(before, context)) {
        cl_int code = vow__cl_gate_make(&link->gate, context);
        if (code != CL_SUCCESS)
            return code;
        *ret = link->gate.event;
    } else {
        *ret = before->event;
    }
    return clRetainEvent(*ret);
}

/* Takes p. NULL, or why the command is not to be put in. */
static vow_error *depend_on(struct vow__cl_op *op, vow_promise *p)
{
    struct vow__cl_link *link = &op->links[op->link_count++];
    link->op = op;
    vow_mark_handled(p); /* also if its handler goes before it ran: the command was faster */
    if (vow_loop_of(p) != op->home->loop) {
        vow_unref(p);
        return vow_error_new_at(op->where, vow_own_domain(), VOW_ELOOP, NULL);
    }
    if (vow_state(p) == VOW_PENDING) {
        cl_int code = event_for(link, p, &op->waits[op->wait_count]);
        if (code != CL_SUCCESS) {
            vow_unref(p);
            return vow__cl_error(op->where, code, "clCreateUserEvent");
        }
        op->wait_count++;
    }
    if (vow_state(p) == VOW_REJECTED) {
        vow__cl_op_reject_for(op, vow_error_of(p));
        vow_unref(p);
        return NULL;
    }
    p = vow_handle_at(p, on_dependency, link, NULL, op->where);
    link->gate.handler = p;
    if (vow_state(p) != VOW_REJECTED)
        return NULL;
    vow_mark_handled(p);
    return vow__cl_no_memory(op->where);
}

static vow_error *depend_on_all(struct vow__cl_op *op, vow_cl_after *after)
{
    vow_error *failed = NULL;
    for (size_t i = 0; !failed && op->resolver && i < after->count; i++) {
        vow_promise *p = after->promises[i];
        after->promises[i] = NULL;
        failed = depend_on(op, p);
    }
    return failed;
}

static void drop_all(vow_cl_after *after)
{
    for (size_t i = 0; i < after->count; i++) {
        vow_promise *p = after->promises[i];
        after->promises[i] = NULL;
        if (p)
            vow_mark_handled(p);
        vow_unref(p);
    }
}

/* NULL, or why OpenCL would not. */
static vow_error *enqueue(struct vow__cl_op *op)
{
    struct vow__cl_command *c = &op->command;
    cl_int code = c->verb->hold ? c->verb->hold(c) : CL_SUCCESS;
    op->held = code == CL_SUCCESS;
    if (op->held)
        code = c->verb->enqueue(c, op->queue ? op->queue->handle : NULL, (cl_uint)op->wait_count,
                                op->wait_count ? op->waits : NULL, &op->event);
    return code == CL_SUCCESS ? NULL : vow__cl_error(op->where, code, c->verb->name);
}

/* op has its promise. NULL: it is in flight, or was rejected. */
static vow_error *take_off(struct vow__cl_op *op, vow_cl_after *after)
{
    vow_error *failed = depend_on_all(op, after);
    if (failed || !op->resolver)
        return failed;
    int code = vow__cl_flight_begin(op);
    if (code)
        return vow_error_new_at(
            op->where, code >= VOW_EBROKEN ? vow_own_domain() : vow_errno_domain(), code, NULL);
    failed = enqueue(op);
    if (failed) {
        vow__cl_flight_end(op);
        return failed;
    }
    op->refs++; /* the flight's */
    vow__cl_op_watch(op);
    if (op->queue) {
        op->round = op->queue->round;
        vow__cl_queue_touched(op->queue);
    }
    return NULL;
}

static struct vow__cl_op *new_op(vow_loop *loop, vow_cl_queue *queue,
                                 const struct vow__cl_command *command, size_t links)
{
    struct vow__cl_home *home = vow__cl_home_of(loop);
    struct vow__cl_op *op = home ? vow__cl_op_new(home, links) : NULL;
    vow__cl_home_unref(home);
    if (op) {
        op->queue = vow_cl_queue_ref(queue);
        op->command = *command;
    }
    return op;
}

static vow_error *check_error(const struct vow__cl_command *c, cl_int code, const char *where)
{
    if (code == CL_OUT_OF_HOST_MEMORY) /* ours, not the driver's: it was not asked yet */
        return vow__cl_no_memory(where);
    return vow__cl_error(where, code, c->verb->name);
}

/* Nothing was begun: takes all there is. */
static vow_promise *refuse(vow_loop *loop, struct vow__cl_command *command, vow_cl_after *after,
                           vow_error *e, const char *where)
{
    if (command->verb->release)
        command->verb->release(command, false);
    drop_all(after);
    return vow_rejected_at(loop, e, where);
}

vow_promise *vow__cl_start(vow_loop *loop, vow_cl_queue *queue, struct vow__cl_command *command,
                           vow_cl_after after, const char *where)
{
    if (!vow__cl_use())
        return refuse(loop, command, &after, vow__cl_forked(where), where);
    cl_int code = command->verb->check ? command->verb->check(command) : CL_SUCCESS;
    if (code != CL_SUCCESS)
        return refuse(loop, command, &after, check_error(command, code, where), where);
    struct vow__cl_op *op = new_op(loop, queue, command, after.count);
    if (!op)
        return refuse(loop, command, &after, vow__cl_no_memory(where), where);
    vow_promise *p = vow__cl_op_promise(op, where);
    vow_error *failed = op->resolver ? take_off(op, &after) : NULL;
    if (failed)
        vow__cl_op_reject(op, failed);
    drop_all(&after);
    vow__cl_op_unref(op);
    return p;
}
