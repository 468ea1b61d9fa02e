/* SPDX-License-Identifier: MIT
 *
 * stream/pump.c - bytes from one stream to another, through the kept bytes of the first: what
 * the second has not taken was not delivered, so that stopping a pump loses nothing.
 */
#include <errno.h>

#include "adapt/op.h"
#include "base/mem.h"
#include "stream/stream.h"

/* Not by splice(2): from socket to socket it takes 0.8 to 1.0 of the processor time of reads and
 * writes (tests/bench/run pump), for two descriptors more a pump, and a buffer set aside: what is
 * in the pipe has to come back when the pump is cancelled, and then nothing is allocated. */

/* So many bytes at a time; other descriptors get their turn after so many reads and writes. */
enum { CHUNK = 65536, TRIES_A_TURN = 32 };

/* Always true between calls: the pump is the read in flight of `from` and the write in flight
 * of `to`, and waits for one of them. */
struct vow__pump {
    vow_stream *from, *to; /* a reference of each */
    vow_resolver *resolver;
    const char *where;
    uint64_t most, moved;
    bool drained; /* the last read brought all there was */
    bool running; /* inside run: a transport says at once that it is ready */
    bool leaving;
    bool again;
};

/* Leaves both streams; the references go with the promise. */
static void leave(struct vow__pump *pump)
{
    pump->leaving = true; /* what the transport has taken after all, it says now */
    vow__stream_rest(pump->from, VOW_READ);
    vow__stream_rest(pump->to, VOW_WRITE);
    pump->from->in.pump = pump->to->out.pump = NULL;
    pump->from->in.resolver = pump->to->out.resolver = NULL;
    if (pump->from->in.kept)
        vow__stream_used(pump->from, 0); /* an idle stream keeps little */
}

static void stop(void *data) { leave(data); }

static void destroy(void *data)
{
    struct vow__pump *pump = data;
    vow_stream_unref(pump->from);
    vow_stream_unref(pump->to);
    vow__free(pump);
}

static void finish(struct vow__pump *pump, vow_value outcome)
{
    leave(pump);
    vow_resolve(pump->resolver, outcome); /* the pump may be gone */
}

static vow_value failure(const struct vow__pump *pump, int code, const char *side)
{
    return vow_fail_at(pump->where, vow_errno_domain(), code, "pump %s: after %llu bytes", side,
                       (unsigned long long)pump->moved);
}

static vow_stream *stream_at(const struct vow__pump *pump, int side)
{
    return side == VOW_READ ? pump->from : pump->to;
}

/* Of what a transport has just said. */
static vow_value refusal(const struct vow__pump *pump, int side, int code)
{
    vow_error *error = vow__stream_error(stream_at(pump, side), side);
    return error ? vow_error_value(error)
                 : failure(pump, code, side == VOW_READ ? "read" : "write");
}

/* What a try says: go on, wait, or the pump has ended with *ret. */
enum verdict { GO_ON, WAIT, ENDED };

/* For one side only: what the other is ready for is of no use yet. */
static enum verdict wait_for(struct vow__pump *pump, int side, vow_value *ret)
{
    int other = side == VOW_READ ? VOW_WRITE : VOW_READ;
    vow__stream_rest(stream_at(pump, other), other);
    int failed = vow__stream_wait(stream_at(pump, side), side);
    if (failed)
        *ret = refusal(pump, side, failed);
    return failed ? ENDED : WAIT;
}

static size_t chunk(const struct vow__pump *pump)
{
    uint64_t left = pump->most - pump->moved;
    return pump->most > 0 && left < CHUNK ? (size_t)left : CHUNK;
}

static enum verdict read_some(struct vow__pump *pump, vow_value *ret)
{
    vow_stream *from = pump->from;
    *ret = vow_int((int64_t)pump->moved);
    if (from->in.ended || chunk(pump) == 0)
        return ENDED;
    size_t most = chunk(pump);
    if (pump->drained && !from->transport->eager)
        return pump->drained = false, wait_for(pump, VOW_READ, ret);
    ssize_t n = vow__stream_fill(from, most);
    pump->drained = n > 0 && (size_t)n < most; /* the next read would only say so */
    if (n > 0)
        return GO_ON;
    if (n < 0 && errno == EAGAIN)
        return wait_for(pump, VOW_READ, ret);
    if (n < 0)
        *ret = refusal(pump, VOW_READ, errno);
    return ENDED;
}

static enum verdict write_some(struct vow__pump *pump, vow_value *ret)
{
    vow_stream *from = pump->from, *to = pump->to;
    size_t have = vow__stream_kept(from), most = chunk(pump);
    struct iovec part = {vow__stream_bytes(from), have < most ? have : most};
    *ret = vow_int((int64_t)pump->moved);
    if (part.iov_len == 0)
        return ENDED;
    ssize_t n = to->transport->write(to->object, &part, 1);
    if (n < 0 && errno != EAGAIN) {
        *ret = refusal(pump, VOW_WRITE, errno);
        return ENDED;
    }
    if (n > 0) {
        vow__home_forget(&from->in.home); /* what was delivered before cannot come back in order */
        vow__stream_used(from, (size_t)n);
        pump->moved += (uint64_t)n;
        to->out.written += (uint64_t)n;
    }
    return n == (ssize_t)part.iov_len ? GO_ON : wait_for(pump, VOW_WRITE, ret);
}

static enum verdict try_once(struct vow__pump *pump, vow_value *ret)
{
    if (!vow__stream_join(pump->from)) {
        *ret = failure(pump, ENOMEM, "read");
        return ENDED;
    }
    return vow__stream_kept(pump->from) > 0 ? write_some(pump, ret) : read_some(pump, ret);
}

/* Others get their turn, unless there is nothing left to do. */
static enum verdict give_way(struct vow__pump *pump, vow_value *ret)
{
    bool all_read = pump->from->in.ended && vow__stream_kept(pump->from) == 0;
    if (all_read || chunk(pump) == 0)
        return try_once(pump, ret);
    return wait_for(pump, vow__stream_kept(pump->from) > 0 ? VOW_WRITE : VOW_READ, ret);
}

static void run(struct vow__pump *pump)
{
    vow_value outcome;
    enum verdict verdict;
    int tries = 0;
    pump->running = true;
    do {
        pump->again = false;
        tries = (tries + 1) % TRIES_A_TURN;
        verdict = tries > 0 ? try_once(pump, &outcome) : give_way(pump, &outcome);
    } while (verdict == GO_ON || (verdict == WAIT && pump->again));
    pump->running = false;
    if (verdict == ENDED)
        finish(pump, outcome);
}

void vow__pump_on(struct vow__pump *pump, int side)
{
    pump->again = true;
    if (!pump->running && (stream_at(pump, side)->waiting & side))
        run(pump);
}

void vow__pump_wrote(struct vow__pump *pump, size_t bytes)
{
    if (!pump->leaving) /* of a write before it */
        return;
    vow__home_forget(&pump->from->in.home);
    vow__stream_used(pump->from, bytes);
    pump->moved += bytes;
}

void vow__pump_closed(struct vow__pump *pump, int side)
{
    finish(pump, failure(pump, ECANCELED,
                         side == VOW_READ ? "read: the stream was closed"
                                          : "write: the stream was closed"));
}

static void begin(struct vow__pump *pump)
{
    pump->from->in.pump = pump->to->out.pump = pump;
    pump->from->in.resolver = pump->to->out.resolver = pump->resolver;
    pump->from->in.kind = READ_EXACT; /* what comes at a time says nothing about reads */
    run(pump);
}

vow_promise *vow_pump_at(vow_stream *from, vow_stream *to, uint64_t most, const char *where)
{
    vow_promise *p = vow__stream_refused(from, from->in.resolver, "pump read", where);
    if (!p)
        p = vow__stream_refused(to, to->out.resolver, "pump write", where);
    vow_loop *loop = from->member.loop;
    if (!p && loop != to->member.loop)
        p = vow_resolved_at(loop, vow__fail_ready(VOW_ELOOP), where);
    if (p)
        return p;
    struct vow__pump *pump = vow__alloc_zeroed(sizeof *pump);
    if (!pump)
        return vow__op_no_memory(loop);
    *pump = (struct vow__pump){.from = vow_stream_ref(from), .to = vow_stream_ref(to),
                               .where = where, .most = most};
    pump->resolver = vow__op_begin(loop, pump, stop, destroy, where, &p);
    if (pump->resolver)
        begin(pump);
    return p;
}
