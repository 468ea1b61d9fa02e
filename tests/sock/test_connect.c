/* SPDX-License-Identifier: MIT */
#include <netinet/tcp.h>

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

/* Several addresses. */

static vow_value address_value(const char *host, uint16_t port)
{
    vow_address a;
    EQ_INT(vow_address_ip(&a, host, port), 0);
    return vow_address_value(&a);
}

static vow_value two_addresses(vow_value first, vow_value second)
{
    return vow_array(2, (vow_value[]){first, second});
}

static uint16_t port_of_peer(vow_stream *s)
{
    vow_address a;
    EQ_INT(vow_address_peer(&a, vow_stream_fd(s)), 0);
    return vow_address_port(&a);
}

/* RFC 8305, section 5: 250 ms on the loop's clock. */
TEST(the_next_address_is_tried_when_the_first_has_not_answered_for_a_while)
{
    uint16_t port;
    struct full full = make_full();
    int listener = net_listen(&port);
    vow_promise *p = vow_sock_connect_to(
        loop, two_addresses(address_value("127.0.0.1", full.port), address_value("127.0.0.1", port)),
        NULL);
    vow_poll(loop);
    vow_clock_advance(loop, 249);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_clock_advance(loop, 1);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_UINT(port_of_peer(vow_stream_of(v)), port); /* the other is closed: see the census */
    vow_release(v);
    close(listener);
    close_full(&full);
}

TEST(the_delay_is_the_programs_to_choose)
{
    uint16_t port;
    struct full full = make_full();
    int listener = net_listen(&port);
    vow_connect_options options = {.attempt_delay_ms = 10};
    vow_promise *p = vow_sock_connect_to(
        loop, two_addresses(address_value("127.0.0.1", full.port), address_value("127.0.0.1", port)),
        &options);
    vow_poll(loop);
    vow_clock_advance(loop, 10);
    EQ_INT(vow_run(loop, p, NULL), 0);
    close(listener);
    close_full(&full);
}

/* A slow answer is not given up when the next attempt begins. */
TEST(the_first_to_answer_wins_though_it_was_not_the_last_to_begin)
{
    struct full full = make_full(), other = make_full();
    vow_promise *p = vow_sock_connect_to(loop,
                                         two_addresses(address_value("127.0.0.1", full.port),
                                                       address_value("127.0.0.1", other.port)),
                                         NULL);
    vow_poll(loop);
    vow_clock_advance(loop, 250);
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_INT(listen(full.listener, 16), 0); /* room: the kernel asks again within a second */
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_UINT(port_of_peer(vow_stream_of(v)), full.port);
    vow_release(v);
    close_full(&full);
    close_full(&other);
}

TEST(a_failure_begins_the_next_attempt_at_once)
{
    uint16_t port, nobody = free_port();
    int listener = net_listen(&port);
    vow_promise *p = vow_sock_connect_to(
        loop, two_addresses(address_value("127.0.0.1", nobody), address_value("127.0.0.1", port)),
        NULL);
    EQ_INT(vow_run(loop, p, NULL), 0); /* the clock stands still */
    close(listener);
}

/* RFC 8305, section 4: the families in turn, the first one's first. */
TEST(the_families_take_turns_and_the_last_error_carries_the_others)
{
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"};
    static const char *const tried[] = {"127.0.0.3", "127.0.0.1", "[::1]", "127.0.0.2"};
    vow_value list[4], v;
    uint16_t nobody = free_port();
    for (int i = 0; i < 4; i++)
        list[i] = address_value(hosts[i], nobody);
    EQ_INT(vow_run(loop, vow_sock_connect_to(loop, vow_array(4, list), NULL), &v), ECONNREFUSED);
    const vow_error *e = vow_as_error(v);
    HAS_TEXT(vow_error_message(e), tried[0]);
    e = vow_error_suppressed(e);
    for (int i = 1; i < 4; i++, e = vow_error_next(e)) {
        CHECK(e != NULL);
        HAS_TEXT(vow_error_message(e), tried[i]);
    }
    EQ_PTR(e, NULL);
    vow_release(v);
}

TEST(a_name_that_fails_says_at_which_addresses)
{
    vow_value v;
    if (cannot_look_up())
        return;
    vow_connect_options options = {.family = AF_INET};
    vow_promise *p =
        vow_sock_connect_how(loop, "localhost", text_of_port(free_port()), &options);
    EQ_INT(vow_run(loop, p, &v), ECONNREFUSED);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "connect localhost:");
    EQ_PTR(vow_error_suppressed(vow_as_error(v)), NULL);
    vow_release(v);
}

TEST(only_the_wanted_family_is_tried)
{
    uint16_t port;
    int listener = net_listen(&port);
    vow_connect_options options = {.family = AF_INET};
    vow_promise *p = vow_sock_connect_to(
        loop, two_addresses(address_value("::1", port), address_value("127.0.0.1", port)), &options);
    EQ_INT(vow_run(loop, p, NULL), 0);
    options.family = AF_INET6;
    p = vow_sock_connect_to(loop, address_value("127.0.0.1", port), &options);
    EQ_INT(vow_run(loop, p, NULL), EAFNOSUPPORT);
    p = vow_sock_connect_to(loop, vow_array(0, NULL), NULL);
    EQ_INT(vow_run(loop, p, NULL), EAFNOSUPPORT);
    p = vow_sock_connect_to(loop, vow_fail(EPERM, "no address"), NULL);
    EQ_INT(vow_run(loop, p, NULL), EPERM);
    close(listener);
}

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    EQ_INT(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

TEST(options_of_the_connection)
{
    uint16_t port;
    vow_address local, told;
    vow_value v;
    int listener = net_listen(&port);
    EQ_INT(vow_address_ip(&local, "127.0.0.5", 0), 0);
    vow_connect_options options = {.keepalive_s = 77, .nagle = true, .local = &local};
    EQ_INT(vow_run(loop, vow_sock_connect_to(loop, address_value("127.0.0.1", port), &options), &v),
           0);
    int fd = vow_stream_fd(vow_stream_of(v));
    EQ_INT(vow_address_local(&told, fd), 0);
    vow_address_set_port(&told, 0);
    CHECK(vow_address_equal(&told, &local));
    EQ_INT(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    EQ_INT(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 77);
    EQ_INT(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 77);
    EQ_INT(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 0);
    vow_release(v);
    EQ_INT(vow_run(loop, vow_sock_connect(loop, "127.0.0.1", text_of_port(port)), &v), 0);
    EQ_INT(option_of(vow_stream_fd(vow_stream_of(v)), IPPROTO_TCP, TCP_NODELAY), 1);
    vow_release(v);
    EQ_INT(vow_address_ip(&local, "127.0.0.6", free_port()), 0);
    EQ_INT(vow_run(loop, vow_sock_connect_to(loop, address_value("127.0.0.1", port), &options), &v),
           0);
    EQ_INT(vow_address_local(&told, vow_stream_fd(vow_stream_of(v))), 0);
    CHECK(vow_address_equal(&told, &local));
    vow_release(v);
    EQ_INT(vow_address_ip(&local, "192.0.2.1", 0), 0);
    vow_promise *p = vow_sock_connect_to(loop, address_value("127.0.0.1", port), &options);
    EQ_INT(vow_run(loop, p, NULL), EADDRNOTAVAIL);
    close(listener);
}

/* Nothing begun, one attempt pending, two pending; by cancel, by drop, by the loop's end. */
TEST(ended_at_each_point_of_the_race)
{
    struct full full = make_full(), other = make_full();
    for (int ending = 0; ending < 3; ending++) {
        for (int point = 0; point < 3; point++) {
            vow_test *inner = vow_test_begin();
            vow_loop *own = vow_test_loop(inner);
            vow_promise *p = vow_sock_connect_to(
                own, two_addresses(address_value("127.0.0.1", full.port),
                                   address_value("127.0.0.1", other.port)), NULL);
            vow_mark_handled(p);
            if (point > 0)
                vow_poll(own);
            if (point > 1)
                vow_clock_advance(own, 250);
            if (ending == 0) {
                vow_cancel(p);
                EQ_INT(vow_run(own, p, NULL), ECANCELED);
            } else {
                if (ending == 2)
                    vow_loop_close(own);
                vow_unref(p);
            }
            const char *complaint = vow_test_end(inner);
            if (complaint)
                FAIL("ending %d at point %d: %s", ending, point, complaint);
        }
    }
    close_full(&full);
    close_full(&other);
}

/* Too few descriptors for all of them: those that can be are tried. */
TEST(an_attempt_without_a_descriptor_is_one_that_failed)
{
    uint16_t port;
    int listener = net_listen(&port);
    for (int room = 0; room < 4; room++) {
        vow_value to =
            two_addresses(address_value("127.0.0.1", free_port()), address_value("127.0.0.1", port));
        vow_poll(loop);
        struct rlimit before = net_limit_descriptors(room);
        int code = vow_run(loop, vow_sock_connect_to(loop, to, NULL), NULL);
        setrlimit(RLIMIT_NOFILE, &before);
        CHECK(under_valgrind() || code == (room == 0 ? EMFILE : 0) || code == EMFILE);
        CHECK(room < 3 || code == 0);
    }
    close(listener);
}

static int connect_to_the_second(vow_loop *loop)
{
    uint16_t port;
    int listener = net_listen(&port);
    vow_value first = address_value("127.0.0.1", free_port()),
              second = address_value("127.0.0.1", port);
    int code = vow_is_error(first) || vow_is_error(second) ? ENOMEM : 0;
    vow_loop_set_clock(loop, NULL, NULL);
    vow_value to = two_addresses(first, second);
    if (code)
        vow_release(to);
    else
        code = vow_run(loop, vow_sock_connect_to(loop, to, NULL), NULL);
    close(listener);
    return code;
}

TEST_PLAIN(every_allocation_of_a_race_may_fail) { sweep(connect_to_the_second); }
