/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/seam.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/ssl.h>

#include "core/base/check.h"
#include "tls/certificate.h"

#define PLAIN_BYTES 16384

/* ---- what a world shares --------------------------------------------------------------------- */

/* The scripts' tickets need no secret; but wolfSSL wants to see that something was done. */
static int weak_ticket(WOLFSSL *ssl, unsigned char name[WOLFSSL_TICKET_NAME_SZ],
                       unsigned char iv[WOLFSSL_TICKET_IV_SZ],
                       unsigned char mac[WOLFSSL_TICKET_MAC_SZ], int seal, unsigned char *ticket,
                       int len, int *out_len, void *arg)
{
    (void)ssl;
    (void)arg;
    for (int i = 0; i < len; i++)
        ticket[i] ^= 0x5a;
    if (seal) {
        memset(name, 1, WOLFSSL_TICKET_NAME_SZ);
        memset(iv, 2, WOLFSSL_TICKET_IV_SZ);
        memset(mac, 3, WOLFSSL_TICKET_MAC_SZ);
    }
    *out_len = len;
    return WOLFSSL_TICKET_RET_OK;
}

static int receive(WOLFSSL *ssl, char *into, int bytes, void *user)
{
    (void)ssl;
    struct seam *m = user;
    int res = net_read(m->end, into, (uint32_t)bytes);
    if (res > 0)
        return res;
    return res == -EAGAIN ? WOLFSSL_CBIO_ERR_WANT_READ : WOLFSSL_CBIO_ERR_CONN_CLOSE;
}

static int send_later(WOLFSSL *ssl, char *from, int bytes, void *user)
{
    (void)ssl;
    struct seam *m = user;
    uint32_t n = (uint32_t)bytes;
    if (m->out_len + n > m->out_cap) {
        m->out_cap = 2 * (m->out_len + n);
        m->out = realloc(m->out, m->out_cap);
        CHECK(m->out);
    }
    memcpy(m->out + m->out_len, from, n);
    m->out_len += n;
    return bytes;
}

static WOLFSSL_CTX *make_ctx(WOLFSSL_METHOD *method, const struct certificate *c, bool client)
{
    WOLFSSL_CTX *ctx = wolfSSL_CTX_new(method);
    CHECK(ctx);
    wolfSSL_CTX_set_session_cache_mode(ctx, WOLFSSL_SESS_CACHE_OFF);
    wolfSSL_CTX_SetIORecv(ctx, receive);
    wolfSSL_CTX_SetIOSend(ctx, send_later);
    int ok;
    if (client) {
        wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_PEER, NULL);
        ok = wolfSSL_CTX_UseSessionTicket(ctx);
        CHECK(ok == WOLFSSL_SUCCESS);
        ok = wolfSSL_CTX_load_verify_buffer(ctx, (const unsigned char *)c->chain, c->chain_bytes,
                                            WOLFSSL_FILETYPE_PEM);
    } else {
        ok = wolfSSL_CTX_use_certificate_chain_buffer_format(ctx, (const unsigned char *)c->chain,
                                                             c->chain_bytes, WOLFSSL_FILETYPE_PEM);
        CHECK(ok == WOLFSSL_SUCCESS);
        ok = wolfSSL_CTX_use_PrivateKey_buffer(ctx, c->key, c->key_bytes, WOLFSSL_FILETYPE_ASN1);
        wolfSSL_CTX_set_TicketEncCb(ctx, weak_ticket);
    }
    CHECK(ok == WOLFSSL_SUCCESS);
    return ctx;
}

void seams_init(struct seams *g, struct sim *s)
{
    char why[200];
    *g = (struct seams){ .sim = s };
    list_init(&g->all);
    g->certificate = certificate_self_signed(STR("sim.test"), why, sizeof why);
    CHECK(g->certificate);
    bool old = sim_chance(s, 300);
    g->client = make_ctx(old ? wolfTLSv1_2_client_method() : wolfSSLv23_client_method(),
                         g->certificate, true);
    g->server = make_ctx(old ? wolfTLSv1_2_server_method() : wolfSSLv23_server_method(),
                         g->certificate, false);
}

static void let_go(struct seam *m)
{
    list_remove(&m->node);
    wolfSSL_free(m->ssl);
    free(m->out);
    free(m->in);
    m->ssl = NULL;
    m->out = m->in = NULL;
    m->out_len = m->in_len = 0;
}

void seams_destroy(struct seams *g)
{
    if (!g->certificate)
        return;
    while (!list_empty(&g->all))
        let_go(container_of(g->all.next, struct seam, node));
    wolfSSL_SESSION_free(g->session);
    wolfSSL_CTX_free(g->client);
    wolfSSL_CTX_free(g->server);
    certificate_free(g->certificate);
}

/* The next client resumes it, perhaps. */
static void keep_session(struct seam *m)
{
    struct seams *g = m->group;
    WOLFSSL_SESSION *session = wolfSSL_get1_session(m->ssl);
    if (m->offered) { /* wolfSSL mixes the old ticket with the new secret */
        wolfSSL_SESSION_free(g->session);
        g->session = NULL;
    } else if (session && wolfSSL_SessionIsSetup(session)) {
        wolfSSL_SESSION_free(g->session);
        g->session = wolfSSL_SESSION_dup(session);
    }
    wolfSSL_SESSION_free(session);
}

static void offer_session(struct seam *m)
{
    struct seams *g = m->group;
    WOLFSSL_SESSION *copy = g->session ? wolfSSL_SESSION_dup(g->session) : NULL;
    if (copy)
        (void)wolfSSL_set_session(m->ssl, copy);
    m->offered = copy;
    wolfSSL_SESSION_free(copy);
}

static void set_up_client(struct seam *m)
{
    struct sim *s = m->group->sim;
    if (sim_chance(s, 500))
        CHECK(wolfSSL_UseSNI(m->ssl, WOLFSSL_SNI_HOST_NAME, "sim.test", 8) == WOLFSSL_SUCCESS);
    if (sim_chance(s, 500))
        offer_session(m);
    CHECK(wolfSSL_check_domain_name(m->ssl, "sim.test") == WOLFSSL_SUCCESS);
}

/* ---- bytes on their way out ------------------------------------------------------------------ */

static void really_close(struct seam *m, bool reset)
{
    net_close(m->end, reset);
    let_go(m);
}

/* The next bytes that may go out now, as the fate has it. */
static uint32_t allowed(struct seam *m)
{
    if (m->fate == SEAM_STAYS || m->sent + m->out_len <= m->fate_at)
        return m->out_len;
    if (m->sent < m->fate_at)
        return (uint32_t)(m->fate_at - m->sent);
    m->fate_met = true;
    if (m->fate != SEAM_GARBLES)
        return 0;
    m->fate = SEAM_STAYS;
    m->out[0] ^= 0x40;
    return m->out_len;
}

static void on_fate(void *arg, uint64_t n)
{
    (void)n;
    struct seam *m = arg;
    if (!seam_closed(m))
        m->on_change(m, m->user);
}

/* False: the connection is gone. */
static bool flush(struct seam *m)
{
    while (m->out_len > 0 && !m->write_error) {
        uint32_t n = allowed(m);
        if (n == 0 && m->fate == SEAM_RESETS) {
            m->write_error = -ECONNRESET;
            m->broken = true;
            sim_after(m->group->sim, 0, on_fate, m, 0); /* its script ends it */
            return true;
        }
        if (n == 0)
            return true;
        int res = net_write(m->end, m->out, n);
        if (res == -EAGAIN)
            return true;
        if (res < 0) {
            m->write_error = res;
            m->out_len = 0;
            break;
        }
        m->sent += (uint32_t)res;
        m->out_len -= (uint32_t)res;
        memmove(m->out, m->out + res, m->out_len);
    }
    if (m->closing) {
        really_close(m, false);
        return false;
    }
    if (m->shut)
        net_shutdown_write(m->end);
    return true;
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static void fail(struct seam *m, int rc)
{
    if (wolfSSL_get_error(m->ssl, rc) == WOLFSSL_ERROR_ZERO_RETURN)
        m->ended = true;
    else
        m->broken = true;
}

static bool wants_more(struct seam *m, int rc)
{
    return wolfSSL_get_error(m->ssl, rc) == WOLFSSL_ERROR_WANT_READ;
}

static void shake_hands(struct seam *m)
{
    struct sim *s = m->group->sim;
    int rc = wolfSSL_is_server(m->ssl) ? wolfSSL_accept(m->ssl) : wolfSSL_connect(m->ssl);
    if (rc == WOLFSSL_SUCCESS) {
        m->handshaken = true;
        m->resumed = wolfSSL_session_reused(m->ssl);
        sim_cover(s, m->resumed ? COVER_TLS_RESUMED : COVER_TLS_HANDSHAKES);
        sim_trace(s, "net %u: TLS is up%s", m->end->number, m->resumed ? ", resumed" : "");
    } else if (!wants_more(m, rc)) {
        m->broken = true;
        sim_cover(s, COVER_TLS_FAILED);
        sim_trace(s, "net %u: no TLS: %d", m->end->number, wolfSSL_get_error(m->ssl, rc));
    }
}

/* More plaintext, if there is none. */
static void fill(struct seam *m)
{
    if (!m->handshaken || m->in_len || m->ended || m->broken || m->end->state != NET_OPEN)
        return;
    m->group->sim->allocating = true;
    if (!m->in)
        m->in = malloc(PLAIN_BYTES);
    CHECK(m->in);
    int rc = wolfSSL_read(m->ssl, m->in, PLAIN_BYTES);
    m->in_at = 0;
    if (rc > 0)
        m->in_len = (uint32_t)rc;
    else if (!wants_more(m, rc))
        fail(m, rc);
    m->group->sim->allocating = false;
    (void)flush(m);
}

static void on_net_change(struct net_end *e, void *user)
{
    struct seam *m = user;
    if (m->ssl && e->state == NET_OPEN) {
        if (!m->handshaken && !m->broken && !m->closing) {
            m->group->sim->allocating = true;
            shake_hands(m);
            m->group->sim->allocating = false;
        }
        if (!flush(m))
            return;
    }
    if (!m->closing)
        m->on_change(m, m->user);
}

/* ---- for the scripts ------------------------------------------------------------------------- */

void seam_init(struct seam *m, struct seams *group, struct net_end *e, bool client,
               void (*on_change)(struct seam *m, void *user), void *user)
{
    *m = (struct seam){ .group = group, .end = e, .on_change = on_change, .user = user };
    list_init(&m->node);
    e->on_change = on_net_change;
    e->user = m;
    if (!group)
        return;
    group->sim->allocating = true;
    list_push_back(&group->all, &m->node);
    m->ssl = wolfSSL_new(client ? group->client : group->server);
    CHECK(m->ssl);
    wolfSSL_SetIOReadCtx(m->ssl, m);
    wolfSSL_SetIOWriteCtx(m->ssl, m);
    if (client)
        set_up_client(m);
    group->sim->allocating = false;
    if (e->state == NET_OPEN)
        on_net_change(e, m);
}

bool seam_readable(struct seam *m)
{
    if (!m->ssl)
        return net_readable(m->end);
    fill(m);
    return m->end->state == NET_OPEN && (m->in_len || m->ended || m->broken);
}

int seam_read(struct seam *m, void *bytes, uint32_t len)
{
    if (!m->ssl)
        return net_read(m->end, bytes, len);
    fill(m);
    if (m->in_len == 0)
        return m->broken ? -ECONNRESET : m->ended ? 0 : -EAGAIN;
    uint32_t n = len < m->in_len ? len : m->in_len;
    memcpy(bytes, m->in + m->in_at, n);
    m->in_at += n;
    m->in_len -= n;
    return (int)n;
}

int seam_write(struct seam *m, const void *bytes, uint32_t len)
{
    if (!m->ssl)
        return net_write(m->end, bytes, len);
    if (m->write_error || m->broken)
        return m->write_error ? m->write_error : -EPIPE;
    if (!m->handshaken || m->out_len)
        return -EAGAIN;
    m->group->sim->allocating = true;
    int rc = wolfSSL_write(m->ssl, bytes, (int)len);
    m->group->sim->allocating = false;
    if (rc != (int)len) {
        m->broken = true;
        return -EPIPE;
    }
    (void)flush(m);
    return (int)len;
}

void seam_shutdown_write(struct seam *m)
{
    if (!m->ssl) {
        net_shutdown_write(m->end);
        return;
    }
    m->shut = true;
    m->group->sim->allocating = true;
    if (m->handshaken && !m->broken)
        wolfSSL_shutdown(m->ssl);
    m->group->sim->allocating = false;
    (void)flush(m);
}

void seam_close(struct seam *m, bool reset)
{
    if (!m->ssl) {
        net_close(m->end, reset);
        return;
    }
    bool can_flush =
        m->end->state == NET_OPEN && !m->write_error && !(m->fate_met && m->fate == SEAM_STALLS);
    m->group->sim->allocating = true;
    if (m->handshaken && !wolfSSL_is_server(m->ssl))
        keep_session(m);
    if (!reset && can_flush && m->handshaken && !m->broken && !m->shut)
        wolfSSL_shutdown(m->ssl);
    m->group->sim->allocating = false;
    if (reset || !can_flush) {
        really_close(m, reset);
        return;
    }
    m->closing = true;
    (void)flush(m);
}
