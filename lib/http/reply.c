/* SPDX-License-Identifier: MIT
 *
 * http/reply.c - an answer being put together; it knows nothing of evhttp.
 */
#include <errno.h>
#include <string.h>

#include "http/server.h"
#include "http/token.h"
#include "vow/type.h"

vow_http_reply *vow__http_reply_ref(vow_http_reply *reply)
{
    reply->refs++;
    return reply;
}

VOW_TYPE_DEFINE(vow_http_reply, vow_http_reply, vow__http_reply_ref, vow_http_reply_free)

static void note(vow_http_reply *reply, int code)
{
    if (reply && !reply->failed)
        reply->failed = code;
}

vow_http_reply *vow_http_reply_new(int status)
{
    vow_http_reply *reply = vow_alloc(sizeof *reply);
    if (!reply)
        return NULL;
    reply->refs = 1;
    reply->status = status;
    reply->lines_end = &reply->lines;
    if (status < 200 || status > 999)
        note(reply, EINVAL);
    return reply;
}

vow_http_reply *vow_http_reply_free(vow_http_reply *reply)
{
    if (!reply || --reply->refs > 0)
        return NULL;
    while (reply->lines) {
        struct vow__http_line *line = reply->lines;
        reply->lines = line->next;
        vow_free(line);
    }
    vow_buf_unref(reply->body);
    vow_stream_unref(reply->from);
    vow_free(reply);
    return NULL;
}

void vow_http_reply_header(vow_http_reply *reply, const char *name, const char *value)
{
    if (!reply)
        return;
    if (!vow__http_is_token(name) || vow__http_is_framing(name) || strpbrk(value, "\r\n")) {
        note(reply, EINVAL);
        return;
    }
    size_t named = strlen(name) + 1, size = strlen(value) + 1;
    struct vow__http_line *line = vow_alloc(sizeof *line + named + size);
    if (!line) {
        note(reply, ENOMEM);
        return;
    }
    memcpy(line->name, name, named);
    line->value = memcpy(line->name + named, value, size);
    *reply->lines_end = line;
    reply->lines_end = &line->next;
}

void vow_http_reply_body(vow_http_reply *reply, vow_buf *body)
{
    if (!reply || !body) {
        vow_buf_unref(body);
        note(reply, ENOMEM);
        return;
    }
    vow_buf_unref(reply->body);
    reply->body = body;
}

void vow_http_reply_text(vow_http_reply *reply, const char *type, const char *text)
{
    vow_http_reply_header(reply, "Content-Type", type);
    vow_http_reply_body(reply, vow_buf_copy(text, strlen(text)));
}

void vow_http_reply_stream(vow_http_reply *reply, vow_stream *from, int64_t size)
{
    if (!reply || !from) {
        vow_stream_unref(from);
        note(reply, ENOMEM);
        return;
    }
    vow_stream_unref(reply->from);
    reply->from = from;
    reply->size = size;
}
