/* SPDX-License-Identifier: MIT
 *
 * The same on a real driver: PoCL's processor device, the one that every machine can have.
 * Its bugs are those that the stub plays; here they are its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "harness.h"
#include "vow/opencl_command.h"

/* PoCL and LLVM keep what they have until the process ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libpocl\nleak:libLLVM\nleak:libOpenCL\nleak:libclang\nleak:libstdc++\n";
}

#ifdef __clang__ /* 14: its look for leaks crashes now and then while PoCL's threads end */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }
#endif

__attribute__((constructor)) static void keep_kernels_in_the_build(void)
{
    mkdir(POCL_CACHE, 0755);
    setenv("POCL_CACHE_DIR", POCL_CACHE, 1);
}

enum { N = 1024, SIZE = N * sizeof(float) };

static const char text[] = "kernel void twice(global float *x)\n"
                           "{\n"
                           "    size_t i = get_global_id(0);\n"
                           "    x[i] = 2 * x[i];\n"
                           "}\n";

/* PoCL opens files of its own for good: not under the eyes of the test's end. */
struct rig {
    vow_cl_device *device;
    vow_cl_queue *queue;
    vow_value program;
    cl_kernel kernel;
    cl_mem memory;
};

static struct rig rig_of(vow_loop *loop, cl_command_queue_properties properties)
{
    struct rig rig;
    vow_value v;
    vow_cl_wish wish = {CL_DEVICE_TYPE_CPU, "Portable"}; /* the platform */
    EQ_INT(vow_run(loop, vow_cl_open(loop, &wish, 1), &v), 0);
    rig.device = vow_cl_device_ref(vow_cl_device_of(v));
    vow_release(v);
    EQ_INT(vow_run(loop, vow_cl_build(loop, rig.device, text, NULL), &rig.program), 0);
    rig.kernel = clCreateKernel(vow_cl_program_of(rig.program), "twice", NULL);
    rig.queue = vow_cl_queue_open(loop, rig.device, properties, NULL);
    rig.memory =
        clCreateBuffer(vow_cl_device_context(rig.device), CL_MEM_READ_WRITE, SIZE, NULL, NULL);
    CHECK(rig.kernel && rig.queue && rig.memory);
    EQ_INT(clSetKernelArg(rig.kernel, 0, sizeof rig.memory, &rig.memory), CL_SUCCESS);
    return rig;
}

static void rig_end(struct rig *rig)
{
    clReleaseMemObject(rig->memory);
    clReleaseKernel(rig->kernel);
    vow_release(rig->program);
    vow_cl_queue_unref(rig->queue);
    vow_cl_device_unref(rig->device);
}

static vow_promise *doubled(struct rig *rig, vow_promise *first, int times)
{
    vow_cl_part all = {rig->memory, 0, SIZE};
    vow_cl_range range = {.dimensions = 1, .global = {N}};
    vow_buf *ones = vow_buf_new(SIZE);
    for (int i = 0; i < N; i++)
        ((float *)(void *)vow_buf_bytes(ones))[i] = 1;
    vow_promise *p = first ? vow_cl_write(rig->queue, all, ones, VOW_AFTER(first))
                           : vow_cl_write(rig->queue, all, ones, VOW_AT_ONCE);
    for (int i = 0; i < times; i++)
        p = vow_cl_kernel(rig->queue, rig->kernel, &range, VOW_AFTER(p));
    return vow_cl_read(rig->queue, all, NULL, VOW_AFTER(p));
}

TEST(a_pipeline_of_kernels_runs_on_the_device)
{
    struct rig rig = rig_of(loop, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    vow_value v;
    EQ_INT(vow_run(loop, doubled(&rig, NULL, 10), &v), 0);
    EQ_DOUBLE(((float *)(void *)vow_buf_bytes(vow_buf_of(v)))[N - 1], 1024);
    vow_release(v);
    rig_end(&rig);
}

TEST(commands_of_a_pipeline_follow_one_another_on_the_devices_clock)
{
    struct rig rig =
        rig_of(loop, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE | CL_QUEUE_PROFILING_ENABLE);
    vow_cl_part all = {rig.memory, 0, SIZE};
    float zero = 0;
    vow_promise *fill =
        vow_cl_fill(rig.queue, all, ((vow_cl_pattern){&zero, sizeof zero}), VOW_AT_ONCE);
    cl_event first = vow_cl_event_of(fill);
    vow_promise *read = vow_cl_read(rig.queue, all, NULL, VOW_AFTER(fill));
    cl_event second = vow_cl_event_of(read);
    EQ_INT(vow_run(loop, read, NULL), 0);
    vow_cl_times a, b;
    EQ_INT(vow_cl_times_of(first, &a), CL_SUCCESS);
    EQ_INT(vow_cl_times_of(second, &b), CL_SUCCESS);
    CHECK(a.started <= a.ended && a.ended <= b.started);
    clReleaseEvent(first);
    clReleaseEvent(second);
    rig_end(&rig);
}

TEST(a_promise_of_the_host_holds_a_pipeline_and_lets_it_go)
{
    struct rig rig = rig_of(loop, 0);
    vow_resolver *r;
    vow_promise *p = doubled(&rig, vow_promise_new(loop, &r), 1);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_resolve(r, vow_none());
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_DOUBLE(((float *)(void *)vow_buf_bytes(vow_buf_of(v)))[0], 2);
    vow_release(v);
    rig_end(&rig);
}

/* PoCL calls nobody back for these. */
TEST(a_promise_of_the_host_that_fails_ends_the_pipeline)
{
    struct rig rig = rig_of(loop, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    vow_promise *failed = vow_rejected(loop, vow_error_new(vow_errno_domain(), EIO, "no input"));
    vow_promise *p = doubled(&rig, vow_context(failed, "the file"), 3);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), EIO);
    vow_release(v);
    for (int i = 0; i < 40; i++)
        vow_clock_advance(loop, 100);
    EQ_INT(vow_run_all(loop), 0); /* nothing is in flight any more */
    rig_end(&rig);
}

TEST(bytes_are_filled_copied_mapped_and_unmapped)
{
    struct rig rig = rig_of(loop, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    cl_mem other =
        clCreateBuffer(vow_cl_device_context(rig.device), CL_MEM_READ_WRITE, SIZE, NULL, NULL);
    vow_cl_part all = {rig.memory, 0, SIZE}, half = {other, SIZE / 2, SIZE / 2};
    vow_promise *p = vow_cl_fill(rig.queue, all, ((vow_cl_pattern){"ab", 2}), VOW_AT_ONCE);
    p = vow_cl_copy(rig.queue, ((vow_cl_part){rig.memory, 0, SIZE / 2}), half, VOW_AFTER(p));
    vow_value v;
    EQ_INT(vow_run(loop, vow_cl_map_part(rig.queue, half, CL_MAP_READ | CL_MAP_WRITE, VOW_AFTER(p)), &v), 0);
    vow_cl_map *map = vow_cl_map_ref(vow_cl_map_of(v));
    vow_release(v);
    char *bytes = vow_cl_map_bytes(map);
    EQ_BYTES(bytes, "ababab", 6);
    bytes[0] = 'm';
    p = vow_cl_marker(rig.queue, VOW_AFTER(vow_cl_unmap(map, VOW_AT_ONCE)));
    EQ_INT(vow_run(loop, vow_cl_read(rig.queue, half, NULL, VOW_AFTER(p)), &v), 0);
    EQ_BYTES(vow_buf_bytes(vow_buf_of(v)), "mbabab", 6);
    vow_release(v);
    clReleaseMemObject(other);
    rig_end(&rig);
}

TEST(images_go_up_and_come_down)
{
    struct rig rig = rig_of(loop, 0);
    cl_image_format format = {CL_RGBA, CL_UNSIGNED_INT8};
    cl_image_desc desc = {.image_type = CL_MEM_OBJECT_IMAGE2D, .image_width = 8, .image_height = 4};
    cl_int code;
    cl_mem image = clCreateImage(vow_cl_device_context(rig.device), CL_MEM_READ_WRITE, &format,
                                 &desc, NULL, &code);
    EQ_INT(code, CL_SUCCESS);
    vow_cl_box all = {.image = image, .region = {8, 4, 1}, .bytes = 8 * 4 * 4};
    vow_cl_box last = {.image = image, .origin = {7, 3, 0}, .region = {1, 1, 1}, .bytes = 4};
    vow_buf *pixels = vow_buf_new(8 * 4 * 4);
    for (size_t i = 0; i < vow_buf_size(pixels); i++)
        vow_buf_bytes(pixels)[i] = (uint8_t)i;
    vow_promise *p = vow_cl_image_write(rig.queue, &all, pixels, VOW_AT_ONCE);
    vow_value v;
    EQ_INT(vow_run(loop, vow_cl_image_read(rig.queue, &last, NULL, VOW_AFTER(p)), &v), 0);
    EQ_BYTES(vow_buf_bytes(vow_buf_of(v)), "\x7c\x7d\x7e\x7f", 4);
    vow_release(v);
    clReleaseMemObject(image);
    rig_end(&rig);
}

/* PoCL fails it, too; another driver may run it. */
TEST(in_an_in_order_queue_what_comes_after_a_command_that_was_called_off_settles)
{
    struct rig rig = rig_of(loop, 0);
    vow_cl_part all = {rig.memory, 0, SIZE};
    vow_promise *held = vow_cl_fill(rig.queue, all, ((vow_cl_pattern){"a", 1}),
                                    VOW_AFTER(vow_delay(loop, 1000000)));
    vow_promise *after = vow_cl_fill(rig.queue, all, ((vow_cl_pattern){"b", 1}), VOW_AT_ONCE);
    vow_mark_handled(after);
    vow_poll(loop);
    vow_cancel(held);
    vow_unref(held);
    for (int i = 0; i < 50; i++)
        vow_clock_advance(loop, 100);
    EQ_INT(vow_run_all(loop), 0);
    CHECK(vow_state(after) != VOW_PENDING);
    vow_unref(after);
    rig_end(&rig);
}

TEST(a_command_that_the_device_refuses_rejects_with_its_name)
{
    struct rig rig = rig_of(loop, 0);
    vow_cl_part beyond = {rig.memory, SIZE, 4};
    vow_value v;
    EQ_INT(vow_run(loop, vow_cl_read(rig.queue, beyond, NULL, VOW_AT_ONCE), &v), CL_INVALID_VALUE);
    vow_release(v);
    rig_end(&rig);
}

TEST(a_thousand_kernels_in_flight_all_come_back)
{
    struct rig rig = rig_of(loop, 0);
    vow_cl_range range = {.dimensions = 1, .global = {1}};
    static vow_promise *p[1000];
    for (int i = 0; i < 1000; i++)
        p[i] = vow_cl_kernel(rig.queue, rig.kernel, &range, VOW_AT_ONCE);
    EQ_INT(vow_run_all(loop), 0);
    for (int i = 0; i < 1000; i++) {
        EQ_INT(vow_state(p[i]), VOW_FULFILLED);
        vow_unref(p[i]);
    }
    rig_end(&rig);
}

TEST(the_compilers_words_are_the_message)
{
    struct rig rig = rig_of(loop, 0);
    vow_value v;
    EQ_INT(vow_run(loop, vow_cl_build(loop, rig.device, "kernel void f() { nonsense; }", NULL), &v),
           CL_BUILD_PROGRAM_FAILURE);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "nonsense");
    vow_release(v);
    rig_end(&rig);
}
