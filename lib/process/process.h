/* SPDX-License-Identifier: MIT
 *
 * process/process.h - a child process: start.c starts it, process.c waits for it and
 * ends it.
 */
#ifndef VOW_PROCESS_PROCESS_H
#define VOW_PROCESS_PROCESS_H

#include "process/signal.h"
#include "vow/process.h"

struct vow__process_waiter;

/* It runs until `outcome` is set. While it runs it is watched: by pidfd (`watch`) or SIGCHLD
 * (`child`), which hold the loop while somebody waits or `ending`. `ending` counts as one
 * reference. */
struct vow_process {
    struct vow__member member;
    size_t count;
    struct vow__watch watch;
    struct vow__listener child;
    int pidfd;           /* -1: none */
    pid_t pid;           /* 0: not started */
    unsigned generation; /* vow__forks where it is a child */
    bool group, ending;
    uint64_t grace_ms;
    vow_promise *grace; /* its end, while `ending`; or NULL */
    vow_stream *stream[3];
    struct vow__process_waiter *first, **end;
    vow_value outcome; /* none: it runs; a vow_exit, or an error */
};

/* process.c. p may be gone after those with a star, unless the caller has a reference. */
void vow__process_look(vow_process *p);     /* * has it ended? */
void vow__process_put_down(vow_process *p); /* * ends it at once, and without the loop */
void vow__process_set_outcome(vow_process *p, vow_value outcome); /* * takes outcome */
void vow__process_unwatch(vow_process *p);
int vow__process_watch(vow_process *p); /* by the descriptor p has: 0 or an errno number */
int vow__process_listen(vow_process *p); /* for SIGCHLD: the same */

/* start.c. Starts it. Gives; NULL: *ret_error says why. The loop is open and of this
 * process. */
vow_process *vow__process_start(vow_loop *loop, const char *const *arguments,
                                const vow_process_options *options, const char *where,
                                vow_value *ret_error);

#endif
