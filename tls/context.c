/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "tls/session.h"

#define RSA_BITS_MIN 2048
#define CIPHERS                                                                                    \
    "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:TLS13-CHACHA20-POLY1305-SHA256:"              \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                   \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                   \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

/* The certificates of one name. */
struct pair {
    WOLFSSL_CTX *ecdsa, *other; /* not both NULL */
};

struct name_entry {
    char *name; /* NULL: free slot */
    struct pair pair;
};

struct tls_context {
    uint32_t refs;
    struct loop *loop;
    const char *alpn;
    WOLFSSL_CTX **all; /* owned; a client has one */
    uint32_t all_count;
    struct pair fallback;
    struct name_entry *names; /* open addressing; a power of two, at most half full */
    uint32_t names_mask;
    bool verify_server;
    struct ticket_ring tickets;
};

void tls_library_init(void)
{
    CHECK(wolfSSL_Init() == WOLFSSL_SUCCESS);
}

void tls_library_exit(void)
{
    wolfSSL_Cleanup();
}

/* --- names --- */

static struct name_entry *find(const struct tls_context *c, const char *name, size_t len)
{
    uint32_t i = (uint32_t)hash_bytes(name, len, 0) & c->names_mask;
    for (;; i = (i + 1) & c->names_mask) {
        struct name_entry *e = &c->names[i];
        if (!e->name || (strlen(e->name) == len && memcmp(e->name, name, len) == 0))
            return e;
    }
}

static void add_to(struct pair *p, enum certificate_kind kind, WOLFSSL_CTX *ctx)
{
    WOLFSSL_CTX **place = kind == CERTIFICATE_ECDSA ? &p->ecdsa : &p->other;
    if (!*place)
        *place = ctx; /* of several the first */
}

static bool add_names(struct tls_context *c, const struct certificate *cert, WOLFSSL_CTX *ctx)
{
    for (uint32_t i = 0; i < cert->names_count; i++) {
        struct name_entry *e = find(c, cert->names[i], strlen(cert->names[i]));
        if (!e->name && !(e->name = strdup(cert->names[i])))
            return false;
        add_to(&e->pair, cert->kind, ctx);
    }
    return true;
}

static bool make_names(struct tls_context *c, const struct tls_server_config *config)
{
    uint32_t count = 1, slots = 2;
    for (uint32_t i = 0; i < config->certificates_count; i++)
        count += config->certificates[i]->names_count;
    while (slots < 2 * count)
        slots *= 2;
    c->names = calloc(slots, sizeof *c->names);
    c->names_mask = slots - 1;
    return c->names;
}

/* The exact name, then "*." in place of its first label, then the fallback. */
static const struct pair *choose(const struct tls_context *c, const struct client_hello *hello)
{
    const struct name_entry *e = find(c, hello->name, hello->name_len);
    const char *dot = memchr(hello->name, '.', hello->name_len);
    if (hello->name_len && !e->name && dot) {
        char wild[SERVER_NAME_BYTES_MAX + 1];
        size_t rest = hello->name_len - (size_t)(dot - hello->name);
        wild[0] = '*';
        memcpy(wild + 1, dot, rest);
        e = find(c, wild, rest + 1);
    }
    return hello->name_len && e->name ? &e->pair : &c->fallback;
}

/* --- tickets --- */

static int ticket_callback(WOLFSSL *ssl, unsigned char name[WOLFSSL_TICKET_NAME_SZ],
                           unsigned char iv[WOLFSSL_TICKET_IV_SZ],
                           unsigned char mac[WOLFSSL_TICKET_MAC_SZ], int seal,
                           unsigned char *ticket, int len, int *out_len, void *arg)
{
    _Static_assert(WOLFSSL_TICKET_NAME_SZ == TICKET_NAME_BYTES &&
                       WOLFSSL_TICKET_IV_SZ == TICKET_IV_BYTES &&
                       WOLFSSL_TICKET_MAC_SZ == TICKET_MAC_BYTES,
                   "the same ticket");
    struct tls_context *c = arg;
    const struct tls_session *s = wolfSSL_GetIOReadCtx(ssl);
    struct str scope = { s->name, s->name_len };
    uint64_t now_s = c->loop->wall_us / 1000000;
    *out_len = len;
    if (seal)
        return ticket_seal(&c->tickets, now_s, scope, name, iv, mac, ticket, (uint32_t)len)
                   ? WOLFSSL_TICKET_RET_OK
                   : WOLFSSL_TICKET_RET_REJECT;
    switch (ticket_open(&c->tickets, now_s, scope, name, iv, mac, ticket, (uint32_t)len)) {
    case TICKET_OPENED:
        return WOLFSSL_TICKET_RET_OK;
    case TICKET_OPENED_OLD:
        return WOLFSSL_TICKET_RET_CREATE;
    case TICKET_REFUSED:
        break;
    }
    return WOLFSSL_TICKET_RET_REJECT;
}

/* --- making --- */

static bool fail(char *why, uint32_t why_bytes, const char *what)
{
    snprintf(why, why_bytes, "%s", what);
    return false;
}

/* What servers and clients have in common. */
static WOLFSSL_CTX *new_ctx(WOLFSSL_METHOD *method, enum tls_policy policy)
{
    int groups[] = {
#ifdef WOLFSSL_HAVE_MLKEM
        WOLFSSL_X25519MLKEM768,
#endif
        WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1
    };
    WOLFSSL_CTX *ctx = method ? wolfSSL_CTX_new(method) : NULL;
    if (!ctx)
        return NULL;
    int oldest = policy == TLS_MODERN ? WOLFSSL_TLSV1_3 : WOLFSSL_TLSV1_2;
    wolfSSL_CTX_SetIORecv(ctx, tls_io_receive);
    wolfSSL_CTX_SetIOSend(ctx, tls_io_send);
    wolfSSL_CTX_set_session_cache_mode(ctx, WOLFSSL_SESS_CACHE_OFF);
    if (wolfSSL_CTX_SetMinVersion(ctx, oldest) == WOLFSSL_SUCCESS &&
        wolfSSL_CTX_set_cipher_list(ctx, CIPHERS) == WOLFSSL_SUCCESS &&
        wolfSSL_CTX_set_groups(ctx, groups, ARRAY_LEN(groups)) == WOLFSSL_SUCCESS &&
        wolfSSL_CTX_SetMinRsaKey_Sz(ctx, RSA_BITS_MIN) == WOLFSSL_SUCCESS &&
        wolfSSL_CTX_set_group_messages(ctx) == WOLFSSL_SUCCESS)
        return ctx;
    wolfSSL_CTX_free(ctx);
    return NULL;
}

static bool use_certificate(WOLFSSL_CTX *ctx, const struct certificate *cert)
{
    return wolfSSL_CTX_use_certificate_chain_buffer_format(
               ctx, (const unsigned char *)cert->chain, cert->chain_bytes, WOLFSSL_FILETYPE_PEM) ==
               WOLFSSL_SUCCESS &&
           wolfSSL_CTX_use_PrivateKey_buffer(ctx, cert->key, cert->key_bytes,
                                             WOLFSSL_FILETYPE_ASN1) == WOLFSSL_SUCCESS;
}

static bool load_ca(WOLFSSL_CTX *ctx, struct str pem)
{
    /* A store holds certificates that have expired or that we cannot read: those are left out. */
    return wolfSSL_CTX_load_verify_buffer_ex(ctx, (const unsigned char *)pem.ptr, (long)pem.len,
                                             WOLFSSL_FILETYPE_PEM, 0,
                                             WOLFSSL_LOAD_FLAG_IGNORE_ERR) == WOLFSSL_SUCCESS;
}

static bool set_up_server(struct tls_context *c, WOLFSSL_CTX *ctx,
                          const struct tls_server_config *config)
{
    if (config->client_auth != TLS_CLIENT_OFF) {
        int mode = WOLFSSL_VERIFY_PEER;
        if (config->client_auth == TLS_CLIENT_REQUIRED)
            mode |= WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
        wolfSSL_CTX_set_verify(ctx, mode, NULL);
        if (!load_ca(ctx, config->client_ca))
            return false;
    } else {
        wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_NONE, NULL);
    }
    /* A resumed session shows no certificate. */
    if (!config->tickets || config->client_auth != TLS_CLIENT_OFF)
        return wolfSSL_CTX_no_ticket_TLSv13(ctx) == 0 &&
               wolfSSL_CTX_NoTicketTLSv12(ctx) == WOLFSSL_SUCCESS;
    return wolfSSL_CTX_set_TicketEncCb(ctx, ticket_callback) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_set_TicketEncCtx(ctx, c) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_set_TicketHint(ctx, TICKET_PERIOD_S) == WOLFSSL_SUCCESS;
}

static struct tls_context *new_context(struct loop *l, uint32_t ctx_count, const char *alpn)
{
    struct tls_context *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->refs = 1;
    c->loop = l;
    c->alpn = alpn;
    c->all = calloc(ctx_count, sizeof(WOLFSSL_CTX *));
    if (!c->all) {
        free(c);
        return NULL;
    }
    return c;
}

static bool fill_server(struct tls_context *c, const struct tls_server_config *config, char *why,
                        uint32_t why_bytes)
{
    if (!make_names(c, config) ||
        (config->tickets && !ticket_ring_init(&c->tickets, config->tickets)))
        return fail(why, why_bytes, "out of memory");
    const struct certificate *first = config->certificates[0];
    for (uint32_t i = 0; i < config->certificates_count; i++) {
        const struct certificate *cert = config->certificates[i];
        WOLFSSL_CTX *ctx = new_ctx(config->policy == TLS_MODERN ? wolfTLSv1_3_server_method()
                                                                : wolfSSLv23_server_method(),
                                   config->policy);
        if (!ctx)
            return fail(why, why_bytes, "out of memory");
        c->all[c->all_count++] = ctx;
        if (!use_certificate(ctx, cert))
            return fail(why, why_bytes, "a certificate cannot be used");
        if (!set_up_server(c, ctx, config))
            return fail(why, why_bytes, "the clients' CA holds no certificate");
        if (!add_names(c, cert, ctx))
            return fail(why, why_bytes, "out of memory");
        bool same =
            cert->names_count && first->names_count && strcmp(cert->names[0], first->names[0]) == 0;
        if (i == 0 || same)
            add_to(&c->fallback, cert->kind, ctx);
    }
    return true;
}

struct tls_context *tls_context_server(struct loop *l, const struct tls_server_config *config,
                                       char *why, uint32_t why_bytes)
{
    CHECK(config->certificates_count > 0);
    struct tls_context *c = new_context(l, config->certificates_count, config->alpn);
    if (!c) {
        fail(why, why_bytes, "out of memory");
        return NULL;
    }
    if (fill_server(c, config, why, why_bytes))
        return c;
    tls_context_unref(c);
    return NULL;
}

struct tls_context *tls_context_client(struct loop *l, const struct tls_client_config *config,
                                       char *why, uint32_t why_bytes)
{
    struct tls_context *c = new_context(l, 1, config->alpn);
    WOLFSSL_CTX *ctx = c ? new_ctx(config->policy == TLS_MODERN ? wolfTLSv1_3_client_method()
                                                                : wolfSSLv23_client_method(),
                                   config->policy)
                         : NULL;
    if (!ctx) {
        if (c)
            tls_context_unref(c);
        fail(why, why_bytes, "out of memory");
        return NULL;
    }
    c->all[c->all_count++] = ctx;
    c->fallback.other = ctx;
    c->verify_server = config->ca.len > 0;
    wolfSSL_CTX_set_verify(ctx, c->verify_server ? WOLFSSL_VERIFY_PEER : WOLFSSL_VERIFY_NONE, NULL);
    if (c->verify_server && !load_ca(ctx, config->ca))
        fail(why, why_bytes, "the CA holds no certificate");
    else if (config->certificate && !use_certificate(ctx, config->certificate))
        fail(why, why_bytes, "our certificate cannot be used");
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
    for (uint32_t i = 0; i < c->all_count; i++)
        wolfSSL_CTX_free(c->all[i]);
    if (c->names)
        for (uint32_t i = 0; i <= c->names_mask; i++)
            free(c->names[i].name);
    free(c->names);
    ticket_ring_destroy(&c->tickets);
    free(c->all);
    free(c);
}

/* --- connections --- */

static WOLFSSL *with_alpn(const struct tls_context *c, WOLFSSL *ssl)
{
    if (!ssl || !c->alpn)
        return ssl;
    if (wolfSSL_UseALPN(ssl, (char *)c->alpn, (unsigned)strlen(c->alpn),
                        WOLFSSL_ALPN_FAILED_ON_MISMATCH) == WOLFSSL_SUCCESS)
        return ssl;
    wolfSSL_free(ssl);
    return NULL;
}

WOLFSSL *tls_context_accept(struct tls_context *c, const struct client_hello *hello)
{
    const struct pair *p = choose(c, hello);
    bool ecdsa = p->ecdsa && (hello->ecdsa || !p->other);
    return with_alpn(c, wolfSSL_new(ecdsa ? p->ecdsa : p->other));
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

WOLFSSL *tls_context_connect(struct tls_context *c, const char *server_name)
{
    WOLFSSL *ssl = with_alpn(c, wolfSSL_new(c->fallback.other));
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
