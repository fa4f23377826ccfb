/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/forward.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/base/check.h"
#include "core/proxy/client.h"
#include "core/proxy/destination.h"
#include "core/proxy/edit.h"
#include "core/proxy/exchange.h"
#include "core/proxy/listener.h"
#include "core/proxy/plan.h"
#include "core/proxy/request.h"
#include "core/proxy/server.h"
#include "core/proxy/upgrade.h"
#include "core/proxy/worker.h"
#include "core/ring/sock.h"

#define HTTP_PORT 80

/* Every address once, and one of them again after a pooled connection was stale. */
_Static_assert(FORWARD_ADDRESSES_MAX + 1 <= ATTEMPTS_MAX, "each address can be tried");

static const struct backend_config pool = {
    .name = "forward",
    .pool_idle_max = FORWARD_IDLE_MAX,
    .pool_uses_max = POOL_USES_MAX,
};

const struct backend_config *forward_pool(void)
{
    return &pool;
}

/* --- what is asked for --- */

static bool starts_fold(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq_fold((struct str){ s.ptr, prefix.len }, prefix);
}

static bool is_pac(const struct exchange *ex)
{
    struct str path = ex->target.path;
    enum http_method m = (enum http_method)ex->head.method_id;
    return ex->site->forward->pac && (m == METHOD_GET || m == METHOD_HEAD) &&
           (str_eq(path, STR("/proxy.pac")) || str_eq(path, STR("/wpad.dat")));
}

static bool keep_destination(struct exchange *ex, struct forwarding *f, const char *host, size_t n)
{
    bool v6 = f->host_is_ip && memchr(host, ':', n);
    char *mem = arena_alloc(&ex->arena, n + sizeof "[]:65535");
    if (!mem)
        return false;
    struct out o = out_into(mem, n + sizeof "[]:65535");
    if (v6)
        out_char(&o, '[');
    f->host = (struct str){ o.at, n };
    out_mem(&o, host, n);
    if (v6)
        out_char(&o, ']');
    out_char(&o, ':');
    out_u64(&o, f->port);
    arena_trim(&ex->arena, o.end, o.at);
    f->destination = (struct str){ mem, out_len(&o) };
    return true;
}

/* RFC 9110 7.6.3: each proxy that was passed, "1.1 NAME" and perhaps a comment. */
static bool came_back(const struct exchange *ex)
{
    struct str own = ex->site->forward->via_name;
    const struct http_field *f = ex->handling->via ? head_field(&ex->head, FIELD_VIA) : NULL;
    for (; f; f = head_field_next(&ex->head, f)) {
        struct str rest = head_value(&ex->head, f), hop;
        while (http_list_next(&rest, &hop)) {
            const char *space = memchr(hop.ptr, ' ', hop.len);
            if (!space)
                continue;
            struct str name = { space + 1, (size_t)(hop.ptr + hop.len - space) - 1 };
            const char *end = memchr(name.ptr, ' ', name.len);
            if (end)
                name.len = (size_t)(end - name.ptr);
            if (str_eq_fold(name, own))
                return true;
        }
    }
    return false;
}

enum end_reason forward_ask(struct exchange *ex)
{
    const struct target *t = &ex->target;
    struct str raw = head_str(&ex->head, ex->head.target);
    struct forwarding *f = arena_alloc(&ex->arena, sizeof *f);
    char host[HOST_NAME_BYTES_MAX + 1];
    if (!f)
        return END_OVERLOADED;
    *f = (struct forwarding){ .ex = ex, .config = ex->site->forward };
    ex->forward = f;
    if (t->form != TARGET_AUTHORITY && !starts_fold(raw, STR("http"))) {
        f->pac = is_pac(ex);
        return f->pac ? END_REPLIED : END_NOT_PROXIED;
    }
    if (t->form != TARGET_AUTHORITY && starts_fold(raw, STR("https:")))
        return END_FORWARD_SCHEME;
    size_t n = host_name_normal(t->host, host, &f->host_is_ip);
    f->port = t->port ? (uint16_t)t->port : HTTP_PORT;
    if (n == 0)
        return END_BAD_TARGET;
    if (!keep_destination(ex, f, host, n))
        return END_OVERLOADED;
    return came_back(ex) ? END_FORWARD_LOOP : END_OK;
}

/* It is the destination's to say what paths mean: it gets them as they came. */
static void take_path(struct exchange *ex)
{
    struct str raw = head_str(&ex->head, ex->head.target);
    size_t at = sizeof "http://" - 1, query;
    ex->path = ex->target.path;
    ex->query = ex->target.query;
    if (ex->target.form != TARGET_ABSOLUTE)
        return;
    while (at < raw.len && raw.ptr[at] != '/' && raw.ptr[at] != '?')
        at++;
    for (query = at; query < raw.len && raw.ptr[query] != '?'; query++)
        ;
    if (query > at)
        ex->path = (struct str){ raw.ptr + at, query - at };
}

enum end_reason forward_target(struct exchange *ex)
{
    struct forwarding *f = ex->forward;
    struct forward_question q = { .host = f->host,
                                  .host_is_ip = f->host_is_ip,
                                  .port = f->port,
                                  .client = ex->client_addr,
                                  .user = ex->user };
    f->verdict = forward_judge(f->config, &q);
    if (!f->verdict.allowed)
        return END_FORWARD_DENIED;
    f->timeouts = ex->handling->timeouts;
    ex->attempt.timeouts = &f->timeouts;
    take_path(ex);
    upgrade_ask(ex);
    return END_OK;
}

/* --- its addresses --- */

/* Whether one of our own listeners is there. */
static bool is_ours(const struct worker *w, const struct addr *a)
{
    struct peer_addr to = peer_addr_of(a);
    for (uint32_t i = 0; i < w->listeners_count; i++) {
        struct peer_addr at = w->listeners[i]->address;
        static const unsigned char any[16];
        if (at.port != to.port || (at.family != AF_INET && at.family != AF_INET6))
            continue;
        bool same = at.family == to.family && memcmp(at.ip, to.ip, sizeof at.ip) == 0;
        if (same || (memcmp(at.ip, any, sizeof any) == 0 && sock_is_local(a)))
            return true;
    }
    return false;
}

static struct addr with_port(const struct addr *a, uint16_t port)
{
    struct addr out = *a;
    if (out.sa.sa_family == AF_INET6)
        out.v6.sin6_port = htons(port);
    else
        out.v4.sin_port = htons(port);
    return out;
}

/* Takes it if it may be reached; else *why says why not. */
static void add_address(struct forwarding *f, const struct addr *found, enum end_reason *why)
{
    struct addr a = with_port(found, f->port);
    struct peer_addr p = peer_addr_of(&a);
    if (!forward_may_reach(f->config, &p)) {
        *why = END_FORWARD_PRIVATE;
        f->verdict.by = "private";
    } else if (is_ours(f->ex->w, &a)) {
        *why = END_FORWARD_LOOP;
    } else if (f->addresses_count < FORWARD_ADDRESSES_MAX) {
        f->addresses[f->addresses_count++] = a;
    }
}

static const struct addr *next_of(const struct dns_answers *found, int family, uint32_t *at)
{
    while (*at < found->count) {
        const struct addr *a = &found->items[(*at)++].addr;
        if (a->len && a->sa.sa_family == family)
            return a;
    }
    return NULL;
}

/* The families by turns, IPv6 first (RFC 8305 4): if one does not work here, the other's turn is
 * next. */
static enum end_reason add_answers(struct forwarding *f, const struct dns_answers *found)
{
    enum end_reason why = END_DNS_NO_NAME;
    uint32_t v4 = 0, v6 = 0;
    for (;;) {
        const struct addr *six = next_of(found, AF_INET6, &v6),
                          *four = next_of(found, AF_INET, &v4);
        if (!six && !four)
            return f->addresses_count ? END_OK : why;
        if (six)
            add_address(f, six, &why);
        if (four)
            add_address(f, four, &why);
    }
}

static enum end_reason reason_of(enum lookup_status status)
{
    switch (status) {
    case LOOKUP_OK:
        return END_OK;
    case LOOKUP_BAD_NAME:
    case LOOKUP_NO_NAME:
    case LOOKUP_NO_DATA:
        return END_DNS_NO_NAME;
    case LOOKUP_TIMED_OUT:
        return END_DNS_TIMEOUT;
    default:
        return END_DNS_FAILED;
    }
}

static void on_found(struct lookup *k, enum lookup_status status, const struct dns_answers *found)
{
    struct forwarding *f = container_of(k, struct forwarding, lookup);
    struct exchange *ex = f->ex;
    CHECK(ex->state == EX_RESOLVING);
    enum end_reason why = reason_of(status);
    if (why == END_OK)
        why = add_answers(f, found);
    f->resolved = true;
    exchange_ref(ex);
    if (why == END_OK)
        forward_attempt(ex, END_OK);
    else
        exchange_reply(ex, why);
    exchange_unref(ex);
}

/* A name of one label is one of the network's that we are in, perhaps; others are whole. */
static struct str name_to_ask(const struct forwarding *f, char text[HOST_NAME_BYTES_MAX + 1])
{
    if (!memchr(f->host.ptr, '.', f->host.len))
        return f->host;
    memcpy(text, f->host.ptr, f->host.len);
    text[f->host.len] = '.';
    return (struct str){ text, f->host.len + 1 };
}

static bool literal(const struct forwarding *f, struct addr *a)
{
    char text[INET6_ADDRSTRLEN];
    *a = (struct addr){ 0 };
    CHECK(f->host.len < sizeof text);
    memcpy(text, f->host.ptr, f->host.len);
    text[f->host.len] = '\0';
    if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
        a->sa.sa_family = AF_INET;
        a->len = sizeof a->v4;
        return true;
    }
    a->sa.sa_family = AF_INET6;
    a->len = sizeof a->v6;
    return inet_pton(AF_INET6, text, &a->v6.sin6_addr) == 1;
}

static void resolve(struct exchange *ex)
{
    struct forwarding *f = ex->forward;
    char text[HOST_NAME_BYTES_MAX + 1];
    struct resolver *r = ex->use->resolver;
    if (f->host_is_ip) {
        struct addr a;
        enum end_reason why = END_OK;
        CHECK(literal(f, &a));
        add_address(f, &a, &why);
        f->resolved = true;
        if (why == END_OK)
            forward_attempt(ex, END_OK);
        else
            exchange_reply(ex, why);
        return;
    }
    f->lookup.done = on_found;
    if (r && lookup_start(r, &f->lookup, LOOKUP_ADDRESSES, name_to_ask(f, text)))
        ex->state = EX_RESOLVING;
    else
        exchange_reply(ex, END_OVERLOADED);
}

void forward_forget(struct exchange *ex)
{
    if (lookup_busy(&ex->forward->lookup))
        lookup_cancel(&ex->forward->lookup);
}

/* --- attempts --- */

void forward_attempt(struct exchange *ex, enum end_reason none)
{
    struct forwarding *f = ex->forward;
    if (!f->resolved) {
        resolve(ex);
        return;
    }
    if (f->address == f->addresses_count) {
        exchange_reply(ex, none);
        return;
    }
    const struct addr *to = &f->addresses[f->address];
    struct server *s =
        destination_take(ex->w, to, forward_source(f->config, f->verdict.rule, to->sa.sa_family));
    if (!s) {
        exchange_reply(ex, END_OVERLOADED);
        return;
    }
    bool last = f->address + 1 == f->addresses_count;
    uint32_t connect_ms = ex->handling->timeouts.connect_ms;
    f->timeouts.connect_ms =
        last || connect_ms < f->config->fallback_ms ? connect_ms : f->config->fallback_ms;
    bool entered = server_enter(s);
    CHECK(entered); /* it has no caps */
    exchange_begin_attempt(ex, s);
}

static bool may_be_repeated(const struct exchange *ex, bool untouched)
{
    bool idempotent = http_method_idempotent((enum http_method)ex->head.method_id);
    return (untouched || idempotent) && ex->body_in.taken_bytes == 0 && !ex->request_buffer;
}

bool forward_goes_on(struct exchange *ex, enum end_reason why, bool untouched)
{
    struct forwarding *f = ex->forward;
    if (ex->w->state == WORKER_STOPPING || ex->tries == ATTEMPTS_MAX)
        return false;
    switch (why) {
    case END_SERVER_STALE:
        return may_be_repeated(ex, untouched);
    case END_CONNECT_REFUSED:
    case END_CONNECT_TIMEOUT:
    case END_CONNECT_FAILED:
        return ++f->address < f->addresses_count;
    default:
        return false;
    }
}

/* --- what the destination is told --- */

static const struct str telling[] = {
    { "via", 3 },
    { "forwarded", 9 },
    { "x-request-id", 12 },
    { "x-forwarded-for", 15 },
    { "x-forwarded-proto", 17 },
    { "x-forwarded-host", 16 },
    { "x-forwarded-port", 16 },
    { "x-real-ip", 9 },
    { "x-client-ip", 11 },
    { "client-ip", 9 },
    { "true-client-ip", 14 },
    { "cf-connecting-ip", 16 },
    { "x-cluster-client-ip", 19 },
    { "x-originating-ip", 16 },
    { "x-remote-ip", 11 },
    { "x-remote-addr", 13 },
    { "x-proxyuser-ip", 14 },
    { "x-proxy-user", 12 },
};

/* Without those that were passed before. */
static bool add_own_via(const struct exchange *ex, struct forward_request *f, struct out *o)
{
    char text[VIA_NAME_BYTES_MAX + sizeof "1.1 "];
    struct out v = out_into(text, sizeof text);
    out_str(&v, ex->head.version_minor ? STR("1.1 ") : STR("1.0 "));
    out_str(&v, ex->forward->config->via_name);
    return edits_add_line(&f->edits, STR("Via"), (struct str){ text, out_len(&v) }, o);
}

bool forward_edit_request(struct exchange *ex, struct forward_request *f, struct out *o)
{
    switch (ex->forward->config->client_headers) {
    case CLIENT_HEADERS_REMOVE:
        f->peer_trusted = false; /* whatever it says in X-Forwarded-... */
        f->request_id = (struct str){ 0 };
        for (size_t i = 0; i < ARRAY_LEN(telling); i++)
            edits_drop(&f->edits, &ex->head, telling[i]);
        return !f->via || add_own_via(ex, f, o);
    case CLIENT_HEADERS_KEEP:
        f->peer_trusted = true;
        f->peer_ip = f->request_id = (struct str){ 0 };
        f->edits.ids |= UINT64_C(1) << FIELD_X_FORWARDED_PROTO | UINT64_C(1)
                                                                     << FIELD_X_FORWARDED_HOST;
        break;
    case CLIENT_HEADERS_ADD:
        break;
    }
    f->via_name = ex->forward->config->via_name;
    return true;
}

/* --- the PAC file --- */

struct str forward_pac(struct exchange *ex)
{
    const struct forward_config *c = ex->forward->config;
    bool tls = ex->client->t.tls;
    if (c->pac_text.len)
        return c->pac_text;
    size_t bytes = ex->target.authority.len + 256;
    char *mem = arena_alloc(&ex->arena, bytes);
    struct out o = out_into(mem, mem ? bytes : 0);
    out_lit(&o, "function FindProxyForURL(url, host) {\n"
                "    if (isPlainHostName(host)) return \"DIRECT\";\n"
                "    return \"");
    if (ex->target.authority.len) {
        out_str(&o, tls ? STR("HTTPS ") : STR("PROXY "));
        out_str(&o, ex->target.authority);
        if (!ex->target.port)
            out_str(&o, tls ? STR(":443") : STR(":80"));
    } else {
        out_lit(&o, "DIRECT");
    }
    out_lit(&o, "\";\n}\n");
    return o.full ? (struct str){ 0 } : (struct str){ mem, out_len(&o) };
}
