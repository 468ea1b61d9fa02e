/* SPDX-License-Identifier: MIT
 *
 * sweep.c - preloaded by tests/sweep_examples.py: a vow_run that cancels what it runs, or closes
 * the loop, after a given turn. A turn is a handler or an event, so that each point at which the
 * program waits for something comes before one.
 *
 * SWEEP=N: after the N-th turn of the process cancel. SWEEP=-N: close. At its end the program
 * says, as the last line of its errors, how many turns there were.
 */
#include <dlfcn.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "vow/loop.h"

typedef int run_fn(vow_loop *loop, vow_promise *p, vow_value *ret);

static long turns;

static void end_here(vow_loop *loop, vow_promise *p, long at)
{
    if (vow_state(p) != VOW_PENDING)
        return; /* it waits for nothing */
    if (turns == at)
        vow_cancel(p);
    else if (turns == -at)
        vow_loop_close(loop);
}

int vow_run(vow_loop *loop, vow_promise *p, vow_value *ret)
{
    const char *text = getenv("SWEEP");
    long at = text ? atol(text) : 0;
    bool goes_on = true;
    vow_loop_set_budget(loop, 1);
    while (goes_on && vow_state(p) == VOW_PENDING) {
        goes_on = event_base_loop(vow_loop_base(loop), EVLOOP_ONCE) == 0;
        turns++;
        end_here(loop, p, at);
        goes_on = goes_on && turns != labs(at);
    }
    return ((run_fn *)dlsym(RTLD_NEXT, "vow_run"))(loop, p, ret);
}

__attribute__((destructor)) static void say(void) { fprintf(stderr, "turns: %ld\n", turns); }
