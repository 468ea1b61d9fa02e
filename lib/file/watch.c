/* SPDX-License-Identifier: MIT
 *
 * file/watch.c - a watch on its loop. What was read and not told stays in it, what was told
 * and not seen comes back: no cancel loses a change.
 */
#include "file/watch.h"

#include <errno.h>
#include <unistd.h>

#include "adapt/op.h"
#include "base/mem.h"
#ifdef VOW__LINUX
#include <sys/inotify.h>
#endif

static void give_back(struct vow__record_home *home, struct vow__record *record)
{
    ((vow_watch *)((char *)home - offsetof(vow_watch, home)))->back = record;
}

static void settle(vow_watch *w, vow_value outcome)
{
    vow_resolver *waiter = w->waiter;
    w->waiter = NULL;
    vow_resolve(waiter, outcome);
}

static void on_readable(evutil_socket_t fd, short events, void *data)
{
    (void)fd, (void)events;
    vow_watch *w = data;
    vow_loop *loop = w->member.loop;
    vow_value next;
    vow_enter(loop);
    if (!w->waiter || w->scans) {
        vow__watch_stop(loop, &w->watch);
    } else if (vow__watch_take(w, &next)) {
        vow__watch_rest(loop, &w->watch);
        settle(w, next);
    } else if (w->scans) {
        vow__watch_stop(loop, &w->watch);
    }
    vow_leave(loop);
}

void vow__watch_settle(vow_watch *w)
{
    vow_value next;
    if (!w->waiter)
        return;
    bool has_next = vow__watch_take(w, &next);
    int failed = has_next || w->scans ? 0 : vow__watch_begin(w->member.loop, &w->watch);
    if (failed)
        next = vow_fail_at(NULL, vow_errno_domain(), failed, "wait for a change");
    if (has_next || failed)
        settle(w, next);
}

/* The loop has rejected the waiting one. */
static void give_event_back(struct vow__member *member)
{
    vow_watch *w = (vow_watch *)member;
    vow__watch_done(w->member.loop, &w->watch);
    vow__looks_close(w);
}

/* What the child read its parent would miss. */
static int after_fork(struct vow__member *member)
{
    vow_watch *w = (vow_watch *)member;
    vow__watch_done(w->member.loop, &w->watch);
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    if (w->waiter)
        settle(w, vow__fail_ready(VOW_EFORK));
    return 0;
}

static int open_notifier(void)
{
#ifdef VOW__LINUX
    return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
#else
    errno = ENOSYS;
    return -1;
#endif
}

vow_watch *vow_watch_new(vow_loop *loop)
{
    vow__check_loop(loop, "vow_watch_new");
    int fd = loop->closing ? -1 : open_notifier(), code = loop->closing ? ESHUTDOWN : errno;
    vow_watch *w = fd < 0 ? NULL : vow__alloc_zeroed(sizeof *w);
    if (!w) {
        errno = fd < 0 ? code : ENOMEM;
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    w->count = 1;
    w->fd = fd;
    w->home.give_back = give_back;
    vow__member_join(&w->member, loop, give_event_back);
    w->member.after_fork = after_fork;
    if (vow__watch_init(loop, &w->watch, fd, EV_READ | EV_PERSIST, on_readable, w)) {
        vow_watch_unref(w);
        errno = ENOMEM;
        return NULL;
    }
    return w;
}

vow_watch *vow_watch_ref(vow_watch *w)
{
    w->count++;
    return w;
}

vow_watch *vow_watch_unref(vow_watch *w)
{
    if (!w || --w->count > 0)
        return NULL;
    if (w->member.loop)
        vow__watch_done(w->member.loop, &w->watch);
    vow__looks_end(w);
    vow__member_leave(&w->member);
    vow__record_forget(&w->home);
    if (w->back)
        vow__record_unref(w->back);
    vow__watched_forget_all(w);
    if (w->fd >= 0)
        close(w->fd);
    vow__free(w);
    return NULL;
}

static void stop(void *data)
{
    vow_watch *w = data;
    w->waiter = NULL;
    if (w->watch.event)
        vow__watch_stop(w->member.loop, &w->watch);
}

static void let_go(void *data) { vow_watch_unref(data); }

vow_promise *vow_watch_next_at(vow_watch *w, const char *where)
{
    vow_loop *loop = w->member.loop;
    VOW_CHECK(loop, "vow_watch_next at %s: the watch's loop is freed", where);
    vow_promise *p = vow__refused(loop, where);
    vow_value next;
    if (p)
        return p;
    if (w->fd < 0)
        return vow_resolved_at(loop, vow__fail_ready(VOW_EFORK), where);
    if (w->waiter)
        return vow__op_failed(loop, EBUSY, "the next change is being waited for", where);
    if (vow__watch_take(w, &next))
        return vow_resolved_at(loop, next, where);
    vow_resolver *waiter = vow__op_begin(loop, vow_watch_ref(w), stop, let_go, where, &p);
    if (!waiter)
        return p;
    w->waiter = waiter;
    int failed = w->scans ? 0 : vow__watch_begin(loop, &w->watch);
    if (failed)
        settle(w, vow_fail_at(where, vow_errno_domain(), failed, "wait for a change"));
    return p;
}
