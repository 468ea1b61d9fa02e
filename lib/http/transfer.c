/* SPDX-License-Identifier: MIT
 *
 * http/transfer.c - a request under way: what curl's callbacks note of it, and what is done
 * about that when curl has returned.
 */
#include <string.h>

#include "http/client.h"
#include "vow/transport.h"

/* Inside curl. */

/* 0: there is room for `more` bytes behind r->to; EAGAIN: not before a reader took some;
 * ENOMEM. A whole body grows by halves, so that it is copied a few times at most. */
static int make_room(vow_http_response *r, size_t more)
{
    size_t size = r->held ? vow_buf_size(r->held) : 0;
    if (more <= size - r->to)
        return 0;
    if (r->held && !r->whole)
        return EAGAIN;
    curl_off_t length = 0;
    curl_easy_getinfo(r->request->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    size_t wanted = r->whole ? size + size / 2 : VOW__HTTP_HELD;
    if (!r->held && length > 0 && (uint64_t)length < VOW__HTTP_HELD)
        wanted = (size_t)length;
    if (wanted < r->to + more)
        wanted = r->to + more;
    vow_buf *larger = vow_buf_new(wanted);
    if (!larger)
        return ENOMEM;
    if (r->to)
        memcpy(vow_buf_bytes(larger), vow_buf_bytes(r->held), r->to);
    vow_buf_unref(r->held);
    r->held = larger;
    return 0;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *data)
{
    (void)one;
    vow_http_response *r = data;
    r->head_known = true;
    vow__http_news(r);
    int failed = size > r->request->limit - r->total ? EMSGSIZE : make_room(r, size);
    if (failed == EAGAIN) {
        r->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (failed) {
        r->failed = failed;
        return CURL_WRITEFUNC_ERROR;
    }
    memcpy(vow_buf_bytes(r->held) + r->to, bytes, size);
    r->to += size;
    r->total += size;
    return size;
}

/* curl will ask again, elsewhere. */
static bool is_redirect(const vow_http_request *q, long status)
{
    struct curl_header *elsewhere;
    return q->follows && status >= 300 && status < 400 &&
           !curl_easy_header(q->easy, "Location", 0, CURLH_HEADER, -1, &elsewhere);
}

/* The headers are the last ones unless they are a "100 Continue" or a redirect. With a method
 * of our own curl would keep to it where a 303 asks for GET. */
static void on_headers(vow_http_response *r)
{
    const vow_http_request *q = r->request;
    long status = 0;
    curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &status);
    bool goes_on = is_redirect(q, status);
    if (goes_on && status == 303)
        curl_easy_setopt(q->easy, CURLOPT_CUSTOMREQUEST, NULL);
    if (goes_on)
        r->head_bytes = r->head_lines = 0;
    if (status >= 200 && !goes_on)
        r->head_known = true;
    vow__http_news(r);
}

static size_t on_header(char *line, size_t one, size_t size, void *data)
{
    vow_http_response *r = data;
    r->head_bytes += size;
    r->head_lines++;
    if (vow__http_is_head_large(r)) {
        r->failed = EMSGSIZE;
        return 0;
    }
    if (*line == '\r' || *line == '\n')
        on_headers(r);
    return one * size;
}

static int on_progress(void *data, curl_off_t to_receive, curl_off_t received, curl_off_t to_send,
                       curl_off_t sent)
{
    vow_http_response *r = data;
    vow_http_request *q = r->request;
    uint64_t now[] = {(uint64_t)received, (uint64_t)to_receive, (uint64_t)sent, (uint64_t)to_send};
    if (memcmp(q->progress_now, now, sizeof now)) {
        memcpy(q->progress_now, now, sizeof now);
        r->told = true;
        vow__http_news(r);
    }
    return 0;
}

void vow__http_prepare(vow_http_response *r)
{
    CURL *easy = r->request->easy; /* none of these can fail: they keep pointers */
    curl_easy_setopt(easy, CURLOPT_PRIVATE, r);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, vow__http_on_upload);
    curl_easy_setopt(easy, CURLOPT_READDATA, r);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, vow__http_on_rewind);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, r);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, r);
}

/* When curl has returned. */

static void tell_reader(vow_http_response *r)
{
    if (r->stream && (r->to > r->from || !r->client))
        vow_stream_ready(r->stream, VOW_READ);
}

static void settle_head(vow_http_response *r)
{
    vow_resolver *head = r->head;
    if (!head)
        return;
    r->head = NULL;
    int status = vow_http_status(r);
    if (r->error && (r->whole || !r->head_known)) /* else who reads the stream hears of it */
        vow_reject(head, vow_error_ref(r->error));
    else if (r->request->strict && status >= 400)
        vow_reject(head, vow_error_new_at(r->where, vow_http_domain(), status, NULL));
    else
        vow_resolve(head, vow_http_response_value(vow_http_response_ref(r)));
}

/* The headers are curl's and stay; what waits for it to end is told. */
static void ended(vow_http_response *r)
{
    vow__http_detach(r);
    if (r->whole && !r->error && !r->held) {
        r->held = vow_buf_new(0);
        if (!r->held)
            r->error = vow_error_new_at(r->where, vow_errno_domain(), ENOMEM, "http");
    }
    if (r->whole && r->held)
        vow_buf_shrink(r->held, r->to);
    settle_head(r);
    tell_reader(r);
}

int vow__http_go_on(vow_http_response *r)
{
    if (!r->client)
        return EBADF;
    CURLcode code = curl_easy_pause(r->request->easy, (r->paused ? CURLPAUSE_RECV : 0) |
                                                          (r->starved ? CURLPAUSE_SEND : 0));
    if (vow__http_was_broken(r->client))
        r->failed = ENOMEM;
    if (!code && !r->failed)
        return 0;
    vow__http_finish(r, code);
    return EBADF;
}

void vow__http_finish(vow_http_response *r, CURLcode code)
{
    vow_http_response_ref(r);
    if (code || r->failed)
        r->error = vow__http_error(r, code);
    ended(r);
    vow_http_response_unref(r);
}

void vow__http_fail(vow_http_response *r, vow_error *e)
{
    vow_http_response_ref(r);
    r->error = e;
    ended(r);
    vow_http_response_unref(r);
}

void vow__http_attend(vow_http_response *r)
{
    vow_http_request *q = r->request;
    vow_http_response_ref(r);
    if (r->failed)
        vow__http_finish(r, CURLE_ABORTED_BY_CALLBACK);
    if (r->head_known && !r->whole)
        settle_head(r);
    tell_reader(r);
    if (r->starved)
        vow__http_feed(r);
    bool told = r->told && q->progress;
    r->told = false;
    if (told && r->client)
        q->progress(q->progress_now, q->progress_now + 2, q->progress_data);
    vow_http_response_unref(r);
}
