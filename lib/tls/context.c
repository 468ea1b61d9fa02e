/* SPDX-License-Identifier: MIT
 *
 * tls/context.c - what connections of one kind have in common.
 */
#include <string.h>

#include "tls/tls.h"

/* "h2,http/1.1" as on the wire. False: a name is empty or longer than 255. */
static bool encode_alpn(const char *list, unsigned char *ret)
{
    for (size_t n; *list; list += n + (list[n] == ',')) {
        n = strcspn(list, ",");
        if (n == 0 || n > 255 || (list[n] == ',' && !list[n + 1]))
            return false;
        *ret++ = (unsigned char)n;
        memcpy(ret, list, n);
        ret += n;
    }
    return true;
}

static int select_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_size,
                       const unsigned char *offered, unsigned size, void *data)
{
    const vow_tls *tls = data;
    unsigned char *chosen;
    (void)ssl;
    if (SSL_select_next_proto(&chosen, ret_size, tls->alpn, tls->alpn_size, offered, size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301, 3.2: no_application_protocol */
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static vow_error *set_alpn(vow_tls *tls, const char *list)
{
    size_t size = strlen(list) + 1;
    tls->alpn = vow_alloc(size);
    if (!tls->alpn)
        return vow_error_new(vow_errno_domain(), ENOMEM, NULL);
    tls->alpn_size = (unsigned)size;
    if (size == 1 || !encode_alpn(list, tls->alpn))
        return vow_error_new(vow_tls_domain(), VOW_TLS_ECONFIG, "application protocols \"%s\"", list);
    SSL_CTX_set_alpn_select_cb(tls->ctx, select_alpn, tls);
    if (SSL_CTX_set_alpn_protos(tls->ctx, tls->alpn, tls->alpn_size))
        return vow__tls_config_error("application protocols", list);
    return NULL;
}

static vow_error *set_trust(SSL_CTX *ctx, const char *ca_file)
{
    if (!ca_file)
        return SSL_CTX_set_default_verify_paths(ctx) ? NULL
                                                     : vow__tls_config_error("system's CAs", NULL);
    return SSL_CTX_load_verify_file(ctx, ca_file) ? NULL : vow__tls_config_error("CAs in", ca_file);
}

/* OpenSSL would ask on the terminal for the password of a key. */
static int no_password(char *password, int size, int writing, void *data)
{
    (void)password, (void)size, (void)writing, (void)data;
    return -1;
}

static vow_error *set_certificate(SSL_CTX *ctx, const char *cert_file, const char *key_file)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
        return vow__tls_config_error("certificate in", cert_file);
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file ? key_file : cert_file, SSL_FILETYPE_PEM) != 1)
        return vow__tls_config_error("key in", key_file ? key_file : cert_file);
    return NULL;
}

static void set_defaults(SSL_CTX *ctx, const vow_tls_options *o)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    if (o->small)
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(ctx, o->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    /* without one, clients with certificates could not come back with their sessions */
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"vow", 3);
}

static vow_error *configure(vow_tls *tls, const vow_tls_options *o)
{
    tls->ctx = SSL_CTX_new(TLS_method());
    if (!tls->ctx)
        return vow__tls_config_error("OpenSSL", NULL);
    set_defaults(tls->ctx, o);
    tls->ask_client = o->ask_client;
    vow_error *error = set_trust(tls->ctx, o->ca_file);
    if (!error && o->cert_file)
        error = set_certificate(tls->ctx, o->cert_file, o->key_file);
    if (!error && o->alpn)
        error = set_alpn(tls, o->alpn);
    return error;
}

vow_tls *vow_tls_new(const vow_tls_options *options, vow_error **ret_error)
{
    static const vow_tls_options defaults;
    vow_tls *tls = vow_alloc(sizeof *tls);
    vow_error *error = tls ? NULL : vow_error_new(vow_errno_domain(), ENOMEM, NULL);
    if (tls) {
        tls->count = 1;
        vow__tls_clear();
        error = configure(tls, options ? options : &defaults);
    }
    if (!error)
        return tls;
    vow_tls_unref(tls);
    if (ret_error)
        *ret_error = error;
    else
        vow_error_unref(error);
    return NULL;
}

vow_tls *vow_tls_ref(vow_tls *tls)
{
    if (tls)
        tls->count++;
    return tls;
}

vow_tls *vow_tls_unref(vow_tls *tls)
{
    if (!tls || --tls->count > 0)
        return NULL;
    SSL_CTX_free(tls->ctx);
    vow_free(tls->alpn);
    vow_free(tls);
    return NULL;
}
