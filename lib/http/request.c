/* SPDX-License-Identifier: MIT
 *
 * http/request.c - a request being put together. It is set up on its easy handle at once;
 * the first thing that goes wrong is kept for the promise that sends it.
 */
#include <string.h>
#include <strings.h>

#include "http/client.h"
#include "http/token.h"

static void note(vow_http_request *q, int code)
{
    if (!q->failed)
        q->failed = code;
}

#define SET(q, option, value) set_done(q, curl_easy_setopt((q)->easy, option, value))
static void set_done(vow_http_request *q, CURLcode code)
{
    if (code)
        note(q, code == CURLE_OUT_OF_MEMORY ? ENOMEM : EINVAL);
}

/* What curl would do by itself and vow does not want: signals, time limits, other protocols,
 * waiting for "100 Continue", waiting for a name's look-up when nobody wants it any more. */
static void set_defaults(vow_http_request *q)
{
    SET(q, CURLOPT_NOSIGNAL, 1L);
    SET(q, CURLOPT_QUICK_EXIT, 1L);
    SET(q, CURLOPT_CONNECTTIMEOUT_MS, (long)INT32_MAX);
    SET(q, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(q, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    SET(q, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(q, CURLOPT_ERRORBUFFER, q->text);
    SET(q, CURLOPT_USERAGENT, "vow");
    vow_http_request_set(q, VOW_HTTP_REDIRECTS, 10);
}

static void set_method(vow_http_request *q, const char *method)
{
    if (!vow__http_is_token(method))
        note(q, EINVAL);
    q->is_head = !strcmp(method, "HEAD");
    q->is_post = !strcmp(method, "POST"); /* not by name: curl knows how to redirect it */
    if (q->is_head)
        SET(q, CURLOPT_NOBODY, 1L);
    else if (q->is_post)
        SET(q, CURLOPT_POST, 1L);
    else if (strcmp(method, "GET"))
        SET(q, CURLOPT_CUSTOMREQUEST, method);
    if (q->is_post)
        SET(q, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
}

vow_http_request *vow_http_request_new(const char *method, const char *url)
{
    vow_http_request *q = vow_alloc(sizeof *q);
    if (q)
        q->easy = curl_easy_init();
    if (!q || !q->easy)
        return vow_http_request_free(q);
    q->limit = SIZE_MAX;
    set_defaults(q);
    SET(q, CURLOPT_URL, url);
    set_method(q, method);
    return q;
}

vow_http_request *vow_http_request_free(vow_http_request *q)
{
    if (!q)
        return NULL;
    if (q->easy)
        curl_easy_cleanup(q->easy);
    curl_slist_free_all(q->headers);
    vow_buf_unref(q->body);
    vow_stream_unref(q->source);
    vow_free(q);
    return NULL;
}

static void add_line(vow_http_request *q, const char *line)
{
    struct curl_slist *longer = curl_slist_append(q->headers, line);
    if (!longer) {
        note(q, ENOMEM);
        return;
    }
    q->headers = longer;
    SET(q, CURLOPT_HTTPHEADER, longer);
}

/* "Name;" is how curl is told of a header without a value; of one that is blank it would
 * send nothing. */
void vow_http_request_header(vow_http_request *q, const char *name, const char *value)
{
    if (!q)
        return;
    if (!vow__http_is_token(name) || vow__http_is_framing(name) || strpbrk(value, "\r\n")) {
        note(q, EINVAL);
        return;
    }
    value += strspn(value, " \t");
    size_t named = strlen(name), size = strlen(value);
    char *line = vow_alloc(named + size + 3);
    if (!line) {
        note(q, ENOMEM);
        return;
    }
    memcpy(line, name, named);
    memcpy(line + named, size ? ": " : ";", size ? 2 : 1);
    memcpy(line + named + 2, value, size);
    add_line(q, line);
    vow_free(line);
    if (!strcasecmp(name, "content-type"))
        q->has_type = true;
}

/* The body comes through curl's read callback (transfer.c), which can be asked again from the
 * start when a redirect or a lost connection wants that. Anything but POST is an upload to
 * curl, whatever its name. */
static void send_body(vow_http_request *q, curl_off_t size)
{
    if (q->is_head)
        note(q, EINVAL);
    if (q->is_post) {
        SET(q, CURLOPT_POSTFIELDSIZE_LARGE, size);
        return;
    }
    SET(q, CURLOPT_UPLOAD, 1L);
    SET(q, CURLOPT_INFILESIZE_LARGE, size);
}

void vow_http_request_body(vow_http_request *q, vow_buf *body)
{
    if (!q || !body) {
        vow_buf_unref(body);
        if (q)
            note(q, ENOMEM);
        return;
    }
    vow_buf_unref(q->body);
    q->body = body;
    q->source = vow_stream_unref(q->source);
    send_body(q, (curl_off_t)vow_buf_size(body));
}

void vow_http_request_stream(vow_http_request *q, vow_stream *from, int64_t size)
{
    if (!q || !from) {
        vow_stream_unref(from);
        if (q)
            note(q, ENOMEM);
        return;
    }
    q->body = vow_buf_unref(q->body);
    vow_stream_unref(q->source);
    q->source = from;
    q->source_left = size;
    q->source_ended = size == 0;
    send_body(q, (curl_off_t)size);
}

void vow_http_request_text(vow_http_request *q, const char *type, const char *text)
{
    vow_http_request_header(q, "Content-Type", type);
    vow_http_request_body(q, vow_buf_copy(text, strlen(text)));
}

static long curl_version_of(long version)
{
    return version == 11   ? CURL_HTTP_VERSION_1_1
           : version == 20 ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
                           : CURL_HTTP_VERSION_2TLS;
}

void vow_http_request_set(vow_http_request *q, vow_http_setting what, long value)
{
    if (!q)
        return;
    switch (what) {
    case VOW_HTTP_LIMIT:
        q->limit = value > 0 ? (size_t)value : SIZE_MAX;
        break;
    case VOW_HTTP_REDIRECTS:
        q->follows = value > 0;
        SET(q, CURLOPT_FOLLOWLOCATION, value > 0 ? 1L : 0L);
        SET(q, CURLOPT_MAXREDIRS, value);
        break;
    case VOW_HTTP_VERSION:
        q->version = value;
        break;
    case VOW_HTTP_STRICT:
        q->strict = value;
        break;
    case VOW_HTTP_DECODE:
        SET(q, CURLOPT_ACCEPT_ENCODING, value ? "" : NULL);
        break;
    default:
        note(q, EINVAL);
    }
}

void vow_http_request_progress(vow_http_request *q, vow_http_progress_fn *fn, void *data)
{
    if (!q)
        return;
    q->progress = fn;
    q->progress_data = data;
    SET(q, CURLOPT_NOPROGRESS, fn ? 0L : 1L);
}

/* A body that is a stream pauses its transfer, and paused HTTP/2 of libcurl 7.88 does not
 * always go on, nor is it sure in later ones: it is for bodies that are whole. */
static void choose_version(vow_http_request *q, bool streamed)
{
    if (streamed && q->version == 20)
        note(q, EINVAL);
    SET(q, CURLOPT_HTTP_VERSION,
        streamed ? (long)CURL_HTTP_VERSION_1_1 : curl_version_of(q->version));
}

/* curl would ask before it sends a large body, for a second, and name a type nobody gave. */
void vow__http_request_ready(vow_http_request *q, const struct vow__http_setup *setup, bool whole)
{
    choose_version(q, !whole || q->source);
    add_line(q, "Expect:");
    if (q->is_post && !q->has_type)
        add_line(q, "Content-Type:");
    if (setup->ca_file) {
        SET(q, CURLOPT_CAINFO, setup->ca_file);
        SET(q, CURLOPT_CAPATH, NULL); /* the system's, beside the file */
    }
    if (setup->proxy)
        SET(q, CURLOPT_PROXY, setup->proxy);
    SET(q, CURLOPT_SSL_VERIFYPEER, setup->insecure ? 0L : 1L);
    SET(q, CURLOPT_SSL_VERIFYHOST, setup->insecure ? 0L : 2L);
}
