/* SPDX-License-Identifier: MIT
 *
 * A client of TLS 1.2 that asks to negotiate anew, again and again, and does not listen: each
 * of its requests has to be answered. OpenSSL would not write that, so it is written here, with
 * the keys of a connection that OpenSSL has shaken hands for.
 */
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>

#include "tls/world.h"

struct rude {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out; /* ssl's */
    uint8_t key[16], salt[4];
    uint64_t sequence;
};

static uint8_t master[48];

static void note_secret(const SSL *ssl, const char *line)
{
    (void)ssl;
    const char *hex = strrchr(line, ' ') + 1;
    for (size_t i = 0; i < sizeof master; i++)
        CHECK(sscanf(hex + 2 * i, "%2hhx", &master[i]) == 1);
}

/* RFC 5246, 6.3. */
static void derive_keys(struct rude *r)
{
    uint8_t seed[13 + 64], block[40];
    memcpy(seed, "key expansion", 13);
    SSL_get_server_random(r->ssl, seed + 13, 32);
    SSL_get_client_random(r->ssl, seed + 45, 32);
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string("digest", (char[]){"SHA256"}, 6),
                           OSSL_PARAM_octet_string("secret", master, sizeof master),
                           OSSL_PARAM_octet_string("seed", seed, sizeof seed), OSSL_PARAM_END};
    CHECK(EVP_KDF_derive(ctx, block, sizeof block, params) == 1);
    memcpy(r->key, block, 16);
    memcpy(r->salt, block + 32, 4);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

static void send_out(vow_loop *loop, struct rude *r, vow_stream *line)
{
    char bytes[4096];
    int n = BIO_read(r->out, bytes, sizeof bytes);
    if (n > 0)
        EQ_INT(vow_run(loop, vow_stream_write(line, bytes, (size_t)n), NULL), 0);
}

static void shake_hands(vow_loop *loop, struct rude *r, vow_stream *line)
{
    r->ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(r->ctx, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(r->ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
    SSL_CTX_set_keylog_callback(r->ctx, note_secret);
    r->ssl = SSL_new(r->ctx);
    r->in = BIO_new(BIO_s_mem());
    r->out = BIO_new(BIO_s_mem());
    SSL_set_bio(r->ssl, r->in, r->out);
    SSL_set_connect_state(r->ssl);
    while (SSL_do_handshake(r->ssl) != 1) {
        vow_value v;
        send_out(loop, r, line);
        EQ_INT(vow_run(loop, vow_stream_read(line, 10000), &v), 0);
        vow_buf *b = vow_buf_of(v);
        CHECK(BIO_write(r->in, vow_buf_bytes(b), (int)vow_buf_size(b)) > 0);
        vow_release(v);
    }
    send_out(loop, r, line);
    derive_keys(r);
    r->sequence = 1; /* 0 was of the last message */
}

static void end_rude(struct rude *r)
{
    SSL_free(r->ssl);
    SSL_CTX_free(r->ctx);
}

enum { RECORD_SIZE = 5 + 8 + 4 + 16 };

/* A record with the first four bytes of a ClientHello: RFC 5288. */
static void write_record(struct rude *r, uint8_t *to)
{
    static const uint8_t hello[4] = {1, 0, 0, 0};
    uint8_t nonce[12], more[13] = {0};
    int n;
    for (int i = 0; i < 8; i++)
        more[i] = (uint8_t)(r->sequence >> (56 - 8 * i));
    r->sequence++;
    memcpy(more + 8, "\x16\x03\x03\x00\x04", 5);
    memcpy(to, "\x16\x03\x03\x00\x1c", 5);
    memcpy(to + 5, more, 8);
    memcpy(nonce, r->salt, 4);
    memcpy(nonce + 4, more, 8);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    CHECK(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, r->key, nonce) == 1);
    CHECK(EVP_EncryptUpdate(ctx, NULL, &n, more, sizeof more) == 1);
    CHECK(EVP_EncryptUpdate(ctx, to + 13, &n, hello, sizeof hello) == 1 && n == 4);
    CHECK(EVP_EncryptFinal_ex(ctx, to + 17, &n) == 1 && n == 0);
    CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, to + 17) == 1);
    EVP_CIPHER_CTX_free(ctx);
}

static vow_stream *accepted(vow_loop *loop, struct world *w, struct rude *r, vow_stream **ret_line)
{
    vow_stream *pair[2];
    EQ_INT(vow_stream_pair(loop, 10000, pair), 0);
    vow_promise *p = vow_tls_accept(w->server, pair[1]);
    shake_hands(loop, r, pair[0]);
    *ret_line = pair[0];
    return have(loop, p);
}

TEST(to_negotiate_anew_is_refused)
{
    struct world w = make_world("DNS:localhost", 10);
    struct rude r = {0};
    vow_stream *line, *s = accepted(loop, &w, &r, &line);
    uint8_t record[RECORD_SIZE];
    write_record(&r, record);
    EQ_INT(vow_run(loop, vow_stream_write(line, record, sizeof record), NULL), 0);
    vow_promise *p = vow_stream_read(s, 10);
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_read_exact(line, 5), &v), 0);
    EQ_BYTES(vow_buf_bytes(vow_buf_of(v)), "\x15\x03\x03\x00\x1a", 5); /* an alert */
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_release(v);
    vow_unref(p);
    end_rude(&r);
    vow_stream_unref(line);
    vow_stream_unref(s);
    end_world(&w);
}

TEST(who_asks_and_does_not_listen_is_not_answered_for_ever)
{
    struct world w = make_world("DNS:localhost", 10);
    struct rude r = {0};
    vow_stream *line, *s = accepted(loop, &w, &r, &line);
    vow_promise *p = vow_stream_read(s, 10);
    vow_mark_handled(p);
    for (int i = 0; i < 20000 && vow_state(p) == VOW_PENDING; i++) {
        uint8_t record[RECORD_SIZE];
        write_record(&r, record);
        EQ_INT(vow_run(loop, vow_stream_write(line, record, sizeof record), NULL), 0);
        vow_poll(loop);
    }
    CHECK(vow_state(p) == VOW_REJECTED);
    REJECTS(p, vow_tls_domain(), VOW_TLS_EPROTOCOL);
    end_rude(&r);
    vow_stream_unref(line);
    vow_stream_unref(s);
    end_world(&w);
}
