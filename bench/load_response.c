/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/load_response.h"

#include <stdlib.h>

void response_begin(struct response *r, bool head_only)
{
    char *partial = r->partial;
    *r = (struct response){ .head_only = head_only, .partial = partial };
}

bool response_begun(const struct response *r)
{
    return r->state != RESPONSE_HEAD || r->partial_bytes > 0 || r->status > 0;
}

void response_free(struct response *r)
{
    free(r->partial);
    r->partial = NULL;
}

static struct str trim(struct str s)
{
    while (s.len > 0 && (*s.ptr == ' ' || *s.ptr == '\t'))
        s = (struct str){ s.ptr + 1, s.len - 1 };
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

static bool read_length(struct str value, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9' || *out > UINT64_MAX / 100)
            return false;
        *out = *out * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    return value.len > 0;
}

struct framing {
    bool chunked, has_length;
    uint64_t length;
};

static bool read_field(struct response *r, struct str line, struct framing *f)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    if (!colon)
        return false;
    struct str name = { line.ptr, (size_t)(colon - line.ptr) };
    struct str value = trim((struct str){ colon + 1, line.len - name.len - 1 });
    if (str_eq_fold(name, STR("content-length"))) {
        f->has_length = true;
        return read_length(value, &f->length);
    }
    if (str_eq_fold(name, STR("transfer-encoding"))) {
        f->chunked = str_eq_fold(value, STR("chunked"));
        return f->chunked;
    }
    if (str_eq_fold(name, STR("connection"))) {
        if (str_eq_fold(value, STR("close")))
            r->keep_alive = false;
        else if (str_eq_fold(value, STR("keep-alive")))
            r->keep_alive = true;
    }
    return true;
}

/* Cuts a line and its CR LF off. */
static struct str next_line(struct str *text)
{
    const char *end = memchr(text->ptr, '\n', text->len);
    struct str line = { text->ptr, end ? (size_t)(end - text->ptr) : text->len };
    size_t used = end ? line.len + 1 : line.len;
    *text = (struct str){ text->ptr + used, text->len - used };
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* "HTTP/1.1 200 OK" */
static bool read_status(struct response *r, struct str line)
{
    if (line.len < 12 || memcmp(line.ptr, "HTTP/1.", 7) != 0 || line.ptr[8] != ' ')
        return false;
    uint64_t status;
    if (!read_length((struct str){ line.ptr + 9, 3 }, &status) || status < 100)
        return false;
    r->status = (int)status;
    r->keep_alive = line.ptr[7] != '0';
    return true;
}

/* A whole head; false when it is none. */
static bool read_head(struct response *r, struct str head)
{
    struct framing f = { 0 };
    if (!read_status(r, next_line(&head)))
        return false;
    for (struct str line = next_line(&head); line.len > 0; line = next_line(&head))
        if (!read_field(r, line, &f))
            return false;
    if (r->status == 101 && r->switches) {
        r->state = RESPONSE_WHOLE;
        return true;
    }
    if (r->status < 200) {
        r->status = 0;
        return true;
    }
    bool bodiless = r->head_only || r->status == 204 || r->status == 304;
    r->state = RESPONSE_BODY;
    if (bodiless || (!f.chunked && f.has_length && f.length == 0))
        r->state = RESPONSE_WHOLE;
    else if (f.chunked)
        r->body = (struct request_body){ BODY_CHUNK_SIZE, 0 };
    else if (f.has_length)
        r->body = (struct request_body){ BODY_LENGTH, f.length };
    else
        r->state = RESPONSE_UNTIL_CLOSE;
    return true;
}

/* Joins what was kept with what came; returns what is left of `bytes` behind the head. */
static struct str take_head(struct response *r, struct str bytes)
{
    struct str text = bytes;
    uint32_t kept = r->partial_bytes;
    if (kept > 0) {
        if (bytes.len > RESPONSE_HEAD_MAX - kept) {
            r->state = RESPONSE_MALFORMED;
            return bytes;
        }
        memcpy(r->partial + kept, bytes.ptr, bytes.len);
        text = (struct str){ r->partial, kept + bytes.len };
    }
    const char *end = memmem(text.ptr, text.len, "\r\n\r\n", 4);
    if (end) {
        size_t len = (size_t)(end - text.ptr) + 4;
        r->partial_bytes = 0;
        if (!read_head(r, (struct str){ text.ptr, len }))
            r->state = RESPONSE_MALFORMED;
        return (struct str){ bytes.ptr + (len - kept), bytes.len - (len - kept) };
    }
    if (kept == 0) {
        if (!r->partial)
            r->partial = malloc(RESPONSE_HEAD_MAX);
        if (!r->partial || bytes.len > RESPONSE_HEAD_MAX) {
            r->state = RESPONSE_MALFORMED;
            return bytes;
        }
        memcpy(r->partial, bytes.ptr, bytes.len);
    }
    r->partial_bytes = kept + (uint32_t)bytes.len;
    return (struct str){ bytes.ptr + bytes.len, 0 };
}

static struct str take_body(struct response *r, struct str bytes)
{
    struct str data;
    long used = request_body_read(&r->body, bytes, &data);
    if (used < 0) {
        r->state = RESPONSE_MALFORMED;
        return bytes;
    }
    r->body_bytes += data.len;
    if (r->body.state == BODY_END)
        r->state = RESPONSE_WHOLE;
    return (struct str){ bytes.ptr + used, bytes.len - (size_t)used };
}

void response_take(struct response *r, struct str bytes)
{
    while (bytes.len > 0) {
        switch (r->state) {
        case RESPONSE_HEAD:
            bytes = take_head(r, bytes);
            break;
        case RESPONSE_BODY:
            bytes = take_body(r, bytes);
            break;
        case RESPONSE_UNTIL_CLOSE:
            r->body_bytes += bytes.len;
            bytes.len = 0;
            break;
        case RESPONSE_WHOLE:
            r->state = RESPONSE_MALFORMED;
            return;
        case RESPONSE_MALFORMED:
            return;
        }
    }
}

void response_end(struct response *r)
{
    if (r->state == RESPONSE_UNTIL_CLOSE)
        r->state = RESPONSE_WHOLE;
}
