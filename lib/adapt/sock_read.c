/* SPDX-License-Identifier: MIT
 *
 * adapt/sock_read.c - reading. Every kind of read is: kept bytes that satisfy it, or else one
 * recv behind them each time the descriptor is readable. No recv is made on suspicion: that
 * would be an EAGAIN for every request.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "adapt/op.h"
#include "adapt/sock.h"

/* Reads of unknown size start in the middle and learn; an idle socket keeps little. */
enum { FIRST_GUESS = 4096, LEAST_GUESS = 512, MOST_GUESS = 65536, IDLE_BYTES = 4096, LINE = 1024 };

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static size_t kept(const vow_sock *s) { return s->in.to - s->in.from; }
static uint8_t *first_kept(const vow_sock *s) { return vow_buf_bytes(s->in.kept) + s->in.from; }

static vow_value failure(const vow_sock *s, int code, const char *text)
{
    return vow_fail_at(s->in.where, vow_errno_domain(), code, "socket read%s", text);
}

static void free_kept(vow_sock *s)
{
    s->in.kept = vow_buf_unref(s->in.kept);
    s->in.from = s->in.to = 0;
}

/* Makes room for `total` bytes from the first kept one on. 0 or ENOMEM. */
static int make_room(vow_sock *s, size_t total)
{
    size_t have = kept(s), room = s->in.kept ? vow_buf_size(s->in.kept) : 0;
    if (total <= room - s->in.from)
        return 0;
    if (total <= room) {
        memmove(vow_buf_bytes(s->in.kept), first_kept(s), have);
    } else {
        vow_buf *larger_one = vow_buf_new(total);
        if (!larger_one)
            return ENOMEM;
        if (have > 0)
            memcpy(vow_buf_bytes(larger_one), first_kept(s), have);
        vow_buf_unref(s->in.kept);
        s->in.kept = larger_one;
    }
    s->in.from = 0;
    s->in.to = have;
    return 0;
}

/* The first n kept bytes: in the buffer that holds them where little of it would be wasted,
 * else as a copy; NULL: no memory. */
static vow_buf *take_bytes(vow_sock *s, size_t n)
{
    vow_buf *b = s->in.kept;
    if (s->in.from == 0 && n == s->in.to && n >= vow_buf_size(b) / 2) {
        vow_buf_shrink(b, n);
        s->in.kept = NULL;
        s->in.to = 0;
        return b;
    }
    b = vow_buf_copy(first_kept(s), n);
    if (!b)
        return NULL;
    s->in.from += n;
    if (kept(s) == 0) {
        s->in.from = s->in.to = 0;
        if (vow_buf_size(s->in.kept) > IDLE_BYTES)
            free_kept(s);
    }
    return b;
}

/* Delivers n kept bytes; they come back should nobody see them. */
static vow_value take(vow_sock *s, size_t n)
{
    vow_buf *b = n > 0 ? take_bytes(s, n) : vow_buf_new(0);
    if (b && n > 0)
        vow__buf_taken_from(b, &s->in.home);
    return vow_buf_value(b);
}

/* Puts what has come back before the kept bytes. False: no memory, it waits where it is. */
static bool join(vow_sock *s)
{
    vow_buf *b = s->in.back, *joined = b;
    size_t n = b ? vow_buf_size(b) : 0, have = kept(s);
    if (!b)
        return true;
    if (have > 0) {
        joined = vow_buf_new(n + have);
        if (!joined)
            return false;
        memcpy(vow_buf_bytes(joined), vow_buf_bytes(b), n);
        memcpy(vow_buf_bytes(joined) + n, first_kept(s), have);
        vow_buf_unref(b);
    }
    vow_buf_unref(s->in.kept);
    s->in.kept = joined;
    s->in.back = NULL;
    s->in.from = 0;
    s->in.to = n + have;
    s->in.scanned = 0;
    return true;
}

/* True: *ret is the line, or that it is too long. */
static bool find_line(vow_sock *s, vow_value *ret)
{
    size_t have = smaller(kept(s), s->in.size), seen = s->in.scanned;
    const uint8_t *end =
        have > seen ? memchr(first_kept(s) + seen, s->in.delimiter, have - seen) : NULL;
    s->in.scanned = have;
    if (end)
        *ret = take(s, (size_t)(end - first_kept(s)) + 1);
    else if (have == s->in.size)
        *ret = failure(s, EMSGSIZE, ": no delimiter in as many bytes as are allowed");
    return end || have == s->in.size;
}

/* True: the kept bytes decide the read, *ret is its outcome. */
static bool decided(vow_sock *s, vow_value *ret)
{
    if (s->in.kind == READ_UNTIL)
        return find_line(s, ret);
    if (s->in.kind == READ_EXACT ? kept(s) < s->in.size : kept(s) == 0)
        return false;
    *ret = take(s, smaller(kept(s), s->in.size));
    return true;
}

/* How many bytes, with the kept ones, the next recv is to bring at most. */
static size_t total_wanted(const vow_sock *s)
{
    size_t size = s->in.size;
    switch (s->in.kind) {
    case READ_SOME:
        return smaller(size, s->in.guess ? s->in.guess : FIRST_GUESS);
    case READ_EXACT:
        return size;
    default: /* the lines behind it come along */
        return smaller(larger(2 * kept(s), LINE), larger(size, LINE));
    }
}

static void learn(vow_sock *s, size_t got, size_t asked)
{
    if (s->in.kind != READ_SOME)
        return;
    if (got == asked && asked < s->in.size)
        s->in.guess = smaller(2 * asked, MOST_GUESS);
    else if (got < asked / 4)
        s->in.guess = larger(asked / 2, LEAST_GUESS);
}

static vow_value at_end(vow_sock *s)
{
    if (s->in.kind == READ_SOME)
        return take(s, 0);
    return failure(s, ECONNRESET, ": the stream ended in the middle");
}

/* One recv. True: *ret is the outcome of the read. */
static bool receive(vow_sock *s, vow_value *ret)
{
    size_t total = total_wanted(s), asked = total - kept(s);
    *ret = vow__fail_ready(ENOMEM);
    if (make_room(s, total))
        return true;
    ssize_t n;
    while ((n = recv(s->fd, first_kept(s) + kept(s), asked, 0)) < 0 && errno == EINTR)
        ;
    s->in.unread = s->in.unread && n == (ssize_t)asked;
    if (n > 0) {
        s->in.to += (size_t)n;
        learn(s, (size_t)n, asked);
        return decided(s, ret);
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    s->in.ended = n == 0;
    *ret = n == 0 ? at_end(s) : failure(s, errno, "");
    return true;
}

static void finish(vow_sock *s, vow_value outcome)
{
    vow_resolver *resolver = s->in.resolver;
    s->in.resolver = NULL;
    vow_resolve(resolver, outcome); /* gives back the reference: s may be gone */
}

/* The bytes may be what the next read, in flight already, waits for. */
static void give_back(struct vow__home *home, vow_buf *b)
{
    vow_sock *s = (vow_sock *)((char *)home - offsetof(vow_sock, in.home));
    vow_value outcome = vow__fail_ready(ENOMEM);
    s->in.back = b; /* the only one: nothing is delivered before they are joined */
    if (s->in.resolver && (!join(s) || decided(s, &outcome))) {
        vow__watch_stop(s->member.loop, &s->in.watch);
        finish(s, outcome);
    }
}

static void on_readable(evutil_socket_t fd, short events, void *data)
{
    (void)fd, (void)events;
    vow_sock *s = data;
    vow_loop *loop = s->member.loop;
    vow_value outcome;
    vow_enter(loop);
    if (!s->in.resolver) {
        vow__watch_stop(loop, &s->in.watch);
        s->in.unread = true;
    } else if (receive(s, &outcome)) {
        vow__watch_rest(loop, &s->in.watch);
        finish(s, outcome);
    }
    vow_leave(loop);
}

static void stop(void *data)
{
    vow_sock *s = data;
    s->in.resolver = NULL;
    vow__watch_stop(s->member.loop, &s->in.watch);
}

static void done(void *data) { vow_sock_unref(data); }

static int watch(vow_sock *s)
{
    vow_loop *loop = s->member.loop;
    struct vow__watch *w = &s->in.watch;
    if (!w->event && vow__watch_init(loop, w, s->fd, EV_READ | EV_PERSIST, on_readable, s))
        return ENOMEM;
    return vow__watch_begin(loop, w);
}

/* Has the outcome without waiting: from kept bytes, the end, or bytes that the event told of. */
static bool decided_at_once(vow_sock *s, vow_value *ret)
{
    *ret = vow__fail_ready(ENOMEM);
    if (!join(s) || decided(s, ret))
        return true;
    if (s->in.ended)
        *ret = at_end(s);
    return s->in.ended || (s->in.unread && receive(s, ret));
}

/* The promise comes first: without it nothing may be taken. */
static vow_promise *start(vow_sock *s, enum vow__reading kind, size_t size, char delimiter,
                          const char *where)
{
    vow_promise *refused = vow__sock_refused(s, s->in.resolver, "socket read", where);
    if (refused)
        return refused;
    vow_resolver *resolver;
    vow_promise *p = vow_promise_new_at(s->member.loop, &resolver, where);
    if (vow__settled(p))
        return p;
    s->in.kind = kind;
    s->in.size = size;
    s->in.delimiter = delimiter;
    s->in.scanned = 0;
    s->in.where = where;
    s->in.home.give_back = give_back;
    vow_value outcome;
    if (decided_at_once(s, &outcome)) {
        vow_resolve(resolver, outcome);
        return p;
    }
    s->in.resolver = resolver;
    vow_on_stop(resolver, stop, vow_sock_ref(s), done);
    int failed = watch(s);
    if (failed)
        finish(s, failure(s, failed, ""));
    return p;
}

vow_promise *vow_sock_read_at(vow_sock *s, size_t max, const char *where)
{
    VOW_CHECK(max > 0, "vow_sock_read at %s: at most 0 bytes could not be told from the end",
              where);
    return start(s, READ_SOME, max, 0, where);
}

vow_promise *vow_sock_read_exact_at(vow_sock *s, size_t n, const char *where)
{
    return start(s, READ_EXACT, n, 0, where);
}

vow_promise *vow_sock_read_until_at(vow_sock *s, char delimiter, size_t max, const char *where)
{
    return start(s, READ_UNTIL, max, delimiter, where);
}

void vow__sock_end_read(vow_sock *s)
{
    if (s->in.resolver)
        finish(s, failure(s, ECANCELED, ": the socket was closed"));
    vow__watch_done(s->member.loop, &s->in.watch);
    vow__home_forget(&s->in.home);
    s->in.back = vow_buf_unref(s->in.back);
    free_kept(s);
}
