/* SPDX-License-Identifier: MIT */
#include "adapt/net.h"
#include "adapt/sweep.h"

/* What glibc's resolver keeps for each thread that asked it, valgrind counts as lost. */
static bool cannot_look_up(void) { return under_valgrind(); }

static const char *text_of_port(uint16_t port)
{
    static char text[8];
    snprintf(text, sizeof text, "%u", port);
    return text;
}

/* A port that nobody listens on. */
static uint16_t free_port(void)
{
    uint16_t port;
    close(net_listen(&port));
    return port;
}

/* Both ends, connected by `host`, exchange a word. */
static void meet(vow_loop *loop, const char *host)
{
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    vow_promise *accepted = vow_accept(l);
    vow_value here, there;
    EQ_INT(vow_run(loop, vow_sock_connect(loop, host, text_of_port(vow_listener_port(l))), &here),
           0);
    EQ_INT(vow_run(loop, accepted, &there), 0);
    EQ_INT(vow_run(loop, vow_stream_write(vow_stream_of(here), "hello", 5), NULL), 0);
    EQ_READ(vow_stream_read_exact(vow_stream_of(there), 5), "hello");
    vow_release(here);
    vow_release(there);
    vow_listener_close(l);
}

TEST(connects_to_an_address) { meet(loop, "127.0.0.1"); }

/* Where it stands for ::1 too, nobody listens there: the second address is tried. */
TEST(connects_to_a_name)
{
    if (cannot_look_up())
        return;
    meet(loop, "localhost");
}

/* scenario 146 */
TEST(a_refused_connection_says_whose)
{
    vow_value v;
    const char *port = text_of_port(free_port());
    EQ_INT(vow_run(loop, vow_sock_connect(loop, "127.0.0.1", port), &v), ECONNREFUSED);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "connect 127.0.0.1:");
    HAS_TEXT(vow_error_message(vow_as_error(v)), port);
    vow_release(v);
}

/* scenario 146 */
TEST(a_name_whose_addresses_all_refuse)
{
    if (cannot_look_up())
        return;
    vow_promise *p = vow_sock_connect(loop, "localhost", text_of_port(free_port()));
    EQ_INT(vow_run(loop, p, NULL), ECONNREFUSED);
}

/* scenario 146 */
TEST(an_unreachable_address_rejects)
{
    vow_value v;
    CHECK(vow_run(loop, vow_sock_connect(loop, "255.255.255.255", "9"), &v) != 0);
    vow_release(v);
}

/* A listener whose backlog is full: connecting to it takes for ever. */
struct full {
    int listener, waiting[3];
    uint16_t port;
};

static struct full make_full(void)
{
    struct full full;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    full.listener = net_listen(&full.port);
    EQ_INT(listen(full.listener, 0), 0);
    name.sin_port = htons(full.port);
    for (int i = 0; i < 3; i++) {
        full.waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(full.waiting[i], (struct sockaddr *)&name, sizeof name);
    }
    return full;
}

static void close_full(const struct full *full)
{
    close(full->listener);
    for (int i = 0; i < 3; i++)
        close(full->waiting[i]);
}

/* scenario 146 */
TEST(a_time_out_closes_the_descriptor)
{
    struct full full = make_full();
    vow_promise *p = vow_sock_connect(loop, "127.0.0.1", text_of_port(full.port));
    p = vow_timeout(p, 1000);
    vow_mark_handled(p);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_clock_advance(loop, 1000);
    EQ_INT(vow_run(loop, p, NULL), ETIMEDOUT);
    close_full(&full);
}

TEST(cancelled_or_dropped_while_connecting)
{
    struct full full = make_full();
    vow_promise *p = vow_sock_connect(loop, "127.0.0.1", text_of_port(full.port));
    vow_poll(loop);
    vow_cancel(p);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    vow_unref(vow_sock_connect(loop, "127.0.0.1", text_of_port(full.port)));
    EQ_INT(vow_run_all(loop), 0);
    close_full(&full);
}

TEST(cancelled_or_dropped_during_the_look_up)
{
    if (cannot_look_up())
        return;
    vow_promise *p = vow_sock_connect(loop, "localhost", "1");
    vow_cancel(p);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    vow_unref(vow_sock_connect(loop, "localhost", "1"));
    EQ_INT(vow_run_all(loop), 0);
}

/* scenario 148 */
TEST(a_name_that_is_not_found)
{
    vow_value v;
    if (cannot_look_up())
        return;
    CHECK(vow_run(loop, vow_sock_connect(loop, "no-such-host.invalid", "80"), &v) != 0);
    const vow_error *e = vow_as_error(v);
    EQ_PTR(vow_error_domain(e), vow_gai_domain());
    HAS_TEXT(vow_error_message(e), "look up no-such-host.invalid:80");
    vow_release(v);
    CHECK(vow_run(loop, vow_sock_connect(loop, "127.0.0.1", "no-such-service"), &v) != 0);
    EQ_PTR(vow_error_domain(vow_as_error(v)), vow_gai_domain());
    vow_release(v);
}

TEST(a_closing_loop_ends_the_attempt)
{
    struct full full = make_full();
    vow_promise *p = vow_sock_connect(loop, "127.0.0.1", text_of_port(full.port));
    vow_loop_close(loop);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    p = vow_sock_connect(loop, "127.0.0.1", "1");
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    close_full(&full);
}

TEST_PANICS(no_host_is_misuse, "the host or the service is NULL")
{
    vow_unref(vow_sock_connect(loop, NULL, "80"));
}

static int connect_to(vow_loop *loop, const char *host)
{
    uint16_t port;
    int listener = net_listen(&port);
    vow_value v;
    int code = vow_run(loop, vow_sock_connect(loop, host, text_of_port(port)), &v);
    vow_release(v);
    close(listener);
    return code;
}

static int connect_by_address(vow_loop *loop) { return connect_to(loop, "127.0.0.1"); }

static int connect_by_name(vow_loop *loop) { return connect_to(loop, "localhost"); }

TEST_PLAIN(every_allocation_may_fail) { sweep(connect_by_address); }

TEST(every_allocation_of_a_look_up_may_fail)
{
    if (cannot_look_up())
        return;
    EQ_INT(connect_by_name(loop), 0); /* the pool's own memory stays */
    sweep(connect_by_name);
}
