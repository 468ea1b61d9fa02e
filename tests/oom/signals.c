/* SPDX-License-Identifier: MIT
 *
 * Signals without memory: waits, their infos, streams.
 */
#include "vow/signal.h"

#include <signal.h>
#include <unistd.h>

#include "oom/oom.h"

static void expect_default(void)
{
    struct sigaction now;
    CHECK(sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
}

/* Where nobody waits the signal would end the run. */
static void raise_if_awaited(vow_promise *const *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (IS_PENDING(p[i])) {
            raise(SIGUSR1);
            return;
        }
}

static void expect_info(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    if (EXPECT(p, &v))
        EQ_INT(vow_siginfo_of(v)->number, SIGUSR1);
    vow_release(v);
}

SCENARIO(waits_for_a_signal)
{
    vow_promise *p[] = {vow_signal(loop, SIGUSR1), vow_signal_info(loop, SIGUSR1),
                        vow_signal(loop, SIGUSR1)};
    for (int i = 0; i < 3; i++)
        vow_mark_handled(p[i]);
    raise_if_awaited(p, 3);
    EXPECT_INT(p[0], SIGUSR1);
    expect_info(loop, p[1]);
    EXPECT_INT(vow_then(p[2], add_one, NULL), SIGUSR1 + 1);
    expect_default();
    EXPECT_ERROR(vow_signal(loop, SIGKILL), EINVAL);
}

SCENARIO(waits_for_a_signal_that_are_ended)
{
    oom_reports(0, 1); /* of the one that is dropped */
    vow_promise *dropped = vow_attach(vow_signal(loop, SIGUSR1), oom_owned(), oom_give_back);
    vow_promise *cancelled = vow_signal_info(loop, SIGUSR1);
    vow_mark_handled(dropped);
    vow_mark_handled(cancelled);
    vow_unref(dropped);
    vow_cancel(cancelled);
    EXPECT_ERROR(cancelled, ECANCELED);
    expect_default();
}

SCENARIO(a_stream_of_signals)
{
    int number = SIGUSR1;
    vow_signals *signals = vow_signals_new(loop, &number, 1);
    if (!HAVE(signals))
        return;
    vow_promise *p[] = {vow_signals_next(signals), vow_signals_next_info(signals)};
    vow_mark_handled(p[0]);
    vow_mark_handled(p[1]);
    size_t waiting = IS_PENDING(p[0]) + (size_t)IS_PENDING(p[1]);
    for (size_t i = 0; i < waiting + 2; i++)
        raise(SIGUSR1);
    EXPECT_INT(p[0], SIGUSR1);
    expect_info(loop, p[1]);
    EXPECT_INT(vow_signals_next(signals), SIGUSR1);
    expect_info(loop, vow_signals_next_info(signals));
    vow_promise *last = vow_signals_next(signals);
    vow_mark_handled(last);
    CHECK_WITH_MEMORY(IS_PENDING(last)); /* without, one may not have been taken before */
    bool waits = IS_PENDING(last);
    vow_signals_free(signals);
    if (waits)
        EXPECT_ERROR(last, ECANCELED);
    else
        vow_unref(last);
    expect_default();
}
