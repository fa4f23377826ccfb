/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/reply.h"

#include "core/base/out.h"
#include "core/http/forward.h"
#include "core/http/grpc.h"
#include "core/proxy/client_tls.h"
#include "core/proxy/exchange.h"
#include "core/proxy/forward.h"
#include "core/proxy/request.h"
#include "core/proxy/worker.h"

#define HEAD_ROOM_BYTES (HEAD_BYTES_MAX / 2)
/* For the variables of a body, beside its text. */
#define VARIABLES_ROOM_BYTES 4096
#define SHORT_BODY_BYTES 512

struct reply {
    unsigned status;
    struct str content_type; /* empty: none */
    struct str body;
    const struct template *location;    /* NULL: none */
    const struct header_edits *headers; /* NULL: none */
    uint32_t retry_after_s;             /* 0: not said */
    const struct strings *allow;        /* of 405; NULL: ours */
    bool to_https;                      /* Location: the same over https */
    struct str realm;                   /* of 401, 407 */
    bool for_proxy;                     /* 407 */
};

/* --- bodies --- */

static struct str fill_template(struct exchange *ex, const struct template *t,
                                const struct template_ctx *ctx)
{
    if (t->parts_count == 1 && t->parts[0].what == VAR_TEXT)
        return t->parts[0].text; /* lives as long as the exchange's plan */
    size_t bytes = VARIABLES_ROOM_BYTES;
    for (uint32_t i = 0; i < t->parts_count; i++)
        bytes += t->parts[i].text.len;
    char *mem = arena_alloc(&ex->arena, bytes);
    struct out o = out_into(mem, mem ? bytes : 0);
    template_write(&o, t, ctx);
    if (mem)
        arena_trim(&ex->arena, mem + bytes, o.at);
    return o.full ? (struct str){ 0 } : (struct str){ mem, out_len(&o) };
}

/* RFC 9110 12.5.1, as far as a short error needs it: the first of the types we have. */
static bool prefers_json(const struct http_head *h)
{
    const struct http_field *f = head_field_named(h, STR("accept"));
    struct str rest = f ? head_value(h, f) : (struct str){ 0 }, type;
    while (f && http_list_next(&rest, &type)) {
        const char *semi = memchr(type.ptr, ';', type.len);
        if (semi)
            type.len = (size_t)(semi - type.ptr);
        while (type.len && type.ptr[type.len - 1] == ' ')
            type.len--;
        if (str_eq_fold(type, STR("application/json")) ||
            str_eq_fold(type, STR("application/problem+json")))
            return true;
        if (str_eq_fold(type, STR("text/html")) || str_eq_fold(type, STR("text/plain")) ||
            str_eq_fold(type, STR("text/*")) || str_eq_fold(type, STR("*/*")))
            return false;
    }
    return false;
}

static void write_short_json(struct out *o, const struct reply *r, enum end_reason why,
                             const char *rule, struct str id)
{
    out_lit(o, "{\"status\":");
    out_u64(o, r->status);
    out_lit(o, ",\"error\":\"");
    out_json(o, str_of(end_reason_info(why)->text));
    out_lit(o, "\",\"reason\":\"");
    out_json(o, str_of(end_reason_info(why)->word));
    if (rule) {
        out_lit(o, "\",\"rule\":\"");
        out_json(o, str_of(rule));
    }
    out_lit(o, "\",\"request_id\":\"");
    out_json(o, id);
    out_lit(o, "\"}\n");
}

static void write_short_text(struct out *o, const struct reply *r, enum end_reason why,
                             const char *rule, struct str id)
{
    out_u64(o, r->status);
    out_char(o, ' ');
    out_str(o, http_status_reason(r->status));
    out_lit(o, ": ");
    out_str(o, str_of(end_reason_info(why)->text));
    if (rule) {
        out_lit(o, " (");
        out_str(o, str_of(rule));
        out_char(o, ')');
    }
    out_lit(o, "\nrequest id ");
    out_str(o, id);
    out_char(o, '\n');
}

static bool short_body(struct exchange *ex, struct reply *r, enum end_reason why)
{
    char id[32];
    char *mem = arena_alloc(&ex->arena, SHORT_BODY_BYTES);
    if (!mem)
        return false;
    struct out o = out_into(mem, SHORT_BODY_BYTES);
    const char *rule = ex->forward && r->status == 403 ? ex->forward->verdict.by : NULL;
    bool json = prefers_json(&ex->head);
    r->content_type = json ? STR("application/json") : STR("text/plain; charset=utf-8");
    if (json)
        write_short_json(&o, r, why, rule, request_id(ex, id));
    else
        write_short_text(&o, r, why, rule, request_id(ex, id));
    r->body = (struct str){ mem, out_len(&o) };
    return !o.full;
}

/* --- what to answer --- */

static const struct error_page *find_page(const struct handling *p, unsigned status)
{
    for (uint32_t i = p->error_pages.items_count; i-- > 0;) {
        const struct error_page *page = &p->error_pages.items[i];
        if (status >= page->status_min && status <= page->status_max)
            return page;
    }
    return NULL;
}

static bool error_reply(struct exchange *ex, struct reply *r, enum end_reason why)
{
    r->status = ex->status = (uint16_t)end_reason_info(why)->status;
    const struct error_page *page = find_page(ex->handling, r->status);
    r->retry_after_s = ex->retry_after_s;
    r->to_https = why == END_HTTPS_REDIRECT;
    if (why == END_MAINTENANCE) {
        const struct maintenance_config *m = &ex->site->maintenance;
        r->retry_after_s = m->retry_after_s;
        if (m->page)
            page = m->page;
    }
    r->for_proxy = r->status == 407;
    if (why == END_AUTH_REQUIRED || why == END_AUTH_FAILED || r->for_proxy)
        r->realm = ex->handling->basic_auth->realm;
    if (why == END_METHOD_NOT_ALLOWED && ex->handling->methods.items_count)
        r->allow = &ex->handling->methods;
    if (!page)
        return short_body(ex, r, why);
    char id[32];
    struct template_ctx ctx = request_template_ctx(ex, id);
    r->content_type = page->content_type;
    r->body = fill_template(ex, &page->body, &ctx);
    return r->body.ptr || short_body(ex, r, why);
}

/* Trailers only: a head that ends the stream. */
static void write_grpc_head(struct exchange *ex, struct out *o, enum end_reason why)
{
    char id[32];
    const struct end_reason_info *info = end_reason_info(why);
    unsigned status = info->status;
    ex->status = 200;
    forward_status(o, 200, (struct str){ 0 }, true);
    out_lit(o, "\r\nDate: ");
    out_str(o, worker_date(ex->w));
    out_lit(o, "\r\nContent-Type: application/grpc\r\ngrpc-status: ");
    out_u64(o, grpc_status_of(status));
    out_lit(o, "\r\ngrpc-message: ");
    grpc_write_message(o, str_of(info->text));
    out_lit(o, " (request id ");
    grpc_write_message(o, request_id(ex, id));
    out_char(o, ')');
    uint32_t retry_after_s =
        why == END_MAINTENANCE ? ex->site->maintenance.retry_after_s : ex->retry_after_s;
    if (retry_after_s) { /* gRFC A6 */
        out_lit(o, "\r\ngrpc-retry-pushback-ms: ");
        out_u64(o, (uint64_t)retry_after_s * 1000);
    }
    out_lit(o, "\r\n\r\n");
}

static bool route_reply(struct exchange *ex, struct reply *r)
{
    const struct route_config *route = ex->match.route;
    if (ex->forward && ex->forward->pac) {
        r->status = ex->status = 200;
        r->content_type = STR("application/x-ns-proxy-autoconfig");
        r->body = forward_pac(ex);
        return r->body.len > 0;
    }
    if (!route) { /* OPTIONS whose hops ended here */
        r->status = ex->status = 204;
        return true;
    }
    if (route->action == ACTION_REDIRECT) {
        r->status = route->redirect.status;
        r->location = &route->redirect.to;
    } else {
        r->status = route->respond.status;
        r->headers = &route->respond.headers;
        r->content_type = STR("text/plain; charset=utf-8");
        for (uint32_t i = 0; i < r->headers->items_count; i++)
            if (str_eq_fold(r->headers->items[i].name, STR("content-type")))
                r->content_type = (struct str){ 0 };
    }
    ex->status = (uint16_t)r->status;
    char id[32];
    struct template_ctx ctx = request_template_ctx(ex, id);
    if (route->action == ACTION_RESPOND)
        r->body = fill_template(ex, &route->respond.body, &ctx);
    return true;
}

/* --- writing --- */

static void write_allow(struct out *o, const struct reply *r)
{
    out_lit(o, "\r\nAllow: ");
    if (!r->allow) {
        out_lit(o, "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
        return;
    }
    for (uint32_t i = 0; i < r->allow->items_count; i++) {
        if (i)
            out_lit(o, ", ");
        out_str(o, r->allow->items[i]);
    }
}

/* RFC 7617 2: a quoted string, and the only charset there is. */
static void write_challenge(struct out *o, struct str realm, bool for_proxy)
{
    out_str(o, for_proxy ? STR("\r\nProxy-Authenticate") : STR("\r\nWWW-Authenticate"));
    out_lit(o, ": Basic realm=\"");
    for (size_t i = 0; i < realm.len; i++) {
        if (realm.ptr[i] == '"' || realm.ptr[i] == '\\')
            out_char(o, '\\');
        out_char(o, realm.ptr[i]);
    }
    out_lit(o, "\", charset=\"UTF-8\"");
}

static void write_rule_headers(struct out *o, const struct reply *r, struct exchange *ex)
{
    char id[32];
    struct template_ctx ctx = request_template_ctx(ex, id);
    if (r->location) {
        out_lit(o, "\r\nLocation: ");
        template_write(o, r->location, &ctx);
    }
    for (uint32_t i = 0; r->headers && i < r->headers->items_count; i++) {
        out_lit(o, "\r\n");
        out_str(o, r->headers->items[i].name);
        out_lit(o, ": ");
        template_write(o, &r->headers->items[i].value, &ctx);
    }
}

/* RFC 9110 8.6: no length with 204; 304 and 1xx are never ours. */
static bool may_have_body(unsigned status)
{
    return status != 204 && status != 304;
}

static void write_head(struct out *o, const struct reply *r, struct exchange *ex)
{
    bool http2 = exchange_is_http2(ex);
    forward_status(o, r->status, (struct str){ 0 }, http2);
    out_lit(o, "\r\nDate: ");
    out_str(o, worker_date(ex->w));
    if (r->status == 405 || (r->status == 204 && !ex->match.route))
        write_allow(o, r);
    if (r->realm.len)
        write_challenge(o, r->realm, r->for_proxy);
    write_rule_headers(o, r, ex);
    if (r->to_https) {
        out_lit(o, "\r\nLocation: ");
        client_tls_write_location(ex, o);
    }
    struct str hsts = client_tls_hsts(ex);
    if (hsts.len) {
        out_lit(o, "\r\nStrict-Transport-Security: ");
        out_str(o, hsts);
    }
    if (r->retry_after_s) {
        out_lit(o, "\r\nRetry-After: ");
        out_u64(o, r->retry_after_s);
    }
    if (r->content_type.len && r->body.len) {
        out_lit(o, "\r\nContent-Type: ");
        out_str(o, r->content_type);
    }
    if (may_have_body(r->status)) {
        out_lit(o, "\r\nContent-Length: ");
        out_u64(o, r->body.len);
    }
    if (ex->close_after && !http2)
        out_lit(o, "\r\nConnection: close");
    else if (ex->head.version_minor == 0)
        out_lit(o, "\r\nConnection: keep-alive");
    out_lit(o, "\r\n\r\n");
}

bool reply_write(struct exchange *ex, enum end_reason why)
{
    struct reply r = { 0 };
    bool grpc = ex->grpc && why != END_REPLIED;
    if (grpc)
        r.status = 204; /* of the answer's form: no body */
    else if (why == END_REPLIED ? !route_reply(ex, &r) : !error_reply(ex, &r, why))
        return false;
    char *mem = arena_alloc(&ex->arena, HEAD_ROOM_BYTES);
    if (!mem)
        return false;
    struct out o = out_into(mem, HEAD_ROOM_BYTES);
    if (grpc)
        write_grpc_head(ex, &o, why);
    else
        write_head(&o, &r, ex);
    arena_trim(&ex->arena, mem + HEAD_ROOM_BYTES, o.at);
    if (o.full || !ex->down->head(ex, (struct str){ mem, out_len(&o) }, NULL))
        return false;
    bool body = may_have_body(r.status) && r.body.len && ex->head.method_id != METHOD_HEAD;
    if (body && !ex->down->text(ex, r.body))
        return false;
    ex->out.sink.ops->end(&ex->out.sink, NULL);
    return true;
}
