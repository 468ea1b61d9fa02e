/* SPDX-License-Identifier: MIT
 *
 * opencl/build.c - compiling a program on a worker thread. clBuildProgram is never given a
 * callback: drivers call it inside, or return an error and call it as well.
 */
#include <errno.h>
#include <string.h>

#include "opencl/op.h"

static void *ref_program(void *program)
{
    if (vow__cl_is_here())
        clRetainProgram(program);
    return program;
}

static void unref_program(void *program)
{
    if (vow__cl_is_here())
        clReleaseProgram(program);
}

static const vow_type program_type = {
    sizeof(vow_type), 0, "vow_cl_program", ref_program, unref_program, NULL, NULL, {NULL}};

const vow_type *vow_cl_program_type(void) { return &program_type; }
vow_value vow_cl_program_value(cl_program program) { return vow_of(&program_type, program); }
cl_program vow_cl_program_of(vow_value v) { return vow_as(v, &program_type); }

struct build {
    const char *where;
    cl_device_id id;
    cl_context context; /* a reference. No vow_cl_device: it may be given back on the worker */
    const char *options; /* behind the text; NULL: none */
    char text[];
};

static void free_build(void *data)
{
    struct build *build = data;
    if (vow__cl_is_here())
        clReleaseContext(build->context);
    vow_free(build);
}

/* The log, as an error's message. Without a log: the call's name. */
static vow_value build_error(const struct build *build, cl_program program, cl_int code)
{
    size_t size = 0;
    clGetProgramBuildInfo(program, build->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
    char *log = size > 1 ? vow_alloc(size + 1) : NULL;
    if (log)
        clGetProgramBuildInfo(program, build->id, CL_PROGRAM_BUILD_LOG, size, log, NULL);
    vow_value v = vow_fail_at(build->where, vow_cl_domain(), code, "%s",
                              log && log[0] ? log : "clBuildProgram");
    vow_free(log);
    return v;
}

/* On a worker thread. */
static vow_value run_build(void *data)
{
    struct build *build = data;
    const char *text = build->text;
    cl_int code;
    cl_program program = clCreateProgramWithSource(build->context, 1, &text, NULL, &code);
    if (!program)
        return vow_fail_at(build->where, vow_cl_domain(), code, "clCreateProgramWithSource");
    code = clBuildProgram(program, 1, &build->id, build->options, NULL, NULL);
    if (code == CL_SUCCESS)
        return vow_cl_program_value(program);
    vow_value v = build_error(build, program, code);
    clReleaseProgram(program);
    return v;
}

vow_promise *vow_cl_build_at(vow_loop *loop, vow_cl_device *device, const char *text,
                             const char *options, const char *where)
{
    if (!vow__cl_use())
        return vow_rejected_at(loop, vow__cl_forked(where), where);
    size_t size = strlen(text) + 1, more = options ? strlen(options) + 1 : 0;
    struct build *build = vow_alloc(sizeof *build + size + more);
    if (!build)
        return vow_rejected_at(loop, vow__cl_no_memory(where), where);
    build->where = where;
    build->id = vow_cl_device_id(device);
    build->context = vow_cl_device_context(device);
    cl_int code = clRetainContext(build->context);
    if (code != CL_SUCCESS) {
        vow_free(build);
        return vow_rejected_at(loop, vow__cl_error(where, code, "clRetainContext"), where);
    }
    memcpy(build->text, text, size);
    if (options)
        build->options = memcpy(build->text + size, options, more);
    return vow_work_at(loop, NULL, run_build, build, free_build, where);
}
