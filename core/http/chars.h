/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a byte may be part of. */
#ifndef SLUICE_HTTP_CHARS_H
#define SLUICE_HTTP_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHAR_TOKEN = 1,      /* RFC 9110 5.6.2 */
    CHAR_UNRESERVED = 2, /* RFC 3986 2.3 */
    CHAR_PATH = 4,  /* a path without its percent triplets: RFC 3986 3.3 with '/', and "[]|^", which
                       browsers send as they are */
    CHAR_QUERY = 8, /* a query without its percent triplets: RFC 3986 3.4, and "[]|^`{}", for the
                       same reason */
    CHAR_HOST = 16, /* a host name: the reg-name of RFC 3986 3.2.2 without triplets and
                       delimiters, which no name has */
    CHAR_TEXT = 32, /* a field value: HTAB, SP, VCHAR, obs-text (RFC 9110 5.5) */
};

extern const uint8_t http_chars[256];

static inline bool char_is(char c, unsigned classes)
{
    return http_chars[(uint8_t)c] & classes;
}

/* Optional white space (RFC 9110 5.6.3). */
static inline bool char_is_ows(char c)
{
    return c == ' ' || c == '\t';
}

static inline bool char_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* How many of p[0..n) from the first on are token characters. */
static inline size_t chars_token(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && char_is(p[i], CHAR_TOKEN))
        i++;
    return i;
}

/* 0 to 15, or -1. */
static inline int char_hex_value(char c)
{
    if (char_is_digit(c))
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

#endif
