/* SPDX-License-Identifier: MIT
 *
 * certs.h - certificates for the tests of TLS, made anew by each process that asks: an
 * authority, and what it has signed.
 */
#ifndef VOW_TESTS_TLS_CERTS_H
#define VOW_TESTS_TLS_CERTS_H

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"

struct cert {
    EVP_PKEY *key;
    X509 *x509;
    char file[64]; /* PEM: certificate and key */
};

static inline void cert_extend(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    CHECK(extension != NULL && X509_add_ext(x509, extension, -1));
    X509_EXTENSION_free(extension);
}

static inline void cert_save(struct cert *c)
{
    snprintf(c->file, sizeof c->file, "%s/vow-cert-XXXXXX", "/tmp");
    int fd = mkstemp(c->file);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    CHECK(file != NULL && PEM_write_X509(file, c->x509));
    CHECK(PEM_write_PrivateKey(file, c->key, NULL, NULL, 0, NULL, NULL) && fclose(file) == 0);
}

/* `names` as OpenSSL's configuration writes them ("DNS:localhost,IP:127.0.0.1"); NULL: an
 * authority. Signed by `by` (NULL: by itself), valid for so many days from now on. */
static inline struct cert cert_new(const char *subject, const char *names, const struct cert *by,
                                   int days)
{
    static long serial = 1;
    struct cert c = {.key = EVP_EC_gen("P-256"), .x509 = X509_new()};
    CHECK(c.key != NULL && c.x509 != NULL);
    X509_set_version(c.x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c.x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(c.x509), -86400 * 10);
    X509_gmtime_adj(X509_getm_notAfter(c.x509), 86400L * days);
    X509_set_pubkey(c.x509, c.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(c.x509), "CN", MBSTRING_UTF8,
                               (const unsigned char *)subject, -1, -1, 0);
    X509 *issuer = by ? by->x509 : c.x509;
    X509_set_issuer_name(c.x509, X509_get_subject_name(issuer));
    cert_extend(c.x509, issuer, NID_basic_constraints, names ? "CA:FALSE" : "critical,CA:TRUE");
    if (names)
        cert_extend(c.x509, issuer, NID_subject_alt_name, names);
    CHECK(X509_sign(c.x509, by ? by->key : c.key, EVP_sha256()) > 0);
    cert_save(&c);
    return c;
}

static inline void cert_free(struct cert *c)
{
    unlink(c->file);
    EVP_PKEY_free(c->key);
    X509_free(c->x509);
}

#endif
