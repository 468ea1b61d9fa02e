/* SPDX-License-Identifier: MIT
 *
 * vow/process.h - other programs: started, talked to, waited for, ended.
 *
 *     const char *const arguments[] = {"sort", "-u", NULL};
 *     vow_promise *p = vow_process_run(loop, arguments, NULL, 1 << 20);  // a vow_output
 *     ...
 *     vow_process_options options = {.in = VOW_STDIO_PIPE, .out = VOW_STDIO_PIPE};
 *     vow_promise *q = vow_process_start(loop, arguments, &options);     // a vow_process
 *
 * A child gets its arguments, an environment, a working folder, three descriptors and nothing
 * else: no other descriptor, no blocked signal, every signal's default. It is started by
 * posix_spawn, whose time does not grow with the memory of the program as fork's does; the
 * loop's thread waits until the child has begun its own program, or could not.
 *
 * A child lives while somebody wants it. It is ended when the last pending vow_process_wait
 * on it is cancelled or dropped, when the last reference to the vow_process goes, and when
 * the loop closes: by SIGKILL, or by SIGTERM first (`grace_ms`). A wait holds the loop, and
 * so does a child that is being ended. None is left a zombie: one that nobody waits for is
 * reaped while the loop turns, else when it is waited for or let go.
 *
 * Where the system has descriptors for processes (Linux 5.4) each child costs one; elsewhere
 * they are waited for by SIGCHLD, through the hub of vow/signal.h. A program that ignores
 * SIGCHLD or waits for any child takes the status away: ECHILD. Loop's thread only.
 */
#ifndef VOW_PROCESS_H
#define VOW_PROCESS_H

#include <sys/types.h>

#include "stream.h"

VOW_BEGIN

typedef struct vow_process vow_process;

/* What a child's standard descriptor is. */
enum {
    VOW_STDIO_INHERIT = 0, /* the program's own */
    VOW_STDIO_NULL = -1,   /* /dev/null */
    VOW_STDIO_PIPE = -2,   /* a pipe, whose other end is a stream: vow_process_in, _out, _err */
    VOW_STDIO_OUT = -3     /* of `err` only: where `out` goes */
};
/* This descriptor, which is looked at during the start. A negative one is refused: EINVAL. */
#define VOW_STDIO_FD(fd) ((fd) < 0 ? -4 : (fd) + 1)

/* Zeroed: the defaults. Looked at during the start only. */
typedef struct vow_process_options {
    const char *const *environment; /* "NAME=value", NULL last; NULL: the program's own */
    const char *folder;             /* to work in; NULL: the program's own */
    int in, out, err;
    bool group;        /* in a process group of its own, which is ended with it */
    uint64_t grace_ms; /* between SIGTERM and SIGKILL when it is ended; 0: SIGKILL at once */
} vow_process_options;

/* Starts a program; fulfils with a vow_process. Looks at `arguments`, NULL last: the first is
 * the program, searched for in the program's own PATH unless it has a slash (a relative one
 * is relative to `folder`). `options` NULL: the defaults. Rejects with what pipe(2), chdir(2)
 * and execve(2) say: ENOENT, EACCES, EMFILE, ...; nothing is left of the child then. Misuse:
 * no first argument. EINVAL: an option that is not one. */
#define vow_process_start(loop, arguments, options) \
    vow_process_start_at(loop, arguments, options, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_process_start_at(vow_loop *loop,
                                                        const char *const *arguments,
                                                        const vow_process_options *options,
                                                        const char *where);

/* How a child ended. */
typedef struct vow_exit {
    int status; /* 0 to 255; ended by a signal: 128 more than its number, as in a shell */
    int signal; /* that ended it, or 0 */
    bool core;  /* it left a core dump */
} vow_exit;

/* Fulfils with a vow_exit when the child has ended, also long after. Several may wait; when
 * the last pending one is cancelled or dropped the child is ended (vow_shield prevents it).
 * ECHILD: see above. In a forked process VOW_EFORK: it is the parent's child. */
#define vow_process_wait(process) vow_process_wait_at(process, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_process_wait_at(vow_process *process, const char *where);
VOW_API vow_exit vow_exit_of(vow_value v); /* looks; another type panics */
VOW_API const vow_type *vow_exit_type(void);

/* Sends a signal to the child or, if it has one, to its group. 0, or an errno number (ESRCH:
 * it has ended and was waited for). */
VOW_API int vow_process_kill(vow_process *process, int number);

/* The streams of what VOW_STDIO_PIPE said, else NULL; they are the process's: take a reference
 * to keep one. vow_stream_shutdown on `in` is the end of the child's input. */
VOW_API vow_stream *vow_process_in(const vow_process *process);
VOW_API vow_stream *vow_process_out(const vow_process *process);
VOW_API vow_stream *vow_process_err(const vow_process *process);
VOW_API pid_t vow_process_pid(const vow_process *process);

VOW_API vow_process *vow_process_ref(vow_process *process);
VOW_API vow_process *vow_process_unref(vow_process *process); /* NULL ok; returns NULL */
VOW_API vow_value vow_process_value(vow_process *process);    /* takes one reference */
VOW_API vow_process *vow_process_of(vow_value v);             /* looks; another type panics */
VOW_API const vow_type *vow_process_type(void);

/* What vow_process_run gives: how it ended, and what it wrote (NULL: it had no pipe). */
typedef struct vow_output {
    vow_exit exit;
    vow_buf *out, *err; /* borrowed from the value */
} vow_output;

/* Starts a program, reads what it writes to its pipes, and waits for its end and theirs;
 * fulfils with a vow_output, whatever its exit status. `options` NULL: in is /dev/null, out
 * and err are pipes. `in` must not be a pipe (EINVAL). More than `limit` bytes from one of
 * them (0: no limit): EMSGSIZE, and the child is ended. Cancel and drop end it, too; what it
 * wrote is lost then. */
#define vow_process_run(loop, arguments, options, limit) \
    vow_process_run_at(loop, arguments, options, limit, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_process_run_at(vow_loop *loop, const char *const *arguments,
                                                      const vow_process_options *options,
                                                      size_t limit, const char *where);
VOW_API const vow_output *vow_output_of(vow_value v); /* looks; another type panics */
VOW_API const vow_type *vow_output_type(void);

VOW_END
#endif
