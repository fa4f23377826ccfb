/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/request.h"

#include <string.h>

#include "core/base/check.h"
#include "core/config/networks.h"
#include "core/http/forward.h"
#include "core/proxy/access.h"
#include "core/proxy/auth_external.h"
#include "core/proxy/client.h"
#include "core/proxy/client_addr.h"
#include "core/proxy/client_tls.h"
#include "core/proxy/edit.h"
#include "core/proxy/exchange.h"
#include "core/proxy/fetch.h"
#include "core/proxy/forward.h"
#include "core/proxy/gate.h"
#include "core/proxy/listener.h"
#include "core/proxy/plan.h"
#include "core/proxy/rewrite.h"
#include "core/proxy/upgrade.h"
#include "core/proxy/worker.h"

/* --- checks --- */

/* RFC 9110 7.6.2: OPTIONS and TRACE count their hops; at 0 we are the last. -1: not given. */
static enum end_reason max_forwards(const struct http_head *h, int32_t *value)
{
    *value = -1;
    const struct http_field *f = head_field(h, FIELD_MAX_FORWARDS);
    if (!f || h->method_id != METHOD_OPTIONS)
        return END_OK;
    struct str v = head_value(h, f);
    if (f->next || v.len == 0 || v.len > 9)
        return END_BAD_MAX_FORWARDS;
    int32_t n = 0;
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] < '0' || v.ptr[i] > '9')
            return END_BAD_MAX_FORWARDS;
        n = n * 10 + (v.ptr[i] - '0');
    }
    *value = n;
    return END_OK;
}

enum end_reason request_check(struct exchange *ex)
{
    const struct http_head *h = &ex->head;
    enum end_reason why = framing_of_request(h, &ex->framing);
    if (why == END_OK)
        why = forward_check_connection(h);
    if (why == END_OK)
        why = target_parse(h, &ex->arena, &ex->target);
    if (why != END_OK)
        return why;
    if (h->method_id == METHOD_CONNECT && (!ex->site->forward || !ex->down->give_way))
        return END_NOT_IMPLEMENTED;
    if (h->method_id == METHOD_CONNECT && ex->framing.kind != BODY_NONE)
        return END_CONNECT_BODY;      /* what follows its head belongs into the tunnel */
    if (h->method_id == METHOD_TRACE) /* would show a client fields that we add */
        return END_METHOD_NOT_ALLOWED;
    int32_t hops;
    why = max_forwards(h, &hops);
    return why == END_OK && hops == 0 ? END_REPLIED : why;
}

/* --- who asks --- */

static void find_client(struct exchange *ex)
{
    const struct client *c = ex->client;
    const struct networks *trusted = &ex->use->plan->config->trusted_proxies;
    ex->client_addr = c->peer;
    ex->client_ip = (struct str){ c->ip_text, c->ip_text_len };
    ex->peer_trusted = trusted->items_count && networks_has(trusted, &c->peer);
    if (!ex->peer_trusted)
        return;
    struct str said = client_addr_forwarded(&ex->head, trusted, &ex->client_addr);
    if (said.len)
        ex->client_ip = said;
}

static bool find_host(struct exchange *ex)
{
    struct str h = ex->target.host;
    size_t i = 0;
    while (i < h.len && ascii_lower(h.ptr[i]) == h.ptr[i])
        i++;
    ex->host = h;
    if (i == h.len)
        return true;
    char *mem = arena_alloc(&ex->arena, h.len);
    if (!mem)
        return false;
    for (i = 0; i < h.len; i++)
        mem[i] = ascii_lower(h.ptr[i]);
    ex->host.ptr = mem;
    return true;
}

struct str request_id(const struct exchange *ex, char id[32])
{
    const struct request_id_config *rule = &ex->use->plan->config->request_id;
    if (rule->trust == TRUST_ALWAYS || (rule->trust == TRUST_PROXIES && ex->peer_trusted)) {
        const struct http_field *f = head_field_named(&ex->head, rule->header);
        if (f && f->value.len && f->value.len <= REQUEST_ID_BYTES_MAX)
            return head_value(&ex->head, f);
    }
    struct out o = out_into(id, 32);
    out_hex_padded(&o, ex->id_hi, 16);
    out_hex_padded(&o, ex->id_lo, 16);
    return (struct str){ id, 32 };
}

struct str request_scheme(const struct exchange *ex)
{
    if (ex->fetch)
        return ex->scheme;
    return ex->client->t.tls ? STR("https") : STR("http");
}

static struct str str_or_empty(const char *s)
{
    return s ? str_of(s) : (struct str){ 0 };
}

struct template_ctx request_template_ctx(struct exchange *ex, char id[32])
{
    const struct client *c = ex->client;
    const struct bind_config *bind = c->listener->bind;
    const struct route_config *route = ex->match.route;
    return (struct template_ctx){
        .head = &ex->head,
        .target = &ex->target,
        .match = &ex->match,
        .client = &c->t,
        .client_ip = ex->client_ip,
        .peer_ip = { c->ip_text, c->ip_text_len },
        .host = ex->host,
        .scheme = request_scheme(ex),
        .request_id = request_id(ex, id),
        .listener = str_or_empty(bind->listener->name),
        .site = str_or_empty(ex->site->name),
        .route = str_or_empty(route ? route->name : NULL),
        .backend = str_or_empty(ex->backend ? ex->backend->config->name : NULL),
        .server = ex->server ? str_of(ex->server->name) : (struct str){ 0 },
        .user = ex->user,
        .port = ex->target.port,
        .status = ex->status,
    };
}

/* --- route and policy --- */

static enum end_reason check_policy(struct exchange *ex)
{
    const struct handling *p = ex->handling;
    if (!access_allowed(&p->access, &ex->client_addr))
        return END_ACCESS_DENIED;
    enum end_reason why = p->rate_limits_count ? gate_rate(ex) : END_OK;
    if (why != END_OK)
        return why;
    if (!access_method_allowed(&p->methods, head_str(&ex->head, ex->head.method)))
        return END_METHOD_NOT_ALLOWED;
    if (ex->framing.kind == BODY_LENGTH && ex->framing.length > p->body_bytes_max)
        return END_BODY_TOO_LARGE;
    return END_OK;
}

static void choose_target(struct exchange *ex, const struct route_config *route)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < route->targets_count; i++)
        sum += route->targets[i].weight;
    uint32_t at = route->targets_count > 1 ? rng_below(&ex->w->loop->rng, sum) : 0, i = 0;
    while (route->targets_count > 1 && at >= route->targets[i].weight)
        at -= route->targets[i++].weight;
    ex->backend = plan_backend(ex->use, route->targets[i].backend);
    ex->attempt.timeouts = &route->targets[i].timeouts;
}

/* The path that the server is asked for. */
static enum end_reason rewrite_path(struct exchange *ex, const struct route_config *route)
{
    ex->path = ex->target.path;
    ex->query = ex->target.query;
    if (!route->rewrites && route->strip_prefix.len == 0)
        return END_OK;
    char id[32];
    struct template_ctx ctx = request_template_ctx(ex, id);
    char *mem = route->rewrites ? arena_alloc(&ex->arena, TARGET_BYTES_MAX) : NULL;
    if (route->rewrites && !mem)
        return END_OVERLOADED;
    struct out o = out_into(mem, mem ? TARGET_BYTES_MAX : 0);
    bool valid = rewrite_target(route, &ctx, &o, &ex->path, &ex->query);
    if (mem)
        arena_trim(&ex->arena, mem + TARGET_BYTES_MAX, o.at);
    return valid ? END_OK : END_BAD_REWRITE;
}

static enum end_reason find_route(struct exchange *ex)
{
    enum end_reason why = client_tls_check(ex);
    if (why != END_OK)
        return why;
    struct route_request q = { &ex->head, &ex->target, ex->host, ex->client_addr };
    route_find(plan_routes(ex->use->plan, ex->site), ex->w->scratch, &q, &ex->match);
    if (ex->match.exploded)
        return END_REGEX_LIMIT;
    const struct route_config *route = ex->match.route;
    if (route)
        ex->handling = &route->handling;
    return END_OK;
}

enum end_reason request_route(struct exchange *ex)
{
    if (ex->client->limited) {
        ex->close_after = true;
        ex->retry_after_s = ex->client->retry_after_s;
        return END_CONNECTION_LIMITED;
    }
    find_client(ex);
    if (!find_host(ex))
        return END_OVERLOADED;
    enum end_reason why = ex->site->forward ? END_OK : find_route(ex);
    if (why != END_OK)
        return why;
    if (access_in_maintenance(&ex->site->maintenance, &ex->client_addr))
        return END_MAINTENANCE;
    why = check_policy(ex);
    return why == END_OK && ex->site->forward ? forward_ask(ex) : why;
}

enum end_reason request_target(struct exchange *ex)
{
    const struct route_config *route = ex->match.route;
    if (ex->forward)
        return forward_target(ex);
    if (!route)
        return END_NO_ROUTE;
    if (route->action != ACTION_PROXY)
        return END_REPLIED;
    choose_target(ex, route);
    upgrade_ask(ex);
    if (ex->upgrade.len && ex->backend->config->protocol == PROTOCOL_H2)
        return END_UPGRADE_HTTP2;
    if (exchange_is_extended_connect(ex) && !ex->upgrade.len)
        return END_NOT_IMPLEMENTED;
    return rewrite_path(ex, route);
}

/* --- the head for the server --- */

static struct str host_to_send(const struct exchange *ex)
{
    switch (ex->handling->host_rule) {
    case HOST_SERVER:
        return str_of(ex->server->name);
    case HOST_TEXT:
        return ex->handling->host_text;
    case HOST_PRESERVE:
        break;
    }
    return ex->target.authority;
}

struct str request_host(const struct exchange *ex)
{
    switch (ex->handling->host_rule) {
    case HOST_SERVER:
        break;
    case HOST_TEXT: {
        struct str host = ex->handling->host_text;
        const char *colon = memrchr(host.ptr, ':', host.len), *end = host.ptr + host.len;
        bool port = colon && end[-1] != ']';
        return (struct str){ host.ptr, (size_t)((port ? colon : end) - host.ptr) };
    }
    case HOST_PRESERVE:
        return ex->host;
    }
    return (struct str){ 0 };
}

void request_write_head(struct exchange *ex, struct out *o)
{
    char id[32];
    const struct handling *handling = ex->handling;
    int32_t hops;
    max_forwards(&ex->head, &hops);
    struct target target = ex->target;
    target.path = ex->path;
    target.query = ex->query;
    struct forward_request f = {
        .target = &target,
        .framing = ex->framing.kind == BODY_CHUNKED ? FRAME_CHUNKED
                   : ex->framing.length_declared    ? FRAME_LENGTH
                                                    : FRAME_NONE,
        .length = ex->framing.length,
        .peer_ip = { ex->client->ip_text, ex->client->ip_text_len },
        .http2 = ex->attempt.http2,
        .scheme = request_scheme(ex),
        .server_scheme = ex->attempt.secure ? STR("https") : STR("http"),
        .request_id = request_id(ex, id),
        .host = host_to_send(ex),
        .peer_trusted = ex->peer_trusted,
        .via = handling->via,
        .forwarded = handling->forwarded,
        .expect_continue = ex->framing.expect_continue,
        .underscores = handling->underscores,
        .upgrade = ex->upgrade,
        .max_forwards = hops > 0 ? hops - 1 : -1,
    };
    if (exchange_is_extended_connect(ex) && !upgrade_add_key(ex, &f.edits, o)) {
        o->full = true;
        return;
    }
    if (ex->fetch && !fetch_edit_request(ex, &f, o)) {
        o->full = true;
        return;
    }
    if (!compress_edit_request(ex, &f.edits, o)) {
        o->full = true;
        return;
    }
    if (ex->forward && !forward_edit_request(ex, &f, o)) {
        o->full = true;
        return;
    }
    if (handling->basic_auth && !ex->forward) /* it was meant for us */
        edits_drop(&f.edits, &ex->head, STR("authorization"));
    if (ex->auth_external && !auth_external_add(ex, &f.edits, o)) {
        o->full = true;
        return;
    }
    if (!ex->forward && !client_tls_edit(ex, &f.edits, o)) {
        o->full = true;
        return;
    }
    if (handling->request_edits.items_count) {
        struct template_ctx ctx = request_template_ctx(ex, id);
        if (!edits_apply(&f.edits, &ex->head, &handling->request_edits, &ctx, o)) {
            o->full = true;
            return;
        }
    }
    forward_request_head(o, &ex->head, &f);
}
