/* The macros of vow/async.h under the warnings people use, in C and C++. With TWO_ON_A_LINE it
 * must not compile. */
#include <vow.h>

struct job {
    vow_task task;
    int i, j;
};

static vow_value count(vow_task *task)
{
    struct job *job = (struct job *)task;
    VOW_TASK_BEGIN(task);
    for (job->i = 0; job->i < 3; job->i++) {
        job->j = 2;
        while (job->j-- > 0)
            VOW_AWAIT(task, vow_delay(vow_current(), 1));
        if (job->i == 1)
            VOW_YIELD(task);
        else
            VOW_TRY(task, vow_delay(vow_current(), 1));
        switch (job->i) {
        case 0:
            continue;
        default:
            break;
        }
    }
#ifdef TWO_ON_A_LINE
    VOW_YIELD(task); VOW_YIELD(task);
#endif
    VOW_TASK_END(vow_v(job->i));
}

int main(void)
{
    static struct job one;
    vow_loop *loop = vow_loop_new();
    vow_value v;
    int code = vow_run(loop, vow_task_start(loop, count, &one.task, NULL), &v);
    code |= vow_as_int(v) != 3;
    vow_loop_free(loop);
    return code;
}
