/* SPDX-License-Identifier: MIT
 *
 * 17-callbacks - a program with an event_base and callbacks of its own: vow attaches to it,
 * and an event it has becomes a promise. More in examples/from-callbacks.md.
 *
 *     examples/run 17-callbacks
 *
 * Expected output:
 *     callback: writes
 *     promise: reads "hello"
 *     dispatch returned
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <unistd.h>
#include <vow.h>

/* A callback as it always was. */
static void on_timer(evutil_socket_t fd, short what, void *data)
{
    const int *ends = data;
    (void)fd, (void)what;
    puts("callback: writes");
    if (write(ends[1], "hello", 5) != 5)
        perror("write");
}

/* A callback that became a handler: its event fires once, for the promise. */
static vow_value on_input(vow_value v, void *data)
{
    const int *ends = data;
    char text[10] = "";
    if (vow_as_int(v) == EV_TIMEOUT)
        return vow_fail(ETIMEDOUT, "nothing to read");
    if (read(ends[0], text, sizeof text - 1) < 0)
        return vow_fail(errno, "read");
    printf("promise: reads \"%s\"\n", text);
    return vow_none();
}

static void on_error(const vow_error *e, void *data)
{
    char why[200];
    vow_describe(e, VOW_ONE_LINE, why, sizeof why);
    fprintf(stderr, "%s\n", why);
    *(int *)data = 1;
}

int main(void)
{
    int ends[2], failed = 0;
    struct timeval soon = {0, 5000};
    struct event_base *base = event_base_new();
    vow_loop *loop = base ? vow_loop_attach(base) : NULL;
    if (loop == NULL || pipe(ends) != 0) {
        perror("start");
        return 1;
    }
    struct event *timer = evtimer_new(base, on_timer, ends);
    struct event *input = event_new(base, ends[0], EV_READ, NULL, NULL);
    if (timer == NULL || input == NULL || event_add(timer, &soon) != 0)
        return 1;
    vow_promise *p = vow_event(loop, input, 2000); /* looks at input, which stays ours */
    vow_detach(vow_then(p, on_input, ends), on_error, &failed, NULL);

    event_base_dispatch(base); /* runs callbacks and handlers; returns when both are done */
    puts("dispatch returned");
    vow_loop_free(loop); /* before its base, and before the events it may look at */
    event_free(input);
    event_free(timer);
    event_base_free(base);
    close(ends[0]);
    close(ends[1]);
    return failed;
}
