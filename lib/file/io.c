/* SPDX-License-Identifier: MIT
 *
 * file/io.c - reading and writing open files. Both are tried on the loop's thread, where
 * the kernel says how far it came without waiting; the rest goes through the pool.
 */
#include <errno.h>
#include <unistd.h>

#include "file/file.h"

/* Reads or writes at most `size` bytes at `at`, on one of the two threads. */
typedef ssize_t move_fn(vow_file *f, uint8_t *bytes, size_t size, off_t at);

static ssize_t wait_and_read(vow_file *f, uint8_t *bytes, size_t size, off_t at)
{
    return pread(f->fd, bytes, size, at);
}

static ssize_t wait_and_write(vow_file *f, uint8_t *bytes, size_t size, off_t at)
{
    return pwrite(f->fd, bytes, size, at);
}

/* At the end, which O_APPEND makes of all positions. */
static ssize_t wait_and_append(vow_file *f, uint8_t *bytes, size_t size, off_t at)
{
    (void)at;
    return write(f->fd, bytes, size);
}

#ifdef VOW__CACHED_IO
/* EAGAIN: it would wait. */
static ssize_t unless(atomic_bool *never, ssize_t n)
{
    if (n < 0 && errno == EOPNOTSUPP) {
        atomic_store_explicit(never, true, memory_order_relaxed); /* do not ask again */
        errno = EAGAIN;
    }
    return n;
}

static ssize_t read_now(vow_file *f, uint8_t *bytes, size_t size, off_t at)
{
    struct iovec part = {bytes, size};
    return unless(&f->may_wait, preadv2(f->fd, &part, 1, at, RWF_NOWAIT));
}

static ssize_t write_now(vow_file *f, uint8_t *bytes, size_t size, off_t at)
{
    struct iovec part = {bytes, size};
    return unless(&f->must_write, pwritev2(f->fd, &part, 1, at, RWF_NOWAIT));
}
#else
static ssize_t read_now(vow_file *f, uint8_t *bytes, size_t size, off_t at)
{
    (void)f, (void)bytes, (void)size, (void)at;
    errno = EAGAIN;
    return -1;
}
#define write_now read_now
#endif

/* Moves on to the end of the job's bytes, or of the file. 0 or an errno number. */
static int move_on(struct vow__file_job *job, move_fn *move)
{
    uint8_t *bytes = vow_buf_bytes(job->bytes);
    size_t size = vow_buf_size(job->bytes);
    while (job->done < size) {
        ssize_t n =
            move(job->file, bytes + job->done, size - job->done, (off_t)(job->offset + job->done));
        if (n == 0)
            return 0;
        if (n > 0)
            job->done += (size_t)n;
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

/* Nothing more to move: the job's outcome. */
static vow_value have_read(struct vow__file_job *job, int code)
{
    if (code)
        return vow__file_failed(job, "read", code);
    vow_buf *b = job->bytes;
    job->bytes = NULL;
    vow_buf_shrink(b, job->done);
    return vow_buf_value(b);
}

static vow_value have_written(struct vow__file_job *job, int code)
{
    if (!code && job->done < vow_buf_size(job->bytes))
        code = EIO; /* a write of nothing: no file does that, some drivers might */
    return code ? vow__file_failed(job, "write", code) : vow_none();
}

static vow_value read_in_pool(void *data) { return have_read(data, move_on(data, wait_and_read)); }

static vow_value write_in_pool(void *data)
{
    return have_written(data, move_on(data, wait_and_write));
}

static vow_value append_in_pool(void *data)
{
    return have_written(data, move_on(data, wait_and_append));
}

/* Takes job. `now` moves without waiting, `rest` does in the pool what it leaves over. */
static vow_promise *start(vow_loop *loop, struct vow__file_job *job, move_fn *now,
                          vow_value (*have)(struct vow__file_job *, int), vow_work_fn *rest)
{
    int code = vow__may_move(loop, vow_buf_size(job->bytes)) ? move_on(job, now) : EAGAIN;
    if (code == EAGAIN)
        return vow__file_start(loop, job, rest);
    vow_promise *p = vow_resolved_at(loop, have(job, code), job->where);
    vow__file_job_unref(job);
    return p;
}

/* NULL: no memory. Takes bytes. */
static struct vow__file_job *job_of(vow_file *f, vow_buf *bytes, uint64_t offset, const char *where)
{
    struct vow__file_job *job = bytes ? vow__file_job_on(f, where) : NULL;
    if (!job) {
        vow_buf_unref(bytes);
        return NULL;
    }
    job->bytes = bytes;
    job->offset = offset;
    return job;
}

vow_promise *vow_file_pread_at(vow_loop *loop, vow_file *f, uint64_t offset, size_t size,
                               const char *where)
{
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    struct vow__file_job *job = job_of(f, vow_buf_new(size), offset, where);
    if (!job || atomic_load_explicit(&f->may_wait, memory_order_relaxed))
        return vow__file_start(loop, job, read_in_pool);
    return start(loop, job, read_now, have_read, read_in_pool);
}

vow_promise *vow_file_pwrite_at(vow_loop *loop, vow_file *f, uint64_t offset, vow_buf *bytes,
                                const char *where)
{
    vow_promise *refused = vow__refused(loop, where);
    if (refused) {
        vow_buf_unref(bytes);
        return refused;
    }
    struct vow__file_job *job = job_of(f, bytes, offset, where);
    if (!job || atomic_load_explicit(&f->must_write, memory_order_relaxed))
        return vow__file_start(loop, job, write_in_pool);
    return start(loop, job, write_now, have_written, write_in_pool);
}

/* Always in the pool: what is appended to files are logs, which nobody waits for, and one
 * write has to be one call, so that others' appends do not come in between. */
vow_promise *vow_file_append_at(vow_loop *loop, vow_file *f, vow_buf *bytes, const char *where)
{
    struct vow__file_job *job = job_of(f, bytes, 0, where);
    if (job && !(f->flags & O_APPEND)) {
        vow_value failure = vow__file_failed(job, "append without O_APPEND to", EINVAL);
        vow__file_job_unref(job);
        return vow_resolved_at(loop, failure, where);
    }
    return vow__file_start(loop, job, append_in_pool);
}
