/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A request head: parsed whole and in pieces; what is understood and forwarded must be understood
 * by the next hop as the same request with the same body, and hold nothing that came otherwise. */
#include <stdlib.h>

#include "core/http/forward.h"
#include "core/http/framing.h"
#include "core/http/target.h"
#include "tests/fuzz/heads.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define WRITTEN_BYTES_MAX (2 * HEAD_BYTES_MAX + FORWARD_ADDED_BYTES_MAX)

static const enum body_framing framing_for[] = {
    [BODY_NONE] = FRAME_NONE,
    [BODY_LENGTH] = FRAME_LENGTH,
    [BODY_CHUNKED] = FRAME_CHUNKED,
};

/* The second hop's view of what the first one wrote. */
static void check_forwarded(struct str written, const struct http_head *h, const struct target *t,
                            const struct framing *body, const struct forward_request *f)
{
    struct http_head next;
    struct target next_target;
    struct framing next_body;
    struct arena arena;
    enum end_reason why;
    char block[64];
    arena_init(&arena, block, sizeof block, 0);
    if (written.len > HEAD_BYTES_MAX || h->fields_count + 8 > HEAD_FIELDS_MAX)
        return; /* the next hop may have the same limits */
    CHECK(h1_parse_request(written.ptr, written.len, 0, &next, &why) == H1_DONE);
    CHECK(next.head_bytes == written.len && next.version_minor == 1);
    CHECK(next.method_id == h->method_id);
    CHECK(str_eq(head_str(&next, next.method), head_str(h, h->method)));
    CHECK(target_parse(&next, &arena, &next_target) == END_OK);
    CHECK(str_eq(next_target.path, t->path) && str_eq(next_target.query, t->query));
    CHECK(str_eq(next_target.authority, t->authority) && str_eq(next_target.host, t->host));
    CHECK(next_target.port == t->port);
    CHECK(framing_of_request(&next, &next_body) == END_OK);
    CHECK(next_body.kind == body->kind && next_body.length == body->length);
    CHECK(next_body.keep_alive);

    check_fields(&next);
    check_no_hop_by_hop(&next);
    CHECK(count_fields(&next, FIELD_CONNECTION) == 0);
    CHECK(count_fields(&next, FIELD_HOST) == 1);
    CHECK(count_fields(&next, FIELD_X_REQUEST_ID) == 1);
    CHECK(count_fields(&next, FIELD_X_FORWARDED_FOR) == 1);
    CHECK(f->peer_trusted || count_fields(&next, FIELD_X_FORWARDED_PROTO) == 1);
    /* Nothing unknown to us was made up, nothing but what must go was lost. */
    uint32_t unknown = 0;
    for (uint32_t i = 0; i < next.fields_count; i++) {
        if (next.fields[i].id != FIELD_OTHER)
            continue;
        unknown++;
        CHECK(
            has_field(h, head_str(&next, next.fields[i].name), head_value(&next, &next.fields[i])));
    }
    if (f->peer_trusted && f->underscores && !head_field(h, FIELD_CONNECTION))
        for (uint32_t i = 0; i < h->fields_count; i++)
            if (h->fields[i].id == FIELD_OTHER && !h->fields[i].underscore)
                CHECK(unknown-- > 0);
}

static void forward(const struct http_head *h, const struct target *t, const struct framing *body)
{
    char *written = malloc(WRITTEN_BYTES_MAX);
    CHECK(written);
    for (unsigned choice = 0; choice < 4; choice++) {
        struct forward_request f = {
            .target = t,
            .framing = framing_for[body->kind],
            .length = body->length,
            .peer_ip = choice & 1 ? STR("2001:db8::1") : STR("192.0.2.1"),
            .scheme = STR("https"),
            .request_id = STR("0123456789abcdef"),
            .host = t->authority,
            .peer_trusted = choice & 1,
            .via = choice & 2,
            .forwarded = choice & 2,
            .underscores = choice & 1,
            .expect_continue = body->expect_continue,
            .max_forwards = choice & 2 ? 3 : -1,
        };
        struct out o = out_into(written, WRITTEN_BYTES_MAX);
        forward_request_head(&o, h, &f);
        CHECK(!o.full);
        check_forwarded((struct str){ written, out_len(&o) }, h, t, body, &f);
    }
    free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct str s = { (const char *)bytes, len };
    struct http_head h;
    struct target t;
    struct framing body;
    struct arena arena;
    enum end_reason why = END_OK;
    char block[1024];
    enum h1_result r = parse_in_pieces(h1_parse_request, s, &h, &why);
    CHECK(r != H1_ERROR || end_reason_info(why)->status >= 400);
    if (r != H1_DONE)
        return 0;
    CHECK(h.head_bytes <= len && h.method.len > 0 && h.target.len > 0);
    check_fields(&h);
    arena_init(&arena, block, sizeof block, 64 * 1024);
    if (target_parse(&h, &arena, &t) == END_OK && framing_of_request(&h, &body) == END_OK &&
        forward_check_connection(&h) == END_OK)
        forward(&h, &t, &body);
    arena_reset(&arena);
    return 0;
}
