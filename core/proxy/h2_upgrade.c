/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2 in clear by Upgrade: h2c (RFC 7540 3.2). */
#include <string.h>

#include "core/base/check.h"
#include "core/proxy/client.h"
#include "core/proxy/exchange.h"
#include "core/proxy/h2_client.h"

/* More settings than there are. */
#define SETTINGS_BYTES_MAX 192

/* The only value of a field that stands there once; ptr NULL otherwise. */
static struct str only(const struct http_head *h, enum http_field_id id)
{
    const struct http_field *f = head_field(h, id);
    return f && !head_field_next(h, f) ? head_value(h, f) : (struct str){ 0 };
}

static int sextet(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* RFC 4648 5, without padding. Gives the bytes, or -1. */
static int decode_base64url(struct str s, uint8_t *out, size_t max)
{
    size_t n = 0;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < s.len; i++) {
        int six = sextet(s.ptr[i]);
        if (six < 0)
            return -1;
        bits = bits << 6 | (uint32_t)six;
        count += 6;
        if (count < 8)
            continue;
        if (n == max)
            return -1;
        count -= 8;
        out[n++] = (uint8_t)(bits >> count);
    }
    bool left_over = count == 6 || (bits & ((1u << count) - 1));
    return left_over ? -1 : (int)n;
}

/* What it is to be: named by Connection, for h2c only, without a body. */
static bool is_well_formed(const struct http_head *h)
{
    return h->version_minor > 0 && str_eq_fold(only(h, FIELD_UPGRADE), STR("h2c")) &&
           head_list_has(h, FIELD_CONNECTION, STR("upgrade")) &&
           head_list_has(h, FIELD_CONNECTION, STR("http2-settings")) &&
           !head_field(h, FIELD_CONTENT_LENGTH) && !head_field(h, FIELD_TRANSFER_ENCODING) &&
           h->method_id != METHOD_CONNECT;
}

bool h2_upgrade_asked(struct client *c)
{
    const struct http_head *h = &c->ex->head;
    if (!head_field(h, FIELD_UPGRADE) || !is_well_formed(h))
        return false;
    struct str said = only(h, FIELD_HTTP2_SETTINGS);
    uint8_t settings[SETTINGS_BYTES_MAX];
    int n = said.ptr ? decode_base64url(said, settings, sizeof settings) : -1;
    return n >= 0 && h2_client_upgrade(c, settings, (size_t)n);
}
