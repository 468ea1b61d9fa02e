/* SPDX-License-Identifier: MIT
 *
 * task/async.c - tasks without a stack. task->state says where one is: CALLED, ENTERED (its
 * function runs), WAITS or YIELDS (its line does), ENDED. What it gets is in value and code
 * when its function is called.
 */
#include "vow/async.h"

#include "core/linear.h"
#include "loop/loop.h"
#include "task/shuffle.h"
#include "value/error.h"

enum {
    NEW = 1,       /* has not begun */
    HELD = 2,      /* has its value; the call was put off */
    SHIELDED = 4,
    CANCELLED = 8  /* while it was shielded: kept for the first await after that */
};

static void set_value(vow_task *task, vow_value v)
{
    vow_value old = task->value;
    task->value = v;
    task->code = vow__code_of(v);
    vow__release(old);
}

/* Gives the variables back. */
static void end(void *data)
{
    vow_task *task = data;
    task->state = VOW_TASK_ENDED;
    vow__release(task->value);
    task->value = vow_none();
    if (task->destroy)
        task->destroy(task);
}

static enum vow__went hold(vow_task *task)
{
    task->flags |= HELD;
    return WENT_YIELDS;
}

/* Sets the value for the call. A value that was held goes when a cancel has come meanwhile. */
static void take(vow_task *task, vow_value v)
{
    if (!(task->flags & HELD) || vow__has_kind(v, VOW__ERROR))
        set_value(task, v);
    task->flags &= ~(uint32_t)HELD;
}

/* Its first turn: none, or why it is not to begin. */
static vow_value begin(vow_task *task, const vow_loop *loop)
{
    task->flags &= ~(uint32_t)NEW;
    if (loop->closing)
        return vow__fail_ready(VOW_ECLOSED);
    return task->code ? vow_keep(task->value) : vow_none();
}

static vow_value call(vow_task *task)
{
    task->state = VOW_TASK_CALLED;
    return task->fn(task);
}

/* Why it may neither wait nor yield; 0: it may. */
static int refusal(const vow_task *task, vow_loop *loop, vow_promise *p)
{
    if (task->state == VOW_TASK_WAITS)
        return vow__cannot_wait(loop, loop->running, p);
    return loop->closing ? VOW_ECLOSED : 0;
}

/* The function has returned *out, or the promise to wait for in it. A cancel that the shield has
 * kept is for that, or for the result, which is behind no shield. */
VOW_NOINLINE static enum vow__went look(vow_task *task, vow_loop *loop, vow_value *out)
{
    bool waits = task->state == VOW_TASK_WAITS, ends = !waits && task->state != VOW_TASK_YIELDS;
    if (task->flags & CANCELLED && (ends || !(task->flags & SHIELDED))) {
        task->flags &= ~(uint32_t)CANCELLED;
        loop->running->flags |= F_CANCEL;
    }
    if (ends)
        return WENT_ENDED;
    int refused = refusal(task, loop, out->as.p);
    if (VOW_LIKELY(!refused))
        return waits ? WENT_WAITS : WENT_YIELDS;
    if (waits)
        vow_unref(out->as.p);
    set_value(task, vow__fail_ready(refused));
    return hold(task);
}

VOW_NOINLINE static enum vow__went go_on_carefully(vow_task *task, vow_value in, vow_value *out)
{
    vow_loop *loop = vow__running_loop;
    take(task, in);
    if (loop->shuffle && vow__shuffled(loop))
        return hold(task);
    *out = task->flags & NEW ? begin(task, loop) : vow_none();
    if (vow__has_kind(*out, VOW__ERROR))
        return WENT_ENDED;
    *out = call(task);
    return look(task, loop, out);
}

/* Straight down: from a plain value to the next await of a source. */
static enum vow__went go_on(void *data, vow_value in, vow_value *out)
{
    vow_task *task = data;
    vow_loop *loop = vow__running_loop;
    if (VOW_UNLIKELY(task->flags || loop->shuffle || !vow__is_plain(in) ||
                     !vow__is_plain(task->value)))
        return go_on_carefully(task, in, out);
    task->value = in;
    task->code = 0;
    vow_value v = call(task);
    *out = v;
    if (VOW_LIKELY(task->state == VOW_TASK_WAITS && !task->flags && vow__is_simple(loop, v.as.p)))
        return WENT_WAITS;
    return look(task, loop, out);
}

static bool shielded(void *data)
{
    vow_task *task = data;
    if (task->flags & SHIELDED)
        task->flags |= CANCELLED;
    return task->flags & SHIELDED;
}

static const struct vow__linear_ops task_ops = {"task", go_on, end, shielded, end};

static bool is_running(const vow_task *task)
{
    return task->state >= VOW_TASK_CALLED && task->state < VOW_TASK_ENDED;
}

vow_promise *vow_task_start_at(vow_loop *loop, vow_task_fn *fn, vow_task *task,
                               vow_destroy_fn *destroy, const char *where)
{
    vow_promise *p = vow__refused(loop, where);
    if (VOW_LIKELY(!p)) {
        if (is_running(task))
            vow_task_misused(task);
        *task = (vow_task){.state = VOW_TASK_YIELDS, .flags = NEW, .fn = fn, .destroy = destroy};
        p = vow__linear_new(loop, &task_ops, task, where);
        if (VOW_LIKELY(p != NULL))
            return p;
        task->state = VOW_TASK_ENDED;
        p = vow__refuse(loop, NULL, NULL, NULL);
    }
    if (destroy)
        destroy(task);
    return p;
}

void vow_task_shield(vow_task *task, bool on)
{
    task->flags = on ? task->flags | SHIELDED : task->flags & ~(uint32_t)SHIELDED;
}

void vow_task_misused(const vow_task *task)
{
    if (task->state == VOW_TASK_ENDED)
        vow__panic("a task that has ended was called");
    if (!is_running(task))
        vow__panic("the function of a task is called by vow_task_start only");
    if (task->state == VOW_TASK_CALLED)
        vow__panic("a task was started again or awaits outside of VOW_TASK_BEGIN and VOW_TASK_END");
    if (task->state == VOW_TASK_ENTERED)
        vow__panic("a task was started again or called from inside itself");
    vow__panic("a task that waits (at line %d) was called or started again", task->at);
}
