/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "tls/context_inside.h"

#define RSA_BITS_MIN 2048
#define CIPHERS                                                                                    \
    "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:TLS13-CHACHA20-POLY1305-SHA256:"              \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                   \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                   \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

void tls_library_init(void)
{
    CHECK(wolfSSL_Init() == WOLFSSL_SUCCESS);
}

void tls_library_exit(void)
{
    wolfSSL_Cleanup();
}

/* --- making --- */

static bool fail(char *why, uint32_t why_bytes, const char *what)
{
    snprintf(why, why_bytes, "%s", what);
    return false;
}

static bool use_groups(WOLFSSL_CTX *ctx, bool hybrid)
{
    int groups[] = {
#ifdef WOLFSSL_HAVE_MLKEM
        WOLFSSL_X25519MLKEM768,
#endif
        WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1
    };
    int skipped = hybrid ? 0 : ARRAY_LEN(groups) - 3;
    return wolfSSL_CTX_set_groups(ctx, groups + skipped, ARRAY_LEN(groups) - skipped) ==
           WOLFSSL_SUCCESS;
}

/* What servers and clients have in common. */
WOLFSSL_CTX *tls_new_ctx(WOLFSSL_METHOD *method, enum tls_policy policy)
{
    WOLFSSL_CTX *ctx = method ? wolfSSL_CTX_new(method) : NULL;
    if (!ctx)
        return NULL;
    int oldest = policy == TLS_MODERN ? WOLFSSL_TLSV1_3 : WOLFSSL_TLSV1_2;
    wolfSSL_CTX_SetIORecv(ctx, tls_io_receive);
    wolfSSL_CTX_SetIOSend(ctx, tls_io_send);
    wolfSSL_CTX_set_session_cache_mode(ctx, WOLFSSL_SESS_CACHE_OFF);
    if (wolfSSL_CTX_SetMinVersion(ctx, oldest) == WOLFSSL_SUCCESS &&
        wolfSSL_CTX_set_cipher_list(ctx, CIPHERS) == WOLFSSL_SUCCESS && use_groups(ctx, true) &&
        wolfSSL_CTX_SetMinRsaKey_Sz(ctx, RSA_BITS_MIN) == WOLFSSL_SUCCESS &&
        wolfSSL_CTX_set_group_messages(ctx) == WOLFSSL_SUCCESS)
        return ctx;
    wolfSSL_CTX_free(ctx);
    return NULL;
}

bool tls_use_certificate(WOLFSSL_CTX *ctx, const struct certificate *cert)
{
    return wolfSSL_CTX_use_certificate_chain_buffer_format(
               ctx, (const unsigned char *)cert->chain, cert->chain_bytes, WOLFSSL_FILETYPE_PEM) ==
               WOLFSSL_SUCCESS &&
           wolfSSL_CTX_use_PrivateKey_buffer(ctx, cert->key, cert->key_bytes,
                                             WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS;
}

bool tls_load_ca(WOLFSSL_CTX *ctx, struct str pem)
{
    /* A store holds certificates that have expired or that we cannot read: those are left out. */
    return wolfSSL_CTX_load_verify_buffer_ex(ctx, (const unsigned char *)pem.ptr, (long)pem.len,
                                             WOLFSSL_FILETYPE_PEM, 0,
                                             WOLFSSL_LOAD_FLAG_IGNORE_ERR) == WOLFSSL_SUCCESS;
}

struct tls_context *tls_context_client(struct loop *l, const struct tls_client_config *config,
                                       char *why, uint32_t why_bytes)
{
    (void)l;
    struct tls_context *c = calloc(1, sizeof *c);
    WOLFSSL_CTX *ctx = c ? tls_new_ctx(config->policy == TLS_MODERN ? wolfTLSv1_3_client_method()
                                                                    : wolfSSLv23_client_method(),
                                       config->policy)
                         : NULL;
    if (!ctx) {
        free(c);
        fail(why, why_bytes, "out of memory");
        return NULL;
    }
    c->refs = 1;
    c->alpn = config->alpn;
    c->client = ctx;
    c->verify_server = config->ca.len > 0;
    wolfSSL_CTX_set_verify(ctx, c->verify_server ? WOLFSSL_VERIFY_PEER : WOLFSSL_VERIFY_NONE, NULL);
    if (c->verify_server && !tls_load_ca(ctx, config->ca))
        fail(why, why_bytes, "the CA holds no certificate");
    else if (config->certificate && !tls_use_certificate(ctx, config->certificate))
        fail(why, why_bytes, "our certificate cannot be used");
    else if (!use_groups(ctx, !config->classic))
        fail(why, why_bytes, "out of memory");
    else if (wolfSSL_CTX_UseSessionTicket(ctx) != WOLFSSL_SUCCESS) /* TLS 1.2's */
        fail(why, why_bytes, "out of memory");
    else
        return c;
    tls_context_unref(c);
    return NULL;
}

void tls_context_ref(struct tls_context *c)
{
    CHECK(c->refs > 0);
    c->refs++;
}

void tls_context_unref(struct tls_context *c)
{
    CHECK(c->refs > 0);
    if (--c->refs > 0)
        return;
    wolfSSL_CTX_free(c->client);
    tls_server_part_free(c->server);
    free(c);
}

/* --- connections --- */

WOLFSSL *tls_with_alpn(const char *alpn, WOLFSSL *ssl)
{
    if (!ssl || !alpn)
        return ssl;
    if (wolfSSL_UseALPN(ssl, (char *)alpn, (unsigned)strlen(alpn),
                        WOLFSSL_ALPN_FAILED_ON_MISMATCH) == WOLFSSL_SUCCESS)
        return ssl;
    wolfSSL_free(ssl);
    return NULL;
}

/* An address in the form in which wolfSSL writes those of certificates; false: it is none. */
static bool write_address(const char *name, char out[INET6_ADDRSTRLEN])
{
    unsigned char ip[16];
    if (inet_pton(AF_INET, name, ip) == 1)
        return inet_ntop(AF_INET, ip, out, INET6_ADDRSTRLEN);
    if (inet_pton(AF_INET6, name, ip) != 1)
        return false;
    for (int i = 0; i < 8; i++)
        sprintf(out + 5 * i, "%02X%02X%s", ip[2 * i], ip[2 * i + 1], i < 7 ? ":" : "");
    return true;
}

WOLFSSL *tls_context_connect(struct tls_context *c, const char *server_name, const char *alpn)
{
    WOLFSSL *ssl = tls_with_alpn(alpn, wolfSSL_new(c->client));
    if (!ssl)
        return NULL;
    char ip[INET6_ADDRSTRLEN];
    bool address = write_address(server_name, ip);
    int named = address ? WOLFSSL_SUCCESS
                        : wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, server_name,
                                         (unsigned short)strlen(server_name));
    int checked = !c->verify_server ? WOLFSSL_SUCCESS
                  : address         ? wolfSSL_check_ip_address(ssl, ip)
                                    : wolfSSL_check_domain_name(ssl, server_name);
    if (named == WOLFSSL_SUCCESS && checked == WOLFSSL_SUCCESS)
        return ssl;
    wolfSSL_free(ssl);
    return NULL;
}
