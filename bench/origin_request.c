/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/origin_request.h"

/* Cuts the next line off, without its CR LF or LF. */
static struct str next_line(struct str *text)
{
    const char *lf = memchr(text->ptr, '\n', text->len);
    size_t len = lf ? (size_t)(lf - text->ptr) : text->len;
    struct str line = { text->ptr, len };
    size_t used = lf ? len + 1 : len;
    text->ptr += used;
    text->len -= used;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

static struct str next_word(struct str *line)
{
    size_t len = 0;
    while (len < line->len && line->ptr[len] != ' ')
        len++;
    struct str word = { line->ptr, len };
    size_t used = len < line->len ? len + 1 : len;
    line->ptr += used;
    line->len -= used;
    return word;
}

static struct str trimmed(struct str s)
{
    while (s.len > 0 && (*s.ptr == ' ' || *s.ptr == '\t'))
        s = (struct str){ s.ptr + 1, s.len - 1 };
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* A comma-separated list has this word. */
static bool has_word(struct str list, struct str word)
{
    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        size_t len = comma ? (size_t)(comma - list.ptr) : list.len;
        if (str_eq_fold(trimmed((struct str){ list.ptr, len }), word))
            return true;
        size_t used = comma ? len + 1 : len;
        list = (struct str){ list.ptr + used, list.len - used };
    }
    return false;
}

static bool read_length(struct str s, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9' || *out > UINT64_MAX / 10 - 1)
            return false;
        *out = *out * 10 + (uint64_t)(s.ptr[i] - '0');
    }
    return s.len > 0;
}

static bool read_field(struct str line, struct request *r)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    if (!colon)
        return false;
    struct str name = { line.ptr, (size_t)(colon - line.ptr) };
    struct str value = trimmed((struct str){ colon + 1, line.len - name.len - 1 });
    if (str_eq_fold(name, STR("content-length"))) {
        if (r->body.state != BODY_CHUNK_SIZE) {
            if (!read_length(value, &r->body.left))
                return false;
            r->body.state = r->body.left > 0 ? BODY_LENGTH : BODY_END;
        }
    } else if (str_eq_fold(name, STR("transfer-encoding"))) {
        r->body = (struct request_body){ BODY_CHUNK_SIZE, 0 };
    } else if (str_eq_fold(name, STR("connection"))) {
        if (has_word(value, STR("close")))
            r->keep_alive = false;
        else if (has_word(value, STR("keep-alive")))
            r->keep_alive = true;
    } else if (str_eq_fold(name, STR("sec-websocket-key"))) {
        r->websocket_key = value;
    } else if (str_eq_fold(name, STR("expect"))) {
        r->expects_continue = str_eq_fold(value, STR("100-continue"));
    }
    return true;
}

long request_read(struct str text, struct request *r)
{
    const char *end = memmem(text.ptr, text.len, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head_len = (size_t)(end - text.ptr) + 4;
    struct str rest = { text.ptr, head_len - 2 };
    struct str line = next_line(&rest);
    *r = (struct request){ .head = { text.ptr, head_len } };
    r->method = next_word(&line);
    r->target = next_word(&line);
    if (line.len != 8 || memcmp(line.ptr, "HTTP/1.", 7) != 0 || r->target.len == 0)
        return -1;
    r->version_minor = (uint8_t)(line.ptr[7] - '0');
    r->keep_alive = r->version_minor > 0;
    while (rest.len > 0)
        if (!read_field(next_line(&rest), r))
            return -1;
    return (long)head_len;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of what stands between the data of chunks. */
static bool step_framing(struct request_body *b, char c)
{
    int digit = hex_digit(c);
    switch (b->state) {
    case BODY_CHUNK_SIZE:
        if (digit >= 0) {
            b->left = b->left * 16 + (uint64_t)digit;
            return b->left < UINT64_MAX / 16;
        }
        b->state = BODY_CHUNK_EXT;
        /* fall through */
    case BODY_CHUNK_EXT:
        if (c == '\n')
            b->state = b->left > 0 ? BODY_CHUNK_DATA : BODY_TRAILER_START;
        return true;
    case BODY_CHUNK_TAIL:
        if (c == '\n')
            *b = (struct request_body){ BODY_CHUNK_SIZE, 0 };
        return c == '\n' || c == '\r';
    case BODY_TRAILER_START:
        if (c == '\n')
            b->state = BODY_END;
        else if (c != '\r')
            b->state = BODY_TRAILER;
        return true;
    case BODY_TRAILER:
        if (c == '\n')
            b->state = BODY_TRAILER_START;
        return true;
    default:
        return false;
    }
}

long request_body_read(struct request_body *b, struct str text, struct str *data)
{
    size_t used = 0;
    *data = (struct str){ text.ptr, 0 };
    while (used < text.len && b->state != BODY_END && data->len == 0) {
        if (b->state != BODY_LENGTH && b->state != BODY_CHUNK_DATA) {
            if (!step_framing(b, text.ptr[used++]))
                return -1;
            continue;
        }
        size_t n = text.len - used;
        if (n > b->left)
            n = (size_t)b->left;
        *data = (struct str){ text.ptr + used, n };
        used += n;
        b->left -= n;
        if (b->left == 0)
            b->state = b->state == BODY_LENGTH ? BODY_END : BODY_CHUNK_TAIL;
    }
    return (long)used;
}
