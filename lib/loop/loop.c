/* SPDX-License-Identifier: MIT
 *
 * loop/loop.c - making and ending loops, and binding the queue to an event_base: enter and
 * leave drain it; when it fills outside of them, an internal event wakes the base; what a
 * budget leaves over waits for a zero timer, so that I/O and other timers go first.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/watch.h"

unsigned vow__forks;
static pthread_once_t fork_watch = PTHREAD_ONCE_INIT;
static _Thread_local struct vow__event_loop *loops_here; /* linked by next_here */

static void count_fork(void) { vow__forks++; }
static void watch_forks(void) { pthread_atfork(NULL, NULL, count_fork); }

/* The queue and the base. */

void vow__wake(struct vow__event_loop *l) { event_active(l->wake, EV_TIMEOUT, 1); }

/* At the end of a drain: a budget was used up. An event activated now would run again before
 * the base looks at any descriptor or timer; a zero timer comes after them. Without memory
 * for its place among the timers handlers go first, until there is some. */
static void wake(vow_loop *loop)
{
    struct vow__event_loop *l = vow__event_loop(loop);
    static const struct timeval at_once = {0, 0};
    if (!loop->draining || event_add(l->yield, &at_once))
        vow__wake(l);
}

static void on_wake(evutil_socket_t fd, short what, void *data)
{
    (void)fd, (void)what;
    struct vow__event_loop *l = data;
    vow_enter(&l->core);
    vow__timers_look(l);
    vow_leave(&l->core); /* the loop may be gone */
}

static void go_in(struct vow__event_loop *l)
{
    if (l->depth++ == 0) {
        l->outer = vow__running_loop;
        vow__running_loop = &l->core;
    }
}

static void go_out(struct vow__event_loop *l)
{
    if (--l->depth == 0)
        vow__running_loop = l->outer;
}

void vow_enter(vow_loop *loop)
{
    vow__check_loop(loop, "vow_enter");
    go_in(vow__event_loop(loop));
    loop->awake = true;
}

/* Inside a destructor or stop hook nothing can be served: the base is to come back. */
static void serve(struct vow__event_loop *l)
{
    vow_loop *loop = &l->core;
    bool blocked = loop->dropping || loop->guarded;
    vow__drain(loop, loop->budget);
    if (blocked) {
        loop->awake = loop->head || loop->unseen;
        if (loop->awake)
            vow__wake(l);
    }
}

void vow_leave(vow_loop *loop)
{
    vow__check_loop(loop, "vow_leave");
    struct vow__event_loop *l = vow__event_loop(loop);
    VOW_CHECK(l->depth > 0, "vow_leave without vow_enter");
    bool outermost = l->depth == 1 && !loop->draining;
    if (outermost)
        serve(l);
    go_out(l);
    if (!outermost)
        return;
    l->callbacks++;
    vow__timers_settle_down(l);
    if (!l->in_run && !loop->head)
        vow__watch_settle_down(l);
    vow__finish(loop);
}

void vow_loop_set_budget(vow_loop *loop, size_t handlers)
{
    vow__check_loop(loop, "vow_loop_set_budget");
    loop->budget = handlers ? handlers : 1;
}

/* Making. */

/* Runs when the loop is freed and its last handle given back: maybe long after. */
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

/* libevent ends the program where it finds no descriptor for what it needs itself: an epoll,
 * a pair for signals, one to be notified by. 0 or an errno number. */
static int try_descriptors(void)
{
    int fd[4] = {-1, -1, -1, -1}, failed = 0;
    if (pipe(fd) || (fd[2] = dup(fd[0])) < 0 || (fd[3] = dup(fd[0])) < 0)
        failed = errno;
    for (int i = 0; i < 4; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    return failed;
}

static struct event_base *new_base(int *ret_failed)
{
    *ret_failed = try_descriptors();
    struct event_base *base = *ret_failed ? NULL : event_base_new();
    if (!base && !*ret_failed)
        *ret_failed = ENOMEM;
    return base;
}

/* 0 or an errno number. */
static int make_parts(struct vow__event_loop *l, struct event_base *base)
{
    int failed = 0;
    l->core.wake = wake;
    l->core.gone = gone;
    l->generation = l->base_generation = vow__forks;
    l->attachments = 1;
    l->own_base = !base;
    vow__timers_init(l);
    l->base = base ? base : new_base(&failed);
    if (failed)
        return failed;
    l->wake = event_new(l->base, -1, 0, on_wake, l);
    l->yield = evtimer_new(l->base, on_wake, l);
    return l->wake && l->yield ? vow__core_init(&l->core) : ENOMEM;
}

static vow_loop *new_loop(struct event_base *base)
{
    pthread_once(&fork_watch, watch_forks);
    struct vow__event_loop *l = vow__alloc_zeroed(sizeof *l);
    int failed = l ? make_parts(l, base) : ENOMEM;
    if (l && failed) {
        free_parts(l);
        gone(&l->core);
    }
    if (failed) {
        errno = failed;
        return NULL;
    }
    l->next_here = loops_here;
    loops_here = l;
    return &l->core;
}

vow_loop *vow_loop_new(void) { return new_loop(NULL); }

/* A loop whose last attachment is being freed is not found any more. */
vow_loop *vow_loop_attach(struct event_base *base)
{
    VOW_CHECK(base, "vow_loop_attach: the base is NULL");
    for (struct vow__event_loop *l = loops_here; l; l = l->next_here)
        if (l->base == base && l->attachments > 0) {
            l->attachments++;
            return &l->core;
        }
    return new_loop(base);
}

struct event_base *vow_loop_base(vow_loop *loop) { return vow__event_loop(loop)->base; }

/* Closing and freeing. */

void vow__close_now(struct vow__event_loop *l)
{
    l->close_asked = false;
    if (l->core.closing)
        return;
    vow__unshare(&l->core);
    go_in(l); /* what handlers and destructors ask for now is done at the end */
    vow__remote_close(l);
    vow__core_close(&l->core);
    vow__members_close(l);
    go_out(l);
    vow__timers_settle_down(l);
    event_del(l->wake); /* of an attached base nothing of ours is left */
    event_del(l->yield);
}

static void free_now(struct vow__event_loop *l)
{
    vow__close_now(l);
    vow__unshare(&l->core);
    struct vow__event_loop **at = &loops_here;
    while (*at != l)
        at = &(*at)->next_here;
    *at = l->next_here;
    vow__remote_free(l);
    vow__members_forget(l);
    free_parts(l);
    vow__core_release(&l->core);
}

static bool busy(const struct vow__event_loop *l)
{
    const vow_loop *loop = &l->core;
    return l->depth > 0 || l->in_run || loop->draining || loop->dropping || loop->guarded;
}

/* Once nothing of the loop's runs any more. The loop may be gone then. */
static void finish_asked(vow_loop *loop)
{
    struct vow__event_loop *l = vow__event_loop(loop);
    if (!(l->close_asked || l->free_asked) || busy(l))
        return;
    loop->finish = NULL;
    if (l->free_asked)
        free_now(l);
    else
        vow__close_now(l);
}

/* Inside a callback: ends the run that it belongs to. */
static void ask(struct vow__event_loop *l, bool *what)
{
    *what = true;
    l->core.finish = finish_asked;
    if (l->in_run)
        l->stop = true;
    vow__wake(l); /* should nobody else come by */
}

size_t vow_loop_close(vow_loop *loop)
{
    vow__check_loop(loop, "vow_loop_close");
    struct vow__event_loop *l = vow__event_loop(loop);
    if (busy(l)) {
        ask(l, &l->close_asked);
        return 0;
    }
    vow__close_now(l);
    size_t handles = vow__core_handles(loop);
    vow__finish(loop);
    return handles;
}

bool vow_loop_is_closed(const vow_loop *loop) { return loop->closed; }

vow_loop *vow_loop_free(vow_loop *loop)
{
    if (!loop)
        return NULL;
    vow__check_loop(loop, "vow_loop_free");
    struct vow__event_loop *l = vow__event_loop(loop);
    VOW_CHECK(l->attachments > 0, "vow_loop_free: the loop was freed already");
    if (--l->attachments > 0)
        return NULL;
    if (busy(l))
        ask(l, &l->free_asked);
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

/* Forking. */

int vow__unshare(vow_loop *loop)
{
    struct vow__event_loop *l = vow__event_loop(loop);
    if (VOW_LIKELY(l->base_generation == vow__forks))
        return 0;
    int failed = try_descriptors();
    if (!failed && event_reinit(l->base))
        failed = ENOMEM;
    if (!failed)
        l->base_generation = vow__forks;
    return failed;
}

int vow_loop_after_fork(vow_loop *loop)
{
    vow__check_loop(loop, "vow_loop_after_fork");
    struct vow__event_loop *l = vow__event_loop(loop);
    unsigned before = l->generation;
    if (before == vow__forks)
        return 0;
    int failed = vow__unshare(loop);
    if (failed)
        return failed;
    l->generation = vow__forks;
    failed = vow__timers_after_fork(l);
    if (!failed)
        failed = vow__remote_after_fork(l);
    if (!failed)
        failed = vow__members_after_fork(l);
    if (failed)
        l->generation = before;
    return failed;
}
