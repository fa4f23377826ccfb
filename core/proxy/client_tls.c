/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/client_tls.h"

#include "core/proxy/client.h"
#include "core/proxy/edit.h"
#include "core/proxy/exchange.h"
#include "core/proxy/listener.h"
#include "core/proxy/plan.h"
#include "tls/service.h"
#include "tls/tls.h"

#define ACME_PREFIX "/.well-known/acme-challenge/" /* RFC 8555 8.3 */
#define HTTPS_PORT 443

static const struct listener_config *listener_of(const struct exchange *ex)
{
    return ex->client->listener->bind->listener;
}

/* --- before the route --- */

static bool redirects(const struct exchange *ex)
{
    static const struct str acme = { ACME_PREFIX, sizeof ACME_PREFIX - 1 };
    struct str path = ex->target.path;
    bool challenge = path.len > acme.len && memcmp(path.ptr, acme.ptr, acme.len) == 0;
    return listener_of(ex)->https_port && !challenge;
}

enum end_reason client_tls_check(const struct exchange *ex)
{
    if (redirects(ex))
        return ex->host.len ? END_HTTPS_REDIRECT : END_BAD_HOST;
    return transport_tls_same_clients(&ex->client->t, ex->host) ? END_OK : END_MISDIRECTED;
}

void client_tls_write_location(const struct exchange *ex, struct out *o)
{
    uint32_t port = listener_of(ex)->https_port;
    out_lit(o, "https://");
    out_str(o, ex->host);
    if (port != HTTPS_PORT) {
        out_char(o, ':');
        out_u64(o, port);
    }
    out_str(o, ex->target.path);
    out_str(o, ex->target.query);
}

/* --- who the client is --- */

static void put_base64(struct out *o, struct str s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < s.len; i += 3) {
        size_t n = s.len - i < 3 ? s.len - i : 3;
        const unsigned char *p = (const unsigned char *)s.ptr + i;
        uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
        out_char(o, digits[v >> 18]);
        out_char(o, digits[v >> 12 & 63]);
        out_char(o, n > 1 ? digits[v >> 6 & 63] : '=');
        out_char(o, n > 2 ? digits[v & 63] : '=');
    }
}

/* RFC 9440 2.2: a byte sequence of RFC 8941. */
static void put_certificate(struct out *o, const struct tls_peer *peer)
{
    out_char(o, ':');
    put_base64(o, peer->der);
    out_char(o, ':');
}

/* The header in which the listener's rule for the connection's name passes certificates on; empty:
 * none. */
static struct str header_of(const struct exchange *ex, struct str server_name)
{
    const struct listener_tls *tls = listener_of(ex)->tls;
    uint32_t rule = tls ? tls_service_rule(tls->service, server_name) : TLS_NO_RULE;
    return rule < (tls ? tls->rules_count : 0) ? tls->rules[rule].header : (struct str){ 0 };
}

static bool add_certificate(struct field_edits *e, struct str name, const struct tls_peer *peer,
                            struct out *o)
{
    struct out line = out_into(o->at, (size_t)(o->end - o->at));
    out_str(&line, name);
    out_lit(&line, ": ");
    put_certificate(&line, peer);
    out_lit(&line, "\r\n");
    if (line.full)
        return false;
    /* The lines go to the end of the same memory: from a place that they do not reach. */
    size_t n = out_len(&line);
    if (e->added.len + n > (size_t)(o->end - o->at))
        return false;
    memmove(o->end - n, line.start, n);
    o->end -= n;
    e->added = (struct str){ o->end, e->added.len + n };
    return true;
}

bool client_tls_identified(const struct exchange *ex)
{
    struct tls_facts facts;
    return transport_tls_facts(&ex->client->t, &facts) && facts.peer;
}

bool client_tls_edit(const struct exchange *ex, struct field_edits *e, struct out *o)
{
    const struct strings *names = &ex->use->plan->config->identity_headers;
    if (names->items_count == 0)
        return true;
    struct tls_facts facts;
    bool known = transport_tls_facts(&ex->client->t, &facts) && facts.peer;
    struct str header = known ? header_of(ex, facts.server_name) : (struct str){ 0 };
    for (uint32_t i = 0; i < names->items_count; i++)
        if (!ex->peer_trusted || known)
            edits_drop(e, &ex->head, names->items[i]);
    return header.len == 0 || add_certificate(e, header, facts.peer, o);
}

void client_tls_variable(struct out *o, enum variable what, const struct transport *t)
{
    struct tls_facts f;
    if (!t || !transport_tls_facts(t, &f))
        return;
    switch (what) {
    case VAR_TLS_VERSION:
        out_str(o, str_of(f.version));
        return;
    case VAR_TLS_CIPHER:
        out_str(o, str_of(f.cipher));
        return;
    case VAR_TLS_SERVER_NAME:
        out_str(o, f.server_name);
        return;
    default:
        break;
    }
    if (!f.peer)
        return;
    if (what == VAR_TLS_CLIENT_SUBJECT)
        out_str(o, f.peer->subject);
    else if (what == VAR_TLS_CLIENT_ISSUER)
        out_str(o, f.peer->issuer);
    else if (what == VAR_TLS_CLIENT_SERIAL)
        out_str(o, f.peer->serial);
    else if (what == VAR_TLS_CLIENT_FINGERPRINT)
        out_mem(o, f.peer->fingerprint, sizeof f.peer->fingerprint);
    else if (what == VAR_TLS_CLIENT_CERTIFICATE)
        put_certificate(o, f.peer);
}

/* --- the answer --- */

struct str client_tls_hsts(const struct exchange *ex)
{
    return ex->client->t.tls ? ex->handling->hsts : (struct str){ 0 };
}
