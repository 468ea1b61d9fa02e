/* SPDX-License-Identifier: MIT
 *
 * adapt/eyeballs.c - RFC 8305, sections 4 and 5: a list of addresses, the families in turn,
 * each begun a while after the one before it or when that one has failed; the first to answer
 * wins.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapt/connect.h"
#include "adapt/op.h"
#include "adapt/stream.h"
#include "base/fd.h"
#include "base/mem.h"
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

void vow__connect_stop(struct vow__connecting *op)
{
    vow__pause_stop(&op->pause);
    for (size_t i = 0; i < op->begun; i++)
        close_attempt(&op->attempts[i]);
}

/* The order. */

static size_t address_count(const struct vow__connecting *op)
{
    return vow_is(op->addresses, vow_array_type()) ? vow_count(op->addresses) : 1;
}

static const vow_address *address_at(const struct vow__connecting *op, size_t i)
{
    return vow_address_of(vow_is(op->addresses, vow_array_type()) ? vow_at(op->addresses, i)
                                                                  : op->addresses);
}

static bool is_wanted(const struct vow__connecting *op, const vow_address *a)
{
    int family = vow_address_family(a);
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

/* The families in turn, beginning with that of the first, each in the order given. */
static void interleave(struct vow__connecting *op)
{
    size_t at[2] = {0, 0}, first = 0;
    unsigned missed = 0;
    bool same = true;
    while (first < address_count(op) && !is_wanted(op, address_at(op, first)))
        first++;
    if (first == address_count(op))
        return;
    int family = vow_address_family(address_at(op, first));
    for (; missed < 2; same = !same) {
        const vow_address *a = next_of(op, &at[same], family, same);
        missed = a ? 0 : missed + 1;
        if (a)
            op->attempts[op->n++] = (struct vow__attempt){.op = op, .address = a, .fd = -1};
    }
}

/* The attempts. */

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) ? errno : 0;
}

static int set_keepalive(int fd, int s)
{
    int failed = set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
    if (!failed)
        failed = set(fd, IPPROTO_TCP, TCP_KEEPIDLE, s);
    if (!failed)
        failed = set(fd, IPPROTO_TCP, TCP_KEEPINTVL, s);
    if (!failed)
        failed = set(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
#else
    (void)s;
#endif
    return failed;
}

static int bind_local(int fd, const vow_address *local)
{
    int failed = 0;
    if (vow_address_port(local))
        failed = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
#ifdef IP_BIND_ADDRESS_NO_PORT
    else if (vow_address_family(local) != AF_UNIX) /* only in need of a port that is unique there */
        set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
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
        failed = set_keepalive(fd, (int)op->options.keepalive_s);
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
        set(fd, IPPROTO_TCP, TCP_NODELAY, 0);
    vow_resolve(op->resolver, vow_stream_value(s));
}

/* The last error is the outcome, unless it was memory that was missing; it carries the others. */
static void give_up(struct vow__connecting *op, struct vow__attempt *last)
{
    for (size_t i = 0; i < op->begun; i++)
        if (vow_error_is(op->attempts[i].error, vow_errno_domain(), ENOMEM))
            last = &op->attempts[i];
    vow_error *e = last->error;
    last->error = NULL;
    for (size_t i = 0; i < op->begun; i++) {
        if (op->attempts[i].error)
            vow_error_unref(vow__error_suppress(e, op->attempts[i].error));
        op->attempts[i].error = NULL;
    }
    vow_reject(op->resolver, e);
}

static void note_failure(struct vow__attempt *a, int code)
{
    const struct vow__connecting *op = a->op;
    char text[VOW_ADDRESS_TEXT];
    vow_address_text(a->address, text, sizeof text);
    close_attempt(a);
    if (!op->name[0] || (op->n == 1 && address_count(op) == 1))
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

/* Begins the next one, and those behind it that need not wait for the ones before them.
 * `last` is the one that failed last, or NULL. */
static void go_on(struct vow__connecting *op, struct vow__attempt *last)
{
    vow__pause_stop(&op->pause);
    while (op->begun < op->n) {
        struct vow__attempt *a = &op->attempts[op->begun++];
        bool settled;
        if (try_one(a, &settled)) {
            op->waiting++;
            /* without memory for the delay there is none */
            if (op->full || op->begun == op->n || !vow__pause_begin(op->loop, &op->pause))
                return;
        } else if (settled) {
            return;
        } else {
            last = a;
        }
    }
    if (op->waiting == 0)
        give_up(op, last);
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
        go_on(op, a);
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
        go_on(op, NULL); /* when there is no memory, without delay */
        return;
    }
    op->full = NULL;
    if (failed)
        note_failure(a, failed);
    else if (try_one(a, &settled) || settled)
        return;
    op->waiting--;
    go_on(op, a);
}

static void stop(void *data) { vow__connect_stop(data); }

/* Room for the attempts, and the pauses between them. False: no memory. */
static bool prepare(struct vow__connecting *op)
{
    size_t n = address_count(op);
    op->attempts = vow__alloc(n > 0 ? n * sizeof *op->attempts : 1);
    if (!op->attempts)
        return false;
    interleave(op);
    bool here = op->n > 0 && vow_address_family(op->attempts->address) == AF_UNIX;
    uint64_t delay = op->options.attempt_delay_ms ? op->options.attempt_delay_ms : ATTEMPT_DELAY_MS;
    op->pause = (struct vow__pause){.first = here ? FIRST_PAUSE_MS : delay,
                                    .most = here ? LONGEST_PAUSE_MS : delay,
                                    .over = on_pause_over,
                                    .data = op};
    return true;
}

vow_promise *vow__connect_race(struct vow__connecting *op, vow_value addresses)
{
    vow_promise *p;
    op->addresses = addresses;
    if (!prepare(op)) {
        p = vow__op_no_memory(op->loop);
        vow__connect_release(op);
        return p;
    }
    vow_resolver *resolver = vow__op_begin(op->loop, op, stop, vow__connect_release, op->where, &p);
    if (!resolver)
        return p;
    op->resolver = resolver;
    if (op->n == 0)
        vow_resolve(resolver, vow_fail_at(op->where, vow_errno_domain(), EAFNOSUPPORT,
                                          "connect %s: no address to try", op->name));
    else
        go_on(op, NULL);
    return p;
}
