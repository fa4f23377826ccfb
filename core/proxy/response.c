/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/response.h"

#include <stdio.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/http/cookie.h"
#include "core/http/forward.h"
#include "core/proxy/auth_external.h"
#include "core/proxy/backend.h"
#include "core/proxy/body_buffer.h"
#include "core/proxy/body_coder.h"
#include "core/proxy/cache_answer.h"
#include "core/proxy/cache_stage.h"
#include "core/proxy/client.h"
#include "core/proxy/client_tls.h"
#include "core/proxy/compress.h"
#include "core/proxy/edit.h"
#include "core/proxy/exchange.h"
#include "core/proxy/log.h"
#include "core/proxy/request.h"
#include "core/proxy/rewrite.h"
#include "core/proxy/sticky.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"

/* Memory that stays behind a queued response head, so that a small body joins it in one piece. */
#define BODY_ROOM_BYTES 1024

struct out exchange_begin_head(struct exchange *ex, bool large)
{
    if (!large)
        return out_into(ex->arena.at, (size_t)(ex->arena.end - ex->arena.at));
    size_t bytes = 2 * (size_t)HEAD_BYTES_MAX + FORWARD_ADDED_BYTES_MAX;
    char *mem = arena_alloc(&ex->arena, bytes);
    return mem ? out_into(mem, bytes) : (struct out){ .full = true };
}

enum end_reason exchange_interim(struct exchange *ex, const struct http_head *h)
{
    if (h->status == 101 || ++ex->interim_count > INTERIM_RESPONSES_MAX)
        return END_RESPONSE_INTERIM;
    if (ex->head.version_minor == 0) /* RFC 9110 15.2: HTTP/1.0 knows none */
        return END_OK;
    struct out o = exchange_begin_head(ex, false);
    forward_interim_head(&o, h, ex->handling->via, exchange_is_http2(ex));
    if (o.full) {
        o = exchange_begin_head(ex, true);
        if (!o.full)
            forward_interim_head(&o, h, ex->handling->via, exchange_is_http2(ex));
    }
    if (o.full || !ex->down->head(ex, (struct str){ o.start, out_len(&o) }, NULL))
        return END_OVERLOADED;
    ex->arena.at = o.at;
    ex->down->flush(ex);
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

/* For a client that came without the cookie of the server it got. */
static bool set_sticky_cookie(struct exchange *ex, struct out *o, struct field_edits *edits)
{
    const struct sticky_config *c = ex->backend ? &ex->backend->config->sticky : NULL;
    if (!c || !c->secret.len || ex->refused_elsewhere || !ex->server)
        return true;
    char value[STICKY_VALUE_CHARS], text[512], age[32] = "";
    struct siphash tag = sticky_tag(c, ex->backend->config->name, ex->server->name);
    sticky_write(&tag, value);
    if (str_eq(http_cookie(&ex->head, c->cookie), (struct str){ value, sizeof value }))
        return true;
    if (c->max_age_s)
        snprintf(age, sizeof age, "; Max-Age=%u", c->max_age_s);
    int n = snprintf(text, sizeof text, "%.*s=%.*s; Path=/%s; HttpOnly; SameSite=Lax%s",
                     (int)c->cookie.len, c->cookie.ptr, STICKY_VALUE_CHARS, value, age,
                     c->secure ? "; Secure" : "");
    CHECK(n > 0 && (size_t)n < sizeof text);
    return edits_add_line(edits, STR("Set-Cookie"), (struct str){ text, (size_t)n }, o);
}

/* What the route changes in the server's fields. */
static bool apply_rules(struct exchange *ex, struct out *o, const struct http_head *h,
                        struct field_edits *edits)
{
    const struct handling *p = ex->handling;
    if (ex->refused_elsewhere)
        auth_external_filter(ex, h, edits);
    else if (!rewrite_response(edits, ex, h, o))
        return false;
    if (!set_sticky_cookie(ex, o, edits))
        return false;
    if (p->cache && !cache_edit_answer(ex, h, edits, o))
        return false;
    if (!compress_edit(ex, h, edits, o))
        return false;
    struct str hsts = client_tls_hsts(ex);
    if (hsts.len) {
        edits_drop(edits, h, STR("strict-transport-security"));
        if (!edits_add_line(edits, STR("Strict-Transport-Security"), hsts, o))
            return false;
    }
    if (p->response_edits.items_count == 0)
        return true;
    char id[32];
    struct template_ctx ctx = request_template_ctx(ex, id);
    ctx.response = h;
    ctx.status = h->status;
    return edits_apply(edits, h, &p->response_edits, &ctx, o);
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
        .via = ex->handling->via,
        .date = worker_date(ex->w),
        .http2 = exchange_is_http2(ex),
    };
    if (!apply_rules(ex, o, h, &r.edits)) {
        o->full = true;
        return;
    }
    forward_response_head(o, h, &r);
}

void exchange_write_switch(struct exchange *ex, struct out *o, const struct http_head *h,
                           struct str protocol)
{
    struct forward_response r = {
        .framing = FRAME_NONE,
        .upgrade = protocol,
        .via = ex->handling->via,
        .date = worker_date(ex->w),
        .http2 = exchange_is_http2(ex),
    };
    if (!apply_rules(ex, o, h, &r.edits)) {
        o->full = true;
        return;
    }
    if (r.http2) /* RFC 8441 5: nobody asked for it there */
        edits_drop(&r.edits, h, STR("sec-websocket-accept"));
    forward_response_head(o, h, &r);
}

struct body_sink *exchange_open_body(struct exchange *ex, enum body_framing framing,
                                     const struct framing *f, struct body_source *source)
{
    uint64_t max = ex->handling->response_buffer_bytes;
    if (max && f->kind != BODY_NONE)
        ex->response_buffer = body_buffer_create(ex->w, &ex->arena, max);
    struct body_buffer *b = ex->response_buffer; /* without memory for it the body streams */
    struct body_coder *c = ex->coder;
    struct body_source *next = b ? &b->source : source;
    struct body_sink *sink = c ? &c->sink : &ex->out.sink;
    if (c) {
        c->from = next;
        c->to = &ex->out.sink;
    }
    ex->down->body(ex, framing, c ? &c->source : next);
    if (!b)
        return sink;
    b->from = source;
    b->keep = false;
    body_buffer_give_to(b, sink);
    return &b->sink;
}

enum body_framing exchange_respond_head(struct exchange *ex, const struct http_head *h,
                                        const struct framing *f)
{
    CHECK(ex->state == EX_WAITING);
    log_capture_response(ex, h);
    enum body_framing framing = choose_framing(ex, f);
    /* A request that is still coming may never end: its connection does, after the answer. */
    if (framing == FRAME_CLOSE || !exchange_request_complete(ex) || !exchange_may_keep(ex))
        ex->close_after = true;
    struct out o = exchange_begin_head(ex, false);
    write_response_head(ex, &o, h, f, framing);
    if (o.full) {
        o = exchange_begin_head(ex, true);
        if (!o.full)
            write_response_head(ex, &o, h, f, framing);
    }
    size_t room = (size_t)(o.end - o.at);
    if (room > BODY_ROOM_BYTES)
        room = BODY_ROOM_BYTES;
    if (o.full || !ex->down->head(ex, (struct str){ o.start, out_len(&o) }, o.at + room)) {
        if (ex->attempt.up)
            upstream_abort(&ex->attempt);
        exchange_reply(ex, o.start ? END_RESPONSE_HEAD_TOO_LARGE : END_OVERLOADED);
        return framing;
    }
    ex->arena.at = o.at + room;
    ex->status = h->status;
    ex->state = EX_RESPONDING;
    return framing;
}

struct body_sink *exchange_respond(struct exchange *ex, const struct http_head *h,
                                   const struct framing *f, struct body_source *source)
{
    ex->server_status = h->status;
    if (ex->handling->cache)
        cache_invalidate(ex, h);
    struct framing coded = *f;
    compress_answer(ex, h, &coded);
    enum body_framing framing = exchange_respond_head(ex, h, &coded);
    if (ex->state != EX_RESPONDING)
        return NULL;
    struct body_sink *sink = exchange_open_body(ex, framing, &coded, source);
    if (f->kind == BODY_NONE)
        ex->out.sink.ops->end(&ex->out.sink, NULL);
    return sink;
}
