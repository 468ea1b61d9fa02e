/* SPDX-License-Identifier: MIT
 *
 * cl_event.c - what a tiny command costs, in CPU time of the process: a marker is put in, its
 * event reported, its end told on the loop's thread; 100 in flight. The same with vow, and with
 * clSetEventCallback and an eventfd alone (bare). Which driver: the loader's environment.
 * cl_event vow | bare
 */
#include "bench.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>

#include "vow.h"
#include "vow/opencl_command.h"

enum { IN_FLIGHT = 100, COMMANDS = 50000 };

static cl_command_queue queue;
static cl_context context;

static void open_device(void)
{
    cl_platform_id platform;
    cl_device_id device;
    cl_int code;
    CHECK(clGetPlatformIDs(1, &platform, NULL) == CL_SUCCESS);
    CHECK(clGetDeviceIDs(platform, CL_DEVICE_TYPE_DEFAULT | CL_DEVICE_TYPE_ALL, 1, &device, NULL) == CL_SUCCESS);
    context = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    CHECK(context);
    queue = clCreateCommandQueue(context, device, 0, &code);
    CHECK(queue);
}

/* bare: a list under a lock, an eventfd. */
struct told {
    cl_event event;
    struct told *next;
};
static struct told slots[IN_FLIGHT], *done;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int bell;

static void CL_CALLBACK on_event(cl_event event, cl_int status, void *data)
{
    struct told *told = data;
    uint64_t one = 1;
    (void)event, (void)status;
    pthread_mutex_lock(&lock);
    bool first = done == NULL;
    told->next = done;
    done = told;
    pthread_mutex_unlock(&lock);
    if (first)
        CHECK(write(bell, &one, sizeof one) == sizeof one);
}

static void put_in(struct told *told)
{
    CHECK(clEnqueueMarkerWithWaitList(queue, 0, NULL, &told->event) == CL_SUCCESS);
    CHECK(clSetEventCallback(told->event, CL_COMPLETE, on_event, told) == CL_SUCCESS);
}

static void bare(long n)
{
    long started = 0, ended = 0;
    uint64_t count;
    for (; started < IN_FLIGHT; started++)
        put_in(&slots[started]);
    clFlush(queue);
    while (ended < n) {
        CHECK(read(bell, &count, sizeof count) == sizeof count);
        pthread_mutex_lock(&lock);
        struct told *list = done;
        done = NULL;
        pthread_mutex_unlock(&lock);
        for (struct told *next; list; list = next) {
            cl_int status;
            next = list->next;
            clGetEventInfo(list->event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL);
            CHECK(status == CL_COMPLETE);
            clReleaseEvent(list->event);
            ended++;
            if (started < n) {
                put_in(list);
                started++;
            }
        }
        clFlush(queue);
    }
}

static vow_loop *loop;
static vow_cl_queue *own_queue;
static long ended;

static vow_promise *held[IN_FLIGHT];
static long left;
static vow_value again(vow_value v, void *data)
{
    vow_promise **slot = data;
    (void)v;
    ended++;
    vow_unref(*slot);
    *slot = left-- > 0 ? vow_then(vow_cl_marker(own_queue, VOW_AT_ONCE), again, slot) : NULL;
    return vow_none();
}
static void with_vow(long n)
{
    ended = 0;
    left = n - IN_FLIGHT;
    for (int i = 0; i < IN_FLIGHT; i++)
        held[i] = vow_then(vow_cl_marker(own_queue, VOW_AT_ONCE), again, &held[i]);
    CHECK(vow_run_all(loop) == 0);
    CHECK(ended == n);
}

int main(int argc, char **argv)
{
    CHECK(argc > 1);
    open_device();
    if (!strcmp(argv[1], "bare")) {
        bell = eventfd(0, EFD_CLOEXEC);
        report("cl_event", "bare", best_cpu(bare, COMMANDS), 0);
        return 0;
    }
    loop = vow_loop_new();
    own_queue = vow_cl_queue_new(loop, queue, NULL);
    CHECK(loop && own_queue);
    report("cl_event", "vow", best_cpu(with_vow, COMMANDS), 0);
    vow_cl_queue_unref(own_queue);
    vow_loop_free(loop);
    return 0;
}
