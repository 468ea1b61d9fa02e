/* SPDX-License-Identifier: MIT
 *
 * stream/write.c - writing: tried at once; the transport is waited for only when it
 * takes no more.
 */
#include <errno.h>

#include "adapt/op.h"
#include "stream/stream.h"

enum { MOST_PARTS = 16 };

/* One write of the transport of the parts that are left, of as many as it takes. */
static ssize_t write_parts(vow_stream *s, size_t *ret_offered)
{
    struct iovec parts[MOST_PARTS];
    int n = s->out.count < MOST_PARTS ? s->out.count : MOST_PARTS;
    *ret_offered = 0;
    for (int i = 0; i < n; i++) {
        parts[i] = s->out.parts[i];
        *ret_offered += parts[i].iov_len;
    }
    parts->iov_base = (char *)parts->iov_base + s->out.done;
    parts->iov_len -= s->out.done;
    *ret_offered -= s->out.done;
    return s->transport->write(s->object, parts, n);
}

/* The same; what is whole goes as it is. */
static ssize_t write_once(vow_stream *s, size_t *ret_offered)
{
    if (VOW_UNLIKELY(s->out.done > 0 || s->out.count > MOST_PARTS))
        return write_parts(s, ret_offered);
    *ret_offered = s->out.left;
    return s->transport->write(s->object, s->out.parts, s->out.count);
}

static void advance(vow_stream *s, size_t n)
{
    s->out.written += n;
    s->out.left -= n;
    s->out.done += n;
    if (s->out.left == 0)
        return;
    while (s->out.count > 0 && s->out.done >= s->out.parts->iov_len) {
        s->out.done -= s->out.parts->iov_len;
        s->out.parts++;
        s->out.count--;
    }
}

/* 0: done. EAGAIN: no more is taken now. Or another errno number. */
static int write_more(vow_stream *s)
{
    if (s->out.kind == WRITE_END)
        return s->transport->shutdown ? s->transport->shutdown(s->object) : EOPNOTSUPP;
    while (s->out.left > 0) {
        size_t offered;
        ssize_t n = write_once(s, &offered);
        if (n < 0)
            return errno;
        advance(s, (size_t)n);
        if (s->out.kind == WRITE_SOME && n > 0)
            return 0;
        if ((size_t)n < offered)
            return EAGAIN; /* it was cut short: the next one would only say so */
    }
    return 0;
}

static vow_value outcome_of(const vow_stream *s, int failed)
{
    const char *closed = failed == ECANCELED ? ", then it was closed" : "";
    if (failed == 0)
        return s->out.kind == WRITE_END ? vow_none() : vow_int((int64_t)(s->out.size - s->out.left));
    if (s->out.kind == WRITE_END)
        return vow_fail_at(s->out.where, vow_errno_domain(), failed, "stream shutdown%s", closed);
    return vow_fail_at(s->out.where, vow_errno_domain(), failed,
                       "stream write: %zu of %zu bytes written%s", s->out.size - s->out.left,
                       s->out.size, closed);
}

/* Of what the transport has just said. */
static vow_value outcome_now(const vow_stream *s, int failed)
{
    vow_error *error = failed ? vow__stream_error(s, VOW_WRITE) : NULL;
    return error ? vow_error_value(error) : outcome_of(s, failed);
}

static void finish(vow_stream *s, vow_value outcome)
{
    vow_resolver *resolver = s->out.resolver;
    s->out.resolver = NULL;
    vow_resolve(resolver, outcome); /* gives back the reference: s may be gone */
}

/* 0: done. EAGAIN: waits for the transport. Or another errno number. A loop, not a recursion,
 * for transports that are ready again when they are asked. */
static int try_write(vow_stream *s)
{
    int failed;
    s->out.trying = true;
    do {
        failed = write_more(s);
        s->out.again = false; /* what was said so far, `wait` knows too */
        if (failed != EAGAIN)
            break;
        int refused = vow__stream_wait(s, VOW_WRITE);
        failed = refused ? refused : EAGAIN;
    } while (failed == EAGAIN && s->out.again);
    s->out.trying = false;
    if (failed != EAGAIN)
        vow__stream_rest(s, VOW_WRITE);
    return failed;
}

void vow__stream_write_on(vow_stream *s)
{
    if (s->out.pump) {
        vow__pump_on(s->out.pump, VOW_WRITE);
        return;
    }
    s->out.again = true;
    int failed = s->out.resolver && !s->out.trying ? try_write(s) : EAGAIN;
    if (failed != EAGAIN)
        finish(s, outcome_now(s, failed));
}

static void stop(void *data)
{
    vow_stream *s = data;
    s->out.resolver = NULL;
    vow__stream_rest(s, VOW_WRITE);
}

static void done(void *data)
{
    vow_stream *s = data;
    s->out.buf = vow_buf_unref(s->out.buf);
    vow_stream_unref(s);
}

/* NULL: *ret is refused. The promise comes first: without it nothing may be written. */
static vow_resolver *begin(vow_stream *s, enum vow__writing kind, const char *where,
                           vow_promise **ret)
{
    vow_resolver *resolver;
    *ret = vow__stream_refused(s, s->out.resolver,
                               kind == WRITE_END ? "stream shutdown" : "stream write", where);
    if (!*ret)
        *ret = vow_promise_new_at(s->member.loop, &resolver, where);
    if (vow__settled(*ret))
        return NULL;
    s->out.kind = kind;
    s->out.where = where;
    s->out.done = s->out.left = s->out.size = 0;
    return resolver;
}

static void set_parts(vow_stream *s, const struct iovec *parts, int count)
{
    s->out.parts = parts;
    s->out.count = count;
    for (int i = 0; i < count; i++)
        s->out.size += parts[i].iov_len;
    s->out.left = s->out.size;
    advance(s, 0); /* over empty parts in front */
}

static void set_bytes(vow_stream *s, const void *bytes, size_t size)
{
    s->out.one = (struct iovec){(void *)bytes, size};
    s->out.parts = &s->out.one;
    s->out.count = 1;
    s->out.left = s->out.size = size;
}

/* Tries at once, waits for the rest. Takes buf, which may be NULL. */
static void go(vow_stream *s, vow_resolver *resolver, vow_buf *buf)
{
    int failed = try_write(s);
    if (failed != EAGAIN) {
        vow_buf_unref(buf);
        vow__resolve_new(resolver, outcome_now(s, failed));
        return;
    }
    s->out.buf = buf;
    s->out.resolver = resolver;
    vow__hook_new(resolver, stop, vow_stream_ref(s), done);
}

static vow_promise *write_bytes(vow_stream *s, enum vow__writing kind, const void *bytes,
                                size_t size, const char *where)
{
    vow_promise *p;
    vow_resolver *resolver = begin(s, kind, where, &p);
    if (resolver) {
        set_bytes(s, bytes, size);
        go(s, resolver, NULL);
    }
    return p;
}

vow_promise *vow_stream_write_at(vow_stream *s, const void *bytes, size_t size, const char *where)
{
    return write_bytes(s, WRITE_ALL, bytes, size, where);
}

vow_promise *vow_stream_write_some_at(vow_stream *s, const void *bytes, size_t size,
                                      const char *where)
{
    return write_bytes(s, WRITE_SOME, bytes, size, where);
}

vow_promise *vow_stream_write_buf_at(vow_stream *s, vow_buf *buf, const char *where)
{
    if (!buf)
        return vow__op_no_memory(s->member.loop);
    vow_promise *p;
    vow_resolver *resolver = begin(s, WRITE_ALL, where, &p);
    if (resolver) {
        set_bytes(s, vow__buf_bytes(buf), vow__buf_size(buf));
        go(s, resolver, buf);
    } else {
        vow_buf_unref(buf);
    }
    return p;
}

vow_promise *vow_stream_writev_at(vow_stream *s, const struct iovec *parts, int count,
                                  const char *where)
{
    vow_promise *p;
    vow_resolver *resolver = begin(s, WRITE_ALL, where, &p);
    if (resolver) {
        set_parts(s, parts, count);
        go(s, resolver, NULL);
    }
    return p;
}

vow_promise *vow_stream_shutdown_at(vow_stream *s, const char *where)
{
    vow_promise *p;
    vow_resolver *resolver = begin(s, WRITE_END, where, &p);
    if (resolver)
        go(s, resolver, NULL);
    return p;
}

uint64_t vow_stream_written(const vow_stream *s) { return s->out.written; }

void vow__stream_end_write(vow_stream *s)
{
    if (s->out.pump)
        vow__pump_closed(s->out.pump, VOW_WRITE);
    else if (s->out.resolver)
        finish(s, outcome_of(s, ECANCELED));
}
