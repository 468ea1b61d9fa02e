/* SPDX-License-Identifier: MIT
 *
 * file/dir_walk.c - see dir_walk.h. No recursion: the open directories are a stack.
 */
#include "file/dir_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "file/file.h"

enum { OPEN = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK, FIRST_ROOM = 8 };

struct entry {
    struct vow__record record;
    vow_entry entry;
    char path[];
};

static const struct vow__homing_type entry_type = VOW__RECORD_TYPE("directory entry");

const vow_type *vow_entry_type(void) { return &entry_type.type; }

/* Does not count as having seen it: take in dir.c looks, too. */
const vow_entry *vow_entry_of(vow_value v)
{
    return &((struct entry *)vow_as(v, &entry_type.type))->entry;
}

vow_value vow__entry_value(struct vow__record *record)
{
    return vow__record_value(&entry_type, record);
}

struct vow__walk *vow__walk_new(const char *path, unsigned flags)
{
    struct vow__walk *w = vow__alloc_zeroed(sizeof *w);
    if (!w)
        return NULL;
    atomic_init(&w->refs, 1);
    w->flags = flags;
    w->path = vow__copy_text(path);
    w->path_room = strlen(path) + 1;
    if (w->path)
        return w;
    vow__free(w);
    return NULL;
}

struct vow__walk *vow__walk_ref(struct vow__walk *w)
{
    atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed); /* the caller has one */
    return w;
}

void vow__walk_leave(struct vow__walk *w, size_t level)
{
    while (w->depth > level)
        closedir(w->levels[--w->depth].dir);
}

void vow__walk_unref(struct vow__walk *w)
{
    /* acq_rel: the last side sees what the other did */
    if (atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) != 1)
        return;
    vow__walk_leave(w, 0);
    while (w->first < w->count)
        vow_release(w->ahead[w->first++].value);
    vow__free(w->levels);
    vow__free(w->path);
    vow__free(w);
}

bool vow__walk_take(struct vow__walk *w, struct vow__ahead *ret)
{
    *ret = (struct vow__ahead){vow_none(), 0};
    if (w->first == w->count)
        return false;
    *ret = w->ahead[w->first++];
    return true;
}

static void put(struct vow__walk *w, vow_value v, size_t depth)
{
    w->ahead[w->count++] = (struct vow__ahead){v, (int64_t)depth};
}

static void put_error(struct vow__walk *w, const char *call, int code, size_t depth)
{
    put(w, vow_fail_at(w->where, vow_errno_domain(), code, "%s %s", call, w->path), depth);
}

/* Room for a name behind the first `length` bytes of the path, and for one level more. */
static bool reserve(struct vow__walk *w, size_t length, size_t name_size)
{
    size_t size = length + 1 + name_size;
    if (size > w->path_room) {
        char *path = vow__resize(w->path, 2 * size);
        if (!path)
            return false;
        w->path = path;
        w->path_room = 2 * size;
    }
    if (w->depth == w->levels_room) {
        size_t room = w->levels_room ? 2 * w->levels_room : FIRST_ROOM;
        struct vow__level *levels = vow__resize(w->levels, room * sizeof *levels);
        if (!levels)
            return false;
        w->levels = levels;
        w->levels_room = room;
    }
    return true;
}

/* Does the open directory lead back to where it lies? Only links can. */
static bool is_above(const struct vow__walk *w, const struct stat *s)
{
    for (size_t i = 0; i < w->depth; i++)
        if (w->levels[i].device == s->st_dev && w->levels[i].inode == s->st_ino)
            return true;
    return false;
}

/* The directory w->path, open as fd, or minus an errno number, becomes the last level. There
 * is room for it. */
static void enter(struct vow__walk *w, int fd)
{
    struct stat s;
    int code = fd < 0 ? -fd : fstat(fd, &s) ? errno : 0;
    if (!code && is_above(w, &s))
        code = ELOOP;
    DIR *dir = code ? NULL : fdopendir(fd);
    if (!code && !dir)
        code = errno;
    if (code && fd >= 0)
        close(fd);
    if (code)
        put_error(w, "open", code, w->depth);
    else
        w->levels[w->depth++] = (struct vow__level){dir, NULL, strlen(w->path), s.st_dev, s.st_ino};
}

static vow_file_kind kind_from_type(unsigned char type)
{
    switch (type) {
    case DT_REG:
        return VOW_FILE_REGULAR;
    case DT_DIR:
        return VOW_FILE_DIRECTORY;
    case DT_LNK:
        return VOW_FILE_LINK;
    case DT_FIFO:
        return VOW_FILE_FIFO;
    case DT_SOCK:
        return VOW_FILE_SOCKET;
    case DT_CHR:
    case DT_BLK:
        return VOW_FILE_DEVICE;
    default:
        return VOW_FILE_UNKNOWN;
    }
}

static vow_file_kind kind_of(const struct vow__walk *w, int fd, const struct dirent *e)
{
    struct stat s;
    vow_file_kind kind = kind_from_type(e->d_type);
    if (kind == VOW_FILE_UNKNOWN && fstatat(fd, e->d_name, &s, AT_SYMLINK_NOFOLLOW) == 0)
        kind = vow__file_kind(s.st_mode);
    if (kind == VOW_FILE_LINK && w->flags & VOW_DIR_FOLLOW && fstatat(fd, e->d_name, &s, 0) == 0)
        kind = vow__file_kind(s.st_mode); /* one that leads nowhere stays a link */
    return kind;
}

static struct entry *make_entry(const struct vow__walk *w, const struct dirent *e,
                                vow_file_kind kind, size_t name_at)
{
    size_t size = name_at + strlen(e->d_name) + 1;
    struct entry *entry = vow__record_new(sizeof *entry + size);
    if (!entry)
        return NULL;
    memcpy(entry->path, w->path, size);
    entry->entry =
        (vow_entry){entry->path, entry->path + name_at, kind, (unsigned)w->depth - 1, e->d_ino};
    return entry;
}

/* Replaced since it was read: gone, or no directory to enter any more. */
static bool has_vanished(int code) { return code == ENOENT || code == ENOTDIR || code == ELOOP; }

/* False: no memory; the entry stays for the next time. */
static bool visit(struct vow__walk *w, const struct dirent *e)
{
    struct vow__level *top = &w->levels[w->depth - 1];
    size_t length = top->length, name_size = strlen(e->d_name) + 1;
    int parent = dirfd(top->dir);
    if (!reserve(w, length, name_size))
        return false;
    size_t name_at = length;
    if (length == 0 || w->path[length - 1] != '/')
        w->path[name_at++] = '/';
    memcpy(w->path + name_at, e->d_name, name_size);
    vow_file_kind kind = kind_of(w, parent, e);
    struct entry *entry = make_entry(w, e, kind, name_at);
    if (!entry)
        return false;
    put(w, vow__entry_value(&entry->record), w->depth - 1);
    if (kind != VOW_FILE_DIRECTORY || !(w->flags & VOW_DIR_DEEP))
        return true;
    bool follow = w->flags & VOW_DIR_FOLLOW;
    int fd = vow__fd_open(parent, e->d_name, OPEN | (follow ? 0 : O_NOFOLLOW), 0);
    if (fd >= 0 || !has_vanished(errno))
        enter(w, fd < 0 ? -errno : fd);
    return true;
}

/* One name further. False: no memory. */
static bool step(struct vow__walk *w)
{
    size_t last = w->depth - 1;
    struct vow__level *top = &w->levels[last];
    errno = 0;
    struct dirent *e = top->entry ? top->entry : readdir(top->dir);
    if (!e) {
        w->path[top->length] = '\0';
        if (errno)
            put_error(w, "read", errno, last);
        vow__walk_leave(w, last);
        return true;
    }
    bool is_self = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    bool done = is_self || visit(w, e);
    w->levels[last].entry = done ? NULL : e; /* the levels may have moved */
    return done;
}

void vow__walk_read(struct vow__walk *w)
{
    w->first = w->count = 0;
    if (!w->begun && !reserve(w, strlen(w->path), 1)) {
        put(w, vow__fail_ready(ENOMEM), 0);
        return;
    }
    if (!w->begun) {
        int fd = vow__fd_open(AT_FDCWD, w->path, OPEN, 0);
        enter(w, fd < 0 ? -errno : fd);
    }
    w->begun = true;
    /* a visit may put two: an entry, and why it cannot be entered */
    while (w->depth > 0 && w->count < VOW__READ_AHEAD - 1 && !atomic_load(&w->unwanted))
        if (!step(w)) {
            put(w, vow__fail_ready(ENOMEM), w->depth - 1);
            return;
        }
    w->ended = w->depth == 0;
}
