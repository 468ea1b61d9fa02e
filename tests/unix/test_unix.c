/* SPDX-License-Identifier: MIT */
#include <sys/stat.h>
#include <sys/un.h>

#include "adapt/net.h"
#include "adapt/sweep.h"

/* A path of this test's own. */
static const char *own_path(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/vow-test-unix-%ld", (long)getpid());
    unlink(path);
    return path;
}

static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

/* The stream that p is fulfilled with; the caller's. */
static vow_stream *stream_of(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    return vow_stream_of(v);
}

static void exchange(vow_loop *loop, const char *path)
{
    vow_listener *l = vow_unix_listen(loop, path, 0);
    CHECK(l != NULL && vow_listener_port(l) == 0);
    vow_promise *accepted = vow_accept(l);
    vow_stream *here = stream_of(loop, vow_unix_connect(loop, path));
    vow_stream *there = stream_of(loop, accepted);
    EQ_INT(vow_run(loop, vow_stream_write(here, "hello", 5), NULL), 0);
    EQ_READ(vow_stream_read_exact(there, 5), "hello");
    vow_stream_unref(here);
    vow_stream_unref(there);
    vow_listener_close(l);
}

TEST(streams_by_path_whose_file_goes_with_the_listener)
{
    const char *path = own_path();
    exchange(loop, path);
    CHECK(!exists(path));
}

TEST(streams_by_a_name_without_a_file)
{
    char name[64];
    snprintf(name, sizeof name, "@vow-test-%ld", (long)getpid());
    exchange(loop, name);
}

TEST(a_path_that_is_in_use_or_left_behind)
{
    vow_address a;
    const char *path = own_path();
    vow_listen_options replace = {.replace = true};
    EQ_INT(vow_address_unix(&a, path), 0);
    vow_listener *l = vow_unix_listen(loop, path, 0);
    CHECK(vow_listen_on(loop, &a, &replace) == NULL); /* somebody listens */
    EQ_INT(errno, EADDRINUSE);
    CHECK(exists(path));
    vow_listener_close(l);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    EQ_INT(bind(fd, (struct sockaddr *)&a.storage, a.size), 0);
    close(fd); /* the file stays */
    CHECK(vow_unix_listen(loop, path, 0) == NULL);
    EQ_INT(errno, EADDRINUSE);
    l = vow_listen_on(loop, &a, &replace);
    CHECK(l != NULL);
    vow_listener_close(l);
    fd = open(path, O_CREAT | O_RDWR, 0600); /* no socket: never touched */
    close(fd);
    CHECK(vow_listen_on(loop, &a, &replace) == NULL);
    EQ_INT(errno, EADDRINUSE);
    EQ_INT(unlink(path), 0);
}

TEST(nobody_there_or_no_path_at_all)
{
    char large[200];
    memset(large, 'x', sizeof large);
    large[199] = 0;
    vow_value v;
    EQ_INT(vow_run(loop, vow_unix_connect(loop, own_path()), &v), ENOENT);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "connect unix:/tmp/vow-test-unix-");
    vow_release(v);
    EQ_INT(vow_run(loop, vow_unix_connect(loop, "@vow-nobody"), NULL), ECONNREFUSED);
    EQ_INT(vow_run(loop, vow_unix_connect(loop, large), NULL), ENAMETOOLONG);
    EQ_INT(vow_run(loop, vow_unix_connect(loop, ""), NULL), EINVAL);
    CHECK(vow_unix_listen(loop, large, 0) == NULL);
    EQ_INT(errno, ENAMETOOLONG);
}

/* A listener whose queue is full says EAGAIN at once, and never when there is room again. */
TEST(connecting_waits_for_room_in_the_listeners_queue)
{
    vow_listener *l = vow_unix_listen(loop, "@", 1);
    vow_promise *p[8];
    for (int i = 0; i < 8; i++)
        p[i] = vow_sock_connect_to(loop, vow_address_value(vow_listener_address(l)), NULL);
    vow_poll(loop);
    EQ_INT(vow_state(p[0]), VOW_FULFILLED);
    EQ_INT(vow_state(p[7]), VOW_PENDING);
    vow_cancel(p[6]);
    EQ_INT(vow_run(loop, p[6], NULL), ECANCELED);
    for (int i = 0; i < 7; i++) {
        vow_promise *accepted = vow_accept(l);
        vow_clock_advance(loop, 1000);
        vow_stream_unref(stream_of(loop, accepted));
    }
    for (int i = 0; i < 8; i++)
        EQ_INT(i == 6 ? 0 : vow_run(loop, p[i], NULL), 0);
    vow_listener_close(l);
}

TEST(a_listener_that_closes_refuses_who_waited_for_room)
{
    vow_listener *l = vow_unix_listen(loop, "@", 1);
    vow_promise *p[4];
    for (int i = 0; i < 4; i++)
        vow_mark_handled(
            p[i] = vow_sock_connect_to(loop, vow_address_value(vow_listener_address(l)), NULL));
    vow_poll(loop);
    EQ_INT(vow_state(p[3]), VOW_PENDING);
    vow_listener_close(l);
    vow_clock_advance(loop, 1000);
    EQ_INT(vow_run(loop, p[3], NULL), ECONNREFUSED);
    for (int i = 0; i < 3; i++)
        vow_unref(p[i]); /* some of them were in the queue */
}

TEST(a_pair_of_streams)
{
    vow_stream *s[2];
    EQ_INT(vow_unix_pair(loop, s), 0);
    EQ_INT(vow_run(loop, vow_stream_write(s[0], "over", 4), NULL), 0);
    EQ_READ(vow_stream_read(s[1], 10), "over");
    vow_unix_peer peer;
    EQ_INT(vow_unix_peer_of(&peer, vow_stream_fd(s[0])), 0);
    EQ_INT(peer.pid, getpid());
    EQ_INT(peer.uid, getuid());
    EQ_INT(peer.gid, getgid());
    vow_stream_unref(s[0]);
    vow_stream_unref(s[1]);
    EQ_INT(vow_unix_peer_of(&peer, -1), EBADF);
    int alone = socket(AF_UNIX, SOCK_STREAM, 0);
    EQ_INT(vow_unix_peer_of(&peer, alone), ENOTCONN);
    close(alone);
}

TEST(datagrams_by_path_and_their_senders)
{
    const char *path = own_path();
    vow_address to;
    vow_value v;
    EQ_INT(vow_address_unix(&to, path), 0);
    vow_dgram *server = vow_unix_dgram(loop, path), *client = vow_unix_dgram(loop, "@"),
              *nobody = vow_unix_dgram(loop, NULL);
    CHECK(server && client && nobody);
    EQ_INT(vow_run(loop, vow_dgram_send(client, &to, "ask", 3), NULL), 0);
    EQ_INT(vow_run(loop, vow_dgram_receive(server, 10), &v), 0);
    const vow_address *from = vow_packet_from(vow_packet_of(v));
    EQ_INT(vow_run(loop, vow_dgram_send(server, from, "answer", 6), NULL), 0);
    vow_release(v);
    EQ_INT(vow_run(loop, vow_dgram_receive(client, 10), NULL), 0);
    EQ_INT(vow_run(loop, vow_dgram_send(nobody, &to, "x", 1), NULL), 0);
    EQ_INT(vow_run(loop, vow_dgram_receive(server, 10), &v), 0);
    EQ_UINT(vow_packet_from(vow_packet_of(v))->size <= sizeof(sa_family_t), true);
    vow_release(v);
    vow_dgram_unref(client);
    vow_dgram_unref(nobody);
    CHECK(vow_unix_dgram(loop, path) == NULL);
    EQ_INT(errno, EADDRINUSE);
    vow_dgram_unref(server);
    CHECK(!exists(path));
}

/* Descriptors. */

/* How many this process has. */
static int census(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* The writing end `sent` of a pipe arrived as another number: what goes in there comes out. */
static void check_is_pipe(int got, int reading)
{
    char byte = 0;
    CHECK(got >= 0 && (fcntl(got, F_GETFD) & FD_CLOEXEC));
    CHECK(write(got, "p", 1) == 1 && read(reading, &byte, 1) == 1 && byte == 'p');
    close(got);
}

TEST(descriptors_beside_a_datagram)
{
    int ends[2];
    vow_dgram *d[2];
    vow_value v;
    EQ_INT(vow_unix_dgram_pair(loop, d), 0);
    EQ_INT(pipe(ends), 0);
    vow_message m = {.bytes = "two", .size = 3, .fds = (int[]){ends[1], ends[1]}, .fd_count = 2};
    EQ_INT(vow_run(loop, vow_dgram_send_message(d[0], &m), NULL), 0);
    EQ_INT(vow_run(loop, vow_dgram_receive(d[1], 10), &v), 0);
    vow_packet *p = vow_packet_ref(vow_packet_of(v));
    vow_release(v);
    EQ_UINT(vow_packet_fd_count(p), 2);
    CHECK(!vow_packet_truncated(p));
    check_is_pipe(vow_packet_take_fd(p, 0), ends[0]);
    EQ_INT(vow_packet_take_fd(p, 0), -1);
    vow_packet_unref(p); /* closes the other */
    close(ends[0]);
    close(ends[1]);
    vow_dgram_unref(d[0]);
    vow_dgram_unref(d[1]);
}

TEST(descriptors_beside_the_bytes_of_a_stream)
{
    int ends[2];
    vow_stream *s[2];
    vow_value v;
    EQ_INT(vow_unix_pair(loop, s), 0);
    EQ_INT(pipe(ends), 0);
    vow_promise *waits = vow_unix_receive(s[1], 100);
    vow_poll(loop);
    vow_message m = {.bytes = "here it is", .size = 10, .fds = &ends[1], .fd_count = 1};
    EQ_INT(vow_run(loop, vow_unix_send(s[0], &m), NULL), 0);
    EQ_INT(vow_run(loop, waits, &v), 0);
    vow_packet *p = vow_packet_of(v);
    EQ_UINT(vow_buf_size(vow_packet_buf(p)), 10);
    EQ_INT(vow_address_family(vow_packet_from(p)), AF_UNSPEC);
    check_is_pipe(vow_packet_take_fd(p, 0), ends[0]);
    vow_release(v);
    vow_stream_close(s[0]);
    EQ_INT(vow_run(loop, vow_unix_receive(s[1], 100), &v), 0);
    EQ_UINT(vow_buf_size(vow_packet_buf(vow_packet_of(v))), 0); /* the end */
    vow_release(v);
    close(ends[0]);
    close(ends[1]);
    vow_stream_unref(s[0]);
    vow_stream_unref(s[1]);
}

TEST(bytes_that_the_stream_had_read_before_come_first)
{
    vow_stream *s[2];
    vow_value v;
    EQ_INT(vow_unix_pair(loop, s), 0);
    EQ_INT(vow_run(loop, vow_stream_write(s[0], "line\nrest", 9), NULL), 0);
    EQ_READ(vow_stream_read_until(s[1], '\n', 100), "line\n");
    vow_promise *p = vow_unix_receive(s[1], 100);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    EQ_INT(vow_run(loop, p, &v), 0);
    vow_buf *b = vow_packet_buf(vow_packet_of(v));
    EQ_UINT(vow_buf_size(b), 4);
    EQ_BYTES(vow_buf_bytes(b), "rest", 4);
    vow_release(v);
    vow_stream_unref(s[0]);
    vow_stream_unref(s[1]);
}

/* More than the kernel takes at once: the descriptors go with the first bytes. */
TEST(a_large_message_with_a_descriptor)
{
    enum { SIZE = 1 << 20 };
    int ends[2];
    vow_stream *s[2];
    vow_value v;
    char *bytes = calloc(1, SIZE);
    EQ_INT(vow_unix_pair(loop, s), 0);
    EQ_INT(pipe(ends), 0);
    vow_message m = {.bytes = bytes, .size = SIZE, .fds = &ends[1], .fd_count = 1};
    vow_promise *sent = vow_unix_send(s[0], &m);
    vow_poll(loop);
    EQ_INT(vow_state(sent), VOW_PENDING);
    EQ_INT(vow_run(loop, vow_unix_receive(s[1], 10), &v), 0);
    check_is_pipe(vow_packet_take_fd(vow_packet_of(v), 0), ends[0]);
    vow_release(v);
    EQ_INT(vow_run(loop, vow_stream_read_exact(s[1], SIZE - 10), NULL), 0);
    EQ_INT(vow_run(loop, sent, &v), 0);
    EQ_INT(vow_as_int(v), SIZE);
    free(bytes);
    close(ends[0]);
    close(ends[1]);
    vow_stream_unref(s[0]);
    vow_stream_unref(s[1]);
}

/* scenario 151 */
TEST(descriptors_that_there_is_no_room_for_leave_no_leak)
{
    int ends[2], many[20];
    vow_stream *s[2];
    vow_dgram *d[2];
    EQ_INT(vow_unix_pair(loop, s), 0);
    EQ_INT(vow_unix_dgram_pair(loop, d), 0);
    EQ_INT(pipe(ends), 0);
    for (int i = 0; i < 20; i++)
        many[i] = ends[1];
    vow_message m = {.bytes = "many", .size = 4, .fds = many, .fd_count = 20};
    int before = census();
    for (int room = 0; room <= 20; room++) {
        vow_value v;
        EQ_INT(vow_run(loop, room % 2 ? vow_unix_send(s[0], &m) : vow_dgram_send_message(d[0], &m),
                       NULL),
               0);
        struct rlimit limit = net_limit_descriptors(room);
        vow_promise *p = room % 2 ? vow_unix_receive(s[1], 10) : vow_dgram_receive(d[1], 10);
        int code = vow_run(loop, p, &v);
        setrlimit(RLIMIT_NOFILE, &limit);
        EQ_INT(code, 0);
        EQ_UINT(vow_packet_fd_count(vow_packet_of(v)), under_valgrind() ? 20 : room);
        EQ_INT(vow_packet_truncated(vow_packet_of(v)), room < 20 && !under_valgrind());
        vow_release(v);
        EQ_INT(census(), before);
    }
    close(ends[0]);
    close(ends[1]);
    for (int i = 0; i < 2; i++) {
        vow_stream_unref(s[i]);
        vow_dgram_unref(d[i]);
    }
}

/* scenario 151 */
TEST(descriptors_that_nobody_receives_are_closed)
{
    int ends[2], before = census();
    char byte;
    vow_dgram *d[2];
    EQ_INT(vow_unix_dgram_pair(loop, d), 0);
    EQ_INT(pipe(ends), 0);
    vow_message m = {.bytes = "x", .size = 1, .fds = &ends[1], .fd_count = 1};
    for (int i = 0; i < 3; i++)
        EQ_INT(vow_run(loop, vow_dgram_send_message(d[0], &m), NULL), 0);
    close(ends[1]);
    vow_promise *unseen = vow_dgram_receive(d[1], 10), *cancelled = vow_dgram_receive(d[1], 10);
    vow_cancel(cancelled);
    EQ_INT(vow_run(loop, cancelled, NULL), ECANCELED);
    while (vow_state(unseen) == VOW_PENDING)
        vow_poll(loop);
    vow_unref(unseen);
    vow_dgram_unref(d[0]);
    vow_dgram_unref(d[1]);
    EQ_INT(read(ends[0], &byte, 1), 0); /* nobody has its other end */
    close(ends[0]);
    EQ_INT(census(), before);
}

TEST(a_send_or_receive_that_cannot_begin)
{
    vow_stream *s[2];
    vow_message none = {.bytes = "", .size = 0}, m = {.bytes = "x", .size = 1};
    EQ_INT(vow_unix_pair(loop, s), 0);
    EQ_INT(vow_run(loop, vow_unix_send(s[0], &none), NULL), EINVAL);
    m.fd_count = 254;
    EQ_INT(vow_run(loop, vow_unix_send(s[0], &m), NULL), EINVAL);
    vow_dgram *d = vow_unix_dgram(loop, NULL);
    EQ_INT(vow_run(loop, vow_dgram_send_message(d, &m), NULL), EMSGSIZE);
    vow_dgram_unref(d);
    m = (vow_message){.bytes = "x", .size = 1, .fds = (int[]){-1}, .fd_count = 1};
    EQ_INT(vow_run(loop, vow_unix_send(s[0], &m), NULL), EBADF);
    vow_promise *busy = vow_stream_read(s[0], 1), *waits = vow_unix_receive(s[1], 1);
    vow_mark_handled(waits);
    EQ_INT(vow_run(loop, vow_unix_receive(s[0], 1), NULL), EBUSY);
    vow_unref(busy);
    vow_poll(loop);
    vow_stream_close(s[1]);
    EQ_INT(vow_run(loop, waits, NULL), EBADF);
    EQ_INT(vow_run(loop, vow_unix_receive(s[1], 1), NULL), EBADF);
    EQ_INT(vow_run(loop, vow_unix_send(s[1], &m), NULL), EBADF);
    m.fd_count = 0;
    EQ_INT(vow_run(loop, vow_unix_send(s[0], &m), NULL), EPIPE);
    vow_stream_unref(s[0]);
    vow_stream_unref(s[1]);
}

TEST(few_descriptors_or_a_closed_loop)
{
    vow_stream *s[2];
    vow_dgram *d[2];
    for (int room = 0; room < 2; room++) {
        struct rlimit before = net_limit_descriptors(room);
        int one = vow_unix_pair(loop, s), two = vow_unix_dgram_pair(loop, d);
        vow_dgram *single = vow_unix_dgram(loop, "@");
        int three = single ? 0 : errno;
        setrlimit(RLIMIT_NOFILE, &before);
        vow_dgram_unref(single);
        CHECK(under_valgrind() || (one == EMFILE && two == EMFILE && three == (room ? 0 : EMFILE)));
    }
    vow_loop_close(loop);
    EQ_INT(vow_unix_pair(loop, s), ESHUTDOWN);
    EQ_INT(vow_unix_dgram_pair(loop, d), ESHUTDOWN);
    CHECK(vow_unix_dgram(loop, "@") == NULL);
    vow_promise *p = vow_unix_connect(loop, "@x");
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
}

static int pass_one(vow_loop *loop)
{
    int code, zero = 0;
    vow_stream *s[2];
    vow_dgram *d[2];
    vow_message m = {.bytes = "x", .size = 1, .fds = &zero, .fd_count = 1};
    if ((code = vow_unix_pair(loop, s)) != 0)
        return code;
    if ((code = vow_unix_dgram_pair(loop, d)) == 0) {
        code = vow_run(loop, vow_unix_send(s[0], &m), NULL);
        if (!code)
            code = vow_run(loop, vow_unix_receive(s[1], 1), NULL);
        if (!code)
            code = vow_run(loop, vow_dgram_send_message(d[0], &m), NULL);
        if (!code)
            code = vow_run(loop, vow_dgram_receive(d[1], 1), NULL);
        vow_dgram_unref(d[0]);
        vow_dgram_unref(d[1]);
    }
    vow_stream_unref(s[0]);
    vow_stream_unref(s[1]);
    return code;
}

static int listen_and_connect(vow_loop *loop)
{
    vow_listener *l = vow_unix_listen(loop, "@", 0);
    if (!l)
        return errno;
    vow_value v = vow_none();
    vow_value to = vow_address_value(vow_listener_address(l));
    int code = vow_run(loop, vow_sock_connect_to(loop, to, NULL), &v);
    vow_release(v);
    if (!code)
        code = vow_run(loop, vow_accept(l), NULL);
    vow_listener_close(l);
    return code;
}

TEST_PLAIN(every_allocation_may_fail)
{
    sweep(pass_one);
    sweep(listen_and_connect);
}

TEST_PANICS(no_path_is_misuse, "the path is NULL") { vow_unref(vow_unix_connect(loop, NULL)); }
