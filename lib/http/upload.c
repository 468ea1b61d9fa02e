/* SPDX-License-Identifier: MIT
 *
 * http/upload.c - the body of a request: what curl asks for, out of a buffer or out of a
 * stream that is read when curl has nothing left.
 */
#include <string.h>

#include "http/client.h"

size_t vow__http_on_upload(char *bytes, size_t one, size_t room, void *data)
{
    vow_http_response *r = data;
    vow_http_request *q = r->request;
    size_t n = q->body ? vow_buf_size(q->body) - q->sent : 0;
    if (n == 0 && q->source && !q->source_ended) {
        r->starved = true;
        vow__http_news(r);
        return CURL_READFUNC_PAUSE;
    }
    if (n > one * room)
        n = one * room;
    if (n)
        memcpy(bytes, vow_buf_bytes(q->body) + q->sent, n);
    q->sent += n;
    return n;
}

/* A redirect or a lost connection: once more from the start. */
int vow__http_on_rewind(void *data, curl_off_t to, int from)
{
    vow_http_request *q = ((vow_http_response *)data)->request;
    if (from != SEEK_SET || q->source)
        return CURL_SEEKFUNC_FAIL;
    q->sent = (size_t)to;
    return CURL_SEEKFUNC_OK;
}

static vow_value on_bytes(vow_value v, void *data)
{
    vow_http_response *r = data;
    vow_http_request *q = r->request;
    r->upload = vow_unref(r->upload);
    if (vow_is_error(v)) {
        vow__http_fail(r, vow_error_ref(vow_as_error(v)));
        return vow_none();
    }
    size_t size = vow_buf_size(vow_buf_of(v));
    if (size == 0 && q->source_left > 0) {
        vow__http_fail(r, vow_error_new_at(r->where, vow_errno_domain(), EPIPE,
                                           "a request's stream ended early"));
        return vow_none();
    }
    vow_buf_unref(q->body);
    q->body = vow_buf_ref(vow_buf_of(v));
    q->sent = 0;
    if (q->source_left > 0)
        q->source_left -= (int64_t)size;
    q->source_ended = size == 0 || q->source_left == 0;
    r->starved = false;
    vow__http_go_on(r);
    return vow_none();
}

/* curl has sent all there was. */
void vow__http_feed(vow_http_response *r)
{
    if (r->upload || !r->client)
        return;
    const vow_http_request *q = r->request;
    size_t most = VOW__HTTP_HELD;
    if (q->source_left > 0 && (uint64_t)q->source_left < most)
        most = (size_t)q->source_left;
    r->upload = vow_handle(vow_stream_read(q->source, most), on_bytes, r);
    if (vow_state(r->upload) != VOW_REJECTED)
        return;
    vow_mark_handled(r->upload); /* no memory for it */
    r->upload = vow_unref(r->upload);
    vow__http_fail(r, vow_error_new_at(r->where, vow_errno_domain(), ENOMEM, "http"));
}
