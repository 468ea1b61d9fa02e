/* SPDX-License-Identifier: MIT
 *
 * no_device.c - device.h without vow-opencl.
 */
#include <errno.h>

#include "device.h"

static void no_free(struct device *d) { (void)d; }
VOW_BOX_DEFINE(device, struct device, no_free)

vow_promise *device_open(vow_loop *loop)
{
    return vow_rejected(loop, vow_error_new(vow_errno_domain(), ENODEV, "built without vow-opencl"));
}

vow_promise *device_count(struct device *device, vow_buf *bytes)
{
    (void)device; /* nobody has one */
    vow_buf_unref(bytes);
    return vow_rejected(vow_current(), vow_error_new(vow_errno_domain(), ENODEV, NULL));
}
