/* SPDX-License-Identifier: MIT
 *
 * tls/error.c - what OpenSSL says, as errors.
 */
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "tls/tls.h"

static const char *text_of(int code)
{
    switch (code) {
#define TEXT(name, number, text) \
    case name:                   \
        return text;
        VOW_TLS_CODES(TEXT)
#undef TEXT
    default:
        return "unknown TLS error";
    }
}

const vow_domain *vow_tls_domain(void)
{
    static const vow_domain domain = {.name = "tls", .text = text_of};
    return &domain;
}

/* The newest entry of OpenSSL's queue, which is emptied. */
static unsigned long last_entry(void)
{
    unsigned long entry = ERR_peek_last_error();
    ERR_clear_error();
    return entry;
}

static const char *reason_of(unsigned long entry)
{
    const char *reason = entry ? ERR_reason_error_string(entry) : NULL;
    return reason ? reason : "no reason given";
}

void vow__tls_clear(void)
{
    if (ERR_peek_error()) /* clearing an empty queue takes several times as long */
        ERR_clear_error();
}

vow_error *vow__tls_config_error(const char *what, const char *of)
{
    unsigned long entry = last_entry();
    if (ERR_GET_REASON(entry) == ERR_R_MALLOC_FAILURE)
        return vow_error_new(vow_errno_domain(), ENOMEM, NULL);
    return vow_error_new(vow_tls_domain(), VOW_TLS_ECONFIG, "%s%s%s: %s", what, of ? " " : "",
                         of ? of : "", reason_of(entry));
}

static vow_error *verify_error(const SSL *ssl, const char *doing)
{
    long result = SSL_get_verify_result(ssl);
    bool other_host = result == X509_V_ERR_HOSTNAME_MISMATCH ||
                      result == X509_V_ERR_IP_ADDRESS_MISMATCH;
    return vow_error_new(vow_tls_domain(), other_host ? VOW_TLS_EHOST : VOW_TLS_ECERTIFICATE,
                         "%s: %s", doing, X509_verify_cert_error_string(result));
}

/* What a peer that speaks something else makes OpenSSL say. */
static bool is_plain(int reason)
{
    return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
           reason == SSL_R_HTTPS_PROXY_REQUEST || reason == SSL_R_PACKET_LENGTH_TOO_LONG ||
           reason == SSL_R_BAD_PROTOCOL_VERSION_NUMBER;
}

/* An alert has its own reason; those that all of OpenSSL shares are larger still. */
static bool is_alert(int reason)
{
    return reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256;
}

static int code_of(unsigned long entry)
{
    int reason = ERR_GET_REASON(entry);
    if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return VOW_TLS_ETRUNCATED;
    if (is_plain(reason))
        return VOW_TLS_EPLAIN;
    return is_alert(reason) ? VOW_TLS_EALERT : VOW_TLS_EPROTOCOL;
}

static vow_error *final_error(struct vow__session *s, int kind, const char *doing)
{
    unsigned long entry = last_entry();
    if (s->out_lost || ERR_GET_REASON(entry) == ERR_R_MALLOC_FAILURE)
        return vow_error_new(vow_errno_domain(), ENOMEM, "%s", doing);
    if (ERR_GET_REASON(entry) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return verify_error(s->ssl, doing);
    if (kind == SSL_ERROR_SYSCALL && entry == 0) /* the end, as OpenSSL 1.1.1 says it */
        return vow_error_new(vow_tls_domain(), VOW_TLS_ETRUNCATED, "%s", doing);
    return vow_error_new(vow_tls_domain(), code_of(entry), "%s: %s", doing, reason_of(entry));
}

vow_error *vow__tls_error(struct vow__session *s, int result, const char *doing)
{
    int kind = SSL_get_error(s->ssl, result);
    if (kind == SSL_ERROR_WANT_READ)
        return vow_error_ref(s->failed[VOW__IN]); /* NULL where below is well */
    if (!s->broken)
        s->broken = final_error(s, kind, doing);
    return vow_error_ref(s->broken);
}
