/* SPDX-License-Identifier: MIT
 *
 * 04-all - three delays at once: the results in the order asked for, in the time of the
 * slowest; and with all_settled every outcome, also where one fails.
 *
 *     examples/run 04-all
 *
 * Expected output:
 *     all: 150 50 100
 *     one after the other: no
 *     settled: 5
 *     settled: 1 is too short
 *     settled: 3
 */
#include <errno.h>
#include <stdio.h>
#include <vow.h>

static vow_value number(vow_value v, void *data)
{
    const unsigned *ms = data;
    (void)v;
    return vow_v(*ms);
}

static vow_promise *nap(vow_loop *loop, unsigned *ms)
{
    if (*ms < 2)
        return vow_rejected(loop,
                            vow_error_new(vow_errno_domain(), EINVAL, "%u is too short", *ms));
    return vow_then(vow_delay(loop, *ms), number, ms);
}

static int show_all(vow_loop *loop)
{
    unsigned a = 150, b = 50, c = 100;
    uint64_t start = vow_now(loop);
    vow_value v;
    int code = vow_run(loop, vow_all(loop, nap(loop, &a), nap(loop, &b), nap(loop, &c)), &v);
    if (code == 0) {
        printf("all:");
        for (size_t i = 0; i < vow_count(v); i++)
            printf(" %d", (int)vow_as_int(vow_at(v, i)));
        bool together = vow_now(loop) - start < 300 * UINT64_C(1000000);
        printf("\none after the other: %s\n", together ? "no" : "yes");
    }
    vow_release(v);
    return code;
}

static int show_all_settled(vow_loop *loop)
{
    unsigned ms[] = {5, 1, 3};
    vow_promise *naps[3];
    for (size_t i = 0; i < 3; i++)
        naps[i] = nap(loop, &ms[i]);
    vow_value v;
    int code = vow_run(loop, vow_all_settled_n(loop, 3, naps), &v); /* takes and zeroes naps */
    for (size_t i = 0; code == 0 && i < vow_count(v); i++) {
        vow_value outcome = vow_at(v, i); /* borrowed from v */
        if (vow_is_error(outcome))
            printf("settled: %s\n", vow_error_message(vow_as_error(outcome)));
        else
            printf("settled: %d\n", (int)vow_as_int(outcome));
    }
    vow_release(v);
    return code;
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    if (loop == NULL) {
        perror("vow_loop_new");
        return 1;
    }
    int failed = show_all(loop) != 0 || show_all_settled(loop) != 0;
    vow_loop_free(loop);
    return failed;
}
