/* SPDX-License-Identifier: MIT
 *
 * tls/wire.c - the records of a session on their way from and to the stream below: a BIO that
 * never waits, and the reads and writes that feed and empty it.
 */
#include <errno.h>
#include <string.h>

#include "tls/tls.h"

/* A whole record and its head: what one read below should bring. */
enum { RECORD = 16384 + 512 };

static int wire_get(BIO *bio, char *bytes, int size)
{
    struct vow__session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t left = s->in ? vow_buf_size(s->in) - s->in_from : 0;
    if (left == 0) {
        if (!s->in_ended)
            BIO_set_retry_read(bio);
        return s->in_ended ? 0 : -1;
    }
    size_t n = (size_t)size < left ? (size_t)size : left;
    memcpy(bytes, vow_buf_bytes(s->in) + s->in_from, n);
    s->in_from += n;
    if (n == left) {
        s->in = vow_buf_unref(s->in);
        s->in_from = 0;
    }
    return (int)n;
}

/* Room for n more bytes. False: no memory. */
static bool make_room(struct vow__session *s, size_t n)
{
    if (s->out && vow_buf_size(s->out) - s->out_used >= n)
        return true;
    vow_buf *larger = vow_buf_new(2 * s->out_used + n);
    if (!larger)
        return false;
    if (s->out)
        memcpy(vow_buf_bytes(larger), vow_buf_bytes(s->out), s->out_used);
    vow_buf_unref(s->out);
    s->out = larger;
    return true;
}

/* Before OpenSSL seals them: it could not take that back. */
bool vow__wire_room(struct vow__session *s, size_t n)
{
    enum { MOST_DATA = 16384, MOST_MORE = 512 }; /* of a record; and what comes with each */
    return make_room(s, n + (n / MOST_DATA + 2) * MOST_MORE);
}

static int wire_put(BIO *bio, const char *bytes, int size)
{
    struct vow__session *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (!make_room(s, (size_t)size)) {
        s->out_lost = true;
        return -1;
    }
    memcpy(vow_buf_bytes(s->out) + s->out_used, bytes, (size_t)size);
    s->out_used += (size_t)size;
    return size;
}

static long wire_control(BIO *bio, int what, long number, void *pointer)
{
    struct vow__session *s = BIO_get_data(bio);
    (void)number, (void)pointer;
    switch (what) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return s->in_ended && !s->in;
    default:
        return 0;
    }
}

/* Made once, lives as long as the process; NULL: there was no memory. */
static BIO_METHOD *wire_method;

static void make_method(void)
{
    wire_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "vow");
    if (!wire_method)
        return;
    BIO_meth_set_read(wire_method, wire_get);
    BIO_meth_set_write(wire_method, wire_put);
    BIO_meth_set_ctrl(wire_method, wire_control);
}

BIO *vow__wire_new(struct vow__session *session)
{
    static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
    CRYPTO_THREAD_run_once(&once, make_method);
    BIO *bio = wire_method ? BIO_new(wire_method) : NULL;
    if (!bio)
        return NULL;
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    return bio;
}

/* Below cannot be used on this side any more. */
static void fail(struct vow__session *s, int side, vow_error *error)
{
    vow_error_unref(s->failed[side]);
    s->failed[side] = error;
}

static vow_value was_read(vow_value v, void *data)
{
    struct vow__session *s = data;
    s->reading = vow_unref(s->reading);
    if (vow_is_error(v)) {
        fail(s, VOW__IN, vow_error_ref(vow_as_error(v)));
    } else if (vow_buf_size(vow_buf_of(v)) == 0) {
        s->in_ended = true;
    } else {
        s->in = vow_buf_ref(vow_buf_of(v));
        s->in_from = 0;
    }
    s->progress(s, VOW_READ);
    return vow_none();
}

static vow_value was_written(vow_value v, void *data)
{
    struct vow__session *s = data;
    s->writing = vow_unref(s->writing);
    if (vow_is_error(v))
        fail(s, VOW__OUT, vow_error_ref(vow_as_error(v)));
    if (vow_is_error(v) || vow__wire_write(s) != EAGAIN)
        s->progress(s, VOW_WRITE);
    return vow_none();
}

/* Has fn told of p, which is taken. NULL: p has failed already, or there is no memory:
 * *ret_error (given) says why. */
static vow_promise *follow(vow_promise *p, vow_handle_fn *fn, struct vow__session *s,
                           vow_error **ret_error)
{
    vow_mark_handled(p); /* also where the session ends first */
    if (!vow_error_of(p))
        p = vow_handle(p, fn, s);
    const vow_error *e = vow_error_of(p);
    if (!e)
        return p;
    vow_mark_handled(p);
    *ret_error = vow_error_ref(e);
    vow_unref(p);
    return NULL;
}

int vow__wire_read(struct vow__session *s)
{
    if (s->reading)
        return 0;
    vow_error *error = NULL;
    s->reading = follow(vow_stream_read(s->below, RECORD), was_read, s, &error);
    if (s->reading)
        return 0;
    fail(s, VOW__IN, error);
    return EIO;
}

/* What is below mostly takes all at once: then there is nothing to be told of. */
int vow__wire_write(struct vow__session *s)
{
    vow_error *error = NULL;
    if (s->writing || s->out_used == 0)
        return s->writing ? EAGAIN : 0;
    vow_buf *out = s->out;
    vow_buf_shrink(out, s->out_used);
    s->out = NULL;
    s->out_used = 0;
    vow_promise *p = vow_stream_write_buf(s->below, out);
    if (vow_state(p) == VOW_FULFILLED) {
        vow_unref(p);
        return 0;
    }
    s->writing = follow(p, was_written, s, &error);
    if (s->writing)
        return EAGAIN;
    fail(s, VOW__OUT, error);
    return EIO;
}

void vow__wire_rest(struct vow__session *s) { s->reading = vow_unref(s->reading); }
