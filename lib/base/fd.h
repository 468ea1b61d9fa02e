/* SPDX-License-Identifier: MIT
 *
 * base/fd.h - descriptors as vow opens them: non-blocking, and not inherited by the programs
 * that are run. In one call where the system has one for it, so that no other thread's exec
 * comes between.
 */
#ifndef VOW_BASE_FD_H
#define VOW_BASE_FD_H

#include <sys/types.h>

#include <sys/types.h>

#if defined(__linux__) && !defined(VOW_PORTABLE)
#define VOW__LINUX 1 /* Linux's own calls; -DVOW_PORTABLE tests what stands in for them */
#endif

/* Of a descriptor that somebody else has opened. 0 or an errno number. */
int vow__fd_set_flags(int fd);

/* -1 and errno. */
int vow__fd_socket(int family, int type);
int vow__fd_accept(int listener);

/* 0 or an errno number. A pair is of AF_UNIX. A pipe's flags are 0 or O_NONBLOCK: a program
 * that is run expects to block. */
int vow__fd_pair(int type, int ret[2]);
int vow__fd_pipe(int flags, int ret[2]);

/* openat(2) and fsync(2), begun again when they were interrupted: a file system behind a
 * network or another process may be. -1 and errno. */
int vow__fd_open(int folder, const char *path, int flags, mode_t mode);
int vow__fd_flush(int fd);

#endif
