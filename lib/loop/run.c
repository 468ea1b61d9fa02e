/* SPDX-License-Identifier: MIT
 *
 * loop/run.c - turning the loop from the program's main line: until a promise settles,
 * until nothing is left, or without waiting; and moving a virtual clock.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loop/watch.h"
#include "value/error.h"
#include "vow/inspect.h"

/* 0, or why this loop cannot be turned from here. */
static int begin(vow_loop *loop, const char *call)
{
    vow__check_loop(loop, call);
    struct vow__event_loop *l = vow__event_loop(loop);
    if (!vow__same_process(loop))
        return VOW_EFORK;
    if (l->in_run || l->depth || loop->draining || loop->dropping || loop->guarded)
        return EDEADLK;
    if (loop->closed)
        return VOW_ECLOSED;
    l->in_run = true;
    return 0;
}

/* A stop is taken back by the run that it ended: one that p's settling outran ends the next.
 * Afterwards the loop may be gone. */
static void end(vow_loop *loop, bool by_stop)
{
    struct vow__event_loop *l = vow__event_loop(loop);
    l->in_run = false;
    l->stop = l->stop && !by_stop;
    vow__watch_settle_down(l);
    vow__finish(loop);
}

/* Can anything but vow's timers on a virtual clock still happen in the base? */
static bool has_events(struct vow__event_loop *l)
{
    return event_base_get_num_events(l->base, EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE) > 0;
}

enum turned { TURNED, NOTHING_LEFT, BROKEN_OFF, NOT_FROM_HERE };

/* One turn of the base. A break or exit that the program asked the base for ends the run,
 * too: the base forgets it when it is turned again. */
static enum turned turn_base(struct vow__event_loop *l, int flags)
{
    int result = event_base_loop(l->base, flags);
    if (result < 0)
        return NOT_FROM_HERE;
    if (event_base_got_break(l->base) || event_base_got_exit(l->base))
        return BROKEN_OFF;
    return result == 0 ? TURNED : NOTHING_LEFT;
}

/* One turn, waiting if need be. What is in the queue needs no looking at: whoever filled it
 * has woken the base. */
static enum turned turn(struct vow__event_loop *l)
{
    /* The system's clock has the event, and is not asked each turn. */
    bool fired = (l->timers.is_virtual || l->timers.clock) && vow__timers_check(l);
    if (!l->core.head)
        vow__watch_settle_down(l);
    if (!fired && l->timers.by_itself && !l->core.head && !has_events(l))
        return vow__timers_jump(l, UINT64_MAX) ? TURNED : NOTHING_LEFT;
    enum turned turned = turn_base(l, EVLOOP_ONCE | (fired ? EVLOOP_NONBLOCK : 0));
    return fired && turned == NOTHING_LEFT ? TURNED : turned;
}

/* What vow_run says. */

struct text {
    char *at;
    size_t room;
};

static void append_line(const char *line, void *data)
{
    struct text *text = data;
    line += strspn(line, " ");
    size_t n =
        (size_t)snprintf(text->at, text->room, "%s%s", text->at[-1] == ' ' ? "" : " <- ", line);
    if (n < text->room) {
        text->at += n;
        text->room -= n;
    }
}

static vow_value stalled(vow_promise *p)
{
    char chain[1500] = " "; /* the first line follows a space, the others an arrow */
    struct text text = {chain + 1, sizeof chain - 1};
    vow_dump_promise(p, append_line, &text);
    return vow_fail_at(NULL, vow_errno_domain(), EDEADLK,
                       "nothing is left that could settle the promise:%s", chain);
}

static vow_value failure(int code)
{
    if (code != EDEADLK)
        return vow__fail_ready(code);
    return vow_fail_at(NULL, vow_errno_domain(), EDEADLK,
                       "vow_run inside a handler or callback of the loop or its base");
}

static void run_until_settled(struct vow__event_loop *l, vow_promise *p, enum turned *turned)
{
    vow__drain(&l->core, l->core.budget); /* what is ready needs no turn */
    *turned = TURNED;
    while (!vow__settled(p) && !l->stop && *turned == TURNED)
        *turned = turn(l);
}

/* The outcome of p, if it settled, or why it did not. */
static vow_value outcome_of(struct vow__event_loop *l, vow_promise *p, enum turned turned)
{
    if (l->close_asked || l->free_asked)
        vow__close_now(l); /* settles p, too */
    if (vow__settled(p)) {
        vow__see(&p->value);
        return vow_keep(p->value);
    }
    if (l->stop || turned == BROKEN_OFF)
        return vow__fail_ready(ECANCELED);
    return turned == NOT_FROM_HERE ? failure(EDEADLK) : stalled(p);
}

int vow_run(vow_loop *loop, vow_promise *p, vow_value *ret)
{
    int refused = begin(loop, "vow_run");
    vow__check(p, "vow_run");
    struct vow__event_loop *l = vow__event_loop(loop);
    if (!refused && vow__loop_of(p) != loop) {
        l->in_run = false;
        refused = VOW_ELOOP;
    }
    if (refused) {
        vow_value outcome =
            refused == VOW_ECLOSED && vow__settled(p) ? vow_keep(p->value) : failure(refused);
        vow_unref(p);
        return vow__hand_out(outcome, ret);
    }
    bool was_handled = p->flags & F_HANDLED;
    vow_mark_handled(p);
    enum turned turned;
    run_until_settled(l, p, &turned);
    vow_value outcome = outcome_of(l, p, turned);
    bool settled = vow__settled(p);
    if (!was_handled && !settled)
        p->flags &= (uint8_t)~F_HANDLED; /* other holders may lose its error yet */
    vow_unref(p);
    end(loop, !settled);
    return vow__hand_out(outcome, ret);
}

int vow_run_all(vow_loop *loop)
{
    int refused = begin(loop, "vow_run_all");
    if (refused)
        return refused;
    struct vow__event_loop *l = vow__event_loop(loop);
    enum turned turned = TURNED;
    while (!l->stop && turned == TURNED)
        turned = turn(l);
    int code = turned == NOT_FROM_HERE           ? EDEADLK
               : l->close_asked || l->free_asked ? VOW_ECLOSED
               : l->stop || turned == BROKEN_OFF ? ECANCELED
                                                 : 0;
    end(loop, true);
    return code;
}

/* Turns without waiting until neither a handler ran nor a callback of vow's. */
static enum turned turn_while_ready(struct vow__event_loop *l)
{
    uint64_t before;
    enum turned turned;
    do {
        before = l->core.handlers + l->callbacks;
        vow__drain(&l->core, l->core.budget);
        vow__timers_check(l); /* the kernel may take a moment with a deadline that has passed */
        turned = turn_base(l, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    } while (turned <= NOTHING_LEFT && !l->stop &&
             (l->core.head || l->core.handlers + l->callbacks != before));
    return turned;
}

long vow_poll(vow_loop *loop)
{
    if (begin(loop, "vow_poll"))
        return -1;
    uint64_t before = loop->handlers;
    enum turned turned = turn_while_ready(vow__event_loop(loop));
    long ran = turned == NOT_FROM_HERE ? -1 : (long)(loop->handlers - before);
    end(loop, true);
    return ran;
}

void vow_loop_stop(vow_loop *loop)
{
    vow__check_loop(loop, "vow_loop_stop");
    vow__event_loop(loop)->stop = true;
}

/* A virtual clock never goes back, whatever handlers do to it meanwhile. */
static void move_to(struct vow__timers *t, uint64_t target)
{
    if (t->virtual_now < target)
        t->virtual_now = target;
}

void vow_clock_advance(vow_loop *loop, uint64_t ms)
{
    int refused = begin(loop, "vow_clock_advance");
    struct vow__event_loop *l = vow__event_loop(loop);
    struct vow__timers *t = &l->timers;
    VOW_CHECK(t->is_virtual, "vow_clock_advance: the loop's clock is not virtual");
    uint64_t most = (UINT64_MAX - t->virtual_now) / 1000000u;
    uint64_t target = t->virtual_now + (ms < most ? ms : most) * 1000000u;
    if (refused) { /* in a callback: what is due fires in the next turn */
        move_to(t, target);
        if (refused == EDEADLK)
            vow__wake(l);
        return;
    }
    do
        turn_while_ready(l);
    while (!l->stop && vow__timers_jump(l, target));
    if (!l->stop)
        move_to(t, target);
    end(loop, true);
}
