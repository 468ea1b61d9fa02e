/* SPDX-License-Identifier: MIT
 *
 * 12-process - other programs: one run to its end, with what it wrote; two in a pipeline, fed
 * and connected by streams; one that is ended because nobody waits for it any longer.
 *
 *     examples/run 12-process
 *
 * Expected output:
 *     sh: out "a line", err "a complaint", exit status 3
 *     apple
 *     cherry
 *     pear
 *     sleep: timed out after 10 ms
 */
#include <stdio.h>
#include <vow.h>

static const char *const SH[] = {"sh", "-c", "printf 'a line'; printf 'a complaint' >&2; exit 3",
                                 NULL};
static const char *const LOWER[] = {"tr", "A-Z", "a-z", NULL}, *const SORT[] = {"sort", NULL};
static const char *const SLEEP[] = {"sleep", "1000", NULL};
static const char FRUIT[] = "Pear\nApple\nCherry\n";

static const char *bytes(vow_buf *buf) { return (const char *)vow_buf_bytes(buf); }

static vow_value on_output(vow_value v, void *data)
{
    const vow_output *output = vow_output_of(v);
    (void)data;
    printf("sh: out \"%.*s\", err \"%.*s\", exit status %d\n", (int)vow_buf_size(output->out),
           bytes(output->out), (int)vow_buf_size(output->err), bytes(output->err),
           output->exit.status);
    fflush(stdout); /* before what the children of the pipeline write there */
    return vow_none();
}

static void release(void *process) { vow_process_unref(process); }

static vow_value end_input(vow_value v, void *stream)
{
    return (void)v, vow_v(vow_stream_shutdown(stream));
}

static vow_value on_pipeline(vow_value started, void *loop)
{
    vow_process *lower = vow_process_ref(vow_process_of(vow_at(started, 0)));
    vow_process *sort = vow_process_ref(vow_process_of(vow_at(started, 1)));
    vow_promise *fed = vow_stream_write(vow_process_in(lower), FRUIT, sizeof FRUIT - 1);
    vow_promise *moved = vow_pump(vow_process_out(lower), vow_process_in(sort), 0);
    fed = vow_then(fed, end_input, vow_process_in(lower));
    moved = vow_then(moved, end_input, vow_process_in(sort));
    vow_promise *all = vow_all(loop, fed, moved, vow_process_wait(lower), vow_process_wait(sort));
    return vow_v(vow_attach(vow_attach(all, lower, release), sort, release));
}

static vow_value on_error(const vow_error *e, void *data)
{
    printf("sleep: %s\n", vow_error_message(e));
    return (void)data, vow_none();
}

int main(void)
{
    vow_process_options first = {.in = VOW_STDIO_PIPE, .out = VOW_STDIO_PIPE};
    vow_process_options last = {.in = VOW_STDIO_PIPE};
    vow_loop *loop = vow_loop_new();
    if (loop == NULL) {
        perror("vow_loop_new");
        return 1;
    }
    vow_promise *p = vow_then(vow_process_run(loop, SH, NULL, 1000), on_output, NULL);
    int code = vow_run(loop, p, NULL);
    p = vow_all(loop, vow_process_start(loop, LOWER, &first), vow_process_start(loop, SORT, &last));
    code |= vow_run(loop, vow_then(p, on_pipeline, loop), NULL);
    p = vow_timeout(vow_process_run(loop, SLEEP, NULL, 0), 10);
    code |= vow_run(loop, vow_catch(p, on_error, NULL), NULL);
    vow_loop_free(loop);
    return code != 0;
}
