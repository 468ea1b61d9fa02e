/* SPDX-License-Identifier: MIT
 *
 * device.h - lines counted on an OpenCL device. Where the tour is built without vow-opencl,
 * no_device.c stands here, and there never is one.
 */
#ifndef TOUR_DEVICE_H
#define TOUR_DEVICE_H

#include <vow.h>

struct device;

/* A type of vow's values: device_value(), device_of(), ... */
VOW_TYPE_DECLARE(device, struct device)

/* Fulfils with the best device there is, ready to count; rejects where there is none. */
vow_promise *device_open(vow_loop *loop);

/* Fulfils with the newlines in bytes, an int. Looks at device, takes bytes. */
vow_promise *device_count(struct device *device, vow_buf *bytes);

#endif
