/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A request target, up to the first LF of the input, and a Host after it: the path that comes out
 * is in normal form and has no way up, and reading target and Host again changes nothing. */
#include <stdlib.h>
#include <strings.h>

#include "core/base/out.h"
#include "core/http/path.h"
#include "core/http/target.h"
#include "tests/fuzz/heads.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_path(struct str path)
{
    bool valid;
    CHECK(path.len > 0 && path.ptr[0] == '/');
    CHECK(path_is_normal(path, &valid) && valid);
    char *again = malloc(path.len);
    CHECK(again);
    CHECK(path_normalise(path, again) == path.len && memcmp(again, path.ptr, path.len) == 0);
    free(again);
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        CHECK(c > ' ' && c < 0x7f && !strchr("\\\"<>#?{}`", c));
        if (c == '/' && i + 1 < path.len && path.ptr[i + 1] == '.') {
            size_t end = i + 2;
            end += end < path.len && path.ptr[end] == '.';
            CHECK(end < path.len && path.ptr[end] != '/');
        }
        if (c == '%')
            CHECK(strncasecmp(path.ptr + i, "%2e", 3) != 0 && memcmp(path.ptr + i, "%00", 3) != 0);
    }
}

static void check_authority(const struct target *t)
{
    CHECK(t->host.len <= t->authority.len && t->port <= 65535);
    for (size_t i = 0; i < t->authority.len; i++) {
        unsigned char c = (unsigned char)t->authority.ptr[i];
        CHECK(c > ' ' && c < 0x7f && !strchr("@/?#\\,\"<>%{}|^`", c));
    }
}

static enum h1_result parse(const char *method, struct str target, struct str host,
                            struct http_head *h, char *text)
{
    enum end_reason why;
    struct out o = out_into(text, target.len + host.len + 64);
    out_str(&o, str_of(method));
    out_char(&o, ' ');
    out_str(&o, target);
    out_lit(&o, " HTTP/1.1\r\nHost: ");
    out_str(&o, host);
    out_lit(&o, "\r\n\r\n");
    CHECK(!o.full);
    return h1_parse_request(text, out_len(&o), 0, h, &why);
}

static void check_target(const char *method, struct str target, struct str host)
{
    struct http_head h, again_head;
    struct target t, again;
    struct arena arena;
    char block[256];
    char *text = malloc(target.len + host.len + 64), *again_text = NULL;
    CHECK(text);
    arena_init(&arena, block, sizeof block, 64 * 1024);
    if (parse(method, target, host, &h, text) == H1_DONE && h.fields_count == 1 &&
        target_parse(&h, &arena, &t) == END_OK) {
        check_authority(&t);
        if (t.form == TARGET_ORIGIN || t.form == TARGET_ABSOLUTE)
            check_path(t.path);
        CHECK(t.query.len == 0 || t.query.ptr[0] == '?');
        /* As it is forwarded. */
        again_text = malloc(t.path.len + t.query.len + 2 * t.authority.len + 64);
        char *joined = malloc(t.path.len + t.query.len + t.authority.len + 1);
        CHECK(again_text && joined);
        struct out o = out_into(joined, t.path.len + t.query.len + t.authority.len);
        if (t.form == TARGET_AUTHORITY)
            out_str(&o, t.authority);
        out_str(&o, t.path);
        out_str(&o, t.query);
        CHECK(parse(method, (struct str){ joined, out_len(&o) }, t.authority, &again_head,
                    again_text) == H1_DONE);
        char *at = arena.at;
        CHECK(target_parse(&again_head, &arena, &again) == END_OK && arena.at == at);
        CHECK(str_eq(again.path, t.path) && str_eq(again.query, t.query));
        CHECK(str_eq(again.authority, t.authority) && again.port == t.port);
        free(joined);
    }
    free(again_text);
    free(text);
    arena_reset(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *p = (const char *)bytes;
    const char *lf = len ? memchr(p, '\n', len) : NULL;
    struct str target = { p, lf ? (size_t)(lf - p) : len };
    struct str host = lf ? (struct str){ lf + 1, len - target.len - 1 } : STR("a");
    check_target("GET", target, host);
    check_target("OPTIONS", target, host);
    check_target("CONNECT", target, host);
    return 0;
}
