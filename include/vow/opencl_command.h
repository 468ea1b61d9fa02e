/* SPDX-License-Identifier: MIT
 *
 * vow/opencl_command.h - what a device is told to do, as promises: kernels, buffers, images.
 *
 *     vow_promise *up = vow_cl_write(queue, part, bytes, VOW_AT_ONCE);
 *     vow_promise *run = vow_cl_kernel(queue, kernel, &range, VOW_AFTER(up));
 *     vow_promise *down = vow_cl_read(queue, part, NULL, VOW_AFTER(run));   // a vow_buf
 *
 * A command is put into its queue inside the call, with all it depends on: dependencies that
 * are commands or vow_cl_wait's are given to the device as events and never come back to the
 * host in between; any other promise (a socket's, a timer's) holds the command by a user
 * event. In an in-order queue that holds what comes after it, too, and where it fails or is
 * called off drivers may fail that as well (PoCL does).
 *
 * Dependencies are taken and count as handled. When one fails, the command's promise rejects
 * with the same domain and code, the call as message and the dependency's error as cause,
 * whether or not the driver notices. Cancel and drop: a command that waits for a promise of
 * the host is called off (VOW_CL_UNWANTED); any other runs out in the background, its result
 * discarded. Host memory, buffers, images, kernels, queues and events are held until the
 * device is done. All belongs to the loop's thread.
 */
#ifndef VOW_OPENCL_COMMAND_H
#define VOW_OPENCL_COMMAND_H

#include "buf.h"
#include "opencl.h"

VOW_BEGIN

/* What a command waits for: takes the promises and zeroes the array.
 * VOW_AFTER(p, q, ...) or VOW_AT_ONCE; vow_cl_after_n where there is an array. */
typedef struct vow_cl_after {
    size_t count;
    vow_promise **promises;
} vow_cl_after;
static inline vow_cl_after vow_cl_after_n(size_t count, vow_promise **promises)
{
    vow_cl_after after = {count, promises};
    return after;
}
#define VOW_AT_ONCE vow_cl_after_n(0, NULL)
#ifndef __cplusplus
#define VOW_AFTER(...)                                                                    \
    vow_cl_after_n(sizeof((vow_promise *[]){__VA_ARGS__}) / sizeof(vow_promise *),        \
                   (vow_promise *[]){__VA_ARGS__})
#endif

/* Bytes [offset, offset + size) of a buffer. */
typedef struct vow_cl_part {
    cl_mem buffer;
    size_t offset, size;
} vow_cl_part;

/* Fulfils with nothing. Takes bytes, to.size of them (else CL_INVALID_BUFFER_SIZE), which nobody
 * may change until the device is done; NULL: ENOMEM, so that a vow_buf_copy needs no check. */
#define vow_cl_write(queue, to, bytes, after) vow_cl_write_at(queue, to, bytes, after, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_cl_write_at(vow_cl_queue *queue, vow_cl_part to,
                                                   vow_buf *bytes, vow_cl_after after,
                                                   const char *where);

/* Fulfils with a vow_buf of the bytes: `into`, taken, of the same size; NULL: a new one. */
#define vow_cl_read(queue, from, into, after) vow_cl_read_at(queue, from, into, after, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_cl_read_at(vow_cl_queue *queue, vow_cl_part from,
                                                  vow_buf *into, vow_cl_after after,
                                                  const char *where);

/* Fulfil with nothing. copy: from.size bytes; to.size has to be the same. fill: the pattern
 * (1, 2, 4, ... 128 bytes, copied) over and over. */
typedef struct vow_cl_pattern {
    const void *bytes;
    size_t size;
} vow_cl_pattern;
#define vow_cl_copy(queue, from, to, after) vow_cl_copy_at(queue, from, to, after, VOW_HERE)
#define vow_cl_fill(queue, to, pattern, after) vow_cl_fill_at(queue, to, pattern, after, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_cl_copy_at(vow_cl_queue *queue, vow_cl_part from,
                                                  vow_cl_part to, vow_cl_after after,
                                                  const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_cl_fill_at(vow_cl_queue *queue, vow_cl_part to,
                                                  vow_cl_pattern pattern, vow_cl_after after,
                                                  const char *where);

/* Runs a kernel with the arguments it has now. Fulfils with nothing. Looks at range;
 * local[0] = 0: the driver chooses the work-groups. */
typedef struct vow_cl_range {
    cl_uint dimensions; /* 1 to 3 */
    size_t global[3], local[3], offset[3];
} vow_cl_range;
#define vow_cl_kernel(queue, kernel, range, after) \
    vow_cl_kernel_at(queue, kernel, range, after, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_cl_kernel_at(vow_cl_queue *queue, cl_kernel kernel,
                                                    const vow_cl_range *range, vow_cl_after after,
                                                    const char *where);

/* Fulfils with nothing when all of `after`, or with VOW_AT_ONCE all that was put into the queue
 * before, is done: one notice for many commands. */
#define vow_cl_marker(queue, after) vow_cl_marker_at(queue, after, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_cl_marker_at(vow_cl_queue *queue, vow_cl_after after,
                                                    const char *where);

/* Fulfils with a vow_cl_map: the buffer's bytes in the host's memory, valid until it is
 * unmapped, also by a loop that is gone. vow_cl_unmap takes the map, fulfils with nothing. A map
 * whose last reference goes without is unmapped in the background: nobody is told of its end,
 * dispatch and closing do not wait for it. Counted, not atomically. */
typedef struct vow_cl_map vow_cl_map;
#define vow_cl_map_part(queue, part, flags, after) \
    vow_cl_map_part_at(queue, part, flags, after, VOW_HERE)
#define vow_cl_unmap(map, after) vow_cl_unmap_at(map, after, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_cl_map_part_at(vow_cl_queue *queue, vow_cl_part part,
                                                      cl_map_flags flags, vow_cl_after after,
                                                      const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_cl_unmap_at(vow_cl_map *map, vow_cl_after after,
                                                   const char *where);
VOW_API void *vow_cl_map_bytes(const vow_cl_map *map); /* borrowed; NULL once unmapped */
VOW_API size_t vow_cl_map_size(const vow_cl_map *map);
VOW_API vow_cl_map *vow_cl_map_ref(vow_cl_map *map);
VOW_API vow_cl_map *vow_cl_map_unref(vow_cl_map *map); /* NULL ok; returns NULL */
VOW_API const vow_type *vow_cl_map_type(void);
VOW_API vow_value vow_cl_map_value(vow_cl_map *map); /* takes */
VOW_API vow_cl_map *vow_cl_map_of(vow_value v);      /* looks; another type panics */
VOW_API bool vow_cl_map_is(vow_value v);

/* A box of an image, in pixels; rows and slices of the host's memory in bytes, 0: without
 * gaps. `bytes` is the size of all of it in the host's memory. */
typedef struct vow_cl_box {
    cl_mem image;
    size_t origin[3], region[3];
    size_t row, slice, bytes;
} vow_cl_box;
/* As vow_cl_write and vow_cl_read. Look at the box. */
#define vow_cl_image_write(queue, to, bytes, after) \
    vow_cl_image_write_at(queue, to, bytes, after, VOW_HERE)
#define vow_cl_image_read(queue, from, into, after) \
    vow_cl_image_read_at(queue, from, into, after, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_cl_image_write_at(vow_cl_queue *queue,
                                                         const vow_cl_box *to, vow_buf *bytes,
                                                         vow_cl_after after, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_cl_image_read_at(vow_cl_queue *queue,
                                                        const vow_cl_box *from, vow_buf *into,
                                                        vow_cl_after after, const char *where);

/* Any other command: fn is called once, inside this call, passes its arguments on to a
 * clEnqueue... and returns what that returned. Takes data: destroy(data), may be NULL, runs
 * when the device is done. Fulfils with nothing. */
typedef cl_int vow_cl_enqueue_fn(cl_command_queue queue, cl_uint count, const cl_event *waits,
                                 cl_event *ret, void *data);
#define vow_cl_enqueue(queue, fn, data, destroy, after) \
    vow_cl_enqueue_at(queue, fn, data, destroy, after, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_cl_enqueue_at(vow_cl_queue *queue, vow_cl_enqueue_fn *fn,
                                                     void *data, vow_destroy_fn *destroy,
                                                     vow_cl_after after, const char *where);

VOW_END
#endif
