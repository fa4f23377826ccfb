/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/out.h"

#include "core/base/check.h"

#define U64_DIGITS 20

void out_u64(struct out *o, uint64_t v)
{
    out_u64_padded(o, v, 1);
}

void out_u64_padded(struct out *o, uint64_t v, unsigned width)
{
    CHECK(width <= U64_DIGITS);
    char text[U64_DIGITS];
    unsigned n = 0;
    for (; v || n < width; v /= 10)
        text[U64_DIGITS - ++n] = (char)('0' + v % 10);
    out_mem(o, text + U64_DIGITS - n, n);
}

void out_hex(struct out *o, uint64_t v)
{
    char text[16];
    unsigned n = 0;
    do
        text[16 - ++n] = "0123456789abcdef"[v & 15];
    while (v >>= 4);
    out_mem(o, text + 16 - n, n);
}

size_t utf8_len(struct str s)
{
    const uint8_t *p = (const uint8_t *)s.ptr;
    uint8_t low = 0x80, high = 0xbf; /* what the second byte may be */
    size_t len;
    if (s.len == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        len = 2;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        len = 3;
        if (p[0] == 0xe0)
            low = 0xa0; /* no longer than needed */
        if (p[0] == 0xed)
            high = 0x9f; /* no surrogates */
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        len = 4;
        if (p[0] == 0xf0)
            low = 0x90;
        if (p[0] == 0xf4)
            high = 0x8f; /* not past U+10FFFF */
    } else {
        return 0;
    }
    if (s.len < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

static void json_escape(struct out *o, uint8_t c)
{
    switch (c) {
    case '"':
        out_lit(o, "\\\"");
        return;
    case '\\':
        out_lit(o, "\\\\");
        return;
    case '\n':
        out_lit(o, "\\n");
        return;
    case '\r':
        out_lit(o, "\\r");
        return;
    case '\t':
        out_lit(o, "\\t");
        return;
    default:
        out_lit(o, "\\u00");
        out_char(o, "0123456789abcdef"[c >> 4]);
        out_char(o, "0123456789abcdef"[c & 15]);
    }
}

/* DEL and the C1 controls (U+0080..U+009F) are legal in JSON, but a terminal obeys them. */
bool utf8_is_control(struct str character)
{
    const uint8_t *p = (const uint8_t *)character.ptr;
    return p[0] < 0x20 || p[0] == 0x7f || (character.len == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

void out_json(struct out *o, struct str s)
{
    const uint8_t *p = (const uint8_t *)s.ptr;
    size_t plain = 0; /* start of what can be copied as it is */
    for (size_t i = 0; i < s.len;) {
        size_t len = utf8_len((struct str){ s.ptr + i, s.len - i });
        if (len && !utf8_is_control((struct str){ s.ptr + i, len }) && p[i] != '"' &&
            p[i] != '\\') {
            i += len;
            continue;
        }
        out_mem(o, s.ptr + plain, i - plain);
        /* A C1 control is one character: its code is its second byte. */
        json_escape(o, len == 2 ? p[i + 1] : p[i]);
        i += len ? len : 1;
        plain = i;
    }
    if (plain < s.len)
        out_mem(o, s.ptr + plain, s.len - plain);
}

void out_hex_padded(struct out *o, uint64_t v, unsigned width)
{
    CHECK(width <= 16);
    char text[16];
    unsigned n = 0;
    for (; v || n < width; v >>= 4)
        text[16 - ++n] = "0123456789abcdef"[v & 15];
    out_mem(o, text + 16 - n, n);
}
