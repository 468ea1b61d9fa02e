/* SPDX-License-Identifier: MIT
 *
 * test_stream_kinds.c - any descriptor is a stream: terminals, FIFOs, counters, devices, files
 * that lie nowhere. (Pipes, files and /dev/null: test_stream_fd.c.)
 */
#include <pty.h>
#include <signal.h>
#include <sys/stat.h>

#include "adapt/net.h"
#ifdef __linux__
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#endif

/* Takes fd. */
static vow_stream *stream_of(vow_loop *loop, int fd)
{
    CHECK(fd >= 0);
    vow_stream *s = vow_stream_from_fd(loop, fd);
    CHECK(s != NULL);
    return s;
}

static void is_pending(vow_loop *loop, vow_promise *p)
{
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
}

/* Runs p to its end, which has to be `size` bytes; copies them. */
static void read_into(vow_loop *loop, vow_promise *p, void *bytes, size_t size)
{
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_UINT(vow_buf_size(vow_buf_of(v)), size);
    memcpy(bytes, vow_buf_bytes(vow_buf_of(v)), size);
    vow_release(v);
}

TEST(a_terminal_is_read_by_lines_and_written)
{
    int master, slave;
    char line[16];
    CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0);
    vow_stream *s = stream_of(loop, slave);
    vow_promise *p = vow_stream_read_until(s, '\n', 100);
    net_send(master, "half of");
    is_pending(loop, p); /* the terminal waits for the line's end */
    net_send(master, " it\nnext\n");
    EQ_READ(p, "half of it\n");
    EQ_READ(vow_stream_read_until(s, '\n', 100), "next\n");
    while (read(master, line, sizeof line) == sizeof line) /* what it echoed */
        ;
    EQ_INT(vow_run(loop, vow_stream_write(s, "answer", 6), NULL), 0);
    EQ_INT(read(master, line, sizeof line), 6);
    EQ_BYTES(line, "answer", 6);
    close(master);
    EQ_READ(vow_stream_read(s, 10), ""); /* hung up */
    vow_stream_unref(s);
}

/* It has a writer for ever, itself: no end. */
TEST(a_fifo_that_is_open_for_both_waits_for_bytes)
{
    char path[] = "vow-test-fifo-XXXXXX";
    CHECK(mkdtemp(path) != NULL && rmdir(path) == 0 && mkfifo(path, 0600) == 0);
    vow_stream *s = stream_of(loop, open(path, O_RDWR | O_CLOEXEC));
    vow_promise *p = vow_stream_read_exact(s, 4);
    is_pending(loop, p);
    int writer = open(path, O_WRONLY | O_CLOEXEC);
    net_send(writer, "by");
    close(writer);
    is_pending(loop, p);
    EQ_INT(vow_run(loop, vow_stream_write(s, "te", 2), NULL), 0);
    EQ_READ(p, "byte");
    EQ_INT(vow_run(loop, vow_stream_shutdown(s), NULL), ENOTSOCK);
    vow_stream_unref(s);
    EQ_INT(unlink(path), 0);
}

TEST(dev_zero_gives_as_much_as_is_asked_for)
{
    char bytes[1000], zeros[sizeof bytes] = {0};
    vow_stream *s = stream_of(loop, open("/dev/zero", O_RDWR | O_CLOEXEC));
    read_into(loop, vow_stream_read_exact(s, sizeof bytes), bytes, sizeof bytes);
    EQ_BYTES(bytes, zeros, sizeof bytes);
    EQ_INT(vow_run(loop, vow_stream_write(s, "x", 1), NULL), 0);
    vow_stream_unref(s);
}

#ifdef __linux__
TEST(an_eventfd_is_waited_for_and_counts)
{
    uint64_t n = 3;
    vow_stream *s = stream_of(loop, eventfd(0, EFD_CLOEXEC));
    vow_promise *p = vow_stream_read(s, sizeof n);
    is_pending(loop, p);
    EQ_INT(vow_run(loop, vow_stream_write(s, &n, sizeof n), NULL), 0);
    n = 0;
    read_into(loop, p, &n, sizeof n);
    EQ_UINT(n, 3);
    p = vow_stream_read(s, sizeof n);
    is_pending(loop, p);
    vow_unref(p);
    vow_stream_unref(s);
}

TEST(a_timerfd_says_how_often_it_expired)
{
    uint64_t n = 0;
    struct itimerspec once = {.it_value = {0, 1000000}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    vow_stream *s = stream_of(loop, fd);
    vow_promise *p = vow_stream_read_exact(s, sizeof n);
    is_pending(loop, p);
    EQ_INT(timerfd_settime(fd, 0, &once, NULL), 0);
    read_into(loop, p, &n, sizeof n);
    EQ_UINT(n, 1);
    vow_stream_unref(s);
}

TEST(a_signalfd_gives_the_signals)
{
    struct signalfd_siginfo info;
    sigset_t one, before;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    EQ_INT(pthread_sigmask(SIG_BLOCK, &one, &before), 0);
    vow_stream *s = stream_of(loop, signalfd(-1, &one, SFD_CLOEXEC));
    vow_promise *p = vow_stream_read_exact(s, sizeof info);
    is_pending(loop, p);
    kill(getpid(), SIGUSR1);
    read_into(loop, p, &info, sizeof info);
    EQ_INT(info.ssi_signo, SIGUSR1);
    EQ_INT(info.ssi_pid, getpid());
    vow_stream_unref(s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

TEST(an_inotify_descriptor_gives_its_events)
{
    struct inotify_event e;
    char path[] = "vow-test-kinds-XXXXXX";
    int fd = inotify_init1(IN_CLOEXEC);
    CHECK(mkdtemp(path) != NULL && inotify_add_watch(fd, path, IN_DELETE_SELF) >= 0);
    vow_stream *s = stream_of(loop, fd);
    vow_promise *p = vow_stream_read_exact(s, sizeof e);
    is_pending(loop, p);
    EQ_INT(rmdir(path), 0);
    read_into(loop, p, &e, sizeof e);
    EQ_UINT(e.mask, IN_DELETE_SELF);
    vow_stream_unref(s);
}

TEST(a_file_in_memory_is_read_by_the_pool)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    net_send(fd, "kept in memory");
    CHECK(lseek(fd, 5, SEEK_SET) == 5);
    vow_stream *s = stream_of(loop, fd);
    EQ_READ(vow_stream_read(s, 100), "in memory");
    EQ_READ(vow_stream_read(s, 100), "");
    vow_stream_unref(s);
}

TEST(a_descriptor_that_is_only_a_path_cannot_be_read)
{
    vow_stream *s = stream_of(loop, open("/proc/self/exe", O_PATH | O_CLOEXEC));
    EQ_INT(vow_run(loop, vow_stream_read(s, 10), NULL), EBADF);
    vow_stream_unref(s);
}
#endif
