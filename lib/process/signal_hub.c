/* SPDX-License-Identifier: MIT
 *
 * process/signal_hub.c - the one hub for signals: vow's handler, whom it tells, and what was
 * there before it.
 *
 * Each loop in which somebody listens has an inlet, the write end of its pipe. The handler,
 * on whatever thread it runs, writes a record into every inlet that wants the signal. It
 * takes no lock: it counts itself in `running` while it walks the list, and who takes an
 * inlet out of the list waits until that has been zero before the pipe is closed and the
 * memory freed. A full pipe only costs the record: that the signal came is counted.
 *
 * Always true:
 *   - Under `hub.lock`: users[n] counts the claims on n. The first one sets vow's handler,
 *     the last one puts back before[n] if vow's is still there.
 *   - An inlet is written to only in the process whose pipe it has. So a forked child does
 *     not talk to its parent's loops, and a signal that nobody in the child hears is passed
 *     on to before[n] as if vow's handler were not there.
 */
#include "process/signal_hub.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static struct {
    pthread_mutex_t lock;
    unsigned users[VOW__SIGNALS];
    struct sigaction before[VOW__SIGNALS];
} hub = {.lock = PTHREAD_MUTEX_INITIALIZER};
static pthread_once_t fork_watch = PTHREAD_ONCE_INIT;

/* The handler's. plain and rich are before[n], of which one is NULL (SIG_DFL is NULL). */
static _Atomic(struct vow__inlet *) inlets;
static atomic_uint running;
static _Atomic(void (*)(int)) plain[VOW__SIGNALS];
static _Atomic(void (*)(int, siginfo_t *, void *)) rich[VOW__SIGNALS];
/* Another handler was put over vow's, and may call it: who is called by it returns. */
static atomic_bool buried[VOW__SIGNALS];
static _Thread_local volatile sig_atomic_t passing;

bool vow__signal_is_good(int number)
{
    return number > 0 && number < VOW__SIGNALS && number != SIGKILL && number != SIGSTOP &&
           number != SIGSEGV && number != SIGBUS && number != SIGFPE && number != SIGILL;
}

/* The handler. */

static vow_siginfo record_of(int number, const siginfo_t *info)
{
    vow_siginfo record;
    memset(&record, 0, sizeof record); /* with what lies between its members */
    record.number = number;
    record.code = info->si_code;
    int code = info->si_code;
    if (code == SI_USER || code == SI_QUEUE || code == SI_MESGQ || number == SIGCHLD
#ifdef SI_TKILL
        || code == SI_TKILL
#endif
    ) {
        record.pid = info->si_pid;
        record.uid = info->si_uid;
    }
    if (code == SI_QUEUE || code == SI_MESGQ || code == SI_TIMER || code == SI_ASYNCIO)
        record.value.pointer = info->si_value.sival_ptr;
    else if (number == SIGCHLD && code > 0)
        record.value.number = info->si_status;
    return record;
}

static void tell(struct vow__inlet *inlet, const vow_siginfo *record)
{
    if (write(atomic_load(&inlet->fd), record, sizeof *record) == (ssize_t)sizeof *record)
        return;
    atomic_fetch_add(&inlet->lost[record->number], 1);
    atomic_store(&inlet->any_lost, true);
}

static bool is_told(struct vow__inlet *inlet, int number, pid_t self)
{
    return atomic_load(&inlet->pid) == self &&
           (atomic_load(&inlet->wants) & vow__signal_bit(number)) != 0;
}

/* True: somebody in this process heard. seq_cst throughout: who takes an inlet out of the
 * list sees us in `running`, or we do not see the inlet. */
static bool tell_all(int number, const siginfo_t *info)
{
    vow_siginfo record = record_of(number, info);
    pid_t self = getpid();
    bool heard = false;
    atomic_fetch_add(&running, 1);
    for (struct vow__inlet *i = atomic_load(&inlets); i; i = atomic_load(&i->next))
        if (is_told(i, number, self)) {
            tell(i, &record);
            heard = true;
        }
    atomic_fetch_sub(&running, 1);
    return heard;
}

/* What the signal would have done. By default it comes again when we return. */
static void pass_on(int number, siginfo_t *info, void *context, bool heard)
{
    void (*with_info)(int, siginfo_t *, void *) = atomic_load(&rich[number]);
    void (*without)(int) = atomic_load(&plain[number]);
    if (with_info)
        with_info(number, info, context);
    else if (without != SIG_DFL && without != SIG_IGN)
        without(number);
    else if (without == SIG_DFL && !heard) {
        struct sigaction act = {.sa_handler = SIG_DFL};
        sigaction(number, &act, NULL);
        raise(number);
    }
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    int kept = errno;
    bool is_buried = atomic_load(&buried[number]);
    if (is_buried && passing == number)
        return; /* by the one to whom we passed it */
    bool heard = tell_all(number, info);
    if (is_buried)
        passing = number;
    pass_on(number, info, context, heard);
    if (is_buried)
        passing = 0;
    errno = kept;
}

/* Until no handler is inside tell_all. They do not wait for anything. */
static void let_handlers_leave(void)
{
    while (atomic_load(&running) != 0)
        sched_yield();
}

/* Dispositions; hub.lock is held. */

static bool is_ours(const struct sigaction *act)
{
    return (act->sa_flags & SA_SIGINFO) && act->sa_sigaction == on_signal;
}

/* Ours in place of `before`, whose function is to be called the way it was. SA_RESTART: what
 * waits in the program goes on waiting. Who had the system reap its children still has. */
static struct sigaction ours_for(int number, const struct sigaction *before)
{
    bool info = before->sa_flags & SA_SIGINFO;
    bool function = info || (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN);
    struct sigaction act = {.sa_flags = SA_RESTART};
    sigfillset(&act.sa_mask);
    if (function) {
        act.sa_mask = before->sa_mask;
        act.sa_flags = before->sa_flags & (SA_RESTART | SA_NODEFER | SA_NOCLDSTOP | SA_NOCLDWAIT);
    } else if (number == SIGCHLD && before->sa_handler == SIG_IGN) {
        act.sa_flags |= SA_NOCLDWAIT;
    }
    act.sa_flags |= SA_SIGINFO | SA_ONSTACK;
    act.sa_sigaction = on_signal;
    return act;
}

static int set_handler(int number)
{
    struct sigaction now;
    if (sigaction(number, NULL, &now))
        return errno;
    if (is_ours(&now))
        return 0;
    bool info = now.sa_flags & SA_SIGINFO;
    hub.before[number] = now;
    atomic_store(&plain[number], info ? NULL : now.sa_handler);
    atomic_store(&rich[number], info ? now.sa_sigaction : NULL);
    struct sigaction act = ours_for(number, &now);
    return sigaction(number, &act, NULL) ? errno : 0;
}

/* The bit first: nothing that comes while the handler is ours is passed on unheard. The
 * disposition is looked at each time, should the handler have been replaced. */
int vow__inlet_claim(struct vow__inlet *inlet, int number)
{
    struct sigaction now;
    pthread_mutex_lock(&hub.lock);
    if (inlet->users[number]++ == 0)
        atomic_fetch_or(&inlet->wants, vow__signal_bit(number));
    if (hub.users[number]++ > 0 && !sigaction(number, NULL, &now) && !is_ours(&now))
        atomic_store(&buried[number], true);
    int failed = set_handler(number);
    pthread_mutex_unlock(&hub.lock);
    if (failed)
        vow__inlet_disclaim(inlet, number);
    return failed;
}

void vow__inlet_disclaim(struct vow__inlet *inlet, int number)
{
    struct sigaction now;
    pthread_mutex_lock(&hub.lock);
    if (--hub.users[number] == 0 && !sigaction(number, NULL, &now)) {
        if (is_ours(&now))
            sigaction(number, &hub.before[number], NULL);
        else
            atomic_store(&buried[number], true);
    }
    if (--inlet->users[number] == 0)
        atomic_fetch_and(&inlet->wants, ~vow__signal_bit(number));
    pthread_mutex_unlock(&hub.lock);
}

/* Forking: the child finds the list in order, and nobody inside it. */

static void before_fork(void) { pthread_mutex_lock(&hub.lock); }
static void after_fork_in_parent(void) { pthread_mutex_unlock(&hub.lock); }
static void after_fork_in_child(void)
{
    atomic_store(&running, 0); /* other threads' handlers ended with them */
    pthread_mutex_unlock(&hub.lock);
}
static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* The list. */

void vow__inlet_add(struct vow__inlet *inlet)
{
    pthread_once(&fork_watch, watch_forks);
    pthread_mutex_lock(&hub.lock);
    atomic_store(&inlet->next, atomic_load(&inlets));
    atomic_store(&inlets, inlet);
    pthread_mutex_unlock(&hub.lock);
}

void vow__inlet_remove(struct vow__inlet *inlet)
{
    pthread_mutex_lock(&hub.lock);
    _Atomic(struct vow__inlet *) *at = &inlets;
    struct vow__inlet *i;
    while ((i = atomic_load(at)) != inlet)
        at = &i->next;
    atomic_store(at, atomic_load(&inlet->next));
    let_handlers_leave();
    pthread_mutex_unlock(&hub.lock);
}
