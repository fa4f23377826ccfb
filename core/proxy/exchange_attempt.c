/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an exchange asks of servers: one attempt after the other, until one is answered. */
#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/proxy/backend.h"
#include "core/proxy/body_buffer.h"
#include "core/proxy/body_coder.h"
#include "core/proxy/client.h"
#include "core/proxy/exchange.h"
#include "core/proxy/forward.h"
#include "core/proxy/queue.h"
#include "core/proxy/request.h"
#include "core/proxy/response.h"
#include "core/proxy/retry.h"
#include "core/proxy/server_tls.h"
#include "core/proxy/upgrade.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"

static struct exchange *exchange_of(struct attempt *a)
{
    return container_of(a, struct exchange, attempt);
}

/* It becomes a tunnel as soon as its connection is there (RFC 9110 9.3.6). */
static bool is_connect(const struct exchange *ex)
{
    return ex->head.method_id == METHOD_CONNECT;
}

static void count_retry(struct exchange *ex)
{
    counter_add(&ex->w->counters->attempts_retried, 1);
    if (ex->backend)
        counter_add(&ex->backend->counters->retried, 1);
}

void exchange_begin_attempt(struct exchange *ex, struct server *s)
{
    struct attempt *a = &ex->attempt;
    const uint32_t try_ms = ex->forward ? 0 : retry_rules(ex)->try_ms;
    if (ex->tries == 0 && !ex->forward)
        retry_note_request(ex);
    a->deadline_ns = try_ms ? ex->w->loop->now_ns + ms_to_ns(try_ms) : 0;
    a->client_peer = &ex->client->peer;
    a->client_fd = ex->client->t.fd;
    a->method = (enum http_method)ex->head.method_id;
    server_use(s);
    if (!upstream_begin(ex->w, a, s, ex->fresh_only || is_connect(ex))) {
        server_unuse(s);
        exchange_reply(ex, END_OVERLOADED);
        return;
    }
    ex->tried[ex->tries++] = s->id;
    server_unuse(ex->server);
    ex->server = s;
    ex->attempt_ns = ex->w->loop->now_ns;
    ex->connected_ns = 0;
    ex->state = EX_CONNECTING;
    upstream_go(a);
}

/* Once, before the first attempt; for another one after a failure the circuit has to be closed. */
static bool is_admitted(struct exchange *ex)
{
    struct shared_backend *sb = ex->backend->list->backend;
    if (!ex->admitted)
        return ex->admitted = shared_backend_admits(sb);
    return atomic_load_explicit(&sb->circuit, memory_order_relaxed) == BREAKER_CLOSED;
}

static void refuse(struct exchange *ex)
{
    uint64_t until_ns = atomic_load(&ex->backend->list->backend->circuit_until_ns);
    uint64_t now_ns = ex->w->loop->now_ns;
    ex->retry_after_s = until_ns > now_ns ? (uint32_t)((until_ns - now_ns) / 1000000000 + 1) : 1;
    exchange_reply(ex, END_CIRCUIT_OPEN);
}

void exchange_attempt(struct exchange *ex, enum end_reason none)
{
    if (ex->forward) {
        ex->attempt.backend = forward_pool();
        ex->attempt.host = request_host(ex);
        forward_attempt(ex, none);
        return;
    }
    if (unlikely(!is_admitted(ex))) {
        if (ex->tries)
            exchange_reply(ex, none);
        else
            refuse(ex);
        return;
    }
    bool full = queue_is_behind(ex->backend);
    ex->attempt.backend = ex->backend->config;
    ex->attempt.host = request_host(ex);
    ex->attempt.switches = ex->upgrade.len > 0;
    struct server *s = full ? NULL : backend_pick(ex->backend, ex, &full);
    if (!s && !full && none == END_SERVER_REFUSED) { /* it could not take one more just then */
        ex->tried[ex->tries - 1] = 0;
        s = backend_pick(ex->backend, ex, &full);
    }
    if (s)
        exchange_begin_attempt(ex, s);
    else if (full)
        queue_enter(ex, none);
    else
        exchange_reply(ex, none);
}

bool exchange_is_refused(struct exchange *ex)
{
    struct shared_backend *sb = ex->backend->list->backend;
    return atomic_load_explicit(&sb->circuit, memory_order_relaxed) == BREAKER_OPEN;
}

void exchange_dequeued(struct exchange *ex, struct server *s)
{
    if (!s && !ex->tries && exchange_is_refused(ex))
        refuse(ex);
    else if (s)
        exchange_begin_attempt(ex, s);
    else
        exchange_reply(ex, (enum end_reason)ex->queue_none);
}

/* --- the body, taken in before --- */

/* Without memory for it the client does not get it, and sends its body when it has waited. */
static void go_on(struct exchange *ex)
{
    char *mem = arena_alloc(&ex->arena, 32);
    struct out o = out_into(mem, mem ? 32 : 0);
    forward_status(&o, 100, (struct str){ 0 }, exchange_is_http2(ex));
    out_lit(&o, "\r\n\r\n");
    if (!o.full && ex->down->head(ex, (struct str){ mem, out_len(&o) }, NULL))
        ex->down->flush(ex);
}

void exchange_buffer_request(struct exchange *ex)
{
    uint64_t max = ex->handling->request_buffer_bytes;
    ex->request_buffer = body_buffer_create(ex->w, &ex->arena, max);
    if (!ex->request_buffer) {
        exchange_reply(ex, END_OVERLOADED);
        return;
    }
    ex->request_buffer->from = &ex->body_source;
    ex->body_in.sink = &ex->request_buffer->sink;
    ex->state = EX_BUFFERING;
    if (ex->framing.expect_continue) {
        ex->framing.expect_continue = false; /* the server is not to be asked any more */
        go_on(ex);
    }
    ex->down->pump_body(ex);
}

void exchange_buffered(struct exchange *ex)
{
    if (ex->request_buffer->sink.room == 0) /* full, or whole */
        exchange_attempt(ex, END_NO_SERVER);
}

/* --- the request --- */

static struct str make_head(struct exchange *ex, enum end_reason *why)
{
    /* It names the server in a rule, perhaps: made anew for each. */
    struct out o = exchange_begin_head(ex, false);
    request_write_head(ex, &o);
    if (o.full) {
        o = exchange_begin_head(ex, true);
        if (!o.full)
            request_write_head(ex, &o);
        *why = o.start ? END_HEAD_NO_ROOM : END_OVERLOADED;
        if (o.full)
            return (struct str){ 0 };
    }
    ex->arena.at = o.at;
    return (struct str){ o.start, out_len(&o) };
}

static void connected(struct attempt *a)
{
    struct exchange *ex = exchange_of(a);
    struct body_buffer *b = ex->request_buffer;
    ex->connected_ns = ex->sent_ns = ex->w->loop->now_ns;
    ex->state = EX_WAITING;
    if (is_connect(ex)) {
        upgrade_connected(a);
        return;
    }
    enum end_reason why = END_OK;
    struct str head = make_head(ex, &why);
    if (!head.ptr) {
        upstream_abort(a);
        exchange_reply(ex, why);
        return;
    }
    enum body_framing framing = ex->framing.kind == BODY_CHUNKED  ? FRAME_CHUNKED
                                : ex->framing.kind == BODY_LENGTH ? FRAME_LENGTH
                                                                  : FRAME_NONE;
    struct body_sink *sink = upstream_send(a, head, framing, b ? &b->source : &ex->body_source);
    if (b) {
        b->keep = b->ended; /* whole: it can be sent again */
        body_buffer_give_to(b, sink);
    } else {
        ex->body_in.sink = sink;
    }
    if (framing != FRAME_NONE)
        ex->down->pump_body(ex); /* flushes; may end the attempt: the body may be malformed */
}

/* What is still to come of the request's body is read and dropped. */
static void drop_body(struct exchange *ex)
{
    body_buffer_clear(ex->request_buffer);
    ex->body_in.sink = NULL;
}

static void request_cut(struct attempt *a)
{
    struct exchange *ex = exchange_of(a);
    struct body_buffer *b = ex->request_buffer;
    if (b && !b->given)
        body_buffer_give_to(b, NULL); /* the next attempt may have it */
    else
        drop_body(ex);
}

static void detached(struct attempt *a)
{
    struct exchange *ex = exchange_of(a);
    if (ex->response_buffer)
        ex->response_buffer->from = NULL;
    else if (ex->coder)
        ex->coder->from = NULL;
    else
        ex->out.source = NULL;
    request_cut(a);
}

/* --- the response --- */

static enum end_reason interim(struct attempt *a, const struct http_head *h)
{
    return exchange_interim(exchange_of(a), h);
}

static struct body_sink *respond(struct attempt *a, const struct http_head *h,
                                 const struct framing *f, struct body_source *source)
{
    struct exchange *ex = exchange_of(a);
    struct body_buffer *b = ex->request_buffer;
    if (exchange_is_extended_connect(ex) && h->status < 300) {
        /* To the client that would say that its tunnel is open. */
        upstream_abort(a);
        exchange_reply(ex, END_NOT_SWITCHED);
        return NULL;
    }
    bool full = false; /* then this answer will do */
    bool again = !ex->forward && retry_after_status(ex, h->status);
    struct server *next = again ? backend_pick(ex->backend, ex, &full) : NULL;
    if (next) {
        upstream_abort(a);
        count_retry(ex);
        exchange_begin_attempt(ex, next);
        return NULL;
    }
    a->deadline_ns = 0; /* that of the attempt: it is answered */
    if (b && b->to)
        body_buffer_forget(b);
    else if (b)
        drop_body(ex);
    return exchange_respond(ex, h, f, source);
}

static void progress(struct attempt *a)
{
    struct exchange *ex = exchange_of(a);
    if (ex->response_buffer)
        body_buffer_drain(ex->response_buffer);
    ex->down->flush(ex);
}

static void received(struct attempt *a)
{
    exchange_of(a)->answer_ns = exchange_of(a)->w->loop->now_ns;
    progress(a);
}

static void broken(struct attempt *a, enum end_reason why)
{
    exchange_response_broken(exchange_of(a), why);
}

void exchange_response_broken(struct exchange *ex, enum end_reason why)
{
    CHECK(!ex->attempt.up && ex->state == EX_RESPONDING);
    if (ex->down->take_back(ex)) {
        body_buffer_clear(ex->response_buffer);
        body_coder_clear(ex->coder);
        ex->response_buffer = NULL;
        ex->coder = NULL;
        ex->coding = (struct answer_coding){ 0 };
        ex->state = EX_WAITING;
        exchange_reply(ex, why);
        return;
    }
    ex->down->abort(ex);
    exchange_end(ex, why);
    ex->down->cut(ex);
}

/* --- the next one --- */

static void failed(struct attempt *a, enum end_reason why, bool untouched)
{
    struct exchange *ex = exchange_of(a);
    CHECK(ex->state == EX_CONNECTING || ex->state == EX_WAITING);
    bool again = ex->forward ? forward_goes_on(ex, why, untouched)
                             : !a->name_refused && retry_after_failure(ex, why, untouched);
    if (!again) {
        exchange_reply(ex, why);
        return;
    }
    count_retry(ex);
    if (why == END_SERVER_STALE) {
        /* Says nothing about the server: only that pooled connections may be old. */
        ex->fresh_only = true;
        ex->tried[ex->tries - 1] = 0;
    }
    exchange_attempt(ex, why);
}

/* --- memory --- */

static void hold(struct attempt *a)
{
    exchange_ref(exchange_of(a));
}

static void release(struct attempt *a)
{
    exchange_unref(exchange_of(a));
}

const struct attempt_ops exchange_attempt_ops = {
    .connected = connected,
    .request_cut = request_cut,
    .interim = interim,
    .switched = upgrade_switched,
    .switch_ready = upgrade_server_ready,
    .respond = respond,
    .progress = progress,
    .failed = failed,
    .broken = broken,
    .received = received,
    .detached = detached,
    .hold = hold,
    .release = release,
};
