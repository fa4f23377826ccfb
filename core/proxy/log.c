/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/log.h"

#include "core/proxy/backend.h"
#include "core/proxy/client.h"
#include "core/proxy/count.h"
#include "core/proxy/exchange.h"
#include "core/proxy/forward.h"
#include "core/proxy/intake.h"
#include "core/proxy/listener.h"
#include "core/proxy/plan.h"
#include "core/proxy/request.h"
#include "core/proxy/tunnel.h"
#include "core/proxy/worker.h"

/* from 0: the phase did not begin. */
static uint32_t phase_us(uint64_t from_ns, uint64_t to_ns)
{
    if (from_ns == 0 || to_ns < from_ns)
        return UINT32_MAX;
    uint64_t us = (to_ns - from_ns) / 1000;
    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX - 1;
}

static struct str field_value(const struct http_head *h, enum http_field_id id)
{
    const struct http_field *f = head_field(h, id);
    return f ? head_value(h, f) : (struct str){ 0 };
}

static struct str name_or_none(const char *name)
{
    return name ? str_of(name) : (struct str){ 0 };
}

static void capture(struct out *o, const struct http_head *h, const struct strings *names)
{
    for (uint32_t i = 0; i < names->items_count; i++) {
        const struct http_field *f = head_field_named(h, names->items[i]);
        struct str value = f ? head_value(h, f) : (struct str){ 0 };
        record_capture(o, f && !value.ptr ? STR("") : value);
    }
}

void log_capture_response(struct exchange *ex, const struct http_head *h)
{
    const struct log_config *log = ex->handling->log;
    if (!log || !log->response_headers.items_count)
        return;
    char *mem = arena_alloc(&ex->arena, RECORD_STR_MAX / 2);
    if (!mem)
        return; /* the line goes without */
    struct out o = out_into(mem, RECORD_STR_MAX / 2);
    capture(&o, h, &log->response_headers);
    arena_trim(&ex->arena, o.end, o.at);
    ex->captured = (struct str){ mem, out_len(&o) };
}

/* Those of the request, then those of the response. */
static struct str all_captured(const struct exchange *ex, const struct log_config *log,
                               char into[RECORD_STR_MAX])
{
    if (!log->request_headers.items_count)
        return ex->captured;
    struct out o = out_into(into, RECORD_STR_MAX - ex->captured.len);
    capture(&o, &ex->head, &log->request_headers);
    o.end = into + RECORD_STR_MAX;
    out_str(&o, ex->captured);
    return (struct str){ into, out_len(&o) };
}

static void put_record(struct exchange *ex, const struct log_config *log)
{
    const struct worker *w = ex->w;
    const struct client *c = ex->client;
    const struct http_head *h = &ex->head;
    const struct plan *plan = ex->use->plan;
    char captured[RECORD_STR_MAX], id[32];
    struct record r = {
        .start_wall_us = ex->start_wall_us,
        .request_id_hi = ex->id_hi,
        .request_id_lo = ex->id_lo,
        .peer = c->peer,
        .client = ex->client_addr.family ? ex->client_addr : c->peer,
        .connection = c->connection,
        .request = ex->number,
        .worker = w->index,
        .log = (uint16_t)(plan->log_first + (log - plan->config->logs)),
        .status = ex->status,
        .server_status = ex->server_status,
        .version_major = h->version_major,
        .version_minor = h->version_minor,
        .tries = ex->tries,
        .cache = ex->cache_status,
        .reused = ex->attempt.reused,
        .end_reason = ex->reason,
        .bytes_in = ex->bytes_in + ex->body_in.taken_bytes,
        .bytes_out = ex->out.sent_bytes,
        .body_in = ex->body_in.body_bytes,
        .body_out = ex->out.body_bytes,
        .queue_us = phase_us(ex->attempt_ns ? ex->head_ns : 0, ex->attempt_ns),
        .waited_us = ex->waited_ns ? phase_us(1, 1 + ex->waited_ns) : UINT32_MAX,
        .connect_us = phase_us(ex->connected_ns ? ex->attempt_ns : 0, ex->connected_ns),
        .first_byte_us =
            phase_us(ex->attempt.first_byte_ns ? ex->sent_ns : 0, ex->attempt.first_byte_ns),
        .total_us = phase_us(ex->start_ns, w->loop->now_ns),
        .accept_us = ex->number == 1 ? phase_us(c->accepted_ns, ex->start_ns) : UINT32_MAX,
        .method = head_str(h, h->method),
        .authority = ex->target.authority,
        .path = head_str(h, h->target),
        .referer = field_value(h, FIELD_REFERER),
        .user_agent = field_value(h, FIELD_USER_AGENT),
        .listener = name_or_none(c->listener->bind->listener->name),
        .site = name_or_none(ex->site->name),
        .route = name_or_none(ex->match.route ? ex->match.route->name : NULL),
        .user = ex->user,
        .backend = name_or_none(ex->backend ? ex->backend->config->name : NULL),
        .captured = all_captured(ex, log, captured),
    };
    if (ex->forward) {
        r.destination = ex->forward->destination;
        r.rule = name_or_none(ex->forward->verdict.by);
    }
    struct tls_facts tls;
    if (transport_tls_facts(&c->t, &tls)) {
        r.tls_minor = tls.minor;
        r.tls_cipher = tls.suite;
        r.tls_resumed = tls.resumed;
        r.server_name = tls.server_name;
        r.client_subject = tls.peer ? tls.peer->subject : (struct str){ 0 };
    }
    r.tls_failure = (uint8_t)transport_tls_failure(&c->t);
    if (ex->tries && ex->server)
        r.server = str_of(ex->server->name);
    struct str trusted = request_id(ex, id);
    if (trusted.ptr != id)
        r.request_id = trusted;
    log_put(w->log, &r);
}

/* Of those that went well, a sample is enough. */
static bool is_wanted(struct exchange *ex, const struct log_config *log)
{
    bool well = end_reason_info((enum end_reason)ex->reason)->who == WHO_NONE && ex->status < 500;
    return !well || log->sample_ppm >= 1000000 ||
           rng_below(&ex->w->loop->rng, 1000000) < log->sample_ppm;
}

void log_exchange(struct exchange *ex)
{
    count_exchange(ex);
    const struct log_config *log = ex->handling->log;
    if (log && ex->w->log && is_wanted(ex, log))
        put_record(ex, log);
}

void log_tunnel(const struct tunnel *t, enum end_reason why)
{
    const struct worker *w = t->w;
    const struct plan *plan = t->use->plan;
    if (!t->log || !w->log)
        return;
    struct record r = {
        .start_wall_us = t->start_wall_us,
        .request_id_hi = t->id_hi,
        .request_id_lo = t->id_lo,
        .peer = t->peer,
        .client = t->client,
        .connection = t->connection,
        .request = t->request,
        .worker = w->index,
        .log = (uint16_t)(plan->log_first + (t->log - plan->config->logs)),
        .version_minor = 1,
        .tries = t->tries,
        .end_reason = (uint8_t)why,
        .bytes_in = t->way[TUNNEL_CLIENT].bytes,
        .bytes_out = t->way[TUNNEL_SERVER].bytes,
        .queue_us = UINT32_MAX,
        .waited_us = UINT32_MAX,
        .connect_us = t->connect_us,
        .first_byte_us = UINT32_MAX,
        .total_us = phase_us(t->start_ns, w->loop->now_ns),
        .accept_us = UINT32_MAX,
        .method = t->label  ? STR("CONNECT")
                  : t->site ? STR("UPGRADE")
                            : STR("TCP"),
        .listener = name_or_none(t->listener->bind->listener->name),
        .site = name_or_none(t->site ? t->site->name : NULL),
        .route = name_or_none(t->route ? t->route->name : NULL),
        .backend = name_or_none(t->backend ? t->backend->config->name : NULL),
        .server = name_or_none(t->server ? t->server->name : NULL),
    };
    if (t->label) {
        r.authority = r.destination = (struct str){ t->label->text, t->label->destination_len };
        r.user = (struct str){ t->label->text + r.destination.len, t->label->user_len };
        r.rule = str_of(t->label->rule);
    }
    struct tls_facts tls;
    if (transport_tls_facts(&t->t[TUNNEL_CLIENT], &tls)) {
        r.tls_minor = tls.minor;
        r.tls_cipher = tls.suite;
        r.tls_resumed = tls.resumed;
        r.server_name = tls.server_name;
        r.client_subject = tls.peer ? tls.peer->subject : (struct str){ 0 };
    }
    if (t->t[TUNNEL_CLIENT].ops)
        r.tls_failure = (uint8_t)transport_tls_failure(&t->t[TUNNEL_CLIENT]);
    log_put(w->log, &r);
}

void log_intake(const struct intake *in)
{
    const struct worker *w = in->w;
    const struct listener *l = in->listener;
    const struct plan *plan = l->use->plan;
    const struct log_config *log = l->site ? l->site->handling.log : l->bind->listener->log;
    if (!log || !w->log)
        return;
    struct record r = {
        .start_wall_us = in->start_wall_us,
        .peer = in->peer,
        .client = in->peer,
        .worker = w->index,
        .log = (uint16_t)(plan->log_first + (log - plan->config->logs)),
        .version_minor = 1,
        .end_reason = in->reason,
        .queue_us = UINT32_MAX,
        .waited_us = UINT32_MAX,
        .connect_us = UINT32_MAX,
        .first_byte_us = UINT32_MAX,
        .total_us = phase_us(in->start_ns, w->loop->now_ns),
        .accept_us = UINT32_MAX,
        .listener = name_or_none(l->bind->listener->name),
        .site = name_or_none(l->site ? l->site->name : NULL),
    };
    log_put(w->log, &r);
}
