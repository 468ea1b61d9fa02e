/* SPDX-License-Identifier: MIT
 *
 * 15-opencl-add - two arrays are added on a device; only the result comes back to the loop.
 *
 *     examples/run 15-opencl-add
 *
 * Expected output:
 *     device: <text>
 *     1000000 sums, the last is 2999997
 */
#include <stdio.h>
#include <stdlib.h>
#include <vow.h>
#include <vow/opencl_command.h>

enum { COUNT = 1000000, SIZE = COUNT * sizeof(int) };

static const char text[] =
    "kernel void add(global const int *a, global const int *b, global int *c) {\n"
    "    c[get_global_id(0)] = a[get_global_id(0)] + b[get_global_id(0)];\n"
    "}\n";

static void check(cl_int code, const char *what)
{
    if (code != CL_SUCCESS) {
        fprintf(stderr, "%s: %s\n", what, vow_cl_domain()->text(code));
        exit(1);
    }
}

static vow_value run(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    if (vow_run(loop, p, &v))
        check(vow_error_code(vow_as_error(v)), vow_error_message(vow_as_error(v)));
    return v;
}

static vow_buf *numbers(int factor)
{
    vow_buf *b = vow_buf_new(SIZE);
    check(b ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY, "numbers");
    for (int i = 0; i < COUNT; i++)
        ((int *)vow_buf_bytes(b))[i] = factor * i;
    return b;
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    vow_value opened = run(loop, vow_cl_open(loop, NULL, 0));
    vow_cl_device *device = vow_cl_device_of(opened);
    printf("device: %s\n", vow_cl_device_name(device));
    vow_value program = run(loop, vow_cl_build(loop, device, text, NULL));
    cl_int code;
    cl_kernel kernel = clCreateKernel(vow_cl_program_of(program), "add", &code);
    check(code, "clCreateKernel");
    vow_cl_part parts[3] = {{NULL, 0, SIZE}, {NULL, 0, SIZE}, {NULL, 0, SIZE}};
    for (cl_uint i = 0; i < 3; i++) {
        cl_context context = vow_cl_device_context(device);
        parts[i].buffer = clCreateBuffer(context, CL_MEM_READ_WRITE, SIZE, NULL, &code);
        check(code, "clCreateBuffer");
        check(clSetKernelArg(kernel, i, sizeof(cl_mem), &parts[i].buffer), "clSetKernelArg");
    }
    vow_cl_queue *queue = vow_cl_queue_open(loop, device, 0, &code);
    check(code, "vow_cl_queue_open");

    vow_cl_range range = {.dimensions = 1, .global = {COUNT}};
    vow_promise *a = vow_cl_write(queue, parts[0], numbers(1), VOW_AT_ONCE);
    vow_promise *b = vow_cl_write(queue, parts[1], numbers(2), VOW_AT_ONCE);
    vow_promise *add = vow_cl_kernel(queue, kernel, &range, VOW_AFTER(a, b));
    vow_value sums = run(loop, vow_cl_read(queue, parts[2], NULL, VOW_AFTER(add)));
    printf("%d sums, the last is %d\n", COUNT, ((int *)vow_buf_bytes(vow_buf_of(sums)))[COUNT - 1]);
    vow_release(sums);
    vow_cl_queue_unref(queue);
    vow_release(program);
    vow_release(opened);
    vow_loop_free(loop); /* the rest goes with the process */
    return 0;
}
