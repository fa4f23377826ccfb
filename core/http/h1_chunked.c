/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/h1_chunked.h"

#include "core/base/check.h"

#include <string.h>

#include "core/base/limits.h"
#include "core/http/chars.h"

#define DIGITS_MAX 16

void h1_chunked_init(struct h1_chunked *c)
{
    *c = (struct h1_chunked){ .state = CHUNK_SIZE_FIRST };
}

static uint8_t add_digit(struct h1_chunked *c, char byte)
{
    int value = char_hex_value(byte);
    if (value < 0 || c->digits == DIGITS_MAX || c->size_left > (uint64_t)INT64_MAX >> 4)
        return CHUNK_ERROR;
    c->digits++;
    c->size_left = c->size_left << 4 | (uint64_t)value;
    return CHUNK_SIZE;
}

/* After a size or a whole extension: ';' begins another, CR ends the line. */
static uint8_t after_extension(char byte, uint8_t otherwise)
{
    if (byte == '\r')
        return CHUNK_SIZE_LF;
    if (byte == ';')
        return CHUNK_EXT_NAME_FIRST;
    return char_is_ows(byte) ? CHUNK_EXT_SPACE : otherwise;
}

static uint8_t after_size_line(struct h1_chunked *c, char byte)
{
    if (byte != '\n')
        return CHUNK_ERROR;
    c->digits = 0;
    return c->size_left ? CHUNK_DATA : CHUNK_TRAILERS;
}

/* RFC 9112 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS value ] ). */
static uint8_t next_in_extension(uint8_t state, char byte)
{
    bool token = char_is(byte, CHAR_TOKEN);
    switch (state) {
    case CHUNK_EXT_SPACE:
        return byte == '\r' ? CHUNK_ERROR : after_extension(byte, CHUNK_ERROR);
    case CHUNK_EXT_NAME_FIRST:
        if (char_is_ows(byte))
            return CHUNK_EXT_NAME_FIRST;
        return token ? CHUNK_EXT_NAME : CHUNK_ERROR;
    case CHUNK_EXT_NAME:
        if (token)
            return CHUNK_EXT_NAME;
        if (byte == '=')
            return CHUNK_EXT_VALUE_FIRST;
        return char_is_ows(byte) ? CHUNK_EXT_NAME_SPACE : after_extension(byte, CHUNK_ERROR);
    case CHUNK_EXT_NAME_SPACE:
        if (char_is_ows(byte))
            return CHUNK_EXT_NAME_SPACE;
        if (byte == '=')
            return CHUNK_EXT_VALUE_FIRST;
        return byte == ';' ? CHUNK_EXT_NAME_FIRST : CHUNK_ERROR;
    case CHUNK_EXT_VALUE_FIRST:
        if (char_is_ows(byte))
            return CHUNK_EXT_VALUE_FIRST;
        if (byte == '"')
            return CHUNK_EXT_QUOTED;
        return token ? CHUNK_EXT_VALUE : CHUNK_ERROR;
    case CHUNK_EXT_VALUE:
        return token ? CHUNK_EXT_VALUE : after_extension(byte, CHUNK_ERROR);
    case CHUNK_EXT_QUOTED:
        if (byte == '"')
            return CHUNK_EXT_QUOTED_END;
        if (byte == '\\')
            return CHUNK_EXT_ESCAPE;
        return char_is(byte, CHAR_TEXT) ? CHUNK_EXT_QUOTED : CHUNK_ERROR;
    case CHUNK_EXT_ESCAPE:
        return char_is(byte, CHAR_TEXT) ? CHUNK_EXT_QUOTED : CHUNK_ERROR;
    default: /* CHUNK_EXT_QUOTED_END */
        return after_extension(byte, CHUNK_ERROR);
    }
}

/* The state after one byte of what stands between two runs of data. */
static uint8_t step(struct h1_chunked *c, char byte)
{
    switch (c->state) {
    case CHUNK_SIZE_FIRST:
        c->size_left = 0;
        return add_digit(c, byte);
    case CHUNK_SIZE:
        if (byte == '\r')
            return CHUNK_SIZE_LF;
        if (byte == ';' || char_is_ows(byte)) {
            c->ext_bytes++;
            return after_extension(byte, CHUNK_ERROR);
        }
        return add_digit(c, byte);
    case CHUNK_SIZE_LF:
        return after_size_line(c, byte);
    case CHUNK_DATA_CR:
        return byte == '\r' ? CHUNK_DATA_LF : CHUNK_ERROR;
    case CHUNK_DATA_LF:
        return byte == '\n' ? CHUNK_SIZE_FIRST : CHUNK_ERROR;
    default:
        if (++c->ext_bytes > CHUNK_EXTENSION_BYTES_MAX)
            return CHUNK_ERROR;
        return next_in_extension(c->state, byte);
    }
}

/* Takes bytes of the trailer section up to its end; false if it is malformed. */
static bool take_trailers(struct h1_chunked *c, const char *p, size_t n, size_t *used)
{
    size_t i = 0;
    while (i < n && c->state != CHUNK_DONE) {
        if (c->trailer_bytes++ == TRAILER_BYTES_MAX)
            return false;
        char byte = p[i++];
        if (c->state == CHUNK_TRAILERS_LF) {
            if (byte != '\n')
                return false;
            c->state = c->line_bytes ? CHUNK_TRAILERS : CHUNK_DONE;
            c->line_bytes = 0;
        } else if (byte == '\r') {
            c->state = CHUNK_TRAILERS_LF;
        } else if (!char_is(byte, CHAR_TEXT)) {
            return false;
        } else {
            c->line_bytes++;
        }
    }
    *used = i;
    return true;
}

enum h1_chunk_event h1_chunked_next(struct h1_chunked *c, const char *p, size_t n, size_t *used,
                                    const char **data, size_t *data_len)
{
    size_t i = 0;
    *used = 0;
    *data = p;
    *data_len = 0;
    if (c->state == CHUNK_DONE)
        return CHUNK_EVENT_DONE;
    while (i < n && c->state != CHUNK_DATA && c->state != CHUNK_TRAILERS &&
           c->state != CHUNK_TRAILERS_LF && c->state != CHUNK_ERROR)
        c->state = step(c, p[i++]);
    *used = i;
    if (c->state == CHUNK_ERROR)
        return CHUNK_EVENT_BAD_CHUNK;
    if (i == n)
        return CHUNK_EVENT_MORE;

    *data = p + i;
    if (c->state == CHUNK_DATA) {
        *data_len = c->size_left < n - i ? (size_t)c->size_left : n - i;
        c->size_left -= *data_len;
        if (c->size_left == 0)
            c->state = CHUNK_DATA_CR;
        *used = i + *data_len;
        return CHUNK_EVENT_DATA;
    }
    if (!take_trailers(c, p + i, n - i, data_len)) {
        c->state = CHUNK_ERROR;
        return CHUNK_EVENT_BAD_TRAILER;
    }
    *used = i + *data_len;
    return CHUNK_EVENT_TRAILER;
}

size_t h1_chunk_header(char out[H1_CHUNK_HEADER_MAX], uint64_t size)
{
    unsigned digits = (unsigned)(67 - __builtin_clzll(size)) / 4;
    for (unsigned i = 0; i < digits; i++)
        out[i] = "0123456789abcdef"[size >> 4 * (digits - 1 - i) & 15];
    memcpy(out + digits, "\r\n", 2);
    return digits + 2;
}

void h1_chunked_skip(struct h1_chunked *c, uint64_t n)
{
    CHECK(c->state == CHUNK_DATA && n <= c->size_left);
    c->size_left -= n;
    if (c->size_left == 0)
        c->state = CHUNK_DATA_CR;
}
