/* SPDX-License-Identifier: MIT
 *
 * file/open.c - open files: their life, and what is done to one as a whole.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "file/file.h"
#include "value/error.h"

vow_file *vow_file_ref(vow_file *f)
{
    /* relaxed: the caller has one */
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

vow_file *vow_file_unref(vow_file *f)
{
    /* acq_rel: the last one sees what the others did */
    if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    if (f->fd >= 0)
        close(f->fd);
    vow__free(f);
    return NULL;
}

static void *ref(void *object) { return vow_file_ref(object); }
static void unref(void *object) { vow_file_unref(object); }
static size_t count(const void *object) { return atomic_load(&((const vow_file *)object)->refs); }

static const vow_type file_type = {
    .size = sizeof(vow_type), .name = "file", .ref = ref, .unref = unref, .count = count};

const vow_type *vow_file_type(void) { return &file_type; }
vow_value vow_file_value(vow_file *f) { return vow_of(&file_type, f); }
vow_file *vow_file_of(vow_value v) { return vow_as(v, &file_type); }
int vow_file_fd(const vow_file *f) { return f->fd; }
const char *vow_file_path(const vow_file *f) { return f->path; }

/* Without a descriptor yet; NULL: no memory. */
static vow_file *new_file(const char *path, int flags)
{
    size_t size = strlen(path) + 1;
    vow_file *f = vow__alloc_zeroed(sizeof *f + size);
    if (!f)
        return NULL;
    atomic_init(&f->refs, 1);
    f->fd = -1;
    f->flags = flags;
    memcpy(f->path, path, size);
    return f;
}

static vow_value cannot_open(const vow_file *f, int code, const char *where)
{
    bool no_offsets = code == ENXIO; /* how FIFOs and sockets refuse */
    return vow_fail_at(where, vow_errno_domain(), no_offsets ? EINVAL : code, "open %s%s", f->path,
                       no_offsets ? ": a FIFO or socket has no offsets" : "");
}

/* The outcome: f, which is taken, with this descriptor, or why not. */
static vow_value opened(vow_file *f, int fd, const char *where)
{
    struct stat s;
    int code = fd < 0 ? -fd : 0;
    f->fd = fd < 0 ? -1 : fd;
    if (!code && fstat(fd, &s))
        code = errno;
    if (!code && (S_ISFIFO(s.st_mode) || S_ISSOCK(s.st_mode)))
        code = ENXIO;
    if (!code)
        return vow_file_value(f);
    vow_value failure = cannot_open(f, code, where);
    vow_file_unref(f);
    return failure;
}

static vow_value open_in_pool(void *data)
{
    struct vow__file_job *job = data;
    vow_file *f = new_file(job->path, job->flags);
    if (!f)
        return vow__fail_ready(ENOMEM);
    int fd = vow__fd_open(AT_FDCWD, job->path, job->flags | VOW__OPEN_FLAGS, (mode_t)job->mode);
    return opened(f, fd < 0 ? -errno : fd, job->where);
}

vow_promise *vow_file_open_at(vow_loop *loop, const char *path, int flags, unsigned mode,
                              const char *where)
{
    VOW_CHECK(path, "vow_file_open at %s: the path is NULL", where);
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    int fd = -EAGAIN; /* what creates or cuts a file waits for the disk, or might */
    if (!(flags & (O_CREAT | O_TRUNC)))
        fd = vow__open_cached(path, flags | VOW__OPEN_FLAGS);
    if (fd != -EAGAIN) {
        vow_file *f = new_file(path, flags);
        if (f) {
            f->local = true;
            return vow_resolved_at(loop, opened(f, fd, where), where);
        }
        if (fd >= 0)
            close(fd);
        return vow__op_no_memory(loop);
    }
    struct vow__file_job *job = vow__file_job_new(sizeof *job, path, NULL, where);
    if (job) {
        job->flags = flags;
        job->mode = mode;
    }
    return vow__file_start(loop, job, open_in_pool);
}

static vow_value truncate_in_pool(void *data)
{
    struct vow__file_job *job = data;
    int answer;
    while ((answer = ftruncate(job->file->fd, (off_t)job->offset)) != 0 && errno == EINTR)
        ;
    return vow__file_outcome(job, "truncate", answer);
}

vow_promise *vow_file_truncate_at(vow_loop *loop, vow_file *f, uint64_t size, const char *where)
{
    struct vow__file_job *job = vow__file_job_on(f, where);
    if (job)
        job->offset = size;
    return vow__file_start(loop, job, truncate_in_pool);
}

static vow_value sync_in_pool(void *data)
{
    struct vow__file_job *job = data;
    return vow__file_outcome(job, "fsync", vow__fd_flush(job->file->fd));
}

vow_promise *vow_file_sync_at(vow_loop *loop, vow_file *f, const char *where)
{
    return vow__file_start(loop, vow__file_job_on(f, where), sync_in_pool);
}

/* Where others hold it, too, a second descriptor is closed: that flushes as well. */
static vow_value close_in_pool(void *data)
{
    struct vow__file_job *job = data;
    vow_file *f = job->file;
    int fd = f->fd;
    if (atomic_load(&f->refs) == 1)
        f->fd = -1;
    else
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    int answer = fd < 0 ? -1 : close(fd);
    /* an interrupted close has closed */
    return vow__file_outcome(job, "close", answer && errno == EINTR ? 0 : answer);
}

vow_promise *vow_file_close_at(vow_loop *loop, vow_file *f, const char *where)
{
    struct vow__file_job *job = vow__file_job_on(f, where);
    vow_file_unref(f);
    return vow__file_start(loop, job, close_in_pool);
}
