/* SPDX-License-Identifier: MIT
 *
 * 28-crowd - a hundred thousand tasks at once, without a stack each: every one rests a while,
 * three times, and adds up how often it was woken.
 *
 *     examples/run 28-crowd
 *
 * Expected output:
 *     100000 tasks wait in less than 32 MiB
 *     300000 rests in all
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <vow.h>

enum { TASKS = 100000, RESTS = 3 };

struct sleeper {
    vow_task task; /* first: the function gets its address */
    int rested;    /* a local variable would not survive the await */
};

static vow_value sleeper(vow_task *task)
{
    struct sleeper *s = (struct sleeper *)task;
    VOW_TASK_BEGIN(task);
    for (s->rested = 0; s->rested < RESTS; s->rested++)
        VOW_TRY(task, vow_delay(vow_current(), 10 + (uint64_t)rand() % 90));
    VOW_TASK_END(vow_v(s->rested));
}

static vow_promise *start(vow_loop *loop)
{
    struct sleeper *s = calloc(1, sizeof *s);
    if (s == NULL)
        return vow_rejected(loop, vow_error_new(vow_errno_domain(), ENOMEM, "a task"));
    return vow_task_start(loop, sleeper, &s->task, free); /* freed when it has ended */
}

/* What a waiting one takes: its struct, its promise and that of its delay. */
static bool fits(const vow_loop *loop, size_t mib)
{
    vow_counts counts = vow_stats(loop);
    return counts.bytes + TASKS * (sizeof(struct sleeper) + 16) < mib << 20;
}

static int sum_up(vow_value v)
{
    int64_t rests = 0;
    for (size_t i = 0; i < TASKS; i++)
        rests += vow_as_int(vow_at(v, i));
    printf("%d rests in all\n", (int)rests);
    return rests == (int64_t)TASKS * RESTS ? 0 : 1;
}

int main(void)
{
    static vow_promise *tasks[TASKS];
    vow_loop *loop = vow_loop_new();
    if (loop == NULL) {
        perror("loop");
        return 1;
    }
    for (int i = 0; i < TASKS; i++)
        tasks[i] = start(loop);
    vow_poll(loop); /* all of them begin, and rest */
    printf("%d tasks wait in %s 32 MiB\n", TASKS, fits(loop, 32) ? "less than" : "more than");
    vow_value v;
    int code = vow_run(loop, vow_all_n(loop, TASKS, tasks), &v);
    if (code == 0)
        code = sum_up(v);
    else
        fprintf(stderr, "crowd: %s\n", vow_error_message(vow_as_error(v)));
    vow_release(v);
    vow_loop_free(loop);
    return code == 0 ? 0 : 1;
}
