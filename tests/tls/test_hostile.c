/* SPDX-License-Identifier: MIT
 *
 * Peers, names and configurations that mean no good, and what is left after a failure.
 */
#include "tls/world.h"
#include "vow/process.h"

static void no_host(vow_loop *loop, struct world *w, const char *host)
{
    vow_stream *pair[2];
    EQ_INT(vow_stream_pair(loop, 10000, pair), 0);
    REJECTS(vow_tls_connect(w->client, pair[0], host), vow_errno_domain(), EINVAL);
    EQ_READ(vow_stream_read(pair[1], 10), ""); /* it is closed */
    vow_stream_unref(pair[1]);
}

/* OpenSSL takes an empty name for none, and verifies none. */
TEST(a_host_that_is_no_name_is_refused)
{
    struct world w = make_world("DNS:localhost", 10);
    static char long_one[300];
    memset(long_one, 'a', sizeof long_one - 1);
    no_host(loop, &w, "");
    no_host(loop, &w, ".localhost");
    no_host(loop, &w, long_one);
    end_world(&w);
}

TEST(a_client_that_believes_anything_makes_no_server_that_does)
{
    struct world w = make_world("DNS:localhost", 10);
    vow_tls_unref(w.server);
    w.server = make((vow_tls_options){
        .cert_file = w.cert.file, .ca_file = w.ca.file, .ask_client = true, .insecure = true});
    vow_stream *pair[2];
    EQ_INT(vow_stream_pair(loop, 10000, pair), 0);
    vow_promise *server = vow_tls_accept(w.server, pair[1]);
    vow_mark_handled(server);
    vow_stream *client = have(loop, vow_tls_connect(w.client, pair[0], "localhost"));
    REJECTS(server, vow_tls_domain(), VOW_TLS_EPROTOCOL);
    vow_stream_unref(client);
    end_world(&w);
}

/* 32 bytes that look like a record. */
static const char record[] = "\x17\x03\x03\x00\x20"
                             "................................";

TEST(a_broken_record_ends_the_stream_for_good)
{
    struct world w = make_world("DNS:localhost", 10);
    vow_stream *pair[2];
    EQ_INT(vow_stream_pair(loop, 10000, pair), 0);
    struct ends e = shake_over(loop, &w, pair);
    EQ_INT(vow_run(loop, vow_stream_write(pair[1], record, sizeof record - 1), NULL), 0);
    for (int i = 0; i < 3; i++)
        REJECTS(vow_stream_read(e.client, 10), vow_tls_domain(), VOW_TLS_EPROTOCOL);
    CHECK(vow_run(loop, vow_stream_write(e.client, "x", 1), NULL) != 0);
    CHECK(vow_run(loop, vow_stream_shutdown(e.client), NULL) != 0);
    vow_stream_unref(pair[0]);
    vow_stream_unref(pair[1]);
    end(&e);
    end_world(&w);
}

TEST(who_has_ended_its_side_writes_no_more)
{
    struct world w = make_world("DNS:localhost", 10);
    struct ends e = shake(loop, &w, 10000);
    EQ_INT(vow_run(loop, vow_stream_shutdown(e.client), NULL), 0);
    EQ_INT(vow_run(loop, vow_stream_shutdown(e.client), NULL), 0);
    REJECTS(vow_stream_write(e.client, "x", 1), vow_errno_domain(), EPIPE);
    end(&e);
    end_world(&w);
}

/* OpenSSL would send the record of before once more, whatever is in the buffer now. */
TEST(what_a_failed_write_has_sealed_is_not_sent_by_the_next)
{
    char bytes[] = "first";
    struct world w = make_world("DNS:localhost", 10);
    struct ends e = shake(loop, &w, 10000);
    for (int n = 1; n < 10; n++) {
        vow_test_fail_allocation((size_t)n, false);
        int code = vow_run(loop, vow_stream_write(e.client, bytes, 5), NULL);
        bool failed = vow_test_failed();
        vow_test_fail_allocation(0, false);
        if (!failed)
            break;
        memcpy(bytes, "other", 5);
        if (code != 0 && vow_run(loop, vow_stream_write(e.client, bytes, 5), NULL) != 0) {
            CHECK(n > 2); /* it cannot go on: there was none to write it below */
            break;
        }
        EQ_READ(vow_stream_read(e.server, 10), code == 0 ? "first" : "other");
        memcpy(bytes, "first", 5);
    }
    end(&e);
    end_world(&w);
}

/* The records that a cancelled pump has sealed go out; it must not send their bytes again. */
TEST(a_cancelled_pump_sends_nothing_twice)
{
    struct world w = make_world("DNS:localhost", 10);
    struct ends e = shake(loop, &w, 100);
    vow_stream *pair[2];
    EQ_INT(vow_stream_pair(loop, 10000, pair), 0);
    static char sent[5000];
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)(i % 251);
    EQ_INT(vow_run(loop, vow_stream_write(pair[0], sent, sizeof sent), NULL), 0);
    vow_promise *p = vow_pump(pair[1], e.client, 0);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
    pair[0] = vow_stream_unref(pair[0]);
    p = vow_pump(pair[1], e.client, 0);
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_read_exact(e.server, sizeof sent), &v), 0);
    EQ_BYTES(vow_buf_bytes(vow_buf_of(v)), sent, sizeof sent);
    vow_release(v);
    EQ_INT(vow_run(loop, p, NULL), 0);
    EQ_UINT(vow_stream_written(e.client), sizeof sent);
    vow_stream_unref(pair[1]);
    end(&e);
    end_world(&w);
}

static bool has_bytes(vow_buf *b, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= vow_buf_size(b); i++)
        if (!memcmp(vow_buf_bytes(b) + i, text, n))
            return true;
    return false;
}

/* RFC 6066, 3: a name, not an address. */
TEST(the_server_is_told_which_name_is_meant)
{
    struct world w = make_world("DNS:localhost", 10);
    static const char *const hosts[] = {"localhost", "127.0.0.1"};
    for (int i = 0; i < 2; i++) {
        vow_stream *pair[2];
        vow_value v;
        EQ_INT(vow_stream_pair(loop, 10000, pair), 0);
        vow_promise *p = vow_tls_connect(w.client, pair[0], hosts[i]);
        EQ_INT(vow_run(loop, vow_stream_read(pair[1], 10000), &v), 0);
        EQ_INT(has_bytes(vow_buf_of(v), hosts[i]), i == 0);
        vow_release(v);
        vow_unref(p);
        vow_stream_unref(pair[1]);
    }
    end_world(&w);
}

TEST(a_failure_below_is_what_a_read_says)
{
    struct world w = make_world("DNS:localhost", 10);
    int peer;
    vow_stream *pair[2] = {NULL, net_pair(loop, &peer)};
    pair[0] = vow_stream_from_fd(loop, peer);
    struct ends e = shake_over(loop, &w, pair);
    int held = dup(peer);
    vow_stream_close(e.client);
    net_reset(held);
    REJECTS(vow_stream_read(e.server, 10), vow_errno_domain(), ECONNRESET);
    REJECTS(vow_stream_read(e.server, 10), vow_errno_domain(), ECONNRESET);
    vow_stream_unref(pair[0]);
    vow_stream_unref(pair[1]);
    end(&e);
    end_world(&w);
}

TEST(a_failure_below_is_what_a_write_says)
{
    static char bytes[100000];
    struct world w = make_world("DNS:localhost", 10);
    vow_stream *pair[2];
    EQ_INT(vow_stream_pair(loop, 1000, pair), 0);
    struct ends e = shake_over(loop, &w, pair);
    vow_promise *p = vow_stream_write(e.client, bytes, sizeof bytes);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_stream_close(e.server);
    REJECTS(p, vow_errno_domain(), EPIPE);
    REJECTS(vow_stream_write(e.client, "x", 1), vow_errno_domain(), EPIPE);
    REJECTS(vow_stream_shutdown(e.client), vow_errno_domain(), EPIPE);
    vow_stream_unref(pair[0]);
    vow_stream_unref(pair[1]);
    end(&e);
    end_world(&w);
}

TEST(who_does_not_read_leaves_the_stream_below_alone)
{
    struct world w = make_world("DNS:localhost", 10);
    vow_stream *pair[2];
    EQ_INT(vow_stream_pair(loop, 10000, pair), 0);
    struct ends e = shake_over(loop, &w, pair);
    vow_promise *p = vow_stream_read(e.server, 10);
    vow_promise *busy = vow_stream_read(pair[1], 10);
    EQ_INT(vow_run(loop, busy, NULL), EBUSY);
    vow_unref(p);
    p = vow_stream_read(pair[1], 10);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
    vow_stream_unref(pair[0]);
    vow_stream_unref(pair[1]);
    end(&e);
    end_world(&w);
}

TEST_PLAIN(every_code_has_a_text)
{
    EQ_TEXT(vow_tls_domain()->text(VOW_TLS_EPLAIN), "the peer does not speak TLS");
    EQ_TEXT(vow_tls_domain()->text(99), "unknown TLS error");
}

/* A server's first flight of TLS 1.2 whose certificate is none. */
TEST(a_certificate_that_is_none_breaks_the_protocol)
{
    static const char flight[] = "\x16\x03\x03\x00\x31" /* ServerHello */
                                 "\x02\x00\x00\x2d\x03\x03"
                                 "0123456789abcdef0123456789abcdef"
                                 "\x00\xc0\x2b\x00\x00\x05\xff\x01\x00\x01\x00"
                                 "\x16\x03\x03\x00\x11" /* Certificate */
                                 "\x0b\x00\x00\x0d\x00\x00\x0a\x00\x00\x07garbage";
    struct world w = make_world("DNS:localhost", 10);
    vow_stream *pair[2];
    EQ_INT(vow_stream_pair(loop, 10000, pair), 0);
    vow_promise *p = vow_tls_connect(w.client, pair[0], "localhost");
    vow_mark_handled(p);
    EQ_INT(vow_run(loop, vow_stream_write(pair[1], flight, sizeof flight - 1), NULL), 0);
    REJECTS(p, vow_tls_domain(), VOW_TLS_EPROTOCOL);
    vow_stream_unref(pair[1]);
    end_world(&w);
}

/* A client's certificate with another common name, signed anew. */
static struct cert renamed(const struct cert *ca, const char *name, int size)
{
    struct cert c = cert_new("x", "DNS:client", ca, 10);
    X509_NAME *subject = X509_get_subject_name(c.x509);
    X509_NAME_ENTRY_free(X509_NAME_delete_entry(subject, 0));
    if (name)
        CHECK(X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                         (const unsigned char *)name, size, -1, 0));
    CHECK(X509_sign(c.x509, ca->key, EVP_sha256()) > 0);
    unlink(c.file);
    cert_save(&c);
    return c;
}

static void peer_is(vow_loop *loop, const char *name, int size, const char *expected)
{
    struct world w = make_world("DNS:localhost", 10);
    struct cert mine = renamed(&w.ca, name, size);
    vow_tls_unref(w.server);
    vow_tls_unref(w.client);
    w.server =
        make((vow_tls_options){.cert_file = w.cert.file, .ca_file = w.ca.file, .ask_client = true});
    w.client = make((vow_tls_options){.ca_file = w.ca.file, .cert_file = mine.file});
    struct ends e = shake(loop, &w, 10000);
    vow_value peer = vow_tls_peer(e.server);
    if (expected)
        EQ_TEXT(vow_as_text(peer), expected);
    else
        CHECK(vow_is_none(peer));
    vow_release(peer);
    end(&e);
    cert_free(&mine);
    end_world(&w);
}

TEST(a_name_with_a_nul_is_no_other_name)
{
    peer_is(loop, "admin\0.example.org", 18, NULL);
    peer_is(loop, NULL, 0, NULL);
    peer_is(loop, "J\xc3\xbcrgen", 7, "J\xc3\xbcrgen");
}

/* A program that has no terminal would be asked on its standard input. */
TEST_PLAIN(a_key_with_a_password_is_refused_and_nobody_asked)
{
    struct cert c = cert_new("one", "DNS:one", NULL, 10);
    int ends[2], before = dup(0);
    FILE *file = fopen(c.file, "w");
    CHECK(file != NULL && PEM_write_X509(file, c.x509));
    CHECK(PEM_write_PrivateKey(file, c.key, EVP_aes_128_cbc(), (unsigned char *)"password", 8, NULL,
                               NULL) &&
          fclose(file) == 0);
    CHECK(pipe(ends) == 0 && dup2(ends[0], 0) == 0);
    net_send(ends[1], "password\n");
    setsid();
    vow_error *error = NULL;
    CHECK(vow_tls_new(&(vow_tls_options){.cert_file = c.file}, &error) == NULL);
    CHECK(vow_error_is(error, vow_tls_domain(), VOW_TLS_ECONFIG));
    vow_error_unref(error);
    CHECK(dup2(before, 0) == 0);
    close(before);
    close(ends[0]);
    close(ends[1]);
    cert_free(&c);
}

TEST_PLAIN(a_list_of_protocols_ends_with_one)
{
    const char *const wrong[] = {"h2,", ",h2", "", ",", "h2,,x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        vow_error *error = NULL;
        CHECK(vow_tls_new(&(vow_tls_options){.alpn = wrong[i]}, &error) == NULL);
        CHECK(vow_error_is(error, vow_tls_domain(), VOW_TLS_ECONFIG));
        vow_error_unref(error);
    }
}

/* openssl s_client, which saves its session in the first round and comes back with it. */
static void visit(vow_loop *loop, struct world *w, vow_listener *l, const struct cert *mine,
                  const char *how, const char *session)
{
    char at[32], command[600];
    snprintf(at, sizeof at, "127.0.0.1:%u", (unsigned)vow_listener_port(l));
    snprintf(command, sizeof command,
             "openssl s_client -connect %s -CAfile %s -cert %s -key %s %s %s -ign_eof -quiet", at,
             w->ca.file, mine->file, mine->file, how, session);
    const char *const shell[] = {"sh", "-c", command, NULL};
    vow_process_options options = {
        .in = VOW_STDIO_PIPE, .out = VOW_STDIO_NULL, .err = VOW_STDIO_NULL};
    vow_value v, got;
    EQ_INT(vow_run(loop, vow_process_start(loop, shell, &options), &v), 0);
    EQ_INT(vow_run(loop, vow_accept(l), &got), 0);
    vow_stream *s = have(loop, vow_tls_accept(w->server, vow_stream_ref(vow_stream_of(got))));
    EQ_INT(vow_run(loop, vow_stream_write(s, "hello", 5), NULL), 0);
    EQ_INT(vow_run(loop, vow_stream_shutdown(s), NULL), 0);
    vow_stream_unref(s);
    vow_release(got);
    EQ_INT(vow_run(loop, vow_process_wait(vow_process_of(v)), NULL), 0);
    vow_release(v);
}

TEST(a_client_with_a_certificate_may_come_back_with_its_session)
{
    struct world w = make_world("DNS:localhost", 10);
    struct cert mine = cert_new("a client", "DNS:client", &w.ca, 10);
    vow_listener *l = vow_listen(loop, NULL, 0, 0);
    vow_tls_unref(w.server);
    w.server =
        make((vow_tls_options){.cert_file = w.cert.file, .ca_file = w.ca.file, .ask_client = true});
    char session[] = "/tmp/vow-session-XXXXXX", out[100], in[100];
    close(mkstemp(session));
    snprintf(out, sizeof out, "-sess_out %s", session);
    snprintf(in, sizeof in, "-sess_in %s", session);
    visit(loop, &w, l, &mine, "-tls1_2", out);
    visit(loop, &w, l, &mine, "-tls1_2", in);
    visit(loop, &w, l, &mine, "-tls1_3", out);
    visit(loop, &w, l, &mine, "-tls1_3", in);
    unlink(session);
    vow_listener_close(l);
    cert_free(&mine);
    end_world(&w);
}
