/* SPDX-License-Identifier: MIT
 *
 * object.h - the stub's objects. One lock guards everything.
 */
#ifndef VOW_TESTS_OPENCL_OBJECT_H
#define VOW_TESTS_OPENCL_OBJECT_H

#include "stub.h"

#include <CL/cl_icd.h>
#include <pthread.h>
#include <stdint.h>

enum kind { PLATFORM, DEVICE, CONTEXT, QUEUE, MEMORY, PROGRAM, KERNEL, EVENT };

struct object {
    const cl_icd_dispatch *dispatch; /* first: the loader's */
    enum kind kind;
    int refs;
    struct object *parent; /* a reference */
};

struct _cl_platform_id {
    struct object o;
    const char *name;
};
struct _cl_device_id {
    struct object o;
    const char *name;
    cl_device_type type;
};
struct _cl_context {
    struct object o;
};
struct _cl_command_queue {
    struct object o;
    cl_command_queue_properties properties;
};
struct _cl_mem {
    struct object o;
    size_t size;
    unsigned char *bytes;
};
struct _cl_program {
    struct object o;
    char *text;
};
enum { MOST_ARGUMENTS = 4 };
struct _cl_kernel {
    struct object o;
    char name[32];
    cl_mem arguments[MOST_ARGUMENTS];
};

struct callback {
    void(CL_CALLBACK *fn)(cl_event, cl_int, void *);
    void *data;
    cl_event event; /* a reference, once it is late */
    struct callback *next;
};

/* A command, or a user event (queue NULL). */
struct _cl_event {
    struct object o;
    int number;
    cl_int status;
    cl_command_queue queue;
    struct _cl_event *next; /* not done yet, oldest first */
    bool is_flushed, is_marker;
    cl_uint wait_count;
    cl_event *waits; /* a reference each */
    struct callback *callbacks;
    void (*act)(struct _cl_event *event);
    cl_mem memory[MOST_ARGUMENTS]; /* a reference each */
    void *host;
    size_t from, to, size;
    unsigned char pattern[128];
    cl_ulong times[4];
};

extern pthread_mutex_t stub_lock;
extern const cl_icd_dispatch stub_dispatch;

/* control.c. Counts the call; true: it is to fail with *ret. Takes the lock itself. */
bool stub_fails(const char *name, cl_int *ret);
extern enum stub_calls stub_calls_how;
void stub_note(struct _cl_event *event, const char *name);

/* object.c. With the lock held. */
void *stub_new(enum kind kind, size_t size, void *parent);
void *stub_hold(void *object);
void stub_drop(void *object);
extern size_t stub_live_objects;

/* run.c. With the lock held. */
struct _cl_event *stub_command_new(cl_command_queue queue, const char *name, cl_uint count,
                                   const cl_event *waits);
void stub_flush(cl_command_queue queue);
void stub_event_done(struct _cl_event *event, cl_int status); /* lets the lock go for callbacks */
extern int stub_telling; /* events whose callbacks are just called */
void stub_wake(void);
void stub_wait_change(void);
void stub_forget(struct _cl_event *event);
/* Without it. */
void stub_start_thread(void);
void stub_run(enum stub_when how);
int stub_finish(int n, cl_int status);
void stub_set_forgets(bool on);
void stub_set_backwards(bool on);
void stub_set_slow(unsigned us);
void stub_nap(void); /* as long as a command takes */
int stub_unflushed(void);
void stub_call_late(void);

#endif
