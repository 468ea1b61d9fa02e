/* SPDX-License-Identifier: MIT
 *
 * http.c - a page by vow-http: its head, then the page piece by piece, each digested before
 * the next one is read. vow_context says which of the two it was that failed.
 */
#include "http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 65536 };

/* Attached to the end of the chain that its handlers make up. */
struct fetch {
    vow_loop *loop;
    vow_stream *page; /* from on_head on */
    struct digest *digest;
};

static void fetch_free(void *data)
{
    struct fetch *f = data;
    vow_stream_unref(f->page);
    digest_unref(f->digest);
    free(f);
}

static vow_value go_on(vow_value v, void *data)
{
    (void)v;
    (void)data;
    return VOW_AGAIN;
}

static vow_value on_piece(vow_value v, void *data)
{
    struct fetch *f = data;
    vow_buf *piece = vow_buf_of(v);
    if (vow_buf_size(piece) == 0)
        return digest_end(f->digest);
    return vow_v(vow_then(digest_add(f->digest, vow_buf_ref(piece)), go_on, NULL));
}

static vow_value next_piece(void *data)
{
    struct fetch *f = data;
    return vow_v(vow_then(vow_stream_read(f->page, PIECE), on_piece, f));
}

static vow_value on_head(vow_value v, void *data)
{
    struct fetch *f = data;
    vow_http_response *r = vow_http_response_of(v);
    if (vow_http_status(r) != 200)
        return vow_fail_in(vow_http_domain(), vow_http_status(r), "status %d", vow_http_status(r));
    f->page = vow_http_stream(r);
    if (f->page == NULL)
        return vow_fail(errno, "the page");
    return vow_v(vow_context(vow_repeat(f->loop, next_piece, f), "read the page"));
}

vow_promise *http_digest(vow_http_client *client, const struct means *means, const char *url)
{
    struct fetch *f = calloc(1, sizeof *f);
    if (f != NULL)
        *f = (struct fetch){.loop = means->loop, .digest = digest_new(means)};
    if (f == NULL || f->digest == NULL) {
        free(f);
        return vow_rejected(means->loop, vow_error_new(vow_errno_domain(), ENOMEM, "fetch"));
    }
    vow_promise *p = vow_http_open(client, vow_http_request_new("GET", url));
    p = vow_then(vow_context(p, "ask for the page"), on_head, f);
    return vow_attach(p, f, fetch_free);
}

bool url_is(const char *text)
{
    size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    return scheme > 0 && strncmp(text + scheme, "://", 3) == 0;
}
