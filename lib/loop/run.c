/* SPDX-License-Identifier: MIT
 *
 * loop/run.c - turning the loop from the program's main line: until a promise settles,
 * until nothing is left, or without waiting.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loop/watch.h"
#include "vow/inspect.h"

/* 0, or why this loop cannot be turned from here. */
static int begin(vow_loop *loop, const char *call)
{
    vow__check_loop(loop, call);
    struct vow__event_loop *l = vow__event_loop(loop);
    if (!vow__same_process(loop))
        return VOW_EFORK;
    if (l->in_run || l->depth || loop->draining || loop->dropping || loop->running)
        return EDEADLK;
    if (loop->closed)
        return VOW_ECLOSED;
    l->in_run = true;
    return 0;
}

/* Afterwards the loop may be gone. */
static void end(vow_loop *loop)
{
    struct vow__event_loop *l = vow__event_loop(loop);
    l->in_run = false;
    vow__watch_settle_down(l);
    vow__finish_asked(l);
}

/* Can anything but timers still happen in the base? */
static bool has_events(struct vow__event_loop *l)
{
    return event_base_get_num_events(l->base, EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE) > 0;
}

/* One turn. False: nothing is pending in the base. */
static bool turn(struct vow__event_loop *l)
{
    if (l->core.head)
        vow__drain(&l->core, l->core.budget);
    vow__timers_check(l);
    if (!l->core.head)
        vow__watch_settle_down(l);
    if (l->timers.by_itself && !l->core.head && !has_events(l))
        return vow__timers_jump(l);
    return event_base_loop(l->base, EVLOOP_ONCE) == 0;
}

struct text {
    char *at;
    size_t room;
};

static void append_line(const char *line, void *data)
{
    struct text *text = data;
    int n = snprintf(text->at, text->room, "\n%s", line);
    if (n > 0 && (size_t)n < text->room) {
        text->at += n;
        text->room -= (size_t)n;
    }
}

static vow_value stalled(vow_promise *p)
{
    char dump[1500] = "";
    struct text text = {dump, sizeof dump};
    vow_dump_promise(p, append_line, &text);
    return vow_fail_at(NULL, vow_errno_domain(), EDEADLK,
                       "nothing is left that could settle the promise:%s", dump);
}

/* Takes error; hands it out or releases it. */
static int answer_error(vow_value error, vow_value *ret)
{
    int code = vow_error_code(vow_as_error(error));
    if (ret)
        *ret = error;
    else
        vow_release(error);
    return code ? code : -1;
}

static vow_value failure(int code)
{
    return vow_fail_at(NULL, code > 10000 ? vow_own_domain() : vow_errno_domain(), code, "%s",
                       code == EDEADLK ? "vow_run inside a handler or callback of the loop" : "");
}

int vow_run(vow_loop *loop, vow_promise *p, vow_value *ret)
{
    int refused = begin(loop, "vow_run");
    vow__check(p, "vow_run");
    if (refused) {
        vow_unref(p);
        return answer_error(failure(refused), ret);
    }
    struct vow__event_loop *l = vow__event_loop(loop);
    vow_mark_handled(p);
    bool stall = false;
    while (!vow__settled(p) && !l->stop && !stall)
        stall = !turn(l) && !loop->head && !vow__settled(p);
    vow_value outcome;
    if (vow__settled(p))
        outcome = vow_keep(p->value);
    else if (l->stop)
        outcome = vow__fail_ready(l->close_asked || l->free_asked ? VOW_ECLOSED : ECANCELED);
    else
        outcome = stalled(p);
    l->stop = false;
    vow_unref(p);
    end(loop); /* the loop may be gone now */
    if (vow__has_kind(outcome, VOW__ERROR))
        return answer_error(outcome, ret);
    if (ret)
        *ret = outcome;
    else
        vow__release(outcome);
    return 0;
}

int vow_run_all(vow_loop *loop)
{
    int refused = begin(loop, "vow_run_all");
    if (refused)
        return refused;
    struct vow__event_loop *l = vow__event_loop(loop);
    while (!l->stop && (turn(l) || loop->head))
        ;
    int code = l->stop ? ECANCELED : 0;
    l->stop = false;
    end(loop);
    return code;
}

long vow_poll(vow_loop *loop)
{
    if (begin(loop, "vow_poll"))
        return -1;
    struct vow__event_loop *l = vow__event_loop(loop);
    uint64_t before = loop->handlers, seen;
    do {
        seen = loop->handlers;
        vow__drain(loop, loop->budget);
        vow__timers_check(l);
        event_base_loop(l->base, EVLOOP_NONBLOCK);
    } while (!l->stop && (loop->head || loop->handlers != seen));
    long ran = (long)(loop->handlers - before);
    l->stop = false;
    end(loop);
    return ran;
}

void vow_loop_stop(vow_loop *loop)
{
    vow__check_loop(loop, "vow_loop_stop");
    vow__event_loop(loop)->stop = true;
    if (!loop->awake) {
        loop->awake = true;
        loop->wake(loop);
    }
}
