/* SPDX-License-Identifier: MIT
 *
 * file/temp.c - a file that is made whole under another name in the same folder, and
 * then takes the place of its target at once.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "file/file.h"

enum { TRIES = 100, NAME_SIZE = sizeof ".vow-0123456789abcdef" };

static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Another name each time; that it is free only O_EXCL can say. */
static void choose_name(char *name)
{
    static atomic_uint calls;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    unsigned call = atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    uint64_t n = ((uint64_t)now.tv_nsec << 34) ^ ((uint64_t)getpid() << 16) ^ call;
    snprintf(name, NAME_SIZE, ".vow-%016llx", (unsigned long long)n);
}

int vow__temp_open(struct vow__temp *temp, const char *target, unsigned mode)
{
    size_t folder = folder_length(target);
    *temp = (struct vow__temp){target, vow__alloc(folder + NAME_SIZE), -1};
    if (!temp->path)
        return ENOMEM;
    memcpy(temp->path, target, folder);
    for (int i = 0; i < TRIES; i++) {
        choose_name(temp->path + folder);
        temp->fd = vow__fd_open(AT_FDCWD, temp->path,
                                O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, (mode_t)mode);
        if (temp->fd >= 0 || errno != EEXIST)
            break;
    }
    int code = temp->fd < 0 ? errno : 0;
    if (code) {
        vow__free(temp->path);
        temp->path = NULL;
    }
    return code;
}

void vow__temp_keep_mode(struct vow__temp *temp, unsigned mode)
{
    int failed = fchmod(temp->fd, (mode_t)mode);
    (void)failed;
}

/* A folder that may not be read cannot be flushed, nor can some file systems': then the rename
 * is as safe as it can be. */
static int flush_folder(const char *path)
{
    size_t length = folder_length(path);
    char *folder = length ? vow__copy_text(path) : vow__copy_text(".");
    if (!folder)
        return ENOMEM;
    if (length)
        folder[length] = '\0';
    int fd = vow__fd_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    int code = fd < 0 || vow__fd_flush(fd) ? errno : 0;
    if (fd >= 0)
        close(fd);
    vow__free(folder);
    return code == EACCES || code == EINVAL || code == EROFS || code == ENOTSUP ? 0 : code;
}

int vow__temp_place(struct vow__temp *temp, bool flush, const char **ret_call)
{
    *ret_call = "fsync";
    if (flush && vow__fd_flush(temp->fd))
        return errno;
    *ret_call = "close";
    int fd = temp->fd;
    temp->fd = -1;
    if (close(fd) && errno != EINTR) /* an interrupted close has closed */
        return errno;
    *ret_call = "rename";
    if (rename(temp->path, temp->target))
        return errno;
    vow__free(temp->path);
    temp->path = NULL;
    *ret_call = "fsync the folder of";
    return flush ? flush_folder(temp->target) : 0;
}

void vow__temp_end(struct vow__temp *temp)
{
    if (temp->fd >= 0)
        close(temp->fd);
    if (temp->path)
        unlink(temp->path);
    vow__free(temp->path);
    *temp = (struct vow__temp){NULL, NULL, -1};
}
