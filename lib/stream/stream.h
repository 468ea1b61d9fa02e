/* SPDX-License-Identifier: MIT
 *
 * stream/stream.h - what a stream is: its life is in stream.c, its reading in read.c,
 * its writing in write.c, moving from one to another in pump.c. The transports of
 * vow's own: fd.c, file.c, pair.c.
 *
 * Always true between calls:
 *   - transport NULL: closed; no operation in flight, no byte kept.
 *   - An operation in flight (its side's resolver is set) holds one reference.
 *   - What the transport gave is in `kept` until it is delivered, and comes back when what
 *     was delivered is released before anybody has seen it: no cancel loses it.
 */
#ifndef VOW_STREAM_STREAM_H
#define VOW_STREAM_STREAM_H

#include <sys/uio.h>

#include "loop/watch.h"
#include "value/buf.h"
#include "vow/packet.h"
#include "vow/transport.h"

struct vow__pump;

/* Where a stream that was delivered goes when it is let go before anybody has seen it. */
struct vow__stream_home {
    void (*give_back)(struct vow__stream_home *home, vow_stream *s); /* takes s, exclusive */
    void (*seen)(struct vow__stream_home *home);                     /* it does not come back */
};

enum vow__reading { READ_SOME, READ_EXACT, READ_UNTIL };
enum vow__writing { WRITE_ALL, WRITE_SOME, WRITE_END };

struct vow_stream {
    struct vow__member member;
    const vow_transport *transport;
    void *object;
    size_t count; /* references */
    int waiting;  /* for which sides the transport is waited for: VOW_READ, VOW_WRITE */
    struct {
        vow_resolver *resolver; /* of the read or pump in flight, or NULL */
        struct vow__pump *pump; /* that reads here, or NULL */
        vow_buf *kept;          /* bytes [from, to) of it are taken, not delivered; or NULL */
        size_t from, to;
        vow_buf *back; /* has come back, and belongs before the kept bytes; or NULL */
        struct vow__home home; /* of what was delivered last */
        size_t scanned; /* READ_UNTIL: bytes behind `from` without a delimiter */
        size_t size;    /* asked for: most, or exactly so many */
        size_t guess;   /* what the next READ_SOME may bring: the last ones decide */
        const char *where;
        enum vow__reading kind;
        char delimiter;
        bool ended;  /* the other side has ended and all was taken */
        bool unread; /* told to be ready when nobody was reading: worth trying at once */
        bool trying, again; /* inside try_read; told to be ready meanwhile */
    } in;
    struct {
        vow_resolver *resolver; /* of the write, shutdown or pump in flight, or NULL */
        struct vow__pump *pump; /* that writes here, or NULL */
        vow_buf *buf;           /* what `one` points into, when it is the stream's; or NULL */
        const struct iovec *parts; /* the first has `done` bytes written already */
        struct iovec one;
        int count;
        enum vow__writing kind;
        size_t done, left, size;
        const char *where;
        uint64_t written;
        bool trying, again; /* as above */
    } out;
    /* What few need lies behind what all do. */
    struct vow__stream_home *home; /* until it is seen; or NULL */
    vow_stream *next;              /* while it is home */
    struct vow__passing *receiver; /* waits for bytes and descriptors beside them; or NULL */
    vow_packet *parcel; /* descriptors whose bytes have come back, without a buf; or NULL */
};

/* A stream whose object, `size` zeroed bytes, lies behind it; NULL: no memory. */
vow_stream *vow__stream_new(vow_loop *loop, const vow_transport *transport, size_t size);

/* The rejected promise of an operation that cannot start, or NULL. */
VOW_COLD vow_promise *vow__stream_refusal(vow_stream *s, const vow_resolver *in_flight,
                                          const char *what, const char *where);
static inline vow_promise *vow__stream_refused(vow_stream *s, const vow_resolver *in_flight,
                                               const char *what, const char *where)
{
    const vow_loop *loop = s->member.loop;
    bool may = loop && !loop->closing && vow__same_process(loop) && s->transport && !in_flight;
    return VOW_LIKELY(may) ? NULL : vow__stream_refusal(s, in_flight, what, where);
}

/* The side waits for its transport: 0 or an errno number. It does not, or no more. */
static inline int vow__stream_wait(vow_stream *s, int side)
{
    int failed = s->transport->wait(s->object, side);
    if (!failed)
        s->waiting |= side;
    return failed;
}
static inline void vow__stream_rest(vow_stream *s, int side)
{
    bool waited = s->waiting & side;
    s->waiting &= ~side;
    if (waited && s->transport->rest)
        s->transport->rest(s->object, side);
}

/* The transport's own error for what it has just refused, or NULL. */
vow_error *vow__stream_error(const vow_stream *s, int side);

static inline size_t vow__stream_kept(const vow_stream *s) { return s->in.to - s->in.from; }
static inline uint8_t *vow__stream_bytes(const vow_stream *s)
{
    return vow__buf_bytes(s->in.kept) + s->in.from;
}

/* read.c. More kept bytes, until there are `total` (which is more than now): what the
 * transport's read gives, or -1 and ENOMEM. The first n kept bytes are gone. What came back
 * is kept again; false: no memory, later. */
ssize_t vow__stream_fill(vow_stream *s, size_t total);
void vow__stream_used(vow_stream *s, size_t n);
bool vow__stream_join(vow_stream *s);
/* n kept bytes as a value, which come back should nobody see them. */
vow_value vow__stream_take(vow_stream *s, size_t n);
void vow__stream_give_back(struct vow__home *home, vow_buf *b);

/* It is worth trying again. */
void vow__stream_read_on(vow_stream *s);
void vow__stream_write_on(vow_stream *s);
void vow__pump_on(struct vow__pump *pump, int side);

/* unix_fds.c: there may be something for the receiver; the descriptors that came back go. */
void vow__unix_receive_on(struct vow__passing *receiver);
void vow__unix_forget(vow_stream *s);

/* If it is leaving: the first kept bytes of where it reads have been written after all. */
void vow__pump_wrote(struct vow__pump *pump, size_t bytes);

/* The stream is closed: rejects what is in flight and gives back what the side holds. */
void vow__stream_end_read(vow_stream *s);
void vow__stream_end_write(vow_stream *s);
void vow__pump_closed(struct vow__pump *pump, int side);

/* fd.c. A stream for a stream socket, without a descriptor yet; NULL: no memory.
 * vow__stream_set_fd, once, takes the connected and non-blocking fd. */
vow_stream *vow__stream_of_sock(vow_loop *loop);
void vow__stream_set_fd(vow_stream *s, int fd);
/* closed(data) runs once, when the descriptor of such a stream has been closed. */
void vow__stream_on_close(vow_stream *s, vow_destroy_fn *closed, void *data);

/* file.c: of a descriptor that the system cannot wait for. Takes fd, also on failure. */
vow_stream *vow__stream_of_file(vow_loop *loop, int fd);
int vow__stream_file_fd(const vow_stream *s); /* -1: it is none of these */

#endif
