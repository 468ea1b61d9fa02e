/* SPDX-License-Identifier: MIT
 *
 * 10-scope - ten clients and one cancel. A scope owns what was started in it: it ends them
 * together, and knows when the last one has cleaned up.
 *
 *     examples/run 10-scope
 *
 * Expected output:
 *     client 1 has its page at 10 ms
 *     client 2 has its page at 20 ms
 *     client 3 has its page at 30 ms
 *     client 4 has its page at 40 ms
 *     45 ms: that is enough, 6 are still running
 *     client 5 hangs up
 *     client 6 hangs up
 *     client 7 hangs up
 *     client 8 hangs up
 *     client 9 hangs up
 *     client 10 hangs up
 *     all have ended at 48 ms: Operation canceled
 */
#include <stdint.h>
#include <stdio.h>
#include <vow.h>

static int now_ms(void) { return (int)(vow_now(vow_current()) / 1000000); }

/* On a stack of its own. What it does for its clean-up is not cancelled again. */
static vow_value client(void *data)
{
    int number = (int)(intptr_t)data;
    vow_value v;
    int code = vow_await(vow_delay(vow_current(), 10 * (uint64_t)number), &v);
    if (code == 0) {
        printf("client %d has its page at %d ms\n", number, now_ms());
        return v;
    }
    vow_await(vow_delay(vow_current(), 3), NULL); /* saying goodbye takes 3 ms */
    printf("client %d hangs up\n", number);
    return v;
}

static vow_value enough(vow_value v, void *scope)
{
    (void)v;
    printf("%d ms: that is enough, %zu are still running\n", now_ms(), vow_scope_running(scope));
    vow_scope_cancel(scope);
    return vow_none();
}

static vow_value report(const vow_error *e, void *data)
{
    (void)data;
    printf("all have ended at %d ms: %s\n", now_ms(), vow_error_message(e));
    return vow_none();
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    vow_scope *scope = loop ? vow_scope_new(loop, VOW_FAIL_FAST) : NULL;
    if (scope == NULL) {
        perror("a loop and a scope");
        return 1;
    }
    vow_clock_virtual(loop, true); /* so that the example does not keep you waiting */
    for (intptr_t i = 1; i <= 10; i++)
        vow_scope_add(scope, vow_spawn(loop, client, (void *)i, NULL));
    vow_promise *cancel = vow_then(vow_delay(loop, 45), enough, scope);
    int code = vow_run(loop, vow_catch(vow_scope_join(scope), report, NULL), NULL);
    vow_unref(cancel);
    vow_scope_free(scope);
    vow_loop_free(loop);
    return code != 0;
}
