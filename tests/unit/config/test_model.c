/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is written arrives in the structures: all of it, with defaults and inheritance. */
#include <arpa/inet.h>

#include "core/config/networks.h"
#include "tests/unit/config/config_test.h"

#define assert_str(s, literal) assert_true(str_eq(s, STR(literal)))

static const struct template_part *part(const struct template *t, uint32_t i, enum variable what)
{
    assert_true(i < t->parts_count);
    assert_int_equal(t->parts[i].what, what);
    return &t->parts[i];
}

static void assert_network(const struct network *n, const char *ip, unsigned bits)
{
    unsigned char bytes[16] = { 0 };
    assert_int_equal(inet_pton(n->family, ip, bytes), 1);
    assert_memory_equal(n->ip, bytes, 16);
    assert_int_equal(n->bits, bits);
}

static void the_shortest_configuration_has_the_defaults(void **state)
{
    (void)state;
    struct loaded *l = load_good(REST_LISTENERS REST_SITES REST_BACKENDS);
    const struct config *c = l->config;
    assert_int_equal(c->workers, 0);
    assert_int_equal(c->clients_max, 0);
    assert_null(c->user);
    assert_null(c->admin_socket);
    assert_int_equal(c->lame_duck_ms, 0);
    assert_int_equal(c->trusted_proxies.items_count, 0);
    assert_str(c->request_id.header, "X-Request-Id");
    assert_int_equal(c->request_id.trust, TRUST_PROXIES);
    assert_int_equal(c->binds_count, 1);
    assert_true(c->binds[0].addr.dual_stack);
    assert_ptr_equal(c->binds[0].listener, &c->listeners[0]);
    assert_string_equal(c->listeners[0].name, "l");
    assert_ptr_equal(c->listeners[0].site, &c->sites[0]);

    const struct site_config *s = &c->sites[0];
    assert_string_equal(s->name, "s");
    assert_int_equal(s->limits.head_bytes_max, HEAD_BYTES_MAX);
    assert_int_equal(s->limits.fields_max, HEAD_FIELDS_MAX);
    assert_int_equal(s->limits.target_bytes_max, TARGET_BYTES_MAX);
    assert_null(s->connection_limit);
    assert_false(s->maintenance.on);

    const struct route_config *r = &s->routes[0];
    assert_string_equal(r->name, "routes[0]");
    assert_string_equal(r->file, "test.yaml");
    assert_int_equal(r->line, 2);
    assert_int_equal(r->action, ACTION_PROXY);
    assert_int_equal(r->match.hosts_count + r->match.paths_count + r->match.headers_count, 0);
    assert_int_equal(r->targets_count, 1);
    assert_int_equal(r->targets[0].weight, 1);
    assert_ptr_equal(r->targets[0].backend, &c->backends[0]);
    assert_false(r->path_raw || r->rewrites || r->strip_prefix.len);

    const struct handling *h = &r->handling;
    assert_null(h->log);
    assert_false(h->via || h->forwarded || h->underscores || h->location_own);
    assert_int_equal(h->host_rule, HOST_PRESERVE);
    assert_true(h->body_bytes_max == BODY_UNLIMITED);
    assert_int_equal(h->methods.items_count, 0);
    assert_true(h->request_buffer_bytes == 0 && h->response_buffer_bytes == 0);
    assert_null(h->basic_auth);
    assert_null(h->external_auth);

    const struct backend_config *b = &c->backends[0];
    assert_string_equal(b->balance.policy, "round_robin");
    assert_int_equal(b->balance.key, KEY_NONE);
    assert_int_equal(b->retry.attempts_max, ATTEMPTS_DEFAULT);
    assert_int_equal(b->pool_idle_max, POOL_IDLE_MAX);
    assert_int_equal(b->pool_uses_max, POOL_USES_MAX);
    assert_int_equal(b->backoff_min_ms, SERVER_BACKOFF_MIN_MS);
    assert_int_equal(b->backoff_max_ms, SERVER_BACKOFF_MAX_MS);
    assert_string_equal(b->servers[0].name, "10.0.0.1:1");
    assert_int_equal(b->servers[0].weight, 1);
    assert_int_equal(b->servers[0].addr.sa.sa_family, AF_INET);
    unload(l);
}

static void default_timeouts_are_those_of_the_limits(void **state)
{
    (void)state;
    const struct timeouts expected = {
        CLIENT_HEAD_TIMEOUT_MS,    CLIENT_BODY_TIMEOUT_MS,         CLIENT_IDLE_TIMEOUT_MS,
        CLIENT_WRITE_TIMEOUT_MS,   CLIENT_LINGER_TIMEOUT_MS,       UPSTREAM_CONNECT_TIMEOUT_MS,
        UPSTREAM_QUEUE_TIMEOUT_MS, UPSTREAM_FIRST_BYTE_TIMEOUT_MS, UPSTREAM_STALL_TIMEOUT_MS,
        UPSTREAM_IDLE_TIMEOUT_MS,  TUNNEL_IDLE_TIMEOUT_MS,         DRAIN_TIMEOUT_MS,
    };
    struct loaded *l = load_good(REST_LISTENERS REST_SITES REST_BACKENDS);
    const struct config *c = l->config;
    const struct route_config *r = &c->sites[0].routes[0];
    assert_memory_equal(&c->timeouts, &expected, sizeof expected);
    assert_memory_equal(&c->sites[0].handling.timeouts, &expected, sizeof expected);
    assert_memory_equal(&r->handling.timeouts, &expected, sizeof expected);
    assert_memory_equal(&r->targets[0].timeouts, &expected, sizeof expected);
    assert_memory_equal(&c->backends[0].timeouts, &expected, sizeof expected);
    unload(l);
    struct config *proxy = config_new_proxy();
    assert_non_null(proxy);
    assert_memory_equal(&proxy->timeouts, &expected, sizeof expected);
    assert_memory_equal(&proxy->sites[0].routes[0].targets[0].timeouts, &expected, sizeof expected);
    assert_memory_equal(&proxy->backends[0].timeouts, &expected, sizeof expected);
    config_free(proxy);
}

static void timeouts_are_inherited_route_backend_site_defaults(void **state)
{
    (void)state;
    struct loaded *l = load_good(
        "defaults: { timeouts: { connect: 1s, stall: 1s, first_byte: 1s, queue: 1s, drain: 1m } }\n"
        "listeners: { l: { bind: \":80\", site: s } }\n"
        "sites: { s: { timeouts: { stall: 2s, first_byte: 2s, queue: 2s, client_head: 3s }, "
        "routes: [\n"
        "  { match: { path: /a }, to: b, timeouts: { queue: 4s, client_body: 7s } }, { to: b } ] } "
        "}\n"
        "backends: { b: { servers: \"10.0.0.1:1\", timeouts: { first_byte: 3s, queue: 3s,\n"
        "  upstream_idle: 9s } } }\n");
    const struct config *c = l->config;
    const struct site_config *s = &c->sites[0];
    const struct timeouts *t = &s->routes[0].targets[0].timeouts;
    assert_int_equal(t->connect_ms, 1000);
    assert_int_equal(t->stall_ms, 2000);
    assert_int_equal(t->first_byte_ms, 3000);
    assert_int_equal(t->queue_ms, 4000);
    assert_int_equal(t->upstream_idle_ms, 9000);
    assert_int_equal(t->client_body_ms, 7000);
    assert_int_equal(t->tunnel_idle_ms, TUNNEL_IDLE_TIMEOUT_MS);
    assert_int_equal(s->routes[1].targets[0].timeouts.queue_ms, 3000);
    assert_int_equal(s->routes[0].handling.timeouts.first_byte_ms, 2000);
    assert_int_equal(s->routes[0].handling.timeouts.client_body_ms, 7000);
    assert_int_equal(s->handling.timeouts.client_head_ms, 3000);
    assert_int_equal(s->handling.timeouts.queue_ms, 2000);
    assert_int_equal(c->timeouts.drain_ms, 60000);
    assert_int_equal(c->timeouts.queue_ms, 1000);
    assert_int_equal(c->backends[0].timeouts.stall_ms, 1000);
    assert_int_equal(c->backends[0].timeouts.first_byte_ms, 3000);
    unload(l);
}

static void the_process_is_described(void **state)
{
    (void)state;
    struct loaded *l = load_good(
        IN_TOP("workers: 7\nworker_limits: { clients: 1000, buffers: auto }\nuser: root\n"
               "admin: { socket: /run/a.sock }\nlame_duck: 1.5s\n"
               "trusted_proxies: [10.0.0.0/8, \"2001:db8::/32\", 10.1.0.0/16, 192.0.2.7]\n"
               "request_id: { header: X-Id, trust: never }"));
    const struct config *c = l->config;
    assert_int_equal(c->workers, 7);
    assert_int_equal(c->clients_max, 1000);
    assert_int_equal(c->buffers_max, 0);
    assert_string_equal(c->user, "root");
    assert_string_equal(c->admin_socket, "/run/a.sock");
    assert_int_equal(c->lame_duck_ms, 1500);
    assert_str(c->request_id.header, "X-Id");
    assert_int_equal(c->request_id.trust, TRUST_NEVER);
    /* Sorted, and without what lies inside another. */
    assert_int_equal(c->trusted_proxies.items_count, 3);
    assert_network(&c->trusted_proxies.items[0], "10.0.0.0", 8);
    assert_network(&c->trusted_proxies.items[1], "192.0.2.7", 32);
    assert_network(&c->trusted_proxies.items[2], "2001:db8::", 32);
    unload(l);
}

static void listeners_and_logs_are_described(void **state)
{
    (void)state;
    struct loaded *l = load_good(
        "listeners:\n  one: { bind: [\"127.0.0.1:80\", \"[::1]:80\"], site: s }\n"
        "  two: { bind: \"unix:@x\", site: s }\n"
        "logs:\n  a: { to: /var/log/a.log, format: combined, sample: 0.5%, redact: [t, u],"
        " request_headers: User-Agent, response_headers: [X-Cache] }\n"
        "  b: { to: stdout }\n  c: { to: syslog, format: human }\n"
        "defaults: { log: a }\n"
        "sites: { s: { routes: [ { match: { path: /b }, to: b, log: b },"
        " { match: { path: /c }, to: b, log: c }, { match: { path: /d }, to: b, log: off },"
        " { to: b } ] } }\n" REST_BACKENDS);
    const struct config *c = l->config;
    assert_int_equal(c->listeners_count, 2);
    assert_int_equal(c->binds_count, 3);
    assert_ptr_equal(c->binds[1].listener, &c->listeners[0]);
    assert_ptr_equal(c->binds[2].listener, &c->listeners[1]);
    const struct log_config *a = &c->logs[0];
    assert_string_equal(a->name, "a");
    assert_int_equal(a->destination, LOG_TO_FILE);
    assert_string_equal(a->path, "/var/log/a.log");
    assert_int_equal(a->format, LOG_COMBINED);
    assert_int_equal(a->sample_ppm, 5000);
    assert_int_equal(a->redact.items_count, 2);
    assert_str(a->request_headers.items[0], "user-agent");
    assert_str(a->response_headers.items[0], "x-cache");
    assert_int_equal(c->logs[1].destination, LOG_TO_STDOUT);
    assert_string_equal(c->logs[1].path, "-");
    assert_int_equal(c->logs[1].format, LOG_JSON);
    assert_int_equal(c->logs[1].sample_ppm, 1000000);
    assert_int_equal(c->logs[2].destination, LOG_TO_SYSLOG);
    const struct route_config *r = c->sites[0].routes;
    assert_ptr_equal(r[0].handling.log, &c->logs[1]);
    assert_ptr_equal(r[1].handling.log, &c->logs[2]);
    assert_null(r[2].handling.log);
    assert_ptr_equal(r[3].handling.log, a);
    assert_ptr_equal(c->sites[0].handling.log, a);
    unload(l);
}

static void backends_are_described(void **state)
{
    (void)state;
    struct loaded *l = load_good(IN_BACKEND(
        "balance: { policy: maglev, key: \"header:X-User\" }, pool: { idle: 0, uses: 5 },\n"
        "retries: { attempts: 1, backoff_min: 1ms, backoff_max: 2s },\n"
        "servers: [\"unix:/a\", { address: \"[::1]:9\", weight: 256, name: x.y-z_1 }, "
        "app.internal:77]"));
    const struct backend_config *b = &l->config->backends[0];
    assert_string_equal(b->balance.policy, "maglev");
    assert_int_equal(b->balance.key, KEY_HEADER);
    assert_str(b->balance.key_name, "x-user");
    assert_int_equal(b->pool_idle_max, 0);
    assert_int_equal(b->pool_uses_max, 5);
    assert_int_equal(b->retry.attempts_max, 1);
    assert_int_equal(b->backoff_min_ms, 1);
    assert_int_equal(b->backoff_max_ms, 2000);
    assert_int_equal(b->servers_count, 3);
    assert_string_equal(b->servers[1].name, "x.y-z_1");
    assert_int_equal(b->servers[1].weight, 256);
    char text[ADDR_TEXT_MAX];
    addr_format(&b->servers[2].addr, text);
    assert_string_equal(text, "192.0.2.7:77"); /* resolved */
    assert_string_equal(b->servers[2].name, "app.internal:77");
    assert_string_equal(b->servers[2].host, "app.internal:77");
    unload(l);
    l = load_good(IN_BACKEND("servers: \"10.0.0.1:1\", balance: maglev"));
    assert_int_equal(l->config->backends[0].balance.key, KEY_CLIENT_IP);
    unload(l);
    l = load_good(
        IN_BACKEND("servers: \"10.0.0.1:1\", balance: { policy: maglev, key: cookie:Sid }"));
    assert_int_equal(l->config->backends[0].balance.key, KEY_COOKIE);
    assert_str(l->config->backends[0].balance.key_name, "Sid");
    unload(l);
}

static void matches_are_described(void **state)
{
    (void)state;
    struct loaded *l = load_good(IN_MATCH(
        "host: [WWW.Example.com, \"*.Example.com\", \"[::1]\"],\n"
        "path: [/a, \"/b/*\", \"/*\", \"~ ^/([a-z])(\\\\d)\", /%2F;x], method: [GET, PURGE],\n"
        "headers: { X-A: v, X-B: \"*\", X-C: ~ ^v, X-D: 7 }, query: { q: \"*\", R: \"~x\" },\n"
        "client: 10.0.0.0/8"));
    const struct match_config *m = &l->config->sites[0].routes[0].match;
    assert_int_equal(m->hosts_count, 3);
    assert_int_equal(m->hosts[0].kind, MATCH_EXACT);
    assert_str(m->hosts[0].text, "www.example.com");
    assert_int_equal(m->hosts[1].kind, MATCH_WILDCARD);
    assert_str(m->hosts[1].text, ".example.com");
    assert_str(m->hosts[2].text, "[::1]");
    assert_int_equal(m->paths_count, 5);
    assert_int_equal(m->paths[0].kind, MATCH_EXACT);
    assert_int_equal(m->paths[1].kind, MATCH_PREFIX);
    assert_str(m->paths[1].text, "/b");
    assert_int_equal(m->paths[2].kind, MATCH_ANY);
    assert_int_equal(m->paths[3].kind, MATCH_REGEX);
    assert_str(m->paths[3].regex->text, "^/([a-z])(\\d)");
    assert_int_equal(m->paths[3].regex->captures, 2);
    assert_non_null(m->paths[3].regex->code);
    assert_str(m->paths[4].text, "/%2F;x");
    assert_int_equal(m->methods.items_count, 2);
    assert_str(m->methods.items[1], "PURGE");
    assert_int_equal(m->headers_count, 4);
    assert_str(m->headers[0].name, "x-a");
    assert_str(m->headers[0].value.text, "v");
    assert_int_equal(m->headers[1].value.kind, MATCH_ANY);
    assert_int_equal(m->headers[2].value.kind, MATCH_REGEX);
    assert_str(m->headers[3].value.text, "7");
    assert_int_equal(m->arguments_count, 2);
    assert_str(m->arguments[1].name, "R");
    assert_str(m->arguments[1].value.regex->text, "x");
    assert_int_equal(m->clients.items_count, 1);
    unload(l);
}

static void actions_are_described(void **state)
{
    (void)state;
    struct loaded *l = load_good(
        "listeners: { l: { bind: \":80\", site: s } }\n"
        "sites: { s: { routes: [\n"
        "  { match: { path: \"~ ^/o/(.*)\" }, redirect: \"https://$(host)x/$1?$query\" },\n"
        "  { match: { path: /r }, redirect: { to: /x, status: 301 } },\n"
        "  { match: { path: /p }, respond: 204 },\n"
        "  { match: { path: /q }, respond: { body: 'a $$ $header(X-Y)$cookie(S)$argument(A)',"
        "    headers: { Content-Type: text/css, X-N: [1, 2] } } },\n"
        "  { match: { path: /s/* }, to: [ { backend: b, weight: 3 }, c ], strip_prefix: /s,"
        "    path_form: raw },\n"
        "  { match: { path: \"~ ^/t/(.*)\" }, name: last, to: b, rewrite: /u/$1 } ] } }\n"
        "backends: { b: { servers: \"10.0.0.1:1\" }, c: { servers: \"10.0.0.1:2\" } }\n");
    const struct route_config *r = l->config->sites[0].routes;
    const struct template *t = &r[0].redirect.to;
    assert_int_equal(r[0].action, ACTION_REDIRECT);
    assert_int_equal(r[0].redirect.status, 308);
    assert_str(part(t, 0, VAR_TEXT)->text, "https://");
    part(t, 1, VAR_HOST);
    assert_str(part(t, 2, VAR_TEXT)->text, "x/");
    assert_int_equal(part(t, 3, VAR_CAPTURE)->capture, 1);
    assert_str(part(t, 4, VAR_TEXT)->text, "?");
    part(t, 5, VAR_QUERY);
    assert_int_equal(t->parts_count, 6);
    assert_int_equal(r[1].redirect.status, 301);
    assert_int_equal(r[2].action, ACTION_RESPOND);
    assert_int_equal(r[2].respond.status, 204);
    assert_int_equal(r[2].respond.body.parts_count, 0);
    t = &r[3].respond.body;
    assert_int_equal(r[3].respond.status, 200);
    assert_str(part(t, 0, VAR_TEXT)->text, "a ");
    assert_str(part(t, 1, VAR_TEXT)->text, "$ ");
    assert_str(part(t, 2, VAR_HEADER)->text, "x-y");
    assert_str(part(t, 3, VAR_COOKIE)->text, "S");
    assert_str(part(t, 4, VAR_ARGUMENT)->text, "A");
    assert_int_equal(r[3].respond.headers.items_count, 3);
    assert_str(r[3].respond.headers.items[0].name, "Content-Type");
    assert_str(part(&r[3].respond.headers.items[2].value, 0, VAR_TEXT)->text, "2");
    assert_int_equal(r[4].targets_count, 2);
    assert_int_equal(r[4].targets[0].weight, 3);
    assert_int_equal(r[4].targets[1].weight, 1);
    assert_ptr_equal(r[4].targets[1].backend, &l->config->backends[1]);
    assert_str(r[4].strip_prefix, "/s");
    assert_true(r[4].path_raw && !r[5].path_raw);
    assert_true(r[5].rewrites && !r[4].rewrites);
    assert_string_equal(r[5].name, "last");
    part(&r[5].rewrite, 1, VAR_CAPTURE);
    unload(l);
}

static void assert_edit(const struct header_edits *e, uint32_t i, enum edit_op op, const char *name)
{
    assert_true(i < e->items_count);
    assert_int_equal(e->items[i].op, op);
    assert_true(str_eq(e->items[i].name, str_of(name)));
}

static void header_edits_add_up_from_defaults_to_route(void **state)
{
    (void)state;
    struct loaded *l =
        load_good("defaults: { hide: Server, request_headers: { add: { A: 1 }, remove: B } }\n"
                  "listeners: { l: { bind: \":80\", site: s } }\n"
                  "sites: { s: { request_headers: { set: { C: [x, y] } }, routes: [ { match: { "
                  "path: /a }, to: b,"
                  " hide: [X-P], request_headers: { remove: D, set: { E: $client_ip } },"
                  " response_headers: { add: { F: $status } } }, { to: b } ] } }\n" REST_BACKENDS);
    const struct route_config *r = l->config->sites[0].routes;
    const struct header_edits *e = &r[0].handling.request_edits;
    assert_int_equal(e->items_count, 6);
    assert_edit(e, 0, EDIT_REMOVE, "B");
    assert_edit(e, 1, EDIT_ADD, "A");
    assert_edit(e, 2, EDIT_SET, "C");
    assert_edit(e, 3, EDIT_ADD, "C"); /* the second value */
    assert_edit(e, 4, EDIT_REMOVE, "D");
    assert_edit(e, 5, EDIT_SET, "E");
    assert_int_equal(r[1].handling.request_edits.items_count, 4);
    e = &r[0].handling.response_edits;
    assert_int_equal(e->items_count, 3);
    assert_edit(e, 0, EDIT_REMOVE, "Server");
    assert_edit(e, 1, EDIT_REMOVE, "X-P");
    assert_edit(e, 2, EDIT_ADD, "F");
    assert_int_equal(r[1].handling.response_edits.items_count, 1);
    assert_int_equal(l->config->sites[0].handling.request_edits.items_count, 4);
    unload(l);
}

static void handling_is_inherited_and_overridden(void **state)
{
    (void)state;
    struct loaded *l = load_good(
        "defaults: { via: true, max_body: 1MiB, methods: [GET], host_header: server,"
        "  buffers: { request: 1KiB }, limits: { fields: 50 } }\n"
        "listeners: { l: { bind: \":80\", site: s } }\n"
        "sites: { s: { via: false, forwarded: true, limits: { head: 4KiB }, routes: [\n"
        "  { match: { path: /a }, to: b, max_body: unlimited, methods: [POST, PUT],"
        "    host_header: \"app.internal:8080\", underscores: true, buffers: { response: 2MiB } "
        "},\n"
        "  { to: b, max_body: 0B, rewrite_location: { own: true, replace: { \"http://a/\": / } },"
        "    rewrite_cookies: { domain: { a: b }, path: { /x: / } } } ] } }\n" REST_BACKENDS);
    const struct site_config *s = &l->config->sites[0];
    assert_int_equal(s->limits.head_bytes_max, 4096);
    assert_int_equal(s->limits.fields_max, 50);
    assert_int_equal(s->limits.target_bytes_max, TARGET_BYTES_MAX);
    const struct handling *a = &s->routes[0].handling, *b = &s->routes[1].handling;
    assert_false(a->via);
    assert_true(a->forwarded && a->underscores && !b->underscores);
    assert_true(a->body_bytes_max == BODY_UNLIMITED && b->body_bytes_max == 0);
    assert_true(s->handling.body_bytes_max == 1 << 20);
    assert_int_equal(a->methods.items_count, 2);
    assert_str(b->methods.items[0], "GET");
    assert_int_equal(a->host_rule, HOST_TEXT);
    assert_str(a->host_text, "app.internal:8080");
    assert_int_equal(b->host_rule, HOST_SERVER);
    assert_true(a->request_buffer_bytes == 1024 && a->response_buffer_bytes == 2 << 20);
    assert_true(b->request_buffer_bytes == 1024 && b->response_buffer_bytes == 0);
    assert_true(b->location_own && !a->location_own);
    assert_str(b->location.items[0].from, "http://a/");
    assert_str(b->location.items[0].to, "/");
    assert_str(b->cookie_domain.items[0].to, "b");
    assert_str(b->cookie_path.items[0].from, "/x");
    unload(l);
}

static bool lets_in(const struct access_config *a, const char *ip)
{
    struct peer_addr p = { .family = AF_INET };
    assert_int_equal(inet_pton(AF_INET, ip, p.ip), 1);
    for (uint32_t i = 0; i < a->allows_count; i++)
        if (!networks_has(&a->allows[i], &p))
            return false;
    return !networks_has(&a->deny, &p);
}

static void gates_add_up(void **state)
{
    (void)state;
    struct loaded *l = load_good(
        "listeners: { l: { bind: \":80\", site: s } }\n"
        "sites: { s: { allow: 10.0.0.0/8, deny: [10.9.0.0/16, 10.7.7.7], rate_limit: 100/s,\n"
        "  connection_limit: { concurrent: 20, exempt: 10.1.1.1 }, external_auth: { to: b },\n"
        "  maintenance: { except: 10.2.0.0/16 }, routes: [\n"
        "  { match: { path: /a }, to: b, allow: [10.1.0.0/16, 10.9.0.0/16], deny: 10.1.2.0/24,"
        "    rate_limit: { rate: 6/m, burst: 2, ipv6_prefix: 48, exempt: 10.1.0.1 },"
        "    external_auth: { to: b, path: /check$path, forward: X-User, response: [], timeout: 1s "
        "} },\n"
        "  { to: b, rate_limit: off, external_auth: off } ] } }\n" REST_BACKENDS);
    const struct site_config *s = &l->config->sites[0];
    const struct handling *a = &s->routes[0].handling, *b = &s->routes[1].handling;
    assert_true(lets_in(&a->access, "10.1.0.1"));
    assert_false(lets_in(&a->access, "10.1.2.1"));
    assert_false(lets_in(&a->access, "10.2.0.1"));
    assert_false(lets_in(&a->access, "10.9.0.1"));
    assert_true(lets_in(&b->access, "10.1.2.1"));
    assert_false(lets_in(&b->access, "10.7.7.7"));
    assert_false(lets_in(&b->access, "11.0.0.1"));

    assert_int_equal(a->rate_limits_count, 2);
    assert_int_equal(a->rate_limits[0].rate.count, 100);
    assert_int_equal(a->rate_limits[0].rate.per_ms, 1000);
    assert_int_equal(a->rate_limits[0].burst, 100);
    assert_int_equal(a->rate_limits[0].ipv4_bits, 32);
    assert_int_equal(a->rate_limits[0].ipv6_bits, 64);
    assert_int_equal(a->rate_limits[1].rate.per_ms, 60000);
    assert_int_equal(a->rate_limits[1].burst, 2);
    assert_int_equal(a->rate_limits[1].ipv6_bits, 48);
    assert_int_equal(a->rate_limits[1].exempt.items_count, 1);
    assert_int_equal(b->rate_limits_count, 0);
    assert_int_equal(s->connection_limit->concurrent_max, 20);
    assert_int_equal(s->connection_limit->rate.count, 0);
    assert_int_equal(s->connection_limit->exempt.items_count, 1);
    assert_int_equal(s->maintenance.except.items_count, 1);

    assert_ptr_equal(a->external_auth->backend, &l->config->backends[0]);
    part(&a->external_auth->path, 1, VAR_PATH);
    assert_str(a->external_auth->forward.items[0], "X-User");
    assert_int_equal(a->external_auth->response.items_count, 0);
    assert_int_equal(a->external_auth->timeout_ms, 1000);
    assert_null(b->external_auth);
    part(&s->handling.external_auth->path, 0, VAR_URI);
    assert_int_equal(s->handling.external_auth->response.items_count, 3);
    assert_int_equal(s->handling.external_auth->timeout_ms, 5000);
    unload(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shortest_configuration_has_the_defaults),
        cmocka_unit_test(default_timeouts_are_those_of_the_limits),
        cmocka_unit_test(timeouts_are_inherited_route_backend_site_defaults),
        cmocka_unit_test(the_process_is_described),
        cmocka_unit_test(listeners_and_logs_are_described),
        cmocka_unit_test(backends_are_described),
        cmocka_unit_test(matches_are_described),
        cmocka_unit_test(actions_are_described),
        cmocka_unit_test(header_edits_add_up_from_defaults_to_route),
        cmocka_unit_test(handling_is_inherited_and_overridden),
        cmocka_unit_test(gates_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
