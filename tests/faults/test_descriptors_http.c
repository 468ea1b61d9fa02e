/* SPDX-License-Identifier: MIT
 *
 * test_descriptors_http.c - TLS and HTTP with too few descriptors: libcurl says in its own
 * words that it could not have one.
 */
#include <curl/curl.h>

#include "faults/few.h"
#include "vow/http.h"
#include "vow/http_server.h"

static vow_value hello(vow_http_incoming *in, void *data)
{
    (void)in, (void)data;
    return VOW_LIT("hello");
}

/* Runs a request on the client: 0, or an error of libcurl's. One that was connected, but not
 * accepted, waits, here until its time is up. */
static int request(vow_loop *loop, vow_http_client *client, const char *url)
{
    vow_value v;
    int code = vow_run(loop, vow_timeout(vow_http_get(client, url, 0), 300), &v);
    if (code) {
        const vow_error *e = vow_as_error(v);
        CHECK(vow_error_is(e, vow_http_domain(), CURLE_COULDNT_CONNECT) ||
              vow_error_is(e, vow_http_domain(), CURLE_FAILED_INIT) ||
              vow_error_is(e, vow_errno_domain(), ETIMEDOUT));
    }
    vow_release(v);
    return code ? NEITHER : 0;
}

static int get(vow_loop *loop)
{
    char url[64];
    vow_loop_set_clock(loop, NULL, NULL);
    vow_http_server *server = vow_http_server_new(loop, NULL, 0, hello, NULL);
    if (!server)
        return errno;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", vow_http_server_port(server));
    vow_http_client *client = vow_http_client_new(loop, NULL);
    int code = client ? request(loop, client, url) : errno;
    vow_http_client_free(client);
    vow_http_server_free(server);
    return code;
}
TEST_PLAIN(http) { with_few_descriptors(get); }
