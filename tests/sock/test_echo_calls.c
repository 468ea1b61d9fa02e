/* SPDX-License-Identifier: MIT
 *
 * test_echo_calls.c - counts the system calls of an echo server, libevent's included: the
 * functions that make them are defined here, in front of libc's.
 */
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "adapt/net.h"

static struct {
    long reads, writes, controls, waits, others;
} calls;

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    calls.reads++;
    return syscall(SYS_recvfrom, fd, bytes, size, flags, NULL, NULL);
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    calls.writes++;
    return syscall(SYS_sendto, fd, bytes, size, flags, NULL, 0);
}

ssize_t read(int fd, void *bytes, size_t size)
{
    calls.others++;
    return syscall(SYS_read, fd, bytes, size);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    calls.others++;
    return syscall(SYS_write, fd, bytes, size);
}

int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    calls.controls++;
    return (int)syscall(SYS_epoll_ctl, epoll, op, fd, event);
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int ms)
{
    calls.waits++;
    return (int)syscall(SYS_epoll_pwait, epoll, events, most, ms, NULL, 0);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *set, struct itimerspec *old)
{
    calls.others++;
    return (int)syscall(SYS_timerfd_settime, fd, flags, set, old);
}

enum { REQUESTS = 1000, BYTES = 64 };

struct server {
    vow_listener *listener;
    long connections, accepted, open, answered;
    size_t most; /* what a read asks for */
    int go;      /* tells the client that all are accepted */
    vow_resolver *ended;
};

struct connection {
    struct server *server;
    vow_stream *sock;
};

static void read_next(struct connection *c);

static vow_value on_written(vow_value v, void *data)
{
    struct connection *c = data;
    struct server *server = c->server;
    EQ_INT(vow_as_int(v), BYTES);
    if (++server->answered == server->connections * REQUESTS) {
        EQ_INT(calls.reads, server->answered);
        EQ_INT(calls.writes, server->answered);
        EQ_INT(calls.controls, 0);
        EQ_INT(calls.others, 0);
        CHECK(calls.waits > 0 && calls.waits <= server->answered + 1);
    }
    read_next(c);
    return vow_none();
}

static vow_value on_bytes(vow_value v, void *data)
{
    struct connection *c = data;
    vow_buf *b = vow_buf_of(v);
    if (vow_buf_size(b) > 0)
        return vow_promise_value(
            vow_then(vow_stream_write_buf(c->sock, vow_buf_ref(b)), on_written, c));
    vow_stream_unref(c->sock);
    if (--c->server->open == 0)
        vow_resolve(c->server->ended, vow_none());
    free(c);
    return vow_none();
}

static void read_next(struct connection *c)
{
    vow_promise *p = vow_stream_read(c->sock, c->server->most);
    vow_detach(vow_then(p, on_bytes, c), NULL, NULL, NULL);
}

static void accept_next(struct server *server);

static vow_value on_accepted(vow_value v, void *data)
{
    struct server *server = data;
    struct connection *c = malloc(sizeof *c);
    CHECK(c != NULL);
    *c = (struct connection){server, vow_stream_ref(vow_stream_of(v))};
    server->open++;
    read_next(c);
    if (++server->accepted < server->connections) {
        accept_next(server);
        return vow_none();
    }
    EQ_INT(write(server->go, "g", 1), 1);
    memset(&calls, 0, sizeof calls);
    return vow_none();
}

static void accept_next(struct server *server)
{
    vow_detach(vow_then(vow_accept(server->listener), on_accepted, server), NULL, NULL, NULL);
}

/* In a process of its own: all connections ask, then all wait for their answers. */
static void client(uint16_t port, long connections, int go)
{
    int fd[50];
    char bytes[BYTES] = "request";
    for (long i = 0; i < connections; i++)
        fd[i] = net_connect(port);
    if (read(go, bytes, 1) != 1)
        _exit(1);
    for (int round = 0; round < REQUESTS; round++) {
        for (long i = 0; i < connections; i++)
            if (write(fd[i], bytes, BYTES) != BYTES)
                _exit(2);
        for (long i = 0; i < connections; i++)
            if (recv(fd[i], bytes, BYTES, MSG_WAITALL) != BYTES)
                _exit(3);
    }
    _exit(0);
}

static void serve(vow_loop *loop, long connections, size_t most)
{
    struct server server = {.connections = connections, .most = most};
    int go[2], status = 0;
    CHECK(pipe(go) == 0);
    server.listener = vow_listen(loop, NULL, 0, 64);
    CHECK(server.listener != NULL);
    server.go = go[1];
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        client(vow_listener_port(server.listener), connections, go[0]);
    accept_next(&server);
    EQ_INT(vow_run(loop, vow_promise_new(loop, &server.ended), NULL), 0);
    CHECK(waitpid(child, &status, 0) == child);
    EQ_INT(status, 0);
    EQ_INT(server.answered, connections * REQUESTS);
    vow_listener_close(server.listener);
    close(go[0]);
    close(go[1]);
}

TEST(one_read_and_one_write_a_request_at_one_connection) { serve(loop, 1, 4096); }

TEST(one_read_and_one_write_a_request_at_fifty_connections) { serve(loop, 50, 4096); }

TEST(one_read_and_one_write_when_the_request_fills_the_buffer) { serve(loop, 50, BYTES); }
