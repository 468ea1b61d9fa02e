/* SPDX-License-Identifier: MIT
 *
 * 03-timer-race - the first of two timers wins. The loser is cancelled, and its own
 * handlers have run when the result arrives: nothing of it is left.
 *
 *     examples/run 03-timer-race
 *
 * Expected output:
 *     tortoise: stopped, Operation canceled
 *     the winner is the hare
 *     timers left: 0
 */
#include <stdio.h>
#include <vow.h>

struct runner {
    const char *name;
    uint64_t ms;
};

static vow_value arrived(vow_value v, void *data)
{
    const struct runner *runner = data;
    (void)v;
    return vow_text(runner->name); /* copied: it may outlive the runner */
}

static vow_value stopped(const vow_error *e, void *data)
{
    const struct runner *runner = data;
    printf("%s: stopped, %s\n", runner->name, vow_error_message(e));
    return vow_rethrow(e);
}

static vow_promise *run(vow_loop *loop, struct runner *runner)
{
    vow_promise *p = vow_delay(loop, runner->ms);
    p = vow_then(p, arrived, runner);
    return vow_catch(p, stopped, runner);
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    if (loop == NULL) {
        perror("vow_loop_new");
        return 1;
    }
    struct runner hare = {"hare", 20}, tortoise = {"tortoise", 60000};
    vow_promise *first = vow_race(loop, run(loop, &tortoise), run(loop, &hare));

    vow_value v;
    int code = vow_run(loop, first, &v);
    if (code == 0)
        printf("the winner is the %s\ntimers left: %zu\n", vow_as_text(v), vow_stats(loop).timers);
    vow_release(v);
    vow_loop_free(loop);
    return code == 0 ? 0 : 1;
}
