/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/framing.h"

#include "core/http/chars.h"

/* 2^63 - 1 has 19 digits; more are suspicious even when they are zeros. */
#define LENGTH_DIGITS_MAX 19

/* The one Content-Length of the head, if there is one: false if it is repeated or malformed. */
static bool read_length(const struct http_head *h, struct framing *f)
{
    const struct http_field *field = head_field(h, FIELD_CONTENT_LENGTH);
    if (!field)
        return true;
    struct str digits = head_value(h, field);
    if (field->next || digits.len == 0 || digits.len > LENGTH_DIGITS_MAX)
        return false;
    uint64_t length = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (!char_is_digit(digits.ptr[i]))
            return false;
        length = length * 10 + (uint64_t)(digits.ptr[i] - '0');
    }
    if (length > INT64_MAX)
        return false;
    f->length_declared = true;
    f->declared_length = length;
    return true;
}

static bool is_chunked(struct str coding)
{
    return str_eq_fold(coding, STR("chunked"));
}

/* END_OK for exactly one "chunked" and nothing else. */
static enum end_reason check_coding(const struct http_head *h)
{
    const struct http_field *field = head_field(h, FIELD_TRANSFER_ENCODING);
    if (!field->next && is_chunked(head_value(h, field)))
        return END_OK;
    /* Refused. A well-formed list that chunked, if it is there, ends: unknown, else bad. */
    bool others = false, chunked = false;
    for (; field; field = head_field_next(h, field)) {
        struct str rest = head_value(h, field), coding;
        while (http_list_next(&rest, &coding)) {
            size_t name = chars_token(coding.ptr, coding.len);
            bool parameters = name < coding.len;
            if (chunked || name == 0 ||
                (parameters && coding.ptr[name] != ';' && !char_is_ows(coding.ptr[name])))
                return END_BAD_TRANSFER_CODING;
            chunked = is_chunked((struct str){ coding.ptr, name });
            if (chunked && parameters)
                return END_BAD_TRANSFER_CODING;
            others |= !chunked;
        }
    }
    return others ? END_UNKNOWN_CODING : END_BAD_TRANSFER_CODING;
}

/* By version and Connection (RFC 9112 9.3). */
static bool persistent(const struct http_head *h)
{
    if (!head_field(h, FIELD_CONNECTION))
        return h->version_minor > 0;
    if (head_list_has(h, FIELD_CONNECTION, STR("close")))
        return false;
    return h->version_minor > 0 || head_list_has(h, FIELD_CONNECTION, STR("keep-alive"));
}

static enum end_reason read_expect(const struct http_head *h, bool *expect_continue)
{
    const struct http_field *field = head_field(h, FIELD_EXPECT);
    for (; field; field = head_field_next(h, field)) {
        if (!str_eq_fold(head_value(h, field), STR("100-continue")))
            return END_BAD_EXPECT;
        *expect_continue = true;
    }
    return END_OK;
}

/* HTTP/2 says by itself where a message ends (RFC 9113 8.1); a declared length has to agree. */
static bool frame_http2(const struct http_head *h, struct framing *f)
{
    if (!h->ended && !f->length_declared) {
        f->kind = BODY_CHUNKED;
    } else if (!h->ended && f->declared_length > 0) {
        f->kind = BODY_LENGTH;
        f->length = f->declared_length;
    }
    return !h->ended || f->declared_length == 0;
}

enum end_reason framing_of_request(const struct http_head *h, struct framing *f)
{
    *f = (struct framing){ .kind = BODY_NONE };
    bool coded = head_field(h, FIELD_TRANSFER_ENCODING) != NULL;
    if (coded && head_field(h, FIELD_CONTENT_LENGTH))
        return END_LENGTH_WITH_CODING;
    if (!read_length(h, f))
        return END_BAD_CONTENT_LENGTH;
    if (h->version_major == 2) {
        if (coded || !frame_http2(h, f))
            return END_BAD_CONTENT_LENGTH;
    } else if (coded) {
        enum end_reason why = h->version_minor > 0 ? check_coding(h) : END_BAD_TRANSFER_CODING;
        if (why != END_OK)
            return why;
        f->kind = BODY_CHUNKED;
    } else if (f->declared_length > 0) {
        f->kind = BODY_LENGTH;
        f->length = f->declared_length;
    }
    bool expects = false;
    if (read_expect(h, &expects) != END_OK)
        return END_BAD_EXPECT;
    f->expect_continue = expects && h->version_minor > 0 && f->kind != BODY_NONE;
    f->keep_alive = persistent(h);
    return END_OK;
}

/* Responses that end with their head, whatever their fields say (RFC 9112 6.3). */
static bool bodiless(const struct http_head *h, enum http_method request_method)
{
    return request_method == METHOD_HEAD || h->status == 204 || h->status == 304 ||
           (request_method == METHOD_CONNECT && h->status / 100 == 2);
}

enum end_reason framing_of_response(const struct http_head *h, enum http_method request_method,
                                    struct framing *f)
{
    *f = (struct framing){ .kind = BODY_NONE };
    bool coded = head_field(h, FIELD_TRANSFER_ENCODING) != NULL;
    if (coded && head_field(h, FIELD_CONTENT_LENGTH))
        return END_RESPONSE_CONTENT_LENGTH;
    if (!read_length(h, f))
        return END_RESPONSE_CONTENT_LENGTH;
    if (coded && (h->version_major == 2 || h->version_minor == 0 || check_coding(h) != END_OK))
        return END_RESPONSE_CODING;
    f->keep_alive = persistent(h);
    if (bodiless(h, request_method)) {
        /* A server that announces a body where there can be none may send it, and it would be
         * taken for the next response: this connection is not used again. */
        if (h->status / 100 == 2 && request_method != METHOD_HEAD &&
            (coded || f->declared_length > 0))
            f->keep_alive = false;
    } else if (h->version_major == 2) {
        if (!frame_http2(h, f))
            return END_RESPONSE_CONTENT_LENGTH;
    } else if (coded) {
        f->kind = BODY_CHUNKED;
    } else if (!f->length_declared) {
        f->kind = BODY_CLOSE;
        f->keep_alive = false;
    } else if (f->declared_length > 0) {
        f->kind = BODY_LENGTH;
        f->length = f->declared_length;
    }
    return END_OK;
}
