/* SPDX-License-Identifier: MIT
 *
 * stub.h - an OpenCL driver without a device, for tests: loaded by the ICD loader through its
 * environment variable, told what to do wrong through this table, which it exports.
 *
 *     const struct stub *stub = stub_find();     // test.h
 *     stub->fail("clFlush", CL_OUT_OF_RESOURCES, 1);
 *
 * Commands run in order of their queue once they were flushed and what they wait for is done:
 * on the stub's own thread (STUB_THREAD) or when the test says so (STUB_BY_HAND).
 */
#ifndef VOW_TESTS_OPENCL_STUB_H
#define VOW_TESTS_OPENCL_STUB_H

#include <stdbool.h>
#include <stddef.h>

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

enum stub_when { STUB_THREAD, STUB_BY_HAND };
enum stub_calls {
    STUB_CALLS_ALL,      /* as it should be */
    STUB_CALLS_NO_ERROR, /* as PoCL: none for an event that failed */
    STUB_CALLS_NONE,
    STUB_CALLS_TWICE,
    STUB_CALLS_EARLY, /* inside the registration, whatever the status is */
    STUB_CALLS_WRONG, /* with status 0 for an event that failed */
    STUB_CALLS_LATE   /* not before call_late */
};

enum { STUB_MOST_WAITS = 8 };
struct stub_command {
    const char *name;
    int number;                 /* of its event, from 1 */
    int waits[STUB_MOST_WAITS]; /* numbers, 0 ends */
};

struct stub {
    /* The nth call of the name from now on (0: every one) gives `code` and does nothing. */
    void (*fail)(const char *name, cl_int code, int nth);
    int (*called)(const char *name);
    void (*run)(enum stub_when when);
    void (*calls)(enum stub_calls calls);
    void (*forget_dependants)(bool forget); /* of a failed event: they stay as they are */
    void (*backwards)(bool backwards);      /* the newest that can run is run first */
    /* By hand, on the calling thread: at most n runnable commands end with `status`. Gives how
     * many. */
    int (*finish)(int n, cl_int status);
    void (*slow)(unsigned us); /* what the thread takes for a command; a build, a search */
    size_t (*command_count)(void);
    struct stub_command (*command)(size_t i);
    int (*number_of)(cl_event event);
    size_t (*live)(void);            /* objects that were not released yet */
    int (*unflushed)(void);          /* commands that nobody has flushed */
    void (*lose_devices)(bool lose); /* clGetDeviceIDs finds none */
    void (*call_late)(void);
    void (*reset)(void); /* all of the above, as at the start */
};

#endif
