/* SPDX-License-Identifier: MIT
 *
 * net/eyeballs.c - RFC 8305, sections 4 and 5: a list of addresses, which may be joined by
 * others, the families in turn, each begun a while after the one before it or when that one has
 * failed; the first to answer wins.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapt/op.h"
#include "base/fd.h"
#include "base/mem.h"
#include "net/connect.h"
#include "net/sock_options.h"
#include "stream/stream.h"
#include "value/error.h"

enum { ATTEMPT_DELAY_MS = 250, FIRST_PAUSE_MS = 1, LONGEST_PAUSE_MS = 100 };

static void close_attempt(struct vow__attempt *a)
{
    if (a->event)
        vow__event_free(a->op->loop, a->event);
    a->event = NULL;
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
}

static struct vow__attempt *attempt_at(const struct vow__connecting *op, size_t i)
{
    return i < op->cut ? &op->lists[0].attempts[i] : &op->latest->attempts[i - op->cut];
}

void vow__connect_stop(void *data)
{
    struct vow__connecting *op = data;
    op->all = vow_unref(op->all);
    op->half = vow_unref(op->half);
    vow__pause_stop(&op->pause);
    for (size_t i = 0; i < op->begun; i++)
        close_attempt(attempt_at(op, i));
}

/* The order. */

static size_t address_count(const struct vow__connecting *op)
{
    vow_value list = op->latest->value;
    return vow_is(list, vow_array_type()) ? vow_count(list) : 1;
}

static const vow_address *address_at(const struct vow__connecting *op, size_t i)
{
    vow_value list = op->latest->value;
    return vow_address_of(vow_is(list, vow_array_type()) ? vow_at(list, i) : list);
}

static bool is_wanted(const struct vow__connecting *op, const vow_address *a)
{
    int family = vow_address_family(a);
    for (size_t i = 0; i < op->cut; i++)
        if (vow_address_equal(attempt_at(op, i)->address, a))
            return false;
    return (!op->options.family || op->options.family == family) &&
           (!op->options.local || vow_address_family(op->options.local) == family);
}

/* The next wanted address from *at on whose family is `family`, or is not; NULL: none. */
static const vow_address *next_of(const struct vow__connecting *op, size_t *at, int family,
                                  bool same)
{
    while (*at < address_count(op)) {
        const vow_address *a = address_at(op, (*at)++);
        if (is_wanted(op, a) && (vow_address_family(a) == family) == same)
            return a;
    }
    return NULL;
}

/* The families in turn, each in the order given: beginning with that of the first, or with
 * another one than has begun last. */
static void interleave(struct vow__connecting *op)
{
    size_t at[2] = {0, 0}, first = 0;
    unsigned missed = 0;
    bool same = op->cut == 0;
    while (first < address_count(op) && !is_wanted(op, address_at(op, first)))
        first++;
    if (first == address_count(op))
        return;
    int family = vow_address_family(op->cut == 0 ? address_at(op, first)
                                                 : attempt_at(op, op->cut - 1)->address);
    for (; missed < 2; same = !same) {
        const vow_address *a = next_of(op, &at[same], family, same);
        missed = a ? 0 : missed + 1;
        if (a)
            *attempt_at(op, op->n++) = (struct vow__attempt){.op = op, .address = a, .fd = -1};
    }
}

/* The attempts. */

static int bind_local(int fd, const vow_address *local)
{
    int failed = 0;
    if (vow_address_port(local))
        failed = vow__sock_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
#ifdef IP_BIND_ADDRESS_NO_PORT
    else if (vow_address_family(local) != AF_UNIX) /* only in need of a port that is unique there */
        vow__sock_set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
#endif
    if (!failed && bind(fd, (const struct sockaddr *)&local->storage, local->size))
        failed = errno;
    return failed;
}

/* Before it connects. 0 or an errno number. */
static int apply_options(const struct vow__connecting *op, int fd)
{
    int failed = 0;
    if (op->options.keepalive_s)
        failed = vow__sock_keepalive(fd, op->options.keepalive_s);
    if (!failed && op->options.local)
        failed = bind_local(fd, op->options.local);
    return failed;
}

static void on_answer(evutil_socket_t fd, short events, void *data);

/* 0: connected. EINPROGRESS: the answer will come. EAGAIN: no room in the queue of a unix
 * listener, who will not tell. Or why not. */
static int begin(struct vow__attempt *a)
{
    struct vow__connecting *op = a->op;
    if (a->fd < 0) {
        a->fd = vow__fd_socket(vow_address_family(a->address), SOCK_STREAM);
        int failed = a->fd < 0 ? errno : apply_options(op, a->fd);
        if (failed)
            return failed;
    }
    if (connect(a->fd, (const struct sockaddr *)&a->address->storage, a->address->size) == 0)
        return 0;
    if (errno != EINPROGRESS && errno != EINTR)
        return errno;
    a->event = vow__event_new(op->loop, a->fd, EV_WRITE, on_answer, a);
    int failed = a->event ? vow__event_add(a->event, NULL) : ENOMEM;
    return failed ? failed : EINPROGRESS;
}

static void succeed(struct vow__attempt *a)
{
    struct vow__connecting *op = a->op;
    vow_stream *s = op->stream;
    int fd = a->fd;
    a->fd = -1;
    op->stream = NULL;
    vow__connect_stop(op);
    vow__stream_set_fd(s, fd);
    if (op->options.nagle)
        vow__sock_set(fd, IPPROTO_TCP, TCP_NODELAY, 0);
    vow_resolve(op->resolver, vow_stream_value(s));
}

/* The last error is the outcome, unless it was memory that was missing; it carries the others. */
static void give_up(struct vow__connecting *op)
{
    struct vow__attempt *last = op->failed;
    for (size_t i = 0; i < op->begun; i++)
        if (vow_error_is(attempt_at(op, i)->error, vow_errno_domain(), ENOMEM))
            last = attempt_at(op, i);
    vow_error *e = last->error;
    last->error = NULL;
    for (size_t i = 0; i < op->begun; i++) {
        struct vow__attempt *a = attempt_at(op, i);
        if (a->error)
            vow_error_unref(vow__error_suppress(e, a->error));
        a->error = NULL;
    }
    vow_reject(op->resolver, e);
}

static void note_failure(struct vow__attempt *a, int code)
{
    struct vow__connecting *op = a->op;
    char text[VOW_ADDRESS_TEXT];
    vow_address_text(a->address, text, sizeof text);
    close_attempt(a);
    op->failed = a;
    if (!op->name[0] || (op->n == 1 && address_count(op) == 1 && !op->all))
        a->error = vow_error_new_at(op->where, vow_errno_domain(), code, "connect %s",
                                    op->name[0] ? op->name : text);
    else
        a->error = vow_error_new_at(op->where, vow_errno_domain(), code, "connect %s at %s",
                                    op->name, text);
}

/* True: its answer is still to come. False: it has failed, or all is settled. */
static bool try_one(struct vow__attempt *a, bool *ret_settled)
{
    struct vow__connecting *op = a->op;
    int failed = begin(a);
    *ret_settled = failed == 0;
    op->full = NULL;
    if (failed == 0) {
        succeed(a);
        return false;
    }
    if (failed == EAGAIN && vow_address_family(a->address) == AF_UNIX) {
        op->full = a;
        failed = vow__pause_begin(op->loop, &op->pause) ? ENOMEM : EINPROGRESS;
    }
    if (failed != EINPROGRESS)
        note_failure(a, failed);
    return failed == EINPROGRESS;
}

/* Nothing is left to try, or to wait for. */
static void fail(struct vow__connecting *op)
{
    if (op->n > 0)
        give_up(op);
    else
        vow_resolve(op->resolver, vow_fail_at(op->where, vow_errno_domain(), EAFNOSUPPORT,
                                              "connect %s: no address to try", op->name));
}

/* Begins the next one, and those behind it that need not wait for the ones before them. */
static void go_on(struct vow__connecting *op)
{
    vow__pause_stop(&op->pause);
    while (op->begun < op->n) {
        struct vow__attempt *a = attempt_at(op, op->begun++);
        bool settled;
        if (try_one(a, &settled)) {
            op->waiting++;
            /* without memory for the delay there is none */
            if (op->full || op->begun == op->n || !vow__pause_begin(op->loop, &op->pause))
                return;
        } else if (settled) {
            return;
        }
    }
    if (op->waiting == 0 && !op->all)
        fail(op);
}

void vow__connect_go_on(struct vow__connecting *op)
{
    if (!op->pause.end)
        go_on(op);
}

static void on_answer(evutil_socket_t fd, short events, void *data)
{
    (void)events;
    struct vow__attempt *a = data;
    struct vow__connecting *op = a->op;
    vow_loop *loop = op->loop;
    int failed = 0;
    socklen_t size = sizeof failed;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size))
        failed = errno;
    vow_enter(loop);
    op->waiting--;
    if (failed) {
        note_failure(a, failed);
        go_on(op);
    } else {
        event_free(a->event);
        a->event = NULL;
        succeed(a);
    }
    vow_leave(loop);
}

/* The delay is over, or the full listener is to be asked again. */
static void on_pause_over(void *data, int failed)
{
    struct vow__connecting *op = data;
    struct vow__attempt *a = op->full;
    bool settled;
    if (!a) {
        go_on(op); /* when there is no memory, without delay */
        return;
    }
    op->full = NULL;
    if (failed)
        note_failure(a, failed);
    else if (try_one(a, &settled) || settled)
        return;
    op->waiting--;
    go_on(op);
}

/* Room for the attempts, and the pauses between them. False: no memory. */
static bool prepare(struct vow__connecting *op)
{
    size_t n = address_count(op);
    op->latest->attempts = vow__alloc(n > 0 ? n * sizeof *op->latest->attempts : 1);
    if (!op->latest->attempts)
        return false;
    interleave(op);
    if (op->pause.over || op->n == 0)
        return true;
    bool here = vow_address_family(attempt_at(op, 0)->address) == AF_UNIX;
    uint64_t delay = op->options.attempt_delay_ms ? op->options.attempt_delay_ms : ATTEMPT_DELAY_MS;
    op->pause = (struct vow__pause){.first = here ? FIRST_PAUSE_MS : delay,
                                    .most = here ? LONGEST_PAUSE_MS : delay,
                                    .over = on_pause_over,
                                    .data = op};
    return true;
}

void vow__connect_fail(struct vow__connecting *op, vow_value error)
{
    vow__connect_stop(op);
    vow_resolve(op->resolver, error);
}

void vow__connect_join(struct vow__connecting *op, vow_value addresses)
{
    op->latest = op->latest ? &op->lists[1] : &op->lists[0];
    op->latest->value = addresses;
    op->cut = op->n = op->begun;
    if (prepare(op)) {
        vow__connect_go_on(op);
        return;
    }
    op->n = op->begun;
    vow__connect_fail(op, vow__fail_ready(ENOMEM));
}
