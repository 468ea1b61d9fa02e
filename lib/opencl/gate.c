/* SPDX-License-Identifier: MIT
 *
 * opencl/gate.c - promise to event: a user event that is set exactly once, whatever becomes
 * of the promise, because a queue that waits for one that is never set hangs for ever.
 */
#include "opencl/op.h"

cl_int vow__cl_gate_make(struct vow__cl_gate *gate, cl_context context)
{
    cl_int code = CL_SUCCESS;
    gate->event = clCreateUserEvent(context, &code);
    return code;
}

bool vow__cl_gate_set(struct vow__cl_gate *gate, cl_int status)
{
    cl_event event = gate->event;
    gate->event = NULL;
    if (!event || !vow__cl_is_here())
        return true;
    cl_int code = clSetUserEventStatus(event, status);
    clReleaseEvent(event);
    return code == CL_SUCCESS;
}

/* A user event of the program's. */

static void set_from(struct vow__cl_gate *gate, cl_int status)
{
    vow__cl_gate_set(gate, status);
    if (status < 0)
        vow__cl_look_soon(gate->home);
}

static vow_value on_outcome(vow_value v, void *data)
{
    set_from(data, vow_is_error(v) ? VOW_CL_REJECTED : CL_COMPLETE);
    return vow_none();
}

/* The handler has run, or never will: its loop is being closed. */
static void end(void *data)
{
    struct vow__cl_gate *gate = data;
    set_from(gate, VOW_CL_UNWANTED);
    *gate->at = gate->next;
    if (gate->next)
        gate->next->at = gate->at;
    vow__cl_home_unref(gate->home);
    vow_free(gate);
}

/* A home that is closing: what waits for a promise of its loop will wait no longer. */
void vow__cl_gates_fail(struct vow__cl_home *home)
{
    for (struct vow__cl_gate *gate = home->gates; gate; gate = gate->next)
        vow__cl_gate_set(gate, VOW_CL_REJECTED);
}

static void on_error(const vow_error *e, void *data) { (void)e, (void)data; }

/* A reference for the caller, too. */
static cl_int make_for_two(struct vow__cl_gate *gate, cl_context context)
{
    cl_int code = vow__cl_gate_make(gate, context);
    if (code != CL_SUCCESS)
        return code;
    code = clRetainEvent(gate->event);
    if (code != CL_SUCCESS)
        clReleaseEvent(gate->event);
    return code;
}

static struct vow__cl_gate *new_gate(vow_loop *loop, cl_context context, cl_int *code)
{
    *code = vow__cl_use() ? CL_OUT_OF_HOST_MEMORY : CL_DEVICE_NOT_AVAILABLE;
    struct vow__cl_home *home = *code == CL_OUT_OF_HOST_MEMORY ? vow__cl_home_of(loop) : NULL;
    struct vow__cl_gate *gate = home ? vow_alloc(sizeof *gate) : NULL;
    if (gate)
        *code = make_for_two(gate, context);
    if (!gate || *code != CL_SUCCESS) {
        vow__cl_home_unref(home);
        vow_free(gate);
        return NULL;
    }
    gate->home = home;
    gate->next = home->gates;
    gate->at = &home->gates;
    if (gate->next)
        gate->next->at = &gate->next;
    home->gates = gate;
    return gate;
}

cl_event vow_cl_user_event_at(vow_loop *loop, cl_context context, vow_promise *p, cl_int *ret_code,
                              const char *where)
{
    cl_int code;
    struct vow__cl_gate *gate = new_gate(loop, context, &code);
    if (ret_code)
        *ret_code = code;
    if (!gate) {
        vow_unref(p);
        return NULL;
    }
    cl_event event = gate->event;
    /* Nobody drops it before it has run. Without memory: `end` has set the event. */
    vow_detach_at(vow_handle_at(p, on_outcome, gate, end, where), on_error, NULL, NULL, where);
    return event;
}
