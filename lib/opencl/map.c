/* SPDX-License-Identifier: MIT
 *
 * opencl/map.c - buffers mapped into the host's memory. OpenCL gives the address at once,
 * valid only once the command is done: so it is the promise's value.
 */
#include "opencl/op.h"

struct vow_cl_map {
    size_t refs, size;
    vow_cl_queue *queue;
    cl_mem buffer; /* a reference */
    void *bytes;   /* NULL: not mapped yet, or no more */
};

static vow_cl_map *new_map(vow_cl_queue *queue, vow_cl_part part)
{
    vow_cl_map *map = vow_alloc(sizeof *map);
    if (!map)
        return NULL;
    *map = (vow_cl_map){1, part.size, vow_cl_queue_ref(queue), part.buffer, NULL};
    return map;
}

static void free_map(vow_cl_map *map)
{
    vow__cl_release_memory(map->buffer);
    vow_cl_queue_unref(map->queue);
    vow_free(map);
}

vow_cl_map *vow_cl_map_ref(vow_cl_map *map)
{
    if (map)
        map->refs++;
    return map;
}

/* Nobody is told how it ends. */
static void unmap_in_background(vow_cl_map *map)
{
    cl_event event = NULL;
    if (!vow__cl_is_here() ||
        clEnqueueUnmapMemObject(map->queue->handle, map->buffer, map->bytes, 0, NULL, &event))
        return;
    vow__cl_release_event(event);
    vow__cl_queue_flush(map->queue);
}

vow_cl_map *vow_cl_map_unref(vow_cl_map *map)
{
    if (!map || --map->refs > 0)
        return NULL;
    if (map->bytes)
        unmap_in_background(map);
    free_map(map);
    return NULL;
}

VOW_TYPE_DEFINE(vow_cl_map, vow_cl_map, vow_cl_map_ref, vow_cl_map_unref)

void *vow_cl_map_bytes(const vow_cl_map *map) { return map->bytes; }
size_t vow_cl_map_size(const vow_cl_map *map) { return map->size; }

/* Mapping. */

static cl_int check_map(struct vow__cl_command *c)
{
    return c->with.map.map ? CL_SUCCESS : CL_OUT_OF_HOST_MEMORY;
}

static cl_int hold_buffer(struct vow__cl_command *c)
{
    cl_int code = clRetainMemObject(c->part.buffer);
    if (code == CL_SUCCESS)
        c->with.map.map->buffer = c->part.buffer;
    return code;
}

static cl_int enqueue_map(struct vow__cl_command *c, cl_command_queue queue, cl_uint count,
                          const cl_event *waits, cl_event *ret)
{
    cl_int code;
    c->with.map.bytes = clEnqueueMapBuffer(queue, c->part.buffer, CL_FALSE, c->with.map.flags,
                                           c->part.offset, c->part.size, count, waits, ret, &code);
    return code;
}

static vow_value give_map(struct vow__cl_command *c)
{
    c->with.map.map->bytes = c->with.map.bytes;
    return vow_cl_map_value(vow_cl_map_ref(c->with.map.map));
}

/* Unmapped, when the last reference goes, where the command was done. */
static void release_map(struct vow__cl_command *c, bool held)
{
    (void)held;
    vow_cl_map_unref(c->with.map.map);
}

static const struct vow__cl_verb map_verb = {
    "clEnqueueMapBuffer", check_map, hold_buffer, enqueue_map, give_map, release_map, false};

vow_promise *vow_cl_map_part_at(vow_cl_queue *queue, vow_cl_part part, cl_map_flags flags,
                                vow_cl_after after, const char *where)
{
    struct vow__cl_command c = {.verb = &map_verb, .part = part};
    part.buffer = NULL; /* the map's reference comes with the command's */
    c.with.map.map = new_map(queue, part);
    c.with.map.flags = flags;
    return vow__cl_start(queue->home->loop, queue, &c, after, where);
}

/* Unmapping. */

static cl_int check_mapped(struct vow__cl_command *c)
{
    return c->with.map.map->bytes ? CL_SUCCESS : CL_INVALID_VALUE;
}

static cl_int enqueue_unmap(struct vow__cl_command *c, cl_command_queue queue, cl_uint count,
                            const cl_event *waits, cl_event *ret)
{
    vow_cl_map *map = c->with.map.map;
    cl_int code = clEnqueueUnmapMemObject(queue, map->buffer, map->bytes, count, waits, ret);
    if (code == CL_SUCCESS)
        map->bytes = NULL;
    return code;
}

static const struct vow__cl_verb unmap_verb = {
    "clEnqueueUnmapMemObject", check_mapped, NULL, enqueue_unmap, NULL, release_map, false};

vow_promise *vow_cl_unmap_at(vow_cl_map *map, vow_cl_after after, const char *where)
{
    struct vow__cl_command c = {.verb = &unmap_verb};
    c.with.map.map = map;
    return vow__cl_start(map->queue->home->loop, map->queue, &c, after, where);
}
