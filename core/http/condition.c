/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/condition.h"

#include "core/http/date.h"

/* --- entity tags --- */

struct etag {
    bool weak;
    struct str opaque; /* with its quotes */
};

/* RFC 9110 8.8.3 */
static bool parse_etag(struct str s, struct etag *e)
{
    e->weak = s.len >= 2 && s.ptr[0] == 'W' && s.ptr[1] == '/';
    if (e->weak)
        s = (struct str){ s.ptr + 2, s.len - 2 };
    e->opaque = s;
    if (s.len < 2 || s.ptr[0] != '"' || s.ptr[s.len - 1] != '"')
        return false;
    for (size_t i = 1; i + 1 < s.len; i++)
        if (s.ptr[i] == '"' || (uint8_t)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f)
            return false;
    return true;
}

bool etag_matches_weakly(struct str a, struct str b)
{
    struct etag x, y;
    return parse_etag(a, &x) && parse_etag(b, &y) && str_eq(x.opaque, y.opaque);
}

bool etag_matches_strongly(struct str a, struct str b)
{
    struct etag x, y;
    return parse_etag(a, &x) && parse_etag(b, &y) && !x.weak && !y.weak &&
           str_eq(x.opaque, y.opaque);
}

/* The next of a list of entity tags. A comma may stand within one, and a backslash means nothing
 * there: http_list_next() would not do. */
static bool next_etag(struct str *rest, struct str *tag)
{
    const char *p = rest->ptr, *end = p + rest->len;
    while (p < end && (*p == ' ' || *p == '\t' || *p == ','))
        p++;
    const char *start = p;
    if (end - p >= 2 && p[0] == 'W' && p[1] == '/')
        p += 2;
    if (p < end && *p == '"') {
        const char *quote = memchr(p + 1, '"', (size_t)(end - p - 1));
        p = quote ? quote + 1 : end;
    }
    while (p < end && *p != ',')
        p++;
    const char *stop = p;
    while (stop > start && (stop[-1] == ' ' || stop[-1] == '\t'))
        stop--;
    *tag = (struct str){ start, (size_t)(stop - start) };
    *rest = (struct str){ p, (size_t)(end - p) };
    return tag->len > 0;
}

static bool none_match_hits(const struct http_head *request, const struct http_head *stored)
{
    const struct http_field *etag = head_field(stored, FIELD_ETAG);
    const struct http_field *f = head_field(request, FIELD_IF_NONE_MATCH);
    for (; f; f = head_field_next(request, f)) {
        struct str rest = head_value(request, f), tag;
        if (str_eq(rest, STR("*")))
            return true;
        while (etag && next_etag(&rest, &tag))
            if (etag_matches_weakly(tag, head_value(stored, etag)))
                return true;
    }
    return false;
}

/* --- conditions --- */

static bool date_of(const struct http_head *h, enum http_field_id id, uint64_t now_s, uint64_t *s)
{
    const struct http_field *f = head_field(h, id);
    return f && !head_field_next(h, f) && http_date_parse(head_value(h, f), now_s, s);
}

bool condition_not_modified(const struct http_head *request, const struct http_head *stored,
                            uint64_t stored_date_s, uint64_t now_s)
{
    if (request->method_id != METHOD_GET && request->method_id != METHOD_HEAD)
        return false;
    if (head_field(request, FIELD_IF_NONE_MATCH)) /* RFC 9110 13.2.2: then the date is nothing */
        return none_match_hits(request, stored);
    uint64_t since_s, modified_s;
    if (!date_of(request, FIELD_IF_MODIFIED_SINCE, now_s, &since_s))
        return false;
    if (!date_of(stored, FIELD_LAST_MODIFIED, now_s, &modified_s))
        modified_s = stored_date_s;
    return modified_s <= since_s;
}

bool condition_is_for_the_server(const struct http_head *request)
{
    return head_field(request, FIELD_IF_MATCH) || head_field(request, FIELD_IF_UNMODIFIED_SINCE);
}

/* RFC 9110 13.1.5: a strong match; a date only if it is exactly that of the response, which must be
 * older than a minute by its own Date to be a strong validator (8.8.2.2). */
static bool if_range_holds(const struct http_head *request, const struct http_head *stored,
                           uint64_t now_s)
{
    const struct http_field *f = head_field(request, FIELD_IF_RANGE);
    if (!f)
        return true;
    struct str v = head_value(request, f);
    const struct http_field *etag = head_field(stored, FIELD_ETAG);
    struct etag parsed;
    if (parse_etag(v, &parsed))
        return etag && etag_matches_strongly(v, head_value(stored, etag));
    uint64_t asked_s, modified_s, date_s;
    return http_date_parse(v, now_s, &asked_s) &&
           date_of(stored, FIELD_LAST_MODIFIED, now_s, &modified_s) && asked_s == modified_s &&
           date_of(stored, FIELD_DATE, now_s, &date_s) && modified_s + 60 <= date_s;
}

/* --- ranges --- */

/* Digits up to the end or the stop; beyond 64 bits: UINT64_MAX. False: none. */
static bool take_number(struct str *s, uint64_t *v)
{
    size_t n = 0;
    uint64_t sum = 0;
    for (; n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9'; n++)
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(s->ptr[n] - '0'), &sum))
            sum = UINT64_MAX / 10 + 1; /* every further digit overflows, too */
    if (n == 0)
        return false;
    *s = (struct str){ s->ptr + n, s->len - n };
    *v = sum;
    return true;
}

/* One range-spec (RFC 9110 14.1.2). False: malformed. r->length 0: nothing of it is there. */
static bool parse_range(struct str s, uint64_t length, struct byte_range *r)
{
    uint64_t first = 0, last = UINT64_MAX;
    bool has_first = take_number(&s, &first);
    if (s.len == 0 || s.ptr[0] != '-')
        return false;
    s = (struct str){ s.ptr + 1, s.len - 1 };
    bool has_last = take_number(&s, &last);
    if (s.len || (!has_first && !has_last) || (has_first && has_last && last < first))
        return false;
    *r = (struct byte_range){ 0 };
    if (!has_first) { /* the last so many */
        r->length = last < length ? last : length;
        r->first = length - r->length;
    } else if (first < length) {
        uint64_t end = last < length - 1 ? last + 1 : length;
        *r = (struct byte_range){ first, end - first };
    }
    return true;
}

/* Adds it, to the one before if they overlap or touch. False: too many. */
static bool add_range(struct byte_range *ranges, uint32_t *count, struct byte_range r)
{
    if (*count) {
        struct byte_range *b = &ranges[*count - 1];
        uint64_t b_end = b->first + b->length, r_end = r.first + r.length;
        if (r.first <= b_end && b->first <= r_end) {
            uint64_t first = r.first < b->first ? r.first : b->first;
            uint64_t end = r_end > b_end ? r_end : b_end;
            *b = (struct byte_range){ first, end - first };
            return true;
        }
    }
    if (*count == RANGES_MAX)
        return false;
    ranges[(*count)++] = r;
    return true;
}

enum range_result range_read(const struct http_head *request, const struct http_head *stored,
                             uint64_t length, uint64_t now_s, struct byte_range ranges[RANGES_MAX],
                             uint32_t *count)
{
    static const struct str unit = { "bytes=", 6 };
    *count = 0;
    const struct http_field *f = head_field(request, FIELD_RANGE);
    if (!f || head_field_next(request, f) || request->method_id != METHOD_GET)
        return RANGE_NONE;
    struct str rest = head_value(request, f), element;
    if (rest.len < unit.len || !str_eq_fold((struct str){ rest.ptr, unit.len }, unit) ||
        !if_range_holds(request, stored, now_s))
        return RANGE_NONE;
    rest = (struct str){ rest.ptr + unit.len, rest.len - unit.len };
    bool any = false;
    uint64_t asked = 0;
    while (http_list_next(&rest, &element)) {
        struct byte_range r;
        if (!parse_range(element, length, &r))
            return RANGE_NONE;
        any = true;
        if (r.length && !add_range(ranges, count, r))
            return RANGE_NONE;
        asked += r.length;
    }
    if (!any)
        return RANGE_NONE;
    if (*count == 0)
        return RANGE_UNSATISFIABLE;
    return *count > 1 && asked > length ? RANGE_NONE : RANGE_SOME;
}
