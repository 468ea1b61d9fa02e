/* SPDX-License-Identifier: MIT
 *
 * process/signal.c - waiting for a signal, and streams of signals: see vow/signal.h.
 */
#include "process/signal.h"

#include <errno.h>

#include "adapt/op.h"
#include "adapt/record.h"
#include "base/mem.h"

/* What is told of signals, made before they come. */
struct report {
    struct vow__record record; /* first */
    vow_siginfo info;
};

static const struct vow__homing_type report_type = VOW__RECORD_TYPE("vow_siginfo");

const vow_type *vow_siginfo_type(void) { return &report_type.type; }

const vow_siginfo *vow_siginfo_of(vow_value v)
{
    return &((const struct report *)vow_as(v, &report_type.type))->info;
}

static struct report *new_report(void) { return vow__record_new(sizeof(struct report)); }

/* Takes `report`; NULL: the number is all that was asked for. `home` (or NULL) gets it back if
 * nobody sees it. */
static vow_value value_of(const vow_siginfo *info, struct report *report,
                          struct vow__record_home *home)
{
    if (!report)
        return vow_int(info->number);
    report->info = *info;
    if (home)
        vow__record_sent(home, &report->record);
    return vow__record_value(&report_type, report);
}

/* One signal. */

struct wait {
    struct vow__listener listener; /* first */
    vow_resolver *resolver;
    struct report *report; /* NULL: the number is enough, or it was given */
};

static void stop_wait(void *data) { (void)data; } /* destroy does it all */

static void destroy_wait(void *data)
{
    struct wait *w = data;
    vow__listen_end(&w->listener);
    vow__free(w->report);
    vow__free(w);
}

static void hear_one(struct vow__listener *listener, const vow_siginfo *info)
{
    struct wait *w = (struct wait *)listener;
    struct report *report = w->report;
    w->report = NULL;
    vow_resolve(w->resolver, value_of(info, report, NULL)); /* w is gone */
}

static vow_promise *wait_for(vow_loop *loop, int number, struct report *report, const char *where)
{
    struct wait *w = vow__alloc_zeroed(sizeof *w);
    if (!w) {
        vow__free(report);
        return vow__op_no_memory(loop);
    }
    w->listener.numbers = vow__signal_bit(number);
    w->listener.hear = hear_one;
    w->report = report;
    vow_promise *p;
    vow_resolver *resolver = vow__op_begin(loop, w, stop_wait, destroy_wait, where, &p);
    if (!resolver)
        return p;
    w->resolver = resolver;
    int failed = vow__listen_begin(&w->listener, loop);
    if (!failed)
        failed = vow__listen_wait(&w->listener);
    if (failed)
        vow_resolve(resolver,
                    vow_fail_at(where, vow_errno_domain(), failed, "wait for signal %d", number));
    return p;
}

static vow_promise *refused_number(vow_loop *loop, int number, const char *where)
{
    return vow_resolved_at(
        loop,
        vow_fail_at(where, vow_errno_domain(), EINVAL, "signal %d is none to wait for", number),
        where);
}

vow_promise *vow_signal_at(vow_loop *loop, int number, const char *where)
{
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    if (!vow__signal_is_good(number))
        return refused_number(loop, number, where);
    return wait_for(loop, number, NULL, where);
}

vow_promise *vow_signal_info_at(vow_loop *loop, int number, const char *where)
{
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    if (!vow__signal_is_good(number))
        return refused_number(loop, number, where);
    struct report *report = new_report();
    return report ? wait_for(loop, number, report, where) : vow__op_no_memory(loop);
}

/* Streams. */

enum { ROOM = 256 }; /* signals that a stream keeps */

struct waiter {
    struct waiter *next, **at; /* at NULL: in no list any more */
    vow_signals *signals;
    vow_resolver *resolver;
    struct report *report; /* as above */
};

/* Either nobody waits, or nothing is kept nor has come back. */
struct vow_signals {
    struct vow__member member;
    struct vow__listener listener;
    struct waiter *first, **end;
    unsigned from, kept; /* the oldest of the `kept` in the ring */
    uint64_t missed;
    vow_siginfo ring[ROOM];
    struct vow__record_home home;
    struct report *back; /* was given, but nobody saw it: comes first; or NULL */
};

static vow_signals *of_listener(struct vow__listener *listener)
{
    return (vow_signals *)((char *)listener - offsetof(vow_signals, listener));
}

static void leave_list(struct waiter *w)
{
    vow_signals *s = w->signals;
    if (!w->at)
        return;
    *w->at = w->next;
    if (w->next)
        w->next->at = w->at;
    else
        s->end = w->at;
    w->at = NULL;
    if (!s->first && s->listener.ear)
        vow__listen_rest(&s->listener);
}

static void destroy_waiter(void *data)
{
    struct waiter *w = data;
    leave_list(w);
    vow__free(w->report);
    vow__free(w);
}

static void keep(vow_signals *s, const vow_siginfo *info)
{
    if (s->kept == ROOM)
        s->missed++;
    else
        s->ring[(s->from + s->kept++) % ROOM] = *info;
}

static void hear_each(struct vow__listener *listener, const vow_siginfo *info)
{
    vow_signals *s = of_listener(listener);
    struct waiter *w = s->first;
    if (!w) {
        keep(s, info);
        return;
    }
    struct report *report = w->report;
    w->report = NULL;
    vow_resolve(w->resolver, value_of(info, report, &s->home)); /* w is gone */
}

/* For who waits already, or else for the next one. */
static void give_back(struct vow__record_home *home, struct vow__record *record)
{
    vow_signals *s = (vow_signals *)((char *)home - offsetof(vow_signals, home));
    struct report *report = (struct report *)record;
    if (!s->first) {
        s->back = report;
        return;
    }
    hear_each(&s->listener, &report->info);
    vow__record_unref(report);
}

/* The loop closes, and has rejected those who wait. */
static void stop_listening(struct vow__member *member)
{
    vow__listen_end(&((vow_signals *)member)->listener);
}

/* The bits, or 0. */
static uint64_t bits_of(const int *numbers, size_t n)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        if (!vow__signal_is_good(numbers[i]))
            return 0;
        bits |= vow__signal_bit(numbers[i]);
    }
    return bits;
}

static vow_signals *no_signals(int code)
{
    errno = code;
    return NULL;
}

vow_signals *vow_signals_new(vow_loop *loop, const int *numbers, size_t n)
{
    vow__check_loop(loop, "vow_signals_new");
    uint64_t bits = bits_of(numbers, n);
    if (loop->closing || !vow__same_process(loop))
        return no_signals(loop->closing ? ESHUTDOWN : VOW_EFORK);
    if (bits == 0)
        return no_signals(EINVAL);
    vow_signals *s = vow__alloc_zeroed(sizeof *s);
    if (!s)
        return no_signals(ENOMEM);
    s->end = &s->first;
    s->listener.numbers = bits;
    s->listener.hear = hear_each;
    s->home.give_back = give_back;
    vow__member_join(&s->member, loop, stop_listening);
    int failed = vow__listen_begin(&s->listener, loop);
    if (!failed)
        return s;
    vow_signals_free(s);
    return no_signals(failed);
}

/* Takes `report`. */
static vow_promise *wait_for_next(vow_signals *s, struct report *report, const char *where)
{
    vow_loop *loop = s->member.loop;
    struct waiter *w = vow__alloc_zeroed(sizeof *w);
    if (!w) {
        vow__free(report);
        return vow__op_no_memory(loop);
    }
    w->signals = s;
    w->report = report;
    vow_promise *p;
    vow_resolver *resolver = vow__op_begin(loop, w, stop_wait, destroy_waiter, where, &p);
    if (!resolver)
        return p;
    w->resolver = resolver;
    w->at = s->end;
    *s->end = w;
    s->end = &w->next;
    int failed = vow__listen_wait(&s->listener);
    if (failed)
        vow_resolve(w->resolver, vow_fail_at(where, vow_errno_domain(), failed, "next signal"));
    return p;
}

/* The oldest was given. */
static void take_oldest(vow_signals *s)
{
    if (s->back) {
        vow__record_unref(s->back);
        s->back = NULL;
        return;
    }
    s->from = (s->from + 1) % ROOM;
    s->kept--;
}

static vow_promise *next(vow_signals *s, bool with_info, const char *where)
{
    vow_loop *loop = s->member.loop;
    VOW_CHECK(loop, "vow_signals_next at %s: the loop of the signals is freed", where);
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    struct report *report = with_info ? new_report() : NULL;
    if (with_info && !report)
        return vow__op_no_memory(loop);
    if (!s->first)
        vow__listen_look(&s->listener);
    if (s->kept == 0 && !s->back)
        return wait_for_next(s, report, where);
    const vow_siginfo *oldest = s->back ? &s->back->info : &s->ring[s->from];
    vow_promise *p = vow_resolved_at(loop, value_of(oldest, report, NULL), where);
    if (vow_state(p) != VOW_FULFILLED)
        return p; /* no memory: it stays */
    take_oldest(s);
    if (report)
        vow__record_sent(&s->home, &report->record);
    return p;
}

vow_promise *vow_signals_next_at(vow_signals *s, const char *where)
{
    return next(s, false, where);
}
vow_promise *vow_signals_next_info_at(vow_signals *s, const char *where)
{
    return next(s, true, where);
}

uint64_t vow_signals_missed(const vow_signals *s) { return s->missed; }

vow_signals *vow_signals_free(vow_signals *s)
{
    if (!s)
        return NULL;
    while (s->first) /* settling takes it off the list */
        vow_resolve(s->first->resolver, vow_fail_at(NULL, vow_errno_domain(), ECANCELED,
                                                    "next signal: the stream was ended"));
    vow__record_forget(&s->home);
    if (s->back)
        vow__record_unref(s->back);
    vow__listen_end(&s->listener);
    vow__member_leave(&s->member);
    vow__free(s);
    return NULL;
}
