/* SPDX-License-Identifier: MIT
 *
 * 26-anywhere - one job, one promise: on a GPU, else any OpenCL device, else a worker thread.
 *
 *     examples/run 26-anywhere
 *
 * Expected output:
 *     sum of squares: 333332833333500000
 * Without a device:
 *     sum of squares: 333332833333500000
 */
#include <stdio.h>
#include <vow.h>
#include <vow/opencl_command.h>

enum { COUNT = 1000000, SIZE = COUNT * sizeof(cl_ulong) };
static int count = COUNT;

static const char text[] = "kernel void square(global ulong *x) {"
                           "    x[get_global_id(0)] = get_global_id(0) * get_global_id(0); }";
static vow_value add_up(vow_value bytes, void *data)
{
    int64_t sum = 0;
    for (int i = 0; i < *(int *)data; i++)
        sum += ((int64_t *)vow_buf_bytes(vow_buf_of(bytes)))[i];
    return vow_v(sum);
}

/* What a command needs it holds: all can be let go once it is put in. */
static vow_value on_program(vow_value program, void *data)
{
    vow_cl_range range = {.dimensions = 1, .global = {COUNT}};
    vow_cl_part part = {clCreateBuffer(vow_cl_device_context(data), 0, SIZE, NULL, NULL), 0, SIZE};
    vow_cl_queue *queue = vow_cl_queue_open(vow_current(), data, 0, NULL);
    cl_kernel kernel = clCreateKernel(vow_cl_program_of(program), "square", NULL);
    vow_promise *sum = NULL;
    if (part.buffer && queue && kernel &&
        clSetKernelArg(kernel, 0, sizeof part.buffer, &part.buffer) == CL_SUCCESS) {
        vow_promise *run = vow_cl_kernel(queue, kernel, &range, VOW_AT_ONCE);
        sum = vow_then(vow_cl_read(queue, part, NULL, VOW_AFTER(run)), add_up, &count);
    }
    clReleaseKernel(kernel);
    clReleaseMemObject(part.buffer);
    vow_cl_queue_unref(queue);
    return sum ? vow_v(sum) : vow_fail_in(vow_cl_domain(), CL_OUT_OF_RESOURCES, "set up");
}

static void let_go(void *device) { vow_cl_device_unref(device); }
static vow_value on_device(vow_value v, void *data)
{
    vow_promise *built = vow_cl_build(vow_current(), vow_cl_device_of(v), text, NULL);
    (void)data;
    return vow_v(vow_then_with(built, on_program, vow_cl_device_ref(vow_cl_device_of(v)), let_go));
}

static vow_value on_worker(void *data)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < *(int *)data; i++)
        sum += i * i;
    return vow_v(sum);
}

static vow_value no_device(const vow_error *e, void *data)
{
    (void)e; /* or the device cannot do it */
    return vow_v(vow_work(vow_current(), NULL, on_worker, data, NULL));
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    vow_value v;
    vow_promise *sum = vow_then(vow_cl_open(loop, NULL, 0), on_device, NULL);
    int code = vow_run(loop, vow_catch(sum, no_device, &count), &v);
    if (!code)
        printf("sum of squares: %lld\n", (long long)vow_as_int(v));
    vow_loop_free(loop);
    return code;
}
