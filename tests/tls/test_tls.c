/* SPDX-License-Identifier: MIT */
#include "tls/world.h"

TEST(bytes_go_both_ways)
{
    struct world w = make_world("DNS:localhost", 10);
    struct ends e = shake(loop, &w, 1000);
    EQ_INT(vow_run(loop, vow_stream_write(e.client, "question\n", 9), NULL), 0);
    EQ_READ(vow_stream_read_until(e.server, '\n', 100), "question\n");
    vow_promise *p = vow_stream_read_exact(e.client, 6);
    EQ_INT(vow_run(loop, vow_stream_write(e.server, "answer", 6), NULL), 0);
    EQ_READ(p, "answer");
    EQ_INT(vow_stream_written(e.client), 9);
    end(&e);
    end_world(&w);
}

TEST(what_was_agreed_on_can_be_asked)
{
    struct world w = make_world("DNS:localhost", 10);
    struct ends e = shake(loop, &w, 1000);
    CHECK(vow_tls_is(e.client));
    EQ_TEXT(vow_tls_version(e.client), "TLSv1.3");
    CHECK(vow_tls_cipher(e.client) != NULL);
    vow_value alpn = vow_tls_alpn(e.client), peer = vow_tls_peer(e.client);
    EQ_TEXT(vow_as_text(alpn), "http/1.1");
    EQ_TEXT(vow_as_text(peer), "the server");
    vow_release(alpn);
    vow_release(peer);
    CHECK(vow_is_none(vow_tls_peer(e.server)));
    vow_stream_close(e.client);
    CHECK(!vow_tls_is(e.client) && vow_tls_version(e.client) == NULL);
    end(&e);
    end_world(&w);
}

TEST(much_goes_through_little_room)
{
    enum { SIZE = 1 << 20 };
    struct world w = make_world("DNS:localhost", 10);
    vow_tls_unref(w.server);
    w.server = make((vow_tls_options){.cert_file = w.cert.file, .small = true});
    struct ends e = shake(loop, &w, 777);
    vow_buf *b = vow_buf_new(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        vow_buf_bytes(b)[i] = (uint8_t)(i % 251);
    vow_promise *p = vow_stream_write(e.client, vow_buf_bytes(b), SIZE);
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_read_exact(e.server, SIZE), &v), 0);
    EQ_BYTES(vow_buf_bytes(vow_buf_of(v)), vow_buf_bytes(b), SIZE);
    vow_release(v);
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_INT(vow_as_int(v), SIZE);
    vow_buf_unref(b);
    end(&e);
    end_world(&w);
}

TEST(a_clean_end_and_a_cut_are_told_apart)
{
    struct world w = make_world("DNS:localhost", 10);
    struct ends e = shake(loop, &w, 1000);
    EQ_INT(vow_run(loop, vow_stream_write(e.client, "last", 4), NULL), 0);
    EQ_INT(vow_run(loop, vow_stream_shutdown(e.client), NULL), 0);
    EQ_READ(vow_stream_read(e.server, 10), "last");
    EQ_READ(vow_stream_read(e.server, 10), "");
    EQ_INT(vow_run(loop, vow_stream_write(e.server, "still", 5), NULL), 0);
    EQ_READ(vow_stream_read(e.client, 10), "still");
    vow_stream_close(e.server); /* without a word */
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_read(e.client, 10), &v), VOW_TLS_ETRUNCATED);
    CHECK(vow_error_domain(vow_as_error(v)) == vow_tls_domain());
    vow_release(v);
    end(&e);
    end_world(&w);
}

TEST(a_cancelled_read_loses_no_byte)
{
    struct world w = make_world("DNS:localhost", 10);
    struct ends e = shake(loop, &w, 1000);
    vow_promise *p = vow_stream_read_exact(e.server, 10);
    EQ_INT(vow_run(loop, vow_stream_write(e.client, "hello", 5), NULL), 0);
    vow_poll(loop);
    vow_unref(p);
    p = vow_stream_read(e.server, 10);
    EQ_READ(p, "hello");
    vow_unref(vow_stream_read(e.server, 10));
    EQ_INT(vow_run(loop, vow_stream_write(e.client, "more", 4), NULL), 0);
    EQ_READ(vow_stream_read(e.server, 10), "more");
    end(&e);
    end_world(&w);
}

/* What was sealed goes out whole, or the stream below would be broken. */
TEST(a_cancelled_write_leaves_a_known_count)
{
    static char bytes[100000];
    struct world w = make_world("DNS:localhost", 10);
    struct ends e = shake(loop, &w, 1000);
    vow_promise *p = vow_stream_write(e.client, bytes, sizeof bytes);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
    uint64_t written = vow_stream_written(e.client);
    CHECK(written > 0 && written < sizeof bytes);
    vow_promise *after = vow_stream_write(e.client, "!", 1);
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_read_exact(e.server, written), &v), 0);
    vow_release(v);
    EQ_READ(vow_stream_read(e.server, 10), "!");
    EQ_INT(vow_run(loop, after, NULL), 0);
    end(&e);
    end_world(&w);
}

/* What the client's handshake rejects with. */
static int refused(vow_loop *loop, struct world *w, const char *host, char *text, size_t size)
{
    vow_stream *pair[2];
    vow_value v;
    EQ_INT(vow_stream_pair(loop, 1000, pair), 0);
    vow_promise *server = vow_tls_accept(w->server, pair[1]);
    vow_mark_handled(server);
    int code = vow_run(loop, vow_tls_connect(w->client, pair[0], host), &v);
    CHECK(code != 0);
    CHECK(vow_error_domain(vow_as_error(v)) == vow_tls_domain());
    vow_describe(vow_as_error(v), VOW_ONE_LINE, text, size);
    vow_release(v);
    EQ_INT(vow_run(loop, server, &v), VOW_TLS_EALERT);
    vow_release(v);
    return code;
}

TEST(a_certificate_for_another_host_is_refused)
{
    char text[200];
    struct world w = make_world("DNS:example.org", 10);
    EQ_INT(refused(loop, &w, "localhost", text, sizeof text), VOW_TLS_EHOST);
    HAS_TEXT(text, "TLS connect: hostname mismatch");
    EQ_INT(refused(loop, &w, "127.0.0.1", text, sizeof text), VOW_TLS_EHOST);
    end_world(&w);
}

TEST(an_expired_certificate_is_refused)
{
    char text[200];
    struct world w = make_world("DNS:localhost", -2);
    EQ_INT(refused(loop, &w, "localhost", text, sizeof text), VOW_TLS_ECERTIFICATE);
    HAS_TEXT(text, "certificate has expired");
    end_world(&w);
}

TEST(a_self_signed_certificate_is_refused)
{
    char text[200];
    struct world w = make_world("DNS:localhost", 10);
    vow_tls_unref(w.client);
    w.client = vow_tls_new(NULL, NULL); /* knows only the system's authorities */
    CHECK(w.client != NULL);
    EQ_INT(refused(loop, &w, "localhost", text, sizeof text), VOW_TLS_ECERTIFICATE);
    end_world(&w);
}

TEST(an_address_in_the_certificate_is_verified_too)
{
    struct world w = make_world("IP:127.0.0.1,IP:::1", 10);
    for (int i = 0; i < 2; i++) {
        vow_stream *pair[2];
        EQ_INT(vow_stream_pair(loop, 1000, pair), 0);
        vow_promise *server = vow_tls_accept(w.server, pair[1]);
        struct ends e = {
            have(loop, vow_tls_connect(w.client, pair[0], i == 0 ? "127.0.0.1" : "::1")),
            have(loop, server)};
        end(&e);
    }
    end_world(&w);
}

TEST(nothing_in_common_is_refused)
{
    char text[200];
    struct world w = make_world("DNS:localhost", 10);
    vow_tls_unref(w.client);
    w.client = make((vow_tls_options){.ca_file = w.ca.file, .alpn = "smtp"});
    vow_stream *pair[2];
    vow_value v;
    EQ_INT(vow_stream_pair(loop, 1000, pair), 0);
    vow_promise *server = vow_tls_accept(w.server, pair[1]);
    vow_mark_handled(server);
    EQ_INT(vow_run(loop, vow_tls_connect(w.client, pair[0], "localhost"), &v), VOW_TLS_EALERT);
    vow_describe(vow_as_error(v), VOW_ONE_LINE, text, sizeof text);
    HAS_TEXT(text, "no application protocol");
    vow_release(v);
    EQ_INT(vow_run(loop, server, NULL), VOW_TLS_EPROTOCOL);
    end_world(&w);
}

TEST(clients_show_certificates_where_the_server_asks)
{
    struct world w = make_world("DNS:localhost", 10);
    struct cert mine = cert_new("a client", "DNS:client", &w.ca, 10);
    vow_tls_unref(w.server);
    w.server = make((vow_tls_options){
        .cert_file = w.cert.file, .ca_file = w.ca.file, .ask_client = true});
    vow_tls *without = w.client;
    w.client = make((vow_tls_options){.ca_file = w.ca.file, .cert_file = mine.file});
    struct ends e = shake(loop, &w, 1000);
    vow_value peer = vow_tls_peer(e.server);
    EQ_TEXT(vow_as_text(peer), "a client");
    vow_release(peer);
    end(&e);
    vow_stream *pair[2];
    EQ_INT(vow_stream_pair(loop, 10000, pair), 0);
    vow_promise *server = vow_tls_accept(w.server, pair[1]);
    vow_mark_handled(server);
    e.client = have(loop, vow_tls_connect(without, pair[0], "localhost"));
    EQ_INT(vow_run(loop, server, NULL), VOW_TLS_EPROTOCOL);
    EQ_INT(vow_run(loop, vow_stream_read(e.client, 1), NULL), VOW_TLS_EALERT);
    vow_stream_unref(e.client);
    vow_tls_unref(without);
    cert_free(&mine);
    end_world(&w);
}

TEST(a_plain_peer_is_recognised)
{
    struct world w = make_world("DNS:localhost", 10);
    vow_stream *pair[2];
    EQ_INT(vow_stream_pair(loop, 10000, pair), 0);
    vow_promise *p = vow_tls_connect(w.client, pair[0], "localhost");
    vow_mark_handled(p);
    EQ_INT(vow_run(loop, vow_stream_write(pair[1], "220 mail.example.org ESMTP\r\n", 28), NULL), 0);
    EQ_INT(vow_run(loop, p, NULL), VOW_TLS_EPLAIN);
    vow_stream_unref(pair[1]);
    EQ_INT(vow_stream_pair(loop, 10000, pair), 0);
    p = vow_tls_accept(w.server, pair[0]);
    vow_mark_handled(p);
    EQ_INT(vow_run(loop, vow_stream_write(pair[1], "GET / HTTP/1.1\r\n\r\n", 18), NULL), 0);
    EQ_INT(vow_run(loop, p, NULL), VOW_TLS_EPLAIN);
    vow_stream_unref(pair[1]);
    end_world(&w);
}

TEST(garbage_is_refused_whatever_it_is)
{
    struct world w = make_world("DNS:localhost", 10);
    uint32_t dice = 2463534242;
    for (int round = 0; round < 300; round++) {
        vow_stream *pair[2];
        char bytes[200] = {22, 3, 1}; /* begins like a handshake, half of the time */
        for (size_t i = round % 2 ? 3 : 0; i < sizeof bytes; i++) {
            dice = dice * 1664525 + 1013904223;
            bytes[i] = (char)(dice >> 24);
        }
        EQ_INT(vow_stream_pair(loop, 10000, pair), 0);
        vow_promise *p = round % 4 < 2 ? vow_tls_accept(w.server, pair[0])
                                       : vow_tls_connect(w.client, pair[0], "localhost");
        vow_mark_handled(p);
        vow_unref(vow_stream_write(pair[1], bytes, sizeof bytes));
        vow_stream_close(pair[1]);
        CHECK(vow_run(loop, p, NULL) != 0);
        vow_stream_unref(pair[1]);
    }
    end_world(&w);
}

TEST(a_peer_that_goes_in_the_middle_of_the_handshake)
{
    struct world w = make_world("DNS:localhost", 10);
    vow_stream *pair[2];
    EQ_INT(vow_stream_pair(loop, 10000, pair), 0);
    vow_promise *p = vow_tls_connect(w.client, pair[0], "localhost");
    vow_stream_close(pair[1]);
    EQ_INT(vow_run(loop, p, NULL), VOW_TLS_ETRUNCATED);
    vow_stream_unref(pair[1]);
    end_world(&w);
}

TEST(a_cancelled_handshake_closes_the_stream_below)
{
    struct world w = make_world("DNS:localhost", 10);
    vow_stream *pair[2];
    EQ_INT(vow_stream_pair(loop, 10000, pair), 0);
    vow_promise *p = vow_tls_connect(w.client, pair[0], "localhost");
    vow_cancel(p);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_read(pair[1], 1000), &v), 0); /* its first message */
    vow_release(v);
    EQ_READ(vow_stream_read(pair[1], 1000), "");
    vow_stream_unref(pair[1]);
    end_world(&w);
}

TEST(a_closing_loop_ends_handshakes_and_streams)
{
    struct world w = make_world("DNS:localhost", 10);
    struct ends e = shake(loop, &w, 1000);
    vow_stream *pair[2];
    EQ_INT(vow_stream_pair(loop, 10000, pair), 0);
    vow_promise *half = vow_tls_connect(w.client, pair[0], "localhost");
    vow_promise *reading = vow_stream_read(e.client, 10);
    vow_loop_close(loop);
    EQ_INT(vow_error_code(vow_error_of(half)), VOW_ECLOSED);
    EQ_INT(vow_error_code(vow_error_of(reading)), VOW_ECLOSED);
    vow_unref(half);
    vow_unref(reading);
    vow_stream_unref(pair[1]);
    end(&e);
    end_world(&w);
}

TEST(a_configuration_that_cannot_be_used_says_why)
{
    struct cert one = cert_new("one", "DNS:one", NULL, 10), two = cert_new("two", "DNS:two", NULL, 10);
    vow_tls_options wrong[] = {{.ca_file = "/nowhere"}, {.cert_file = "/nowhere"},
                               {.cert_file = one.file, .key_file = two.file}, {.alpn = "h2,,x"}};
    for (int i = 0; i < 4; i++) {
        vow_error *error = NULL;
        CHECK(vow_tls_new(&wrong[i], &error) == NULL);
        CHECK(vow_error_is(error, vow_tls_domain(), VOW_TLS_ECONFIG));
        vow_error_unref(error);
        CHECK(vow_tls_new(&wrong[i], NULL) == NULL);
    }
    cert_free(&one);
    cert_free(&two);
}

static vow_value greet(vow_value v, void *data)
{
    vow_stream *s = vow_stream_ref(vow_stream_of(v));
    *(vow_stream **)data = s;
    return vow_v(vow_stream_write(s, "welcome", 7));
}
static vow_value accept_tls(vow_value v, void *data)
{
    return vow_v(vow_tls_accept(data, vow_stream_ref(vow_stream_of(v))));
}

TEST(dials_a_server_on_the_loopback)
{
    struct world w = make_world("DNS:localhost,IP:127.0.0.1", 10);
    char port[8];
    vow_stream *server = NULL;
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    snprintf(port, sizeof port, "%u", (unsigned)vow_listener_port(l));
    vow_promise *served = vow_then(vow_then(vow_accept(l), accept_tls, w.server), greet, &server);
    vow_stream *client = have(loop, vow_tls_dial(w.client, loop, "127.0.0.1", port));
    EQ_READ(vow_stream_read(client, 100), "welcome");
    EQ_INT(vow_run(loop, served, NULL), 0);
    vow_stream_unref(client);
    vow_stream_unref(server);
    vow_listener_close(l);
    end_world(&w);
}
