/* SPDX-License-Identifier: MIT
 *
 * process/run.c - a program run to its end, with what it wrote: three promises (the end
 * of each pipe, and of the child) made one.
 */
#include <errno.h>
#include <string.h>

#include "adapt/op.h"
#include "base/mem.h"
#include "process/process.h"
#include "vow/flow.h"

enum { CHUNK = 65536 }; /* what a pipe holds */

/* What was read so far. */
struct text {
    vow_buf *buf; /* NULL: nothing yet, or it was given */
    size_t size, limit;
};

struct run {
    vow_process *process;
    struct text out, err;
};

static void free_run(void *data)
{
    struct run *run = data;
    vow_process_unref(run->process);
    vow_buf_unref(run->out.buf);
    vow_buf_unref(run->err.buf);
    vow__free(run);
}

/* The value: a counted vow_output. */

static void free_output(void *data)
{
    vow_output *output = data;
    vow_buf_unref(output->out);
    vow_buf_unref(output->err);
    vow__free(output);
}

static const vow_type output_type = {.size = sizeof(vow_type),
                                     .name = "vow_output",
                                     .ref = vow_box_ref,
                                     .unref = vow_box_unref,
                                     .count = vow_box_count};

const vow_type *vow_output_type(void) { return &output_type; }
const vow_output *vow_output_of(vow_value v) { return vow_box_object(vow_as(v, &output_type)); }

/* Reading. */

/* Room for `more` bytes. 0 or ENOMEM. */
static int grow(struct text *text, size_t more)
{
    size_t room = text->buf ? vow_buf_size(text->buf) : 0;
    if (room - text->size >= more)
        return 0;
    size_t wanted = 2 * room > text->size + more ? 2 * room : text->size + more;
    vow_buf *larger = vow_buf_new(wanted);
    if (!larger)
        return ENOMEM;
    if (text->size > 0)
        memcpy(vow_buf_bytes(larger), vow_buf_bytes(text->buf), text->size);
    vow_buf_unref(text->buf);
    text->buf = larger;
    return 0;
}

static vow_value give(struct text *text)
{
    vow_buf *all = text->buf ? text->buf : vow_buf_new(0);
    text->buf = NULL;
    if (all)
        vow_buf_shrink(all, text->size);
    return vow_buf_value(all);
}

static vow_value on_bytes(vow_value v, void *data)
{
    struct text *text = data;
    vow_buf *bytes = vow_buf_of(v);
    size_t size = vow_buf_size(bytes);
    if (size == 0)
        return give(text);
    if (size > text->limit - text->size)
        return vow_fail(EMSGSIZE, "the output has more than %zu bytes", text->limit);
    if (grow(text, size))
        return vow__fail_ready(ENOMEM);
    memcpy(vow_buf_bytes(text->buf) + text->size, vow_buf_bytes(bytes), size);
    text->size += size;
    return VOW_AGAIN;
}

static vow_value read_out(void *data)
{
    struct run *run = data;
    return vow_v(
        vow_then(vow_stream_read(vow_process_out(run->process), CHUNK), on_bytes, &run->out));
}

static vow_value read_err(void *data)
{
    struct run *run = data;
    return vow_v(
        vow_then(vow_stream_read(vow_process_err(run->process), CHUNK), on_bytes, &run->err));
}

/* Nothing where there is no pipe. */
static vow_promise *read_all(vow_loop *loop, vow_stream *s, vow_step_fn *step, struct run *run)
{
    return s ? vow_repeat(loop, step, run) : vow_resolved(loop, vow_none());
}

/* Running. */

static vow_buf *buf_of(vow_value v) { return vow_is_none(v) ? NULL : vow_buf_ref(vow_buf_of(v)); }

static vow_value on_end(vow_value all, void *data)
{
    (void)data;
    vow_output *output = vow__alloc(sizeof *output);
    if (!output)
        return vow__fail_ready(ENOMEM);
    *output =
        (vow_output){vow_exit_of(vow_at(all, 2)), buf_of(vow_at(all, 0)), buf_of(vow_at(all, 1))};
    return vow_box_of(&output_type, output, free_output);
}

static vow_promise *finish(vow_loop *loop, struct run *run, const char *where)
{
    vow_promise *parts[] = {read_all(loop, vow_process_out(run->process), read_out, run),
                            read_all(loop, vow_process_err(run->process), read_err, run),
                            vow_process_wait_at(run->process, where)};
    for (int i = 0; i < 3; i++)
        vow_mark_handled(parts[i]); /* without memory for the rest they are dropped */
    return vow_then_at(vow_all_n_at(loop, 3, parts, where), on_end, run, free_run, where);
}

vow_promise *vow_process_run_at(vow_loop *loop, const char *const *arguments,
                                const vow_process_options *options, size_t limit, const char *where)
{
    static const vow_process_options collected = {
        .in = VOW_STDIO_NULL, .out = VOW_STDIO_PIPE, .err = VOW_STDIO_PIPE};
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    options = options ? options : &collected;
    if (options->in == VOW_STDIO_PIPE)
        return vow__op_failed(loop, EINVAL, "run: nobody would write to its input", where);
    struct run *run = vow__alloc_zeroed(sizeof *run);
    if (!run)
        return vow__op_no_memory(loop);
    vow_value error;
    run->out.limit = run->err.limit = limit ? limit : SIZE_MAX;
    run->process = vow__process_start(loop, arguments, options, where, &error);
    if (run->process)
        return finish(loop, run, where);
    free_run(run);
    return vow_resolved_at(loop, error, where);
}
