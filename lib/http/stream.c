/* SPDX-License-Identifier: MIT
 *
 * http/stream.c - the body of a response as a stream: the transport that reads what curl's
 * write callback has put by, and lets curl go on when all of that is taken.
 */
#include <string.h>

#include "http/client.h"
#include "vow/transport.h"

static ssize_t read_body(void *object, void *bytes, size_t size)
{
    vow_http_response *r = object;
    size_t n = r->to - r->from < size ? r->to - r->from : size;
    if (n == 0 && !r->client) {
        errno = ECONNRESET; /* body_error says what it was */
        return r->error ? -1 : 0;
    }
    if (n == 0) {
        errno = EAGAIN;
        return -1;
    }
    memcpy(bytes, vow_buf_bytes(r->held) + r->from, n);
    r->from += n;
    if (r->from == r->to) {
        r->held = vow_buf_unref(r->held);
        r->from = r->to = 0;
    }
    return (ssize_t)n;
}

static ssize_t write_nothing(void *object, const struct iovec *parts, int count)
{
    (void)object, (void)parts, (void)count;
    errno = EBADF;
    return -1;
}

/* curl may give bytes before it returns. */
static int wait_for_body(void *object, int side)
{
    vow_http_response *r = object;
    if (side != VOW_READ)
        return EBADF;
    if (r->paused && !r->held) {
        r->paused = false;
        vow__http_go_on(r);
    }
    if (r->to > r->from || !r->client)
        vow_stream_ready(r->stream, VOW_READ);
    return 0;
}

static vow_error *body_error(void *object, int side)
{
    const vow_http_response *r = object;
    return side == VOW_READ && r->error ? vow_error_ref(r->error) : NULL;
}

/* Nobody can read it any more. */
static void close_body(void *object)
{
    vow_http_response *r = object;
    r->stream = NULL;
    vow__http_detach(r);
    vow_http_response_unref(r);
}

static const vow_transport body_transport = {.size = sizeof(vow_transport),
                                             .eager = true,
                                             .name = "http",
                                             .read = read_body,
                                             .write = write_nothing,
                                             .wait = wait_for_body,
                                             .close = close_body,
                                             .error = body_error};

vow_stream *vow_http_stream(vow_http_response *r)
{
    if (r->whole || (r->streamed && !r->stream)) {
        errno = EINVAL;
        return NULL;
    }
    if (r->stream)
        return vow_stream_ref(r->stream);
    r->streamed = true;
    r->stream = vow_stream_new(r->loop, &body_transport, vow_http_response_ref(r));
    return r->stream;
}
