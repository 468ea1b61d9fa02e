/* SPDX-License-Identifier: MIT
 *
 * loop/loop.c - making loops and binding the queue to an event_base: enter and leave
 * drain it; when it fills outside of them, an internal event wakes the base; what a budget
 * leaves over waits for a zero timer, so that I/O and other timers go first.
 */
#include <errno.h>
#include <pthread.h>

#include "base/mem.h"
#include "loop/watch.h"

unsigned vow__forks;
static pthread_once_t fork_watch = PTHREAD_ONCE_INIT;
static _Thread_local struct vow__event_loop *loops_here;

static void count_fork(void) { vow__forks++; }
static void watch_forks(void) { pthread_atfork(NULL, NULL, count_fork); }

static void wake(vow_loop *loop)
{
    struct vow__event_loop *l = vow__event_loop(loop);
    static const struct timeval now = {0, 0};
    if (loop->draining && event_add(l->yield, &now) == 0)
        return;
    event_active(l->wake, EV_TIMEOUT, 1);
}

static void on_wake(evutil_socket_t fd, short what, void *data)
{
    (void)fd, (void)what;
    vow_loop *loop = data;
    vow_enter(loop);
    vow_leave(loop);
}

/* Runs when the loop is released and its last promise freed: maybe long after. */
static void gone(vow_loop *loop)
{
    vow__core_done(loop);
    vow__free(loop);
}

static void free_parts(struct vow__event_loop *l)
{
    if (l->wake)
        event_free(l->wake);
    if (l->yield)
        event_free(l->yield);
    vow__timers_done(l);
    if (l->own_base && l->base)
        event_base_free(l->base);
    l->wake = l->yield = NULL;
    l->base = NULL;
}

static vow_loop *new_loop(struct event_base *base)
{
    pthread_once(&fork_watch, watch_forks);
    struct vow__event_loop *l = vow__alloc_zeroed(sizeof *l);
    if (!l) {
        errno = ENOMEM;
        return NULL;
    }
    l->core.wake = wake;
    l->core.gone = gone;
    l->generation = vow__forks;
    l->attachments = 1;
    l->own_base = !base;
    l->base = base ? base : event_base_new();
    if (l->base) {
        l->wake = event_new(l->base, -1, 0, on_wake, l);
        l->yield = evtimer_new(l->base, on_wake, l);
    }
    if (!l->wake || !l->yield || vow__timers_init(l) || vow__core_init(&l->core)) {
        free_parts(l);
        gone(&l->core);
        errno = ENOMEM;
        return NULL;
    }
    l->next_here = loops_here;
    loops_here = l;
    return &l->core;
}

vow_loop *vow_loop_new(void) { return new_loop(NULL); }

vow_loop *vow_loop_attach(struct event_base *base)
{
    for (struct vow__event_loop *l = loops_here; l; l = l->next_here)
        if (l->base == base && !l->own_base) {
            l->attachments++;
            return &l->core;
        }
    return new_loop(base);
}

struct event_base *vow_loop_base(vow_loop *loop) { return vow__event_loop(loop)->base; }

void vow_enter(vow_loop *loop)
{
    vow__check_loop(loop, "vow_enter");
    vow__event_loop(loop)->depth++;
    loop->awake = true;
}

void vow_leave(vow_loop *loop)
{
    struct vow__event_loop *l = vow__event_loop(loop);
    if (--l->depth > 0 || loop->draining)
        return;
    vow__drain(loop, loop->budget);
    if (!l->in_run && !loop->head)
        vow__watch_settle_down(l);
    vow__finish_asked(l);
}

void vow_loop_set_budget(vow_loop *loop, size_t handlers)
{
    vow__check_loop(loop, "vow_loop_set_budget");
    loop->budget = handlers ? handlers : 1;
}

static void close_now(struct vow__event_loop *l)
{
    l->close_asked = false;
    if (l->core.closed)
        return;
    vow__remote_close(l);
    vow__core_close(&l->core);
    vow__members_close(l);
}

static void free_now(struct vow__event_loop *l)
{
    close_now(l);
    struct vow__event_loop **at = &loops_here;
    while (*at && *at != l)
        at = &(*at)->next_here;
    if (*at)
        *at = l->next_here;
    vow__members_forget(l);
    free_parts(l);
    vow__core_release(&l->core);
}

static bool busy(const struct vow__event_loop *l)
{
    return l->depth > 0 || l->in_run || l->core.draining || l->core.dropping || l->core.guarded ||
           l->core.running;
}

bool vow__finish_asked(struct vow__event_loop *l)
{
    if (busy(l) || !(l->close_asked || l->free_asked))
        return false;
    if (!l->free_asked) {
        close_now(l);
        return false;
    }
    free_now(l);
    return true;
}

size_t vow_loop_close(vow_loop *loop)
{
    vow__check_loop(loop, "vow_loop_close");
    struct vow__event_loop *l = vow__event_loop(loop);
    if (busy(l)) {
        l->close_asked = l->stop = true;
        return 0;
    }
    close_now(l);
    return vow__core_handles(loop);
}

bool vow_loop_is_closed(const vow_loop *loop) { return loop->closed; }

vow_loop *vow_loop_free(vow_loop *loop)
{
    if (!loop)
        return NULL;
    vow__check_loop(loop, "vow_loop_free");
    struct vow__event_loop *l = vow__event_loop(loop);
    if (--l->attachments > 0)
        return NULL;
    if (busy(l))
        l->free_asked = l->stop = true;
    else
        free_now(l);
    return NULL;
}

vow_promise *vow__refused(vow_loop *loop, const char *where)
{
    vow__check_loop(loop, where);
    if (VOW_UNLIKELY(!vow__same_process(loop)))
        return vow_rejected_at(loop, vow__error_ready(VOW_EFORK), where);
    if (VOW_UNLIKELY(loop->closing))
        return vow__refuse(loop, NULL, NULL, NULL);
    return NULL;
}

int vow_loop_after_fork(vow_loop *loop)
{
    vow__check_loop(loop, "vow_loop_after_fork");
    struct vow__event_loop *l = vow__event_loop(loop);
    if (vow__same_process(loop))
        return 0;
    if (event_reinit(l->base))
        return ENOMEM;
    l->generation = vow__forks;
    int failed = vow__timers_after_fork(l);
    return failed ? failed : vow__remote_after_fork(l);
}
