/* SPDX-License-Identifier: MIT
 *
 * test_https.c - HTTPS through interrupted, refused and short transfers: libcurl with OpenSSL on
 * one side, vow-tls on the other.
 */
#include "faults/lines.h"
#include "tls/world.h"
#include "vow/http.h"

/* An answer of all lines to whatever is asked, of which the end of the head is waited for. */
static vow_value answer(vow_value v, void *data)
{
    (void)v;
    vow_stream *s = data;
    size_t size;
    char *text = all_lines(&size), head[100];
    size_t length =
        (size_t)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
    vow_buf *b = vow_buf_new(length + size);
    memcpy(vow_buf_bytes(b), head, length);
    memcpy(vow_buf_bytes(b) + length, text, size);
    free(text);
    return vow_promise_value(vow_stream_write_buf(s, b));
}

static void drop_stream(void *s) { vow_stream_unref(s); }

static vow_value serve(vow_value v, void *data)
{
    (void)data;
    vow_stream *s = vow_stream_ref(vow_stream_of(v));
    vow_promise *p = vow_stream_read_until(s, '\n', 1000); /* "GET ..." */
    return vow_promise_value(vow_then_with(p, answer, s, drop_stream));
}

static vow_value shake_hands(vow_value v, void *tls)
{
    return vow_promise_value(vow_tls_accept(tls, vow_stream_ref(vow_stream_of(v))));
}

SEEDED(all_lines_down_over_tls)
{
    char url[64];
    vow_value v;
    struct world w = make_world("DNS:localhost", 10);
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    CHECK(l != NULL);
    faults.whole_connect = true; /* see test_http.c */
    snprintf(url, sizeof url, "https://localhost:%u/", vow_listener_port(l));
    vow_promise *served = vow_then(vow_then(vow_accept(l), shake_hands, w.server), serve, NULL);
    vow_mark_handled(served);
    vow_http_client *client =
        vow_http_client_new(loop, &(vow_http_options){.ca_file = w.ca.file, .proxy = ""});
    EQ_INT(vow_run(loop, vow_http_get(client, url, 0), &v), 0);
    is_all_lines(vow_http_body(vow_http_response_of(v)));
    vow_release(v);
    vow_http_client_free(client);
    vow_unref(served);
    vow_listener_close(l);
    end_world(&w);
}
