/* SPDX-License-Identifier: MIT
 *
 * vow/opencl.h - OpenCL work as promises, both ways: events, queues, devices, programs.
 * (Link vow-opencl. vow/opencl_command.h has the commands.)
 *
 *     vow_promise *done = vow_cl_wait(loop, event);                  // any cl_event
 *     cl_event gate = vow_cl_user_event(loop, context, p, NULL);     // any promise
 *     vow_promise *device = vow_cl_open(loop, NULL, 0);              // the best there is
 *
 * Everything belongs to the loop's thread. The driver's callback, on whatever thread, only
 * posts a node; the status is read again on the loop's thread, and an event whose callback
 * never comes is found by looking every 100 ms to 1 s. A negative status rejects with the
 * domain vow_cl_domain and OpenCL's name for it. What was started is waited for: dispatch
 * goes on, and closing the loop waits, until the device is done with it, at most 10 s.
 * OpenCL does not survive fork: in the child of a process that used it everything here
 * rejects with VOW_EFORK, and pending work does when vow_loop_after_fork is called.
 * Loops on several threads may share OpenCL's own objects as far as OpenCL lets threads do
 * (clSetKernelArg it does not); what vow counts they may not.
 */
#ifndef VOW_OPENCL_H
#define VOW_OPENCL_H

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>

#include "promise.h"
#include "type.h"

VOW_BEGIN

/* OpenCL's error codes and their names ("CL_OUT_OF_RESOURCES"), and two of vow's own. */
VOW_API const vow_domain *vow_cl_domain(void);
enum vow_cl_code {
    VOW_CL_REJECTED = -64001, /* the status of a user event whose promise was rejected      */
    VOW_CL_UNWANTED = -64002  /* ... whose promise, or whose command's promise, was let go */
};

/* Fulfils with nothing when `event` is complete, or rejects with its status. Looks at the
 * event, of which it holds a reference meanwhile. Does not flush: the event of a queue that
 * nobody flushes may never come. Cancel and drop: the event goes on, unwatched. */
#define vow_cl_wait(loop, event) vow_cl_wait_at(loop, event, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_cl_wait_at(vow_loop *loop, cl_event event,
                                                  const char *where);

/* Gives a user event of `context` that commands can wait for; release it with
 * clReleaseEvent. Takes p. It is set exactly once: CL_COMPLETE when p fulfils,
 * VOW_CL_REJECTED when it rejects (p counts as handled), also when the loop closes first;
 * VOW_CL_UNWANTED at once where there is no memory to wait for p.
 * NULL: it could not be made, p is dropped, *ret_code (may be NULL) says why. */
#define vow_cl_user_event(loop, context, p, ret_code) \
    vow_cl_user_event_at(loop, context, p, ret_code, VOW_HERE)
VOW_API VOW_NODISCARD cl_event vow_cl_user_event_at(vow_loop *loop, cl_context context,
                                                    vow_promise *p, cl_int *ret_code,
                                                    const char *where);

/* Gives the event of a pending promise of vow_cl_wait or of a command, for calls of
 * OpenCL's own; NULL: p has settled or is none of these. Looks at p. */
VOW_API VOW_NODISCARD cl_event vow_cl_event_of(vow_promise *p);

/* When a command was queued, submitted, started and ended: nanoseconds of the device's clock.
 * CL_SUCCESS or OpenCL's code; the event's queue needs CL_QUEUE_PROFILING_ENABLE, the event
 * has to be complete. Looks. */
typedef struct vow_cl_times {
    cl_ulong queued, submitted, started, ended;
} vow_cl_times;
VOW_API cl_int vow_cl_times_of(cl_event event, vow_cl_times *ret);

/* Devices. A wish is a type of device and part of its own or its platform's name (NULL: any);
 * the first wish that a device of any platform meets is taken. No wishes (n = 0): a GPU, else
 * an accelerator, else a CPU. Fulfils with a vow_cl_device (vow_cl_device_of) with a context
 * of its own; a device that cannot have one is passed over, its error is that of all if no
 * other can. No device: CL_DEVICE_NOT_FOUND, the message says how many platforms there are.
 * Copies the wishes. The search runs in the process's pool: the first call of a driver can
 * take long. */
typedef struct vow_cl_wish {
    cl_device_type type;
    const char *name;
} vow_cl_wish;
#define vow_cl_open(loop, wishes, n) vow_cl_open_at(loop, wishes, n, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_cl_open_at(vow_loop *loop, const vow_cl_wish *wishes,
                                                  size_t n, const char *where);

/* Counted, not atomically. The getters borrow; platform and name are never NULL. */
typedef struct vow_cl_device vow_cl_device;
VOW_API vow_cl_device *vow_cl_device_ref(vow_cl_device *device);
VOW_API vow_cl_device *vow_cl_device_unref(vow_cl_device *device); /* NULL ok; returns NULL */
VOW_API cl_device_id vow_cl_device_id(const vow_cl_device *device);
VOW_API cl_device_type vow_cl_device_kind(const vow_cl_device *device);
VOW_API cl_context vow_cl_device_context(const vow_cl_device *device);
VOW_API const char *vow_cl_device_name(const vow_cl_device *device);
VOW_API const vow_type *vow_cl_device_type(void);
VOW_API vow_value vow_cl_device_value(vow_cl_device *device); /* takes */
VOW_API vow_cl_device *vow_cl_device_of(vow_value v);         /* looks; another type panics */
VOW_API bool vow_cl_device_is(vow_value v);

/* Programs. Fulfils with the cl_program (vow_cl_program_of), built for `device` in the
 * process's pool, because a driver may take a second, even where it has a callback. Copies
 * the text and the options (NULL: none). A build that fails rejects with
 * CL_BUILD_PROGRAM_FAILURE or the like and the build log as message. Cancel: one that has
 * begun runs out in the background. */
#define vow_cl_build(loop, device, text, options) \
    vow_cl_build_at(loop, device, text, options, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_cl_build_at(vow_loop *loop, vow_cl_device *device,
                                                   const char *text, const char *options,
                                                   const char *where);
VOW_API const vow_type *vow_cl_program_type(void);
VOW_API vow_value vow_cl_program_value(cl_program program); /* takes a reference of OpenCL's */
VOW_API cl_program vow_cl_program_of(vow_value v);          /* looks; another type panics */

/* A command queue that vow flushes: once after each round of handlers that put something in.
 * vow_cl_queue_new holds a reference on `queue`, which it looks at; vow_cl_queue_open makes
 * one with clCreateCommandQueue. Counted, not atomically; commands under way hold it too.
 * NULL: *ret_code (may be NULL) says why: OpenCL's code, CL_OUT_OF_HOST_MEMORY without
 * memory, CL_DEVICE_NOT_AVAILABLE in a forked child. */
typedef struct vow_cl_queue vow_cl_queue;
VOW_API VOW_NODISCARD vow_cl_queue *vow_cl_queue_new(vow_loop *loop, cl_command_queue queue,
                                                     cl_int *ret_code);
VOW_API VOW_NODISCARD vow_cl_queue *vow_cl_queue_open(vow_loop *loop, vow_cl_device *device,
                                                      cl_command_queue_properties properties,
                                                      cl_int *ret_code);
VOW_API vow_cl_queue *vow_cl_queue_ref(vow_cl_queue *queue);
VOW_API vow_cl_queue *vow_cl_queue_unref(vow_cl_queue *queue); /* NULL ok; returns NULL */
VOW_API cl_command_queue vow_cl_queue_handle(const vow_cl_queue *queue); /* borrowed */

VOW_END
#endif
