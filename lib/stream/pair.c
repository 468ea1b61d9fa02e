/* SPDX-License-Identifier: MIT
 *
 * stream/pair.c - two streams in memory: a ring of bytes in each direction, made with
 * the pair, so that moving bytes allocates nothing.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "stream/stream.h"

struct half {
    vow_stream *stream; /* NULL: closed */
    struct pair *pair;
    size_t first, used; /* the ring of what this half is to read */
    uint8_t *ring;
    bool ended; /* the other half will write no more */
};

struct pair {
    size_t size, open; /* of each ring; halves that are not closed */
    struct half halves[2];
    uint8_t bytes[];
};

static struct half *other(struct half *h) { return &h->pair->halves[h == h->pair->halves]; }
static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static void tell(struct half *h, int side)
{
    if (h->stream)
        vow_stream_ready(h->stream, side);
}

static ssize_t take_bytes(struct half *h, uint8_t *bytes, size_t size)
{
    size_t most = smaller(size, h->used), end = smaller(most, h->pair->size - h->first);
    memcpy(bytes, h->ring + h->first, end);
    memcpy(bytes + end, h->ring, most - end);
    h->first = (h->first + most) % h->pair->size;
    h->used -= most;
    return (ssize_t)most;
}

static size_t put_bytes(struct half *h, const uint8_t *bytes, size_t size)
{
    size_t last = (h->first + h->used) % h->pair->size;
    size_t most = smaller(size, h->pair->size - h->used), end = smaller(most, h->pair->size - last);
    memcpy(h->ring + last, bytes, end);
    memcpy(h->ring, bytes + end, most - end);
    h->used += most;
    return most;
}

static ssize_t pair_read(void *object, void *bytes, size_t size)
{
    struct half *h = object;
    if (h->used > 0) {
        ssize_t n = take_bytes(h, bytes, size);
        tell(other(h), VOW_WRITE);
        return n;
    }
    if (h->ended)
        return 0;
    errno = EAGAIN;
    return -1;
}

static ssize_t pair_write(void *object, const struct iovec *parts, int count)
{
    struct half *to = other(object);
    size_t n = 0;
    if (!to->stream || to->ended) {
        errno = EPIPE;
        return -1;
    }
    for (int i = 0; i < count; i++)
        if (parts[i].iov_len > 0)
            n += put_bytes(to, parts[i].iov_base, parts[i].iov_len);
    if (n > 0)
        tell(to, VOW_READ);
    return (ssize_t)n;
}

/* Only what is so already has to be said: changes are told when they happen. */
static int pair_wait(void *object, int side)
{
    struct half *h = object, *to = other(h);
    if (side == VOW_READ ? h->used > 0 || h->ended : !to->stream || to->used < h->pair->size)
        tell(h, side);
    return 0;
}

static int pair_shutdown(void *object)
{
    struct half *to = other(object);
    to->ended = true;
    tell(to, VOW_READ);
    return 0;
}

static void pair_close(void *object)
{
    struct half *h = object;
    struct half *to = other(h);
    h->stream = NULL;
    to->ended = true;
    if (--h->pair->open > 0)
        tell(to, VOW_READ | VOW_WRITE);
    else
        vow__free(h->pair);
}

static const vow_transport pair_transport = {
    .size = sizeof(vow_transport), .name = "pair", .eager = true, .read = pair_read,
    .write = pair_write, .wait = pair_wait, .shutdown = pair_shutdown, .close = pair_close};

static struct pair *new_pair(size_t bytes)
{
    size_t head = sizeof(struct pair);
    struct pair *pair = bytes > (SIZE_MAX - head) / 2 ? NULL : vow__alloc_zeroed(head + 2 * bytes);
    if (!pair)
        return NULL;
    pair->size = bytes;
    pair->open = 2;
    for (int i = 0; i < 2; i++) {
        pair->halves[i].pair = pair;
        pair->halves[i].ring = pair->bytes + (size_t)i * bytes;
    }
    return pair;
}

int vow_stream_pair(vow_loop *loop, size_t bytes, vow_stream *ret[2])
{
    vow__check_loop(loop, "vow_stream_pair");
    VOW_CHECK(bytes > 0, "vow_stream_pair: in 0 bytes nothing can be moved");
    if (loop->closing)
        return ESHUTDOWN;
    struct pair *pair = new_pair(bytes);
    vow_stream *a = pair ? vow__stream_new(loop, &pair_transport, 0) : NULL;
    vow_stream *b = a ? vow__stream_new(loop, &pair_transport, 0) : NULL;
    if (!b) {
        vow__free(pair);
        if (a)
            a->transport = NULL; /* nothing to close */
        vow_stream_unref(a);
        return ENOMEM;
    }
    a->object = &pair->halves[0];
    b->object = &pair->halves[1];
    ret[0] = pair->halves[0].stream = a;
    ret[1] = pair->halves[1].stream = b;
    return 0;
}
