/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/server_tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/proxy/server.h"

static struct str text_of(const struct pem_file *f)
{
    return f ? f->text : (struct str){ 0 };
}

struct tls_context *server_tls_context(const struct upstream_tls_config *t, const char *alpn,
                                       char *why, uint32_t why_bytes)
{
    char cause[256] = "";
    struct certificate *own = NULL;
    if (t->cert) {
        const struct certificate_texts texts = { text_of(t->cert), text_of(t->key),
                                                 text_of(t->passphrase) };
        own = certificate_parse(&texts, cause, sizeof cause);
        if (!own) {
            snprintf(why, why_bytes, "%s, %s: %s", t->cert->path, t->key ? t->key->path : "-",
                     cause);
            return NULL;
        }
    }
    struct tls_client_config config = { .ca = text_of(t->ca),
                                        .alpn = alpn,
                                        .certificate = own,
                                        .policy = t->tls13_only ? TLS_MODERN : TLS_INTERMEDIATE };
    struct tls_context *c = tls_context_client(NULL, &config, cause, sizeof cause);
    if (!c)
        snprintf(why, why_bytes, "%s%s%s", t->ca ? t->ca->path : "", t->ca ? ": " : "", cause);
    certificate_free(own);
    return c;
}

bool server_tls_check(const struct upstream_tls_config *t, char *why, uint32_t why_bytes)
{
    struct tls_context *c = server_tls_context(t, NULL, why, why_bytes);
    if (c)
        tls_context_unref(c);
    return c != NULL;
}

/* --- names --- */

/* As SNI and certificates write it: RFC 6066 3 allows no final dot. */
static struct str plain_host(struct str host)
{
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = (struct str){ host.ptr + 1, host.len - 2 };
    if (host.len && host.ptr[host.len - 1] == '.')
        host.len--;
    return host.len <= TLS_SERVER_NAME_BYTES_MAX ? host : (struct str){ 0 };
}

/* The server's IP address, in the form that certificates are compared with. */
static struct str own_address(const struct server *s, struct server_tls_name *out)
{
    if (s->addr->sa.sa_family == AF_UNIX)
        return STR("localhost");
    const struct peer_addr ip = peer_addr_of(s->addr);
    return (struct str){ out->ip, peer_addr_format_ip(&ip, out->ip) };
}

void server_tls_name(const struct server *s, struct str host, struct server_tls_name *out)
{
    host = plain_host(host);
    bool always_host = s->sni.len && s->sni.ptr[0] == '$';
    out->of_request = host.len && (always_host || (!s->sni.len && !s->host_name.len));
    if (out->of_request)
        out->text = host;
    else if (s->sni.len && !always_host)
        out->text = s->sni;
    else if (s->host_name.len)
        out->text = s->host_name;
    else
        out->text = own_address(s, out);
}

/* --- failures --- */

enum end_reason server_tls_reason(const struct transport *t, int err)
{
    switch (transport_tls_failure(t)) {
    case TLS_FINE:
    case TLS_CONNECT:
        return err == -ECONNREFUSED || err == -ENOENT ? END_CONNECT_REFUSED : END_CONNECT_FAILED;
    case TLS_NAME:
        return END_SERVER_TLS_NAME;
    case TLS_EXPIRED:
        return END_SERVER_TLS_EXPIRED;
    case TLS_UNTRUSTED:
    case TLS_CERTIFICATE:
        return END_SERVER_TLS_UNTRUSTED;
    case TLS_ALERT:
        return END_SERVER_TLS_REFUSED;
    case TLS_MEMORY:
        return END_OVERLOADED;
    default:
        return END_SERVER_TLS_HANDSHAKE;
    }
}
