/* SPDX-License-Identifier: MIT
 *
 * Sockets without memory: no byte is lost or doubled, whatever fails.
 */
#include "vow/sock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "oom/oom.h"

/* A vow_stream and the plain descriptor at its other end; NULL: refused. */
static vow_stream *make_pair(vow_loop *loop, int *ret_peer)
{
    int fd[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    vow_stream *s = vow_stream_from_fd(loop, fd[0]);
    if (!HAVE(s))
        close(fd[1]);
    *ret_peer = fd[1];
    return s;
}

static void send_text(int fd, const char *text)
{
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

/* What a read gives that failed for want of memory is still there for the next one. True: got
 * at last. */
enum reading { SOME, EXACT, LINE };
static vow_promise *start_read(vow_stream *s, enum reading how, size_t size)
{
    return how == SOME    ? vow_stream_read(s, size)
           : how == EXACT ? vow_stream_read_exact(s, size)
                          : vow_stream_read_until(s, '\n', size);
}
#define READS(how, size, text)                       \
    (EXPECT_BYTES(start_read(s, how, size), text) || \
     (!oom_is_sticky() && EXPECT_BYTES(start_read(s, how, size), text)))

SCENARIO(reads)
{
    int peer;
    vow_stream *s = make_pair(loop, &peer);
    if (s == NULL)
        return;
    send_text(peer, "some bytes, one line\nand another\nexactly this, and the rest");
    bool all = READS(SOME, 5, "some ") && READS(LINE, 100, "bytes, one line\n") &&
               READS(LINE, 100, "and another\n") && READS(EXACT, 12, "exactly this") &&
               READS(SOME, 100, ", and the rest");
    CHECK(all || oom_is_sticky());
    close(peer);
    if (all)
        CHECK(READS(SOME, 100, "") || oom_is_sticky());
    vow_stream_unref(s);
}

SCENARIO(reads_that_wait)
{
    int peer;
    vow_stream *s = make_pair(loop, &peer);
    if (s == NULL)
        return;
    vow_loop_set_clock(loop, NULL, NULL);
    vow_promise *p = vow_stream_read_exact(s, 10);
    vow_mark_handled(p);
    vow_poll(loop);
    send_text(peer, "01234");
    vow_poll(loop);
    send_text(peer, "56789abcde");
    bool got = EXPECT_BYTES(p, "0123456789");
    if (!got && !oom_is_sticky())
        CHECK(READS(EXACT, 10, "0123456789"));
    CHECK(READS(SOME, 100, "abcde") || oom_is_sticky());
    p = vow_stream_read_until(s, '\n', 4);
    vow_mark_handled(p);
    send_text(peer, "too long\n");
    EXPECT_ERROR(p, EMSGSIZE);
    EXPECT_ERROR(vow_timeout(vow_stream_read_exact(s, 1000), 5), ETIMEDOUT);
    CHECK(READS(LINE, 100, "too long\n") || oom_is_sticky());
    send_text(peer, "cut off");
    close(peer);
    EXPECT_ERROR(vow_stream_read_until(s, '\n', 100), ECONNRESET);
    CHECK(READS(SOME, 100, "cut off") || oom_is_sticky());
    vow_stream_unref(s);
}

/* Bytes that were delivered and seen by nobody go back, before those that are kept. */
SCENARIO(reads_that_nobody_sees)
{
    oom_reports(0, 1); /* of one that failed before it was cancelled */
    int peer;
    vow_stream *s = make_pair(loop, &peer);
    if (s == NULL)
        return;
    send_text(peer, "one\ntwo\nthree\nfour\n");
    bool first = READS(LINE, 100, "one\n");
    CHECK(first || oom_is_sticky());
    for (int i = 0; i < 3; i++) {
        vow_promise *p = vow_stream_read_until(s, '\n', 100);
        vow_mark_handled(p);
        vow_unref(p);
    }
    vow_promise *p = vow_then(vow_stream_read_exact(s, 6), add_one, NULL);
    vow_cancel(p);
    EXPECT_ERROR(p, ECANCELED);
    if (first)
        CHECK((READS(LINE, 100, "two\n") && READS(LINE, 100, "three\n") &&
               READS(SOME, 100, "four\n")) ||
              oom_is_sticky());
    close(peer);
    vow_stream_unref(s);
}

/* The same while the next read is waiting already. */
SCENARIO(a_read_behind_one_that_nobody_sees)
{
    int peer;
    vow_stream *s = make_pair(loop, &peer);
    if (s == NULL)
        return;
    vow_promise *p = vow_stream_read_exact(s, 3), *q = NULL;
    vow_mark_handled(p);
    send_text(peer, "abc");
    bool waits = IS_PENDING(p);
    while (waits && IS_PENDING(p))
        vow_poll(loop);
    if (vow_error_of(p) == NULL) {
        q = vow_stream_read_exact(s, 6);
        vow_mark_handled(q);
        send_text(peer, "def");
        vow_poll(loop);
    }
    vow_unref(p);
    if (q != NULL && !EXPECT_BYTES(q, "abcdef"))
        CHECK(READS(EXACT, 6, "abcdef") || oom_is_sticky());
    close(peer);
    vow_stream_unref(s);
}

SCENARIO(writes)
{
    int peer;
    vow_stream *s = make_pair(loop, &peer);
    if (s == NULL)
        return;
    char got[64] = "";
    bool wrote = EXPECT_INT(vow_stream_write(s, "borrowed ", 9), 9);
    if (wrote)
        wrote = EXPECT_INT(vow_stream_write_buf(s, vow_buf_copy("owned", 5)), 5);
    if (!EXPECT_NONE(vow_stream_shutdown(s)))
        shutdown(vow_stream_fd(s), SHUT_WR);
    ssize_t n = recv(peer, got, sizeof got - 1, MSG_WAITALL);
    EQ_INT(n, vow_stream_written(s));
    if (wrote)
        EQ_TEXT(got, "borrowed owned");
    vow_stream_close(s);
    EXPECT_ERROR(vow_stream_write(s, "x", 1), EBADF);
    EXPECT_ERROR(vow_stream_read(s, 1), EBADF);
    vow_stream_unref(s);
    close(peer);
}

/* More than the kernel's buffers take; the other end reads slowly. */
static vow_value check_part(vow_value v, void *data)
{
    size_t *seen = data;
    vow_buf *b = vow_buf_of(v);
    for (size_t i = 0; i < vow_buf_size(b); i++, ++*seen)
        CHECK(vow_buf_bytes(b)[i] == (uint8_t)(*seen % 251));
    return vow_buf_size(b) > 0 ? VOW_AGAIN : vow_int((int64_t)*seen);
}
struct reader {
    vow_stream *sock;
    size_t seen;
};
static vow_value read_part(void *data)
{
    struct reader *r = data;
    return vow_v(vow_then(vow_stream_read(r->sock, 65536), check_part, &r->seen));
}

static vow_value shut_down(UNUSED vow_value v, void *sock)
{
    EQ_INT(shutdown(vow_stream_fd(sock), SHUT_WR), 0);
    return VOW_SAME;
}

static void transfer(vow_loop *loop, vow_stream *from, vow_stream *to)
{
    enum { SIZE = 600 * 1024 };
    static const int sizes[] = {SIZE, SIZE};
    vow_buf *b = vow_buf_new(SIZE);
    for (size_t i = 0; b != NULL && i < SIZE; i++)
        vow_buf_bytes(b)[i] = (uint8_t)(i % 251);
    struct reader reader = {to, 0};
    vow_promise *p = vow_then(vow_stream_write_buf(from, b), shut_down, from);
    EXPECT_INTS(vow_all(loop, p, vow_repeat(loop, read_part, &reader)), 2, sizes);
    CHECK(reader.seen <= vow_stream_written(from));
}

SCENARIO(a_write_that_waits)
{
    oom_reports(0, 1); /* of the side that lost */
    int peer;
    vow_stream *s = make_pair(loop, &peer);
    if (s == NULL)
        return;
    vow_stream *t = vow_stream_from_fd(loop, peer);
    if (HAVE(t))
        transfer(loop, s, t);
    vow_stream_unref(s);
    vow_stream_unref(t);
}

SCENARIO(a_write_that_is_cancelled)
{
    oom_reports(0, 1); /* of one that had failed before */
    int peer;
    static char bytes[1 << 20];
    vow_stream *s = make_pair(loop, &peer);
    if (s == NULL)
        return;
    vow_promise *p = vow_attach(vow_stream_write(s, bytes, sizeof bytes), oom_owned(), oom_give_back);
    vow_promise *q = vow_stream_read(s, 10);
    vow_mark_handled(q);
    vow_cancel(p);
    EXPECT_ERROR(p, ECANCELED);
    vow_stream_close(s);
    EXPECT_ERROR(q, ECANCELED);
    vow_stream_unref(s);
    close(peer);
}

/* Listening, accepting, connecting. */

static vow_value send_back(vow_value v, void *sock)
{
    return vow_v(vow_stream_write_buf(sock, vow_buf_ref(vow_buf_of(v))));
}
static void drop_sock(void *sock) { vow_stream_unref(sock); }
static vow_value serve_client(vow_value v, UNUSED void *data)
{
    vow_stream *s = vow_stream_ref(vow_stream_of(v));
    vow_promise *p = vow_then(vow_stream_read_until(s, '\n', 100), send_back, s);
    return vow_v(vow_attach(p, s, drop_sock));
}
static vow_value ask(vow_value v, void *data)
{
    vow_stream **ret = data;
    *ret = vow_stream_ref(vow_stream_of(v));
    return vow_v(vow_stream_write(*ret, "hello\n", 6));
}
static vow_value hear(UNUSED vow_value v, void *sock)
{
    return vow_v(vow_stream_read_exact(*(vow_stream **)sock, 6));
}

static void exchange(vow_loop *loop, const char *host)
{
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    if (!HAVE(l))
        return;
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)vow_listener_port(l));
    vow_stream *client = NULL;
    vow_promise *server = vow_then(vow_accept(l), serve_client, NULL);
    vow_promise *p = vow_then(vow_sock_connect(loop, host, port), ask, &client);
    p = vow_then(p, hear, &client);
    vow_value v;
    if (EXPECT(vow_all(loop, server, p), &v)) { /* who fails ends the other */
        EQ_INT(vow_as_int(vow_at(v, 0)), 6);
        EQ_TEXT((char *)vow_buf_bytes(vow_buf_of(vow_at(v, 1))), "hello\n");
    }
    vow_release(v);
    EQ_INT(vow_run_all(loop), 0); /* a look-up that is not wanted any more */
    vow_stream_unref(client);
    vow_listener_close(l);
}

SCENARIO(an_exchange_by_name) { exchange(loop, "localhost"); }
SCENARIO(an_exchange) { exchange(loop, "127.0.0.1"); }

SCENARIO(connections_that_are_refused)
{
    vow_listener *l = vow_listen(loop, "127.0.0.1", 0, 0);
    if (!HAVE(l))
        return;
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)vow_listener_port(l));
    vow_listener_close(l);
    EXPECT_ERROR(vow_sock_connect(loop, "127.0.0.1", port), ECONNREFUSED);
    vow_promise *p =
        vow_attach(vow_sock_connect(loop, "localhost", port), oom_owned(), oom_give_back);
    EXPECT_ERROR(p, ECONNREFUSED);
    l = vow_listen(loop, "not an address", 0, 0);
    CHECK(l == NULL && errno == EINVAL);
}

SCENARIO(accepts_that_are_ended)
{
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    if (!HAVE(l))
        return;
    vow_promise *p[3];
    for (int i = 0; i < 3; i++) {
        p[i] = vow_attach(vow_accept(l), oom_owned(), oom_give_back);
        vow_mark_handled(p[i]);
    }
    vow_cancel(p[1]);
    EXPECT_ERROR(p[1], ECANCELED);
    vow_unref(p[0]);
    vow_listener_close(l);
    EXPECT_ERROR(p[2], ECANCELED);
}

/* Clients in turn; each gets a socket of its own. */
static int connect_plainly(vow_listener *l)
{
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons(vow_listener_port(l)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof name) == 0);
    return fd;
}

SCENARIO(clients_in_turn)
{
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    if (!HAVE(l))
        return;
    for (int i = 0; i < 3; i++) {
        vow_promise *p = vow_accept(l);
        vow_mark_handled(p);
        int fd = connect_plainly(l);
        vow_value v;
        if (EXPECT(p, &v)) {
            send_text(fd, "hello");
            EXPECT_BYTES(vow_stream_read_exact(vow_stream_of(v), 5), "hello");
        } else if (!oom_is_sticky()) { /* still in the backlog */
            CHECK(EXPECT(vow_accept(l), &v));
        }
        vow_release(v);
        close(fd);
    }
    vow_listener_close(l);
}

/* Out of descriptors the listener pauses, which takes a timer. */
SCENARIO(a_listener_that_pauses)
{
    vow_loop_set_clock(loop, NULL, NULL);
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    if (!HAVE(l))
        return;
    int client = connect_plainly(l), next = dup(0);
    close(next);
    struct rlimit before, lower;
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    lower = before;
    lower.rlim_cur = (rlim_t)next;
    CHECK(setrlimit(RLIMIT_NOFILE, &lower) == 0);
    vow_promise *p = vow_accept(l);
    vow_mark_handled(p);
    vow_poll(loop);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    vow_value v;
    int code = vow_run(loop, p, &v);
    if (code == EMFILE) /* no memory for the pause: it is told at once */
        CHECK_WITH_MEMORY(false);
    else if (code != 0)
        CHECK(oom_no_memory(vow_as_error(v)));
    vow_release(v);
    close(client);
    vow_listener_close(l);
}
