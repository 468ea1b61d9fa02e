/* SPDX-License-Identifier: MIT
 *
 * file/job.c - operations on files on their way through the pool, and opening without
 * waiting.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "adapt/pool.h"
#include "base/mem.h"
#include "file/file.h"
#ifdef VOW__CACHED_IO
#include <sys/syscall.h>
#endif

struct vow__file_job *vow__file_job_new(size_t size, const char *path, const char *to,
                                        const char *where)
{
    size_t path_size = strlen(path) + 1, to_size = to ? strlen(to) + 1 : 0;
    struct vow__file_job *job = vow__alloc_zeroed(size + path_size + to_size);
    if (!job)
        return NULL;
    char *text = (char *)job + size;
    atomic_init(&job->refs, 1);
    job->where = where;
    job->path = memcpy(text, path, path_size);
    if (to)
        job->to = memcpy(text + path_size, to, to_size);
    return job;
}

struct vow__file_job *vow__file_job_on(vow_file *f, const char *where)
{
    struct vow__file_job *job = vow__alloc_zeroed(sizeof *job);
    if (!job)
        return NULL;
    atomic_init(&job->refs, 1);
    job->where = where;
    job->file = vow_file_ref(f);
    job->path = f->path;
    return job;
}

void vow__file_job_unref(void *data)
{
    struct vow__file_job *job = data;
    /* acq_rel: the last side sees what the others did */
    if (atomic_fetch_sub_explicit(&job->refs, 1, memory_order_acq_rel) != 1)
        return;
    vow_file_unref(job->file);
    vow_buf_unref(job->bytes);
    vow_remote_unref(job->remote);
    vow__free(job);
}

vow_promise *vow__file_start(vow_loop *loop, struct vow__file_job *job, vow_work_fn *fn)
{
    if (!job)
        return vow__op_no_memory(loop);
    return vow_work_at(loop, vow__pool_files(), fn, job, vow__file_job_unref, job->where);
}

static void nobody_wants_it(void *data)
{
    struct vow__file_job *job = data;
    atomic_store(&job->unwanted, true);
    vow__file_job_unref(job);
}

vow_promise *vow__file_start_long(vow_loop *loop, vow_pool *pool, struct vow__file_job *job,
                                  vow_work_fn *fn)
{
    if (!job)
        return vow__op_no_memory(loop);
    atomic_fetch_add_explicit(&job->refs, 1, memory_order_relaxed);
    const char *where = job->where;
    vow_promise *p = vow_work_at(loop, pool, fn, job, vow__file_job_unref, where);
    return vow_attach_at(p, job, nobody_wants_it, where);
}

vow_value vow__file_failed(const struct vow__file_job *job, const char *call, int code)
{
    return vow_fail_at(job->where, vow_errno_domain(), code, "%s %s%s%s", call, job->path,
                       job->to ? " to " : "", job->to ? job->to : "");
}

vow_value vow__file_outcome(const struct vow__file_job *job, const char *call, int answer)
{
    return answer == 0 ? vow_none() : vow__file_failed(job, call, errno);
}

int vow__not_regular(const struct stat *s)
{
    if (S_ISREG(s->st_mode))
        return 0;
    return S_ISDIR(s->st_mode) ? EISDIR : EINVAL;
}

/* What is copied in one callback of the loop's holds up all else that it has to do: a bound for
 * each file would let a thousand of them through, one after the other. So much takes 10 us where
 * the memory is in the processor's cache and 40 us where it is new, as long as the way to a
 * thread and back. A few pages take less time than the calls around them, which the loop's
 * budget of handlers is for. */
enum { MOST_AT_ONCE = 256 * 1024, FREE = 16 * 1024 };

bool vow__may_move(vow_loop *loop, size_t bytes)
{
    static _Thread_local struct {
        const vow_loop *loop; /* only compared: it may be gone */
        uint64_t callbacks;
        size_t moved;
    } now;
    if (bytes <= FREE)
        return true;
    uint64_t callbacks = vow__event_loop(loop)->callbacks;
    if (now.loop != loop || now.callbacks != callbacks) {
        now.loop = loop;
        now.callbacks = callbacks;
        now.moved = 0;
    }
    if (bytes > MOST_AT_ONCE - now.moved)
        return false;
    now.moved += bytes;
    return true;
}

#ifdef VOW__CACHED_IO
static atomic_bool cannot_open; /* this kernel has no openat2 */

int vow__open_cached(const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)flags, .resolve = RESOLVE_CACHED};
    if (atomic_load_explicit(&cannot_open, memory_order_relaxed))
        return -EAGAIN;
    long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (fd >= 0)
        return (int)fd;
    if (errno == ENOSYS)
        atomic_store_explicit(&cannot_open, true, memory_order_relaxed);
    /* EINVAL: the flag is younger than the call; EPERM: maybe a sandbox. open will tell. */
    return errno == ENOSYS || errno == EINVAL || errno == EPERM ? -EAGAIN : -errno;
}
#else
int vow__open_cached(const char *path, int flags)
{
    (void)path, (void)flags;
    return -EAGAIN;
}
#endif

int vow__find_cached(const char *path, int flags)
{
#ifdef O_PATH
    int fd = vow__open_cached(path, flags | O_PATH | O_CLOEXEC);
    return fd == -EMFILE || fd == -ENFILE ? -EAGAIN : fd;
#else
    return vow__open_cached(path, flags); /* never can */
#endif
}
