/* SPDX-License-Identifier: MIT
 *
 * test_transport.c - streams of a program's own making: the verbs are the stream's, the transport
 * here is a little memory that says what it was asked.
 */
#include "vow/transport.h"

#include <errno.h>
#include <sys/uio.h>

#include "adapt/net.h"
#include "adapt/sweep.h"

struct device {
    struct trace seen;
    vow_stream *stream;
    char in[64], out[64];
    size_t in_size, out_size, most; /* most: so many bytes a call, in and out */
    bool ended, at_once;            /* at_once: `wait` itself says that it is ready */
    int blocks, failed;             /* how often EAGAIN comes first; an errno number */
    int wait_failed;
};

static bool refuses(struct device *d)
{
    errno = d->failed ? d->failed : EAGAIN;
    return d->failed || d->blocks-- > 0;
}

static ssize_t device_read(void *object, void *bytes, size_t size)
{
    struct device *d = object;
    if (refuses(d) || (d->in_size == 0 && !d->ended))
        return -1;
    size_t n = size < d->in_size ? size : d->in_size;
    n = n < d->most ? n : d->most;
    memcpy(bytes, d->in, n);
    memmove(d->in, d->in + n, d->in_size - n);
    d->in_size -= n;
    return (ssize_t)n;
}

static ssize_t device_write(void *object, const struct iovec *parts, int count)
{
    struct device *d = object;
    if (refuses(d))
        return -1;
    size_t done = 0;
    for (int i = 0; i < count && done < d->most; i++) {
        size_t left = d->most - done, n = parts[i].iov_len < left ? parts[i].iov_len : left;
        memcpy(d->out + d->out_size, parts[i].iov_base, n);
        d->out_size += n;
        done += n;
    }
    return (ssize_t)done;
}

static const char *side_name(int side) { return side == VOW_READ ? "r" : "w"; }

static int device_wait(void *object, int side)
{
    struct device *d = object;
    trace_add(&d->seen, "wait-%s", side_name(side));
    if (!d->wait_failed && d->at_once && (side == VOW_WRITE || d->in_size > 0 || d->ended))
        vow_stream_ready(d->stream, side);
    return d->wait_failed;
}

static void device_rest(void *object, int side)
{
    trace_add(&((struct device *)object)->seen, "rest-%s", side_name(side));
}

static int device_shutdown(void *object)
{
    struct device *d = object;
    trace_add(&d->seen, "shutdown");
    return d->blocks-- > 0 ? EAGAIN : 0;
}

static void device_detach(void *object) { trace_add(&((struct device *)object)->seen, "detach"); }
static void device_close(void *object) { trace_add(&((struct device *)object)->seen, "close"); }

static vow_error *device_error(void *object, int side)
{
    struct device *d = object;
    return d->failed == EIO
               ? vow_error_new(vow_errno_domain(), EPROTO, "the device, %s", side_name(side))
               : NULL;
}

static const vow_transport device_transport = {.size = sizeof(vow_transport),
                                               .name = "device",
                                               .read = device_read,
                                               .write = device_write,
                                               .wait = device_wait,
                                               .rest = device_rest,
                                               .shutdown = device_shutdown,
                                               .detach = device_detach,
                                               .close = device_close,
                                               .error = device_error};

/* As little as one may have. */
static const vow_transport bare_transport = {.size = sizeof(vow_transport),
                                             .eager = true,
                                             .name = "bare",
                                             .read = device_read,
                                             .write = device_write,
                                             .wait = device_wait,
                                             .close = device_close};

static vow_stream *open_device(vow_loop *loop, const vow_transport *transport, struct device *d)
{
    *d = (struct device){.most = sizeof d->in};
    d->stream = vow_stream_new(loop, transport, d);
    CHECK(d->stream != NULL);
    return d->stream;
}

static void give(struct device *d, const char *text)
{
    memcpy(d->in + d->in_size, text, strlen(text));
    d->in_size += strlen(text);
    vow_stream_ready(d->stream, VOW_READ);
}

TEST(all_verbs_work_on_a_transport_of_ones_own)
{
    struct device d;
    vow_stream *s = open_device(loop, &device_transport, &d);
    d.at_once = true;
    vow_promise *line = vow_stream_read_until(s, '\n', 20);
    give(&d, "one\ntw");
    EQ_READ(line, "one\n");
    vow_promise *exact = vow_stream_read_exact(s, 3);
    give(&d, "o and");
    EQ_READ(exact, "two");
    EQ_READ(vow_stream_read(s, 100), " and");
    d.ended = true;
    d.most = 5; /* so that each write is done in several */
    EQ_READ(vow_stream_read(s, 100), "");
    struct iovec parts[] = {{(char *)"gather", 6}, {(char *)"ed", 2}};
    EQ_INT(vow_run(loop, vow_stream_writev(s, parts, 2), NULL), 0);
    EQ_INT(vow_run(loop, vow_stream_write(s, ", all of it", 11), NULL), 0);
    EQ_UINT(d.out_size, 19);
    EQ_BYTES(d.out, "gathered, all of it", 19);
    EQ_UINT(vow_stream_written(s), 19);
    vow_stream_unref(s);
    HAS_TEXT(d.seen.text, "close");
}

TEST(it_is_tried_when_it_says_so_and_rests_when_nobody_waits)
{
    struct device d;
    vow_stream *s = open_device(loop, &device_transport, &d);
    vow_promise *p = vow_stream_read(s, 10);
    EQ_TRACE(d.seen, "wait-r"); /* not eager: waits before it tries */
    vow_stream_ready(s, VOW_READ | VOW_WRITE);
    EQ_INT(vow_state(p), VOW_PENDING); /* on suspicion */
    give(&d, "x");
    EQ_READ(p, "x");
    EQ_TRACE(d.seen, "wait-r wait-r rest-r");
    vow_unref(vow_stream_read(s, 10));
    EQ_TRACE(d.seen, "wait-r wait-r rest-r wait-r rest-r");
    d.blocks = 1;
    p = vow_stream_write(s, "y", 1);
    vow_stream_ready(s, VOW_WRITE);
    EQ_INT(vow_run(loop, p, NULL), 0);
    HAS_TEXT(d.seen.text, "wait-w rest-w");
    vow_stream_unref(s);
}

TEST(shutting_down_may_take_a_while_or_be_unknown)
{
    struct device d;
    vow_stream *s = open_device(loop, &device_transport, &d);
    d.blocks = 1;
    vow_promise *p = vow_stream_shutdown(s);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_stream_ready(s, VOW_WRITE);
    EQ_INT(vow_run(loop, p, NULL), 0);
    EQ_TRACE(d.seen, "shutdown wait-w shutdown rest-w");
    vow_stream_unref(s);
    s = open_device(loop, &bare_transport, &d);
    EQ_INT(vow_run(loop, vow_stream_shutdown(s), NULL), EOPNOTSUPP);
    vow_stream_unref(s);
}

static void fails_with(vow_loop *loop, vow_promise *p, int code, const char *text)
{
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), code);
    HAS_TEXT(vow_error_message(vow_as_error(v)), text);
    vow_release(v);
}

TEST(errors_are_the_systems_or_the_transports_own)
{
    struct device d;
    vow_stream *s = open_device(loop, &device_transport, &d);
    d.failed = EIO;
    fails_with(loop, vow_stream_write(s, "x", 1), EPROTO, "the device, w");
    d.failed = ENODEV; /* of which it has nothing to say */
    fails_with(loop, vow_stream_write(s, "x", 1), ENODEV, "stream write");
    d.failed = 0;
    d.wait_failed = ENOMEM;
    EQ_INT(vow_run(loop, vow_stream_read(s, 1), NULL), ENOMEM);
    d.wait_failed = 0;
    give(&d, "still there");
    EQ_READ(vow_stream_read(s, 20), "still there");
    vow_stream_unref(s);
}

TEST(its_object_is_told_from_others)
{
    struct device d;
    vow_stream *s = open_device(loop, &device_transport, &d);
    EQ_PTR(vow_stream_object(s, &device_transport), &d);
    EQ_PTR(vow_stream_object(s, &bare_transport), NULL);
    EQ_INT(vow_stream_fd(s), -1);
    vow_stream_wrote(s, 7);
    EQ_UINT(vow_stream_written(s), 7);
    vow_stream_close(s);
    EQ_PTR(vow_stream_object(s, &device_transport), NULL);
    EQ_TRACE(d.seen, "close"); /* and not again */
    vow_stream_unref(s);
    EQ_TRACE(d.seen, "close");
}

TEST(it_is_pumped_to_and_from)
{
    struct device from, to;
    vow_stream *a = open_device(loop, &bare_transport, &from);
    vow_stream *b = open_device(loop, &device_transport, &to);
    to.most = 4;
    to.at_once = true;
    vow_promise *p = vow_pump(a, b, 0);
    give(&from, "through");
    give(&from, " the pump");
    from.ended = true;
    vow_stream_ready(a, VOW_READ);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_INT(vow_as_int(v), 16);
    EQ_BYTES(to.out, "through the pump", 16);
    vow_stream_unref(a);
    vow_stream_unref(b);
}

TEST(a_loop_that_closes_detaches_it_and_takes_no_other)
{
    struct device d;
    vow_stream *s = open_device(loop, &device_transport, &d);
    vow_promise *p = vow_stream_read(s, 1);
    vow_loop_close(loop);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    vow_unref(p);
    HAS_TEXT(d.seen.text, "detach");
    vow_stream_unref(s);
    struct device late = {.most = 1};
    CHECK(vow_stream_new(loop, &device_transport, &late) == NULL);
    EQ_INT(errno, ESHUTDOWN);
    EQ_TRACE(late.seen, "close");
}

TEST_PANICS(a_transport_says_its_size, "must start with its size")
{
    static const vow_transport none = {.size = 1, .name = "none"};
    vow_stream_unref(vow_stream_new(loop, &none, NULL));
}

static int use_a_device(vow_loop *loop)
{
    struct device d = {.most = 64, .at_once = true};
    d.stream = vow_stream_new(loop, &bare_transport, &d);
    if (!d.stream)
        return errno;
    memcpy(d.in, "text", d.in_size = 4);
    int code = vow_run(loop, vow_stream_read_exact(d.stream, 4), NULL);
    if (!code)
        code = vow_run(loop, vow_stream_write_buf(d.stream, vow_buf_copy("more", 4)), NULL);
    vow_stream_unref(d.stream);
    CHECK(strstr(d.seen.text, "close") != NULL);
    return code;
}

TEST_PLAIN(every_allocation_may_fail) { sweep(use_a_device); }
