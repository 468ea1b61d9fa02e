/* SPDX-License-Identifier: MIT
 *
 * file/info.c - what a file is like, and what is done to names only.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "adapt/record.h"
#include "file/file.h"

struct info {
    struct vow__record record;
    vow_file_info info;
};

static const struct vow__homing_type info_type = VOW__RECORD_TYPE("file info");

const vow_type *vow_file_info_type(void) { return &info_type.type; }

const vow_file_info *vow_file_info_of(vow_value v)
{
    return &((struct info *)vow_as(v, &info_type.type))->info;
}

vow_file_kind vow__file_kind(unsigned mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return VOW_FILE_REGULAR;
    case S_IFDIR:
        return VOW_FILE_DIRECTORY;
    case S_IFLNK:
        return VOW_FILE_LINK;
    case S_IFIFO:
        return VOW_FILE_FIFO;
    case S_IFSOCK:
        return VOW_FILE_SOCKET;
    case S_IFCHR:
    case S_IFBLK:
        return VOW_FILE_DEVICE;
    default:
        return VOW_FILE_UNKNOWN;
    }
}

static int64_t nanoseconds(struct timespec t) { return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec; }

vow_value vow__file_info_value(const struct stat *s)
{
    struct info *info = vow__record_new(sizeof *info);
    if (info)
        info->info = (vow_file_info){
            .kind = vow__file_kind(s->st_mode),
            .mode = s->st_mode & 07777,
            .uid = s->st_uid,
            .gid = s->st_gid,
            .bytes = (uint64_t)s->st_size,
            .disk_bytes = (uint64_t)s->st_blocks * 512,
            .links = s->st_nlink,
            .inode = s->st_ino,
            .device = s->st_dev,
            .modified_ns = nanoseconds(s->st_mtim),
            .changed_ns = nanoseconds(s->st_ctim),
            .accessed_ns = nanoseconds(s->st_atim),
        };
    return vow__record_value(&info_type, info);
}

static vow_value info_or(const char *path, int answer, const struct stat *s, const char *where)
{
    if (answer)
        return vow_fail_at(where, vow_errno_domain(), errno, "stat %s", path);
    return vow__file_info_value(s);
}

static vow_value stat_in_pool(void *data)
{
    struct vow__file_job *job = data;
    struct stat s;
    int answer =
        job->file ? fstat(job->file->fd, &s) : fstatat(AT_FDCWD, job->path, &s, job->flags);
    return info_or(job->path, answer, &s, job->where);
}

/* A descriptor is worth its two calls: the way through the pool takes ten times as long. */
static vow_promise *stat_path(vow_loop *loop, const char *path, int flags, const char *where)
{
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    int fd = vow__find_cached(path, flags ? O_NOFOLLOW : 0);
    if (fd != -EAGAIN) {
        struct stat s;
        errno = -fd;
        vow_value outcome = info_or(path, fd < 0 ? -1 : fstat(fd, &s), &s, where);
        if (fd >= 0)
            close(fd);
        return vow_resolved_at(loop, outcome, where);
    }
    struct vow__file_job *job = vow__file_job_new(sizeof *job, path, NULL, where);
    if (job)
        job->flags = flags;
    return vow__file_start(loop, job, stat_in_pool);
}

vow_promise *vow_file_stat_at(vow_loop *loop, const char *path, const char *where)
{
    VOW_CHECK(path, "vow_file_stat at %s: the path is NULL", where);
    return stat_path(loop, path, 0, where);
}

vow_promise *vow_file_lstat_at(vow_loop *loop, const char *path, const char *where)
{
    VOW_CHECK(path, "vow_file_lstat at %s: the path is NULL", where);
    return stat_path(loop, path, AT_SYMLINK_NOFOLLOW, where);
}

vow_promise *vow_file_fstat_at(vow_loop *loop, vow_file *f, const char *where)
{
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    if (!f->local)
        return vow__file_start(loop, vow__file_job_on(f, where), stat_in_pool);
    struct stat s;
    int answer = fstat(f->fd, &s);
    return vow_resolved_at(loop, info_or(f->path, answer, &s, where), where);
}

static vow_value rename_in_pool(void *data)
{
    struct vow__file_job *job = data;
    return vow__file_outcome(job, "rename", rename(job->path, job->to));
}

vow_promise *vow_file_rename_at(vow_loop *loop, const char *from, const char *to, const char *where)
{
    VOW_CHECK(from && to, "vow_file_rename at %s: a path is NULL", where);
    return vow__file_start(loop, vow__file_job_new(sizeof(struct vow__file_job), from, to, where),
                           rename_in_pool);
}

static vow_value remove_in_pool(void *data)
{
    struct vow__file_job *job = data;
    return vow__file_outcome(job, "remove", unlink(job->path));
}

vow_promise *vow_file_remove_at(vow_loop *loop, const char *path, const char *where)
{
    VOW_CHECK(path, "vow_file_remove at %s: the path is NULL", where);
    return vow__file_start(loop, vow__file_job_new(sizeof(struct vow__file_job), path, NULL, where),
                           remove_in_pool);
}
