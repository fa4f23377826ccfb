/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/auth_external.h"

#include "core/base/check.h"
#include "core/http/forward_fields.h"
#include "core/proxy/client.h"
#include "core/proxy/client_tls.h"
#include "core/proxy/edit.h"
#include "core/proxy/exchange.h"
#include "core/proxy/plan.h"
#include "core/proxy/request.h"
#include "core/proxy/response.h"
#include "core/proxy/server_tls.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"

struct auth_external {
    struct body_sink sink; /* of an answer that lets pass: dropped */
    uint64_t dropped_bytes;
    struct str lines; /* for the server */
};

static const struct attempt_ops attempt_ops;

static struct exchange *exchange_of(struct attempt *a)
{
    return container_of(a, struct exchange, attempt);
}

static const struct external_auth_config *config_of(const struct exchange *ex)
{
    return ex->handling->external_auth;
}

/* --- the end of it --- */

/* The exchange's own attempts begin as if nothing had been asked. */
static void reset_attempt(struct exchange *ex)
{
    ex->attempt.ops = &exchange_attempt_ops;
    ex->attempt.deadline_ns = 0;
    ex->attempt.request_taken_ns = ex->attempt.first_byte_ns = 0;
    ex->tries = ex->interim_count = 0;
    ex->fresh_only = false;
}

static void finish(struct exchange *ex, enum end_reason why)
{
    const struct end_reason_info *info = end_reason_info(why);
    reset_attempt(ex);
    if (info->who == WHO_SERVER)
        why = info->status == 504 ? END_AUTH_TIMEOUT : END_AUTH_SERVER;
    exchange_checked(ex, why);
}

/* --- asking --- */

static void ask(struct exchange *ex, enum end_reason none)
{
    struct backend *b = plan_backend(ex->use, config_of(ex)->backend);
    bool full = false;
    bool open = !shared_backend_admits(b->list->backend);
    struct server *s = open ? NULL : backend_pick(b, ex, &full);
    if (!s) { /* questions do not wait in a queue */
        finish(ex, open ? END_CIRCUIT_OPEN : full ? END_QUEUE_FULL : none);
        return;
    }
    if (!upstream_begin(ex->w, &ex->attempt, s, ex->fresh_only)) {
        finish(ex, END_OVERLOADED);
        return;
    }
    ex->tried[ex->tries++] = s->shared->id;
    upstream_go(&ex->attempt);
}

static void drop_data(struct body_sink *s, struct buf_slice data)
{
    container_of(s, struct auth_external, sink)->dropped_bytes += data.len;
    buf_unref(data.buf);
}

static void drop_end(struct body_sink *s, const struct http_head *trailers)
{
    (void)trailers;
    s->room = 0;
}

static void drop_flush(struct body_sink *s)
{
    (void)s;
}

static const struct body_sink_ops drop_ops = { drop_data, drop_end, drop_flush };

void auth_external(struct exchange *ex)
{
    const struct external_auth_config *c = config_of(ex);
    struct auth_external *x = arena_alloc(&ex->arena, sizeof *x);
    ex->state = EX_CHECKING;
    list_init(&ex->check_node);
    if (!x) {
        finish(ex, END_OVERLOADED);
        return;
    }
    *x = (struct auth_external){ .sink = { .ops = &drop_ops, .room = UINT32_MAX } };
    ex->auth_external = x;
    struct attempt *a = &ex->attempt;
    a->ops = &attempt_ops;
    a->timeouts = &c->backend->timeouts;
    a->backend = c->backend;
    a->method = METHOD_GET;
    a->switches = false;
    a->host = ex->host;
    a->deadline_ns = ex->w->loop->now_ns + ms_to_ns(c->timeout_ms);
    ask(ex, END_NO_SERVER);
}

/* --- the question --- */

/* About another resource than the one that is asked for, or about one hop. */
static void drop_fields(struct field_edits *e, const struct http_head *h)
{
    static const struct str names[] = {
        { "x-original-method", 17 },
        { "x-original-uri", 14 },
        { "x-forwarded-method", 18 },
        { "x-forwarded-uri", 15 },
        { "if-match", 8 },
        { "if-none-match", 13 },
        { "if-modified-since", 17 },
        { "if-unmodified-since", 19 },
        { "if-range", 8 },
        { "range", 5 },
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        edits_drop(e, h, names[i]);
}

static bool make_target(struct exchange *ex, struct target *t)
{
    char id[32];
    struct template_ctx ctx = request_template_ctx(ex, id);
    char *mem = arena_alloc(&ex->arena, TARGET_BYTES_MAX);
    if (!mem)
        return false;
    struct out o = out_into(mem, TARGET_BYTES_MAX);
    template_write(&o, &config_of(ex)->path, &ctx);
    if (o.full || out_len(&o) == 0 || mem[0] != '/')
        return false;
    arena_trim(&ex->arena, mem + TARGET_BYTES_MAX, o.at);
    const char *q = memchr(mem, '?', out_len(&o));
    *t = ex->target;
    t->path = (struct str){ mem, q ? (size_t)(q - mem) : out_len(&o) };
    t->query = q ? (struct str){ q, (size_t)(o.at - q) } : (struct str){ 0 };
    return true;
}

static void write_head(struct exchange *ex, const struct target *t, struct out *o)
{
    char id[32];
    const struct client *c = ex->client;
    const struct http_head *h = &ex->head;
    struct forward_request f = {
        .target = t,
        .method = STR("GET"),
        .framing = FRAME_NONE,
        .peer_ip = { c->ip_text, c->ip_text_len },
        .http2 = ex->attempt.http2,
        .scheme = request_scheme(ex),
        .server_scheme = ex->attempt.secure ? STR("https") : STR("http"),
        .request_id = request_id(ex, id),
        .host = ex->target.authority,
        .peer_trusted = ex->peer_trusted,
        .via = ex->handling->via,
        .forwarded = ex->handling->forwarded,
        .underscores = ex->handling->underscores,
        .max_forwards = -1,
    };
    struct str method = head_str(h, h->method);
    struct out uri = out_into(o->at, (size_t)(o->end - o->at));
    out_str(&uri, ex->target.path);
    out_str(&uri, ex->target.query);
    struct str whole = { uri.start, out_len(&uri) };
    o->at = uri.at; /* stays in front of the head */
    o->start = o->at;
    drop_fields(&f.edits, h);
    if (uri.full || !edits_add_line(&f.edits, STR("X-Original-Method"), method, o) ||
        !edits_add_line(&f.edits, STR("X-Original-URI"), whole, o) ||
        !edits_add_line(&f.edits, STR("X-Forwarded-Method"), method, o) ||
        !edits_add_line(&f.edits, STR("X-Forwarded-Uri"), whole, o) ||
        !client_tls_edit(ex, &f.edits, o)) {
        o->full = true;
        return;
    }
    forward_request_head(o, h, &f);
}

static void connected(struct attempt *a)
{
    struct exchange *ex = exchange_of(a);
    struct target t;
    enum end_reason why = make_target(ex, &t) ? END_OK : END_BAD_REWRITE;
    struct out o = { 0 };
    if (why == END_OK) {
        o = exchange_begin_head(ex, false);
        write_head(ex, &t, &o);
        if (o.full) {
            o = exchange_begin_head(ex, true);
            if (!o.full)
                write_head(ex, &t, &o);
        }
        if (o.full)
            why = END_HEAD_NO_ROOM;
    }
    if (why != END_OK) {
        upstream_abort(a);
        finish(ex, why);
        return;
    }
    ex->arena.at = o.at;
    upstream_send(a, (struct str){ o.start, out_len(&o) }, FRAME_NONE, NULL);
}

/* --- the answer --- */

static enum end_reason interim(struct attempt *a, const struct http_head *h)
{
    bool one_too_many = ++exchange_of(a)->interim_count > INTERIM_RESPONSES_MAX;
    return h->status == 101 || one_too_many ? END_RESPONSE_INTERIM : END_OK;
}

static bool listed(const struct strings *names, struct str name)
{
    for (uint32_t i = 0; i < names->items_count; i++)
        if (str_eq_fold(names->items[i], name))
            return true;
    return false;
}

/* Whether it may be set from outside: not what is about connections and framing. */
static bool may_be_set(const struct http_field *f)
{
    const uint64_t ours = FIELDS_HOP_BY_HOP | FIELDS_FRAMING | FIELD_BIT(HOST);
    return f->id == FIELD_OTHER || !(ours >> f->id & 1);
}

static bool keep_fields(struct exchange *ex, const struct http_head *h)
{
    const struct strings *names = &config_of(ex)->forward;
    size_t bytes = 0;
    for (uint32_t i = 0; i < h->fields_count; i++)
        bytes += h->fields[i].name.len + h->fields[i].value.len + 4;
    char *mem = names->items_count ? arena_alloc(&ex->arena, bytes) : NULL;
    if (!mem)
        return names->items_count == 0;
    struct out o = out_into(mem, bytes);
    for (uint32_t i = 0; i < h->fields_count; i++) {
        const struct http_field *f = &h->fields[i];
        struct str name = head_str(h, f->name);
        if (!may_be_set(f) || !listed(names, name))
            continue;
        out_str(&o, name);
        out_lit(&o, ": ");
        out_str(&o, head_value(h, f));
        out_lit(&o, "\r\n");
    }
    ex->auth_external->lines = (struct str){ mem, out_len(&o) };
    arena_trim(&ex->arena, mem + bytes, o.at);
    return true;
}

/* From here on it is an answer as any server's. */
static struct body_sink *refuse(struct exchange *ex, const struct http_head *h,
                                const struct framing *f, struct body_source *source)
{
    struct framing none = { .kind = BODY_NONE, .keep_alive = f->keep_alive };
    bool bodiless = ex->head.method_id == METHOD_HEAD && f->kind != BODY_NONE;
    reset_attempt(ex);
    ex->refused_elsewhere = true;
    ex->reason = END_AUTH_DENIED;
    ex->state = EX_WAITING;
    struct body_sink *sink = exchange_respond(ex, h, bodiless ? &none : f, source);
    if (!sink || !bodiless)
        return sink;
    upstream_abort(&ex->attempt);
    ex->down->flush(ex);
    return NULL;
}

static struct body_sink *respond(struct attempt *a, const struct http_head *h,
                                 const struct framing *f, struct body_source *source)
{
    struct exchange *ex = exchange_of(a);
    if (h->status >= 300)
        return refuse(ex, h, f, source);
    if (keep_fields(ex, h))
        return &ex->auth_external->sink;
    upstream_abort(a);
    finish(ex, END_OVERLOADED);
    return NULL;
}

static void progress(struct attempt *a)
{
    struct exchange *ex = exchange_of(a);
    if (ex->auth_external->dropped_bytes <= LINGER_BYTES_MAX)
        return;
    upstream_abort(a); /* nobody wants the rest */
    finish(ex, END_OK);
}

static void received(struct attempt *a)
{
    finish(exchange_of(a), END_OK);
}

static void broken(struct attempt *a, enum end_reason why)
{
    finish(exchange_of(a), why);
}

static void failed(struct attempt *a, enum end_reason why, bool untouched)
{
    (void)untouched; /* a GET may be repeated */
    struct exchange *ex = exchange_of(a);
    bool again = why == END_CONNECT_REFUSED || why == END_CONNECT_FAILED ||
                 why == END_SERVER_STALE || why == END_SERVER_RESET || server_tls_failed(why);
    if (!again || a->name_refused || ex->tries >= a->backend->retry.attempts_max ||
        ex->tries >= ATTEMPTS_MAX || ex->w->state == WORKER_STOPPING) {
        finish(ex, why);
        return;
    }
    if (why == END_SERVER_STALE) {
        ex->fresh_only = true;
        ex->tried[ex->tries - 1] = 0;
    }
    ask(ex, why);
}

static void nothing(struct attempt *a)
{
    (void)a;
}

static void hold(struct attempt *a)
{
    exchange_ref(exchange_of(a));
}

static void release(struct attempt *a)
{
    exchange_unref(exchange_of(a));
}

static const struct attempt_ops attempt_ops = {
    .connected = connected,
    .request_cut = nothing,
    .interim = interim,
    .respond = respond,
    .progress = progress,
    .failed = failed,
    .broken = broken,
    .received = received,
    .detached = nothing,
    .hold = hold,
    .release = release,
};

/* --- heads --- */

bool auth_external_add(const struct exchange *ex, struct field_edits *e, struct out *o)
{
    const struct strings *names = &config_of(ex)->forward;
    for (uint32_t i = 0; i < names->items_count; i++)
        edits_drop(e, &ex->head, names->items[i]);
    return edits_add_lines(e, ex->auth_external->lines, o);
}

/* Fields that say what the body is. */
static bool is_about_body(const struct http_field *f, struct str name)
{
    return f->id == FIELD_CONTENT_TYPE || f->id == FIELD_DATE ||
           str_eq_fold(name, STR("content-encoding")) || str_eq_fold(name, STR("content-language"));
}

void auth_external_filter(const struct exchange *ex, const struct http_head *h,
                          struct field_edits *e)
{
    for (uint32_t i = 0; i < h->fields_count; i++) {
        struct str name = head_str(h, h->fields[i].name);
        if (!is_about_body(&h->fields[i], name) && !listed(&config_of(ex)->response, name))
            e->dropped[i / 64] |= UINT64_C(1) << i % 64;
    }
}
