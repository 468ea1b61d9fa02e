/* SPDX-License-Identifier: MIT
 *
 * test_dns.c - names, with a system that hangs or fails when the test says so: getaddrinfo
 * and getnameinfo are defined here, in front of libc's.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>

#include "adapt/net.h"
#include "adapt/sweep.h"

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned asked;         /* look-ups in the pool that have begun */
    bool hangs;             /* they do not end while this is set */
    int code, system_error; /* what they end with; 0: libc's own answer */
    unsigned asked_half;    /* look-ups of one family of "slow.half", whose others hang */
    int half_code;          /* what they end with */
} sys = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static int begin(void)
{
    pthread_mutex_lock(&sys.lock);
    sys.asked++;
    pthread_cond_broadcast(&sys.changed);
    while (sys.hangs)
        pthread_cond_wait(&sys.changed, &sys.lock);
    int code = sys.code;
    errno = sys.system_error;
    pthread_mutex_unlock(&sys.lock);
    return code;
}

static int ask_half(void)
{
    pthread_mutex_lock(&sys.lock);
    sys.asked_half++;
    int code = sys.half_code;
    pthread_mutex_unlock(&sys.lock);
    return code;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    bool numeric = hints && hints->ai_flags & AI_NUMERICHOST, slow = strcmp(host, "slow.half") == 0;
    if (!numeric && slow && hints->ai_family == AF_INET)
        return ask_half() ? sys.half_code : real("127.0.0.1", service, hints, ret);
    int code = numeric ? 0 : begin();
    if (code == 0 && !numeric && (slow || strcmp(host, "two.addresses") == 0)) {
        code = real(slow ? "127.0.0.2" : "127.0.0.1", service, hints, ret);
        return code ? code
                    : real(slow ? "127.0.0.1" : "127.0.0.2", service, hints, &(*ret)->ai_next);
    }
    return code ? code : real(host, service, hints, ret);
}

int getnameinfo(const struct sockaddr *name, socklen_t size, char *host, socklen_t host_size,
                char *service, socklen_t service_size, int flags)
{
    int (*real)(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int);
    *(void **)&real = dlsym(RTLD_NEXT, "getnameinfo");
    int code = begin();
    return code ? code : real(name, size, host, host_size, service, service_size, flags);
}

static void set_system(bool hangs, int code, int system_error)
{
    pthread_mutex_lock(&sys.lock);
    sys.hangs = hangs;
    sys.code = code;
    sys.system_error = system_error;
    pthread_cond_broadcast(&sys.changed);
    pthread_mutex_unlock(&sys.lock);
}

static void wait_until_asked(unsigned times)
{
    pthread_mutex_lock(&sys.lock);
    while (sys.asked < times)
        pthread_cond_wait(&sys.changed, &sys.lock);
    pthread_mutex_unlock(&sys.lock);
}

/* Without a process for each test, what the one before has set is still there. */
static void well_again(void)
{
    sys.asked = sys.asked_half = 0;
    sys.half_code = 0;
    set_system(false, 0, 0);
}

/* What glibc's resolver keeps for each thread that asked it, valgrind counts as lost. */
static bool cannot_look_up(void) { return under_valgrind(); }

/* p's addresses as text. */
static const char *addresses(vow_loop *loop, vow_promise *p)
{
    static char text[1024];
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    *text = 0;
    for (size_t i = 0; i < vow_count(v); i++) {
        size_t used = strlen(text);
        if (i > 0)
            text[used++] = ' ';
        vow_address_text(vow_address_of(vow_at(v, i)), text + used, sizeof text - used);
    }
    vow_release(v);
    return text;
}

#define EQ_ERROR(p, domain, code, part) expect_error(__LINE__, loop, p, domain, code, part)
static void expect_error(int line, vow_loop *loop, vow_promise *p, const vow_domain *domain,
                         int code, const char *part)
{
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), code);
    harness_eq_ptr(__FILE__, line, "domain", vow_error_domain(vow_as_error(v)), domain);
    harness_has_text(__FILE__, line, "message", vow_error_message(vow_as_error(v)), part);
    vow_release(v);
}

TEST(numbers_need_no_look_up)
{
    well_again();
    vow_promise *p = vow_dns_lookup(loop, "127.0.0.1", "80", AF_UNSPEC);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    EQ_TEXT(addresses(loop, p), "127.0.0.1:80");
    EQ_TEXT(addresses(loop, vow_dns_lookup(loop, "::1", "443", AF_UNSPEC)), "[::1]:443");
    EQ_TEXT(addresses(loop, vow_dns_lookup(loop, "10.1.2.3", NULL, AF_INET)), "10.1.2.3:0");
    EQ_UINT(sys.asked, 0);
}

TEST(a_name_becomes_addresses_each_of_them_once)
{
    well_again();
    if (cannot_look_up())
        return;
    EQ_TEXT(addresses(loop, vow_dns_lookup(loop, "localhost", "80", AF_INET)), "127.0.0.1:80");
    EQ_UINT(sys.asked, 1);
    const char *both = addresses(loop, vow_dns_lookup(loop, "localhost", "80", AF_UNSPEC));
    HAS_TEXT(both, "127.0.0.1:80");
}

TEST(a_service_by_name_of_tcp_or_of_udp_alone)
{
    well_again();
    if (cannot_look_up())
        return;
    EQ_TEXT(addresses(loop, vow_dns_lookup(loop, "127.0.0.1", "domain", AF_INET)), "127.0.0.1:53");
    EQ_TEXT(addresses(loop, vow_dns_lookup(loop, "127.0.0.1", "tftp", AF_INET)), "127.0.0.1:69");
}

/* scenario 148 */
TEST(a_look_up_that_fails_later)
{
    well_again();
    if (cannot_look_up())
        return;
    EQ_ERROR(vow_dns_lookup(loop, "127.0.0.1", "no-such-service", AF_UNSPEC), vow_gai_domain(),
             EAI_SERVICE, "look up 127.0.0.1:no-such-service");
    EQ_ERROR(vow_dns_lookup(loop, "::1", NULL, AF_INET), vow_gai_domain(), EAI_ADDRFAMILY,
             "look up ::1");
    set_system(false, EAI_NONAME, 0);
    EQ_ERROR(vow_dns_lookup(loop, "no.such.host", "80", AF_UNSPEC), vow_gai_domain(), EAI_NONAME,
             "look up no.such.host:80");
    set_system(false, EAI_AGAIN, 0);
    EQ_ERROR(vow_dns_lookup(loop, "slow", NULL, AF_UNSPEC), vow_gai_domain(), EAI_AGAIN,
             "look up slow");
    set_system(false, EAI_SYSTEM, EMFILE);
    EQ_ERROR(vow_dns_lookup(loop, "host", "80", AF_UNSPEC), vow_errno_domain(), EMFILE,
             "look up host:80");
    set_system(false, EAI_MEMORY, 0);
    EQ_ERROR(vow_dns_lookup(loop, "host", "80", AF_UNSPEC), vow_errno_domain(), ENOMEM, "");
}

/* scenario 148 */
TEST(a_look_up_that_fails_at_once)
{
    well_again();
    vow_test_fail_allocation(1, false);
    vow_promise *p = vow_dns_lookup(loop, "host", "80", AF_UNSPEC);
    vow_test_fail_allocation(0, false);
    EQ_INT(vow_state(p), VOW_REJECTED);
    EQ_INT(vow_run(loop, p, NULL), ENOMEM);
    vow_loop_close(loop);
    p = vow_dns_lookup(loop, "host", "80", AF_UNSPEC);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
}

/* All threads of the pool hang; the fifth look-up waits for one. */
static void hang_all(vow_loop *loop, vow_promise *p[5])
{
    set_system(true, EAI_NONAME, 0);
    for (int i = 0; i < 5; i++) {
        p[i] = vow_dns_lookup(loop, "hangs", "80", AF_UNSPEC);
        vow_mark_handled(p[i]);
    }
    wait_until_asked(4);
}

TEST(cancelled_while_it_waits_it_never_begins)
{
    well_again();
    vow_promise *p[5];
    hang_all(loop, p);
    vow_cancel(p[4]);
    vow_cancel(p[0]);
    EQ_INT(vow_run(loop, p[4], NULL), ECANCELED);
    EQ_INT(vow_run(loop, p[0], NULL), ECANCELED); /* its thread still hangs */
    vow_unref(p[1]);
    set_system(false, EAI_NONAME, 0);
    EQ_INT(vow_run(loop, p[2], NULL), EAI_NONAME);
    EQ_INT(vow_run(loop, p[3], NULL), EAI_NONAME);
    EQ_INT(vow_run_all(loop), 0); /* waits for what goes on in the background */
    EQ_UINT(sys.asked, 4);
}

TEST(files_do_not_wait_for_names)
{
    well_again();
    vow_promise *p[5];
    hang_all(loop, p);
    EQ_INT(vow_run(loop, vow_file_read(loop, "/proc/self/stat", 0), NULL), 0);
    EQ_INT(vow_state(p[3]), VOW_PENDING);
    set_system(false, EAI_NONAME, 0);
    for (int i = 0; i < 5; i++)
        EQ_INT(vow_run(loop, p[i], NULL), EAI_NONAME);
}

TEST(a_time_limit_is_kept_though_the_system_hangs)
{
    well_again();
    set_system(true, EAI_NONAME, 0);
    vow_promise *p = vow_timeout(vow_dns_lookup(loop, "hangs", "80", AF_UNSPEC), 100);
    vow_mark_handled(p);
    vow_clock_advance(loop, 100);
    EQ_INT(vow_run(loop, p, NULL), ETIMEDOUT);
    set_system(false, EAI_NONAME, 0);
    EQ_INT(vow_run_all(loop), 0);
}

/* The thread gives its memory back itself when the loop is gone. */
TEST_PLAIN(closing_the_loop_waits_for_no_name)
{
    well_again();
    size_t blocks = vow_test_blocks();
    loop = vow_loop_new();
    vow_promise *p[5];
    hang_all(loop, p);
    vow_loop_close(loop);
    for (int i = 0; i < 5; i++) {
        EQ_INT(vow_error_code(vow_error_of(p[i])), VOW_ECLOSED);
        vow_unref(p[i]);
    }
    vow_loop_free(loop);
    CHECK(vow_test_blocks() > blocks);
    set_system(false, EAI_NONAME, 0);
    while (vow_test_blocks() != blocks) /* under the test's time limit */
        sched_yield();
}

/* scenario 146 */
TEST(a_connection_by_name_says_at_which_addresses_it_failed)
{
    well_again();
    uint16_t port;
    char text[8];
    vow_value v;
    if (cannot_look_up())
        return;
    close(net_listen(&port));
    snprintf(text, sizeof text, "%u", port);
    EQ_INT(vow_run(loop, vow_sock_connect(loop, "two.addresses", text), &v), ECONNREFUSED);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "connect two.addresses:");
    HAS_TEXT(vow_error_message(vow_as_error(v)), " at 127.0.0.2:");
    HAS_TEXT(vow_error_message(vow_error_suppressed(vow_as_error(v))), " at 127.0.0.1:");
    vow_release(v);
}

/* RFC 8305, section 3: half of the answer will do, when the other half does not come. */

/* A listener on this address, and its port as text. */
static vow_listener *listen_on(vow_loop *loop, const char *address, char text[8])
{
    vow_listener *l = vow_listen(loop, address, 0, 0);
    CHECK(l != NULL);
    snprintf(text, 8, "%u", vow_listener_port(l));
    return l;
}

/* Connecting to slow.half; the look-up of all its addresses hangs. */
static vow_promise *connect_slowly(vow_loop *loop, const char *port)
{
    set_system(true, 0, 0);
    vow_promise *p = vow_sock_connect(loop, "slow.half", port);
    wait_until_asked(1);
    return p;
}

static bool half_was_asked(void)
{
    pthread_mutex_lock(&sys.lock);
    bool asked = sys.asked_half > 0;
    pthread_mutex_unlock(&sys.lock);
    return asked;
}

/* The half of it has come, and was tried. */
static void half_is_tried(vow_loop *loop)
{
    vow_clock_advance(loop, 50);
    for (int i = 0; vow_pool_running(vow_pool_own(VOW_POOL_NAMES)) > 1 || !half_was_asked(); i++) {
        CHECK(i < 1000000);
        vow_poll(loop);
    }
    for (int i = 0; i < 10; i++)
        vow_poll(loop);
}

TEST(a_connection_by_name_begins_with_half_of_a_slow_answer)
{
    well_again();
    char port[8];
    vow_listener *l = listen_on(loop, "127.0.0.1", port);
    vow_promise *p = connect_slowly(loop, port);
    vow_clock_advance(loop, 49);
    vow_poll(loop);
    EQ_UINT(sys.asked_half, 0);
    vow_clock_advance(loop, 1);
    EQ_INT(vow_run(loop, p, NULL), 0);
    EQ_UINT(sys.asked_half, 1);
    set_system(false, 0, 0);
    EQ_INT(vow_run_all(loop), 0);
    vow_listener_close(l);
}

TEST(a_quick_answer_is_asked_for_once)
{
    well_again();
    char port[8];
    vow_listener *l = listen_on(loop, "127.0.0.2", port);
    EQ_INT(vow_run(loop, vow_sock_connect(loop, "slow.half", port), NULL), 0);
    vow_clock_advance(loop, 50);
    EQ_INT(vow_run_all(loop), 0);
    EQ_UINT(sys.asked, 1);
    EQ_UINT(sys.asked_half, 0);
    vow_listener_close(l);
}

TEST(addresses_that_are_found_late_are_tried_too)
{
    well_again();
    char port[8];
    vow_listener *l = listen_on(loop, "127.0.0.2", port);
    vow_promise *p = connect_slowly(loop, port);
    half_is_tried(loop);
    EQ_INT(vow_state(p), VOW_PENDING); /* refused: waits for the others */
    set_system(false, 0, 0);
    EQ_INT(vow_run(loop, p, NULL), 0);
    vow_listener_close(l);
}

TEST(each_address_is_tried_once_and_the_last_error_is_the_outcome)
{
    well_again();
    uint16_t nobody;
    char port[8];
    vow_value v;
    close(net_listen(&nobody));
    snprintf(port, sizeof port, "%u", nobody);
    vow_promise *p = connect_slowly(loop, port);
    half_is_tried(loop);
    set_system(false, 0, 0);
    EQ_INT(vow_run(loop, p, &v), ECONNREFUSED);
    HAS_TEXT(vow_error_message(vow_as_error(v)), " at 127.0.0.2:");
    const vow_error *before = vow_error_suppressed(vow_as_error(v));
    HAS_TEXT(vow_error_message(before), "127.0.0.1:");
    EQ_PTR(vow_error_next(before), NULL);
    vow_release(v);
    well_again();
    p = connect_slowly(loop, port);
    half_is_tried(loop);
    set_system(false, EAI_AGAIN, 0);
    EQ_INT(vow_run(loop, p, NULL), ECONNREFUSED); /* half of it was there */
}

TEST(half_an_answer_that_is_none_waits_for_the_whole)
{
    well_again();
    char port[8];
    vow_listener *l = listen_on(loop, "127.0.0.1", port);
    sys.half_code = EAI_NONAME;
    vow_promise *p = connect_slowly(loop, port);
    half_is_tried(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    set_system(false, 0, 0);
    EQ_INT(vow_run(loop, p, NULL), 0);
    vow_listener_close(l);
    well_again();
    sys.half_code = EAI_NONAME;
    p = connect_slowly(loop, port);
    half_is_tried(loop);
    set_system(false, EAI_AGAIN, 0);
    EQ_INT(vow_run(loop, p, NULL), EAI_AGAIN);
}

TEST(only_who_wants_all_families_asks_for_half)
{
    well_again();
    vow_connect_options options = {.family = AF_INET6};
    set_system(true, EAI_NONAME, 0);
    vow_promise *p = vow_sock_connect_how(loop, "slow.half", "1", &options);
    wait_until_asked(1);
    vow_clock_advance(loop, 100);
    vow_poll(loop);
    set_system(false, EAI_NONAME, 0);
    EQ_INT(vow_run(loop, p, NULL), EAI_NONAME);
    EQ_UINT(sys.asked_half, 0);
}

TEST(cancelled_or_dropped_while_half_of_the_answer_is_there)
{
    well_again();
    char port[8];
    vow_listener *l = listen_on(loop, "127.0.0.2", port); /* where half of it is refused */
    for (int how = 0; how < 4; how++) {
        well_again();
        vow_promise *p = connect_slowly(loop, port);
        if (how < 2)
            half_is_tried(loop);
        if (how % 2)
            vow_cancel(p);
        EQ_INT(how % 2 ? vow_run(loop, p, NULL) : ECANCELED, ECANCELED);
        if (how % 2 == 0)
            vow_unref(p);
        set_system(false, 0, 0);
        EQ_INT(vow_run_all(loop), 0);
    }
    vow_listener_close(l);
}

static int connect_by_halves(vow_loop *loop)
{
    char port[8];
    vow_listener *l = vow_listen(loop, "127.0.0.2", 0, 0);
    if (!l)
        return errno;
    snprintf(port, sizeof port, "%u", vow_listener_port(l));
    well_again();
    set_system(true, 0, 0);
    vow_promise *p = vow_sock_connect(loop, "slow.half", port);
    vow_mark_handled(p);
    vow_clock_advance(loop, 50);
    for (int i = 0; i < 100 && !half_was_asked(); i++)
        vow_poll(loop);
    set_system(false, 0, 0);
    int code = vow_run(loop, p, NULL);
    (void)vow_run_all(loop);
    vow_listener_close(l);
    return code;
}

TEST(every_allocation_of_a_connection_by_halves_may_fail)
{
    EQ_INT(connect_by_halves(loop), 0); /* the pool's own memory stays */
    sweep(connect_by_halves);
}

TEST(an_address_becomes_a_name)
{
    well_again();
    if (cannot_look_up())
        return;
    vow_address a;
    vow_value v;
    EQ_INT(vow_address_parse(&a, "127.0.0.1:80"), 0);
    EQ_INT(vow_run(loop, vow_dns_name(loop, &a), &v), 0);
    EQ_TEXT(vow_as_text(v), "localhost");
    vow_release(v);
}

TEST(an_address_without_a_name)
{
    well_again();
    vow_address a;
    EQ_INT(vow_address_parse(&a, "192.0.2.1"), 0);
    set_system(false, EAI_NONAME, 0);
    EQ_ERROR(vow_dns_name(loop, &a), vow_gai_domain(), EAI_NONAME, "name of 192.0.2.1:0");
    set_system(false, EAI_SYSTEM, EMFILE);
    EQ_ERROR(vow_dns_name(loop, &a), vow_errno_domain(), EMFILE, "name of 192.0.2.1:0");
    set_system(false, EAI_MEMORY, 0);
    EQ_INT(vow_run(loop, vow_dns_name(loop, &a), NULL), ENOMEM);
    EQ_INT(vow_address_parse(&a, "unix:/x"), 0);
    EQ_ERROR(vow_dns_name(loop, &a), vow_gai_domain(), EAI_FAMILY, "name of an address");
    vow_loop_close(loop);
    vow_promise *p = vow_dns_name(loop, &a);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
}

TEST_PANICS(no_host_is_misuse, "the host is NULL")
{
    vow_unref(vow_dns_lookup(loop, NULL, "80", AF_INET));
}

static int look_up_a_number(vow_loop *loop)
{
    return vow_run(loop, vow_dns_lookup(loop, "127.0.0.1", "80", AF_INET), NULL);
}

static int look_up_both_ways(vow_loop *loop)
{
    vow_value v;
    int code = vow_run(loop, vow_dns_lookup(loop, "localhost", "80", AF_INET), &v);
    if (code == 0)
        code = vow_run(loop, vow_dns_name(loop, vow_address_of(vow_at(v, 0))), NULL);
    vow_release(v);
    return code;
}

TEST_PLAIN(every_allocation_may_fail) { sweep(look_up_a_number); }

TEST(every_allocation_of_a_look_up_may_fail)
{
    well_again();
    if (cannot_look_up())
        return;
    EQ_INT(look_up_both_ways(loop), 0); /* the pool's own memory stays */
    sweep(look_up_both_ways);
}
