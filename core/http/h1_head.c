/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One pass over the bytes, line by line. Each step begins at *at, leaves *at after what it took,
 * and answers as h1_parse_request() does. */
#include "core/http/h1_head.h"

#include "core/base/check.h"
#include "core/http/chars.h"
#include "core/http/scan.h"

#define EMPTY_LINES_MAX 2

static enum h1_result refuse(enum end_reason *why, enum end_reason reason)
{
    *why = reason;
    return H1_ERROR;
}

/* ---- field lines ---- */

/* What is wrong in a field line is told once its LF came: h1_parse_request() may then skip lines
 * that it can see did not grow an LF. */
static enum h1_result refuse_line(const char *p, size_t i, size_t n, enum end_reason *why,
                                  enum end_reason reason)
{
    return memchr(p + i, '\n', n - i) ? refuse(why, reason) : H1_PARTIAL;
}

/* p[i] ends the name that began at line and is no colon. */
static enum h1_result refuse_name(const char *p, size_t line, size_t i, size_t n, bool first,
                                  enum end_reason *why)
{
    enum end_reason reason = END_BAD_FIELD_NAME;
    if (i == line && char_is_ows(p[i]) && !first)
        reason = END_OBS_FOLD;
    else if (p[i] == '\n' || (p[i] == '\r' && i + 1 < n && p[i + 1] != '\n'))
        reason = END_BAD_LINE_END;
    return refuse_line(p, i, n, why, reason);
}

/* p[i] ends a value and does not begin a CRLF. */
static enum h1_result refuse_value(const char *p, size_t i, size_t n, enum end_reason *why)
{
    bool line_end = p[i] == '\n' || p[i] == '\r';
    return refuse_line(p, i, n, why, line_end ? END_BAD_LINE_END : END_BAD_FIELD_VALUE);
}

/* Makes field number `position` + 1 known by its id, after those of the same id. */
static void link_field(struct http_head *h, unsigned id, uint32_t position)
{
    uint8_t *link = &h->first[id];
    while (*link)
        link = &h->fields[*link - 1].next;
    *link = (uint8_t)(position + 1);
}

static struct http_span span(size_t from, size_t to)
{
    return (struct http_span){ (uint32_t)from, (uint32_t)(to - from) };
}

/* Field lines and the empty line that ends them. */
static enum h1_result parse_fields(const char *p, size_t at, size_t n, struct http_head *h,
                                   enum end_reason *why)
{
    for (uint32_t count = 0;; count++) {
        if (at == n)
            return H1_PARTIAL;
        if (p[at] == '\r') {
            if (at + 1 == n)
                return H1_PARTIAL;
            if (p[at + 1] != '\n')
                return refuse_line(p, at, n, why, END_BAD_LINE_END);
            h->fields_count = count;
            h->head_bytes = (uint32_t)at + 2;
            return H1_DONE;
        }
        if (count == HEAD_FIELDS_MAX)
            return refuse(why, END_TOO_MANY_FIELDS);

        bool underscore = false;
        size_t colon = scan_name(p, at, n, &underscore);
        if (colon == n)
            return H1_PARTIAL;
        if (unlikely(p[colon] != ':' || colon == at))
            return refuse_name(p, at, colon, n, count == 0, why);
        size_t value = colon + 1;
        while (value < n && char_is_ows(p[value]))
            value++;
        size_t end = scan_value(p, value, n);
        if (end == n || (end + 1 == n && p[end] == '\r'))
            return H1_PARTIAL;
        if (unlikely(p[end] != '\r' || p[end + 1] != '\n'))
            return refuse_value(p, end, n, why);
        size_t next = end + 2;
        while (end > value && char_is_ows(p[end - 1]))
            end--;

        struct http_field *f = &h->fields[count];
        *f = (struct http_field){ .name = span(at, colon), .value = span(value, end) };
        f->id = (uint8_t)http_field_lookup((struct str){ p + at, colon - at });
        f->underscore = underscore;
        if (f->id != FIELD_OTHER)
            link_field(h, f->id, count);
        at = next;
    }
}

/* ---- the first line ---- */

/* "HTTP/1.x", eight bytes. *major is what stands there. */
static enum h1_result parse_version(const char *p, size_t *at, size_t n, char *major, char *minor)
{
    static const char pattern[] = "HTTP/d.d";
    for (size_t i = 0; i < sizeof pattern - 1; i++) {
        if (*at + i == n)
            return H1_PARTIAL;
        char c = p[*at + i];
        if (pattern[i] == 'd' ? !char_is_digit(c) : c != pattern[i])
            return H1_ERROR;
    }
    *major = p[*at + 5];
    *minor = p[*at + 7];
    *at += sizeof pattern - 1;
    return H1_DONE;
}

static enum http_method method_of(struct str m)
{
    static const struct {
        struct str name;
        enum http_method method;
    } known[] = {
        { { "GET", 3 }, METHOD_GET },       { { "POST", 4 }, METHOD_POST },
        { { "HEAD", 4 }, METHOD_HEAD },     { { "PUT", 3 }, METHOD_PUT },
        { { "DELETE", 6 }, METHOD_DELETE }, { { "OPTIONS", 7 }, METHOD_OPTIONS },
        { { "PATCH", 5 }, METHOD_PATCH },   { { "CONNECT", 7 }, METHOD_CONNECT },
        { { "TRACE", 5 }, METHOD_TRACE },
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(m, known[i].name))
            return known[i].method;
    return METHOD_OTHER;
}

/* The method and its space. */
static enum h1_result parse_method(const char *p, size_t *at, size_t n, struct http_head *h,
                                   enum end_reason *why)
{
    size_t start = *at, end = start;
    while (end < n && end - start <= METHOD_BYTES_MAX && char_is(p[end], CHAR_TOKEN))
        end++;
    if (end - start > METHOD_BYTES_MAX)
        return refuse(why, END_NOT_IMPLEMENTED);
    if (end == n)
        return H1_PARTIAL;
    if (p[end] == '\n')
        return refuse(why, END_BAD_LINE_END);
    if (p[end] == '\r' || (p[end] == ' ' && end == start))
        return refuse(why, END_BAD_REQUEST_LINE);
    if (p[end] != ' ')
        return refuse(why, END_BAD_METHOD);
    h->method = span(start, end);
    h->method_id = (uint8_t)method_of(head_str(h, h->method));
    *at = end + 1;
    return H1_DONE;
}

/* The target and its space. */
static enum h1_result parse_target(const char *p, size_t *at, size_t n, struct http_head *h,
                                   enum end_reason *why)
{
    size_t start = *at, limit = n - start > TARGET_BYTES_MAX ? start + TARGET_BYTES_MAX + 1 : n;
    size_t end = scan_target(p, start, limit);
    if (end - start > TARGET_BYTES_MAX)
        return refuse(why, END_TARGET_TOO_LONG);
    if (end == n)
        return H1_PARTIAL;
    switch (p[end]) {
    case ' ':
        break;
    case '\n':
        return refuse(why, END_BAD_LINE_END);
    case '\r': /* "GET /" is HTTP/0.9 */
        if (end + 1 == n)
            return H1_PARTIAL;
        return refuse(why, p[end + 1] == '\n' ? END_BAD_REQUEST_LINE : END_BAD_LINE_END);
    default:
        return refuse(why, END_BAD_TARGET);
    }
    if (end == start)
        return refuse(why, END_BAD_REQUEST_LINE);
    h->target = span(start, end);
    *at = end + 1;
    return H1_DONE;
}

/* The version and the end of the line. */
static enum h1_result parse_request_version(const char *p, size_t *at, size_t n,
                                            struct http_head *h, enum end_reason *why)
{
    char major, minor;
    size_t start = *at;
    enum h1_result r = parse_version(p, at, n, &major, &minor);
    if (r == H1_ERROR)
        return refuse(why, p[start] == ' ' ? END_BAD_REQUEST_LINE : END_BAD_VERSION);
    if (r == H1_PARTIAL || *at == n)
        return H1_PARTIAL;
    if (p[*at] == ' ')
        return refuse(why, END_BAD_REQUEST_LINE);
    if (p[*at] != '\r')
        return refuse(why, p[*at] == '\n' ? END_BAD_LINE_END : END_BAD_VERSION);
    if (*at + 1 == n)
        return H1_PARTIAL;
    if (p[*at + 1] != '\n')
        return refuse(why, END_BAD_LINE_END);
    if (major != '1')
        return refuse(why, END_VERSION_UNSUPPORTED);
    h->version_major = 1;
    h->version_minor = minor > '0';
    *at += 2;
    return H1_DONE;
}

static enum h1_result parse_request_line(const char *p, size_t *at, size_t n, struct http_head *h,
                                         enum end_reason *why)
{
    enum h1_result r = parse_method(p, at, n, h, why);
    if (r == H1_DONE)
        r = parse_target(p, at, n, h, why);
    if (r == H1_DONE)
        r = parse_request_version(p, at, n, h, why);
    return r;
}

/* "HTTP/1.x 200", reason or not, and the end of the line. */
static enum h1_result parse_status_line(const char *p, size_t *at, size_t n, struct http_head *h)
{
    char major, minor;
    enum h1_result r = parse_version(p, at, n, &major, &minor);
    if (r != H1_DONE)
        return r;
    if (major != '1')
        return H1_ERROR;
    h->version_major = 1;
    h->version_minor = minor > '0';

    size_t i = *at;
    for (size_t k = 0; k < 4; k++, i++) { /* a space and three digits */
        if (i == n)
            return H1_PARTIAL;
        if (k == 0 ? p[i] != ' ' : !char_is_digit(p[i]) || (k == 1 && p[i] == '0'))
            return H1_ERROR;
    }
    h->status = (uint16_t)((p[i - 3] - '0') * 100 + (p[i - 2] - '0') * 10 + (p[i - 1] - '0'));
    if (i == n)
        return H1_PARTIAL;
    if (p[i] != ' ' && p[i] != '\r')
        return H1_ERROR;
    size_t reason = p[i] == ' ' ? i + 1 : i;
    size_t end = scan_value(p, reason, n);
    if (end == n || (end + 1 == n && p[end] == '\r'))
        return H1_PARTIAL;
    if (p[end] != '\r' || p[end + 1] != '\n')
        return H1_ERROR;
    h->reason = span(reason, end);
    *at = end + 2;
    return H1_DONE;
}

/* ---- whole heads ---- */

/* The start line begins after a few empty lines. */
static enum h1_result skip_empty_lines(const char *p, size_t *at, size_t n, enum end_reason *why)
{
    for (unsigned lines = 0; *at < n && p[*at] == '\r'; lines++, *at += 2) {
        if (lines == EMPTY_LINES_MAX)
            return refuse(why, END_BAD_REQUEST_LINE);
        if (*at + 1 == n)
            return H1_PARTIAL;
        if (p[*at + 1] != '\n')
            return refuse(why, END_BAD_LINE_END);
    }
    return *at == n ? H1_PARTIAL : H1_DONE;
}

/* Whether nothing can have become certain since a call with seen of these n bytes was answered
 * H1_PARTIAL: they are all of one field line that has not ended. */
static bool line_only_grew(const char *p, size_t line, size_t seen, size_t n)
{
    return seen > line && seen <= n && p[seen - 1] != '\n' && !memchr(p + seen, '\n', n - seen) &&
           memchr(p + line, '\n', seen - line);
}

static void head_begin(struct http_head *h, const char *p)
{
    h->base = p;
    h->head_bytes = 0;
    h->fields_count = 0;
    h->status = 0;
    h->method_id = METHOD_OTHER;
    h->method = h->target = h->reason = span(0, 0);
    memset(h->first, 0, sizeof h->first);
}

static enum h1_result parse_request(const char *p, size_t n, size_t seen, struct http_head *h,
                                    enum end_reason *why)
{
    size_t at = 0;
    enum h1_result r = skip_empty_lines(p, &at, n, why);
    if (r != H1_DONE)
        return r;
    if (seen && line_only_grew(p, at, seen, n))
        return H1_PARTIAL;
    r = parse_request_line(p, &at, n, h, why);
    return r == H1_DONE ? parse_fields(p, at, n, h, why) : r;
}

enum h1_result h1_parse_request(const char *p, size_t n, size_t seen_bytes, struct http_head *h,
                                enum end_reason *why)
{
    head_begin(h, p);
    enum h1_result r =
        parse_request(p, n < HEAD_BYTES_MAX ? n : HEAD_BYTES_MAX, seen_bytes, h, why);
    return r == H1_PARTIAL && n >= HEAD_BYTES_MAX ? refuse(why, END_HEAD_TOO_LARGE) : r;
}

static enum h1_result parse_response(const char *p, size_t n, size_t seen, struct http_head *h,
                                     enum end_reason *why)
{
    if (seen && line_only_grew(p, 0, seen, n))
        return H1_PARTIAL;
    size_t at = 0;
    enum h1_result r = parse_status_line(p, &at, n, h);
    if (r != H1_DONE)
        return r == H1_ERROR ? refuse(why, END_BAD_STATUS_LINE) : r;
    r = parse_fields(p, at, n, h, why);
    if (r == H1_ERROR)
        *why = *why == END_TOO_MANY_FIELDS ? END_RESPONSE_HEAD_TOO_LARGE : END_RESPONSE_HEAD_BAD;
    return r;
}

enum h1_result h1_parse_response(const char *p, size_t n, size_t seen_bytes, struct http_head *h,
                                 enum end_reason *why)
{
    head_begin(h, p);
    enum h1_result r =
        parse_response(p, n < HEAD_BYTES_MAX ? n : HEAD_BYTES_MAX, seen_bytes, h, why);
    return r == H1_PARTIAL && n >= HEAD_BYTES_MAX ? refuse(why, END_RESPONSE_HEAD_TOO_LARGE) : r;
}

enum h1_result h1_parse_trailers(const char *p, size_t n, struct http_head *h, enum end_reason *why)
{
    CHECK(n <= HEAD_BYTES_MAX);
    head_begin(h, p);
    if (parse_fields(p, 0, n, h, why) == H1_DONE && h->head_bytes == n)
        return H1_DONE;
    return refuse(why, END_BAD_TRAILER);
}
