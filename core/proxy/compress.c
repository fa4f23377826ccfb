/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/compress.h"

#include "core/base/check.h"
#include "core/http/cache_control.h"
#include "core/http/chars.h"
#include "core/http/condition.h"
#include "core/proxy/body_coder.h"
#include "core/proxy/edit.h"
#include "core/proxy/exchange.h"
#include "core/proxy/fetch.h"
#include "core/proxy/upstream.h"
#include "core/proxy/worker.h"

/* --- what may be coded --- */

bool compress_allowed(const struct http_head *h)
{
    struct cache_control cc;
    if (h->status < 200 || h->status == 204 || h->status == 205 || h->status == 206 ||
        h->status == 304 || head_field_named(h, STR("content-range")))
        return false;
    if (!head_field(h, FIELD_CACHE_CONTROL))
        return true;
    cache_control_read(&cc, h);
    return !(cc.given & CC_NO_TRANSFORM);
}

enum coding compress_coding_of(const struct http_head *h)
{
    enum coding coding = CODING_IDENTITY;
    const struct http_field *f = head_field(h, FIELD_CONTENT_ENCODING);
    for (; f; f = head_field_next(h, f)) {
        struct str rest = head_value(h, f), name;
        while (http_list_next(&rest, &name)) {
            if (coding != CODING_IDENTITY)
                return CODING_COUNT;
            coding = coding_of_name(name);
        }
    }
    return coding;
}

static bool ends_with(struct str s, struct str end)
{
    return s.len > end.len && str_eq_fold((struct str){ s.ptr + s.len - end.len, end.len }, end);
}

static bool type_listed(const struct strings *types, struct str value)
{
    const char *semi = memchr(value.ptr, ';', value.len);
    struct str type = { value.ptr, semi ? (size_t)(semi - value.ptr) : value.len };
    while (type.len && char_is_ows(type.ptr[type.len - 1]))
        type.len--;
    for (uint32_t i = 0; i < types->items_count; i++) {
        struct str t = types->items[i];
        bool fits = t.ptr[0] == '+' ? ends_with(type, t)
                    : t.ptr[t.len - 1] == '/'
                        ? type.len > t.len && str_eq_fold((struct str){ type.ptr, t.len }, t)
                        : str_eq_fold(type, t);
        if (fits)
            return true;
    }
    return false;
}

bool compress_suits(const struct compress_config *rules, const struct http_head *h, uint64_t length)
{
    const struct http_field *type = head_field(h, FIELD_CONTENT_TYPE);
    return rules && type && compress_allowed(h) && !head_field(h, FIELD_CONTENT_ENCODING) &&
           (length == UINT64_MAX || length >= rules->bytes_min) && length != 0 &&
           type_listed(&rules->types, head_value(h, type));
}

/* --- what the client wants --- */

enum coding compress_wanted(const struct exchange *ex)
{
    const struct compress_config *rules = ex->handling->compress;
    uint16_t weights[CODING_COUNT];
    uint32_t offered = UINT32_C(1) << CODING_IDENTITY;
    if (!rules || ex->head.version_minor == 0 || head_field(&ex->head, FIELD_RANGE) ||
        !head_field(&ex->head, FIELD_ACCEPT_ENCODING))
        return CODING_IDENTITY;
    for (uint32_t i = 0; i < rules->encodings_count; i++)
        offered |= UINT32_C(1) << rules->encodings[i];
    accept_encoding_read(&ex->head, weights);
    return accept_encoding_choose(weights, offered, rules->encodings, rules->encodings_count);
}

bool compress_accepted(const struct exchange *ex, enum coding coding)
{
    uint16_t weights[CODING_COUNT];
    if (head_field(&ex->head, FIELD_RANGE))
        return coding == CODING_IDENTITY;
    accept_encoding_read(&ex->head, weights);
    return coding < CODING_COUNT && weights[coding] > 0;
}

/* --- the exchange's coder --- */

struct exchange_coder {
    struct body_coder c;
    struct exchange *ex;
};

static struct exchange *exchange_of(struct body_coder *c)
{
    return container_of(c, struct exchange_coder, c)->ex;
}

static void failed(struct body_coder *c)
{
    struct exchange *ex = exchange_of(c);
    if (ex->attempt.up)
        upstream_abort(&ex->attempt);
    if (ex->fetch)
        fetch_failed(ex, (enum end_reason)c->why);
    else if (ex->state == EX_RESPONDING)
        exchange_response_broken(ex, (enum end_reason)c->why);
}

static void hold(struct body_coder *c)
{
    exchange_ref(exchange_of(c));
}

static void release(struct body_coder *c)
{
    exchange_unref(exchange_of(c));
}

static const struct body_coder_user user = { failed, hold, release };

static struct body_coder *make_coder(struct exchange *ex)
{
    struct exchange_coder *e = arena_alloc(&ex->arena, sizeof *e);
    if (!e)
        return NULL;
    e->ex = ex;
    body_coder_init(&e->c, ex->w, &ex->arena, &user);
    return &e->c;
}

static bool keep_coder(struct exchange *ex, struct body_coder *c, bool begun)
{
    if (begun)
        ex->coder = c;
    else
        counter_add(&ex->w->counters->coders_refused, 1);
    return begun;
}

bool compress_encode(struct exchange *ex, enum coding to, uint64_t length)
{
    struct body_coder *c = make_coder(ex);
    return keep_coder(ex, c,
                      c && coder_encode(&c->coder, &ex->w->coders.pool, to,
                                        ex->handling->compress->levels[to], length));
}

bool compress_decode(struct exchange *ex, enum coding from, bool ours)
{
    struct body_coder *c = make_coder(ex);
    return keep_coder(ex, c, c && coder_decode(&c->coder, &ex->w->coders.pool, from, ours));
}

/* A 304 is about what the client has: if that is a tag of ours, it stays one. */
static void match_tag(struct exchange *ex, const struct http_head *h)
{
    const struct http_field *etag = head_field(h, FIELD_ETAG);
    const struct http_field *f = head_field(&ex->head, FIELD_IF_NONE_MATCH);
    for (; etag && f; f = head_field_next(&ex->head, f)) {
        struct str rest = head_value(&ex->head, f), tag;
        while (http_list_next(&rest, &tag))
            if (tag.len > 2 && tag.ptr[0] == 'W' && etag_matches_weakly(tag, head_value(h, etag)))
                ex->coding = (struct answer_coding){ .vary = true, .changed = true };
    }
}

void compress_answer(struct exchange *ex, const struct http_head *h, struct framing *f)
{
    const struct compress_config *rules = ex->handling->compress;
    uint64_t length = f->kind == BODY_LENGTH                       ? f->length
                      : f->kind == BODY_NONE && f->length_declared ? f->declared_length
                                                                   : UINT64_MAX;
    bool head_only = ex->head.method_id == METHOD_HEAD;
    if (!rules || ex->refused_elsewhere)
        return;
    if (h->status == 304)
        match_tag(ex, h);
    if ((f->kind == BODY_NONE && !head_only) || !compress_suits(rules, h, length))
        return;
    ex->coding.vary = true;
    enum coding to = compress_wanted(ex);
    if (to == CODING_IDENTITY || (!head_only && !compress_encode(ex, to, length)))
        return;
    ex->coding.changed = true;
    ex->coding.to = (uint8_t)to;
    *f = head_only ? (struct framing){ .kind = BODY_NONE }
                   : (struct framing){ .kind = BODY_CHUNKED };
}

/* --- heads --- */

static bool add_vary(const struct http_head *h, struct field_edits *e, struct out *o)
{
    char text[512];
    struct out v = out_into(text, sizeof text);
    if (head_list_has(h, FIELD_VARY, STR("accept-encoding")) ||
        head_list_has(h, FIELD_VARY, STR("*")))
        return true;
    const struct http_field *f = head_field(h, FIELD_VARY);
    for (; f; f = head_field_next(h, f)) {
        out_str(&v, head_value(h, f));
        out_lit(&v, ", ");
    }
    out_lit(&v, "Accept-Encoding");
    if (v.full) /* as a line of its own */
        return edits_add_line(e, STR("Vary"), STR("Accept-Encoding"), o);
    edits_drop(e, h, STR("vary"));
    return edits_add_line(e, STR("Vary"), (struct str){ text, out_len(&v) }, o);
}

/* RFC 9110 8.8.1: bytes that differ must not share a strong tag. */
static bool weaken_tag(const struct http_head *h, struct field_edits *e, struct out *o)
{
    const struct http_field *f = head_field(h, FIELD_ETAG);
    char text[1024];
    struct out v = out_into(text, sizeof text);
    struct str tag = f ? head_value(h, f) : (struct str){ 0 };
    if (!f || (tag.len > 1 && tag.ptr[0] == 'W'))
        return true;
    edits_drop(e, h, STR("etag"));
    out_lit(&v, "W/");
    out_str(&v, tag);
    return v.full || edits_add_line(e, STR("ETag"), (struct str){ text, out_len(&v) }, o);
}

bool compress_edit(const struct exchange *ex, const struct http_head *h, struct field_edits *e,
                   struct out *o)
{
    static const struct str of_the_bytes[] = {
        { "accept-ranges", 13 },  { "content-md5", 11 }, { "digest", 6 },
        { "content-digest", 14 }, { "repr-digest", 11 },
    };
    const struct answer_coding *c = &ex->coding;
    if (c->vary && !add_vary(h, e, o))
        return false;
    if (!c->changed)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(of_the_bytes); i++)
        edits_drop(e, h, of_the_bytes[i]);
    if (!weaken_tag(h, e, o))
        return false;
    if (h->status == 304)
        return true;
    edits_drop(e, h, STR("content-encoding"));
    return c->to == CODING_IDENTITY ||
           edits_add_line(e, STR("Content-Encoding"), coding_name((enum coding)c->to), o);
}

bool compress_edit_request(const struct exchange *ex, struct field_edits *e, struct out *o)
{
    const struct http_field *f = head_field(&ex->head, FIELD_IF_MATCH);
    if (!f || !ex->handling->compress)
        return true;
    char text[2048];
    struct out v = out_into(text, sizeof text);
    bool weak = false;
    for (; f; f = head_field_next(&ex->head, f)) {
        struct str rest = head_value(&ex->head, f), tag;
        while (http_list_next(&rest, &tag)) {
            if (tag.len > 2 && tag.ptr[0] == 'W' && tag.ptr[1] == '/') {
                tag = (struct str){ tag.ptr + 2, tag.len - 2 };
                weak = true;
            }
            if (out_len(&v))
                out_lit(&v, ", ");
            out_str(&v, tag);
        }
    }
    if (!weak || v.full)
        return true;
    edits_drop(e, &ex->head, STR("if-match"));
    return edits_add_line(e, STR("If-Match"), (struct str){ text, out_len(&v) }, o);
}
