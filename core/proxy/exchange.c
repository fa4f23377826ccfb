/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/exchange.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/http/forward.h"
#include "core/proxy/auth_basic.h"
#include "core/proxy/auth_external.h"
#include "core/proxy/body_buffer.h"
#include "core/proxy/body_coder.h"
#include "core/proxy/cache_reader.h"
#include "core/proxy/cache_stage.h"
#include "core/proxy/client.h"
#include "core/proxy/fetch.h"
#include "core/proxy/forward.h"
#include "core/proxy/listener.h"
#include "core/proxy/log.h"
#include "core/proxy/plan.h"
#include "core/proxy/queue.h"
#include "core/proxy/reply.h"
#include "core/proxy/request.h"
#include "core/proxy/response.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"

static const struct body_source_ops request_source_ops;

struct exchange *exchange_create(struct client *c, const struct downstream_ops *down)
{
    struct worker *w = c->w;
    struct exchange *ex = slab_take(&w->exchanges);
    if (!ex)
        return NULL;
    /* Not the whole struct: the head's fields and the arena are written before they are read. */
    memset(ex, 0, offsetof(struct exchange, out));
    ex->use = c->listener->use;
    plan_use_ref(ex->use);
    ex->site = c->listener->site;
    ex->handling = &ex->site->handling;
    ex->bytes_in = 0;
    ex->attempt_ns = ex->connected_ns = ex->sent_ns = ex->head_ns = 0;
    ex->answer_ns = 0;
    ex->w = w;
    ex->client = c;
    ex->down = down;
    ex->number = ++c->requests;
    ex->refs = 1;
    ex->state = EX_HEAD;
    ex->body_source.ops = &request_source_ops;
    ex->id_hi = rng_next(&w->loop->rng);
    ex->id_lo = rng_next(&w->loop->rng);
    ex->start_ns = w->loop->now_ns;
    ex->start_wall_us = w->loop->wall_us;
    ex->head.method_id = METHOD_OTHER;
    ex->head.version_major = 1;
    ex->head.version_minor = 1;
    ex->head.base = "";
    ex->head.method = ex->head.target = (struct http_span){ 0, 0 };
    ex->head.fields_count = 0;
    memset(ex->head.first, 0, sizeof ex->head.first);
    arena_init(&ex->arena, ex->first, sizeof ex->first, EXCHANGE_ARENA_EXTRA_BYTES_MAX);
    ex->attempt.ops = &exchange_attempt_ops;
    ex->attempt.arena = &ex->arena;
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
    CHECK(ex->state == EX_ENDED && !ex->attempt.up);
    struct fetch *fetch = ex->fetch;
    if (ex->reader)
        cache_reader_release(ex->reader);
    arena_reset(&ex->arena);
    server_unuse(ex->server);
    plan_use_unref(ex->use);
    slab_give(&ex->w->exchanges, ex);
    if (fetch)
        fetch_free(fetch);
}

static void request_resume(struct body_source *s)
{
    struct exchange *ex = container_of(s, struct exchange, body_source);
    ex->down->pump_body(ex);
}

static const struct body_source_ops request_source_ops = { request_resume };

void exchange_end(struct exchange *ex, enum end_reason why)
{
    CHECK(ex->state != EX_ENDED && !ex->attempt.up);
    if (ex->state == EX_QUEUED)
        queue_leave(ex);
    ex->state = EX_ENDED;
    ex->reason = (uint8_t)why;
    if (ex->forward)
        forward_forget(ex);
    body_buffer_clear(ex->request_buffer);
    body_buffer_clear(ex->response_buffer);
    body_coder_clear(ex->coder);
    if (ex->reader)
        cache_reader_end(ex->reader);
    if (!ex->fetch)
        log_exchange(ex);
}

void exchange_abandon(struct exchange *ex, enum end_reason why)
{
    if (ex->state == EX_ENDED)
        return;
    if (ex->state == EX_CHECKING) {
        auth_basic_forget(ex);
        ex->tries = 0; /* which were not its own */
    }
    if (ex->attempt.up)
        upstream_abort(&ex->attempt);
    ex->down->abort(ex);
    exchange_end(ex, why);
}

void exchange_finished(struct exchange *ex)
{
    CHECK(ex->state == EX_RESPONDING || ex->state == EX_REPLYING);
    CHECK(!ex->attempt.up);
    exchange_end(ex, (enum end_reason)ex->reason);
    ex->down->finished(ex);
}

bool exchange_may_keep(const struct exchange *ex)
{
    return ex->w->state == WORKER_RUNNING && !ex->client->eof &&
           ex->client->listener->state != LISTENER_CLOSING;
}

void exchange_reply(struct exchange *ex, enum end_reason why)
{
    CHECK(!ex->attempt.up && ex->state < EX_RESPONDING);
    if (ex->state == EX_QUEUED)
        queue_leave(ex);
    if (ex->reader)
        cache_reader_leave(ex->reader); /* what comes there is not its answer any more */
    if (ex->fetch) {
        fetch_failed(ex, why);
        return;
    }
    if (ex->forward)
        forward_forget(ex);
    const struct end_reason_info *info = end_reason_info(why);
    body_buffer_clear(ex->request_buffer);
    ex->body_in.sink = NULL; /* what is still to come of the request is read and dropped */
    bool malformed = info->who == WHO_CLIENT && info->status == 400;
    if (malformed || !exchange_request_complete(ex) || !exchange_may_keep(ex))
        ex->close_after = true;
    ex->reason = (uint8_t)why;
    if (!reply_write(ex, why)) {
        exchange_abandon(ex, END_OVERLOADED);
        ex->down->close(ex);
        return;
    }
    ex->state = EX_REPLYING;
    ex->down->flush(ex);
}

void exchange_refuse(struct exchange *ex, enum end_reason why)
{
    CHECK(ex->state == EX_HEAD);
    ex->close_after = true;
    exchange_reply(ex, why);
}

/* The gates are behind it. */
static void admit(struct exchange *ex)
{
    enum end_reason why = request_target(ex);
    if (why != END_OK)
        exchange_reply(ex, why);
    else if (ex->handling->request_buffer_bytes && ex->framing.kind != BODY_NONE)
        exchange_buffer_request(ex);
    else if (ex->handling->cache)
        cache_stage(ex);
    else
        exchange_attempt(ex, END_NO_SERVER);
}

/* On from gate to gate, until one has to wait. */
static void pass_gates(struct exchange *ex)
{
    const struct handling *h = ex->handling;
    if (ex->gate == GATE_BASIC_AUTH) {
        ex->gate++;
        enum end_reason why = h->basic_auth ? auth_basic(ex) : END_OK;
        if (ex->state == EX_CHECKING)
            return;
        if (why != END_OK) {
            exchange_reply(ex, why);
            return;
        }
    }
    if (ex->gate++ == GATE_EXTERNAL_AUTH && h->external_auth)
        auth_external(ex);
    else
        admit(ex);
}

void exchange_checked(struct exchange *ex, enum end_reason why)
{
    CHECK(ex->state == EX_CHECKING);
    ex->state = EX_HEAD;
    exchange_ref(ex);
    if (why != END_OK)
        exchange_reply(ex, why);
    else
        pass_gates(ex);
    ex->down->checked(ex);
    exchange_unref(ex);
}

void exchange_start(struct exchange *ex)
{
    CHECK(ex->state == EX_HEAD);
    ex->head_ns = ex->w->loop->now_ns;
    enum end_reason why = request_check(ex);
    ex->down->body_begins(ex);
    if (why != END_OK && why != END_REPLIED) {
        exchange_refuse(ex, why);
        return;
    }
    if (!ex->framing.keep_alive)
        ex->close_after = true;
    if (why == END_OK)
        why = request_route(ex);
    if (why != END_OK)
        exchange_reply(ex, why);
    else if (ex->handling->basic_auth || ex->handling->external_auth)
        pass_gates(ex);
    else
        admit(ex);
}

void exchange_request_broken(struct exchange *ex, enum end_reason why)
{
    ex->close_after = true;
    bool head_out = ex->state == EX_RESPONDING;
    bool complete = head_out && !ex->attempt.up;
    if (ex->attempt.up)
        upstream_abort(&ex->attempt);
    if (ex->state == EX_REPLYING || complete)
        return; /* the answer is on its way already: the connection ends after it */
    if (head_out)
        exchange_response_broken(ex, why);
    else
        exchange_reply(ex, why);
}
