/* SPDX-License-Identifier: MIT
 *
 * opencl/queue.c - a command queue of a loop, and its flush: what was put in need not be
 * begun before somebody flushes, so vow does, once after each round of handlers.
 */
#include "opencl/op.h"

static vow_cl_queue *refuse(vow_cl_queue *q, cl_int *ret_code, cl_int code)
{
    if (q)
        vow__cl_home_unref(q->home);
    vow_free(q);
    if (ret_code)
        *ret_code = code;
    return NULL;
}

vow_cl_queue *vow_cl_queue_new(vow_loop *loop, cl_command_queue queue, cl_int *ret_code)
{
    if (!vow__cl_use())
        return refuse(NULL, ret_code, CL_DEVICE_NOT_AVAILABLE);
    vow_cl_queue *q = vow_alloc(sizeof *q);
    if (q)
        q->home = vow__cl_home_of(loop);
    if (!q || !q->home)
        return refuse(q, ret_code, CL_OUT_OF_HOST_MEMORY);
    cl_int code =
        clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof q->context, &q->context, NULL);
    if (code == CL_SUCCESS)
        code = clRetainCommandQueue(queue);
    if (code != CL_SUCCESS)
        return refuse(q, ret_code, code);
    q->handle = queue;
    q->refs = 1;
    if (ret_code)
        *ret_code = CL_SUCCESS;
    return q;
}

vow_cl_queue *vow_cl_queue_open(vow_loop *loop, vow_cl_device *device,
                                cl_command_queue_properties properties, cl_int *ret_code)
{
    if (!vow__cl_use())
        return refuse(NULL, ret_code, CL_DEVICE_NOT_AVAILABLE);
    cl_int code;
    cl_command_queue queue = clCreateCommandQueue(vow_cl_device_context(device),
                                                  vow_cl_device_id(device), properties, &code);
    if (!queue)
        return refuse(NULL, ret_code, code);
    vow_cl_queue *q = vow_cl_queue_new(loop, queue, ret_code);
    clReleaseCommandQueue(queue);
    return q;
}

vow_cl_queue *vow_cl_queue_ref(vow_cl_queue *queue)
{
    if (queue)
        queue->refs++;
    return queue;
}

vow_cl_queue *vow_cl_queue_unref(vow_cl_queue *queue)
{
    if (!queue || --queue->refs > 0)
        return NULL;
    if (vow__cl_is_here())
        clReleaseCommandQueue(queue->handle);
    vow__cl_home_unref(queue->home);
    vow_free(queue);
    return NULL;
}

cl_command_queue vow_cl_queue_handle(const vow_cl_queue *queue) { return queue->handle; }

/* What the queue has not told the device now it may never tell. */
static void reject_untold(vow_cl_queue *queue, cl_int code)
{
    struct vow__cl_home *home = queue->home;
    for (struct vow__cl_op *op = home->flight; op; op = op->next)
        if (op->queue == queue && op->round == queue->round)
            vow__cl_op_reject(op, vow__cl_error(op->where, code, "clFlush"));
    vow__cl_look_soon(home);
}

void vow__cl_queue_flush(vow_cl_queue *queue)
{
    if (!vow__cl_is_here())
        return;
    cl_int code = clFlush(queue->handle);
    if (code != CL_SUCCESS)
        reject_untold(queue, code);
    else
        queue->round++;
}

static vow_value on_round_end(vow_value v, void *data)
{
    vow_cl_queue *queue = data;
    (void)v;
    queue->flush = vow_unref(queue->flush);
    vow__cl_queue_flush(queue);
    return vow_none();
}

static void let_go(void *queue) { vow_cl_queue_unref(queue); }

/* Without memory, at once. */
void vow__cl_queue_touched(vow_cl_queue *queue)
{
    if (queue->flush)
        return;
    vow_promise *now = vow_resolved(queue->home->loop, vow_none());
    if (vow_state(now) == VOW_FULFILLED)
        now = vow_then_with(now, on_round_end, vow_cl_queue_ref(queue), let_go);
    if (vow_state(now) == VOW_PENDING) {
        queue->flush = now;
        return;
    }
    vow_mark_handled(now);
    vow_unref(now);
    vow__cl_queue_flush(queue);
}
