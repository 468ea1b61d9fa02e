/* SPDX-License-Identifier: MIT
 *
 * vow/async.h - tasks without a stack: a function that goes on behind its last await, and a
 * struct for what has to survive it.
 *
 *     struct greet {
 *         vow_task task;          // first
 *         int i;                  // instead of a local variable
 *     };
 *     static vow_value greet(vow_task *task)
 *     {
 *         struct greet *g = (struct greet *)task;
 *         VOW_TASK_BEGIN(task);
 *         for (g->i = 0; g->i < 3; g->i++)
 *             VOW_TRY(task, vow_delay(vow_current(), 10));
 *         VOW_TASK_END(vow_text("hello"));
 *     }
 *     ...
 *     vow_promise *p = vow_task_start(loop, greet, &g->task, free);
 *
 * The function is called for its first turn and again for each outcome it has waited for.
 * Code before VOW_TASK_BEGIN runs every time. Local variables do not keep their value over an
 * await, and an await cannot stand in a switch of one's own, nor two of them on one line
 * (which does not compile). It may call others that start tasks, and await those.
 *
 * A task belongs to its loop's thread and runs in turn with handlers, as fibers do (task.h);
 * cancelled, its await gives ECANCELED, once. Dropped, it is not called again: destroy runs.
 */
#ifndef VOW_ASYNC_H
#define VOW_ASYNC_H

#include "promise.h"

VOW_BEGIN

typedef struct vow_task vow_task;
typedef vow_value vow_task_fn(vow_task *task);

/* Lies at the beginning of the struct that holds the task's variables. */
struct vow_task {
    vow_value value; /* what the last await gave, or its error as a value: borrowed until the
                        next one, vow_keep(task->value) is one's own. Only to be read */
    int code;        /* 0, or the code of that error (-1 when that is 0). Only to be read */
    int at;          /* this one and those below are vow's own */
    uint32_t state;
    uint32_t flags;
    vow_task_fn *fn;
    vow_destroy_fn *destroy;
};

/* Gives a promise for what fn returns at last: a value, an error (rejects), a promise (is
 * followed). Keeps `task`, zeroed or ended before, until destroy(task) (may be NULL) runs: once,
 * when the task has ended, was dropped, or cannot be started. One that runs is misuse. */
#define vow_task_start(loop, fn, task, destroy) vow_task_start_at(loop, fn, task, destroy, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_task_start_at(vow_loop *loop, vow_task_fn *fn,
                                                     vow_task *task, vow_destroy_fn *destroy,
                                                     const char *where);

/* The body stands between these; it may return a result anywhere. `result` is a value that is
 * given away, as a handler's. */
#define VOW_TASK_BEGIN(task)           \
    switch (vow_task_enter(task)) {    \
    default:                           \
        vow_task_misused(task);        \
    case 0:;
#define VOW_TASK_END(result) \
    }                        \
    return (result)

/* Takes p and waits: task->code and task->value are its outcome. Of another loop's promise the
 * code is VOW_ELOOP, of the task's own VOW_ECYCLE. */
#define VOW_AWAIT(task, p)                         \
    do {                                           \
        return vow_task_await(task, __LINE__, p);  \
    case __LINE__:;                                \
    } while (0)
/* The same, and ends the task with the error if it is one. */
#define VOW_TRY(task, p)                       \
    do {                                       \
        VOW_AWAIT(task, p);                    \
        if ((task)->code != 0)                 \
            return vow_keep((task)->value);    \
    } while (0)
/* Lets those that are ready run first. The code is 0, ECANCELED, or VOW_ECLOSED once the loop
 * closes: a task that yields in a loop has to look. */
#define VOW_YIELD(task)                          \
    do {                                         \
        return vow_task_yield(task, __LINE__);   \
    case __LINE__:;                              \
    } while (0)

/* For clean-up: while it is on, a cancel does not reach the task; the first await after it
 * gives it, and a promise that it returns instead is cancelled. (A drop does reach it.) */
VOW_API void vow_task_shield(vow_task *task, bool on);

/* What the macros are made of. */
enum vow_task_state {
    VOW_TASK_CALLED = 0x7a50c01, /* by vow; any other number: not begun */
    VOW_TASK_ENTERED,
    VOW_TASK_WAITS,
    VOW_TASK_YIELDS,
    VOW_TASK_ENDED
};
VOW_API VOW_NORETURN void vow_task_misused(const vow_task *task);

static inline int vow_task_enter(vow_task *task)
{
    if (task->state != VOW_TASK_CALLED)
        vow_task_misused(task);
    task->state = VOW_TASK_ENTERED;
    return task->at;
}
static inline void vow_task_go(vow_task *task, int line, enum vow_task_state state)
{
    if (task->state != VOW_TASK_ENTERED)
        vow_task_misused(task);
    task->state = state;
    task->at = line;
}
static inline vow_value vow_task_await(vow_task *task, int line, vow_promise *p)
{
    vow_value v = vow_none();
    vow_task_go(task, line, VOW_TASK_WAITS);
    v.as.p = p; /* only for who calls the function */
    return v;
}
static inline vow_value vow_task_yield(vow_task *task, int line)
{
    vow_task_go(task, line, VOW_TASK_YIELDS);
    return vow_none();
}

VOW_END
#endif
