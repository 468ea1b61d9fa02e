/* SPDX-License-Identifier: MIT
 *
 * 13-pool-sum - work for a processor goes to worker threads; the loop stays free, here for
 * a clock that ticks on. Map runs at most as many jobs at a time as there are threads.
 *
 *     examples/run 13-pool-sum
 *
 * Expected output:
 *     1 + 2 + ... + 40000000 = 800000020000000
 *     the loop ticked meanwhile: yes
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <vow.h>

enum { PARTS = 40, THREADS = 2, NUMBERS = 40000000, TICK_MS = 1 };

struct part {
    uint64_t from, to;
};

/* On a worker thread: no promises here, only data and what becomes the result. */
static vow_value add(void *data)
{
    const struct part *part = data;
    volatile uint64_t sum = 0; /* volatile: or the compiler knows Gauss's formula */
    for (uint64_t i = part->from; i <= part->to; i++)
        sum += i;
    return vow_v((int64_t)sum);
}

/* On the loop's thread, when it is this part's turn. */
static vow_value start(size_t i, void *pool)
{
    struct part *part = malloc(sizeof *part);
    if (part == NULL)
        return vow_fail(ENOMEM, "part %zu", i);
    *part = (struct part){i * (NUMBERS / PARTS) + 1, (i + 1) * (NUMBERS / PARTS)};
    return vow_v(vow_work(vow_current(), pool, add, part, free)); /* takes part */
}

static vow_value total(vow_value parts, void *data)
{
    int64_t sum = 0;
    (void)data;
    for (size_t i = 0; i < vow_count(parts); i++)
        sum += vow_as_int(vow_at(parts, i));
    return vow_v(sum);
}

static vow_value tick(void *data)
{
    ++*(unsigned *)data;
    return VOW_AGAIN;
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    vow_pool *pool = vow_pool_new("sums", THREADS, 0);
    if (loop == NULL || pool == NULL) {
        perror("start");
        return 1;
    }
    unsigned ticks = 0;
    vow_promise *clock = vow_interval(loop, TICK_MS, tick, &ticks);
    vow_promise *sum = vow_then(vow_map(loop, PARTS, THREADS, start, pool), total, NULL);

    vow_value v;
    int code = vow_run(loop, sum, &v);
    if (code == 0)
        printf("1 + 2 + ... + %d = %lld\nthe loop ticked meanwhile: %s\n", NUMBERS,
               (long long)vow_as_int(v), ticks > 0 ? "yes" : "no");
    vow_release(v);
    vow_unref(clock);
    vow_pool_free(pool);
    vow_loop_free(loop);
    return code == 0 ? 0 : 1;
}
