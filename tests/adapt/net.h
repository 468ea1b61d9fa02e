/* SPDX-License-Identifier: MIT
 *
 * net.h - real sockets on the loopback for the tests of sockets: one end is the library's,
 * the other a plain descriptor.
 */
#ifndef VOW_TESTS_ADAPT_NET_H
#define VOW_TESTS_ADAPT_NET_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

/* Allows the process `more` more descriptors than it has. Gives the limit from before. */
static inline struct rlimit net_limit_descriptors(int more)
{
    struct rlimit before, lower;
    int next = dup(0);
    close(next);
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    lower = before;
    lower.rlim_cur = (rlim_t)(next + more);
    CHECK(setrlimit(RLIMIT_NOFILE, &lower) == 0);
    return before;
}

/* valgrind finds what glibc's resolver has in a thread that lives on: there it is not asked. */
static inline const char *net_local_name(void)
{
    return under_valgrind() ? "127.0.0.1" : "localhost";
}

/* A plain listening descriptor on a free port. */
static inline int net_listen(uint16_t *ret_port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&name, size) == 0 && listen(fd, 16) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&name, &size) == 0);
    *ret_port = ntohs(name.sin_port);
    return fd;
}

/* A plain connected descriptor. */
static inline int net_connect(uint16_t port)
{
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof name) == 0);
    return fd;
}

/* TCP: the library's socket, and its peer. */
static inline vow_stream *net_pair(vow_loop *loop, int *ret_peer)
{
    uint16_t port;
    int listener = net_listen(&port);
    *ret_peer = net_connect(port);
    int fd = accept(listener, NULL, NULL);
    close(listener);
    vow_stream *s = vow_stream_from_fd(loop, fd);
    CHECK(s != NULL);
    return s;
}

/* Closes the peer so that the library's side gets ECONNRESET. */
static inline void net_reset(int peer)
{
    struct linger now = {1, 0};
    CHECK(setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
    close(peer);
}

static inline void net_send(int peer, const char *text)
{
    CHECK(write(peer, text, strlen(text)) == (ssize_t)strlen(text));
}

/* Runs p to its end, which has to be these bytes. */
#define EQ_READ(p, text) net_expect_text(__FILE__, __LINE__, loop, p, text)
static inline void net_expect_text(const char *file, int line, vow_loop *loop, vow_promise *p,
                                   const char *text)
{
    vow_value v;
    int code = vow_run(loop, p, &v);
    char error[256] = "";
    if (code != 0)
        vow_describe(vow_as_error(v), VOW_ONE_LINE, error, sizeof error);
    if (code != 0)
        harness_fail(file, line, "error %d: %s", code, error);
    vow_buf *b = vow_buf_of(v);
    harness_eq_uint(file, line, "size", vow_buf_size(b), strlen(text));
    harness_eq_bytes(file, line, "bytes", vow_buf_bytes(b), text, strlen(text));
    vow_release(v);
}

#endif
