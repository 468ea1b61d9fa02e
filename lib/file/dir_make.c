/* SPDX-License-Identifier: MIT
 *
 * file/dir_make.c - making a directory with all above it, and removing a tree.
 *
 * Removing goes by descriptors, so that what others rename meanwhile leads nowhere else, and
 * without recursion: one directory is open, `above` says how to come back from it. After that
 * its parent is read from the start again: what was there is gone.
 */
#include "vow/dir.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "adapt/pool.h"
#include "base/fd.h"
#include "base/mem.h"
#include "file/file.h"

/* Making. */

static bool is_directory(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* Those above path, which is written in meanwhile. What went wrong last, or 0: then path can
 * be made, as far as it depends on them. */
static int make_above(char *path, unsigned mode)
{
    int code = 0;
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        code = mkdir(path, (mode_t)(mode | 0300)) && errno != EEXIST ? errno : 0;
        *slash = '/';
    }
    return code;
}

/* Behind a slash at the end a link would be followed, and mkdir would be too early. */
static void cut_slashes(char *path)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        path[--size] = '\0';
}

static vow_value make_in_pool(void *data)
{
    struct vow__file_job *job = data;
    char *path = (char *)job->path; /* the job's own copy */
    cut_slashes(path);
    int code = mkdir(path, (mode_t)job->mode) ? errno : 0;
    if (code == ENOENT && path[0]) {
        int above = make_above(path, job->mode);
        code = mkdir(path, (mode_t)job->mode) ? errno : 0;
        if (code == ENOENT && above)
            code = above;
    }
    if (code == EEXIST && is_directory(path))
        code = 0;
    return code ? vow__file_failed(job, "mkdir", code) : vow_none();
}

vow_promise *vow_dir_make_at(vow_loop *loop, const char *path, unsigned mode, const char *where)
{
    VOW_CHECK(path, "vow_dir_make at %s: the path is NULL", where);
    struct vow__file_job *job = vow__file_job_new(sizeof *job, path, NULL, where);
    if (job)
        job->mode = mode;
    return vow__file_start(loop, job, make_in_pool);
}

/* Removing. */

enum { OPEN = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW };

/* A directory that we are below: which one it is, and the name of its child on our way, which
 * stands at `name` in `names`. */
struct above {
    dev_t device;
    ino_t inode;
    size_t name;
};

struct removal {
    struct vow__file_job *job;
    DIR *dir; /* where we are; NULL: nowhere */
    struct above *above;
    char *names;                   /* each with its NUL */
    size_t depth, length;          /* of the two: used */
    size_t above_room, names_room; /* and bytes there are */
};

/* `block`, of *room bytes, or a larger one that has `need`. NULL: no memory, it stays. */
static void *reserve(void *block, size_t *room, size_t need)
{
    if (need <= *room)
        return block;
    void *larger = vow__resize(block, 2 * need);
    if (larger)
        *room = 2 * need;
    return larger;
}

/* Into the directory `name` of `parent`. 0 or an errno number. */
static int enter(struct removal *r, int parent, const char *name)
{
    int fd = vow__fd_open(parent, name, OPEN, 0);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int code = errno;
        if (fd >= 0)
            close(fd);
        return code;
    }
    if (r->dir)
        closedir(r->dir);
    r->dir = dir;
    return 0;
}

/* Into the child `name` of where we are, to come back later. */
static int descend(struct removal *r, const char *name)
{
    struct stat s;
    size_t size = strlen(name) + 1;
    void *above = reserve(r->above, &r->above_room, (r->depth + 1) * sizeof *r->above);
    void *names = reserve(r->names, &r->names_room, r->length + size);
    r->above = above ? above : r->above;
    r->names = names ? names : r->names;
    if (!above || !names)
        return ENOMEM;
    if (fstat(dirfd(r->dir), &s))
        return errno;
    memcpy(r->names + r->length, name, size); /* before it goes with its DIR */
    int code = enter(r, dirfd(r->dir), r->names + r->length);
    if (code)
        return code;
    r->above[r->depth++] = (struct above){s.st_dev, s.st_ino, r->length};
    r->length += size;
    return 0;
}

/* Back to the parent, which must be the one that we came from, and removes where we were. */
static int ascend(struct removal *r)
{
    struct stat s;
    struct above *a = &r->above[--r->depth];
    int code = enter(r, dirfd(r->dir), "..");
    if (!code && fstat(dirfd(r->dir), &s))
        code = errno;
    if (!code && (s.st_dev != a->device || s.st_ino != a->inode))
        code = EBUSY; /* somebody has moved it */
    if (!code && unlinkat(dirfd(r->dir), r->names + a->name, AT_REMOVEDIR) && errno != ENOENT)
        code = errno;
    r->length = a->name;
    return code;
}

/* Linux says EISDIR of a directory, POSIX EPERM. */
static bool is_to_be_entered(int code) { return code == EISDIR || code == EPERM; }

/* One name of where we are. */
static int remove_name(struct removal *r, const char *name)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    if (unlinkat(dirfd(r->dir), name, 0) == 0 || errno == ENOENT)
        return 0;
    int code = errno;
    if (!is_to_be_entered(code))
        return code;
    int entered = descend(r, name);
    return entered == ENOTDIR || entered == ELOOP ? code : entered == ENOENT ? 0 : entered;
}

/* All below the directory that is open. */
static int empty(struct removal *r)
{
    for (;;) {
        if (atomic_load(&r->job->unwanted))
            return ECANCELED;
        errno = 0;
        struct dirent *e = readdir(r->dir);
        int code = e ? remove_name(r, e->d_name) : errno;
        if (!e && !code) {
            if (r->depth == 0)
                return 0;
            code = ascend(r);
        }
        if (code)
            return code;
    }
}

static int remove_tree(struct removal *r, const char *path)
{
    if (unlink(path) == 0)
        return 0;
    int first = errno;
    if (!is_to_be_entered(first))
        return first;
    int code = enter(r, AT_FDCWD, path);
    if (code)
        return code == ENOTDIR || code == ELOOP ? first : code;
    code = empty(r);
    return code ? code : rmdir(path) ? errno : 0;
}

/* What rmdir would refuse when all below it is gone. */
static bool cannot_be_removed(const char *path)
{
    const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
    return (slash && !*last) || strcmp(last, ".") == 0 || strcmp(last, "..") == 0;
}

static vow_value remove_in_pool(void *data)
{
    struct removal r = {.job = data};
    cut_slashes((char *)r.job->path); /* the job's own copy */
    int code = cannot_be_removed(r.job->path) ? EINVAL : remove_tree(&r, r.job->path);
    if (r.dir)
        closedir(r.dir);
    vow__free(r.above);
    vow__free(r.names);
    return code ? vow__file_failed(r.job, "remove", code) : vow_none();
}

vow_promise *vow_dir_remove_at(vow_loop *loop, const char *path, const char *where)
{
    VOW_CHECK(path, "vow_dir_remove at %s: the path is NULL", where);
    return vow__file_start_long(loop, vow__pool_copies(),
                                vow__file_job_new(sizeof(struct vow__file_job), path, NULL, where),
                                remove_in_pool);
}
