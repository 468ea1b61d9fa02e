/* SPDX-License-Identifier: MIT
 *
 * soak.c - a billion promise+then cycles of mixed shapes, in batches of 1,024: settled,
 * adopted, rejected and caught, raced, cancelled, timed out. vow's own bytes must be equal
 * at 10 % and at 100 %, resident memory within 64 KiB, and nothing alive at the end.
 *
 *     tests/run soak            a billion
 *     soak MILLIONS             fewer
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vow.h"
#include "vow/test.h"

enum { BATCH = 1024, SHAPES = 6 };

static vow_resolver *resolvers[2 * BATCH];
static vow_promise *held[BATCH];
static uint64_t seen;

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "soak: %s\n", what);
    exit(1);
}

static vow_value count(vow_value v, void *data)
{
    (void)data;
    seen++;
    return v;
}
static vow_value count_error(const vow_error *e, void *data)
{
    seen += vow_error_code(e) == *(int *)data;
    return vow_none();
}
static vow_value give(vow_value v, void *data)
{
    (void)v;
    return vow_v((vow_promise *)data);
}

static int io_error = EIO, cancelled = ECANCELED, timed_out = ETIMEDOUT;

/* The i-th promise of a batch, of the shape that is its turn; resolvers[2i], [2i+1] are its. */
static vow_promise *make(vow_loop *loop, int i)
{
    vow_resolver **first = &resolvers[2 * i], **second = &resolvers[2 * i + 1];
    vow_promise *p = vow_promise_new(loop, first), *q;
    *second = NULL;
    switch (i % SHAPES) {
    case 0:
        return vow_then(p, count, NULL);
    case 1:
        q = vow_promise_new(loop, second);
        return vow_then(vow_then(p, give, q), count, NULL);
    case 2:
        return vow_catch(vow_then(p, count, NULL), count_error, &io_error);
    case 3:
        q = vow_promise_new(loop, second);
        return vow_then(vow_race(loop, p, q), count, NULL);
    case 4:
        return vow_catch(p, count_error, &cancelled);
    default:
        return vow_catch(vow_timeout(p, 10), count_error, &timed_out);
    }
}

static void end(int i)
{
    switch (i % SHAPES) {
    case 2:
        vow_resolve(resolvers[2 * i], vow_fail(EIO, "soak"));
        break;
    case 4:
        vow_cancel(held[i]);
        vow_resolver_drop(resolvers[2 * i]); /* inert now */
        break;
    case 5:
        break; /* runs out of time */
    default:
        vow_resolve(resolvers[2 * i], vow_v(i));
        if (resolvers[2 * i + 1])
            vow_resolve(resolvers[2 * i + 1], vow_v(i));
    }
}

static void batch(vow_loop *loop)
{
    seen = 0;
    for (int i = 0; i < BATCH; i++)
        held[i] = make(loop, i);
    for (int i = 0; i < BATCH; i++)
        end(i);
    vow_drain(loop, SIZE_MAX);
    vow_clock_advance(loop, 10);
    for (int i = 0; i < BATCH; i++) {
        if (i % SHAPES == 5)
            vow_resolver_drop(resolvers[2 * i]);
        vow_unref(held[i]);
    }
    vow_drain(loop, SIZE_MAX);
    must(seen == BATCH, "a handler did not run, or saw something else");
}

/* From smaps: exact, where the counters of statm are batched by the kernel. */
static long resident_kib(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long kib = -1;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Rss: %ld kB", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib;
}

int main(int argc, char **argv)
{
    uint64_t cycles = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1000) * 1000000u;
    uint64_t batches = cycles / BATCH, tenth = batches / 10 ? batches / 10 : 1;
    vow_loop *loop = vow_loop_new();
    must(loop != NULL, "no loop");
    vow_clock_virtual(loop, false);
    size_t bytes = 0, blocks = 0;
    long resident = resident_kib();
    printf("%llu cycles, %ld KiB resident\n", (unsigned long long)cycles, resident);
    for (uint64_t n = 1; n <= batches; n++) {
        batch(loop);
        if (n % tenth)
            continue;
        printf("%3u %%: %zu bytes, %zu blocks, %ld KiB resident, %zu alive\n",
               (unsigned)(n / tenth * 10), vow_stats(loop).bytes, vow_test_blocks(),
               resident_kib(), vow_stats(loop).live);
        fflush(stdout);
        if (n == tenth) {
            bytes = vow_stats(loop).bytes;
            blocks = vow_test_blocks();
            resident = resident_kib();
        }
    }
    must(vow_stats(loop).bytes == bytes && vow_test_blocks() == blocks, "vow's memory has grown");
    must(labs(resident_kib() - resident) <= 64, "resident memory has grown");
    must(vow_stats(loop).live == 0, "promises are left alive");
    vow_loop_free(loop);
    puts("1 passed, 0 failed");
    return 0;
}
