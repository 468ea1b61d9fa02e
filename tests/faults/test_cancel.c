/* SPDX-License-Identifier: MIT
 *
 * test_cancel.c - sockets, streams, pumps, names, driven libraries: ended after every turn.
 */
#include "faults/every_turn.h"

#include <signal.h>

enum { SOME_BYTES = 300 * 1000 };

static void open_pairs(vow_loop *loop, struct stage *w, int count)
{
    int few = 8192;
    for (int i = 0; i < count; i++) {
        EQ_INT(vow_unix_pair(loop, &w->s[2 * i]), 0);
        setsockopt(vow_stream_fd(w->s[2 * i]), SOL_SOCKET, SO_SNDBUF, &few, sizeof few);
    }
}

static vow_listener *listen_here(vow_loop *loop)
{
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    CHECK(l != NULL);
    return l;
}

static vow_value here(vow_listener *l) { return vow_address_value(vow_listener_address(l)); }

EVERY_TURN(a_connect_by_name, NULL)
{
    char port[8];
    w->listener = listen_here(loop);
    snprintf(port, sizeof port, "%u", vow_listener_port(w->listener));
    return vow_sock_connect(loop, net_local_name(), port);
}

EVERY_TURN(a_race_of_addresses, NULL)
{
    vow_listener *gone = listen_here(loop);
    vow_value first = here(gone);
    vow_listener_close(gone);
    w->listener = listen_here(loop);
    return vow_sock_connect_to(loop, vow_array(2, (vow_value[]){first, here(w->listener)}), NULL);
}

/* The client does not notice. */
static void is_connected(vow_loop *loop, struct stage *w)
{
    EQ_INT(vow_run(loop, w->side[0], NULL), 0);
    w->side[0] = NULL;
}

EVERY_TURN(an_accept, is_connected)
{
    w->listener = listen_here(loop);
    beside(w, 0, vow_sock_connect_to(loop, here(w->listener), NULL));
    return vow_accept(w->listener);
}

static void nothing_is_lost(vow_loop *loop, struct stage *w)
{
    rest_is(loop, w->s[1], was_read ? SOME_BYTES / 2 : 0, SOME_BYTES);
}

EVERY_TURN(a_read, nothing_is_lost)
{
    open_pairs(loop, w, 1);
    was_read = false;
    beside(w, 0, vow_stream_write_buf(w->s[0], count_up(SOME_BYTES)));
    return vow_then(vow_stream_read_exact(w->s[1], SOME_BYTES / 2), note_read, NULL);
}

static void as_much_came_as_was_written(vow_loop *loop, struct stage *w)
{
    vow_unref(w->side[0]);
    w->side[0] = NULL;
    size_t came = (size_t)vow_stream_written(w->s[2]); /* by the pump that took it away */
    rest_is(loop, w->s[3], 0, came);
    rest_is(loop, w->s[1], came, (size_t)vow_stream_written(w->s[0]));
}

/* The reader is a pump into a pair with much room. */
EVERY_TURN(a_write, as_much_came_as_was_written)
{
    open_pairs(loop, w, 1);
    EQ_INT(vow_stream_pair(loop, 1 << 20, &w->s[2]), 0);
    beside(w, 0, vow_pump(w->s[1], w->s[2], 0));
    return vow_stream_write_buf(w->s[0], count_up(SOME_BYTES));
}

static void what_was_not_written_can_be_read(vow_loop *loop, struct stage *w)
{
    size_t came = (size_t)vow_stream_written(w->s[2]);
    rest_is(loop, w->s[3], 0, came);
    rest_is(loop, w->s[1], came, SOME_BYTES);
}

/* From a slow pair. */
EVERY_TURN(a_pump, what_was_not_written_can_be_read)
{
    open_pairs(loop, w, 1);
    EQ_INT(vow_stream_pair(loop, 1 << 20, &w->s[2]), 0);
    beside(w, 0, vow_stream_write_buf(w->s[0], count_up(SOME_BYTES)));
    return vow_pump(w->s[1], w->s[2], SOME_BYTES);
}

EVERY_TURN(a_shutdown_and_the_end_it_makes, NULL)
{
    open_pairs(loop, w, 1);
    beside(w, 0, vow_stream_shutdown(w->s[0]));
    return vow_stream_read(w->s[1], 10);
}

EVERY_TURN(a_hang_up, NULL)
{
    open_pairs(loop, w, 1);
    vow_promise *p = vow_ready(loop, vow_stream_fd(w->s[1]), VOW_HANGUP);
    vow_stream_close(w->s[0]);
    return p;
}

static const char long_message[50000];

static vow_value once_more(vow_value v, void *data)
{
    (void)v, (void)data;
    return VOW_AGAIN;
}

static vow_value receive_packet(void *s)
{
    return vow_promise_value(vow_then(vow_unix_receive(s, 1000), once_more, NULL));
}

static vow_value receive_datagram(void *d)
{
    return vow_promise_value(vow_then(vow_dgram_receive(d, 10), once_more, NULL));
}

EVERY_TURN(a_descriptor_sent, NULL)
{
    static const int zero = 0;
    open_pairs(loop, w, 1);
    vow_message m = {
        .bytes = long_message, .size = sizeof long_message, .fds = &zero, .fd_count = 1};
    beside(w, 0, vow_repeat(loop, receive_packet, w->s[1]));
    return vow_unix_send(w->s[0], &m);
}

EVERY_TURN(a_descriptor_received, NULL)
{
    static const int zero = 0;
    open_pairs(loop, w, 1);
    vow_message m = {
        .bytes = long_message, .size = sizeof long_message, .fds = &zero, .fd_count = 1};
    beside(w, 0, vow_unix_send(w->s[0], &m));
    return vow_unix_receive(w->s[1], 1000);
}

/* The datagram is there for the next one, unless it was seen. */
static void the_datagram_is_there(vow_loop *loop, struct stage *w)
{
    if (!was_read)
        EQ_INT(vow_run(loop, vow_dgram_receive(w->d[1], 10), NULL), 0);
}

EVERY_TURN(a_datagram_received, the_datagram_is_there)
{
    EQ_INT(vow_unix_dgram_pair(loop, w->d), 0);
    was_read = false;
    beside(w, 0, vow_dgram_send(w->d[0], NULL, "hello", 5));
    return vow_then(vow_dgram_receive(w->d[1], 10), note_read, NULL);
}

/* The kernel's queue is full: it waits until some are received. */
EVERY_TURN(a_datagram_sent, NULL)
{
    EQ_INT(vow_unix_dgram_pair(loop, w->d), 0);
    vow_promise *p;
    for (;;) {
        p = vow_dgram_send(w->d[0], NULL, "hello", 5);
        if (vow_state(p) != VOW_FULFILLED)
            break;
        vow_unref(p);
    }
    beside(w, 0, vow_repeat(loop, receive_datagram, w->d[1]));
    return p;
}

EVERY_TURN(a_name, NULL) { return vow_dns_lookup(loop, net_local_name(), "80", AF_UNSPEC); }

EVERY_TURN(the_name_of_an_address, NULL)
{
    vow_address a;
    EQ_INT(vow_address_ip(&a, "127.0.0.1", 80), 0);
    return under_valgrind() ? vow_delay(loop, 1) : vow_dns_name(loop, &a); /* net_local_name */
}

static vow_value seven(void *data)
{
    usleep(1000);
    return vow_int(*(int *)data);
}

EVERY_TURN(a_job, NULL)
{
    int *number = malloc(sizeof *number);
    *number = 7;
    return vow_work(loop, NULL, seven, number, free);
}

/* Reads ten bytes from a pair, one in each step. */
struct library {
    int fd, bytes;
};

static bool step(void *data, int ready, vow_wants *wants, vow_value *ret)
{
    struct library *l = data;
    char byte;
    if (ready && read(l->fd, &byte, 1) == 1 && ++l->bytes == 10) {
        *ret = vow_int(l->bytes);
        return true;
    }
    *wants = (vow_wants){.fd = l->fd, .what = VOW_READ};
    return false;
}

EVERY_TURN(a_driven_library, NULL)
{
    struct library *l = malloc(sizeof *l);
    open_pairs(loop, w, 1);
    *l = (struct library){vow_stream_fd(w->s[1]), 0};
    beside(w, 0, vow_stream_write(w->s[0], "0123456789", 10));
    return vow_drive(loop, step, l, free);
}

static vow_value send_ourselves(vow_value v, void *data)
{
    (void)v, (void)data;
    return vow_int(raise(SIGUSR1));
}

EVERY_TURN(a_signal, NULL)
{
    signal(SIGUSR1, SIG_IGN);
    beside(w, 0, vow_then(vow_delay(loop, 1), send_ourselves, NULL));
    return vow_signal_info(loop, SIGUSR1);
}

static void end_signals(void *other) { vow_signals_free(other); }

EVERY_TURN(the_next_signal, NULL)
{
    int number = SIGUSR1;
    signal(SIGUSR1, SIG_IGN);
    w->other = vow_signals_new(loop, &number, 1);
    w->free_other = end_signals;
    beside(w, 0, vow_then(vow_delay(loop, 1), send_ourselves, NULL));
    return vow_signals_next_info(w->other);
}

static const char *const child[] = {"/bin/sh", "-c", "echo one; read x; echo $x; exit 7", NULL};

static void end_process(void *other) { vow_process_unref(other); }

EVERY_TURN(the_end_of_a_child, NULL)
{
    vow_process_options options = {.in = VOW_STDIO_PIPE, .out = VOW_STDIO_PIPE, .grace_ms = 1};
    vow_value v;
    EQ_INT(vow_run(loop, vow_process_start(loop, child, &options), &v), 0);
    w->other = vow_process_ref(vow_process_of(v));
    w->free_other = end_process;
    vow_release(v);
    beside(w, 0, vow_stream_write(vow_process_in(w->other), "two\n", 4));
    beside(w, 1, vow_stream_read_until(vow_process_out(w->other), 'o', 100));
    return vow_process_wait(w->other);
}

EVERY_TURN(a_child_and_what_it_writes, NULL)
{
    vow_process_options options = {.in = VOW_STDIO_NULL, .out = VOW_STDIO_PIPE};
    return vow_process_run(loop, child, &options, 1000);
}
