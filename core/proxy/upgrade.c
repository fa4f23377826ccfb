/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/upgrade.h"

#include <string.h>

#include "core/base/check.h"
#include "core/proxy/backend.h"
#include "core/proxy/client.h"
#include "core/proxy/downstream.h"
#include "core/proxy/edit.h"
#include "core/proxy/exchange.h"
#include "core/proxy/forward.h"
#include "core/proxy/listener.h"
#include "core/proxy/log.h"
#include "core/proxy/plan.h"
#include "core/proxy/response.h"
#include "core/proxy/tunnel.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"

/* --- asking --- */

/* HTTP in a tunnel would pass by every rule there is for requests. */
static bool is_http(struct str protocol)
{
    static const struct str names[] = { { "h2c", 3 }, { "h2", 2 }, { "http", 4 }, { "tls", 3 } };
    size_t name = 0;
    while (name < protocol.len && protocol.ptr[name] != '/')
        name++;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_fold((struct str){ protocol.ptr, name }, names[i]))
            return true;
    return false;
}

static bool is_allowed(const struct exchange *ex, struct str protocol)
{
    switch (ex->handling->upgrade) {
    case UPGRADE_OFF:
        return false;
    case UPGRADE_WEBSOCKET:
        return str_eq_fold(protocol, STR("websocket"));
    case UPGRADE_ANY:
        break;
    }
    return !is_http(protocol);
}

void upgrade_ask(struct exchange *ex)
{
    const struct http_head *h = &ex->head;
    const struct http_field *f = head_field(h, FIELD_UPGRADE);
    ex->upgrade = (struct str){ 0 };
    if (!f || h->version_minor == 0 || ex->framing.kind != BODY_NONE || !ex->down->give_way ||
        !head_list_has(h, FIELD_CONNECTION, STR("upgrade")))
        return;
    size_t bytes = 0;
    for (const struct http_field *i = f; i; i = head_field_next(h, i))
        bytes += i->value.len + 2;
    char *mem = arena_alloc(&ex->arena, bytes);
    if (!mem)
        return; /* an upgrade is an offer: the server answers without */
    struct out o = out_into(mem, bytes);
    for (; f; f = head_field_next(h, f)) {
        struct str rest = head_value(h, f), protocol;
        while (http_list_next(&rest, &protocol)) {
            if (!is_allowed(ex, protocol))
                continue;
            if (out_len(&o))
                out_lit(&o, ", ");
            out_str(&o, protocol);
        }
    }
    CHECK(!o.full);
    ex->upgrade = (struct str){ mem, out_len(&o) };
}

bool upgrade_add_key(struct exchange *ex, struct field_edits *edits, struct out *o)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char key[24];
    uint64_t hi = rng_next(&ex->w->loop->rng), lo = rng_next(&ex->w->loop->rng);
    for (unsigned i = 0; i < 21; i++) /* 16 bytes in base64 */
        key[i] = digits[(i < 10 ? hi >> 6 * i : lo >> 6 * (i - 10)) & 63];
    memcpy(key + 21, "A==", 3);
    edits_drop(edits, &ex->head, STR("sec-websocket-key"));
    return edits_add_line(edits, STR("Sec-WebSocket-Key"), (struct str){ key, sizeof key }, o);
}

/* --- the server switches --- */

static bool was_asked(struct str asked, struct str protocol)
{
    struct str one;
    while (http_list_next(&asked, &one))
        if (str_eq_fold(one, protocol))
            return true;
    return false;
}

/* What the server switches to; empty: not what it was asked for. */
static struct str protocol_of(const struct exchange *ex, const struct http_head *h)
{
    const struct http_field *f = head_field(h, FIELD_UPGRADE);
    if (!f || head_field_next(h, f) || ex->upgrade.len == 0)
        return (struct str){ 0 };
    struct str rest = head_value(h, f), protocol, all = rest;
    bool any = false;
    while (http_list_next(&rest, &protocol)) {
        if (!was_asked(ex->upgrade, protocol))
            return (struct str){ 0 };
        any = true;
    }
    return any ? all : (struct str){ 0 };
}

enum end_reason upgrade_switched(struct attempt *a, const struct http_head *h)
{
    struct exchange *ex = container_of(a, struct exchange, attempt);
    struct str protocol = protocol_of(ex, h);
    if (protocol.len == 0)
        return END_RESPONSE_INTERIM;
    struct out o = exchange_begin_head(ex, false);
    exchange_write_switch(ex, &o, h, protocol);
    if (o.full) {
        o = exchange_begin_head(ex, true);
        if (!o.full)
            exchange_write_switch(ex, &o, h, protocol);
    }
    if (o.full || !ex->down->head(ex, (struct str){ o.start, out_len(&o) }, NULL))
        return o.start ? END_RESPONSE_HEAD_TOO_LARGE : END_OVERLOADED;
    ex->arena.at = o.at;
    log_capture_response(ex, h);
    ex->server_status = 101;
    ex->status = exchange_is_http2(ex) ? 200 : 101;
    ex->state = EX_SWITCHING;
    ex->down->flush(ex);
    return END_OK;
}

/* --- the client asked for a tunnel --- */

void upgrade_connected(struct attempt *a)
{
    struct exchange *ex = container_of(a, struct exchange, attempt);
    struct out o = exchange_begin_head(ex, false);
    forward_status(&o, 200, STR("Connection established"), false);
    out_lit(&o, "\r\n\r\n");
    if (o.full || !ex->down->head(ex, (struct str){ o.start, out_len(&o) }, NULL)) {
        upstream_abort(a);
        exchange_reply(ex, END_OVERLOADED);
        return;
    }
    ex->arena.at = o.at;
    ex->status = 200;
    ex->state = EX_SWITCHING;
    upstream_switch(a);
    ex->down->flush(ex);
    ex->down->give_way(ex);
}

/* --- both connections become a tunnel --- */

static void fill_in(struct tunnel *t, struct exchange *ex)
{
    const struct worker *w = ex->w;
    const struct client *c = ex->client;
    t->use = ex->use;
    plan_use_ref(t->use);
    t->log = ex->handling->log;
    t->site = ex->site;
    t->route = ex->match.route;
    t->backend = ex->backend;
    t->id_hi = ex->id_hi;
    t->id_lo = ex->id_lo;
    t->connection = c->connection;
    t->request = c->requests;
    t->start_wall_us = ex->start_wall_us;
    t->start_ns = ex->start_ns;
    t->since_ns = w->loop->now_ns;
    t->idle_ms = ex->attempt.timeouts->tunnel_idle_ms;
    t->server_write_ms = ex->attempt.timeouts->stall_ms;
    t->client_write_ms = ex->handling->timeouts.client_write_ms;
    t->peer = c->peer;
    t->client = ex->client_addr;
    if (ex->head.method_id == METHOD_CONNECT)
        tunnel_set_label(t, ex->forward->destination, ex->user, ex->forward->verdict.by);
}

static void open_tunnel(struct exchange *ex)
{
    struct worker *w = ex->w;
    struct tunnel *t = tunnel_create(w);
    if (!t) {
        exchange_abandon(ex, END_OVERLOADED);
        ex->down->close(ex);
        return;
    }
    fill_in(t, ex);
    struct buf_slice from_client = { 0 }, from_server = { 0 };
    server_enter_beside(ex->server);
    t->server =
        upstream_hand_over(&ex->attempt, &t->t[TUNNEL_SERVER], &tunnel_server_user, &from_server);
    exchange_end(ex, END_TUNNEL_OPENED);
    ex->down->hand_over(ex, t, &from_client);
    tunnel_begin(t, from_client, from_server);
}

void upgrade_server_ready(struct attempt *a)
{
    struct exchange *ex = container_of(a, struct exchange, attempt);
    ex->down->give_way(ex);
}

void exchange_switch_ready(struct exchange *ex)
{
    CHECK(ex->state == EX_SWITCHING);
    open_tunnel(ex);
}
