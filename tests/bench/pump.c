/* SPDX-License-Identifier: MIT
 *
 * pump.c - bytes from one TCP socket to another, the CPU nanoseconds a KiB of the thread that
 * moves them: pump vow|loop|splice. One thread writes at one end, one reads at the other.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <vow.h>

enum { CHUNK = 65536, MIB = 512 };
static const long long ALL = (long long)MIB << 20;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void tcp_pair(int ret[2])
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ret[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (void *)&name, size) || listen(listener, 1) ||
        getsockname(listener, (void *)&name, &size) || connect(ret[0], (void *)&name, size) ||
        (ret[1] = accept(listener, NULL, NULL)) < 0)
        fail("sockets");
    close(listener);
}

static void *produce(void *data)
{
    static char bytes[CHUNK];
    int fd = *(int *)data;
    for (long long left = ALL; left > 0;) {
        ssize_t n = write(fd, bytes, CHUNK);
        if (n < 0)
            fail("produce");
        left -= n;
    }
    return NULL;
}

static void *consume(void *data)
{
    static char bytes[4 * CHUNK];
    int fd = *(int *)data;
    for (long long left = ALL; left > 0;) {
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n <= 0)
            fail("consume");
        left -= n;
    }
    return NULL;
}

static void with_loop(int from, int to)
{
    static char bytes[CHUNK];
    for (long long left = ALL; left > 0;) {
        ssize_t n = read(from, bytes, CHUNK), done = 0;
        for (ssize_t k; done < n; done += k)
            if ((k = write(to, bytes + done, (size_t)(n - done))) < 0)
                fail("write");
        if (n <= 0)
            fail("read");
        left -= n;
    }
}

static void with_splice(int from, int to)
{
    int pipes[2];
    if (pipe(pipes))
        fail("pipe");
    for (long long left = ALL; left > 0;) {
        ssize_t n = splice(from, NULL, pipes[1], NULL, CHUNK, SPLICE_F_MOVE), done = 0;
        for (ssize_t k; done < n; done += k)
            if ((k = splice(pipes[0], NULL, to, NULL, (size_t)(n - done), SPLICE_F_MOVE)) < 0)
                fail("splice out");
        if (n <= 0)
            fail("splice in");
        left -= n;
    }
}

static void with_vow(int from, int to)
{
    vow_loop *loop = vow_loop_new();
    vow_stream *a = vow_stream_from_fd(loop, from), *b = vow_stream_from_fd(loop, to);
    if (!a || !b || vow_run(loop, vow_pump(a, b, (uint64_t)ALL), NULL))
        fail("pump");
    vow_stream_unref(a);
    vow_stream_unref(b);
    vow_loop_free(loop);
}

static double thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    int in[2], out[2];
    pthread_t producer, consumer;
    const char *how = argc > 1 ? argv[1] : "";
    tcp_pair(in);
    tcp_pair(out);
    if (pthread_create(&producer, NULL, produce, &in[0]) ||
        pthread_create(&consumer, NULL, consume, &out[1]))
        fail("threads");
    double before = thread_ns();
    (strcmp(how, "vow") == 0 ? with_vow : strcmp(how, "loop") == 0 ? with_loop : with_splice)(in[1],
                                                                                          out[0]);
    printf("pump\t%s\t%.2f\n", how, (thread_ns() - before) / (MIB * 1024.0));
    pthread_join(producer, NULL);
    pthread_join(consumer, NULL);
    return 0;
}
