/* SPDX-License-Identifier: MIT
 *
 * opencl/op.h - what is under way on a device for a loop.
 *
 * A home is a loop's part of it: the operations in flight, and while there are any ("busy")
 * a remote that the driver's callbacks post to, a promise that says when the loop closes or
 * is found in a forked child (the keeper), and a timer that looks at all events now and then.
 *
 * An operation (op) is one command, or one event that somebody waits for. Always true:
 *   - `refs` counts the flight (until the device is done) and the promise (until it has
 *     ended), and who is just at work on it.
 *   - It is in the home's list while it is in flight, in the home's table while its promise
 *     is pending, and `resolver` is NULL once that has ended.
 *   - Its ticket is armed, or fired, or a thread watches its event, while it is in flight;
 *     whoever is first calls vow__cl_op_arrive on the loop's thread.
 */
#ifndef VOW_OPENCL_OP_H
#define VOW_OPENCL_OP_H

#include "opencl/ticket.h"
#include "opencl/use.h"
#include "vow/opencl_command.h"
#include "vow/pool.h"
#include "vow/resolver.h"

struct vow__cl_op;

/* A user event that a promise sets; NULL once it is set and given back. */
struct vow__cl_gate {
    cl_event event;
    vow_promise *handler; /* sets it */
    struct vow__cl_home *home;
    struct vow__cl_gate *next, **at; /* in the home's list; at NULL: a command's own */
};

struct vow__cl_home {
    struct vow__cl_home *next, **at; /* of this thread's homes */
    vow_loop *loop;
    size_t refs; /* operations, gates, queues */
    struct vow__cl_op *flight;
    struct vow__cl_gate *gates; /* of vow_cl_user_event */
    struct vow__cl_op **table;  /* by promise; NULL: none yet */
    size_t table_size, known;
    /* while busy: */
    vow_remote *remote;
    vow_remote_resolver *keeper;
    vow_promise *kept, *look; /* the keeper's handler, the timer's */
    uint64_t look_ms;
    bool is_closing, look_again;
    vow_pool *watchers; /* for events without a callback; NULL: none needed yet */
};

/* home.c. Gives a reference; NULL: no memory. */
struct vow__cl_home *vow__cl_home_of(vow_loop *loop);
void vow__cl_home_unref(struct vow__cl_home *home);
/* The op takes off, and has landed. begin: 0 or an errno number. */
int vow__cl_flight_begin(struct vow__cl_op *op);
void vow__cl_flight_end(struct vow__cl_op *op);
/* Something failed that a driver may keep to itself: look soon. */
void vow__cl_look_soon(struct vow__cl_home *home);

/* find.c. The op whose pending promise p is; NULL: none. */
struct vow__cl_op *vow__cl_find(const struct vow__cl_home *home, const vow_promise *p);
void vow__cl_enlist(struct vow__cl_op *op);
void vow__cl_delist(struct vow__cl_op *op);

/* gate.c. A new user event; CL_SUCCESS or OpenCL's code. */
cl_int vow__cl_gate_make(struct vow__cl_gate *gate, cl_context context);
/* Sets it once: later calls do nothing. False: OpenCL would not. */
bool vow__cl_gate_set(struct vow__cl_gate *gate, cl_int status);
void vow__cl_gates_fail(struct vow__cl_home *home);

/* queue.c */
struct vow_cl_queue {
    struct vow__cl_home *home;
    cl_command_queue handle;
    cl_context context; /* the queue holds it */
    size_t refs;
    unsigned round;     /* how often it was flushed: what came before was told to the device */
    vow_promise *flush; /* under way in the loop's queue */
};
void vow__cl_queue_touched(vow_cl_queue *queue); /* to be flushed */
void vow__cl_queue_flush(vow_cl_queue *queue);   /* now */

/* A command: which one, and with what. */
struct vow__cl_command {
    const struct vow__cl_verb *verb;
    vow_buf *bytes;
    vow_cl_part part, other;
    union {
        struct {
            cl_kernel handle;
            vow_cl_range range;
        } kernel;
        struct {
            size_t size;
            unsigned char bytes[128];
        } pattern;
        struct {
            vow_cl_enqueue_fn *fn;
            void *data;
            vow_destroy_fn *destroy;
        } other;
        vow_cl_box box;
        struct {
            vow_cl_map *map;
            cl_map_flags flags;
            void *bytes; /* OpenCL's answer; valid when the command is done */
        } map;
        cl_event event;
    } with;
};

/* What a check says of the host's memory, NULL where there is none to be had. */
static inline cl_int vow__cl_check_size(const vow_buf *bytes, size_t wanted)
{
    if (!bytes)
        return CL_OUT_OF_HOST_MEMORY;
    return vow_buf_size(bytes) == wanted ? CL_SUCCESS : CL_INVALID_BUFFER_SIZE;
}

struct vow__cl_verb {
    const char *name;                           /* of OpenCL's call */
    cl_int (*check)(struct vow__cl_command *c); /* may be NULL; no call to OpenCL;
                                                 CL_OUT_OF_HOST_MEMORY: becomes ENOMEM */
    cl_int (*hold)(struct vow__cl_command *c);  /* may be NULL; all or nothing */
    cl_int (*enqueue)(struct vow__cl_command *c, cl_command_queue queue, cl_uint count,
                      const cl_event *waits, cl_event *ret);
    vow_value (*value)(struct vow__cl_command *c);         /* may be NULL; also when nobody waits */
    void (*release)(struct vow__cl_command *c, bool held); /* may be NULL; takes what c has */
    bool is_foreign;                                       /* nothing of vow's depends on its end */
};

struct vow__cl_link { /* a dependency */
    struct vow__cl_op *op;
    struct vow__cl_gate gate;
};

/* What a thread looks at. The last of the two that hold it frees it, on whatever thread. */
struct vow__cl_watch {
    cl_event event; /* a reference */
    atomic_int refs;
    atomic_bool is_unwanted;
};

struct vow__cl_op {
    struct vow__cl_home *home;
    struct vow__cl_op *next, **at;             /* in flight; at NULL: not */
    struct vow__cl_op *table_next, **table_at; /* in the table; table_at NULL: not */
    vow_promise *promise;                      /* only compared; none of ours */
    vow_resolver *resolver;
    vow_cl_queue *queue; /* NULL: only waits for an event */
    cl_event event;
    struct vow__cl_ticket *ticket;
    struct vow__cl_watch *watch; /* where the callback could not be registered; and who hears */
    vow_promise *watched;        /* of it; NULL: no thread is needed, or none could be had */
    const char *where;
    unsigned refs;
    unsigned round; /* its queue's, when it was put in */
    bool held;      /* the command's objects */
    bool doomed;    /* a user event of its own has failed: it cannot begin any more */
    struct vow__cl_command command;
    size_t link_count, wait_count;
    cl_event *waits; /* behind the links; a reference each */
    struct vow__cl_link links[];
};

/* op.c */
struct vow__cl_op *vow__cl_op_new(struct vow__cl_home *home, size_t links);
void vow__cl_op_unref(struct vow__cl_op *op);
/* Its promise; the op has its part of it, pending or not. */
vow_promise *vow__cl_op_promise(struct vow__cl_op *op, const char *where);
void vow__cl_op_reject(struct vow__cl_op *op, vow_error *e); /* takes e; the flight goes on */
/* A dependency has failed: its error becomes the cause. Looks at e. */
void vow__cl_op_reject_for(struct vow__cl_op *op, const vow_error *e);
/* Has the driver call back, or else a thread look. */
void vow__cl_op_watch(struct vow__cl_op *op);
/* Something says that the event is done: asks it, and ends the flight if so. */
void vow__cl_op_arrive(struct vow__cl_op *op);
/* The same where no callback has come, and in a forked child. */
void vow__cl_op_look(struct vow__cl_op *op);
void vow__cl_op_lost(struct vow__cl_op *op);
/* Closing: nobody has to wait for this event. */
void vow__cl_op_abandon(struct vow__cl_op *op);

/* command.c. Takes what the command has, and the dependencies. queue NULL: waits for
 * with.event. */
vow_promise *vow__cl_start(vow_loop *loop, vow_cl_queue *queue, struct vow__cl_command *command,
                           vow_cl_after after, const char *where);

#endif
