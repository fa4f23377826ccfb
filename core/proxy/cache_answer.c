/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/cache_answer.h"

#include <string.h>

#include "core/base/check.h"
#include "core/http/forward_fields.h"
#include "core/http/h1_head.h"
#include "core/proxy/cache_hub.h"
#include "core/proxy/cache_reader.h"
#include "core/proxy/cache_variant.h"
#include "core/proxy/compress.h"
#include "core/proxy/edit.h"
#include "core/proxy/exchange.h"
#include "core/proxy/response.h"
#include "core/proxy/worker.h"

#define PART_HEAD_BYTES_MAX 512 /* without the content's type */

/* --- Age, Cache-Status --- */

/* RFC 9211 2 */
static void write_status(struct out *o, const struct exchange *ex)
{
    const struct cache_reader *r = ex->reader;
    out_lit(o, "sluice; ");
    out_str(o, str_of(cache_status_member((enum cache_status)ex->cache_status)));
    if (!r)
        return;
    if (ex->cache_status == CACHE_MISS && !object_is(r->o, OBJECT_PASSED_ON))
        out_lit(o, "; stored");
    const struct freshness *f = &object_head(r->o)->fresh;
    int64_t ttl_s =
        (int64_t)f->lifetime_s - (int64_t)freshness_age_s(f, ex->w->loop->wall_us / 1000000);
    out_lit(o, "; ttl=");
    if (ttl_s < 0)
        out_char(o, '-');
    out_u64(o, (uint64_t)(ttl_s < 0 ? -ttl_s : ttl_s));
}

static bool add_age(const struct exchange *ex, struct field_edits *e, struct out *o)
{
    char text[24];
    struct out v = out_into(text, sizeof text);
    uint32_t age_s =
        freshness_age_s(&object_head(ex->reader->o)->fresh, ex->w->loop->wall_us / 1000000);
    if (age_s == 0 && ex->cache_status == CACHE_MISS)
        return true; /* as the server sent it */
    out_u64(&v, age_s);
    return edits_add_line(e, STR("Age"), (struct str){ text, out_len(&v) }, o);
}

/* RFC 9110 15.4.5: what a 304 has, and no more. */
static void drop_for_not_modified(const struct http_head *h, struct field_edits *e)
{
    const uint64_t kept = FIELD_BIT(CACHE_CONTROL) | FIELD_BIT(DATE) | FIELD_BIT(ETAG) |
                          FIELD_BIT(EXPIRES) | FIELD_BIT(VARY) | FIELD_BIT(LAST_MODIFIED) |
                          FIELD_BIT(CDN_CACHE_CONTROL);
    for (uint32_t i = 0; i < h->fields_count; i++) {
        const struct http_field *f = &h->fields[i];
        if (!(f->id != FIELD_OTHER && kept >> f->id & 1) &&
            !str_eq_fold(head_str(h, f->name), STR("content-location")))
            e->dropped[i / 64] |= UINT64_C(1) << i % 64;
    }
}

bool cache_edit_answer(const struct exchange *ex, const struct http_head *h, struct field_edits *e,
                       struct out *o)
{
    const struct cache_reader *r = ex->reader;
    char text[128];
    struct out v = out_into(text, sizeof text);
    write_status(&v, ex);
    if (r && h->status == 304)
        drop_for_not_modified(h, e);
    if (r && r->content_type.len)
        edits_drop(e, h, STR("content-type"));
    return (!r || (add_age(ex, e, o) && edits_add_lines(e, r->lines, o))) &&
           (!ex->handling->cache->status_field || ex->cache_status == CACHE_NONE ||
            edits_add_line(e, STR("Cache-Status"), (struct str){ text, out_len(&v) }, o));
}

/* --- ranges --- */

static void write_content_range(struct out *o, const struct byte_range *range, uint64_t length)
{
    out_lit(o, "Content-Range: bytes ");
    if (range) {
        out_u64(o, range->first);
        out_char(o, '-');
        out_u64(o, range->first + range->length - 1);
    } else {
        out_char(o, '*');
    }
    out_char(o, '/');
    out_u64(o, length);
    out_lit(o, "\r\n");
}

static void write_boundary(struct out *o, const struct cache_reader *r)
{
    out_hex_padded(o, r->ex->id_lo, 16);
}

/* What stands before a part's bytes (RFC 9110 14.6). */
static void write_part_head(struct out *o, const struct cache_reader *r,
                            const struct byte_range *range)
{
    out_lit(o, "\r\n--");
    write_boundary(o, r);
    out_lit(o, "\r\nContent-Type: ");
    out_str(o, r->content_type);
    out_lit(o, "\r\n");
    write_content_range(o, range, object_bytes(r->body));
    out_lit(o, "\r\n");
}

static void write_last_boundary(struct out *o, const struct cache_reader *r)
{
    out_lit(o, "\r\n--");
    write_boundary(o, r);
    out_lit(o, "--\r\n");
}

/* A piece of text in the body. */
static bool give_text(struct cache_reader *r, const struct byte_range *range)
{
    struct buf *b = buf_take(&r->port->w->loop->bufs);
    if (!b) {
        r->failed = true;
        return false;
    }
    struct out o = out_into(b->data, b->cap);
    if (range)
        write_part_head(&o, r, range);
    else
        write_last_boundary(&o, r);
    CHECK(!o.full);
    r->to->ops->data(r->to, (struct buf_slice){ b, 0, (uint32_t)out_len(&o) });
    return true;
}

bool cache_answer_next_range(struct cache_reader *r)
{
    if (!r->ranges || r->failed || r->to->room == 0)
        return false;
    if (r->ranges_count == 0) {
        r->ranges = NULL;
        give_text(r, NULL);
        return false;
    }
    if (!give_text(r, r->ranges))
        return false;
    cursor_end(&r->cursor, r->body);
    cursor_begin(&r->cursor, r->body);
    r->skip = r->ranges->first;
    r->left = r->ranges->length;
    r->ranges++;
    r->ranges_count--;
    return true;
}

/* The length of all parts with what stands around them. */
static uint64_t multipart_length(const struct cache_reader *r)
{
    char text[PART_HEAD_BYTES_MAX + 256];
    uint64_t length = 0;
    for (uint32_t i = 0; i < r->ranges_count; i++) {
        struct out o = out_into(text, sizeof text);
        write_part_head(&o, r, &r->ranges[i]);
        length += out_len(&o) + r->ranges[i].length;
    }
    struct out o = out_into(text, sizeof text);
    write_last_boundary(&o, r);
    return length + out_len(&o);
}

/* Several parts. False: as if no range were asked for. */
static bool make_multipart(struct cache_reader *r, const struct http_head *h,
                           const struct byte_range *ranges, uint32_t count, struct out *lines)
{
    const struct http_field *type = head_field(h, FIELD_CONTENT_TYPE);
    struct str value = type ? head_value(h, type) : STR("application/octet-stream");
    size_t bytes = count * sizeof *ranges;
    char *mem = arena_alloc(&r->ex->arena, bytes + value.len);
    if (!mem || value.len > 256)
        return false;
    memcpy(mem, ranges, bytes);
    memcpy(mem + bytes, value.ptr, value.len);
    r->ranges = (struct byte_range *)(void *)mem;
    r->ranges_count = count;
    r->content_type = (struct str){ mem + bytes, value.len };
    r->left = 0; /* the first part is yet to begin */
    out_lit(lines, "Content-Type: multipart/byteranges; boundary=");
    write_boundary(lines, r);
    out_lit(lines, "\r\n");
    return true;
}

static void set_status(struct http_head *h, uint16_t status)
{
    h->status = status;
    h->reason.len = 0; /* the usual one */
}

/* What of a body of known length is wanted. */
static void choose_ranges(struct cache_reader *r, struct http_head *h, uint64_t length,
                          struct framing *f, struct out *lines)
{
    struct byte_range ranges[RANGES_MAX];
    uint32_t count;
    uint64_t now_s = r->port->w->loop->wall_us / 1000000;
    switch (range_read(&r->ex->head, h, length, now_s, ranges, &count)) {
    case RANGE_NONE:
        return;
    case RANGE_UNSATISFIABLE:
        set_status(h, 416);
        write_content_range(lines, NULL, length);
        *f = (struct framing){ .kind = BODY_LENGTH };
        return;
    case RANGE_SOME:
        break;
    }
    if (count == 1) {
        r->skip = ranges[0].first;
        r->left = f->length = ranges[0].length;
        write_content_range(lines, ranges, length);
    } else if (object_state(r->body) == OBJECT_WHOLE &&
               make_multipart(r, h, ranges, count, lines)) {
        f->length = multipart_length(r);
    } else {
        return;
    }
    set_status(h, 206);
}

/* --- the head --- */

/* Without it the length is known when all has come. */
static uint64_t length_of(const struct cache_object *o)
{
    return object_state(o) == OBJECT_WHOLE ? object_bytes(o) : object_head(o)->length;
}

static struct framing frame(const struct exchange *ex, const struct http_head *h, uint64_t length)
{
    struct framing f = { .kind = BODY_LENGTH, .length = length };
    if (length == CACHE_LENGTH_UNKNOWN)
        f = (struct framing){ .kind = BODY_CHUNKED };
    if (h->status == 204 || h->status == 304 || ex->head.method_id == METHOD_HEAD)
        f = (struct framing){
            .kind = BODY_NONE,
            .length_declared = length != CACHE_LENGTH_UNKNOWN && h->status != 204,
            .declared_length = length,
        };
    return f;
}

static void parse_stored(const struct cache_reader *r, struct http_head *h)
{
    struct str text = cache_head_text(object_head(r->o));
    enum end_reason why;
    CHECK(h1_parse_response(text.ptr, text.len, 0, h, &why) == H1_DONE);
}

static bool is_not_modified(struct cache_reader *r, const struct http_head *h)
{
    uint64_t now_s = r->port->w->loop->wall_us / 1000000, date_s;
    const struct http_field *date = head_field(h, FIELD_DATE);
    if (!date || !http_date_parse(head_value(h, date), now_s, &date_s))
        date_s = now_s;
    return h->status == 200 && condition_not_modified(&r->ex->head, h, date_s, now_s);
}

/* A short body goes with its head, from where it lies. */
static bool give_short_body(struct cache_reader *r, const struct framing *f)
{
    struct exchange *ex = r->ex;
    uint32_t n;
    const uint8_t *body = object_small_body(r->body, &n);
    if (!body || ex->coder || f->kind != BODY_LENGTH || f->length != n || r->ranges || r->skip)
        return false;
    if (n && !ex->down->text(ex, (struct str){ (const char *)body, n }))
        return false;
    ex->answer_ns = ex->w->loop->now_ns;
    ex->out.sink.ops->end(&ex->out.sink, NULL);
    return true;
}

/* --- codings --- */

static struct answer_coding coded(bool changed, enum coding to)
{
    return (struct answer_coding){ .vary = true, .changed = changed, .to = (uint8_t)to };
}

void cache_answer_as_stored(struct cache_reader *r)
{
    const struct cache_head *h = object_head(r->o);
    r->length_known = true;
    if (h->form != FORM_FIXED)
        r->ex->coding = coded(h->form == FORM_OURS, (enum coding)h->coding);
}

/* Others may find it, and so its variants. */
static bool is_kept(const struct cache_object *o)
{
    return object_state(o) == OBJECT_WHOLE && !object_is(o, OBJECT_PASSED_ON) &&
           !object_is(o, OBJECT_REMOVED);
}

static bool needs_body(struct cache_reader *r)
{
    const struct http_head *q = &r->ex->head;
    struct http_head h;
    if (q->method_id == METHOD_HEAD)
        return false;
    if (!head_field(q, FIELD_IF_NONE_MATCH) && !head_field(q, FIELD_IF_MODIFIED_SINCE))
        return true;
    parse_stored(r, &h);
    return !is_not_modified(r, &h);
}

/* In the coding in which it is not stored. Of a whole object that is a variant; what is still
 * coming is coded for this client. NULL: r->o, see above. */
static struct cache_object *in_coding(struct cache_reader *r, enum coding to)
{
    struct exchange *ex = r->ex;
    const struct cache_head *h = object_head(r->o);
    struct cache_object *variant = NULL;
    r->length_known = false;
    if (needs_body(r)) {
        variant = is_kept(r->o) ? cache_variant_find(r, to) : NULL;
        r->length_known = variant != NULL;
        bool made = variant || (to == CODING_IDENTITY ? compress_decode(ex, (enum coding)h->coding,
                                                                        h->form == FORM_OURS)
                                                      : compress_encode(ex, to, UINT64_MAX));
        if (!made) {
            cache_answer_as_stored(r);
            return NULL;
        }
    }
    ex->coding = coded(h->form != FORM_OURS, to);
    return variant;
}

struct cache_object *cache_answer_variant(struct cache_reader *r)
{
    struct exchange *ex = r->ex;
    const struct cache_head *h = object_head(r->o);
    enum coding stored = (enum coding)h->coding, to = stored;
    if (h->form == FORM_PLAIN)
        to = compress_wanted(ex);
    else if (h->form != FORM_FIXED && !compress_accepted(ex, stored))
        to = CODING_IDENTITY;
    if (to != stored)
        return in_coding(r, to);
    cache_answer_as_stored(r);
    return NULL;
}

/* --- all of it --- */

bool cache_answer(struct cache_reader *r)
{
    struct exchange *ex = r->ex;
    struct http_head stored, *h = &stored;
    char lines[160];
    struct out o = out_into(lines, sizeof lines);
    parse_stored(r, h);
    uint64_t length = r->length_known ? length_of(r->body) : CACHE_LENGTH_UNKNOWN;
    if (is_not_modified(r, h))
        set_status(h, 304);
    struct framing f = frame(ex, h, length);
    if (h->status == 304)
        f.length_declared = false;
    if (h->status == 200 && f.kind == BODY_LENGTH && !ex->coding.changed)
        choose_ranges(r, h, length, &f, &o);
    char *kept = arena_alloc(&ex->arena, sizeof lines);
    if (!kept) {
        exchange_reply(ex, END_OVERLOADED);
        return false;
    }
    memcpy(kept, lines, out_len(&o));
    r->lines = (struct str){ kept, out_len(&o) };
    ex->state = EX_WAITING;
    enum body_framing framing = exchange_respond_head(ex, h, &f);
    if (ex->state != EX_RESPONDING)
        return false;
    if (f.kind == BODY_NONE || (f.kind == BODY_LENGTH && f.length == 0) || give_short_body(r, &f)) {
        if (f.kind != BODY_LENGTH || f.length == 0)
            ex->out.sink.ops->end(&ex->out.sink, NULL);
        r->to = NULL;
        return true;
    }
    r->to = exchange_open_body(ex, framing, &f, &r->source);
    return true;
}
