/* SPDX-License-Identifier: MIT
 *
 * vow_rest.c - timers, threads and files on the public API, as floor.c, loops_bench.c and
 * file_bench.c define them. vow_rest timers | throughput | pingpong PEER_CPU |
 * file DIR COUNT SIZE
 */
#include "bench.h"

#include <pthread.h>
#include <sched.h>

#include "vow.h"

static vow_loop *loop;

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/* 100,000 concurrent sleeps of 1..100 ms. */
static long fired;
static vow_value count_timer(vow_value v, void *data)
{
    (void)data;
    fired++;
    return v;
}
static void timers(long n)
{
    static vow_promise *held[100000];
    fired = 0;
    for (long i = 0; i < n; i++)
        held[i] = vow_then(vow_delay(loop, 1 + rnd() % 100), count_timer, NULL);
    vow_run_all(loop);
    CHECK(fired == n);
    for (long i = 0; i < n; i++)
        vow_unref(held[i]);
}

/* One thread resolves promises that were made before; their handlers sum. */
static vow_remote_resolver **resolvers;
static long many, sum;
static int peer_cpu;
static vow_value add(vow_value v, void *data)
{
    (void)data;
    sum += vow_as_int(v);
    return v;
}
static void *resolve_all(void *data)
{
    (void)data;
    pin(peer_cpu);
    for (long i = 0; i < many; i++)
        vow_remote_resolve(resolvers[i], vow_int(i));
    return NULL;
}
static double throughput(long n)
{
    vow_promise **held = malloc((size_t)n * sizeof *held);
    resolvers = malloc((size_t)n * sizeof *resolvers);
    vow_remote *remote = vow_remote_new(loop);
    for (long i = 0; i < n; i++)
        held[i] = vow_then(vow_promise_new_remote(remote, &resolvers[i]), add, NULL);
    vow_remote_unref(remote);
    many = n;
    sum = 0;
    pthread_t thread;
    double start = now_ns();
    pthread_create(&thread, NULL, resolve_all, NULL);
    vow_run_all(loop);
    double took = now_ns() - start;
    pthread_join(thread, NULL);
    CHECK(sum == n * (n - 1) / 2);
    for (long i = 0; i < n; i++) {
        vow_unref(held[i]);
        vow_remote_resolver_unref(resolvers[i]);
    }
    free(held);
    free(resolvers);
    return took / (double)n;
}

/* Two loops on two threads post to each other. */
static vow_remote *here, *there;
static long rounds;
static vow_node ping, pong;
static void on_pong(vow_node *node)
{
    (void)node;
    if (--rounds > 0) {
        vow_post_node(there, &ping);
        return;
    }
    vow_remote_unref(there);
    vow_remote_unref(here);
}
static void on_ping(vow_node *node)
{
    (void)node;
    vow_post_node(here, &pong);
}
static pthread_barrier_t ready;
static void *peer(void *data)
{
    (void)data;
    pin(peer_cpu);
    vow_loop *own = vow_loop_new();
    there = vow_remote_new(own);
    pthread_barrier_wait(&ready);
    vow_run_all(own);
    vow_loop_free(own);
    return NULL;
}
static void pingpong(long n)
{
    pthread_t thread;
    rounds = n;
    here = vow_remote_new(loop);
    ping = (vow_node){.run = on_ping, .gone = on_ping};
    pong = (vow_node){.run = on_pong, .gone = on_pong};
    pthread_barrier_init(&ready, NULL, 2);
    pthread_create(&thread, NULL, peer, NULL);
    pthread_barrier_wait(&ready);
    vow_post_node(there, &ping);
    vow_run_all(loop); /* until on_pong gives `here` back */
    pthread_join(thread, NULL);
    CHECK(rounds == 0);
}

/* Whole files, page-cache hot, 32 at a time. */
static char (*paths)[128];
static long file_size;
static vow_value check_file(vow_value v, void *data)
{
    vow_buf *b = vow_buf_of(v);
    long i = (long)(intptr_t)data;
    CHECK(vow_buf_size(b) == (size_t)file_size && vow_buf_bytes(b)[0] == (i & 255) &&
          vow_buf_bytes(b)[file_size - 1] == (i & 255));
    return vow_none();
}
static vow_value read_one(size_t index, void *data)
{
    (void)data;
    vow_promise *p = vow_file_read(loop, paths[index], 0);
    return vow_v(vow_then(p, check_file, (void *)(intptr_t)index));
}
static void files(long n)
{
    CHECK(vow_run(loop, vow_for_each(loop, (size_t)n, 32, read_one, NULL), NULL) == 0);
}

int main(int argc, char **argv)
{
    loop = vow_loop_new();
    CHECK(argc > 1 && loop);
    if (!strcmp(argv[1], "timers")) {
        report("timers_100000", "vow", best_cpu(timers, 100000), 0);
    } else if (!strcmp(argv[1], "throughput")) {
        pin(1);
        double best = 1e300;
        for (int i = 0; i < REPEATS; i++) {
            double ns = throughput(1000000);
            best = ns < best ? ns : best;
        }
        report("xthread_throughput", "vow", best, 0);
    } else if (!strcmp(argv[1], "pingpong")) {
        pin(1);
        peer_cpu = argc > 2 ? atoi(argv[2]) : 1;
        report("xthread_pingpong", "vow", best_ns(pingpong, 50000), 0);
    } else {
        CHECK(argc > 4);
        long count = atol(argv[3]);
        file_size = atol(argv[4]);
        paths = malloc((size_t)count * 128);
        for (long i = 0; i < count; i++)
            snprintf(paths[i], 128, "%s/%ld", argv[2], i);
        mallopt(M_MMAP_THRESHOLD, 64 << 20);
        mallopt(M_TRIM_THRESHOLD, 256 << 20);
        report("file", "vow", best_ns(files, count), (double)file_size);
    }
    vow_loop_free(loop);
    return 0;
}
