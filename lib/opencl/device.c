/* SPDX-License-Identifier: MIT
 *
 * opencl/device.c - finding a device, on a worker thread: the first call of a driver may
 * take long.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "opencl/op.h"

enum { MOST = 64, NAME = 128 }; /* platforms, devices of one; bytes of a name */

struct vow_cl_device {
    size_t refs;
    cl_device_id id;
    cl_device_type kind;
    cl_context context;
    char name[NAME];
};

vow_cl_device *vow_cl_device_ref(vow_cl_device *device)
{
    if (device)
        device->refs++;
    return device;
}

vow_cl_device *vow_cl_device_unref(vow_cl_device *device)
{
    if (!device || --device->refs > 0)
        return NULL;
    if (device->context && vow__cl_is_here())
        clReleaseContext(device->context);
    vow_free(device);
    return NULL;
}

VOW_TYPE_DEFINE(vow_cl_device, vow_cl_device, vow_cl_device_ref, vow_cl_device_unref)

cl_device_id vow_cl_device_id(const vow_cl_device *device) { return device->id; }
cl_device_type vow_cl_device_kind(const vow_cl_device *device) { return device->kind; }
cl_context vow_cl_device_context(const vow_cl_device *device) { return device->context; }
const char *vow_cl_device_name(const vow_cl_device *device) { return device->name; }

struct search {
    const char *where;
    size_t count;
    cl_platform_id platforms[MOST];
    cl_uint platform_count;
    cl_int code;
    vow_cl_wish wishes[];
};

/* A name that cannot be had is empty. */
static void platform_name(cl_platform_id platform, char name[NAME])
{
    if (clGetPlatformInfo(platform, CL_PLATFORM_NAME, NAME, name, NULL) != CL_SUCCESS)
        name[0] = '\0';
    name[NAME - 1] = '\0';
}

static void device_name(cl_device_id device, char name[NAME])
{
    if (clGetDeviceInfo(device, CL_DEVICE_NAME, NAME, name, NULL) != CL_SUCCESS)
        name[0] = '\0';
    name[NAME - 1] = '\0';
}

static bool is_wished(cl_platform_id platform, cl_device_id device, const char *name)
{
    char own[NAME], of_platform[NAME];
    device_name(device, own);
    platform_name(platform, of_platform);
    return !name || strstr(own, name) || strstr(of_platform, name);
}

/* The first of the platform's that the wish is for; NULL: none. */
static cl_device_id find_on(struct search *search, cl_platform_id platform, const vow_cl_wish *wish)
{
    cl_device_id devices[MOST];
    cl_uint count = 0; /* an error leaves it as it is */
    cl_int code = clGetDeviceIDs(platform, wish->type, MOST, devices, &count);
    if (code != CL_SUCCESS) {
        if (code != CL_DEVICE_NOT_FOUND)
            search->code = code;
        return NULL;
    }
    for (cl_uint i = 0; i < count && i < MOST; i++)
        if (is_wished(platform, devices[i], wish->name))
            return devices[i];
    return NULL;
}

static cl_device_id find(struct search *search, cl_platform_id *ret_platform)
{
    for (size_t i = 0; i < search->count; i++)
        for (cl_uint k = 0; k < search->platform_count; k++) {
            *ret_platform = search->platforms[k];
            cl_device_id found = find_on(search, search->platforms[k], &search->wishes[i]);
            if (found)
                return found;
        }
    return NULL;
}

static vow_value not_found(const struct search *search)
{
    char why[64] = "";
    if (search->code != CL_SUCCESS)
        snprintf(why, sizeof why, "; %s", vow_cl_domain()->text(search->code));
    return vow_fail_at(search->where, vow_cl_domain(), CL_DEVICE_NOT_FOUND,
                       "no such device on %u platforms%s", (unsigned)search->platform_count, why);
}

static vow_value open_device(const struct search *search, cl_platform_id platform, cl_device_id id)
{
    vow_cl_device *device = vow_alloc(sizeof *device);
    if (!device)
        return vow_fail_at(search->where, vow_errno_domain(), ENOMEM, NULL);
    device->refs = 1;
    device->id = id;
    device_name(id, device->name);
    clGetDeviceInfo(id, CL_DEVICE_TYPE, sizeof device->kind, &device->kind, NULL);
    cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)platform, 0};
    cl_int code;
    device->context = clCreateContext(properties, 1, &id, NULL, NULL, &code);
    if (device->context)
        return vow_cl_device_value(device);
    vow_cl_device_unref(device);
    return vow_fail_at(search->where, vow_cl_domain(), code, "clCreateContext");
}

/* On a worker thread. No platform is no error there: it is the loader's way to say none. */
static vow_value run_search(void *data)
{
    struct search *search = data;
    search->code = clGetPlatformIDs(MOST, search->platforms, &search->platform_count);
    if (search->code != CL_SUCCESS)
        search->platform_count = 0;
    else if (search->platform_count > MOST)
        search->platform_count = MOST;
    cl_platform_id platform = NULL;
    cl_device_id id = find(search, &platform);
    return id ? open_device(search, platform, id) : not_found(search);
}

vow_promise *vow_cl_open_at(vow_loop *loop, const vow_cl_wish *wishes, size_t n, const char *where)
{
    static const vow_cl_wish best[] = {
        {CL_DEVICE_TYPE_GPU, NULL}, {CL_DEVICE_TYPE_ACCELERATOR, NULL}, {CL_DEVICE_TYPE_CPU, NULL}};
    if (!vow__cl_use())
        return vow_rejected_at(loop, vow__cl_forked(where), where);
    if (n == 0) {
        wishes = best;
        n = sizeof best / sizeof best[0];
    }
    struct search *search = vow_alloc(sizeof *search + n * sizeof search->wishes[0]);
    if (!search)
        return vow_rejected_at(loop, vow__cl_no_memory(where), where);
    search->where = where;
    search->count = n;
    memcpy(search->wishes, wishes, n * sizeof search->wishes[0]);
    return vow_work_at(loop, NULL, run_search, search, vow_free, where);
}
