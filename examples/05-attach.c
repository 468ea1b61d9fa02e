/* SPDX-License-Identifier: MIT
 *
 * 05-attach - what the handlers of a chain share is attached once, to its end, and is
 * destroyed however it ends, also when nobody wants it any more.
 *
 *     examples/run 05-attach
 *
 * Expected output:
 *     order 1: 3 apples packed
 *     order 1: freed
 *     order 1: delivered
 *     order 2: freed
 *     order 2: no apples left
 *     order 3: dropped
 *     order 3: freed
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <vow.h>

struct order {
    int number, apples;
};

static void order_free(void *data)
{
    struct order *order = data;
    printf("order %d: freed\n", order->number);
    free(order);
}

static vow_value pick(vow_value v, void *data)
{
    struct order *order = data;
    order->apples = (int)vow_as_int(v);
    if (order->apples == 0)
        return vow_fail(ENOENT, "no apples left");
    return vow_v(vow_delay(vow_current(), 1)); /* a promise: the chain waits for it */
}

static vow_value pack(vow_value v, void *data)
{
    struct order *order = data;
    (void)v;
    printf("order %d: %d apples packed\n", order->number, order->apples);
    return VOW_LIT("delivered");
}

static vow_promise *start(vow_loop *loop, int number, int apples)
{
    struct order *order = malloc(sizeof *order);
    if (order == NULL)
        return vow_rejected(loop, vow_error_new(vow_errno_domain(), ENOMEM, "order %d", number));
    order->number = number;
    vow_promise *p = vow_resolved(loop, vow_v(apples));
    p = vow_then(p, pick, order);
    p = vow_then(p, pack, order);
    return vow_attach(p, order, order_free); /* destroyed before handlers added from here on */
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    if (loop == NULL) {
        perror("vow_loop_new");
        return 1;
    }
    for (int number = 1; number <= 2; number++) {
        vow_value v;
        int code = vow_run(loop, start(loop, number, number == 1 ? 3 : 0), &v);
        const char *end = code ? vow_error_message(vow_as_error(v)) : vow_as_text(v);
        printf("order %d: %s\n", number, end);
        vow_release(v);
    }
    puts("order 3: dropped");
    vow_unref(start(loop, 3, 5)); /* no handler runs; the data is destroyed in the call */
    vow_loop_free(loop);
    return 0;
}
