/* SPDX-License-Identifier: MIT
 *
 * faults.h - the kernel on a bad day: of all calls that the sockets' adapters make, 20 % are
 * interrupted or refused for now (EINTR, EAGAIN), and half of the others on streams are cut
 * short, down to one byte; in front of libc's. For one program of tests only: defines them.
 */
#ifndef VOW_TESTS_ADAPT_FAULTS_H
#define VOW_TESTS_ADAPT_FAULTS_H

#include <poll.h>
#include <sys/syscall.h>
#include <sys/uio.h>

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

/* True: the call fails. */
static bool refuse(void)
{
    if (!faults.on || roll(10) >= 2)
        return false;
    errno = roll(2) ? EINTR : EAGAIN;
    return true;
}

static bool is_stream(int fd)
{
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/* How much of a transfer of `size` bytes is done. */
static size_t cut(int fd, size_t size)
{
    if (!faults.on || size == 0 || roll(2) == 0 || !is_stream(fd))
        return size;
    return 1 + roll(size < 100 ? (uint32_t)size : 100);
}

/* The first bytes of the vector, no more than they are cut to. */
static struct msghdr cut_message(int fd, const struct msghdr *message, struct iovec parts[16])
{
    struct msghdr shorter = *message;
    size_t total = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++)
        total += message->msg_iov[i].iov_len;
    size_t left = cut(fd, total);
    shorter.msg_iov = parts;
    for (shorter.msg_iovlen = 0; shorter.msg_iovlen < message->msg_iovlen; shorter.msg_iovlen++) {
        struct iovec *part = &parts[shorter.msg_iovlen];
        *part = message->msg_iov[shorter.msg_iovlen];
        if (part->iov_len > left)
            part->iov_len = left;
        left -= part->iov_len;
    }
    return shorter;
}

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    return refuse() ? -1 : syscall(SYS_recvfrom, fd, bytes, cut(fd, size), flags, NULL, NULL);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    return refuse() ? -1 : syscall(SYS_sendto, fd, bytes, cut(fd, size), flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct iovec parts[16];
    struct msghdr shorter = cut_message(fd, message, parts);
    return refuse() ? -1 : syscall(SYS_sendmsg, fd, &shorter, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    struct iovec parts[16], *all = message->msg_iov;
    struct msghdr shorter = cut_message(fd, message, parts);
    if (refuse())
        return -1;
    message->msg_iov = shorter.msg_iov;
    ssize_t n = syscall(SYS_recvmsg, fd, message, flags);
    message->msg_iov = all;
    return n;
}

/* libc declares these two in a way of its own. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
int accept4(int fd, struct sockaddr *name, socklen_t *size, int flags)
{
    if (refuse())
        return -1;
    return (int)syscall(SYS_accept4, fd, name, size, flags);
}

/* Interrupted, it goes on all the same, as POSIX has it. */
int connect(int fd, const struct sockaddr *name, socklen_t size)
{
    int result = (int)syscall(SYS_connect, fd, name, size);
    if (faults.on && result < 0 && errno == EINPROGRESS && roll(2))
        errno = EINTR;
    return result;
}
#pragma GCC diagnostic pop

/* Numbers, a line each, from one socket to the other. */
enum { LINES = 1500 };

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

/* As one piece or as four, which the kernel may cut anywhere. */
static vow_promise *start_write(vow_stream *s, char *text, size_t size)
{
    static struct iovec parts[4];
    if (faults.dice % 2)
        return vow_stream_write(s, text, size);
    for (size_t i = 0; i < 4; i++)
        parts[i] = (struct iovec){text + i * (size / 4), i < 3 ? size / 4 : size - 3 * (size / 4)};
    return vow_stream_writev(s, parts, 4);
}

/* From one end of a connection to the other. Takes both descriptors. */
static void transfer(vow_loop *loop, uint32_t seed, const int fd[2])
{
    size_t size;
    char *text = all_lines(&size);
    vow_stream *from = vow_stream_from_fd(loop, fd[0]);
    struct reader reader = {vow_stream_from_fd(loop, fd[1]), 0};
    vow_promise *write = start_write(from, text, size), *read = read_line(&reader);
    int code = vow_run(loop, read, NULL), other = vow_run(loop, write, NULL);
    if (code || other || reader.next != LINES)
        FAIL("seed %u: line %d, codes %d and %d", (unsigned)seed, reader.next, code, other);
    vow_stream_unref(from);
    vow_stream_unref(reader.sock);
    free(text);
}

/* Connects by vow's own means. */
static void connect_both(vow_loop *loop, int ret[2])
{
    vow_address a;
    vow_value v;
    EQ_INT(vow_address_ip(&a, "127.0.0.1", 0), 0);
    vow_listener *l = vow_listen_on(loop, &a, NULL);
    vow_promise *accepted = vow_accept(l);
    vow_value to = vow_address_value(vow_listener_address(l));
    EQ_INT(vow_run(loop, vow_sock_connect_to(loop, to, NULL), &v), 0);
    ret[0] = dup(vow_stream_fd(vow_stream_of(v)));
    vow_release(v);
    EQ_INT(vow_run(loop, accepted, &v), 0);
    ret[1] = dup(vow_stream_fd(vow_stream_of(v)));
    vow_release(v);
    vow_listener_close(l);
}

/* Datagrams with numbers, and a descriptor with every tenth. */
static void send_numbers(vow_loop *loop, uint32_t seed)
{
    vow_dgram *d[2];
    EQ_INT(vow_unix_dgram_pair(loop, d), 0);
    for (int i = 0; i < 100; i++) {
        vow_value v;
        int zero = 0;
        vow_message m = {.bytes = &i, .size = sizeof i, .fds = &zero, .fd_count = i % 10 == 0};
        vow_promise *received = vow_dgram_receive(d[1], i % 2 ? 16 : 8192);
        vow_promise *sent = vow_dgram_send_message(d[0], &m);
        int code = vow_run(loop, sent, NULL), other = vow_run(loop, received, &v);
        vow_packet *p = code || other ? NULL : vow_packet_of(v);
        if (!p || memcmp(vow_buf_bytes(vow_packet_buf(p)), &i, sizeof i) != 0 ||
            vow_packet_fd_count(p) != (i % 10 == 0))
            FAIL("seed %u: datagram %d, codes %d and %d", (unsigned)seed, i, code, other);
        vow_release(v);
    }
    vow_dgram_unref(d[0]);
    vow_dgram_unref(d[1]);
}

/* A descriptor beside a message that takes many pieces. */
static void pass_a_descriptor(vow_loop *loop, uint32_t seed)
{
    char bytes[5000] = "";
    int zero = 0;
    size_t got = 0, fds = 0;
    vow_stream *s[2];
    EQ_INT(vow_unix_pair(loop, s), 0);
    vow_message m = {.bytes = bytes, .size = sizeof bytes, .fds = &zero, .fd_count = 1};
    vow_promise *sent = vow_unix_send(s[0], &m);
    while (got < sizeof bytes) {
        vow_value v;
        int code = vow_run(loop, vow_unix_receive(s[1], 1000), &v);
        if (code)
            FAIL("seed %u: code %d after %zu bytes", (unsigned)seed, code, got);
        got += vow_buf_size(vow_packet_buf(vow_packet_of(v)));
        fds += vow_packet_fd_count(vow_packet_of(v));
        vow_release(v);
    }
    EQ_INT(vow_run(loop, sent, NULL), 0);
    EQ_UINT(fds, 1);
    vow_stream_unref(s[0]);
    vow_stream_unref(s[1]);
}

/* Everything once. A failure names its seed. */
static inline void endure(vow_loop *loop, uint32_t seed)
{
    int fd[2];
    vow_loop_set_clock(loop, NULL, NULL); /* what is refused twice is tried again after a pause */
    faults.dice = seed;
    faults.on = true;
    EQ_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    transfer(loop, seed, fd);
    connect_both(loop, fd);
    transfer(loop, seed, fd);
    send_numbers(loop, seed);
    pass_a_descriptor(loop, seed);
    faults.on = false;
}

#endif
