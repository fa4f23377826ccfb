/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/http/grpc.h"

#include <string.h>

#define NS_PER_S UINT64_C(1000000000)
#define TIMEOUT_DIGITS_MAX 8
#define TIMEOUT_S_MAX (UINT64_C(100) * 365 * 24 * 3600)

bool grpc_is_request(const struct http_head *h)
{
    static const struct str type = { "application/grpc", 16 };
    const struct http_field *f = head_field(h, FIELD_CONTENT_TYPE);
    if (!f || head_field_next(h, f))
        return false;
    struct str v = head_value(h, f);
    if (v.len < type.len || !str_eq_fold((struct str){ v.ptr, type.len }, type))
        return false;
    return v.len == type.len || v.ptr[type.len] == '+' || v.ptr[type.len] == ';' ||
           v.ptr[type.len] == ' ';
}

/* Nanoseconds of one of these; 0: there is no such unit. */
static uint64_t unit_ns(char unit)
{
    switch (unit) {
    case 'H':
        return 3600 * NS_PER_S;
    case 'M':
        return 60 * NS_PER_S;
    case 'S':
        return NS_PER_S;
    case 'm':
        return NS_PER_S / 1000;
    case 'u':
        return NS_PER_S / 1000000;
    case 'n':
        return 1;
    default:
        return 0;
    }
}

uint64_t grpc_timeout_ns(const struct http_head *h)
{
    const struct http_field *f = head_field_named(h, STR("grpc-timeout"));
    struct str v = f ? head_value(h, f) : (struct str){ 0 };
    if (v.len < 2 || v.len > TIMEOUT_DIGITS_MAX + 1)
        return 0;
    uint64_t n = 0, unit = unit_ns(v.ptr[v.len - 1]);
    for (size_t i = 0; i + 1 < v.len; i++) {
        if (v.ptr[i] < '0' || v.ptr[i] > '9')
            return 0;
        n = n * 10 + (uint64_t)(v.ptr[i] - '0');
    }
    if (unit == 0)
        return 0;
    if (n > TIMEOUT_S_MAX * NS_PER_S / unit)
        return TIMEOUT_S_MAX * NS_PER_S;
    return n ? n * unit : 1; /* 0 is over at once */
}

enum grpc_status grpc_status_of(unsigned http_status)
{
    switch (http_status) {
    case 400:
    case 417:
    case 500:
        return GRPC_INTERNAL;
    case 401:
    case 407:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
    case 405:
    case 501:
        return GRPC_UNIMPLEMENTED;
    case 408:
    case 504:
        return GRPC_DEADLINE_EXCEEDED;
    case 413:
    case 429:
    case 431:
        return GRPC_RESOURCE_EXHAUSTED;
    case 421:
    case 502:
    case 508:
    case 503:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

void grpc_write_message(struct out *o, struct str text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= ' ' && c < 0x7f && c != '%') {
            out_char(o, (char)c);
        } else {
            out_char(o, '%');
            out_char(o, digits[c >> 4]);
            out_char(o, digits[c & 15]);
        }
    }
}
