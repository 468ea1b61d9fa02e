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

/* The names of the wishes stand behind them. */
struct search {
    const char *where;
    size_t count;
    cl_platform_id platforms[MOST];
    cl_uint platform_count;
    cl_int code;      /* of the last platform that would not say what it has */
    vow_value failed; /* why the first device that was found could not be opened; or nothing */
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

/* NULL: search->failed says why. */
static vow_cl_device *open_device(struct search *search, cl_platform_id platform, cl_device_id id)
{
    vow_cl_device *device = vow_alloc(sizeof *device);
    cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)platform, 0};
    cl_int code = CL_SUCCESS;
    if (device) {
        device->refs = 1;
        device->id = id;
        device_name(id, device->name);
        clGetDeviceInfo(id, CL_DEVICE_TYPE, sizeof device->kind, &device->kind, NULL);
        device->context = clCreateContext(properties, 1, &id, NULL, NULL, &code);
        if (device->context)
            return device;
    }
    if (!vow_is_error(search->failed))
        search->failed = device ? vow_fail_at(search->where, vow_cl_domain(), code,
                                              "clCreateContext: %s", device->name)
                                : vow_error_value(vow__cl_no_memory(search->where));
    return vow_cl_device_unref(device);
}

/* The first of the platform's that the wish is for and that can be opened; NULL: none. */
static vow_cl_device *find_on(struct search *search, cl_platform_id platform,
                              const vow_cl_wish *wish)
{
    cl_device_id devices[MOST];
    vow_cl_device *found = NULL;
    cl_uint count = 0; /* an error leaves it as it is */
    cl_int code = clGetDeviceIDs(platform, wish->type, MOST, devices, &count);
    if (code != CL_SUCCESS) {
        if (code != CL_DEVICE_NOT_FOUND)
            search->code = code;
        return NULL;
    }
    for (cl_uint i = 0; !found && i < count && i < MOST; i++)
        if (is_wished(platform, devices[i], wish->name))
            found = open_device(search, platform, devices[i]);
    return found;
}

static vow_cl_device *find(struct search *search)
{
    vow_cl_device *found = NULL;
    for (size_t i = 0; !found && i < search->count; i++)
        for (cl_uint k = 0; !found && k < search->platform_count; k++)
            found = find_on(search, search->platforms[k], &search->wishes[i]);
    return found;
}

static vow_value not_found(const struct search *search)
{
    char why[64] = "";
    if (search->code != CL_SUCCESS)
        snprintf(why, sizeof why, "; %s", vow_cl_domain()->text(search->code));
    return vow_fail_at(search->where, vow_cl_domain(), CL_DEVICE_NOT_FOUND,
                       "no such device on %u platforms%s", (unsigned)search->platform_count, why);
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
    vow_cl_device *found = find(search);
    if (!found)
        return vow_is_error(search->failed) ? search->failed : not_found(search);
    vow_release(search->failed);
    return vow_cl_device_value(found);
}

static size_t size_of(const char *name) { return name ? strlen(name) + 1 : 0; }

static struct search *new_search(const vow_cl_wish *wishes, size_t n)
{
    size_t names = 0;
    for (size_t i = 0; i < n; i++)
        names += size_of(wishes[i].name);
    struct search *search = vow_alloc(sizeof *search + n * sizeof wishes[0] + names);
    if (!search)
        return NULL;
    search->count = n;
    search->failed = vow_none();
    char *at = (char *)&search->wishes[n];
    for (size_t i = 0; i < n; i++) {
        size_t size = size_of(wishes[i].name);
        search->wishes[i] =
            (vow_cl_wish){wishes[i].type, size ? memcpy(at, wishes[i].name, size) : NULL};
        at += size;
    }
    return search;
}

vow_promise *vow_cl_open_at(vow_loop *loop, const vow_cl_wish *wishes, size_t n, const char *where)
{
    static const vow_cl_wish best[] = {
        {CL_DEVICE_TYPE_GPU, NULL}, {CL_DEVICE_TYPE_ACCELERATOR, NULL}, {CL_DEVICE_TYPE_CPU, NULL}};
    if (!vow__cl_use())
        return vow_rejected_at(loop, vow__cl_forked(where), where);
    struct search *search =
        n ? new_search(wishes, n) : new_search(best, sizeof best / sizeof best[0]);
    if (!search)
        return vow_rejected_at(loop, vow__cl_no_memory(where), where);
    search->where = where;
    return vow_work_at(loop, NULL, run_search, search, vow_free, where);
}
