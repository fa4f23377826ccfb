/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A listener's context on one worker. wolfSSL wants one of its own for each certificate; they are
 * made when they are first asked for, and kept in the order of their use. */
#include <stdlib.h>
#include <string.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/internal.h>

#include "core/base/check.h"
#include "core/base/list.h"
#include "tls/context_inside.h"
#include "tls/peer.h"
#include "tls/pem.h"

/* One certificate under one rule for clients. */
struct ready {
    struct list node; /* by use, the last used first; alone: not made */
    WOLFSSL_CTX *ctx; /* NULL: not made */
};

struct server_part {
    struct tls_worker *w;
    struct tls_service *service;
    struct ticket_ring *file_tickets; /* of service->ticket_files */
    uint32_t file_tickets_count;
    struct list used;
    uint32_t ready_count;
    struct ready
        slots[]; /* of the first certificate: without a rule, by each rule; the second, ... */
};

/* --- tickets --- */

/* Whom a ticket is for: the listener, and the name that was asked for. */
static struct str scope_of(const struct server_part *p, const struct tls_session *s,
                           char into[sizeof(uint64_t) + SERVER_NAME_BYTES_MAX])
{
    memcpy(into, &p->service->scope, sizeof(uint64_t));
    memcpy(into + sizeof(uint64_t), s->name, s->name_len);
    return (struct str){ into, sizeof(uint64_t) + s->name_len };
}

static enum ticket_opened open_ticket(struct server_part *p, uint64_t now_s, struct str scope,
                                      const unsigned char *name, const unsigned char *iv,
                                      const unsigned char *mac, unsigned char *ticket, uint32_t len)
{
    if (!p->file_tickets_count)
        return ticket_open(&p->w->tickets, now_s, scope, name, iv, mac, ticket, len);
    for (uint32_t i = 0; i < p->file_tickets_count; i++) {
        enum ticket_opened opened =
            ticket_open(&p->file_tickets[i], now_s, scope, name, iv, mac, ticket, len);
        if (opened != TICKET_REFUSED)
            return i == 0 ? opened : TICKET_OPENED_OLD;
    }
    return TICKET_REFUSED;
}

static int ticket_callback(WOLFSSL *ssl, unsigned char name[WOLFSSL_TICKET_NAME_SZ],
                           unsigned char iv[WOLFSSL_TICKET_IV_SZ],
                           unsigned char mac[WOLFSSL_TICKET_MAC_SZ], int seal,
                           unsigned char *ticket, int len, int *out_len, void *arg)
{
    _Static_assert(WOLFSSL_TICKET_NAME_SZ == TICKET_NAME_BYTES &&
                       WOLFSSL_TICKET_IV_SZ == TICKET_IV_BYTES &&
                       WOLFSSL_TICKET_MAC_SZ == TICKET_MAC_BYTES,
                   "the same ticket");
    struct server_part *p = arg;
    char into[sizeof(uint64_t) + SERVER_NAME_BYTES_MAX];
    struct str scope = scope_of(p, wolfSSL_GetIOReadCtx(ssl), into);
    uint64_t now_s = p->w->loop->wall_us / 1000000;
    struct ticket_ring *sealing = p->file_tickets_count ? p->file_tickets : &p->w->tickets;
    *out_len = len;
    if (seal)
        return ticket_seal(sealing, now_s, scope, name, iv, mac, ticket, (uint32_t)len)
                   ? WOLFSSL_TICKET_RET_OK
                   : WOLFSSL_TICKET_RET_REJECT;
    switch (open_ticket(p, now_s, scope, name, iv, mac, ticket, (uint32_t)len)) {
    case TICKET_OPENED:
        return WOLFSSL_TICKET_RET_OK;
    case TICKET_OPENED_OLD:
        /* In TLS 1.3 wolfSSL makes a new one in any case, and refuses what is to be renewed. */
        return wolfSSL_version(ssl) == TLS1_3_VERSION ? WOLFSSL_TICKET_RET_OK
                                                      : WOLFSSL_TICKET_RET_CREATE;
    case TICKET_REFUSED:
        break;
    }
    return WOLFSSL_TICKET_RET_REJECT;
}

/* --- OCSP --- */

/* RFC 6066 8: the client wants to know whether the certificate is still good. */
static int status_callback(WOLFSSL *ssl, void *arg)
{
    const struct server_part *p = arg;
    const struct tls_session *s = wolfSSL_GetIOReadCtx(ssl);
    const struct certificate_entry *e =
        certificate_set_at(p->service->certificates, s->certificate);
    if (!e->staple || (int64_t)(p->w->loop->wall_us / 1000000) >= e->staple_until_s)
        return WOLFSSL_OCSP_STATUS_CB_NOACK;
    unsigned char *copy = malloc(e->staple_bytes); /* wolfSSL frees it */
    if (!copy)
        return WOLFSSL_OCSP_STATUS_CB_NOACK;
    memcpy(copy, e->staple, e->staple_bytes);
    if (wolfSSL_set_tlsext_status_ocsp_resp(ssl, copy, (int)e->staple_bytes) != WOLFSSL_SUCCESS) {
        free(copy);
        return WOLFSSL_OCSP_STATUS_CB_NOACK;
    }
    return WOLFSSL_OCSP_STATUS_CB_OK;
}

/* --- clients' certificates --- */

/* Each CRL of the text. */
static bool load_crls(WOLFSSL_CTX *ctx, struct str pem)
{
    struct str block;
    uint32_t count = 0;
    for (; pem_next(&pem, &block); count++)
        if (wolfSSL_CTX_LoadCRLBuffer(ctx, (const unsigned char *)block.ptr, (long)block.len,
                                      WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS)
            return false;
    return count > 0;
}

static bool judge_clients(WOLFSSL_CTX *ctx, struct str ca, struct str crl)
{
    if (!tls_load_ca(ctx, ca))
        return false;
    return crl.len == 0 || (wolfSSL_CTX_EnableCRL(ctx, WOLFSSL_CRL_CHECK) == WOLFSSL_SUCCESS &&
                            load_crls(ctx, crl));
}

bool tls_client_ca_check(struct str ca, struct str crl, char *why, uint32_t why_bytes)
{
    static const struct str none = { 0 };
    WOLFSSL_CTX *ctx = tls_new_ctx(wolfSSLv23_server_method(), TLS_INTERMEDIATE);
    const char *cause = NULL;
    if (!ctx)
        cause = "out of memory";
    else if (!judge_clients(ctx, ca, none))
        cause = "it holds no certificate in PEM form that can be used";
    else if (!judge_clients(ctx, ca, crl))
        cause = "it holds no certificate revocation list in PEM form that such a CA has signed";
    wolfSSL_CTX_free(ctx);
    if (cause)
        snprintf(why, why_bytes, "%s", cause);
    return !cause;
}

static int verify_callback(int good, WOLFSSL_X509_STORE_CTX *store)
{
    struct tls_session *s = store->userCtx;
    if (good && store->error_depth == 0 && store->totalCerts > 0)
        return tls_peer_keep(s, store->certs[0].buffer, store->certs[0].length);
    return good;
}

/* --- making --- */

static bool ask_clients(WOLFSSL_CTX *ctx, const struct tls_client_rule *rule)
{
    if (!rule || rule->mode == TLS_CLIENT_OFF) {
        wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_NONE, NULL);
        return true;
    }
    int mode = WOLFSSL_VERIFY_PEER;
    if (rule->mode == TLS_CLIENT_REQUIRED)
        mode |= WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    wolfSSL_CTX_set_verify(ctx, mode, verify_callback);
    return judge_clients(ctx, rule->ca, rule->crl);
}

static bool set_tickets(struct server_part *p, WOLFSSL_CTX *ctx, const struct tls_client_rule *rule)
{
    /* A resumed session shows no certificate. */
    bool any = p->file_tickets_count || p->w->tickets.keys[0];
    if (!p->service->tickets || !any || (rule && rule->mode != TLS_CLIENT_OFF))
        return wolfSSL_CTX_no_ticket_TLSv13(ctx) == 0 &&
               wolfSSL_CTX_NoTicketTLSv12(ctx) == WOLFSSL_SUCCESS;
    return wolfSSL_CTX_set_TicketEncCb(ctx, ticket_callback) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_set_TicketEncCtx(ctx, p) == WOLFSSL_SUCCESS &&
           wolfSSL_CTX_set_TicketHint(ctx, TICKET_PERIOD_S) == WOLFSSL_SUCCESS;
}

static bool set_staple(struct server_part *p, WOLFSSL_CTX *ctx, const struct certificate_entry *e)
{
    return !e->staple ||
           (wolfSSL_CTX_set_tlsext_status_cb(ctx, status_callback) == WOLFSSL_SUCCESS &&
            wolfSSL_CTX_set_tlsext_status_arg(ctx, p) == WOLFSSL_SUCCESS);
}

/* NULL without memory: everything was tried when the service was made. */
static WOLFSSL_CTX *make_ctx(struct server_part *p, uint32_t certificate,
                             const struct tls_client_rule *rule)
{
    const struct certificate_entry *e = certificate_set_at(p->service->certificates, certificate);
    WOLFSSL_CTX *ctx = tls_new_ctx(p->service->policy == TLS_MODERN ? wolfTLSv1_3_server_method()
                                                                    : wolfSSLv23_server_method(),
                                   p->service->policy);
    if (ctx && tls_use_certificate(ctx, e->certificate) && ask_clients(ctx, rule) &&
        set_tickets(p, ctx, rule) && set_staple(p, ctx, e))
        return ctx;
    wolfSSL_CTX_free(ctx);
    return NULL;
}

static void drop(struct server_part *p, struct ready *r)
{
    list_remove(&r->node);
    wolfSSL_CTX_free(r->ctx); /* connections that have it keep it */
    r->ctx = NULL;
    p->ready_count--;
}

static WOLFSSL_CTX *take_ctx(struct server_part *p, uint32_t certificate, uint32_t rule)
{
    uint32_t rules = p->service->rules_count + 1;
    struct ready *r = &p->slots[certificate * rules + (rule == TLS_NO_RULE ? 0 : rule + 1)];
    if (likely(r->ctx)) {
        list_remove(&r->node);
    } else {
        while (p->ready_count >= p->service->ready_max)
            drop(p, container_of(p->used.prev, struct ready, node));
        r->ctx = make_ctx(p, certificate, rule == TLS_NO_RULE ? NULL : &p->service->rules[rule]);
        if (!r->ctx)
            return NULL;
        p->ready_count++;
    }
    list_push_front(&p->used, &r->node);
    return r->ctx;
}

static bool make_file_tickets(struct server_part *p)
{
    const struct tls_service *s = p->service;
    p->file_tickets = calloc(TLS_TICKET_FILES_MAX, sizeof *p->file_tickets);
    if (!p->file_tickets)
        return false;
    for (; p->file_tickets_count < s->ticket_files_count; p->file_tickets_count++)
        if (!ticket_ring_init(&p->file_tickets[p->file_tickets_count],
                              &s->ticket_files[p->file_tickets_count]))
            return false;
    return true;
}

struct tls_context *tls_context_server(struct tls_worker *w, struct tls_service *service)
{
    uint32_t slots = certificate_set_count(service->certificates) * (service->rules_count + 1);
    CHECK(slots > 0);
    struct tls_context *c = calloc(1, sizeof *c);
    struct server_part *p = calloc(1, sizeof *p + slots * sizeof p->slots[0]);
    if (!c || !p) {
        free(c);
        free(p);
        return NULL;
    }
    *c = (struct tls_context){ .refs = 1, .alpn = service->alpn, .server = p };
    p->w = w;
    p->service = service;
    tls_service_ref(service);
    list_init(&p->used);
    if (service->ticket_files_count && !make_file_tickets(p)) {
        tls_context_unref(c);
        return NULL;
    }
    return c;
}

void tls_server_part_free(struct server_part *p)
{
    if (!p)
        return;
    while (!list_empty(&p->used))
        drop(p, container_of(p->used.next, struct ready, node));
    for (uint32_t i = 0; i < p->file_tickets_count; i++)
        ticket_ring_destroy(&p->file_tickets[i]);
    free(p->file_tickets);
    tls_service_unref(p->service);
    free(p);
}

/* --- connections --- */

enum tls_failure tls_context_accept(struct tls_session *s, const struct client_hello *hello,
                                    WOLFSSL **out)
{
    struct server_part *p = s->context->server;
    struct str name = { s->name, s->name_len };
    bool known;
    s->certificate = certificate_set_choose(p->service->certificates, name, hello->ecdsa, &known);
    if (!known && p->service->refuse_unknown)
        return TLS_UNKNOWN_NAME;
    WOLFSSL_CTX *ctx = take_ctx(p, s->certificate, tls_service_rule(p->service, name));
    *out = ctx ? tls_with_alpn(s->context->alpn, wolfSSL_new(ctx)) : NULL;
    if (*out)
        wolfSSL_SetCertCbCtx(*out, s);
    return *out ? TLS_FINE : TLS_MEMORY;
}

void tls_context_renumber_tickets(WOLFSSL *ssl)
{
    ssl->session->ticketNonce.len = 0;
}

bool tls_context_passes_acme(const struct tls_context *c)
{
    return c->server->service->passes_acme;
}

bool tls_context_same_clients(const struct tls_session *s, struct str host)
{
    const struct server_part *p = s->context->server;
    struct str name = { s->name, s->name_len };
    return tls_service_same_clients(p->service, name, host);
}
