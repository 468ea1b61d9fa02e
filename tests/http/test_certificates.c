/* SPDX-License-Identifier: MIT
 *
 * test_certificates.c - a server whose certificate is not what it has to be: each kind has its
 * own words. The server is vow-tls.
 */
#include <curl/curl.h>

#include "tls/certs.h"
#include "tls/world.h"
#include "vow/http.h"

static vow_value answer(vow_value v, void *data)
{
    (void)data;
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    return vow_promise_value(vow_stream_write(vow_stream_of(v), text, sizeof text - 1));
}

static vow_value shake_hands(vow_value v, void *tls)
{
    return vow_promise_value(vow_tls_accept(tls, vow_stream_ref(vow_stream_of(v))));
}

/* Gets "https://HOST/" from a server that has this certificate, of a client that trusts
 * `trusted`. The outcome is in *ret, to be released. */
static int get_from(vow_loop *loop, const struct cert *cert, const char *trusted, const char *host,
                    vow_value *ret)
{
    char url[64];
    vow_tls *tls = make((vow_tls_options){.cert_file = cert->file});
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    CHECK(l != NULL);
    snprintf(url, sizeof url, "https://%s:%u/", host, vow_listener_port(l));
    vow_promise *served = vow_then(vow_then(vow_accept(l), shake_hands, tls), answer, NULL);
    vow_mark_handled(served); /* a client that refuses says so by an alert */
    vow_http_client *client =
        vow_http_client_new(loop, &(vow_http_options){.ca_file = trusted, .proxy = ""});
    CHECK(client != NULL);
    int code = vow_run(loop, vow_http_get(client, url, 0), ret);
    vow_http_client_free(client);
    vow_unref(served);
    vow_listener_close(l);
    vow_tls_unref(tls);
    return code;
}

#define REFUSED(cert, trusted, host, words) \
    refused(__FILE__, __LINE__, loop, cert, trusted, host, words)
static void refused(const char *file, int line, vow_loop *loop, const struct cert *cert,
                    const char *trusted, const char *host, const char *words)
{
    vow_value v;
    int code = get_from(loop, cert, trusted, host, &v);
    harness_eq_int(file, line, "code", code, CURLE_PEER_FAILED_VERIFICATION);
    harness_eq_text(file, line, "domain", vow_error_domain(vow_as_error(v))->name,
                    vow_http_domain()->name);
    harness_has_text(file, line, "message", vow_error_message(vow_as_error(v)), words);
    vow_release(v);
}

TEST(a_good_one_is_believed)
{
    struct cert ca = cert_new("authority", NULL, NULL, 10);
    struct cert cert = cert_new("the server", "DNS:localhost", &ca, 10);
    vow_value v;
    EQ_INT(get_from(loop, &cert, ca.file, "localhost", &v), 0);
    EQ_BYTES(vow_buf_bytes(vow_http_body(vow_http_response_of(v))), "hello", 5);
    vow_release(v);
    cert_free(&cert);
    cert_free(&ca);
}

TEST(an_expired_one_is_refused)
{
    struct cert ca = cert_new("authority", NULL, NULL, 10);
    struct cert cert = cert_new("the server", "DNS:localhost", &ca, -1);
    REFUSED(&cert, ca.file, "localhost", "certificate has expired");
    cert_free(&cert);
    cert_free(&ca);
}

TEST(one_that_signed_itself_is_refused)
{
    struct cert ca = cert_new("authority", NULL, NULL, 10);
    struct cert cert = cert_new("the server", "DNS:localhost", NULL, 10);
    REFUSED(&cert, ca.file, "localhost", "self-signed certificate");
    cert_free(&cert);
    cert_free(&ca);
}

TEST(one_for_another_name_is_refused)
{
    struct cert ca = cert_new("authority", NULL, NULL, 10);
    struct cert cert = cert_new("the server", "DNS:example.org,IP:127.0.0.2", &ca, 10);
    REFUSED(&cert, ca.file, "localhost", "'localhost'");
    REFUSED(&cert, ca.file, "127.0.0.1", "127.0.0.1");
    cert_free(&cert);
    cert_free(&ca);
}

TEST(one_of_another_authority_is_refused)
{
    struct cert ca = cert_new("authority", NULL, NULL, 10);
    struct cert other = cert_new("somebody else", NULL, NULL, 10);
    struct cert cert = cert_new("the server", "DNS:localhost", &other, 10);
    REFUSED(&cert, ca.file, "localhost", "unable to get local issuer certificate");
    cert_free(&cert);
    cert_free(&other);
    cert_free(&ca);
}
