/* SPDX-License-Identifier: MIT
 *
 * 06-cancel - two ways to end what is no longer wanted. Cancelling asks politely: catch
 * and finally run. Dropping the last handle means nobody looks: no handler runs any more.
 *
 *     examples/run 06-cancel
 *
 * Expected output:
 *     cancel
 *       the download is stopped
 *       catch: Operation canceled
 *       finally
 *       the data is destroyed
 *       result: half a page
 *     drop
 *       the download is stopped
 *       the data is destroyed
 */
#include <stdio.h>
#include <vow.h>

/* Runs inside the vow_cancel or vow_unref that leaves nobody wanting the promise. */
static void stop(void *op)
{
    (void)op;
    puts("  the download is stopped");
}

static vow_value recover(const vow_error *e, void *data)
{
    (void)data;
    printf("  catch: %s\n", vow_error_message(e));
    return VOW_LIT("half a page");
}

static vow_value done(void *data)
{
    (void)data;
    puts("  finally");
    return vow_none();
}

static void destroy(void *data)
{
    (void)data;
    puts("  the data is destroyed");
}

static vow_promise *page(vow_loop *loop)
{
    vow_resolver *resolver;
    vow_promise *p = vow_promise_new(loop, &resolver); /* a download that never ends */
    vow_on_stop(resolver, stop, NULL, NULL);
    p = vow_catch(p, recover, NULL);
    p = vow_finally(p, done, NULL);
    return vow_attach(p, NULL, destroy);
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    if (loop == NULL) {
        perror("vow_loop_new");
        return 1;
    }
    vow_promise *p = page(loop);
    puts("cancel");
    vow_cancel(p); /* looks: p is still ours, its handlers run from the queue */
    vow_value v;
    int code = vow_run(loop, p, &v);
    if (code == 0)
        printf("  result: %s\n", vow_as_text(v));
    vow_release(v);

    p = page(loop);
    puts("drop");
    vow_unref(p);
    vow_loop_free(loop);
    return code == 0 ? 0 : 1;
}
