/* SPDX-License-Identifier: MIT
 *
 * 16-own-adapter - a callback API, here libevent's signals, as promises in 40 lines.
 *
 *     examples/run 16-own-adapter
 *
 * Expected output:
 *     signal 23 came
 *     timed out after 20 ms: wait for signal 28: Operation canceled
 */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <vow.h>

struct waiting {
    struct event *event;
    vow_resolver *resolver;
};

static void on_signal(evutil_socket_t number, short what, void *data)
{
    (void)what;
    vow_resolve(((struct waiting *)data)->resolver, vow_v(number)); /* destroys data */
}

static void stop(void *data) /* cancelled or dropped: on_signal must not be called any more */
{
    event_del(((struct waiting *)data)->event);
}

static void freed(struct event *event, void *waiting)
{
    (void)event;
    free(waiting);
}

static void destroy(void *data) /* settled or stopped */
{ /* perhaps inside on_signal: libevent looks at a signal's event once more when that returns */
    event_free_finalize(0, ((struct waiting *)data)->event, freed);
}

static vow_promise *next_signal(vow_loop *loop, int number)
{
    struct waiting *w = calloc(1, sizeof *w);
    if (w != NULL)
        w->event = event_new(vow_loop_base(loop), number, EV_SIGNAL, on_signal, w);
    if (w == NULL || w->event == NULL) {
        free(w);
        return vow_rejected(loop, vow_error_new(vow_errno_domain(), ENOMEM, NULL));
    }
    vow_promise *p = vow_promise_new(loop, &w->resolver);
    vow_on_stop(w->resolver, stop, w, destroy);
    if (event_add(w->event, NULL) != 0)
        vow_reject(w->resolver, vow_error_new(vow_errno_domain(), EINVAL, NULL));
    return vow_context(p, "wait for signal %d", number);
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    if (loop == NULL)
        return perror("vow_loop_new"), 1;
    vow_promise *waits[] = {next_signal(loop, SIGURG),
                            vow_timeout(next_signal(loop, SIGWINCH), 20)};
    raise(SIGURG);
    for (int i = 0; i < 2; i++) {
        char text[200];
        vow_value v;
        if (vow_run(loop, waits[i], &v) == 0)
            snprintf(text, sizeof text, "signal %d came", (int)vow_as_int(v));
        else
            vow_describe(vow_as_error(v), VOW_ONE_LINE, text, sizeof text);
        puts(text);
        vow_release(v);
    }
    vow_loop_free(loop);
    return 0;
}
