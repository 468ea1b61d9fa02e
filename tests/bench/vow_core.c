/* SPDX-License-Identifier: MIT
 *
 * vow_core.c - the core's workloads on the public API, as floor.c defines them: what is
 * counted, batch sizes, what is asserted. `vow_core WORKLOAD [N]` runs one of them N times
 * (for callgrind), without N it reports the best of five.
 */
#include "bench.h"

#include "vow.h"

static vow_loop *loop;
static long sum;

static vow_value add(vow_value v, void *data)
{
    (void)data;
    sum += vow_as_int(v);
    return v;
}
static vow_value increment(vow_value v, void *data)
{
    (void)data;
    return vow_int(vow_as_int(v) + 1);
}

static void resolve_then(long n)
{
    static vow_promise *kids[BATCH];
    static vow_resolver *parents[BATCH];
    sum = 0;
    for (long b = 0; b < n; b += BATCH) {
        for (long i = 0; i < BATCH; i++)
            kids[i] = vow_then(vow_promise_new(loop, &parents[i]), add, NULL);
        for (long i = 0; i < BATCH; i++)
            vow_resolve(parents[i], vow_int(i));
        vow_drain(loop, SIZE_MAX);
        for (long i = 0; i < BATCH; i++)
            vow_unref(kids[i]);
    }
    CHECK(sum == n / BATCH * (BATCH * (BATCH - 1L) / 2));
}

static void chain(long n, long links)
{
    for (long b = 0; b < n; b += links) {
        vow_resolver *r;
        vow_promise *p = vow_promise_new(loop, &r);
        for (long i = 0; i < links; i++)
            p = vow_then(p, increment, NULL);
        vow_resolve(r, vow_int(0));
        vow_drain(loop, SIZE_MAX);
        CHECK(vow_as_int(vow_peek(p)) == links);
        vow_unref(p);
    }
}
static void chain_1000(long n) { chain(n, 1000); }
static void chain_100000(long n) { chain(n, 100000); }

static vow_value give_promise(vow_value v, void *data)
{
    (void)v;
    return vow_promise_value(data);
}

static void adopt(long n)
{
    static vow_resolver *outer[BATCH], *inner[BATCH];
    static vow_promise *ends[BATCH];
    sum = 0;
    for (long b = 0; b < n; b += BATCH) {
        for (long i = 0; i < BATCH; i++) {
            vow_promise *p = vow_promise_new(loop, &outer[i]);
            vow_promise *q = vow_promise_new(loop, &inner[i]);
            ends[i] = vow_then(vow_then(p, give_promise, q), add, NULL);
        }
        for (long i = 0; i < BATCH; i++)
            vow_resolve(outer[i], vow_int(1));
        vow_drain(loop, SIZE_MAX);
        for (long i = 0; i < BATCH; i++)
            vow_resolve(inner[i], vow_int(i));
        vow_drain(loop, SIZE_MAX);
        for (long i = 0; i < BATCH; i++)
            vow_unref(ends[i]);
    }
    CHECK(sum == n / BATCH * (BATCH * (BATCH - 1L) / 2));
}

typedef vow_promise *combine_fn(vow_loop *, size_t, vow_promise **, const char *);

/* Per input: making, combining, resolving, completion, release. */
static void combine(long n, combine_fn *fn, int array)
{
    static vow_promise *inputs[BATCH];
    static vow_resolver *resolvers[BATCH];
    for (long b = 0; b < n; b += BATCH) {
        for (long i = 0; i < BATCH; i++)
            inputs[i] = vow_promise_new(loop, &resolvers[i]);
        vow_promise *p = fn(loop, BATCH, inputs, VOW_HERE);
        for (long i = 0; i < BATCH; i++)
            vow_resolve(resolvers[i], vow_int(i));
        vow_drain(loop, SIZE_MAX);
        vow_value result = vow_peek(p);
        long got = 0;
        for (long i = 0; array && i < BATCH; i++)
            got += vow_as_int(vow_at(result, (size_t)i));
        CHECK(array ? got == BATCH * (BATCH - 1L) / 2 : vow_as_int(result) == 0);
        vow_unref(p);
    }
}
static void all_1000(long n) { combine(n, vow_all_n_at, 1); }
static void any_1000(long n) { combine(n, vow_any_n_at, 0); }
static void race_1000(long n) { combine(n, vow_race_n_at, 0); }

static void pending_memory(void)
{
    enum { MILLION = 1000000 };
    static vow_promise *held[MILLION];
    static vow_resolver *resolvers[MILLION];
    memset(held, 1, sizeof held);
    memset(resolvers, 1, sizeof resolvers);
    double before = rss_bytes();
    for (long i = 0; i < MILLION; i++)
        held[i] = vow_then(vow_promise_new(loop, &resolvers[i]), add, NULL);
    report("pending_memory", "vow", 0, (rss_bytes() - before) / MILLION);
    for (long i = 0; i < MILLION; i++) {
        vow_unref(held[i]);
        vow_resolver_drop(resolvers[i]);
    }
}

static const struct workload {
    const char *name;
    bench_fn fn;
    long n;
} workloads[] = {
    {"resolve_then", resolve_then, 10000000},
    {"chain_1000", chain_1000, 10000000},
    {"chain_100000", chain_100000, 10000000},
    {"adopt", adopt, 5000000},
    {"all_1000", all_1000, 10000000},
    {"any_1000", any_1000, 10000000},
    {"race_1000", race_1000, 10000000},
};

int main(int argc, char **argv)
{
    CHECK(argc > 1);
    loop = vow_loop_new();
    CHECK(loop);
    if (!strcmp(argv[1], "pending_memory"))
        pending_memory();
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        const struct workload *w = &workloads[i];
        if (strcmp(argv[1], w->name))
            continue;
        if (argc > 2)
            w->fn(atol(argv[2]));
        else
            report(w->name, "vow", best_ns(w->fn, w->n), 0);
    }
    CHECK(vow_stats(loop).live == 0);
    vow_loop_free(loop);
    return 0;
}
