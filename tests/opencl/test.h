/* SPDX-License-Identifier: MIT
 *
 * test.h - what the tests of vow-opencl share: the stub driver (stub/stub.h), which the ICD
 * loader finds because the environment says so before it is first called, and what one needs
 * to give a device something to do.
 */
#ifndef VOW_TESTS_OPENCL_TEST_H
#define VOW_TESTS_OPENCL_TEST_H

#include <dlfcn.h>
#include <stdlib.h>

#include "opencl/stub/stub.h"
#include "vow/opencl_command.h"

static const struct stub *stub;

__attribute__((constructor)) static void use_the_stub(void)
{
    setenv("OCL_ICD_VENDORS", STUB_DRIVER, 1);   /* ocl-icd */
    setenv("OCL_ICD_FILENAMES", STUB_DRIVER, 1); /* Khronos' loader */
    void *module = dlopen(STUB_DRIVER, RTLD_NOW | RTLD_LOCAL);
    void *symbol = module ? dlsym(module, "vow_stub") : NULL;
    if (!symbol)
        abort();
    const struct stub *(*find)(void);
    memcpy(&find, &symbol, sizeof find);
    stub = find();
}

/* What a child did counts, too, that leaves by _exit. */
void __gcov_dump(void) __attribute__((weak));
static inline void dump_coverage(void)
{
    if (__gcov_dump)
        __gcov_dump();
}

enum { SIZE = 64 };

struct rig {
    cl_context context;
    vow_cl_queue *queue;
    cl_mem memory[3];
};

static inline vow_cl_part part(cl_mem memory) { return (vow_cl_part){memory, 0, SIZE}; }

static inline cl_command_queue raw_queue(cl_context context, cl_command_queue_properties properties)
{
    cl_platform_id platform;
    cl_device_id device;
    cl_int code;
    if (clGetPlatformIDs(1, &platform, NULL) ||
        clGetDeviceIDs(platform, CL_DEVICE_TYPE_GPU, 1, &device, NULL))
        abort();
    return clCreateCommandQueue(context, device, properties, &code);
}

/* A test's first one begins with the stub as new: TSan's tests share a process. */
static inline cl_context raw_context(void)
{
    if (stub->live() == 0)
        stub->reset();
    cl_platform_id platform;
    cl_device_id device;
    cl_int code;
    if (clGetPlatformIDs(1, &platform, NULL) ||
        clGetDeviceIDs(platform, CL_DEVICE_TYPE_GPU, 1, &device, NULL))
        abort();
    return clCreateContext(NULL, 1, &device, NULL, NULL, &code);
}

/* An out-of-order queue with times, run by hand unless the test says otherwise. */
static inline struct rig rig_of(vow_loop *loop)
{
    struct rig rig = {raw_context(), NULL, {NULL}};
    cl_command_queue queue =
        raw_queue(rig.context, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE | CL_QUEUE_PROFILING_ENABLE);
    rig.queue = vow_cl_queue_new(loop, queue, NULL);
    clReleaseCommandQueue(queue);
    for (int i = 0; i < 3; i++)
        rig.memory[i] = clCreateBuffer(rig.context, CL_MEM_READ_WRITE, SIZE, NULL, NULL);
    stub->run(STUB_BY_HAND);
    return rig;
}

/* Everything of the rig's, and with it everything of OpenCL's, is gone. */
#define RIG_END(rig)                              \
    do {                                          \
        vow_cl_queue_unref((rig).queue);          \
        for (int i_ = 0; i_ < 3; i_++)            \
            clReleaseMemObject((rig).memory[i_]); \
        clReleaseContext((rig).context);          \
        EQ_UINT(stub->live(), 0);                 \
    } while (0)

static inline vow_buf *bytes_of(char c)
{
    vow_buf *b = vow_buf_new(SIZE);
    memset(vow_buf_bytes(b), c, SIZE);
    return b;
}

/* Runs handlers, and the device by hand, until neither has anything to do. */
static inline void settle_all(vow_loop *loop)
{
    do
        vow_poll(loop);
    while (stub->finish(1000, CL_COMPLETE) > 0);
    vow_poll(loop);
}

/* The promise is rejected with this code of OpenCL's; takes it. */
#define EQ_REJECTED(p, number)                                            \
    do {                                                                  \
        vow_promise *p_ = (p);                                            \
        EQ_INT(vow_state(p_), VOW_REJECTED);                              \
        CHECK(vow_error_is(vow_error_of(p_), vow_cl_domain(), (number))); \
        vow_mark_handled(p_);                                             \
        vow_unref(p_);                                                    \
    } while (0)
#define EQ_FULFILLED(p)                       \
    do {                                      \
        vow_promise *p_ = (p);                \
        EQ_INT(vow_state(p_), VOW_FULFILLED); \
        vow_unref(p_);                        \
    } while (0)

#endif
