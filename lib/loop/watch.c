/* SPDX-License-Identifier: MIT
 *
 * loop/watch.c - see watch.h.
 */
#include "loop/watch.h"

#include <errno.h>

int vow__event_add(struct event *event, const struct timeval *limit)
{
    errno = 0; /* libevent sets it only where a system call failed */
    if (event_add(event, limit) == 0)
        return 0;
    return errno ? errno : ENOMEM;
}

int vow__watch_init(vow_loop *loop, struct vow__watch *w, int fd, short what,
                    event_callback_fn callback, void *data)
{
    *w = (struct vow__watch){.event = vow__event_new(loop, fd, what, callback, data)};
    return w->event ? 0 : ENOMEM;
}

int vow__watch_add(struct vow__watch *w)
{
    int failed = vow__event_add(w->event, NULL);
    w->added = !failed;
    return failed;
}

void vow__watch_stop(vow_loop *loop, struct vow__watch *w)
{
    if (w->at)
        vow__watch_wake(vow__event_loop(loop), w);
    if (w->added)
        vow__event_del(loop, w->event);
    w->added = false;
}

void vow__watch_done(vow_loop *loop, struct vow__watch *w)
{
    if (!w->event)
        return;
    vow__watch_stop(loop, w);
    vow__event_free(loop, w->event);
    w->event = NULL;
}

void vow__watch_settle_down(struct vow__event_loop *l)
{
    if (!l->resting)
        return;
    if (l->in_run && event_base_get_num_events(l->base, EVENT_BASE_COUNT_ADDED |
                                                            EVENT_BASE_COUNT_ACTIVE) >
                         (int)l->resting_count)
        return;
    while (l->resting)
        vow__watch_stop(&l->core, l->resting);
}

static void push(struct vow__member **list, struct vow__member *member)
{
    member->next = *list;
    member->at = list;
    if (member->next)
        member->next->at = &member->next;
    *list = member;
}

void vow__member_join(struct vow__member *member, vow_loop *loop,
                      void (*close)(struct vow__member *member))
{
    *member = (struct vow__member){.loop = loop, .close = close};
    push(&vow__event_loop(loop)->members, member);
}

void vow__member_leave(struct vow__member *member)
{
    *member->at = member->next;
    if (member->next)
        member->next->at = member->at;
}

/* The first error. Who was visited waits in another list, so that every one may go. */
static int visit_members(struct vow__event_loop *l, int (*visit)(struct vow__member *member))
{
    struct vow__member *visited = NULL, *m;
    int failed = 0;
    while ((m = l->members) != NULL) {
        vow__member_leave(m);
        push(&visited, m);
        int code = visit(m);
        failed = failed ? failed : code;
    }
    l->members = visited;
    if (visited)
        visited->at = &l->members;
    return failed;
}

static int close_member(struct vow__member *m)
{
    m->close(m);
    return 0;
}

static int fork_member(struct vow__member *m) { return m->after_fork ? m->after_fork(m) : 0; }

void vow__members_close(struct vow__event_loop *l) { visit_members(l, close_member); }
int vow__members_after_fork(struct vow__event_loop *l) { return visit_members(l, fork_member); }

/* What is left refers to nothing of the loop any more, and to itself. */
void vow__members_forget(struct vow__event_loop *l)
{
    for (struct vow__member *m = l->members, *next; m; m = next) {
        next = m->next;
        *m = (struct vow__member){.at = &m->next, .close = m->close};
    }
    l->members = NULL;
}
