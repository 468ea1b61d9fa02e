/* SPDX-License-Identifier: MIT
 *
 * file/watch_scan.c - see watch_scan.h. No recursion, and one descriptor: folders that were
 * found wait in line.
 */
#include "file/watch_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "value/error.h"
#ifdef VOW__LINUX
#include <sys/inotify.h>

/* A tree has to hear of its folders, whatever the program wants to hear. */
enum { OF_FOLDERS = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO };
#else
enum { OF_FOLDERS = 0 };
#endif

struct vow__scan *vow__scan_new(vow_watch *w, const char *path, int what)
{
    struct vow__scan *s = vow__alloc_zeroed(sizeof *s);
    char *copy = s ? vow__copy_text(path) : NULL;
    if (!copy) {
        vow__free(s);
        return NULL;
    }
    atomic_init(&s->refs, 1);
    s->watch = w;
    s->path = copy;
    s->what = what;
    s->mask = vow__watch_mask(what) | OF_FOLDERS;
    s->where = VOW_HERE;
    s->error = vow_none();
    return s;
}

static void clear_folder(struct vow__folder *f)
{
    vow__watched_free(f->node);
    vow_release(f->error);
    while (f->count > 0)
        vow__free(f->names[--f->count]);
    vow__free(f->names);
}

/* Those from `left` on. */
static void forget_from(struct vow__scan *s, size_t left)
{
    while (s->count > left)
        clear_folder(&s->folders[--s->count]);
}

void vow__scan_forget_found(struct vow__scan *s)
{
    forget_from(s, 0);
    vow__free(s->folders);
    s->folders = NULL;
    s->room = s->at_folder = s->at_name = 0;
}

void vow__scan_unref(void *data)
{
    struct vow__scan *s = data;
    /* acq_rel: the last side sees what the others did */
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    int fd = s->owns_fd ? s->fd : -1;
    vow__scan_forget_found(s);
    vow_release(s->error);
    vow__free(s->path);
    vow__free(s);
    if (fd >= 0)
        close(fd); /* last: the worker has done with all of vow's then */
}

void vow__scans_forget(struct vow__scan **list)
{
    while (*list) {
        struct vow__scan *s = *list;
        *list = s->next;
        vow__scan_unref(s);
    }
}

#ifdef VOW__LINUX
enum { OPEN = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK, FIRST_ROOM = 8 };

/* False: no memory. */
static bool add_folder(struct vow__scan *s, const char *name, size_t above)
{
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : FIRST_ROOM;
        struct vow__folder *folders = vow__resize(s->folders, room * sizeof *folders);
        if (!folders)
            return false;
        s->folders = folders;
        s->room = room;
    }
    struct vow__watched *node = vow__watched_new(name, strlen(name));
    if (!node)
        return false;
    node->above = s->count > 0 ? s->folders[above].node : NULL;
    s->folders[s->count++] =
        (struct vow__folder){.node = node, .id = -1, .error = vow_none(), .above = above};
    return true;
}

static bool add_name(struct vow__folder *f, const char *name, bool is_folder)
{
    if (f->count == f->room) {
        size_t room = f->room ? 2 * f->room : FIRST_ROOM;
        struct vow__found **names = vow__resize(f->names, room * sizeof *names);
        if (!names)
            return false;
        f->names = names;
        f->room = room;
    }
    size_t size = strlen(name) + 1;
    struct vow__found *found = vow__alloc(sizeof *found + size);
    if (!found)
        return false;
    found->is_folder = is_folder;
    found->over = false;
    memcpy(found->text, name, size);
    f->names[f->count++] = found;
    return true;
}

static int by_text(const void *a, const void *b)
{
    const struct vow__found *const *x = a, *const *y = b;
    return strcmp((*x)->text, (*y)->text);
}

static bool is_folder(DIR *dir, const struct dirent *e)
{
    struct stat s;
    if (e->d_type != DT_UNKNOWN)
        return e->d_type == DT_DIR;
    return fstatat(dirfd(dir), e->d_name, &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(s.st_mode);
}

/* What is in the folder. 0 or an errno number. */
static int read_names(struct vow__scan *s, size_t i, DIR *dir)
{
    const struct dirent *e;
    bool loud = !s->is_add && !s->sweeps;
    while (errno = 0, e = readdir(dir)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        bool folder = is_folder(dir, e);
        if (folder && !add_folder(s, e->d_name, i))
            return ENOMEM;
        if (loud && !add_name(&s->folders[i], e->d_name, folder))
            return ENOMEM;
    }
    int code = errno;
    struct vow__folder *f = &s->folders[i];
    if (f->count > 0)
        qsort(f->names, f->count, sizeof *f->names, by_text);
    return code;
}

static int list(struct vow__scan *s, size_t i, const char *path, bool follow)
{
    int fd = vow__fd_open(AT_FDCWD, path, OPEN | (follow ? 0 : O_NOFOLLOW), 0);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    int code = dir ? read_names(s, i, dir) : errno;
    if (dir)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
    return code;
}

/* Mounted in itself it would never end. */
static bool is_above_itself(const struct vow__watched *node, int id)
{
    while ((node = node->above))
        if (node->id == id)
            return true;
    return false;
}

/* 0 or an errno number. */
static int watch_folder(struct vow__scan *s, size_t i, const char *path)
{
    bool is_root = i == 0 && !s->above;
    uint32_t mask = s->mask | IN_MASK_ADD; /* it may be somebody else's */
    if (!is_root)
        mask &= ~(uint32_t)(IN_DELETE_SELF | IN_MOVE_SELF); /* the folder above it tells that */
    int id = inotify_add_watch(s->fd, path, mask | (is_root ? 0 : IN_DONT_FOLLOW | IN_ONLYDIR));
    if (id < 0)
        return errno;
    struct vow__folder *f = &s->folders[i];
    if (is_above_itself(f->node, id))
        return 0;
    f->id = f->node->id = id;
    int code = list(s, i, path, is_root);
    return is_root && code == ENOTDIR ? 0 : code; /* a file */
}

/* Replaced since it was read: gone, or no folder any more. What comes of that is told. */
static bool has_vanished(int code) { return code == ENOENT || code == ENOTDIR || code == ELOOP; }

/* It would be the same with the next folder. */
static bool is_shortage(int code)
{
    return code == ENOMEM || code == EMFILE || code == ENFILE || code == ENOSPC;
}

/* None, or why there is no going on. */
static vow_value look_into(struct vow__scan *s, size_t i)
{
    const struct vow__watched *node = s->folders[i].node;
    char *path = vow__alloc(vow__watched_size(node, ""));
    if (!path)
        return vow__fail_ready(ENOMEM);
    vow__watched_write(node, "", path);
    int code = watch_folder(s, i, path);
    bool ends = is_shortage(code) || (code && i == 0 && s->is_add), matters = !has_vanished(code);
    vow_value failed =
        code && (ends || matters) ? vow__watched_failed(path, code, s->where) : vow_none();
    vow__free(path);
    if (ends)
        return failed;
    s->folders[i].error = failed;
    return vow_none();
}

vow_value vow__scan_run(void *data)
{
    struct vow__scan *s = data;
    vow_value failed = add_folder(s, s->path, 0) ? vow_none() : vow__fail_ready(ENOMEM);
    for (size_t i = 0; i < s->count && vow_is_none(failed) && !atomic_load(&s->unwanted); i++) {
        failed = look_into(s, i);
        if (vow_is_none(failed))
            continue;
        s->folders[i].half = true;
        forget_from(s, i + 1);
    }
    return failed;
}
#else
vow_value vow__scan_run(void *data)
{
    (void)data;
    return vow__fail_ready(ENOSYS);
}
#endif
