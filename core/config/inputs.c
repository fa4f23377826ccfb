/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/config/inputs.h"

#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/config/networks.h"

void take_nothing(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    (void)l;
    (void)n;
    (void)read;
    (void)count;
    (void)out;
}

/* ---- Networks ------------------------------------------------------------------------------- */

/* The networks of several lists and files as one, in order. */
static void add_networks(struct loader *l, const struct node *n, const struct networks_input *in,
                         struct networks *to)
{
    struct network *all =
        load_extend(l, to->items, to->items_count, in->networks_count, sizeof *all);
    if (in->networks_count && all) {
        memcpy(all + to->items_count, in->networks, in->networks_count * sizeof *all);
        *to = (struct networks){ all, to->items_count + in->networks_count };
    }
    for (uint32_t i = 0; i < in->files_count; i++)
        if (in->files[i])
            load_networks(l, n, in->files[i], to);
    networks_seal(to);
}

void take_networks(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    (void)count;
    add_networks(l, n, read, out);
}

void take_allow(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    (void)count;
    struct access_config *a = &((struct handling *)out)->access;
    struct networks *allows = load_extend(l, a->allows, a->allows_count, 1, sizeof *allows);
    if (!allows)
        return;
    add_networks(l, n, read, &allows[a->allows_count]);
    a->allows = allows;
    a->allows_count++;
}

void take_deny(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    (void)count;
    struct networks *deny = &((struct handling *)out)->access.deny;
    /* Sealing moves items: what a site's other routes share is left alone. */
    deny->items = load_extend(l, deny->items, deny->items_count, 0, sizeof *deny->items);
    if (deny->items || deny->items_count == 0)
        add_networks(l, n, read, deny);
}

/* ---- Headers -------------------------------------------------------------------------------- */

/* Whoever changes these changes what a message is. */
static const char *const framing_names[] = {
    "Connection", "Content-Length", "Keep-Alive",        "Proxy-Connection",
    "TE",         "Trailer",        "Transfer-Encoding", "Upgrade",
};

static void check_name(struct loader *l, const struct node *name)
{
    for (size_t i = 0; i < ARRAY_LEN(framing_names); i++)
        if (str_eq_fold(name->text, str_of(framing_names[i])))
            report_error(l->report, name->place,
                         "'%s' belongs to how messages are sent and cannot be changed",
                         quote(name->text).text);
    if (str_eq_fold(name->text, STR("Host")))
        report_error(l->report, name->place, "'%s' cannot be changed here; see 'host_header'",
                     quote(name->text).text);
}

/* The names of a map, a list, or the one that stands for a list. */
static void check_names(struct loader *l, const struct node *n)
{
    if (!n)
        return;
    if (n->kind == NODE_SCALAR)
        check_name(l, n);
    for (const struct node *i = n->first; i; i = i->next)
        check_name(l, i->key ? i->key : i);
}

static uint32_t count_values(const struct header_values *v, uint32_t count)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        n += v[i].values_count;
    return n;
}

static struct header_edit *put_values(struct header_edit *at, const struct header_values *v,
                                      uint32_t count, enum edit_op first)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < v[i].values_count; k++)
            *at++ = (struct header_edit){ k ? EDIT_ADD : first, v[i].name, v[i].values[k] };
    return at;
}

static void add_edits(struct loader *l, const struct header_edits_input *in,
                      struct header_edits *to)
{
    uint32_t more = in->remove_count + count_values(in->set, in->set_count) +
                    count_values(in->add, in->add_count);
    struct header_edit *all = load_extend(l, to->items, to->items_count, more, sizeof *all);
    if (!all)
        return;
    struct header_edit *at = all + to->items_count;
    for (uint32_t i = 0; i < in->remove_count; i++)
        *at++ = (struct header_edit){ .op = EDIT_REMOVE, .name = in->remove[i] };
    at = put_values(at, in->set, in->set_count, EDIT_SET);
    at = put_values(at, in->add, in->add_count, EDIT_ADD);
    CHECK(at == all + to->items_count + more);
    *to = (struct header_edits){ all, to->items_count + more };
}

static void take_edits(struct loader *l, const struct node *n, void *read, struct header_edits *to)
{
    check_names(l, node_get(n, STR("remove")));
    check_names(l, node_get(n, STR("set")));
    check_names(l, node_get(n, STR("add")));
    add_edits(l, read, to);
}

void take_request_edits(struct loader *l, const struct node *n, void *read, uint32_t count,
                        void *out)
{
    (void)count;
    take_edits(l, n, read, &((struct handling *)out)->request_edits);
}

void take_response_edits(struct loader *l, const struct node *n, void *read, uint32_t count,
                         void *out)
{
    (void)count;
    take_edits(l, n, read, &((struct handling *)out)->response_edits);
}

void take_hide(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    check_names(l, n);
    const struct header_edits_input in = { .remove = read, .remove_count = count };
    add_edits(l, &in, &((struct handling *)out)->response_edits);
}

void take_respond_headers(struct loader *l, const struct node *n, void *read, uint32_t count,
                          void *out)
{
    check_names(l, n);
    const struct header_edits_input in = { .add = read, .add_count = count };
    add_edits(l, &in, out);
}

static void add_rewrites(struct loader *l, const struct prefix_rewrite *more, uint32_t count,
                         struct prefix_rewrites *to)
{
    struct prefix_rewrite *all = load_extend(l, to->items, to->items_count, count, sizeof *all);
    if (!all)
        return;
    if (count)
        memcpy(all + to->items_count, more, count * sizeof *all);
    *to = (struct prefix_rewrites){ all, to->items_count + count };
}

void take_location(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    (void)n;
    (void)count;
    struct handling *h = out;
    const struct location_input *in = read;
    h->location_own = in->own;
    add_rewrites(l, in->replace, in->replace_count, &h->location);
}

void take_cookies(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    (void)n;
    (void)count;
    struct handling *h = out;
    const struct cookies_input *in = read;
    add_rewrites(l, in->domain, in->domain_count, &h->cookie_domain);
    add_rewrites(l, in->path, in->path_count, &h->cookie_path);
}

/* ---- Limits, external authentication -------------------------------------------------------- */

/* Of the place in the tree, by names and positions: the same after a reload that did not move it.
 */
static uint64_t identity_of(const struct node *n)
{
    uint64_t id = 0;
    for (; n; n = n->parent)
        id = n->key ? hash_bytes(n->key->text.ptr, n->key->text.len, id)
                    : hash_bytes(&n->index, sizeof n->index, id);
    return id;
}

void take_rate_limit(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    struct handling *h = out;
    if (count == 0) { /* off */
        h->rate_limits = NULL;
        h->rate_limits_count = 0;
        return;
    }
    struct rate_limit_config *all =
        load_extend(l, h->rate_limits, h->rate_limits_count, 1, sizeof *all);
    if (!all)
        return;
    struct rate_limit_config *limit = &all[h->rate_limits_count];
    *limit = *(struct rate_limit_config *)read;
    limit->id = identity_of(n);
    if (limit->burst == 0)
        limit->burst = limit->rate.count;
    h->rate_limits = all;
    h->rate_limits_count++;
}

void take_connection_limit(struct loader *l, const struct node *n, void *read, uint32_t count,
                           void *out)
{
    (void)count;
    struct connection_limit_config *limit = load_alloc(l, sizeof *limit);
    if (!limit)
        return;
    *limit = *(struct connection_limit_config *)read;
    limit->id = identity_of(n);
    if (limit->burst == 0)
        limit->burst = limit->rate.count;
    if (n->kind == NODE_MAP && limit->rate.count == 0 && limit->concurrent_max == 0)
        report_error(l->report, n->key->place,
                     "a connection_limit has 'rate', 'concurrent' or "
                     "both");
    *(const struct connection_limit_config **)out = limit;
}

static void use_default_headers(struct loader *l, struct strings *s)
{
    static const struct str names[] = {
        { "WWW-Authenticate", 16 },
        { "Location", 8 },
        { "Set-Cookie", 10 },
    };
    s->items = load_extend(l, names, ARRAY_LEN(names), 0, sizeof names[0]);
    s->items_count = s->items ? ARRAY_LEN(names) : 0;
}

void take_external_auth(struct loader *l, const struct node *n, void *read, uint32_t count,
                        void *out)
{
    struct external_auth_config *auth = NULL;
    if (count) {
        auth = load_alloc(l, sizeof *auth);
        if (!auth)
            return;
        *auth = *(struct external_auth_config *)read;
        if (!node_get(n, STR("path")))
            template_parse(l, n->place, STR("$uri"), TEMPLATE_REQUEST, &auth->path);
        if (!node_get(n, STR("response")))
            use_default_headers(l, &auth->response);
    }
    *(const struct external_auth_config **)out = auth;
}

/* ---- Backends ------------------------------------------------------------------------------- */

void end_balance(struct loader *l, const struct node *n, void *out)
{
    static const char *const keyed[] = { "maglev", "ring_hash", "rendezvous" };
    struct balance_config *b = out;
    const struct node *key = node_get(n, STR("key"));
    if (n->kind == NODE_MAP && !node_get(n, STR("policy")))
        b->policy = "round_robin";
    bool has_key = false;
    for (size_t i = 0; b->policy && i < ARRAY_LEN(keyed); i++)
        has_key = has_key || strcmp(b->policy, keyed[i]) == 0;
    if (key && b->policy && !has_key) /* without a policy that one was wrong, and said to be */
        report_error(l->report, key->key->place,
                     "'key' is for maglev, ring_hash and rendezvous; %s has none", b->policy);
    if (has_key && !key)
        b->key = KEY_CLIENT_IP;
}

void end_health(struct loader *l, const struct node *n, void *out)
{
    struct health_config *h = out;
    const struct node *path = n->kind == NODE_MAP ? node_get(n, STR("path")) : n;
    if (h->kind == PROBE_NONE)
        h->kind = PROBE_HTTP;
    if (!h->path.len)
        h->path = STR("/");
    if (h->path.ptr[0] != '/' || memchr(h->path.ptr, ' ', h->path.len))
        report_error(l->report, path->place, "'%s': a path begins with '/' and has no spaces",
                     quote(h->path).text);
    const struct node *service = n->kind == NODE_MAP ? node_get(n, STR("service")) : NULL;
    if (service && (h->kind != PROBE_GRPC || h->service.len > HEALTH_SERVICE_BYTES_MAX))
        report_error(l->report, service->key->place,
                     "'service' is a name of at most %d bytes, for checks of type grpc",
                     HEALTH_SERVICE_BYTES_MAX);
    if (!h->status_min) {
        h->status_min = 200;
        h->status_max = 399;
    }
}

void end_ejection(struct loader *l, const struct node *n, void *out)
{
    (void)l;
    (void)n;
    ((struct ejection_config *)out)->on = true;
}

void begin_backend(struct loader *l, const struct node *n, void *out)
{
    (void)l;
    (void)n;
    struct backend_config *b = out;
    b->balance.policy = "round_robin";
    b->retry.on = RETRY_CONNECT | RETRY_RESET;
    b->timeouts = (struct timeouts){ 0 };
}

void end_server(struct loader *l, const struct node *n, void *out)
{
    (void)l;
    (void)n;
    struct server_config *s = out;
    if (!s->name)
        s->name = s->host;
}

static void check_backoff(struct loader *l, const struct node *retries,
                          const struct backend_config *b)
{
    if (!retries || b->backoff_min_ms <= b->backoff_max_ms)
        return;
    const struct node *min = node_get(retries, STR("backoff_min"));
    const struct node *wrong = min ? min : node_get(retries, STR("backoff_max"));
    report_error(l->report, wrong->place,
                 "'%s': backoff_min (%u ms) is longer than backoff_max "
                 "(%u ms)",
                 quote(wrong->text).text, b->backoff_min_ms, b->backoff_max_ms);
}

void end_backend(struct loader *l, const struct node *n, void *out)
{
    struct backend_config *b = out;
    const struct node *servers = node_get(n, STR("servers"));
    if (b->queue_ms)
        b->timeouts.queue_ms = b->queue_ms;
    for (uint32_t i = 0; i < b->servers_count; i++) {
        struct server_config *s = &b->servers[i];
        s->requests_max = s->requests_max ? s->requests_max : b->per_server.requests_max;
        s->connections_max =
            s->connections_max ? s->connections_max : b->per_server.connections_max;
    }
    if (!servers && !b->servers_file)
        report_error(l->report, n->key->place, "'servers' is missing%s", node_path_in(n).text);
    if (!servers)
        return;
    if (servers->kind == NODE_LIST && servers->count == 0 && !b->servers_file)
        report_error(l->report, servers->place, "a backend has at least one server");
    if (b->servers_count > SERVERS_MAX) {
        report_error(l->report, servers->place, "%u servers; a backend has at most %d",
                     b->servers_count, SERVERS_MAX);
        return;
    }
    const struct node *item = servers->first;
    for (uint32_t i = 0; i < b->servers_count && item; i++, item = item->next)
        for (uint32_t k = 0; k < i; k++)
            if (b->servers[i].name && b->servers[k].name &&
                strcmp(b->servers[i].name, b->servers[k].name) == 0)
                report_error(l->report, item->place,
                             "a server '%s' is there already; use 'weight' "
                             "for a larger share, or give it a 'name'",
                             quote(str_of(b->servers[i].name)).text);
    check_backoff(l, node_get(n, STR("retries")), b);
    const struct node *health = node_get(n, STR("health"));
    if (health && b->health.kind == PROBE_TLS && !node_get(n, STR("tls")))
        report_error(l->report, health->place,
                     "a check of type tls is for a backend that has 'tls'");
}

/* ---- Listeners ------------------------------------------------------------------------------ */

/* Whether the kernel would refuse one because of the other. */
static bool same_place(const struct addr *a, const struct addr *b)
{
    struct peer_addr p = peer_addr_of(a), q = peer_addr_of(b);
    if (a->sa.sa_family == AF_UNIX || b->sa.sa_family == AF_UNIX)
        return a->len == b->len && memcmp(&a->un, &b->un, a->len) == 0;
    static const unsigned char any[16] = { 0 };
    bool any_both = memcmp(p.ip, any, sizeof any) == 0 && memcmp(q.ip, any, sizeof any) == 0;
    if (p.port != q.port || p.port == 0)
        return false;
    return p.family == q.family ? memcmp(p.ip, q.ip, sizeof p.ip) == 0
                                : any_both && (a->dual_stack || b->dual_stack);
}

void end_listener(struct loader *l, const struct node *n, void *out)
{
    struct listener_config *c = out;
    const char *kinds[3];
    int count = 0;
    if (c->site)
        kinds[count++] = "site";
    if (c->tcp)
        kinds[count++] = "tcp";
    if (c->forward)
        kinds[count++] = "forward";
    if (count > 1)
        report_error(l->report, n->place, "listener '%s' has both '%s' and '%s'", c->name, kinds[0],
                     kinds[1]);
    else if (c->forward) {
        c->site = c->forward;
        c->http2 = false; /* a stream is no tunnel yet */
    }
    const struct node *sni = node_get(n, STR("sni"));
    if (sni && !c->tcp)
        report_error(l->report, sni->key->place,
                     "'sni' needs 'tcp' beside it: the backend for all other names");
    if (sni && c->tls)
        report_error(l->report, sni->key->place, "'sni' passes TLS on unopened; 'tls' opens it");
    else if (!node_get(n, STR("site")) && !node_get(n, STR("tcp")) && !node_get(n, STR("forward")))
        report_error(l->report, n->place,
                     "listener '%s' needs 'site' (HTTP), 'tcp' (connections passed on) or "
                     "'forward' (a forward proxy)",
                     c->name);
    else if (c->acme && (!c->tls || !c->site))
        report_error(l->report, node_get(n, STR("acme"))->key->place,
                     "'acme' needs 'tls' and 'site' beside it");
    else if (c->https_port && (c->tls || c->tcp || c->forward))
        report_error(l->report, node_get(n, STR("https_redirect"))->key->place,
                     "'https_redirect' is for listeners that speak plain HTTP");
    else if (c->h2c_upgrade && (c->tls || c->tcp || !c->http2))
        report_error(l->report, node_get(n, STR("h2c_upgrade"))->key->place,
                     "'h2c_upgrade' is for listeners that speak HTTP/2 in clear");
    else if (c->log && !c->tcp)
        report_error(l->report, node_get(n, STR("log"))->place,
                     "'log' is for 'tcp' listeners; of HTTP, the site says it");
}

void take_bind(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    struct config *c = l->config;
    struct bind_config *more = read;
    const struct node *item = n->kind == NODE_LIST ? n->first : n;
    if (count == 0)
        report_error(l->report, n->place, "a listener has at least one address");
    for (uint32_t i = 0; i < count; i++, item = item->next) {
        if (!more[i].text)
            continue;
        if (c->binds_count == LISTENERS_MAX) {
            report_error(l->report, item->place, "more than %d addresses to listen on",
                         LISTENERS_MAX);
            return;
        }
        for (uint32_t k = 0; k < c->binds_count; k++)
            if (same_place(&c->binds[k].addr, &more[i].addr))
                report_error(l->report, item->place, "'%s': listener '%s' listens there already",
                             quote(item->text).text, c->binds[k].listener->name);
        more[i].listener = out;
        c->binds[c->binds_count++] = more[i];
    }
}
