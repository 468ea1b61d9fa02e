/* SPDX-License-Identifier: MIT
 *
 * process/spawn.h - making a child process; nothing of the loop.
 */
#ifndef VOW_PROCESS_SPAWN_H
#define VOW_PROCESS_SPAWN_H

#include "vow/process.h"

/* The descriptors of a child to be, prepared before it is started. */
struct vow__stdio {
    int ours[3];   /* of a pipe, close-on-exec; -1: no pipe */
    int theirs[3]; /* what the child gets, 3 or more, close-on-exec, ours to close; or -1 */
};

/* 0 or an errno number; then all are -1. */
int vow__stdio_open(struct vow__stdio *io, const vow_process_options *options);
void vow__stdio_close(struct vow__stdio *io); /* what is still there */

/* Starts it. 0 or an errno number; then there is no child. Waits for its exec. */
int vow__spawn(const struct vow__stdio *io, const char *const *arguments,
               const vow_process_options *options, pid_t *ret);

/* A child that nobody will wait for, killed already: no zombie is left of it. Does not wait. */
void vow__reap_later(pid_t pid);

#endif
