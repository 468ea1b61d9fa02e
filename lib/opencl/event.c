/* SPDX-License-Identifier: MIT
 *
 * opencl/event.c - events that somebody else has made as promises, promises' events, times.
 */
#include "opencl/op.h"

/* Nothing is put into a queue: the event is there. */
static cl_int take_event(struct vow__cl_command *c, cl_command_queue queue, cl_uint count,
                         const cl_event *waits, cl_event *ret)
{
    (void)queue, (void)count, (void)waits;
    cl_int code = clRetainEvent(c->with.event);
    if (code == CL_SUCCESS)
        *ret = c->with.event;
    return code;
}

static const struct vow__cl_verb wait_verb = {"OpenCL event", NULL, NULL, take_event,
                                              NULL,           NULL, true};

vow_promise *vow_cl_wait_at(vow_loop *loop, cl_event event, const char *where)
{
    struct vow__cl_command c = {.verb = &wait_verb};
    c.with.event = event;
    return vow__cl_start(loop, NULL, &c, VOW_AT_ONCE, where);
}

cl_event vow_cl_event_of(vow_promise *p)
{
    struct vow__cl_home *home = vow__cl_use() ? vow__cl_home_of(vow_loop_of(p)) : NULL;
    struct vow__cl_op *op = home ? vow__cl_find(home, p) : NULL;
    cl_event event = op ? op->event : NULL;
    if (event && clRetainEvent(event) != CL_SUCCESS)
        event = NULL;
    vow__cl_home_unref(home);
    return event;
}

cl_int vow_cl_times_of(cl_event event, vow_cl_times *ret)
{
    static const cl_profiling_info names[] = {CL_PROFILING_COMMAND_QUEUED,
                                              CL_PROFILING_COMMAND_SUBMIT,
                                              CL_PROFILING_COMMAND_START, CL_PROFILING_COMMAND_END};
    cl_ulong times[4];
    if (!vow__cl_use())
        return CL_DEVICE_NOT_AVAILABLE;
    for (int i = 0; i < 4; i++) {
        cl_int code = clGetEventProfilingInfo(event, names[i], sizeof times[i], &times[i], NULL);
        if (code != CL_SUCCESS)
            return code;
    }
    *ret = (vow_cl_times){times[0], times[1], times[2], times[3]};
    return CL_SUCCESS;
}
