/* SPDX-License-Identifier: MIT
 *
 * 14-http-get - pages by https or http, all at once, with a time limit; certificates are
 * verified. Without URLs as arguments it asks a server of its own.
 *
 *     examples/run 14-http-get
 *
 * Expected output:
 *     200     6 bytes of text/plain; charset=utf-8
 *     200     6 bytes of text/plain; charset=utf-8
 *     Couldn't connect to server
 */
#include <stdio.h>
#include <vow.h>
#include <vow/http.h>
#include <vow/http_server.h>

static vow_value hello(vow_http_incoming *in, void *data)
{
    (void)in, (void)data;
    return VOW_LIT("hello\n");
}

static void show(vow_value outcome)
{
    if (vow_is_error(outcome)) {
        const vow_error *e = vow_as_error(outcome);
        puts(vow_error_domain(e)->text(vow_error_code(e))); /* its message says more */
        return;
    }
    vow_http_response *r = vow_http_response_of(outcome);
    const char *type = vow_http_header(r, "content-type");
    printf("%d %5zu bytes of %s\n", vow_http_status(r), vow_buf_size(vow_http_body(r)),
           type ? type : "no type");
}

/* Settles when all have; gives the array of outcomes. */
static vow_promise *get_all(vow_loop *loop, vow_http_client *client, int n, char **urls)
{
    vow_promise *pages[16];
    int count = n < 16 ? n : 16;
    for (int i = 0; i < count; i++)
        pages[i] = vow_timeout(vow_http_get(client, urls[i], 1 << 20), 5000);
    return vow_all_settled_n(loop, (size_t)count, pages);
}

int main(int argc, char **argv)
{
    vow_loop *loop = vow_loop_new();
    vow_http_client *client = loop ? vow_http_client_new(loop, NULL) : NULL;
    vow_http_server *server = client ? vow_http_server_new(loop, NULL, 0, hello, NULL) : NULL;
    if (!server) {
        perror("http");
        return 1;
    }
    char own[64], none[] = "http://127.0.0.1:1/", *urls[] = {own, own, none};
    snprintf(own, sizeof own, "http://127.0.0.1:%u/", vow_http_server_port(server));
    vow_promise *p = argc > 1 ? get_all(loop, client, argc - 1, argv + 1)
                              : get_all(loop, client, 3, urls);
    vow_value outcomes;
    int code = vow_run(loop, p, &outcomes);
    if (code == 0)
        for (size_t i = 0; i < vow_count(outcomes); i++)
            show(vow_at(outcomes, i));
    vow_release(outcomes);
    vow_http_server_free(server);
    vow_http_client_free(client);
    vow_loop_free(loop);
    return code == 0 ? 0 : 1;
}
