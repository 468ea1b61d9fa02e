/* SPDX-License-Identifier: MIT
 *
 * driver.c - the calls of OpenCL that the stub has, and the table of them that the ICD loader
 * asks for (cl_khr_icd).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"

#define EXPORT __attribute__((visibility("default")))
/* A call that may be told to fail. */
#define MAY_FAIL(name)                 \
    cl_int stub_code;                  \
    if (stub_fails(#name, &stub_code)) \
    return stub_code
#define MAY_FAIL_WITH(name, ret)         \
    cl_int stub_code = CL_SUCCESS;       \
    if (stub_fails(#name, &stub_code)) { \
        if (ret)                         \
            *(ret) = stub_code;          \
        return NULL;                     \
    }                                    \
    if (ret)                             \
    *(ret) = CL_SUCCESS

static struct _cl_platform_id platforms[2] = {{{&stub_dispatch, PLATFORM, 1, NULL}, "Stub"},
                                              {{&stub_dispatch, PLATFORM, 1, NULL}, "Second"}};
static struct _cl_device_id devices[3] = {
    {{&stub_dispatch, DEVICE, 1, NULL}, "Stub GPU", CL_DEVICE_TYPE_GPU},
    {{&stub_dispatch, DEVICE, 1, NULL}, "Stub CPU", CL_DEVICE_TYPE_CPU},
    {{&stub_dispatch, DEVICE, 1, NULL}, "Other accelerator", CL_DEVICE_TYPE_ACCELERATOR}};

/* Answers a question: copies the answer if there is room. */
static cl_int answer(const void *value, size_t size, size_t room, void *to, size_t *ret_size)
{
    if (ret_size)
        *ret_size = size;
    if (to && room < size)
        return CL_INVALID_VALUE;
    if (to)
        memcpy(to, value, size);
    return CL_SUCCESS;
}

static cl_int answer_text(const char *text, size_t room, void *to, size_t *ret_size)
{
    return answer(text, strlen(text) + 1, room, to, ret_size);
}

/* Platforms and devices. */

/* Not by their exported names: the loader has the same ones, and comes first. */
static cl_int get_platforms(cl_uint room, cl_platform_id *ret, cl_uint *ret_count)
{
    MAY_FAIL(clGetPlatformIDs);
    stub_nap();
    for (cl_uint i = 0; ret && i < room && i < 2; i++)
        ret[i] = &platforms[i];
    if (ret_count)
        *ret_count = 2;
    return CL_SUCCESS;
}

static cl_int get_platform_info(cl_platform_id platform, cl_platform_info what, size_t room,
                                void *to, size_t *ret_size)
{
    MAY_FAIL(clGetPlatformInfo);
    switch (what) {
    case CL_PLATFORM_NAME:
        return answer_text(platform->name, room, to, ret_size);
    case CL_PLATFORM_EXTENSIONS:
        return answer_text("cl_khr_icd", room, to, ret_size);
    case CL_PLATFORM_ICD_SUFFIX_KHR:
        return answer_text("STUB", room, to, ret_size);
    case CL_PLATFORM_VERSION:
        return answer_text("OpenCL 1.2 stub", room, to, ret_size);
    case CL_PLATFORM_PROFILE:
        return answer_text("FULL_PROFILE", room, to, ret_size);
    default:
        return answer_text("vow", room, to, ret_size);
    }
}

static cl_int get_devices(cl_platform_id platform, cl_device_type type, cl_uint room,
                          cl_device_id *ret, cl_uint *ret_count)
{
    MAY_FAIL(clGetDeviceIDs);
    cl_uint n = 0;
    for (int i = 0; i < 3; i++)
        if ((i < 2) == (platform == &platforms[0]) && (devices[i].type & type)) {
            if (ret && n < room)
                ret[n] = &devices[i];
            n++;
        }
    if (n == 0)
        return CL_DEVICE_NOT_FOUND;
    if (ret_count)
        *ret_count = n;
    return CL_SUCCESS;
}

static cl_int get_device_info(cl_device_id device, cl_device_info what, size_t room, void *to,
                              size_t *ret_size)
{
    MAY_FAIL(clGetDeviceInfo);
    cl_platform_id platform = &platforms[device == &devices[2]];
    switch (what) {
    case CL_DEVICE_NAME:
        return answer_text(device->name, room, to, ret_size);
    case CL_DEVICE_TYPE:
        return answer(&device->type, sizeof device->type, room, to, ret_size);
    case CL_DEVICE_PLATFORM:
        return answer(&platform, sizeof platform, room, to, ret_size);
    default:
        return answer_text("", room, to, ret_size);
    }
}

/* Counting references of anything. */
#define COUNTED(Name, type)                   \
    static cl_int retain_##Name(type object)  \
    {                                         \
        if (!object)                          \
            return CL_INVALID_VALUE;          \
        MAY_FAIL(clRetain##Name);             \
        pthread_mutex_lock(&stub_lock);       \
        stub_hold(object);                    \
        pthread_mutex_unlock(&stub_lock);     \
        return CL_SUCCESS;                    \
    }                                         \
    static cl_int release_##Name(type object) \
    {                                         \
        MAY_FAIL(clRelease##Name);            \
        pthread_mutex_lock(&stub_lock);       \
        stub_drop(object);                    \
        pthread_mutex_unlock(&stub_lock);     \
        return CL_SUCCESS;                    \
    }
COUNTED(Context, cl_context)
COUNTED(CommandQueue, cl_command_queue)
COUNTED(MemObject, cl_mem)
COUNTED(Program, cl_program)
COUNTED(Kernel, cl_kernel)
COUNTED(Event, cl_event)

static void *new_object(enum kind kind, size_t size, void *parent)
{
    pthread_mutex_lock(&stub_lock);
    void *object = stub_new(kind, size, parent);
    pthread_mutex_unlock(&stub_lock);
    return object;
}

static cl_context
create_context(const cl_context_properties *properties, cl_uint count, const cl_device_id *list,
               void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *data,
               cl_int *ret)
{
    (void)properties, (void)count, (void)list, (void)notify, (void)data;
    MAY_FAIL_WITH(clCreateContext, ret);
    stub_start_thread();
    return new_object(CONTEXT, sizeof(struct _cl_context), NULL);
}

static cl_command_queue create_queue(cl_context context, cl_device_id device,
                                     cl_command_queue_properties properties, cl_int *ret)
{
    (void)device;
    MAY_FAIL_WITH(clCreateCommandQueue, ret);
    cl_command_queue queue = new_object(QUEUE, sizeof *queue, context);
    queue->properties = properties;
    return queue;
}

static cl_int get_queue_info(cl_command_queue queue, cl_command_queue_info what, size_t room,
                             void *to, size_t *ret_size)
{
    MAY_FAIL(clGetCommandQueueInfo);
    if (what != CL_QUEUE_CONTEXT)
        return CL_INVALID_VALUE;
    return answer(&queue->o.parent, sizeof queue->o.parent, room, to, ret_size);
}

static cl_mem new_memory(cl_context context, size_t size)
{
    cl_mem memory = new_object(MEMORY, sizeof *memory, context);
    memory->size = size;
    memory->bytes = calloc(1, size + 1);
    return memory;
}

static cl_mem create_buffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                            cl_int *ret)
{
    (void)flags, (void)host;
    MAY_FAIL_WITH(clCreateBuffer, ret);
    return new_memory(context, size);
}

/* One byte a pixel. */
static cl_mem create_image(cl_context context, cl_mem_flags flags, const cl_image_format *format,
                           const cl_image_desc *desc, void *host, cl_int *ret)
{
    (void)flags, (void)format, (void)host;
    MAY_FAIL_WITH(clCreateImage, ret);
    return new_memory(context, desc->image_width * desc->image_height);
}

/* Programs: a text with "error" does not compile. */

static cl_program create_program(cl_context context, cl_uint count, const char **texts,
                                 const size_t *lengths, cl_int *ret)
{
    (void)count, (void)lengths;
    MAY_FAIL_WITH(clCreateProgramWithSource, ret);
    cl_program program = new_object(PROGRAM, sizeof *program, context);
    program->text = strdup(texts[0]);
    return program;
}

static cl_int build_program(cl_program program, cl_uint count, const cl_device_id *list,
                            const char *options, void(CL_CALLBACK *notify)(cl_program, void *),
                            void *data)
{
    (void)count, (void)list, (void)options, (void)notify, (void)data;
    MAY_FAIL(clBuildProgram);
    stub_nap();
    return strstr(program->text, "error") ? CL_BUILD_PROGRAM_FAILURE : CL_SUCCESS;
}

static cl_int get_build_info(cl_program program, cl_device_id device, cl_program_build_info what,
                             size_t room, void *to, size_t *ret_size)
{
    (void)program, (void)device;
    MAY_FAIL(clGetProgramBuildInfo);
    if (what != CL_PROGRAM_BUILD_LOG)
        return CL_INVALID_VALUE;
    return answer_text("line 1: this is an error", room, to, ret_size);
}

static cl_kernel create_kernel(cl_program program, const char *name, cl_int *ret)
{
    MAY_FAIL_WITH(clCreateKernel, ret);
    cl_kernel kernel = new_object(KERNEL, sizeof *kernel, program);
    snprintf(kernel->name, sizeof kernel->name, "%s", name);
    return kernel;
}

static cl_int set_argument(cl_kernel kernel, cl_uint i, size_t size, const void *value)
{
    MAY_FAIL(clSetKernelArg);
    if (i >= MOST_ARGUMENTS || size != sizeof(cl_mem))
        return CL_INVALID_ARG_INDEX;
    memcpy(&kernel->arguments[i], value, size);
    return CL_SUCCESS;
}

/* Events. */

static cl_event create_user_event(cl_context context, cl_int *ret)
{
    MAY_FAIL_WITH(clCreateUserEvent, ret);
    cl_event event = new_object(EVENT, sizeof *event, context);
    event->status = CL_SUBMITTED;
    pthread_mutex_lock(&stub_lock);
    stub_note(event, "user event");
    pthread_mutex_unlock(&stub_lock);
    return event;
}

static cl_int set_user_event(cl_event event, cl_int status)
{
    MAY_FAIL(clSetUserEventStatus);
    pthread_mutex_lock(&stub_lock);
    bool was_set = event->status <= 0;
    if (!was_set)
        stub_event_done(event, status);
    pthread_mutex_unlock(&stub_lock);
    return was_set ? CL_INVALID_OPERATION : CL_SUCCESS;
}

static cl_int get_event_info(cl_event event, cl_event_info what, size_t room, void *to,
                             size_t *ret_size)
{
    MAY_FAIL(clGetEventInfo);
    pthread_mutex_lock(&stub_lock);
    cl_int status = event->status;
    void *context = event->queue ? event->queue->o.parent : event->o.parent;
    pthread_mutex_unlock(&stub_lock);
    if (what == CL_EVENT_CONTEXT)
        return answer(&context, sizeof context, room, to, ret_size);
    return answer(&status, sizeof status, room, to, ret_size);
}

static cl_int set_callback(cl_event event, cl_int type,
                           void(CL_CALLBACK *fn)(cl_event, cl_int, void *), void *data)
{
    (void)type;
    MAY_FAIL(clSetEventCallback);
    pthread_mutex_lock(&stub_lock);
    cl_int status = event->status;
    bool now = status <= 0 || stub_calls_how == STUB_CALLS_EARLY;
    if (!now) {
        struct callback *callback = malloc(sizeof *callback);
        *callback = (struct callback){fn, data, NULL, event->callbacks};
        event->callbacks = callback;
    }
    pthread_mutex_unlock(&stub_lock);
    if (now && stub_calls_how != STUB_CALLS_NONE &&
        !(stub_calls_how == STUB_CALLS_NO_ERROR && status < 0))
        fn(event, CL_COMPLETE, data);
    return CL_SUCCESS;
}

static cl_int wait_for_events(cl_uint count, const cl_event *events)
{
    MAY_FAIL(clWaitForEvents);
    cl_int code = CL_SUCCESS;
    pthread_mutex_lock(&stub_lock);
    for (cl_uint i = 0; i < count; i++) {
        while (events[i]->status > 0)
            stub_wait_change();
        if (events[i]->status < 0)
            code = CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
    }
    pthread_mutex_unlock(&stub_lock);
    return code;
}

static cl_int get_times(cl_event event, cl_profiling_info what, size_t room, void *to,
                        size_t *ret_size)
{
    MAY_FAIL(clGetEventProfilingInfo);
    if (!event->queue || !(event->queue->properties & CL_QUEUE_PROFILING_ENABLE))
        return CL_PROFILING_INFO_NOT_AVAILABLE;
    return answer(&event->times[what - CL_PROFILING_COMMAND_QUEUED], sizeof(cl_ulong), room, to,
                  ret_size);
}

/* Commands. */

static cl_int flush(cl_command_queue queue)
{
    MAY_FAIL(clFlush);
    pthread_mutex_lock(&stub_lock);
    stub_flush(queue);
    pthread_mutex_unlock(&stub_lock);
    return CL_SUCCESS;
}

static cl_int finish(cl_command_queue queue)
{
    MAY_FAIL(clFinish);
    return flush(queue);
}

static struct _cl_event *begin(cl_command_queue queue, const char *name, cl_uint count,
                               const cl_event *waits)
{
    pthread_mutex_lock(&stub_lock);
    return stub_command_new(queue, name, count, waits);
}

static cl_int end(struct _cl_event *event, cl_event *ret)
{
    if (ret)
        *ret = event;
    else
        stub_drop(event);
    pthread_mutex_unlock(&stub_lock);
    return CL_SUCCESS;
}

static void act_read(struct _cl_event *e)
{
    memcpy(e->host, e->memory[0]->bytes + e->from, e->size);
}
static void act_write(struct _cl_event *e)
{
    memcpy(e->memory[0]->bytes + e->from, e->host, e->size);
}
static void act_copy(struct _cl_event *e)
{
    memmove(e->memory[1]->bytes + e->to, e->memory[0]->bytes + e->from, e->size);
}
static void act_fill(struct _cl_event *e)
{
    for (size_t i = 0; i < e->size; i++)
        e->memory[0]->bytes[e->from + i] = e->pattern[i % e->to];
}
static void act_add(struct _cl_event *e)
{
    for (size_t i = 0; i < e->size; i++)
        ((int *)(void *)e->memory[2]->bytes)[i] =
            ((int *)(void *)e->memory[0]->bytes)[i] + ((int *)(void *)e->memory[1]->bytes)[i];
}

static cl_int move(struct _cl_event *e, void (*act)(struct _cl_event *), cl_mem memory, size_t from,
                   size_t size, void *host, cl_event *ret)
{
    e->act = act;
    e->memory[0] = stub_hold(memory);
    e->from = from;
    e->size = size;
    e->host = host;
    return end(e, ret);
}

static cl_int enqueue_read(cl_command_queue queue, cl_mem memory, cl_bool blocking, size_t offset,
                           size_t size, void *to, cl_uint count, const cl_event *waits,
                           cl_event *ret)
{
    (void)blocking;
    MAY_FAIL(clEnqueueReadBuffer);
    if (offset + size > memory->size)
        return CL_INVALID_VALUE;
    return move(begin(queue, "read", count, waits), act_read, memory, offset, size, to, ret);
}

static cl_int enqueue_write(cl_command_queue queue, cl_mem memory, cl_bool blocking, size_t offset,
                            size_t size, const void *from, cl_uint count, const cl_event *waits,
                            cl_event *ret)
{
    (void)blocking;
    MAY_FAIL(clEnqueueWriteBuffer);
    if (offset + size > memory->size)
        return CL_INVALID_VALUE;
    return move(begin(queue, "write", count, waits), act_write, memory, offset, size,
                (void *)(uintptr_t)from, ret);
}

static cl_int enqueue_copy(cl_command_queue queue, cl_mem from, cl_mem to, size_t from_offset,
                           size_t to_offset, size_t size, cl_uint count, const cl_event *waits,
                           cl_event *ret)
{
    MAY_FAIL(clEnqueueCopyBuffer);
    struct _cl_event *e = begin(queue, "copy", count, waits);
    e->memory[1] = stub_hold(to);
    e->to = to_offset;
    return move(e, act_copy, from, from_offset, size, NULL, ret);
}

static cl_int enqueue_fill(cl_command_queue queue, cl_mem memory, const void *pattern,
                           size_t pattern_size, size_t offset, size_t size, cl_uint count,
                           const cl_event *waits, cl_event *ret)
{
    MAY_FAIL(clEnqueueFillBuffer);
    struct _cl_event *e = begin(queue, "fill", count, waits);
    memcpy(e->pattern, pattern, pattern_size);
    e->to = pattern_size;
    return move(e, act_fill, memory, offset, size, NULL, ret);
}

static cl_int enqueue_read_image(cl_command_queue queue, cl_mem image, cl_bool blocking,
                                 const size_t *origin, const size_t *region, size_t row,
                                 size_t slice, void *to, cl_uint count, const cl_event *waits,
                                 cl_event *ret)
{
    (void)blocking, (void)row, (void)slice;
    MAY_FAIL(clEnqueueReadImage);
    return move(begin(queue, "read image", count, waits), act_read, image, origin[0],
                region[0] * region[1], to, ret);
}

static cl_int enqueue_write_image(cl_command_queue queue, cl_mem image, cl_bool blocking,
                                  const size_t *origin, const size_t *region, size_t row,
                                  size_t slice, const void *from, cl_uint count,
                                  const cl_event *waits, cl_event *ret)
{
    (void)blocking, (void)row, (void)slice;
    MAY_FAIL(clEnqueueWriteImage);
    return move(begin(queue, "write image", count, waits), act_write, image, origin[0],
                region[0] * region[1], (void *)(uintptr_t)from, ret);
}

static void *enqueue_map(cl_command_queue queue, cl_mem memory, cl_bool blocking,
                         cl_map_flags flags, size_t offset, size_t size, cl_uint count,
                         const cl_event *waits, cl_event *ret, cl_int *ret_code)
{
    (void)blocking, (void)flags;
    MAY_FAIL_WITH(clEnqueueMapBuffer, ret_code);
    move(begin(queue, "map", count, waits), NULL, memory, offset, size, NULL, ret);
    return memory->bytes + offset;
}

static cl_int enqueue_unmap(cl_command_queue queue, cl_mem memory, void *bytes, cl_uint count,
                            const cl_event *waits, cl_event *ret)
{
    (void)bytes;
    MAY_FAIL(clEnqueueUnmapMemObject);
    return move(begin(queue, "unmap", count, waits), NULL, memory, 0, 0, NULL, ret);
}

static cl_int enqueue_kernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                             const size_t *offset, const size_t *global, const size_t *local,
                             cl_uint count, const cl_event *waits, cl_event *ret)
{
    (void)offset, (void)local;
    MAY_FAIL(clEnqueueNDRangeKernel);
    if (dimensions < 1 || dimensions > 3)
        return CL_INVALID_WORK_DIMENSION;
    struct _cl_event *e = begin(queue, "kernel", count, waits);
    e->size = global[0];
    if (strcmp(kernel->name, "add") == 0) {
        e->act = act_add;
        for (int i = 0; i < MOST_ARGUMENTS; i++)
            e->memory[i] = stub_hold(kernel->arguments[i]);
    }
    return end(e, ret);
}

static cl_int enqueue_marker(cl_command_queue queue, cl_uint count, const cl_event *waits,
                             cl_event *ret)
{
    MAY_FAIL(clEnqueueMarkerWithWaitList);
    struct _cl_event *e = begin(queue, "marker", count, waits);
    e->is_marker = true;
    return end(e, ret);
}

/* The table, and how the loader gets at it. */

const cl_icd_dispatch stub_dispatch = {
    .clGetPlatformIDs = get_platforms,
    .clGetPlatformInfo = get_platform_info,
    .clGetDeviceIDs = get_devices,
    .clGetDeviceInfo = get_device_info,
    .clCreateContext = create_context,
    .clRetainContext = retain_Context,
    .clReleaseContext = release_Context,
    .clCreateCommandQueue = create_queue,
    .clRetainCommandQueue = retain_CommandQueue,
    .clReleaseCommandQueue = release_CommandQueue,
    .clGetCommandQueueInfo = get_queue_info,
    .clCreateBuffer = create_buffer,
    .clCreateImage = create_image,
    .clRetainMemObject = retain_MemObject,
    .clReleaseMemObject = release_MemObject,
    .clCreateProgramWithSource = create_program,
    .clRetainProgram = retain_Program,
    .clReleaseProgram = release_Program,
    .clBuildProgram = build_program,
    .clGetProgramBuildInfo = get_build_info,
    .clCreateKernel = create_kernel,
    .clRetainKernel = retain_Kernel,
    .clReleaseKernel = release_Kernel,
    .clSetKernelArg = set_argument,
    .clWaitForEvents = wait_for_events,
    .clGetEventInfo = get_event_info,
    .clCreateUserEvent = create_user_event,
    .clSetUserEventStatus = set_user_event,
    .clRetainEvent = retain_Event,
    .clReleaseEvent = release_Event,
    .clSetEventCallback = set_callback,
    .clGetEventProfilingInfo = get_times,
    .clFlush = flush,
    .clFinish = finish,
    .clEnqueueReadBuffer = enqueue_read,
    .clEnqueueWriteBuffer = enqueue_write,
    .clEnqueueCopyBuffer = enqueue_copy,
    .clEnqueueFillBuffer = enqueue_fill,
    .clEnqueueReadImage = enqueue_read_image,
    .clEnqueueWriteImage = enqueue_write_image,
    .clEnqueueMapBuffer = enqueue_map,
    .clEnqueueUnmapMemObject = enqueue_unmap,
    .clEnqueueNDRangeKernel = enqueue_kernel,
    .clEnqueueMarkerWithWaitList = enqueue_marker,
};

EXPORT cl_int CL_API_CALL clGetPlatformInfo(cl_platform_id platform, cl_platform_info what,
                                            size_t room, void *to, size_t *ret_size)
{
    return get_platform_info(platform, what, room, to, ret_size);
}

EXPORT cl_int CL_API_CALL clIcdGetPlatformIDsKHR(cl_uint room, cl_platform_id *ret,
                                                 cl_uint *ret_count);
EXPORT cl_int CL_API_CALL clIcdGetPlatformIDsKHR(cl_uint room, cl_platform_id *ret,
                                                 cl_uint *ret_count)
{
    return get_platforms(room, ret, ret_count);
}

EXPORT void *CL_API_CALL clGetExtensionFunctionAddress(const char *name)
{
    if (strcmp(name, "clIcdGetPlatformIDsKHR") == 0)
        return (void *)(uintptr_t)clIcdGetPlatformIDsKHR;
    return NULL;
}
