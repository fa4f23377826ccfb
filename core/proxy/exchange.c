/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/exchange.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/http/forward.h"
#include "core/proxy/client.h"
#include "core/proxy/log.h"
#include "core/proxy/reply.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"

/* Memory that stays behind a queued response head, so that a small body joins it in one piece. */
#define BODY_ROOM_BYTES 1024

static const struct body_source_ops request_source_ops;

static void response_sent(struct h1_out *out, int err);

struct exchange *exchange_create(struct client *c)
{
    struct worker *w = c->w;
    struct exchange *ex = slab_take(&w->exchanges);
    if (!ex)
        return NULL;
    /* Not the whole struct: the head's fields and the arena are written before they are read. */
    memset(ex, 0, offsetof(struct exchange, out));
    ex->forwarded_head = (struct str){ 0 };
    ex->bytes_in = 0;
    ex->attempt_ns = ex->connected_ns = ex->sent_ns = ex->first_byte_ns = ex->head_ns = 0;
    ex->w = w;
    ex->client = c;
    ex->refs = 1;
    ex->state = EX_HEAD;
    ex->body_source.ops = &request_source_ops;
    ex->id_hi = rng_next(&w->loop->rng);
    ex->id_lo = rng_next(&w->loop->rng);
    ex->start_ns = w->loop->now_ns;
    ex->start_wall_us = w->loop->wall_us;
    ex->head.method_id = METHOD_OTHER;
    ex->head.version_minor = 1;
    ex->head.base = "";
    ex->head.method = ex->head.target = (struct http_span){ 0, 0 };
    ex->head.fields_count = 0;
    memset(ex->head.first, 0, sizeof ex->head.first);
    arena_init(&ex->arena, ex->first, sizeof ex->first, EXCHANGE_ARENA_EXTRA_BYTES_MAX);
    out_init(&ex->out, &c->t, &ex->arena, response_sent);
    return ex;
}

void exchange_ref(struct exchange *ex)
{
    ex->refs++;
}

void exchange_unref(struct exchange *ex)
{
    CHECK(ex->refs > 0);
    if (--ex->refs)
        return;
    CHECK(ex->state == EX_ENDED && !ex->up && ex->out.count == 0);
    arena_reset(&ex->arena);
    slab_give(&ex->w->exchanges, ex);
}

static void request_resume(struct body_source *s)
{
    struct exchange *ex = container_of(s, struct exchange, body_source);
    if (ex->client)
        client_pump_body(ex->client);
}

static const struct body_source_ops request_source_ops = { request_resume };

static void response_sent(struct h1_out *out, int err)
{
    struct exchange *ex = container_of(out, struct exchange, out);
    struct client *c = ex->client;
    if (err) {
        exchange_abandon(ex, END_CLIENT_RESET);
        client_close(c, true);
        return;
    }
    exchange_finished(ex);
}

static void end(struct exchange *ex, enum end_reason why)
{
    CHECK(ex->state != EX_ENDED && !ex->up);
    ex->state = EX_ENDED;
    ex->reason = (uint8_t)why;
    log_exchange(ex);
}

void exchange_abandon(struct exchange *ex, enum end_reason why)
{
    if (ex->state == EX_ENDED)
        return;
    if (ex->up)
        upstream_abort(ex);
    out_abort(&ex->out);
    end(ex, why);
}

void exchange_finished(struct exchange *ex)
{
    CHECK(ex->state == EX_RESPONDING || ex->state == EX_REPLYING);
    CHECK(!ex->up);
    end(ex, ex->state == EX_REPLYING ? (enum end_reason)ex->reason : END_OK);
    client_exchange_finished(ex->client);
}

/* Our own answer instead of the server's. No final head may have been queued. */
static void reply(struct exchange *ex, enum end_reason why)
{
    CHECK(!ex->up && ex->state < EX_RESPONDING);
    const struct end_reason_info *info = end_reason_info(why);
    /* The one answer that is no error: to OPTIONS whose hops ended here. */
    unsigned status = why == END_REPLIED ? 204 : (unsigned)info->status;
    struct worker *w = ex->w;
    ex->body_in.sink = NULL; /* what is still to come of the request is read and dropped */
    if (info->who == WHO_CLIENT || !exchange_request_complete(ex) || ex->client->eof ||
        w->state != WORKER_RUNNING)
        ex->close_after = true;
    ex->reason = (uint8_t)why;
    if (!reply_write(ex, status, why)) {
        struct client *c = ex->client;
        exchange_abandon(ex, END_OVERLOADED);
        client_close(c, true);
        return;
    }
    ex->state = EX_REPLYING;
    ex->status = (uint16_t)status;
    out_flush(&ex->out);
    client_arm(ex->client);
}

void exchange_refuse(struct exchange *ex, enum end_reason why)
{
    CHECK(ex->state == EX_HEAD);
    ex->close_after = true;
    reply(ex, why);
}

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

static enum end_reason check_request(struct exchange *ex)
{
    const struct http_head *h = &ex->head;
    enum end_reason why = framing_of_request(h, &ex->framing);
    if (why == END_OK)
        why = forward_check_connection(h);
    if (why == END_OK)
        why = target_parse(h, &ex->arena, &ex->target);
    if (why != END_OK)
        return why;
    if (h->method_id == METHOD_CONNECT)
        return END_NOT_IMPLEMENTED;
    if (h->method_id == METHOD_TRACE) /* would show a client fields that we add */
        return END_METHOD_NOT_ALLOWED;
    int32_t hops;
    why = max_forwards(h, &hops);
    return why == END_OK && hops == 0 ? END_REPLIED : why;
}

static void begin_attempt(struct exchange *ex, enum end_reason why_none)
{
    struct server *s = backend_pick(&ex->w->backend, ex);
    if (!s) {
        reply(ex, why_none);
        return;
    }
    if (!upstream_begin(ex, s, ex->fresh_only)) {
        reply(ex, END_OVERLOADED);
        return;
    }
    ex->tried[ex->tries++] = s->index;
    ex->last_server = s->config->name;
    ex->attempt_ns = ex->w->loop->now_ns;
    ex->connected_ns = 0;
    ex->state = EX_CONNECTING;
    upstream_go(ex);
}

void exchange_start(struct exchange *ex)
{
    CHECK(ex->state == EX_HEAD);
    ex->head_ns = ex->w->loop->now_ns;
    enum end_reason why = check_request(ex);
    in_init(&ex->body_in, &ex->arena, &ex->framing, NULL);
    if (why == END_REPLIED) { /* OPTIONS for us: RFC 9110 7.6.2 and 9.3.7 */
        reply(ex, END_REPLIED);
        return;
    }
    if (why != END_OK) {
        exchange_refuse(ex, why);
        return;
    }
    if (!ex->framing.keep_alive)
        ex->close_after = true;
    begin_attempt(ex, END_NO_SERVER);
}

void exchange_request_broken(struct exchange *ex, enum end_reason why)
{
    ex->close_after = true;
    bool head_out = ex->state == EX_RESPONDING;
    bool complete = head_out && !ex->up;
    if (ex->up)
        upstream_abort(ex);
    if (ex->state == EX_REPLYING || complete)
        return; /* the answer is on its way already: the connection ends after it */
    if (head_out)
        exchange_response_broken(ex, why);
    else
        reply(ex, why);
}

/* --- from the upstream's stage --- */

/* Serialises into what is left of the arena's first block, or else into room that surely does. */
static struct out begin_head(struct exchange *ex, bool large)
{
    if (!large)
        return out_into(ex->arena.at, (size_t)(ex->arena.end - ex->arena.at));
    size_t bytes = 2 * (size_t)HEAD_BYTES_MAX + FORWARD_ADDED_BYTES_MAX;
    char *mem = arena_alloc(&ex->arena, bytes);
    return mem ? out_into(mem, bytes) : (struct out){ .full = true };
}

static void write_request_head(struct exchange *ex, struct out *o)
{
    char id[32];
    struct out id_out = out_into(id, sizeof id);
    out_hex_padded(&id_out, ex->id_hi, 16);
    out_hex_padded(&id_out, ex->id_lo, 16);
    const struct config *config = ex->w->config;
    int32_t hops;
    max_forwards(&ex->head, &hops);
    struct forward_request f = {
        .target = &ex->target,
        .framing = ex->framing.kind == BODY_CHUNKED ? FRAME_CHUNKED
                   : ex->framing.length_declared    ? FRAME_LENGTH
                                                    : FRAME_NONE,
        .length = ex->framing.length,
        .peer_ip = { ex->client->ip_text, ex->client->ip_text_len },
        .scheme = ex->client->t.tls ? STR("https") : STR("http"),
        .request_id = { id, sizeof id },
        .host = ex->target.authority,
        .via = config->via,
        .forwarded = config->forwarded,
        .expect_continue = ex->framing.expect_continue,
        .underscores = config->underscores,
        .max_forwards = hops > 0 ? hops - 1 : -1,
    };
    forward_request_head(o, &ex->head, &f);
}

struct str exchange_request_head(struct exchange *ex)
{
    ex->connected_ns = ex->sent_ns = ex->w->loop->now_ns;
    ex->state = EX_WAITING;
    if (ex->forwarded_head.ptr)
        return ex->forwarded_head;
    struct out o = begin_head(ex, false);
    write_request_head(ex, &o);
    if (o.full) {
        o = begin_head(ex, true);
        if (!o.full)
            write_request_head(ex, &o);
        if (o.full) {
            upstream_abort(ex);
            reply(ex, o.start ? END_HEAD_NO_ROOM : END_OVERLOADED);
            return (struct str){ 0 };
        }
    }
    ex->arena.at = o.at;
    ex->forwarded_head = (struct str){ o.start, out_len(&o) };
    return ex->forwarded_head;
}

static bool may_retry(const struct exchange *ex, bool untouched)
{
    return ex->tries < ex->w->config->backend.attempts_max && ex->tries < ATTEMPTS_MAX &&
           ex->body_in.taken_bytes == 0 && ex->w->state != WORKER_STOPPING &&
           (untouched || http_method_idempotent((enum http_method)ex->head.method_id));
}

void exchange_attempt_failed(struct exchange *ex, enum end_reason why, bool untouched)
{
    CHECK(!ex->up && (ex->state == EX_CONNECTING || ex->state == EX_WAITING));
    bool connection_only = why == END_CONNECT_REFUSED || why == END_CONNECT_TIMEOUT ||
                           why == END_CONNECT_FAILED || why == END_SERVER_STALE ||
                           why == END_SERVER_RESET;
    if (!connection_only || !may_retry(ex, untouched)) {
        reply(ex, why);
        return;
    }
    counter_add(&ex->w->counters->attempts_retried, 1);
    if (why == END_SERVER_STALE) {
        /* Says nothing about the server: only that pooled connections may be old. */
        ex->fresh_only = true;
        ex->tried[ex->tries - 1] = UINT16_MAX;
    }
    ex->body_in.sink = NULL;
    begin_attempt(ex, why);
}

enum end_reason exchange_interim(struct exchange *ex, const struct http_head *h)
{
    if (h->status == 101 || ++ex->interim_count > INTERIM_RESPONSES_MAX)
        return END_RESPONSE_INTERIM;
    if (ex->head.version_minor == 0) /* RFC 9110 15.2: HTTP/1.0 knows none */
        return END_OK;
    struct out o = begin_head(ex, false);
    forward_interim_head(&o, h, ex->w->config->via);
    if (o.full) {
        o = begin_head(ex, true);
        if (!o.full)
            forward_interim_head(&o, h, ex->w->config->via);
    }
    if (o.full || !out_raw(&ex->out, o.start, (uint32_t)out_len(&o), NULL))
        return END_OVERLOADED;
    ex->arena.at = o.at;
    out_flush(&ex->out);
    client_arm(ex->client);
    return END_OK;
}

static enum body_framing choose_framing(const struct exchange *ex, const struct framing *f)
{
    switch (f->kind) {
    case BODY_NONE:
        return f->length_declared && f->declared_length == 0 ? FRAME_LENGTH : FRAME_NONE;
    case BODY_LENGTH:
        return FRAME_LENGTH;
    case BODY_CHUNKED:
    case BODY_CLOSE:
        break;
    }
    return ex->head.version_minor >= 1 ? FRAME_CHUNKED : FRAME_CLOSE;
}

static void write_response_head(struct exchange *ex, struct out *o, const struct http_head *h,
                                const struct framing *f, enum body_framing framing)
{
    struct forward_response r = {
        .framing = framing,
        .length = f->kind == BODY_LENGTH ? f->length : f->declared_length,
        .declared_length = f->kind == BODY_NONE && f->length_declared,
        .close = ex->close_after,
        .keep_alive_http10 = !ex->close_after && ex->head.version_minor == 0,
        .via = ex->w->config->via,
        .date = worker_date(ex->w),
        .server_minor = h->version_minor,
    };
    forward_response_head(o, h, &r);
}

bool exchange_respond(struct exchange *ex, const struct http_head *h, const struct framing *f,
                      struct body_source *source)
{
    CHECK(ex->state == EX_WAITING);
    ex->server_status = h->status;
    enum body_framing framing = choose_framing(ex, f);
    /* A request that is still coming may never end: its connection does, after the answer. */
    if (framing == FRAME_CLOSE || !exchange_request_complete(ex) || ex->client->eof ||
        ex->w->state != WORKER_RUNNING)
        ex->close_after = true;
    struct out o = begin_head(ex, false);
    write_response_head(ex, &o, h, f, framing);
    if (o.full) {
        o = begin_head(ex, true);
        if (!o.full)
            write_response_head(ex, &o, h, f, framing);
    }
    if (o.full || !out_raw(&ex->out, o.start, (uint32_t)out_len(&o), NULL)) {
        upstream_abort(ex);
        reply(ex, o.start ? END_RESPONSE_HEAD_TOO_LARGE : END_OVERLOADED);
        return false;
    }
    size_t room = (size_t)(o.end - o.at);
    if (room > BODY_ROOM_BYTES)
        room = BODY_ROOM_BYTES;
    ex->arena.at = o.at + room;
    ex->out.raw_room_end = ex->arena.at;
    ex->status = h->status;
    ex->state = EX_RESPONDING;
    out_body(&ex->out, framing, source);
    if (f->kind == BODY_NONE)
        ex->out.sink.ops->end(&ex->out.sink, NULL);
    return true;
}

void exchange_response_broken(struct exchange *ex, enum end_reason why)
{
    CHECK(!ex->up && ex->state == EX_RESPONDING);
    if (out_take_back(&ex->out)) {
        ex->state = EX_WAITING;
        reply(ex, why);
        return;
    }
    struct client *c = ex->client;
    out_abort(&ex->out);
    end(ex, why);
    /* A reset where the end of the connection would read as the end of the body. */
    client_close(c, ex->out.framing == FRAME_CLOSE);
}
