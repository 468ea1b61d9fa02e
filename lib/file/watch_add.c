/* SPDX-License-Identifier: MIT
 *
 * file/watch_add.c - paths on their way into a watch, and out of it. Finding one may wait for
 * the disk: so it is found first, in the pool where need be, and added when it is in memory, on
 * the loop's thread, where no change can come before its id is known. (Trees: watch_tree.c.)
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "file/file.h"
#include "file/watch.h"
#include "value/error.h"
#ifdef VOW__LINUX
#include <sys/inotify.h>

uint32_t vow__watch_mask(int what)
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

void vow__unwatch(vow_watch *w, int id)
{
    inotify_rm_watch(w->fd, id); /* fails where it is gone: that was not told yet */
}

/* It was watched already. */
static int change_what(vow_watch *w, struct vow__watched *node, const char *path, int what)
{
    if (node->above)
        return -EEXIST;
    if (vow__is_tree(node)) {
        vow__looks_forget_root(w, node);
        vow__watched_forget(w, node, true);
    }
    node->what = what;
    inotify_add_watch(w->fd, path, vow__watch_mask(what)); /* now no more than that */
    return node->id;
}

/* Its id, or minus an errno number. */
static int add_found(vow_watch *w, const char *path, int what)
{
    uint32_t mask = vow__watch_mask(what);
    if (!mask)
        return -EINVAL;
    struct vow__watched *node =
        vow__watched_reserve(w, 1) ? vow__watched_new(path, strlen(path)) : NULL;
    if (!node)
        return -ENOMEM;
    int id = inotify_add_watch(w->fd, path, mask | IN_MASK_ADD), code = errno;
    struct vow__watched *known = id < 0 ? NULL : vow__watched_find(w, id);
    if (id < 0 || known) {
        vow__watched_free(node);
        return id < 0 ? -code : change_what(w, known, path, what);
    }
    node->id = id;
    node->what = what;
    vow__watched_insert(w, node);
    return id;
}
#else
uint32_t vow__watch_mask(int what) { return (uint32_t)what; }
void vow__unwatch(vow_watch *w, int id) { (void)w, (void)id; }

static int add_found(vow_watch *w, const char *path, int what)
{
    (void)w, (void)path, (void)what;
    return -ENOSYS;
}
#endif

int vow_watch_remove(vow_watch *w, int id)
{
    struct vow__watched *node = vow__watched_find(w, id);
    if (!node || node->above)
        return EINVAL;
    if (w->back && vow__change_id(w->back) == id) {
        vow__record_unref(w->back); /* it has no home any more */
        w->back = NULL;
    }
    vow__looks_forget_root(w, node);
    vow__watched_forget(w, node, false);
    return 0;
}

struct adding {
    struct vow__file_job job;
    vow_watch *watch; /* a reference */
    int what;
};

static vow_value outcome(const char *path, int id, const char *where)
{
    return id < 0 ? vow__watched_failed(path, -id, where) : vow_int(id);
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
    if (w->fd < 0)
        return vow_resolved_at(loop, vow__fail_ready(VOW_EFORK), where);
    if (what & VOW_WATCH_TREE && vow__watch_mask(what))
        return vow__looks_add(w, path, what, where);
    int id = vow__find_cached(path, 0);
    if (id == -EAGAIN)
        return add_later(w, path, what, where);
    if (id >= 0) {
        close(id);
        id = add_found(w, path, what);
    }
    return vow_resolved_at(loop, outcome(path, id, where), where);
}
