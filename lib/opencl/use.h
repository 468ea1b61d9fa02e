/* SPDX-License-Identifier: MIT
 *
 * opencl/use.h - may this process call OpenCL? Driver threads and locks do not survive fork:
 * a child of a process that has used OpenCL hangs in the driver, even with objects of its
 * own. So the first use is remembered, with the number of forks that came before it.
 */
#ifndef VOW_OPENCL_USE_H
#define VOW_OPENCL_USE_H

#include <errno.h>

#include "vow/opencl.h"

/* True: OpenCL may be called, and counts as used. False: it was used before a fork. Any
 * thread. */
bool vow__cl_use(void);
/* True: what was made by OpenCL may be given back to it. */
bool vow__cl_is_here(void);

/* What a starter gives when vow__cl_use says no, or OpenCL something else than CL_SUCCESS. */
vow_error *vow__cl_forked(const char *where);
vow_error *vow__cl_error(const char *where, cl_int code, const char *call);
static inline vow_error *vow__cl_no_memory(const char *where)
{
    return vow_error_new_at(where, vow_errno_domain(), ENOMEM, NULL);
}

/* Give back what may be NULL; nothing happens in a forked child. */
void vow__cl_release_event(cl_event event);
void vow__cl_release_memory(cl_mem memory);

#endif
