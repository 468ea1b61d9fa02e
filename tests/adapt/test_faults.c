/* SPDX-License-Identifier: MIT
 *
 * test_faults.c - the kernel on a bad day: calls that are interrupted, cut short or refused
 * (recv and send are defined here, in front of libc's), and too few descriptors.
 */
#include <sys/syscall.h>

#include "adapt/net.h"

static struct {
    bool on;
    uint32_t dice;
} faults;

static uint32_t roll(uint32_t sides)
{
    faults.dice ^= faults.dice << 13;
    faults.dice ^= faults.dice >> 17;
    faults.dice ^= faults.dice << 5;
    return faults.dice % sides;
}

/* True: the call fails. Else it may be cut short. */
static bool inject(size_t *size)
{
    if (!faults.on)
        return false;
    uint32_t fate = roll(10);
    if (fate < 2)
        errno = fate == 0 ? EINTR : EAGAIN;
    else if (fate < 6)
        *size = *size > 0 ? 1 + roll((uint32_t)*size < 100 ? (uint32_t)*size : 100) : 0;
    return fate < 2;
}

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    return inject(&size) ? -1 : syscall(SYS_recvfrom, fd, bytes, size, flags, NULL, NULL);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    return inject(&size) ? -1 : syscall(SYS_sendto, fd, bytes, size, flags, NULL, 0);
}

/* Numbers, a line each, from one socket to the other. */
enum { LINES = 3000 };

static char *all_lines(size_t *ret_size)
{
    char *text = malloc(LINES * 8 + 1), *at = text;
    CHECK(text != NULL);
    for (int i = 0; i < LINES; i++)
        at += sprintf(at, "%d\n", i);
    *ret_size = (size_t)(at - text);
    return text;
}

struct reader {
    vow_stream *sock;
    int next; /* the line that is to come */
};

static vow_promise *read_line(struct reader *reader);

/* The kinds of reads are mixed. */
static vow_value on_line(vow_value v, void *data)
{
    struct reader *reader = data;
    char expected[16];
    vow_buf *b = vow_buf_of(v);
    int size = snprintf(expected, sizeof expected, "%d\n", reader->next++);
    EQ_UINT(vow_buf_size(b), size);
    EQ_BYTES(vow_buf_bytes(b), expected, (size_t)size);
    return reader->next < LINES ? vow_promise_value(read_line(reader)) : vow_none();
}

static vow_promise *read_line(struct reader *reader)
{
    char expected[16];
    int size = snprintf(expected, sizeof expected, "%d\n", reader->next);
    vow_promise *p = reader->next % 3 == 0 ? vow_stream_read_exact(reader->sock, (size_t)size)
                                           : vow_stream_read_until(reader->sock, '\n', 16);
    return vow_then(p, on_line, reader);
}

static void transfer(vow_loop *loop, uint32_t seed)
{
    int fd[2];
    size_t size;
    char *text = all_lines(&size);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    vow_stream *from = vow_stream_from_fd(loop, fd[0]);
    struct reader reader = {vow_stream_from_fd(loop, fd[1]), 0};
    faults.dice = seed;
    faults.on = true;
    vow_promise *write = vow_stream_write(from, text, size), *read = read_line(&reader);
    int code = vow_run(loop, read, NULL), other = vow_run(loop, write, NULL);
    faults.on = false;
    if (code || other || reader.next != LINES)
        FAIL("seed %u: line %d, codes %d and %d", (unsigned)seed, reader.next, code, other);
    vow_stream_unref(from);
    vow_stream_unref(reader.sock);
    free(text);
}

TEST(interrupted_refused_and_cut_short)
{
    for (uint32_t seed = 1; seed <= 20; seed++)
        transfer(loop, seed);
}

/* Too few descriptors. */

/* Listens, connects, accepts, waits for the hang-up and reads a file: 0 or EMFILE. An accept
 * without descriptors waits, here until its time is up. */
static int use_descriptors(vow_loop *loop)
{
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    if (!l)
        return errno;
    char port[8];
    vow_value here = vow_none(), there = vow_none();
    snprintf(port, sizeof port, "%u", vow_listener_port(l));
    vow_promise *accept = vow_timeout(vow_accept(l), 5000);
    vow_mark_handled(accept);
    int code = vow_run(loop, vow_sock_connect(loop, "127.0.0.1", port), &here);
    if (code == 0)
        code = vow_run(loop, accept, &there);
    else
        vow_unref(accept);
    if (code == 0) {
        vow_promise *end = vow_ready(loop, vow_stream_fd(vow_stream_of(there)), VOW_HANGUP);
        vow_mark_handled(end);
        vow_stream_close(vow_stream_of(here));
        code = vow_run(loop, end, NULL);
    }
    if (code == 0)
        code = vow_run(loop, vow_file_read(loop, "/etc/passwd", 0), NULL);
    vow_release(here);
    vow_release(there);
    vow_listener_close(l);
    return code;
}

TEST(any_number_of_descriptors_short)
{
    int more = 0, code;
    do {
        struct rlimit before = net_limit_descriptors(more);
        code = use_descriptors(loop);
        setrlimit(RLIMIT_NOFILE, &before);
        if (code != 0 && code != EMFILE && code != ETIMEDOUT)
            FAIL("with %d more descriptors: code %d", more, code);
        more++;
    } while (code != 0 && more < 20 && !under_valgrind());
    CHECK(under_valgrind() || (code == 0 && more > 3));
}
