/* SPDX-License-Identifier: MIT
 *
 * file/write.c - a whole file in the place of another, at once.
 */
#include <errno.h>
#include <unistd.h>

#include "adapt/pool.h"
#include "file/file.h"

enum { CHUNK = 1 << 20 }; /* after each a cancel is noticed */

/* As far as allowed: most may not give files away. The mode that is right then: another owner's
 * files do not run as him, and another group may do what all others may. */
static unsigned keep_owner(int fd, const struct stat *old)
{
    struct stat own;
    if (fstat(fd, &own) == 0 && own.st_uid == old->st_uid && own.st_gid == old->st_gid)
        return old->st_mode & 07777;
    if (fchown(fd, old->st_uid, old->st_gid) == 0)
        return old->st_mode & 07777;
    if (fchown(fd, (uid_t)-1, old->st_gid) == 0)
        return old->st_mode & 0777;
    return (old->st_mode & 0707) | (old->st_mode & 07) << 3;
}

/* What decides who may read the new file, before there is anything in it. 0 or an errno
 * number. */
static int set_permissions(struct vow__temp *temp, unsigned mode, const struct stat *old)
{
    if (mode)
        return fchmod(temp->fd, (mode_t)mode) ? errno : 0;
    if (!old)
        return 0;
    vow__temp_keep_mode(temp, keep_owner(temp->fd, old)); /* the owner first: that cuts the mode */
    return 0;
}

static int write_all(struct vow__file_job *job, int fd)
{
    const uint8_t *bytes = vow_buf_bytes(job->bytes);
    size_t size = vow_buf_size(job->bytes);
    while (job->done < size) {
        if (atomic_load(&job->unwanted))
            return ECANCELED;
        size_t left = size - job->done;
        ssize_t n = write(fd, bytes + job->done, left < CHUNK ? left : CHUNK);
        if (n >= 0)
            job->done += (size_t)n;
        else if (errno != EINTR)
            return errno;
    }
    return atomic_load(&job->unwanted) ? ECANCELED : 0;
}

static vow_value write_in_pool(void *data)
{
    struct vow__file_job *job = data;
    struct vow__temp temp;
    struct stat s;
    bool replaces = !job->mode && lstat(job->path, &s) == 0 && S_ISREG(s.st_mode);
    const char *call = "open a temporary file for";
    int code = vow__temp_open(&temp, job->path, job->mode || replaces ? 0600 : 0666);
    if (!code) {
        call = "chmod";
        code = set_permissions(&temp, job->mode, replaces ? &s : NULL);
    }
    if (!code) {
        call = "write";
        code = write_all(job, temp.fd);
    }
    if (!code)
        code = vow__temp_place(&temp, true, &call);
    vow__temp_end(&temp);
    return code ? vow__file_failed(job, call, code) : vow_none();
}

vow_promise *vow_file_write_at(vow_loop *loop, const char *path, vow_buf *bytes, unsigned mode,
                               const char *where)
{
    VOW_CHECK(path, "vow_file_write at %s: the path is NULL", where);
    struct vow__file_job *job = NULL;
    if (bytes)
        job = vow__file_job_new(sizeof *job, path, NULL, where);
    if (!job) {
        vow_buf_unref(bytes);
        return vow__op_no_memory(loop);
    }
    job->bytes = bytes;
    job->mode = mode;
    return vow__file_start_long(loop, vow__pool_files(), job, write_in_pool);
}
