/* SPDX-License-Identifier: MIT
 *
 * opencl/op.c - one operation (op.h): from its event's registration to its end.
 */
#include "opencl/op.h"

#include <sched.h>
#include <time.h>

#include "vow/pool.h"

enum { WATCHERS = 4, FIRST_NAP_NS = 20000, LAST_NAP_NS = 2000000 };

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
    vow_promise *p = vow_rejected_at(op->home->loop, vow_error_ref(e), op->where);
    vow_mark_handled(p); /* also when the command's promise is dropped before it has followed */
    settle(op, vow_promise_value(vow_context_at(p, op->where, "%s", op->command.verb->name)));
}

static void unref_watch(struct vow__cl_watch *watch)
{
    /* acq_rel: whoever is last sees that the other is done with the event */
    if (!watch || atomic_fetch_sub_explicit(&watch->refs, 1, memory_order_acq_rel) > 1)
        return;
    vow__cl_release_event(watch->event);
    vow_free(watch);
}

static void stop_watching(struct vow__cl_op *op)
{
    struct vow__cl_watch *watch = op->watch;
    vow_promise *watched = op->watched;
    op->watch = NULL;
    op->watched = NULL;
    if (watch) /* relaxed: nothing is handed over with it */
        atomic_store_explicit(&watch->is_unwanted, true, memory_order_relaxed);
    vow_unref(watched);
    unref_watch(watch);
}

/* The device is done, or will never begin. */
static void land(struct vow__cl_op *op, cl_int status)
{
    op->refs++;
    stop_watching(op);
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
    if (!is_ours_alone(op))
        return;
    stop_watching(op);
    vow__cl_flight_end(op);
    vow__cl_op_unref(op);
}

void vow__cl_op_lost(struct vow__cl_op *op)
{
    stop_watching(op);
    vow__cl_op_reject(op, vow__cl_forked(op->where));
    vow__cl_flight_end(op);
    vow__cl_op_unref(op);
}

/* Where there is no callback: a thread looks, often. It does not wait inside the driver, which
 * may forget an event: nobody could end that thread. */

static vow_value look_often(void *data)
{
    struct vow__cl_watch *watch = data;
    cl_int status;
    long ns = FIRST_NAP_NS;
    while (!atomic_load_explicit(&watch->is_unwanted, memory_order_relaxed) &&
           ask(watch->event, &status) == CL_SUCCESS && status > 0) {
        nanosleep(&(struct timespec){0, ns}, NULL);
        if (ns < LAST_NAP_NS)
            ns += ns / 2;
    }
    return vow_none();
}

static void end_watch(void *watch) { unref_watch(watch); }

static vow_value on_watched(vow_value v, void *data)
{
    (void)v;
    vow__cl_op_arrive(data);
    return vow_none();
}

/* Without memory or a thread there are still the looks. */
static void watch_in_a_thread(struct vow__cl_op *op)
{
    struct vow__cl_home *home = op->home;
    if (!home->watchers)
        home->watchers = vow_pool_new("cl-watch", WATCHERS, 0);
    struct vow__cl_watch *watch = home->watchers ? vow_alloc(sizeof *watch) : NULL;
    if (!watch || clRetainEvent(op->event) != CL_SUCCESS) {
        vow_free(watch);
        return;
    }
    watch->event = op->event;
    atomic_init(&watch->refs, 2); /* the op's, the thread's */
    op->watch = watch;
    vow_promise *p = vow_work(home->loop, home->watchers, look_often, watch, end_watch);
    op->watched = vow_handle(p, on_watched, op);
    vow_mark_handled(op->watched);
}

void vow__cl_op_watch(struct vow__cl_op *op)
{
    void *number = vow__cl_ticket_arm(op->ticket, op->home->remote);
    op->refs++; /* the callback's node may be home... */
    if (clSetEventCallback(op->event, CL_COMPLETE, vow__cl_on_event, number) != CL_SUCCESS &&
        vow__cl_ticket_cancel(op->ticket))
        watch_in_a_thread(op);
    vow__cl_op_unref(op);
}
