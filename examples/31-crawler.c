/* SPDX-License-Identifier: MIT
 *
 * 31-crawler - follows links, at most two pages at a time, until its time is up. The server
 * is inside; its page 4 never answers: the deadline of the scope ends that wait.
 *
 *     examples/run 31-crawler
 *
 * Expected output:
 *     read 5 of 6 pages: the scope timed out after 200 ms
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <vow.h>

enum { PAGES = 6, SLOW = 4 };
static const char *const links[PAGES] = {"12\n", "3\n", "345\n", "0\n", "5\n", "13\n"};
static const char names[] = "012345";
static vow_scope *crawl, *server;
static char port[8];
static int seen[PAGES] = {1}, count;

static void release(void *stream) { vow_stream_unref(stream); }
static vow_value answer(vow_value v, void *stream)
{
    int page = vow_buf_bytes(vow_buf_of(v))[0] - '0';
    return page == SLOW ? vow_v(vow_delay(vow_current(), 60000))
                        : vow_v(vow_stream_write(stream, links[page], strlen(links[page])));
}

static vow_value on_client(vow_value v, void *listener)
{
    vow_stream *s = vow_stream_ref(vow_stream_of(v));
    vow_promise *p = vow_then(vow_stream_read_exact(s, 1), answer, s);
    vow_scope_add(server, vow_attach(p, s, release));
    return vow_v(vow_then(vow_accept(listener), on_client, listener));
}

static vow_value start(void *name); /* fetches a page in a fiber */
static vow_value fetch(void *name)
{
    vow_value v;
    if (vow_await(vow_sock_connect(vow_current(), "127.0.0.1", port), &v) != 0)
        return v;
    vow_stream *s = vow_stream_ref(vow_stream_of(v));
    vow_release(v);
    if (vow_await(vow_stream_write(s, name, 1), &v) == 0 &&
        vow_await(vow_stream_read_until(s, '\n', 100), &v) == 0) {
        count++;
        for (const uint8_t *link = vow_buf_bytes(vow_buf_of(v)); *link != '\n'; link++)
            if (!seen[*link - '0']++)
                vow_scope_start(crawl, start, (void *)&names[*link - '0']);
    }
    vow_stream_unref(s);
    return v;
}
static vow_value start(void *name) { return vow_v(vow_spawn(vow_current(), fetch, name, NULL)); }

int main(void)
{
    vow_loop *loop = vow_loop_new();
    vow_listener *listener = loop ? vow_listen(loop, NULL, 0, 0) : NULL;
    server = listener ? vow_scope_new(loop, VOW_COLLECT) : NULL;
    crawl = server ? vow_scope_new(loop, VOW_FAIL_FAST) : NULL;
    if (crawl == NULL || vow_scope_deadline(crawl, 200) != 0)
        return 1;
    snprintf(port, sizeof port, "%d", vow_listener_port(listener));
    vow_scope_add(server, vow_then(vow_accept(listener), on_client, listener));
    vow_scope_limit(crawl, 2);
    vow_scope_start(crawl, start, (void *)names);
    vow_value v;
    int code = vow_run(loop, vow_scope_join(crawl), &v);
    printf("read %d of %d pages: %s\n", count, PAGES, vow_error_message(vow_as_error(v)));
    vow_release(v);
    vow_scope_free(crawl);
    vow_scope_free(server);
    vow_listener_close(listener);
    vow_loop_free(loop);
    return code != ETIMEDOUT;
}
