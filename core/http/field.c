/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of methods and fields, and lists in field values. */
#include "core/base/check.h"
#include "core/http/chars.h"
#include "core/http/head.h"
#include "core/http/scan.h"

bool http_method_idempotent(enum http_method m)
{
    return m == METHOD_GET || m == METHOD_HEAD || m == METHOD_PUT || m == METHOD_DELETE ||
           m == METHOD_OPTIONS || m == METHOD_TRACE;
}

#define FIELD_NAME_MIN 2
#define FIELD_NAME_MAX 25

static const struct str names[FIELD_ID_COUNT] = {
#define FIELD(id, name) [FIELD_##id] = { name, sizeof(name) - 1 },
    HTTP_FIELDS(FIELD)
#undef FIELD
};

/* A perfect hash: each known name has a slot of its own (a test says so for every name). */
#define SLOTS 128

static const uint8_t slots[SLOTS] = {
    [0] = FIELD_PRIORITY,
    [6] = FIELD_PROXY_CONNECTION,
    [9] = FIELD_PROXY_AUTHORIZATION,
    [10] = FIELD_PROXY_AUTHENTICATE,
    [11] = FIELD_SET_COOKIE,
    [19] = FIELD_REFERER,
    [22] = FIELD_VARY,
    [31] = FIELD_SERVER,
    [32] = FIELD_UPGRADE,
    [33] = FIELD_TRANSFER_ENCODING,
    [37] = FIELD_PROXY_AUTHENTICATION_INFO,
    [39] = FIELD_USER_AGENT,
    [40] = FIELD_ACCEPT_ENCODING,
    [43] = FIELD_VIA,
    [45] = FIELD_TRAILER,
    [46] = FIELD_TE,
    [53] = FIELD_EXPECT,
    [55] = FIELD_COOKIE,
    [60] = FIELD_X_FORWARDED_PORT,
    [61] = FIELD_MAX_FORWARDS,
    [64] = FIELD_AUTHORIZATION,
    [67] = FIELD_CONTENT_ENCODING,
    [69] = FIELD_RANGE,
    [72] = FIELD_PRAGMA,
    [74] = FIELD_LOCATION,
    [75] = FIELD_LAST_MODIFIED,
    [76] = FIELD_HTTP2_SETTINGS,
    [78] = FIELD_X_REQUEST_ID,
    [83] = FIELD_IF_RANGE,
    [86] = FIELD_X_FORWARDED_HOST,
    [87] = FIELD_CONNECTION,
    [90] = FIELD_CACHE_CONTROL,
    [93] = FIELD_CONTENT_LENGTH,
    [94] = FIELD_CDN_CACHE_CONTROL,
    [96] = FIELD_DATE,
    [102] = FIELD_AGE,
    [106] = FIELD_EXPIRES,
    [107] = FIELD_IF_MATCH,
    [109] = FIELD_X_FORWARDED_FOR,
    [112] = FIELD_IF_NONE_MATCH,
    [113] = FIELD_X_FORWARDED_PROTO,
    [115] = FIELD_CONTENT_TYPE,
    [116] = FIELD_IF_MODIFIED_SINCE,
    [117] = FIELD_KEEP_ALIVE,
    [118] = FIELD_IF_UNMODIFIED_SINCE,
    [121] = FIELD_FORWARDED,
    [122] = FIELD_HOST,
    [127] = FIELD_ETAG,
};

static unsigned slot_of(struct str name)
{
    return (unsigned)(name.len + 13 * (uint8_t)ascii_lower(name.ptr[0]) +
                      26 * (uint8_t)ascii_lower(name.ptr[name.len - 2])) %
           SLOTS;
}

/* Each byte of x that is in 'A'..'Z' gets its bit 0x20. */
static uint64_t lower8(uint64_t x)
{
    uint64_t low7 = x & SCAN_BYTES(0x7f);
    uint64_t from_a = low7 + SCAN_BYTES(0x80 - 'A');
    uint64_t beyond_z = low7 + SCAN_BYTES(0x80 - 'Z' - 1);
    uint64_t upper = from_a & ~beyond_z & ~x & SCAN_BYTES(0x80);
    return x | upper >> 2;
}

/* Whether name is known (in lower case), of the same length, but for the case of letters. */
static bool same_name(struct str name, struct str known)
{
    if (name.len < 8)
        return str_eq_fold(name, known);
    for (size_t i = 0; i + 8 < name.len; i += 8)
        if (lower8(scan_load8(name.ptr + i)) != scan_load8(known.ptr + i))
            return false;
    size_t last = name.len - 8;
    return lower8(scan_load8(name.ptr + last)) == scan_load8(known.ptr + last);
}

enum http_field_id http_field_lookup(struct str name)
{
    if (name.len < FIELD_NAME_MIN || name.len > FIELD_NAME_MAX)
        return FIELD_OTHER;
    enum http_field_id id = slots[slot_of(name)];
    if (names[id].len != name.len || !same_name(name, names[id]))
        return FIELD_OTHER;
    return id;
}

/* The end of a quoted string that begins at p[i]: after its closing quote, or n. */
static size_t quoted_end(const char *p, size_t i, size_t n)
{
    for (i++; i < n && p[i] != '"'; i++)
        if (p[i] == '\\' && i + 1 < n)
            i++;
    return i < n ? i + 1 : n;
}

bool http_list_next(struct str *rest, struct str *element)
{
    const char *p = rest->ptr;
    size_t n = rest->len, i = 0;
    while (i < n && (char_is_ows(p[i]) || p[i] == ','))
        i++;
    if (i == n)
        return false;
    size_t start = i;
    while (i < n && p[i] != ',')
        i = p[i] == '"' ? quoted_end(p, i, n) : i + 1;
    size_t end = i;
    while (char_is_ows(p[end - 1]))
        end--;
    *element = (struct str){ p + start, end - start };
    *rest = (struct str){ p + i, n - i };
    return true;
}

bool head_list_has(const struct http_head *h, enum http_field_id id, struct str token)
{
    for (const struct http_field *f = head_field(h, id); f; f = head_field_next(h, f)) {
        struct str rest = head_value(h, f), element;
        while (http_list_next(&rest, &element))
            if (str_eq_fold(element, token))
                return true;
    }
    return false;
}

const struct http_field *head_field_named(const struct http_head *h, struct str name)
{
    for (uint32_t i = 0; i < h->fields_count; i++)
        if (str_eq_fold(head_str(h, h->fields[i].name), name))
            return &h->fields[i];
    return NULL;
}
