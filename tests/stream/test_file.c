/* SPDX-License-Identifier: MIT
 *
 * Streams of files while their jobs wait in the pool: what is asked for meanwhile.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapt/net.h"
#include "vow/pool.h"

/* The one thread of the pool for files is kept until `go`. */
struct block {
    pthread_mutex_t lock;
    vow_promise *p;
};

static vow_value wait_for_lock(void *data)
{
    struct block *b = data;
    pthread_mutex_lock(&b->lock);
    pthread_mutex_unlock(&b->lock);
    return vow_none();
}

static void block(vow_loop *loop, struct block *b)
{
    vow_pool_set_size(VOW_POOL_FILES, 1, 0);
    pthread_mutex_init(&b->lock, NULL);
    pthread_mutex_lock(&b->lock);
    b->p = vow_work(loop, vow_pool_own(VOW_POOL_FILES), wait_for_lock, b, NULL);
}

static void go(vow_loop *loop, struct block *b)
{
    pthread_mutex_unlock(&b->lock);
    EQ_INT(vow_run(loop, b->p, NULL), 0);
    pthread_mutex_destroy(&b->lock);
}

/* A file that the page cache never holds. */
TEST(a_larger_read_may_follow_one_that_was_cancelled)
{
    struct block b;
    vow_stream *s = vow_stream_from_fd(loop, open("/proc/self/maps", O_RDONLY));
    block(loop, &b);
    vow_promise *p = vow_stream_read(s, 10);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
    p = vow_stream_read_exact(s, 2000);
    EQ_INT(vow_state(p), VOW_PENDING);
    go(loop, &b);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_UINT(vow_buf_size(vow_buf_of(v)), 2000);
    char maps[2000];
    int fd = open("/proc/self/maps", O_RDONLY);
    CHECK(read(fd, maps, 20) == 20);
    EQ_BYTES(vow_buf_bytes(vow_buf_of(v)), maps, 12); /* where the program is */
    vow_release(v);
    close(fd);
    vow_stream_unref(s);
}

static vow_stream *temporary(vow_loop *loop, int *ret_fd)
{
    char name[] = "/tmp/vow-stream-XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0 && unlink(name) == 0);
    *ret_fd = dup(fd);
    return vow_stream_from_fd(loop, fd);
}

/* The bytes of a job that runs are on their way. */
TEST(a_cancelled_pump_writes_nothing_twice)
{
    struct block b;
    int fd;
    char got[20] = "";
    vow_stream *to = temporary(loop, &fd), *pair[2];
    EQ_INT(vow_stream_pair(loop, 1000, pair), 0);
    EQ_INT(vow_run(loop, vow_stream_write(pair[0], "one ", 4), NULL), 0);
    block(loop, &b);
    vow_promise *p = vow_pump(pair[1], to, 0);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
    EQ_INT(vow_run(loop, vow_stream_write(pair[0], "two", 3), NULL), 0);
    pair[0] = vow_stream_unref(pair[0]);
    p = vow_pump(pair[1], to, 0);
    EQ_INT(vow_state(p), VOW_PENDING);
    go(loop, &b);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_INT(vow_as_int(v), 3);
    EQ_UINT(vow_stream_written(to), 7);
    CHECK(pread(fd, got, sizeof got - 1, 0) == 7);
    EQ_TEXT(got, "one two");
    close(fd);
    vow_stream_unref(to);
    vow_stream_unref(pair[1]);
}

TEST(a_cancelled_write_counts_when_it_is_done)
{
    struct block b;
    int fd;
    char got[20] = "";
    vow_stream *to = temporary(loop, &fd);
    block(loop, &b);
    vow_promise *p = vow_stream_write(to, "one ", 4);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
    EQ_UINT(vow_stream_written(to), 0);
    p = vow_stream_write(to, "two", 3);
    go(loop, &b);
    EQ_INT(vow_run(loop, p, NULL), 0);
    EQ_UINT(vow_stream_written(to), 7);
    CHECK(pread(fd, got, sizeof got - 1, 0) == 7);
    EQ_TEXT(got, "one two");
    close(fd);
    vow_stream_unref(to);
}

TEST(a_stream_may_be_closed_while_its_jobs_wait)
{
    struct block b;
    int fd;
    vow_stream *to = temporary(loop, &fd);
    vow_stream *from = vow_stream_from_fd(loop, open("/proc/self/maps", O_RDONLY));
    block(loop, &b);
    vow_promise *reading = vow_stream_read(from, 10), *writing = vow_stream_write(to, "x", 1);
    vow_stream_close(from);
    vow_stream_close(to);
    EQ_INT(vow_run(loop, reading, NULL), ECANCELED);
    EQ_INT(vow_run(loop, writing, NULL), ECANCELED);
    vow_stream_unref(from);
    vow_stream_unref(to);
    go(loop, &b);
    EQ_INT(vow_run_all(loop), 0);
    close(fd);
}
