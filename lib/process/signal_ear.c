/* SPDX-License-Identifier: MIT
 *
 * process/signal_ear.c - the loop's side of the hub for signals. The *ear* of a loop is there
 * while somebody of the loop's listens: a pipe that vow's handler writes to, read on the
 * loop's thread only.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "process/signal_hub.h"

struct vow__ear {
    struct vow__member member;
    struct vow__watch watch; /* of the pipe; added while `waiting` > 0 */
    struct vow__inlet inlet;
    int fd; /* the pipe's read end, -1: none */
    struct vow__listener *first, **end;
    unsigned waiting;           /* listeners that wait */
    unsigned held;              /* listeners are being told: not to be freed */
    struct vow__ear *next_here; /* the thread's */
};

static _Thread_local struct vow__ear *ears_here;

/* The pipe. */

static void close_pipe(struct vow__ear *ear)
{
    vow__watch_done(ear->member.loop, &ear->watch);
    if (ear->fd < 0)
        return;
    close(ear->fd);
    close(atomic_load(&ear->inlet.fd));
    ear->fd = -1;
}

/* Hearing. */

static void tell(struct vow__ear *ear, const vow_siginfo *record)
{
    uint64_t bit = vow__signal_bit(record->number);
    for (struct vow__listener *l = ear->first, *next; l; l = next) {
        next = l->next;
        if (l->numbers & bit)
            l->hear(l, record);
    }
}

/* Those for which the pipe had no room any more came after those in it. */
static void tell_lost(struct vow__ear *ear)
{
    if (!atomic_exchange(&ear->inlet.any_lost, false))
        return;
    for (int number = 1; number < VOW__SIGNALS; number++)
        for (unsigned n = atomic_exchange(&ear->inlet.lost[number], 0); n > 0; n--) {
            vow_siginfo record = {.number = number};
            tell(ear, &record);
        }
}

/* Each record was written whole, so each is read whole. */
static void look(struct vow__ear *ear)
{
    vow_siginfo records[64];
    ssize_t size = sizeof records;
    ear->held++;
    while (size == (ssize_t)sizeof records) {
        size = read(ear->fd, records, sizeof records);
        for (ssize_t i = 0; i < size / (ssize_t)sizeof *records; i++)
            tell(ear, &records[i]);
    }
    tell_lost(ear);
    ear->held--;
}

/* Ears. */

static void end_ear(struct vow__ear *ear)
{
    struct vow__ear **at = &ears_here;
    while (*at != ear)
        at = &(*at)->next_here;
    *at = ear->next_here;
    vow__inlet_remove(&ear->inlet);
    close_pipe(ear);
    vow__member_leave(&ear->member);
    vow__free(ear);
}

static void end_if_unused(struct vow__ear *ear)
{
    if (!ear->first && ear->held == 0)
        end_ear(ear);
}

static void on_record(evutil_socket_t fd, short what, void *data)
{
    (void)fd, (void)what;
    struct vow__ear *ear = data;
    vow_loop *loop = ear->member.loop;
    vow_enter(loop);
    look(ear);
    end_if_unused(ear);
    vow_leave(loop); /* the loop may be gone */
}

/* 0 or an errno number; the pipe it had is gone. */
static int renew_pipe(struct vow__ear *ear)
{
    int fd[2];
    close_pipe(ear);
    int failed = vow__fd_pipe(O_NONBLOCK, fd);
    if (failed)
        return failed;
    ear->fd = fd[0];
    atomic_store(&ear->inlet.fd, fd[1]);
    failed =
        vow__watch_init(ear->member.loop, &ear->watch, fd[0], EV_READ | EV_PERSIST, on_record, ear);
    if (!failed && ear->waiting > 0)
        failed = vow__watch_begin(ear->member.loop, &ear->watch);
    if (!failed)
        atomic_store(&ear->inlet.pid, getpid());
    return failed;
}

/* What is in the pipe so far is the parent's. */
static int after_fork(struct vow__member *member)
{
    struct vow__ear *ear = (struct vow__ear *)member;
    return atomic_load(&ear->inlet.pid) == getpid() ? 0 : renew_pipe(ear);
}

/* The loop closes: all who listen end by themselves, and the ear with the last. */
static void nothing_to_close(struct vow__member *member) { (void)member; }

/* NULL: *ret_failed says why. */
static struct vow__ear *ear_of(vow_loop *loop, int *ret_failed)
{
    struct vow__ear *ear = ears_here;
    while (ear && ear->member.loop != loop)
        ear = ear->next_here;
    if (ear)
        return ear;
    ear = vow__alloc_zeroed(sizeof *ear);
    if (!ear) {
        *ret_failed = ENOMEM;
        return NULL;
    }
    ear->fd = -1;
    ear->end = &ear->first;
    vow__member_join(&ear->member, loop, nothing_to_close);
    ear->member.after_fork = after_fork;
    ear->next_here = ears_here;
    ears_here = ear;
    vow__inlet_add(&ear->inlet);
    *ret_failed = renew_pipe(ear);
    if (!*ret_failed)
        return ear;
    end_ear(ear);
    return NULL;
}

/* Listeners. */

static void disclaim(struct vow__ear *ear, uint64_t numbers)
{
    for (int number = 1; number < VOW__SIGNALS; number++)
        if (numbers & vow__signal_bit(number))
            vow__inlet_disclaim(&ear->inlet, number);
}

/* 0 or an errno number. */
static int claim(struct vow__ear *ear, uint64_t numbers)
{
    for (int number = 1; number < VOW__SIGNALS; number++) {
        uint64_t bit = vow__signal_bit(number);
        int failed = numbers & bit ? vow__inlet_claim(&ear->inlet, number) : 0;
        if (failed) {
            disclaim(ear, numbers & (bit - 1));
            return failed;
        }
    }
    return 0;
}

int vow__listen_begin(struct vow__listener *listener, vow_loop *loop)
{
    int failed = 0;
    struct vow__ear *ear = ear_of(loop, &failed);
    if (!ear)
        return failed;
    look(ear); /* what came before is not for the new one */
    failed = claim(ear, listener->numbers);
    if (failed) {
        end_if_unused(ear);
        return failed;
    }
    listener->ear = ear;
    listener->next = NULL;
    listener->at = ear->end;
    *ear->end = listener;
    ear->end = &listener->next;
    return 0;
}

void vow__listen_end(struct vow__listener *listener)
{
    struct vow__ear *ear = listener->ear;
    if (!ear)
        return;
    vow__listen_rest(listener);
    disclaim(ear, listener->numbers);
    *listener->at = listener->next;
    if (listener->next)
        listener->next->at = listener->at;
    else
        ear->end = listener->at;
    listener->ear = NULL;
    end_if_unused(ear);
}

int vow__listen_wait(struct vow__listener *listener)
{
    struct vow__ear *ear = listener->ear;
    if (listener->waits)
        return 0;
    int failed = ear->waiting > 0 ? 0 : vow__watch_begin(ear->member.loop, &ear->watch);
    if (failed)
        return failed;
    ear->waiting++;
    listener->waits = true;
    return 0;
}

void vow__listen_rest(struct vow__listener *listener)
{
    struct vow__ear *ear = listener->ear;
    if (!listener->waits)
        return;
    listener->waits = false;
    if (--ear->waiting == 0)
        vow__watch_stop(ear->member.loop, &ear->watch);
}

void vow__listen_look(struct vow__listener *listener) { look(listener->ear); /* which it keeps */ }
