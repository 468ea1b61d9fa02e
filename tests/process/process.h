/* SPDX-License-Identifier: MIT
 *
 * process.h - for the tests of child processes.
 */
#ifndef VOW_TESTS_PROCESS_PROCESS_H
#define VOW_TESTS_PROCESS_PROCESS_H

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapt/net.h"
#include "harness.h"

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SHELL(script) ARGUMENTS("/bin/sh", "-c", script)

/* The program is started, and has to be. Gives. */
#define START(arguments, ...) \
    start_(__FILE__, __LINE__, loop, arguments, &(vow_process_options){__VA_ARGS__})
static inline vow_process *start_(const char *file, int line, vow_loop *loop,
                                  const char *const *arguments, const vow_process_options *options)
{
    vow_value v;
    harness_eq_int(file, line, "start",
                   vow_run(loop, vow_process_start(loop, arguments, options), &v), 0);
    vow_process *p = vow_process_ref(vow_process_of(v));
    vow_release(v);
    return p;
}

/* Runs a wait to its end. */
#define EXIT_OF(p) exit_of_(__FILE__, __LINE__, loop, p)
static inline vow_exit exit_of_(const char *file, int line, vow_loop *loop, vow_promise *p)
{
    vow_value v;
    harness_eq_int(file, line, "wait", vow_run(loop, p, &v), 0);
    return vow_exit_of(v);
}

/* The program cannot be started: `code`, with a message that contains `part`. Under valgrind,
 * whose vfork is fork, a child has only its exit status to say so. */
#define NO_START(arguments, options, code, part) \
    no_start_(__FILE__, __LINE__, loop, vow_process_start(loop, arguments, options), code, part)
static inline void no_start_(const char *file, int line, vow_loop *loop, vow_promise *p, int code,
                             const char *part)
{
    vow_value v;
    int got = vow_run(loop, p, &v);
    if (got == 0 && under_valgrind()) {
        vow_exit end = exit_of_(file, line, loop, vow_process_wait(vow_process_of(v)));
        harness_eq_int(file, line, "status", end.status, 127);
    } else {
        harness_eq_int(file, line, "start", got, code);
        harness_has_text(file, line, "message", vow_error_message(vow_as_error(v)), part);
    }
    vow_release(v);
}

/* Runs a vow_process_run to its end; the value is in *ret. */
#define OUTPUT_OF(p, ret) output_of_(__FILE__, __LINE__, loop, p, ret)
static inline const vow_output *output_of_(const char *file, int line, vow_loop *loop,
                                           vow_promise *p, vow_value *ret)
{
    int code = vow_run(loop, p, ret);
    char text[256] = "";
    if (code)
        vow_describe(vow_as_error(*ret), VOW_ONE_LINE, text, sizeof text);
    if (code)
        harness_fail(file, line, "error %d: %s", code, text);
    return vow_output_of(*ret);
}

#define EQ_BUF(buf, text) eq_buf_(__FILE__, __LINE__, buf, text)
static inline void eq_buf_(const char *file, int line, vow_buf *buf, const char *text)
{
    char got[2000] = "(NULL)";
    if (buf)
        snprintf(got, sizeof got, "%.*s", (int)vow_buf_size(buf), (const char *)vow_buf_bytes(buf));
    harness_eq_text(file, line, "output", got, text);
}

/* No child of ours is left, soon: what was killed takes a moment to die. */
static inline void expect_no_children(void)
{
    siginfo_t info;
    for (int i = 0; i < 5000; i++) {
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD)
            return;
        usleep(1000);
    }
    FAIL("children are left");
}

#endif
