/* SPDX-License-Identifier: MIT
 *
 * test_crowd.c - ten thousand connections from a second process, ramped; each hears its echo,
 * then all are idle, then the other process dies.
 */
#include <signal.h>
#include <sys/wait.h>

#include "adapt/heap.h"
#include "adapt/net.h"

enum { MANY = 10000, AT_A_TIME = 100, NEEDED = MANY + 100 };

/* The second process. Clients connect a hundred at a time, and each hears its echo before the
 * next hundred come; thousands of connects at once would only measure retries. */
static void be_the_clients(uint16_t port, int told)
{
    int *fd = calloc(MANY, sizeof *fd);
    for (int first = 0; first < MANY; first += AT_A_TIME) {
        for (int i = first; i < first + AT_A_TIME; i++) {
            fd[i] = net_connect(port);
            net_send(fd[i], "hello");
        }
        for (int i = first; i < first + AT_A_TIME; i++) {
            char bytes[5];
            CHECK(recv(fd[i], bytes, 5, MSG_WAITALL) == 5 && memcmp(bytes, "hello", 5) == 0);
        }
    }
    CHECK(write(told, "1", 1) == 1);
    pause(); /* until it is killed */
}

struct server {
    vow_listener *listener;
    int served, ended, failed;
};
struct client {
    struct server *server;
    vow_stream *stream;
};

static void free_client(void *data)
{
    struct client *client = data;
    vow_stream_unref(client->stream);
    free(client);
}

static vow_value on_written(vow_value v, void *data)
{
    (void)v;
    ((struct client *)data)->server->served++;
    return VOW_AGAIN;
}

static vow_value on_bytes(vow_value v, void *data)
{
    struct client *client = data;
    vow_buf *b = vow_buf_of(v);
    if (vow_buf_size(b) == 0)
        return vow_none();
    return vow_v(vow_then(vow_stream_write_buf(client->stream, vow_buf_ref(b)), on_written, data));
}

static vow_value serve_once(void *data)
{
    return vow_v(vow_then(vow_stream_read(((struct client *)data)->stream, 4096), on_bytes, data));
}

static vow_value on_end(vow_value v, void *data)
{
    struct server *server = data;
    server->ended++;
    server->failed += vow_is_error(v);
    return vow_none();
}

static vow_value on_client(vow_value v, void *data)
{
    struct client *client = malloc(sizeof *client);
    *client = (struct client){data, vow_stream_ref(vow_stream_of(v))};
    vow_promise *p = vow_repeat_with(vow_current(), serve_once, client, free_client);
    vow_detach(vow_handle(p, on_end, data), NULL, NULL, NULL);
    return VOW_AGAIN;
}

static vow_value accept_once(void *data)
{
    return vow_v(vow_then(vow_accept(((struct server *)data)->listener), on_client, data));
}

static bool enough_descriptors(void)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_max < NEEDED)
        return false;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

TEST_PLAIN(ten_thousand_connections_are_served_and_idle_ones_cost_little)
{
    if (!enough_descriptors() || under_valgrind()) {
        fprintf(stderr, "SKIPPED: %d descriptors are needed\n", NEEDED);
        return;
    }
    heap_watch();
    loop = vow_loop_new();
    int told[2];
    struct server server = {.listener = vow_listen(loop, NULL, 0, 0)};
    EQ_INT(pipe(told), 0);
    vow_promise *accepting = vow_repeat(loop, accept_once, &server);
    vow_poll(loop);
    size_t before = heap.now;
    pid_t clients = fork();
    if (clients == 0) {
        be_the_clients(vow_listener_port(server.listener), told[1]);
        _exit(1);
    }
    EQ_INT(vow_run(loop, vow_ready(loop, told[0], VOW_READ), NULL), 0);
    EQ_INT(server.served, MANY);
    EQ_INT(server.ended, 0);
    size_t each = (heap.now - before) / MANY;
    if (each > 1024)
        FAIL("%zu bytes an idle connection", each);
    kill(clients, SIGKILL);
    EQ_INT(waitpid(clients, NULL, 0), clients);
    while (server.ended < MANY)
        EQ_INT(vow_run(loop, vow_delay(loop, 1), NULL), 0);
    EQ_INT(server.failed, 0);
    vow_unref(accepting);
    vow_listener_close(server.listener);
    vow_loop_free(loop);
    close(told[0]);
    close(told[1]);
}
