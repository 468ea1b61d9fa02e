/* SPDX-License-Identifier: MIT
 *
 * A machine with a loader and no driver.
 */
#include <stdlib.h>

#include "harness.h"
#include "vow/opencl.h"

__attribute__((constructor)) static void hide_all_drivers(void)
{
    setenv("OCL_ICD_VENDORS", "/nonexistent/", 1);
    setenv("OCL_ICD_FILENAMES", "", 1);
}

TEST(without_a_driver_there_is_no_device)
{
    vow_value v;
    EQ_INT(vow_run(loop, vow_cl_open(loop, NULL, 0), &v), CL_DEVICE_NOT_FOUND);
    CHECK(vow_error_domain(vow_as_error(v)) == vow_cl_domain());
    HAS_TEXT(vow_error_message(vow_as_error(v)), "no such device on 0 platforms");
    vow_release(v);
}
