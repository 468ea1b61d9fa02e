/* SPDX-License-Identifier: MIT
 *
 * stream/read.c - reading. Every kind of read is: kept bytes that satisfy it, or else
 * one read of the transport behind them each time that is worth trying.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "adapt/op.h"
#include "stream/stream.h"

/* Reads of unknown size start in the middle and learn; an idle socket keeps little. */
enum { FIRST_GUESS = 4096, LEAST_GUESS = 512, MOST_GUESS = 65536, IDLE_BYTES = 512, LINE = 1024 };

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static vow_value failure(const vow_stream *s, int code, const char *text)
{
    return vow_fail_at(s->in.where, vow_errno_domain(), code, "stream read%s", text);
}

/* Of what the transport has just said. */
static vow_value refusal(const vow_stream *s, int code)
{
    vow_error *error = vow__stream_error(s, VOW_READ);
    return error ? vow_error_value(error) : failure(s, code, "");
}

static void free_kept(vow_stream *s)
{
    s->in.kept = vow_buf_unref(s->in.kept);
    s->in.from = s->in.to = 0;
}

void vow__stream_used(vow_stream *s, size_t n)
{
    s->in.from += n;
    if (vow__stream_kept(s) > 0)
        return;
    s->in.from = s->in.to = 0;
    if (!s->in.pump && vow__buf_size(s->in.kept) > IDLE_BYTES)
        free_kept(s);
}

/* Makes room for `total` bytes from the first kept one on. 0 or ENOMEM. */
static int make_room(vow_stream *s, size_t total)
{
    size_t have = vow__stream_kept(s), room = s->in.kept ? vow__buf_size(s->in.kept) : 0;
    if (VOW_LIKELY(total <= room - s->in.from))
        return 0;
    if (total <= room) {
        memmove(vow__buf_bytes(s->in.kept), vow__stream_bytes(s), have);
    } else {
        vow_buf *larger_one = vow_buf_new(total);
        if (!larger_one)
            return ENOMEM;
        if (have > 0)
            memcpy(vow__buf_bytes(larger_one), vow__stream_bytes(s), have);
        vow_buf_unref(s->in.kept);
        s->in.kept = larger_one;
    }
    s->in.from = 0;
    s->in.to = have;
    return 0;
}

/* The first n kept bytes: in the buffer that holds them where little of it would be wasted,
 * else as a copy; NULL: no memory. */
static vow_buf *take_bytes(vow_stream *s, size_t n)
{
    vow_buf *b = s->in.kept;
    if (s->in.from == 0 && n == s->in.to && n >= vow__buf_size(b) / 2) {
        vow_buf_shrink(b, n);
        s->in.kept = NULL;
        s->in.to = 0;
        return b;
    }
    b = vow_buf_copy(vow__stream_bytes(s), n);
    if (b)
        vow__stream_used(s, n);
    return b;
}

vow_value vow__stream_take(vow_stream *s, size_t n)
{
    vow_buf *b = n > 0 ? take_bytes(s, n) : vow_buf_new(0);
    if (b && n > 0)
        vow__buf_taken_from(b, &s->in.home);
    return vow_buf_value(b);
}

/* Puts what has come back before the kept bytes. Without memory it waits where it is. */
bool vow__stream_join(vow_stream *s)
{
    vow_buf *b = s->in.back, *joined = b;
    size_t n = b ? vow__buf_size(b) : 0, have = vow__stream_kept(s);
    if (!b)
        return true;
    if (have > 0) {
        joined = vow_buf_new(n + have);
        if (!joined)
            return false;
        memcpy(vow__buf_bytes(joined), vow__buf_bytes(b), n);
        memcpy(vow__buf_bytes(joined) + n, vow__stream_bytes(s), have);
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
static bool find_line(vow_stream *s, vow_value *ret)
{
    size_t have = smaller(vow__stream_kept(s), s->in.size), seen = s->in.scanned;
    const uint8_t *end =
        have > seen ? memchr(vow__stream_bytes(s) + seen, s->in.delimiter, have - seen) : NULL;
    s->in.scanned = have;
    if (end)
        *ret = vow__stream_take(s, (size_t)(end - vow__stream_bytes(s)) + 1);
    else if (have == s->in.size)
        *ret = failure(s, EMSGSIZE, ": no delimiter in as many bytes as are allowed");
    return end || have == s->in.size;
}

/* True: the kept bytes decide the read, *ret is its outcome. */
static bool decided(vow_stream *s, vow_value *ret)
{
    if (VOW_UNLIKELY(s->in.kind == READ_UNTIL))
        return find_line(s, ret);
    if (s->in.kind == READ_EXACT ? vow__stream_kept(s) < s->in.size : vow__stream_kept(s) == 0)
        return false;
    *ret = vow__stream_take(s, smaller(vow__stream_kept(s), s->in.size));
    return true;
}

/* How many bytes, with the kept ones, the next recv is to bring at most. */
static size_t total_wanted(const vow_stream *s)
{
    size_t size = s->in.size;
    if (VOW_LIKELY(s->in.kind == READ_SOME))
        return smaller(size, s->in.guess ? s->in.guess : FIRST_GUESS);
    if (s->in.kind == READ_EXACT)
        return size;
    /* the lines behind it come along */
    return smaller(larger(2 * vow__stream_kept(s), LINE), larger(size, LINE));
}

static void learn(vow_stream *s, size_t got, size_t asked)
{
    if (s->in.kind != READ_SOME)
        return;
    if (got == asked && asked < s->in.size)
        s->in.guess = smaller(2 * asked, MOST_GUESS);
    else if (got < asked / 4)
        s->in.guess = larger(asked / 2, LEAST_GUESS);
}

static vow_value at_end(vow_stream *s)
{
    if (s->in.kind == READ_SOME)
        return vow__stream_take(s, 0);
    return failure(s, ECONNRESET, ": the stream ended in the middle");
}

ssize_t vow__stream_fill(vow_stream *s, size_t total)
{
    size_t have = vow__stream_kept(s), asked = total - have;
    if (VOW_UNLIKELY(make_room(s, total))) {
        errno = ENOMEM;
        return -1;
    }
    ssize_t n = s->transport->read(s->object, vow__stream_bytes(s) + have, asked);
    s->in.unread = s->in.unread && n == (ssize_t)asked;
    s->in.ended = s->in.ended || n == 0;
    if (n > 0) {
        s->in.to += (size_t)n;
        learn(s, (size_t)n, asked);
    }
    return n;
}

/* Reads of the transport: one, or, where trying costs little, all there are. True: *ret is
 * the outcome. */
static bool receive(vow_stream *s, vow_value *ret)
{
    ssize_t n;
    do {
        n = vow__stream_fill(s, total_wanted(s));
        if (VOW_LIKELY(n > 0 && decided(s, ret)))
            return true;
    } while (n > 0 && s->transport->eager);
    if (n > 0 || (n < 0 && errno == EAGAIN))
        return false;
    *ret = n == 0 ? at_end(s) : refusal(s, errno);
    return true;
}

static void finish(vow_stream *s, vow_value outcome)
{
    vow_resolver *resolver = s->in.resolver;
    s->in.resolver = NULL;
    vow_resolve(resolver, outcome); /* gives back the reference: s may be gone */
}

/* True: *ret is the outcome. False: waits for the transport. A loop, not a recursion, for
 * transports that are ready again when they are asked. */
static bool try_read(vow_stream *s, bool worth_it, vow_value *ret)
{
    bool has_outcome;
    s->in.trying = true;
    do {
        has_outcome = worth_it && receive(s, ret);
        s->in.again = false; /* what was said so far, `wait` knows too */
        int failed = has_outcome ? 0 : vow__stream_wait(s, VOW_READ);
        if (VOW_UNLIKELY(failed))
            *ret = refusal(s, failed);
        has_outcome = has_outcome || failed;
        worth_it = true;
    } while (!has_outcome && s->in.again);
    s->in.trying = false;
    if (has_outcome)
        vow__stream_rest(s, VOW_READ);
    return has_outcome;
}

/* The bytes may be what the next read, in flight already, waits for. */
void vow__stream_give_back(struct vow__home *home, vow_buf *b)
{
    vow_stream *s = (vow_stream *)((char *)home - offsetof(vow_stream, in.home));
    vow_value outcome = vow__fail_ready(ENOMEM);
    s->in.back = b; /* the only one: nothing is delivered before they are joined */
    if (s->in.pump) {
        vow__pump_on(s->in.pump, VOW_READ);
    } else if (s->receiver) {
        vow__unix_receive_on(s->receiver);
    } else if (s->in.resolver && (!vow__stream_join(s) || decided(s, &outcome))) {
        vow__stream_rest(s, VOW_READ);
        finish(s, outcome);
    }
}

void vow__stream_read_on(vow_stream *s)
{
    vow_value outcome;
    s->in.again = true;
    if (s->in.pump)
        vow__pump_on(s->in.pump, VOW_READ);
    else if (!s->in.resolver)
        s->in.unread = true;
    else if (!s->in.trying && try_read(s, true, &outcome))
        finish(s, outcome);
}

static void stop(void *data)
{
    vow_stream *s = data;
    s->in.resolver = NULL;
    vow__stream_rest(s, VOW_READ);
}

static void done(void *data) { vow_stream_unref(data); }

/* Has the outcome without waiting: from kept bytes, the end, or what the transport told of. */
static bool decided_at_once(vow_stream *s, vow_value *ret)
{
    if (VOW_UNLIKELY(s->in.back && !vow__stream_join(s))) {
        *ret = vow__fail_ready(ENOMEM);
        return true;
    }
    if (decided(s, ret))
        return true;
    if (s->in.ended)
        *ret = at_end(s);
    return s->in.ended || try_read(s, s->in.unread || s->transport->eager, ret);
}

/* The promise comes first: without it nothing may be taken. */
static vow_promise *start(vow_stream *s, enum vow__reading kind, size_t size, const char *where)
{
    vow_promise *refused = vow__stream_refused(s, s->in.resolver, "stream read", where);
    if (refused)
        return refused;
    vow_resolver *resolver;
    vow_promise *p = vow_promise_new_at(s->member.loop, &resolver, where);
    if (vow__settled(p))
        return p;
    s->in.kind = kind;
    s->in.size = size;
    s->in.scanned = 0;
    s->in.where = where;
    vow_value outcome;
    if (decided_at_once(s, &outcome)) {
        vow__resolve_new(resolver, outcome);
    } else {
        s->in.resolver = resolver;
        vow__hook_new(resolver, stop, vow_stream_ref(s), done);
    }
    return p;
}

vow_promise *vow_stream_read_at(vow_stream *s, size_t max, const char *where)
{
    VOW_CHECK(max > 0, "vow_stream_read at %s: at most 0 bytes could not be told from the end",
              where);
    return start(s, READ_SOME, max, where);
}

vow_promise *vow_stream_read_exact_at(vow_stream *s, size_t n, const char *where)
{
    return start(s, READ_EXACT, n, where);
}

vow_promise *vow_stream_read_until_at(vow_stream *s, char delimiter, size_t max, const char *where)
{
    if (!s->in.resolver)
        s->in.delimiter = delimiter;
    return start(s, READ_UNTIL, max, where);
}

void vow__stream_end_read(vow_stream *s)
{
    if (s->in.pump)
        vow__pump_closed(s->in.pump, VOW_READ);
    else if (s->in.resolver)
        finish(s, failure(s, ECANCELED, ": the stream was closed"));
    vow__home_forget(&s->in.home);
    s->in.back = vow_buf_unref(s->in.back);
    vow__unix_forget(s);
    free_kept(s);
}
