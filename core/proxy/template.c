/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/template.h"

#include "core/http/cookie.h"
#include "core/proxy/client_tls.h"

static struct str header_value(const struct http_head *h, struct str name)
{
    const struct http_field *f = h ? head_field_named(h, name) : NULL;
    return f ? head_value(h, f) : (struct str){ 0 };
}

static struct str argument(const struct template_ctx *c, struct str name)
{
    struct str value = { 0 };
    query_argument(c->target->query, name, &value);
    return value;
}

static struct str capture(const struct template_ctx *c, uint32_t i)
{
    return c->match && i < c->match->captures_count ? c->match->captures[i] : (struct str){ 0 };
}

static struct str without_question_mark(struct str query)
{
    return query.len ? (struct str){ query.ptr + 1, query.len - 1 } : query;
}

static void write_part(struct out *o, const struct template_part *p, const struct template_ctx *c)
{
    switch (p->what) {
    case VAR_TEXT:
        out_str(o, p->text);
        return;
    case VAR_CAPTURE:
        out_str(o, capture(c, p->capture));
        return;
    case VAR_CLIENT_IP:
        out_str(o, c->client_ip);
        return;
    case VAR_PEER_IP:
        out_str(o, c->peer_ip);
        return;
    case VAR_HOST:
        out_str(o, c->host);
        return;
    case VAR_PORT:
        if (c->port)
            out_u64(o, c->port);
        return;
    case VAR_METHOD:
        out_str(o, head_str(c->head, c->head->method));
        return;
    case VAR_SCHEME:
        out_str(o, c->scheme);
        return;
    case VAR_PATH:
        out_str(o, c->target->path);
        return;
    case VAR_QUERY:
        out_str(o, without_question_mark(c->target->query));
        return;
    case VAR_SEARCH:
        out_str(o, c->target->query);
        return;
    case VAR_URI:
        out_str(o, c->target->path);
        out_str(o, c->target->query);
        return;
    case VAR_REQUEST_ID:
        out_str(o, c->request_id);
        return;
    case VAR_LISTENER:
        out_str(o, c->listener);
        return;
    case VAR_SITE:
        out_str(o, c->site);
        return;
    case VAR_ROUTE:
        out_str(o, c->route);
        return;
    case VAR_BACKEND:
        out_str(o, c->backend);
        return;
    case VAR_SERVER:
        out_str(o, c->server);
        return;
    case VAR_USER:
        out_str(o, c->user);
        return;
    case VAR_STATUS:
        if (c->status)
            out_u64(o, c->status);
        return;
    case VAR_HEADER:
        out_str(o, header_value(c->head, p->text));
        return;
    case VAR_COOKIE:
        out_str(o, http_cookie(c->head, p->text));
        return;
    case VAR_ARGUMENT:
        out_str(o, argument(c, p->text));
        return;
    case VAR_TLS_VERSION:
    case VAR_TLS_CIPHER:
    case VAR_TLS_SERVER_NAME:
    case VAR_TLS_CLIENT_SUBJECT:
    case VAR_TLS_CLIENT_ISSUER:
    case VAR_TLS_CLIENT_SERIAL:
    case VAR_TLS_CLIENT_FINGERPRINT:
    case VAR_TLS_CLIENT_CERTIFICATE:
        client_tls_variable(o, p->what, c->client);
        return;
    case VAR_RESPONSE_HEADER:
        out_str(o, header_value(c->response, p->text));
        return;
    }
}

void template_write(struct out *o, const struct template *t, const struct template_ctx *c)
{
    for (uint32_t i = 0; i < t->parts_count; i++)
        write_part(o, &t->parts[i], c);
}
