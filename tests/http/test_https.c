/* SPDX-License-Identifier: MIT
 *
 * Whom the client believes: a server of vow's own TLS with certificates of all kinds.
 */
#include <curl/curl.h>
#include <openssl/ssl.h>

#include "tls/world.h"
#include "vow/http.h"

/* Stand before OpenSSL's, for libcurl: whom the system trusts beside its file of CAs. */
static const char *system_ca;
int X509_STORE_load_path(X509_STORE *store, const char *folder)
{
    (void)folder;
    return !system_ca || X509_STORE_load_file(store, system_ca);
}
int SSL_CTX_load_verify_dir(SSL_CTX *ctx, const char *folder)
{
    return X509_STORE_load_path(SSL_CTX_get_cert_store(ctx), folder);
}

/* Answers one request, if it comes to that. */
static vow_value on_request(vow_value v, void *data)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    (void)v;
    return vow_promise_value(vow_stream_write(data, answer, sizeof answer - 1));
}

static void unref_stream(void *data) { vow_stream_unref(data); }

static vow_value on_shaken(vow_value v, void *data)
{
    (void)data;
    vow_stream *s = vow_stream_ref(vow_stream_of(v));
    return vow_promise_value(
        vow_then_with(vow_stream_read_until(s, '\n', 1000), on_request, s, unref_stream));
}

static vow_value on_accepted(vow_value v, void *data)
{
    return vow_promise_value(vow_tls_accept(data, vow_stream_ref(vow_stream_of(v))));
}

/* What a GET of https://HOST:port/ ends with; 0: it was answered. */
static int get(vow_loop *loop, struct world *w, const char *host, const vow_http_options *options,
               char text[300])
{
    char url[100];
    vow_value v;
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    vow_http_client *c = vow_http_client_new(loop, options);
    vow_promise *served =
        vow_then(vow_then(vow_accept(l), on_accepted, w->server), on_shaken, NULL);
    vow_mark_handled(served);
    snprintf(url, sizeof url, "https://%s:%u/", host, (unsigned)vow_listener_port(l));
    int code = vow_run(loop, vow_http_get(c, url, 100), &v);
    *text = 0;
    if (code) {
        vow_describe(vow_as_error(v), VOW_ONE_LINE, text, 300);
        CHECK(vow_error_domain(vow_as_error(v)) == vow_http_domain());
    }
    vow_release(v);
    vow_unref(served);
    vow_http_client_free(c);
    vow_listener_close(l);
    return code;
}

TEST(only_a_certificate_that_is_in_order_is_believed)
{
    char text[300];
    struct world w = make_world("DNS:localhost,IP:127.0.0.1", 10);
    struct world old = make_world("DNS:localhost,IP:127.0.0.1", -2);
    vow_http_options ours = {.ca_file = w.ca.file}, its = {.ca_file = old.ca.file};
    EQ_INT(get(loop, &w, "127.0.0.1", &ours, text), 0);
    EQ_INT(get(loop, &w, "other.localhost", &ours, text), CURLE_PEER_FAILED_VERIFICATION);
    EQ_INT(get(loop, &w, "127.0.0.1", NULL, text), CURLE_PEER_FAILED_VERIFICATION);
    EQ_INT(get(loop, &old, "127.0.0.1", &its, text), CURLE_PEER_FAILED_VERIFICATION);
    HAS_TEXT(text, "expired");
    end_world(&w);
    end_world(&old);
}

TEST(a_file_of_authorities_stands_instead_of_the_systems)
{
    char text[300];
    struct world w = make_world("DNS:localhost,IP:127.0.0.1", 10);
    struct cert other = cert_new("another authority", NULL, NULL, 10);
    vow_http_options options = {.ca_file = other.file};
    system_ca = w.ca.file;
    EQ_INT(get(loop, &w, "127.0.0.1", NULL, text), 0);
    EQ_INT(get(loop, &w, "127.0.0.1", &options, text), CURLE_PEER_FAILED_VERIFICATION);
    cert_free(&other);
    end_world(&w);
}

TEST(a_certificate_that_is_not_believed_is_where_asked)
{
    char text[300];
    struct world w = make_world("DNS:example.org", -2);
    vow_http_options options = {.insecure = true};
    EQ_INT(get(loop, &w, "127.0.0.1", &options, text), 0);
    end_world(&w);
}
