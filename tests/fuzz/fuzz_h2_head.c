/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fields of an HTTP/2 request, as HPACK could give them, whatever bytes they hold: what is accepted
 * and forwarded as HTTP/1.1 must be understood there as the same request, with the same body and
 * nothing smuggled in; forwarded as HTTP/2 it must be fields again.
 *
 * The input: a byte of flags, then fields as two bytes of lengths, the name, the value. */
#include <stdlib.h>

#include "core/http/forward.h"
#include "core/http/framing.h"
#include "core/http/h2_head.h"
#include "core/http/target.h"
#include "tests/fuzz/heads.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define WRITTEN_BYTES_MAX (2 * HEAD_BYTES_MAX + FORWARD_ADDED_BYTES_MAX)

static const enum body_framing framing_for[] = {
    [BODY_NONE] = FRAME_NONE,
    [BODY_LENGTH] = FRAME_LENGTH,
    [BODY_CHUNKED] = FRAME_CHUNKED,
};

static struct forward_request rules(const struct target *t, const struct framing *body, bool http2)
{
    return (struct forward_request){
        .http2 = http2,
        .target = t,
        .framing = framing_for[body->kind],
        .length = body->length,
        .peer_ip = STR("192.0.2.1"),
        .scheme = STR("https"),
        .request_id = STR("0123456789abcdef"),
        .host = t->authority,
        .max_forwards = -1,
    };
}

/* The next hop's view, by HTTP/1.1. */
static void check_http1(struct str written, const struct http_head *h, const struct target *t,
                        const struct framing *body)
{
    struct http_head next;
    struct target next_target;
    struct framing next_body;
    struct arena arena;
    enum end_reason why;
    char block[64];
    arena_init(&arena, block, sizeof block, 0);
    if (written.len > HEAD_BYTES_MAX || h->fields_count + 8 > HEAD_FIELDS_MAX)
        return;
    CHECK(h1_parse_request(written.ptr, written.len, 0, &next, &why) == H1_DONE);
    CHECK(next.head_bytes == written.len && next.version_minor == 1);
    CHECK(str_eq(head_str(&next, next.method), head_str(h, h->method)));
    CHECK(target_parse(&next, &arena, &next_target) == END_OK);
    CHECK(str_eq(next_target.path, t->path) && str_eq(next_target.query, t->query));
    CHECK(str_eq(next_target.authority, t->authority));
    CHECK(framing_of_request(&next, &next_body) == END_OK);
    CHECK(next_body.kind == body->kind && next_body.length == body->length);
    check_fields(&next);
    check_no_hop_by_hop(&next);
    CHECK(count_fields(&next, FIELD_CONNECTION) == 0);
    CHECK(count_fields(&next, FIELD_HOST) == 1);
    CHECK(count_fields(&next, FIELD_COOKIE) <= 1);
}

/* As fields of HTTP/2. */
static void check_http2(char *text, size_t bytes)
{
    static nghttp2_nv fields[H2_FIELDS_MAX];
    int n = h2_fields_of(text, bytes, fields);
    bool pseudo = true;
    for (int i = 0; i < n; i++) {
        const char *name = (const char *)fields[i].name;
        CHECK(fields[i].namelen > 0);
        CHECK(pseudo || name[0] != ':');
        pseudo = name[0] == ':';
        for (size_t k = pseudo; k < fields[i].namelen; k++)
            CHECK(name[k] > ' ' && name[k] < 0x7f && name[k] != ':' &&
                  !(name[k] >= 'A' && name[k] <= 'Z'));
    }
}

static void forward(const struct http_head *h, const struct target *t, const struct framing *body)
{
    char *written = malloc(WRITTEN_BYTES_MAX);
    CHECK(written);
    for (unsigned http2 = 0; http2 < 2; http2++) {
        struct forward_request f = rules(t, body, http2);
        struct out o = out_into(written, WRITTEN_BYTES_MAX);
        forward_request_head(&o, h, &f);
        CHECK(!o.full);
        if (http2)
            check_http2(written, out_len(&o));
        else
            check_http1((struct str){ written, out_len(&o) }, h, t, body);
    }
    free(written);
}

static bool collect(struct h2_collect *c, const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 2) {
        size_t name = p[0], value = p[1];
        p += 2;
        if ((size_t)(end - p) < name + value)
            break;
        if (!h2_collect_field(c, (struct str){ (const char *)p, name },
                              (struct str){ (const char *)p + name, value }))
            return false;
        p += name + value;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct http_head h;
    struct target t;
    struct framing body;
    struct arena arena;
    struct h2_collect c;
    enum end_reason why = END_OK;
    char block[1024];
    if (len == 0)
        return 0;
    arena_init(&arena, block, sizeof block, 256 * 1024);
    h2_collect_begin(&c, (enum h2_section)(bytes[0] / 2 % 3), &arena);
    bool whole = collect(&c, bytes + 1, bytes + len) && h2_collect_end(&c, &h, &why);
    CHECK(!whole || why == END_OK || end_reason_info(why)->status >= 400);
    if (whole && why == END_OK) {
        check_fields(&h);
        h.ended = bytes[0] & 1;
        if (c.section == H2_REQUEST && target_parse(&h, &arena, &t) == END_OK &&
            framing_of_request(&h, &body) == END_OK && forward_check_connection(&h) == END_OK &&
            t.form != TARGET_AUTHORITY)
            forward(&h, &t, &body);
    }
    arena_reset(&arena);
    return 0;
}
