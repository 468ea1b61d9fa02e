/* SPDX-License-Identifier: MIT
 *
 * test_stream_fd.c - streams of descriptors that are no sockets: pipes, terminals, files,
 * /dev/null.
 */
#include <pty.h>
#include <signal.h>
#include <sys/stat.h>

#include "adapt/net.h"
#include "adapt/sweep.h"

static vow_stream *have(vow_stream *s)
{
    CHECK(s != NULL);
    return s;
}

TEST(a_pipe_is_read_and_written)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    vow_stream *in = have(vow_stream_from_fd(loop, ends[0]));
    vow_stream *out = have(vow_stream_from_fd(loop, ends[1]));
    vow_promise *p = vow_stream_read_exact(in, 10);
    struct iovec parts[] = {{(char *)"gather", 6}, {(char *)"ed..", 4}};
    EQ_INT(vow_run(loop, vow_stream_writev(out, parts, 2), NULL), 0);
    EQ_READ(p, "gathered..");
    EQ_INT(vow_run(loop, vow_stream_shutdown(in), NULL), ENOTSOCK);
    EQ_INT(vow_run(loop, vow_stream_shutdown(out), NULL), 0);
    EQ_READ(vow_stream_read(in, 10), "");
    EQ_INT(vow_run(loop, vow_stream_write(out, "x", 1), NULL), EBADF);
    vow_stream_unref(in);
    vow_stream_unref(out);
}

/* The harness leaves SIGPIPE at its default: it would end the test. */
TEST(writing_to_a_pipe_without_readers_is_an_error_and_no_signal)
{
    int ends[2];
    sigset_t waiting;
    CHECK(pipe(ends) == 0);
    vow_stream *out = have(vow_stream_from_fd(loop, ends[1]));
    close(ends[0]);
    EQ_INT(vow_run(loop, vow_stream_write(out, "x", 1), NULL), EPIPE);
    CHECK(sigpending(&waiting) == 0 && !sigismember(&waiting, SIGPIPE));
    vow_stream_unref(out);
}

TEST(a_full_pipe_is_waited_for)
{
    enum { SIZE = 300000 };
    int ends[2];
    CHECK(pipe(ends) == 0);
    vow_stream *in = have(vow_stream_from_fd(loop, ends[0]));
    vow_stream *out = have(vow_stream_from_fd(loop, ends[1]));
    vow_buf *b = vow_buf_new(SIZE);
    memset(vow_buf_bytes(b), 'p', SIZE);
    vow_promise *p = vow_stream_write_buf(out, b);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_read_exact(in, SIZE), &v), 0);
    vow_release(v);
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_INT(vow_as_int(v), SIZE);
    vow_stream_unref(in);
    vow_stream_unref(out);
}

TEST(a_terminal_that_is_hung_up_has_ended)
{
    int master, slave;
    CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0);
    vow_stream *s = have(vow_stream_from_fd(loop, master));
    vow_promise *p = vow_stream_read_until(s, 'y', 10);
    net_send(slave, "tty");
    EQ_READ(p, "tty");
    close(slave);
    EQ_READ(vow_stream_read(s, 10), "");
    vow_stream_unref(s);
}

static int temporary(const char *text)
{
    char name[] = "/tmp/vow-stream-XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0 && unlink(name) == 0);
    net_send(fd, text);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

TEST(a_file_is_read_from_its_position_to_its_end)
{
    vow_stream *s = have(vow_stream_from_fd(loop, temporary("line one\nline two\nrest")));
    CHECK(vow_stream_fd(s) >= 0);
    EQ_READ(vow_stream_read_until(s, '\n', 100), "line one\n");
    EQ_READ(vow_stream_read_until(s, '\n', 100), "line two\n");
    EQ_READ(vow_stream_read(s, 100), "rest");
    EQ_READ(vow_stream_read(s, 100), "");
    EQ_READ(vow_stream_read(s, 100), "");
    vow_stream_unref(s);
}

TEST(a_file_is_written_at_its_position)
{
    enum { SIZE = 700000 }; /* more than one job takes */
    int fd = temporary("");
    int same = dup(fd);
    vow_stream *s = have(vow_stream_from_fd(loop, fd));
    vow_buf *b = vow_buf_new(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        vow_buf_bytes(b)[i] = (uint8_t)(i % 251);
    EQ_INT(vow_run(loop, vow_stream_write(s, vow_buf_bytes(b), SIZE), NULL), 0);
    EQ_INT(vow_run(loop, vow_stream_shutdown(s), NULL), 0);
    EQ_UINT(vow_stream_written(s), SIZE);
    CHECK(lseek(same, 0, SEEK_SET) == 0);
    vow_stream *back = have(vow_stream_from_fd(loop, same));
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_read_exact(back, SIZE), &v), 0);
    EQ_BYTES(vow_buf_bytes(vow_buf_of(v)), vow_buf_bytes(b), SIZE);
    vow_release(v);
    vow_buf_unref(b);
    vow_stream_unref(s);
    vow_stream_unref(back);
}

TEST(a_dropped_write_to_a_file_needs_its_bytes_no_more)
{
    vow_stream *s = have(vow_stream_from_fd(loop, temporary("")));
    char *bytes = malloc(1000);
    CHECK(bytes != NULL);
    memset(bytes, 'x', 1000);
    vow_unref(vow_stream_write(s, bytes, 1000));
    memset(bytes, 'y', 1000);
    free(bytes);
    EQ_INT(vow_run(loop, vow_stream_write(s, "next", 4), NULL), 0);
    uint64_t written = vow_stream_written(s);
    CHECK(written == 4 || written == 1004);
    EQ_UINT(lseek(vow_stream_fd(s), 0, SEEK_CUR), written);
    vow_stream_unref(s);
}

TEST(a_closed_file_stream_waits_for_no_job)
{
    vow_stream *s = have(vow_stream_from_fd(loop, temporary("")));
    vow_promise *p = vow_stream_write(s, "bytes", 5);
    vow_stream_close(s);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    EQ_INT(vow_stream_fd(s), -1);
    vow_stream_unref(s);
    EQ_INT(vow_run_all(loop), 0);
}

TEST(what_has_no_room_says_so)
{
    int fd = open("/dev/full", O_WRONLY);
    CHECK(fd >= 0);
    vow_stream *s = have(vow_stream_from_fd(loop, fd));
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_write(s, "x", 1), &v), ENOSPC);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "0 of 1 bytes written");
    vow_release(v);
    vow_stream_unref(s);
}

TEST(dev_null_ends_at_once_and_takes_all)
{
    vow_stream *s = have(vow_stream_from_fd(loop, open("/dev/null", O_RDWR)));
    EQ_READ(vow_stream_read(s, 10), "");
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_write(s, "nothing", 7), &v), 0);
    EQ_INT(vow_as_int(v), 7);
    vow_stream_unref(s);
}

TEST(a_directory_is_no_stream_to_read)
{
    vow_stream *s = have(vow_stream_from_fd(loop, open("/tmp", O_RDONLY | O_DIRECTORY)));
    EQ_INT(vow_run(loop, vow_stream_read(s, 10), NULL), EISDIR);
    vow_stream_unref(s);
}

TEST(on_a_closed_loop_the_descriptor_is_closed)
{
    int fd = open("/dev/null", O_RDWR);
    vow_loop_close(loop);
    CHECK(vow_stream_from_fd(loop, fd) == NULL);
    EQ_INT(errno, ESHUTDOWN);
    EQ_INT(fcntl(fd, F_GETFD), -1);
}

static int file_scenario(vow_loop *loop)
{
    vow_stream *s = vow_stream_from_fd(loop, temporary("text"));
    if (!s)
        return errno;
    int failed = vow_run(loop, vow_stream_read(s, 10), NULL);
    int other = vow_run(loop, vow_stream_write(s, "more", 4), NULL);
    vow_stream_unref(s);
    return failed ? failed : other;
}
TEST_PLAIN(a_file_survives_failing_allocations) { sweep(file_scenario); }
