/* SPDX-License-Identifier: MIT
 *
 * file/file.h - what the sources about files share: open files, jobs in the pool, opening
 * without waiting, and temporary files that become others.
 */
#ifndef VOW_FILE_FILE_H
#define VOW_FILE_FILE_H

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "adapt/op.h"
#include "vow/file.h"
#include "vow/pool.h"

#ifdef VOW__LINUX
#include <linux/openat2.h>
#include <sys/uio.h>
#if defined(RESOLVE_CACHED) && defined(RWF_NOWAIT)
#define VOW__CACHED_IO 1 /* the kernel can say that an operation would wait */
#endif
#endif

/* Added to all flags. Non-blocking: a FIFO would keep its opener waiting for a writer,
 * RESOLVE_CACHED or not. */
enum { VOW__OPEN_FLAGS = O_CLOEXEC | O_NONBLOCK | O_NOCTTY };

struct vow_file {
    atomic_uint refs;
    int fd;
    int flags;  /* as given to open */
    bool local; /* opened without waiting: asking what it is like does not wait */
    atomic_bool may_wait, must_write; /* its file system cannot read, write without waiting */
    char path[];
};

/* One operation in the pool. Each uses its part of it; those that need more begin with it. */
struct vow__file_job {
    atomic_uint refs;     /* the pool's, a promise's (vow__file_start_long), a node's on its way */
    atomic_bool unwanted; /* the promise has settled, was cancelled or dropped */
    const char *where;
    const char *path, *to; /* copies; to: NULL where there is only one */
    vow_file *file;        /* a reference, or NULL; path is the file's then */
    vow_buf *bytes;        /* or NULL */
    vow_remote *remote;    /* or NULL */
    uint64_t offset;
    size_t done; /* bytes of `bytes` */
    int flags;
    unsigned mode;
};

/* job.c. Takes nothing; NULL: no memory. `size` is that of what begins with the job. */
struct vow__file_job *vow__file_job_new(size_t size, const char *path, const char *to,
                                        const char *where);
struct vow__file_job *vow__file_job_on(vow_file *f, const char *where); /* looks at f */
void vow__file_job_unref(void *job);

/* Take job, NULL: no memory. fn(job) runs in the pool for files. */
vow_promise *vow__file_start(vow_loop *loop, struct vow__file_job *job, vow_work_fn *fn);
/* In `pool`, and job->unwanted is set for one that runs and may stop: also when there is no
 * memory to give a promise for one that has begun. */
vow_promise *vow__file_start_long(vow_loop *loop, vow_pool *pool, struct vow__file_job *job,
                                  vow_work_fn *fn);

/* "CALL PATH[ to TO]" with errno's code. Any thread. */
vow_value vow__file_failed(const struct vow__file_job *job, const char *call, int code);
/* The outcome of a system call that answers 0, or -1 and errno. */
vow_value vow__file_outcome(const struct vow__file_job *job, const char *call, int answer);
/* What is wrong with a file of this kind where a regular one is wanted; 0: nothing. */
int vow__not_regular(const struct stat *s);

/* May so many bytes be copied on the loop's thread now? Then they count. */
bool vow__may_move(vow_loop *loop, size_t bytes);
/* The descriptor, or minus an errno number; -EAGAIN: opening might wait. */
int vow__open_cached(const char *path, int flags);
/* The same for a file that is only to be found. Too few descriptors count as -EAGAIN, too:
 * there are ways without one. */
int vow__find_cached(const char *path, int flags);

/* info.c */
vow_value vow__file_info_value(const struct stat *s);
vow_file_kind vow__file_kind(unsigned mode);

/* temp.c: a file beside `target` that is to take its place. */
struct vow__temp {
    const char *target;
    char *path; /* NULL: there is none */
    int fd;
};
/* 0 or an errno number. */
int vow__temp_open(struct vow__temp *temp, const char *target, unsigned mode);
/* As far as the file system has permissions: it is its owner's alone otherwise. */
void vow__temp_keep_mode(struct vow__temp *temp, unsigned mode);
/* Renames; `flush`: as a crash would find it. 0 or an errno number, and *ret_call says whose. */
int vow__temp_place(struct vow__temp *temp, bool flush, const char **ret_call);
/* Takes it away unless it was placed. Always to be called. */
void vow__temp_end(struct vow__temp *temp);

#endif
