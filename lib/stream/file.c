/* SPDX-License-Identifier: MIT
 *
 * stream/file.c - descriptors that the system cannot wait for (regular files, block
 * devices, /dev/null) as transports: read and written at their position by the pool for
 * files, except for reading what the page cache holds.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "adapt/op.h"
#include "adapt/pool.h"
#include "base/mem.h"
#include "stream/stream.h"

enum { MOST_A_JOB = 256 * 1024 };

/* One side and its job. buf and result are the thread's while it runs. */
struct side {
    enum { IDLE, WANTED, RUNNING, DONE } state;
    bool forgotten; /* RUNNING, but the write that began it was cancelled ... */
    bool counted;   /* ... and its bytes count as written already */
    vow_buf *buf;
    size_t size;    /* of the job */
    size_t from;    /* DONE: so many bytes of buf were handed on */
    ssize_t result; /* DONE: how many, or minus an errno number */
};

struct file {
    atomic_uint refs; /* of the stream and of each running job: the last one closes fd */
    int fd;
    vow_stream *stream; /* NULL: closed */
    const void *thread; /* the loop's */
    struct side in, out;
};

static void release(struct file *f)
{
    /* acq_rel: the last side sees what the other did */
    if (atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    close(f->fd);
    vow_buf_unref(f->in.buf);
    vow_buf_unref(f->out.buf);
    vow__free(f);
}

/* On a thread of the pool. */
static vow_value read_job(void *data)
{
    struct file *f = data;
    ssize_t n;
    while ((n = read(f->fd, vow_buf_bytes(f->in.buf), f->in.size)) < 0 && errno == EINTR)
        ;
    f->in.result = n < 0 ? -errno : n;
    return vow_none();
}

static vow_value write_job(void *data)
{
    struct file *f = data;
    ssize_t n;
    while ((n = write(f->fd, vow_buf_bytes(f->out.buf), f->out.size)) < 0 && errno == EINTR)
        ;
    f->out.result = n < 0 ? -errno : n;
    return vow_none();
}

/* Both run on the loop's thread, unless the loop has closed meanwhile: then nobody waits. */
static void was_read(void *data)
{
    struct file *f = data;
    if (vow__thread() == f->thread) {
        f->in.state = DONE;
        f->in.from = 0;
        if (f->stream)
            vow_stream_ready(f->stream, VOW_READ);
    }
    release(f);
}

static void was_written(void *data)
{
    struct file *f = data;
    if (vow__thread() == f->thread) {
        f->out.state = f->out.forgotten ? IDLE : DONE;
        if (f->out.forgotten && !f->out.counted && f->stream && f->out.result > 0)
            vow_stream_wrote(f->stream, (size_t)f->out.result);
        f->out.forgotten = f->out.counted = false;
        if (f->stream)
            vow_stream_ready(f->stream, VOW_WRITE);
    }
    release(f);
}

/* The side has it as its result, if anybody still waits. */
static void ignore(const vow_error *e, void *data) { (void)e, (void)data; }

static void start(struct file *f, struct side *side)
{
    bool reading = side == &f->in;
    side->state = RUNNING;
    side->result = -ENOMEM; /* should the job not run at all */
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed); /* the stream has one */
    vow_promise *p = vow_work_at(f->stream->member.loop, vow__pool_files(),
                                 reading ? read_job : write_job, f,
                                 reading ? was_read : was_written, VOW_HERE);
    if (vow_error_of(p))
        side->result = -vow_error_code(vow_error_of(p));
    vow_mark_handled(p);
    vow_detach(p, ignore, NULL, NULL);
}

/* What the page cache holds, or EAGAIN. */
static ssize_t read_at_once(struct file *f, void *bytes, size_t size)
{
#ifdef RWF_NOWAIT
    struct iovec part = {bytes, size};
    ssize_t n = preadv2(f->fd, &part, 1, -1, RWF_NOWAIT); /* -1: where the descriptor stands */
    if (n >= 0 || errno == EBADF || errno == EISDIR)
        return n;
#else
    (void)f, (void)bytes, (void)size;
#endif
    errno = EAGAIN;
    return -1;
}

static ssize_t hand_on(struct side *side, void *bytes, size_t size)
{
    if (side->result < 0) {
        side->state = IDLE;
        errno = (int)-side->result;
        return -1;
    }
    size_t left = (size_t)side->result - side->from, n = size < left ? size : left;
    memcpy(bytes, vow_buf_bytes(side->buf) + side->from, n);
    side->from += n;
    if (n == left)
        side->state = IDLE;
    return (ssize_t)n;
}

static ssize_t file_read(void *object, void *bytes, size_t size)
{
    struct file *f = object;
    if (f->in.state == DONE)
        return hand_on(&f->in, bytes, size);
    if (f->in.state == IDLE) { /* else it is the size of a job that runs */
        f->in.size = size < MOST_A_JOB ? size : MOST_A_JOB;
        return read_at_once(f, bytes, size);
    }
    errno = EAGAIN;
    return -1;
}

/* The job writes a copy: should the write be cancelled, its bytes are not kept any more. */
static int copy_parts(struct side *side, const struct iovec *parts, int count)
{
    side->buf = vow_buf_unref(side->buf);
    side->buf = vow_buf_new(MOST_A_JOB);
    if (!side->buf)
        return ENOMEM;
    side->size = 0;
    for (int i = 0; i < count; i++) {
        size_t room = MOST_A_JOB - side->size;
        size_t n = parts[i].iov_len < room ? parts[i].iov_len : room;
        memcpy(vow_buf_bytes(side->buf) + side->size, parts[i].iov_base, n);
        side->size += n;
    }
    side->state = WANTED;
    return EAGAIN;
}

static ssize_t file_write(void *object, const struct iovec *parts, int count)
{
    struct file *f = object;
    errno = EAGAIN;
    if (f->out.state == IDLE)
        errno = copy_parts(&f->out, parts, count);
    if (f->out.state != DONE)
        return -1;
    f->out.state = IDLE;
    errno = f->out.result < 0 ? (int)-f->out.result : 0;
    return f->out.result < 0 ? -1 : f->out.result;
}

static int file_wait(void *object, int what)
{
    struct file *f = object;
    struct side *side = what == VOW_READ ? &f->in : &f->out;
    if (side->state == RUNNING)
        return 0;
    if (what == VOW_READ && side->state == IDLE) {
        vow_buf_unref(side->buf);
        side->buf = vow_buf_new(side->size);
        side->state = side->buf ? WANTED : IDLE;
        if (!side->buf)
            return ENOMEM;
    }
    if (side->state == WANTED)
        start(f, side);
    else
        vow_stream_ready(f->stream, what); /* after a short write */
    return 0;
}

/* What was read waits for the next read. A write that runs cannot be stopped: a pump, which
 * keeps what was not written, is told at once that all of it is, as it is but for errors. */
static void file_rest(void *object, int what)
{
    struct file *f = object;
    if (what == VOW_READ || f->out.forgotten)
        return;
    f->out.forgotten = f->out.state == RUNNING;
    f->out.counted = f->out.forgotten && f->stream->out.pump;
    if (f->out.counted)
        vow_stream_wrote(f->stream, f->out.size);
    if (f->out.state != RUNNING)
        f->out.state = IDLE;
}

static int file_shutdown(void *object)
{
    (void)object; /* a file's end is where the last byte was written */
    return 0;
}

static void file_close(void *object)
{
    struct file *f = object;
    f->stream = NULL;
    release(f);
}

static const vow_transport file_transport = {
    .size = sizeof(vow_transport), .eager = true, .name = "file", .read = file_read,
    .write = file_write, .wait = file_wait, .rest = file_rest, .shutdown = file_shutdown,
    .close = file_close};

vow_stream *vow__stream_of_file(vow_loop *loop, int fd)
{
    struct file *f = vow__alloc_zeroed(sizeof *f);
    vow_stream *s = f ? vow__stream_new(loop, &file_transport, 0) : NULL;
    if (!s) {
        vow__free(f);
        close(fd);
        errno = ENOMEM;
        return NULL;
    }
    atomic_init(&f->refs, 1);
    f->fd = fd;
    f->stream = s;
    f->thread = loop->thread;
    s->object = f;
    return s;
}

int vow__stream_file_fd(const vow_stream *s)
{
    return s->transport == &file_transport ? ((const struct file *)s->object)->fd : -1;
}
