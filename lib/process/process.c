/* SPDX-License-Identifier: MIT
 *
 * process/process.c - child processes: waiting for them, and ending those that nobody wants.
 *
 * A child's end makes its pidfd readable; where there is none SIGCHLD is listened for, and
 * each child asked. It is reaped at once, wanted or not, when the loop turns.
 */
#include "process/process.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapt/op.h"
#include "base/mem.h"
#include "process/signal.h"
#include "process/spawn.h"
#include "vow/timer.h"

struct vow__process_waiter {
    struct vow__process_waiter *next, **at; /* at NULL: in no list any more */
    vow_process *process;                   /* a reference */
    vow_resolver *resolver;
};

/* Exit statuses travel in the value itself. */

static void *same(void *object) { return object; }
static void nothing(void *object) { (void)object; }

static const vow_type exit_type = {
    .size = sizeof(vow_type), .name = "vow_exit", .ref = same, .unref = nothing};

const vow_type *vow_exit_type(void) { return &exit_type; }

static vow_value exit_value(const siginfo_t *info)
{
    uintptr_t status = (uintptr_t)info->si_status & 255;
    uintptr_t killed = info->si_code != CLD_EXITED, core = info->si_code == CLD_DUMPED;
    return vow_of(&exit_type, (void *)(status << 3 | core << 2 | killed << 1 | 1)); /* not NULL */
}

vow_exit vow_exit_of(vow_value v)
{
    uintptr_t bits = (uintptr_t)vow_as(v, &exit_type);
    int status = (int)(bits >> 3);
    bool killed = bits & 2;
    return (vow_exit){
        .status = killed ? 128 + status : status, .signal = killed ? status : 0, .core = bits & 4};
}

/* Ends. */

static bool runs(const vow_process *p)
{
    return p->pid > 0 && vow_is_none(p->outcome) && p->generation == vow__forks;
}

void vow__process_unwatch(vow_process *p)
{
    if (p->member.loop)
        vow__watch_done(p->member.loop, &p->watch);
    vow__listen_end(&p->child);
    if (p->pidfd >= 0)
        close(p->pidfd);
    p->pidfd = -1;
}

void vow__process_set_outcome(vow_process *p, vow_value outcome)
{
    bool was_ending = p->ending;
    p->outcome = outcome;
    p->ending = false;
    vow__process_unwatch(p);
    p->grace = vow_unref(p->grace);
    vow_process_ref(p);
    while (p->first) /* settling takes it off the list */
        vow_resolve(p->first->resolver, vow_keep(outcome));
    if (was_ending)
        vow_process_unref(p);
    vow_process_unref(p);
}

/* 0; -1 and errno. ret->si_pid is 0 while it runs. */
static int ask(const vow_process *p, int flags, siginfo_t *ret)
{
    int code;
    ret->si_pid = 0;
    while ((code = waitid(P_PID, (id_t)p->pid, ret, WEXITED | WNOHANG | flags)) != 0 &&
           errno == EINTR)
        ;
    return code;
}

/* The others of the group go when the child has gone that was asked to end. Before it is
 * reaped: until then its number is nobody else's. */
static void end_others(const vow_process *p)
{
    siginfo_t info;
    if (p->group && p->ending && ask(p, WNOWAIT, &info) == 0 && info.si_pid != 0)
        kill(-p->pid, SIGKILL);
}

void vow__process_look(vow_process *p)
{
    siginfo_t info;
    end_others(p);
    int code = ask(p, 0, &info);
    if (code)
        vow__process_set_outcome(p, vow_fail_at(NULL, vow_errno_domain(), errno,
                                                "process %d: somebody else has its status",
                                                (int)p->pid));
    else if (info.si_pid != 0)
        vow__process_set_outcome(p, exit_value(&info));
}

static void on_end(evutil_socket_t fd, short what, void *data)
{
    (void)fd, (void)what;
    vow_process *p = data;
    vow_loop *loop = p->member.loop;
    vow_enter(loop);
    vow__process_look(p);
    vow_leave(loop);
}

static void on_child(struct vow__listener *listener, const vow_siginfo *info)
{
    (void)info; /* of whichever child: signals of one number are merged */
    vow__process_look((vow_process *)((char *)listener - offsetof(vow_process, child)));
}

static int send_signal(const vow_process *p, int number)
{
#ifdef SYS_pidfd_send_signal
    if (p->pidfd >= 0 && !p->group) /* never another process, should ours have been reaped */
        return syscall(SYS_pidfd_send_signal, p->pidfd, number, NULL, 0) ? errno : 0;
#endif
    return kill(p->group ? -p->pid : p->pid, number) ? errno : 0;
}

void vow__process_put_down(vow_process *p)
{
    if (!runs(p))
        return;
    send_signal(p, SIGKILL);
    vow__reap_later(p->pid);
    vow__process_set_outcome(p, vow__fail_ready(ECANCELED));
}

/* Holds the loop, or lets it end. 0 or an errno number. */
static int hold(vow_process *p)
{
    return p->pidfd >= 0 ? vow__watch_begin(p->member.loop, &p->watch)
                         : vow__listen_wait(&p->child);
}

static void let_rest(vow_process *p)
{
    struct vow__event_loop *l = vow__event_loop(p->member.loop);
    vow__watch_rest(p->member.loop, &p->watch);
    if (l->depth == 0)
        vow__wake(l); /* or nobody would look whether the rest keeps a dispatch waiting */
}

int vow__process_watch(vow_process *p)
{
    int failed =
        vow__watch_init(p->member.loop, &p->watch, p->pidfd, EV_READ | EV_PERSIST, on_end, p);
    if (!failed)
        failed = hold(p);
    if (!failed)
        let_rest(p);
    return failed;
}

int vow__process_listen(vow_process *p)
{
    p->child.numbers = vow__signal_bit(SIGCHLD);
    p->child.hear = on_child;
    return vow__listen_begin(&p->child, p->member.loop);
}

static vow_value end_grace(vow_value v, void *data)
{
    vow_process *p = data;
    (void)v;     /* or no memory for the timer: then it was short */
    if (runs(p)) /* not in a forked process that closes the loop */
        send_signal(p, SIGKILL);
    return vow_none();
}

/* Nobody wants it any more. */
static void end_child(vow_process *p)
{
    vow_loop *loop = p->member.loop;
    if (!runs(p) || p->ending)
        return;
    if (loop->closing || hold(p)) {
        vow__process_put_down(p);
        return;
    }
    p->ending = true;
    p->count++;
    send_signal(p, p->grace_ms ? SIGTERM : SIGKILL);
    if (p->grace_ms) {
        p->grace = vow_handle(vow_delay(loop, p->grace_ms), end_grace, p);
        vow_mark_handled(p->grace);
        if (vow__settled(p->grace)) /* no memory for it: none */
            send_signal(p, SIGKILL);
    }
}

/* Waiting. */

static void leave_list(struct vow__process_waiter *w)
{
    if (!w->at)
        return;
    *w->at = w->next;
    if (w->next)
        w->next->at = w->at;
    else
        w->process->end = w->at;
    w->at = NULL;
}

static void stop_wait(void *data)
{
    struct vow__process_waiter *w = data;
    leave_list(w);
    if (!w->process->first)
        end_child(w->process);
}

static void destroy_wait(void *data)
{
    struct vow__process_waiter *w = data;
    leave_list(w);
    vow_process_unref(w->process);
    vow__free(w);
}

static vow_promise *wait_for(vow_process *p, const char *where)
{
    vow_loop *loop = p->member.loop;
    struct vow__process_waiter *w = vow__alloc_zeroed(sizeof *w);
    if (!w)
        return vow__op_no_memory(loop);
    w->process = vow_process_ref(p);
    vow_promise *promise;
    vow_resolver *resolver = vow__op_begin(loop, w, stop_wait, destroy_wait, where, &promise);
    if (!resolver)
        return promise;
    w->resolver = resolver;
    w->at = p->end;
    *p->end = w;
    p->end = &w->next;
    int failed = hold(p);
    if (failed)
        vow_resolve(w->resolver,
                    vow_fail_at(where, vow_errno_domain(), failed, "wait for a child"));
    return promise;
}

vow_promise *vow_process_wait_at(vow_process *p, const char *where)
{
    vow_loop *loop = p->member.loop;
    VOW_CHECK(loop, "vow_process_wait at %s: the loop of the process is freed", where);
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    if (!vow_is_none(p->outcome))
        return vow_resolved_at(loop, vow_keep(p->outcome), where);
    return wait_for(p, where);
}

/* The object. */

int vow_process_kill(vow_process *p, int number)
{
    return runs(p) ? send_signal(p, number) : ESRCH;
}

vow_stream *vow_process_in(const vow_process *p) { return p->stream[0]; }
vow_stream *vow_process_out(const vow_process *p) { return p->stream[1]; }
vow_stream *vow_process_err(const vow_process *p) { return p->stream[2]; }
pid_t vow_process_pid(const vow_process *p) { return p->pid; }

vow_process *vow_process_ref(vow_process *p)
{
    if (p)
        p->count++;
    return p;
}

vow_process *vow_process_unref(vow_process *p)
{
    if (!p)
        return NULL;
    if (p->count == 1)
        end_child(p); /* which may hold it */
    if (--p->count > 0)
        return NULL;
    vow__process_unwatch(p);
    for (int i = 0; i < 3; i++)
        vow_stream_unref(p->stream[i]);
    vow_release(p->outcome);
    vow__member_leave(&p->member);
    vow__free(p);
    return NULL;
}

static void *ref_value(void *object) { return vow_process_ref(object); }
static void unref_value(void *object) { vow_process_unref(object); }
static size_t count_value(const void *object) { return ((const vow_process *)object)->count; }

static const vow_type process_type = {.size = sizeof(vow_type),
                                      .name = "vow_process",
                                      .ref = ref_value,
                                      .unref = unref_value,
                                      .count = count_value};

const vow_type *vow_process_type(void) { return &process_type; }
vow_value vow_process_value(vow_process *p) { return vow_of(&process_type, p); }
vow_process *vow_process_of(vow_value v) { return vow_as(v, &process_type); }
