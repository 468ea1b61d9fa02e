/* SPDX-License-Identifier: MIT
 *
 * adapt/watch_paths.c - what a watch watches. Finding a path may wait for the disk: so it is
 * found first, in the pool where need be, and added when it is in memory, on the loop's thread,
 * where no change can come before its id is known.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "adapt/file.h"
#include "adapt/watch.h"
#include "base/mem.h"
#ifdef VOW__LINUX
#include <sys/inotify.h>
#endif

/* Where id is, or belongs. */
static size_t place_of(const vow_watch *w, int id)
{
    size_t low = 0, high = w->paths_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (w->paths[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct vow__watched *find(const vow_watch *w, int id)
{
    size_t i = place_of(w, id);
    return i < w->paths_count && w->paths[i].id == id ? &w->paths[i] : NULL;
}

const char *vow__watched_path(const vow_watch *w, int id)
{
    struct vow__watched *found = find(w, id);
    return found ? found->path : NULL;
}

void vow__watched_forget(vow_watch *w, int id)
{
    struct vow__watched *found = find(w, id);
    if (!found)
        return;
    vow__free(found->path);
    w->paths_count--;
    memmove(found, found + 1, (size_t)(w->paths + w->paths_count - found) * sizeof *found);
}

void vow__watched_forget_all(vow_watch *w)
{
    while (w->paths_count > 0)
        vow__free(w->paths[--w->paths_count].path);
    vow__free(w->paths);
    w->paths = NULL;
}

#ifdef VOW__LINUX
static uint32_t mask_of(int what)
{
    static const uint32_t masks[] = {
        IN_CREATE | IN_MOVED_TO, IN_MODIFY,
        IN_CLOSE_WRITE,          IN_DELETE | IN_DELETE_SELF | IN_MOVED_FROM,
        IN_MOVE | IN_MOVE_SELF,  IN_ATTRIB,
    };
    uint32_t mask = 0;
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++)
        mask |= what & (1 << i) ? masks[i] : 0;
    return mask;
}

static bool reserve(vow_watch *w)
{
    if (w->paths_count < w->paths_room)
        return true;
    size_t room = w->paths_room ? 2 * w->paths_room : 4;
    struct vow__watched *paths = vow__resize(w->paths, room * sizeof *paths);
    if (!paths)
        return false;
    w->paths = paths;
    w->paths_room = room;
    return true;
}

/* Its id, or minus an errno number. */
static int add_found(vow_watch *w, const char *path, int what)
{
    if (!mask_of(what))
        return -EINVAL;
    char *copy = reserve(w) ? vow__copy_text(path) : NULL;
    if (!copy)
        return -ENOMEM;
    int id = inotify_add_watch(w->fd, path, mask_of(what)), code = errno;
    if (id < 0 || find(w, id)) {
        vow__free(copy);
        return id < 0 ? -code : id;
    }
    size_t i = place_of(w, id);
    memmove(w->paths + i + 1, w->paths + i, (w->paths_count - i) * sizeof *w->paths);
    w->paths[i] = (struct vow__watched){id, copy};
    w->paths_count++;
    return id;
}

int vow_watch_remove(vow_watch *w, int id)
{
    if (!find(w, id))
        return EINVAL;
    inotify_rm_watch(w->fd, id); /* fails where the path is gone: that was not told yet */
    vow__watched_forget(w, id);
    return 0;
}
#else
static int add_found(vow_watch *w, const char *path, int what)
{
    (void)w, (void)path, (void)what;
    return -ENOSYS;
}

int vow_watch_remove(vow_watch *w, int id)
{
    (void)w, (void)id;
    return EINVAL;
}
#endif

struct adding {
    struct vow__file_job job;
    vow_watch *watch; /* a reference */
    int what;
};

static vow_value outcome(const char *path, int id, const char *where)
{
    if (id >= 0)
        return vow_int(id);
    bool full = id == -ENOSPC;
    return vow_fail_at(where, vow_errno_domain(), -id, "watch %s%s", path,
                       full ? ": this user watches as many as it may" : "");
}

static vow_value find_in_pool(void *data)
{
    struct vow__file_job *job = data;
    struct stat s;
    return vow__file_outcome(job, "watch", stat(job->path, &s));
}

static vow_value found(vow_value v, void *data)
{
    (void)v;
    struct adding *a = data;
    return outcome(a->job.path, add_found(a->watch, a->job.path, a->what), a->job.where);
}

/* Loop's thread; the pool may have the job still. */
static void added(void *data)
{
    struct adding *a = data;
    vow_watch_unref(a->watch);
    vow__file_job_unref(a);
}

static vow_promise *add_later(vow_watch *w, const char *path, int what, const char *where)
{
    vow_loop *loop = w->member.loop;
    struct adding *a = (struct adding *)vow__file_job_new(sizeof *a, path, NULL, where);
    if (!a)
        return vow__op_no_memory(loop);
    a->watch = vow_watch_ref(w);
    a->what = what;
    atomic_fetch_add_explicit(&a->job.refs, 1, memory_order_relaxed);
    return vow_then_at(vow__file_start(loop, &a->job, find_in_pool), found, a, added, where);
}

vow_promise *vow_watch_add_at(vow_watch *w, const char *path, int what, const char *where)
{
    vow_loop *loop = w->member.loop;
    VOW_CHECK(loop, "vow_watch_add at %s: the watch's loop is freed", where);
    VOW_CHECK(path, "vow_watch_add at %s: the path is NULL", where);
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    int id = vow__find_cached(path, 0);
    if (id == -EAGAIN)
        return add_later(w, path, what, where);
    if (id >= 0) {
        close(id);
        id = add_found(w, path, what);
    }
    return vow_resolved_at(loop, outcome(path, id, where), where);
}
