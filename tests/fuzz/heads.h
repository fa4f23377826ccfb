/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must be true of every head, shared by the fuzz targets. */
#ifndef SLUICE_TESTS_FUZZ_HEADS_H
#define SLUICE_TESTS_FUZZ_HEADS_H

#include "core/base/check.h"
#include "core/http/h1_head.h"

typedef enum h1_result parse_fn(const char *p, size_t n, size_t seen, struct http_head *h,
                                enum end_reason *why);

/* Parses s as it would come in two pieces, at a few cuts: what was said of the first piece may only
 * become more certain, and the hint changes nothing. */
static inline enum h1_result parse_in_pieces(parse_fn *parse, struct str s, struct http_head *h,
                                             enum end_reason *why)
{
    enum h1_result whole = parse(s.ptr, s.len, 0, h, why);
    struct http_head other;
    enum end_reason other_why = END_OK;
    size_t step = s.len / 8 + 1;
    for (size_t cut = 0; cut <= s.len; cut += step) {
        enum h1_result part = parse(s.ptr, cut, 0, &other, &other_why);
        if (part != H1_PARTIAL) {
            CHECK(part == whole && (part == H1_DONE || other_why == *why));
            continue;
        }
        CHECK(parse(s.ptr, s.len, cut, &other, &other_why) == whole);
        CHECK(whole != H1_ERROR || other_why == *why);
        CHECK(whole != H1_DONE ||
              (other.head_bytes == h->head_bytes && other.fields_count == h->fields_count));
    }
    return whole;
}

/* Every span lies in the head and holds only what may stand there. */
static inline void check_fields(const struct http_head *h)
{
    CHECK(h->fields_count <= HEAD_FIELDS_MAX);
    for (uint32_t i = 0; i < h->fields_count; i++) {
        const struct http_field *f = &h->fields[i];
        struct str name = head_str(h, f->name), value = head_value(h, f);
        CHECK(name.len > 0 && f->name.off + name.len < f->value.off + value.len + 1);
        CHECK(f->value.off + value.len + 4 <= h->head_bytes);
        CHECK(f->id == http_field_lookup(name));
        for (size_t k = 0; k < name.len; k++)
            CHECK(name.ptr[k] > ' ' && name.ptr[k] < 0x7f && name.ptr[k] != ':');
        for (size_t k = 0; k < value.len; k++)
            CHECK(value.ptr[k] == '\t' ||
                  ((unsigned char)value.ptr[k] >= ' ' && value.ptr[k] != 0x7f));
        CHECK(value.len == 0 || (value.ptr[0] != ' ' && value.ptr[0] != '\t'));
        CHECK(value.len == 0 ||
              (value.ptr[value.len - 1] != ' ' && value.ptr[value.len - 1] != '\t'));
    }
}

/* Whether h has a field of that name and value. */
static inline bool has_field(const struct http_head *h, struct str name, struct str value)
{
    for (uint32_t i = 0; i < h->fields_count; i++)
        if (str_eq(head_str(h, h->fields[i].name), name) &&
            str_eq(head_value(h, &h->fields[i]), value))
            return true;
    return false;
}

static inline unsigned count_fields(const struct http_head *h, enum http_field_id id)
{
    unsigned n = 0;
    for (const struct http_field *f = head_field(h, id); f; f = head_field_next(h, f))
        n++;
    return n;
}

/* Fields that are about one connection only. */
static inline void check_no_hop_by_hop(const struct http_head *h)
{
    static const enum http_field_id never[] = {
        FIELD_KEEP_ALIVE,
        FIELD_PROXY_CONNECTION,
        FIELD_TE,
        FIELD_UPGRADE,
        FIELD_PROXY_AUTHENTICATE,
        FIELD_PROXY_AUTHORIZATION,
        FIELD_PROXY_AUTHENTICATION_INFO,
        FIELD_HTTP2_SETTINGS,
    };
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        CHECK(count_fields(h, never[i]) == 0);
}

#endif
