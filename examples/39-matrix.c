/* SPDX-License-Identifier: MIT
 *
 * 39-matrix - two matrices multiplied on a device and, meanwhile, on a worker thread: all that is
 * asked of either is one promise, and the results have to agree.
 *
 *     examples/run 39-matrix
 *
 * Expected output:
 *     480 x 480: device and host agree
 * Without a device:
 *     480 x 480: the host alone, no such device on <text>
 */
#include <stdio.h>
#include <vow.h>
#include <vow/opencl_command.h>
enum { N = 480, SIZE = N * N * sizeof(float) };
static const char text[] =
    "kernel void multiply(global const float *a, global const float *b, global float *c) {"
    "    int x = get_global_id(0), y = get_global_id(1), n = get_global_size(0); float sum = 0;"
    "    for (int i = 0; i < n; i++) sum += a[y * n + i] * b[i * n + x];  c[y * n + x] = sum; }";
static float a[N * N], b[N * N], host[N * N];

static vow_value on_host(void *c) /* on a worker thread */
{
    for (int y = 0; y < N; y++)
        for (int i = 0; i < N * N; i++)
            ((float *)c)[y * N + i % N] += a[y * N + i / N] * b[i];
    return vow_none();
}

static void let_go(void *device) { vow_cl_device_unref(device); }
static vow_value on_program(vow_value program, void *device)
{
    vow_cl_queue *queue = vow_cl_queue_open(vow_current(), device, 0, NULL);
    cl_kernel kernel = clCreateKernel(vow_cl_program_of(program), "multiply", NULL);
    vow_cl_range range = {.dimensions = 2, .global = {N, N}};
    vow_cl_part part[3];
    bool ok = queue != NULL;
    for (cl_uint i = 0; i < 3; i++) {
        part[i] = (vow_cl_part){clCreateBuffer(vow_cl_device_context(device), 0, SIZE, NULL, NULL), 0, SIZE};
        ok = ok && clSetKernelArg(kernel, i, sizeof(cl_mem), &part[i].buffer) == CL_SUCCESS;
    }
    if (!ok)
        return vow_fail_in(vow_cl_domain(), CL_OUT_OF_RESOURCES, "set up");
    vow_promise *up_a = vow_cl_write(queue, part[0], vow_buf_copy(a, SIZE), VOW_AT_ONCE);
    vow_promise *up_b = vow_cl_write(queue, part[1], vow_buf_copy(b, SIZE), VOW_AT_ONCE);
    vow_promise *run = vow_cl_kernel(queue, kernel, &range, VOW_AFTER(up_a, up_b));
    vow_promise *down = vow_cl_read(queue, part[2], NULL, VOW_AFTER(run));
    for (int i = 0; i < 3; i++)
        clReleaseMemObject(part[i].buffer); /* what is put in holds what it needs */
    clReleaseKernel(kernel);
    vow_cl_queue_unref(queue);
    return vow_v(down);
}

static vow_value on_device(vow_value v, void *program)
{
    vow_cl_device *device = vow_cl_device_ref(vow_cl_device_of(v));
    return vow_v(vow_then_with(vow_cl_build(vow_current(), device, program, NULL), on_program, device, let_go));
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    for (int i = 0; i < N * N; i++)
        a[i] = (float)(i % 17 - 8), b[i] = (float)(i % 23 - 11) / 8;
    vow_promise *c = vow_then(vow_cl_open(loop, NULL, 0), on_device, (void *)(uintptr_t)text);
    vow_value both;
    if (vow_run(loop, vow_all_settled(loop, c, vow_work(loop, NULL, on_host, host, NULL)), &both))
        return 1;
    vow_value v = vow_at(both, 0);
    bool agree = true;
    for (int i = 0; !vow_is_error(v) && i < N * N; i++) /* all are sums of eighths: floats hold them */
        agree = agree && ((float *)(void *)vow_buf_bytes(vow_buf_of(v)))[i] == host[i];
    printf("%d x %d: %s%s\n", N, N, vow_is_error(v) ? "the host alone, " : "device and host ",
           vow_is_error(v) ? vow_error_message(vow_as_error(v)) : agree ? "agree" : "do not agree");
    vow_release(both);
    vow_loop_free(loop);
}
