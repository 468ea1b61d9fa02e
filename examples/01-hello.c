/* SPDX-License-Identifier: MIT
 *
 * 01-hello - a promise that is settled already, and one handler.
 *
 *     examples/run 01-hello
 *
 * Expected output:
 *     before: nothing runs inside vow_then
 *     hello, world
 *     the handler gave 12
 */
#include <stdio.h>
#include <vow.h>

/* Borrows its argument, gives its result away. */
static vow_value greet(vow_value v, void *data)
{
    (void)data;
    return vow_v(printf("hello, %s\n", vow_as_text(v)) - 1);
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    if (loop == NULL) {
        perror("vow_loop_new");
        return 1;
    }
    vow_promise *p = vow_resolved(loop, VOW_LIT("world"));
    p = vow_then(p, greet, NULL); /* takes the old p, gives its successor */
    puts("before: nothing runs inside vow_then");

    vow_value v;
    int code = vow_run(loop, p, &v); /* takes p; 0, or the code of its error */
    if (code == 0)
        printf("the handler gave %d\n", (int)vow_as_int(v));
    vow_release(v);
    vow_loop_free(loop);
    return code == 0 ? 0 : 1;
}
