/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/log.h"

#include "core/proxy/client.h"
#include "core/proxy/exchange.h"
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

static void put_record(struct exchange *ex)
{
    const struct worker *w = ex->w;
    const struct client *c = ex->client;
    const struct http_head *h = &ex->head;
    struct record r = {
        .start_wall_us = ex->start_wall_us,
        .request_id_hi = ex->id_hi,
        .request_id_lo = ex->id_lo,
        .peer = c->peer,
        .client = c->peer,
        .connection = c->connection,
        .request = c->requests,
        .worker = w->index,
        .status = ex->status,
        .server_status = ex->server_status,
        .version_minor = h->version_minor,
        .tries = ex->tries,
        .reused = ex->reused,
        .end_reason = ex->reason,
        .bytes_in = ex->bytes_in + ex->body_in.taken_bytes,
        .bytes_out = ex->out.sent_bytes,
        .queue_us = phase_us(ex->attempt_ns ? ex->head_ns : 0, ex->attempt_ns),
        .connect_us = phase_us(ex->connected_ns ? ex->attempt_ns : 0, ex->connected_ns),
        .first_byte_us = phase_us(ex->first_byte_ns ? ex->sent_ns : 0, ex->first_byte_ns),
        .total_us = phase_us(ex->start_ns, w->loop->now_ns),
        .accept_us = c->requests == 1 ? phase_us(c->accepted_ns, ex->start_ns) : UINT32_MAX,
        .method = head_str(h, h->method),
        .authority = ex->target.authority,
        .path = head_str(h, h->target),
        .referer = field_value(h, FIELD_REFERER),
        .user_agent = field_value(h, FIELD_USER_AGENT),
    };
    struct tls_facts tls;
    if (transport_tls_facts(&c->t, &tls)) {
        r.tls_minor = tls.minor;
        r.tls_cipher = tls.suite;
        r.tls_resumed = tls.resumed;
        r.server_name = tls.server_name;
    }
    r.tls_failure = (uint8_t)transport_tls_failure(&c->t);
    if (ex->tries && ex->last_server)
        r.server = str_of(ex->last_server);
    log_put(w->log, &r);
}

void log_exchange(struct exchange *ex)
{
    struct counters *n = ex->w->counters;
    counter_add(&n->exchanges, 1);
    counter_add(&n->ended[ex->reason], 1);
    counter_add(&n->bytes_from_clients, ex->bytes_in + ex->body_in.taken_bytes);
    counter_add(&n->bytes_to_clients, ex->out.sent_bytes);
    if (ex->w->log)
        put_record(ex);
}
