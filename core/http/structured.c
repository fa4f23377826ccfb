/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/structured.h"

#include "core/http/chars.h"

#define INTEGER_DIGITS_MAX 15
#define DECIMAL_WHOLE_DIGITS_MAX 12
#define DECIMAL_PART_DIGITS_MAX 3

static char peek(const struct str *s)
{
    return s->len ? s->ptr[0] : '\0';
}

static void skip(struct str *s, size_t n)
{
    *s = (struct str){ s->ptr + n, s->len - n };
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_alpha(char c)
{
    return is_lower(ascii_lower(c));
}

/* RFC 8941 4.2.3.3 */
static bool take_key(struct str *s, struct str *key)
{
    if (!is_lower(peek(s)) && peek(s) != '*')
        return false;
    size_t n = 1;
    while (n < s->len &&
           (is_lower(s->ptr[n]) || char_is_digit(s->ptr[n]) || memchr("_-.*", s->ptr[n], 4)))
        n++;
    *key = (struct str){ s->ptr, n };
    skip(s, n);
    return true;
}

/* 4.2.4 */
static bool take_number(struct str *s, enum sf_type *type, int64_t *integer)
{
    bool negative = peek(s) == '-';
    if (negative)
        skip(s, 1);
    size_t whole = 0;
    int64_t sum = 0;
    for (; whole < s->len && char_is_digit(s->ptr[whole]); whole++) {
        if (whole == INTEGER_DIGITS_MAX)
            return false;
        sum = sum * 10 + (s->ptr[whole] - '0');
    }
    if (whole == 0)
        return false;
    skip(s, whole);
    *type = SF_INTEGER;
    *integer = negative ? -sum : sum;
    if (peek(s) != '.')
        return true;
    skip(s, 1);
    size_t part = 0;
    while (part < s->len && char_is_digit(s->ptr[part]))
        part++;
    skip(s, part);
    *type = SF_DECIMAL;
    *integer = 0;
    return whole <= DECIMAL_WHOLE_DIGITS_MAX && part >= 1 && part <= DECIMAL_PART_DIGITS_MAX;
}

/* 4.2.5 */
static bool take_string(struct str *s)
{
    for (size_t i = 1; i < s->len; i++) {
        char c = s->ptr[i];
        if (c == '"') {
            skip(s, i + 1);
            return true;
        }
        if (c == '\\' && (++i == s->len || (s->ptr[i] != '"' && s->ptr[i] != '\\')))
            return false;
        if (c < ' ' || c > '~')
            return false;
    }
    return false;
}

/* 4.2.6 */
static bool take_token(struct str *s)
{
    size_t n = 1;
    while (n < s->len && (char_is(s->ptr[n], CHAR_TOKEN) || s->ptr[n] == ':' || s->ptr[n] == '/'))
        n++;
    skip(s, n);
    return true;
}

/* 4.2.7 */
static bool take_bytes(struct str *s)
{
    for (size_t i = 1; i < s->len; i++) {
        char c = s->ptr[i];
        if (c == ':') {
            skip(s, i + 1);
            return true;
        }
        if (!is_alpha(c) && !char_is_digit(c) && !memchr("+/=", c, 3))
            return false;
    }
    return false;
}

/* 4.2.8 */
static bool take_boolean(struct str *s, int64_t *integer)
{
    if (s->len < 2 || (s->ptr[1] != '0' && s->ptr[1] != '1'))
        return false;
    *integer = s->ptr[1] - '0';
    skip(s, 2);
    return true;
}

/* 4.2.3.1 */
static bool take_bare_item(struct str *s, enum sf_type *type, int64_t *integer)
{
    char c = peek(s);
    *integer = 0;
    if (c == '-' || char_is_digit(c))
        return take_number(s, type, integer);
    *type = c == '"' ? SF_STRING : c == ':' ? SF_BYTES : c == '?' ? SF_BOOLEAN : SF_TOKEN;
    switch (*type) {
    case SF_STRING:
        return take_string(s);
    case SF_BYTES:
        return take_bytes(s);
    case SF_BOOLEAN:
        return take_boolean(s, integer);
    default:
        return (is_alpha(c) || c == '*') && take_token(s);
    }
}

static void skip_spaces(struct str *s)
{
    while (peek(s) == ' ')
        skip(s, 1);
}

/* 4.2.3.2 */
static bool take_parameters(struct str *s)
{
    struct str key;
    enum sf_type type;
    int64_t integer;
    while (peek(s) == ';') {
        skip(s, 1);
        skip_spaces(s);
        if (!take_key(s, &key))
            return false;
        if (peek(s) != '=')
            continue;
        skip(s, 1);
        if (!take_bare_item(s, &type, &integer))
            return false;
    }
    return true;
}

/* 4.2.1.2 */
static bool take_inner_list(struct str *s)
{
    enum sf_type type;
    int64_t integer;
    skip(s, 1);
    for (;;) {
        skip_spaces(s);
        if (peek(s) == ')') {
            skip(s, 1);
            return true;
        }
        if (!take_bare_item(s, &type, &integer) || !take_parameters(s) ||
            (peek(s) != ' ' && peek(s) != ')'))
            return false;
    }
}

static bool take_member(struct str *s, struct sf_member *m)
{
    if (!take_key(s, &m->key))
        return false;
    m->type = SF_BOOLEAN;
    m->integer = 1;
    if (peek(s) == '=') {
        skip(s, 1);
        if (peek(s) == '(') {
            m->type = SF_INNER_LIST;
            m->integer = 0;
            if (!take_inner_list(s))
                return false;
        } else if (!take_bare_item(s, &m->type, &m->integer)) {
            return false;
        }
    }
    return take_parameters(s);
}

enum sf_result sf_dictionary_next(struct str *rest, struct sf_member *m)
{
    skip_spaces(rest);
    if (rest->len == 0)
        return SF_END;
    if (!take_member(rest, m))
        return SF_ERROR;
    while (char_is_ows(peek(rest)))
        skip(rest, 1);
    if (rest->len == 0)
        return SF_MEMBER;
    if (peek(rest) != ',')
        return SF_ERROR;
    skip(rest, 1);
    while (char_is_ows(peek(rest)))
        skip(rest, 1);
    return rest->len ? SF_MEMBER : SF_ERROR; /* a comma at the end */
}
