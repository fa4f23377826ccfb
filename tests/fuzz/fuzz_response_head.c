/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A response head: parsed whole and in pieces; what is forwarded must be understood by the client
 * as the same response with the same body. */
#include <stdlib.h>

#include "core/http/forward.h"
#include "core/http/framing.h"
#include "tests/fuzz/heads.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define WRITTEN_BYTES_MAX (2 * HEAD_BYTES_MAX + FORWARD_ADDED_BYTES_MAX)

static bool fits(const struct http_head *h, struct str written)
{
    return written.len <= HEAD_BYTES_MAX && h->fields_count + 4 <= HEAD_FIELDS_MAX;
}

static void check_next(struct http_head *next, struct str written, const struct http_head *h)
{
    enum end_reason why;
    CHECK(h1_parse_response(written.ptr, written.len, 0, next, &why) == H1_DONE);
    CHECK(next->head_bytes == written.len && next->version_minor == 1);
    CHECK(next->status == h->status);
    CHECK(h->reason.len == 0 || str_eq(head_str(next, next->reason), head_str(h, h->reason)));
    check_fields(next);
    check_no_hop_by_hop(next);
    for (uint32_t i = 0; i < next->fields_count; i++)
        if (next->fields[i].id == FIELD_OTHER || next->fields[i].id == FIELD_SET_COOKIE)
            CHECK(has_field(h, head_str(next, next->fields[i].name),
                            head_value(next, &next->fields[i])));
    if (!head_field(h, FIELD_CONNECTION))
        CHECK(count_fields(next, FIELD_SET_COOKIE) == count_fields(h, FIELD_SET_COOKIE));
}

static void forward(const struct http_head *h, enum http_method method, char *written)
{
    static const enum body_framing framing_for[] = {
        [BODY_NONE] = FRAME_LENGTH,
        [BODY_LENGTH] = FRAME_LENGTH,
        [BODY_CHUNKED] = FRAME_CHUNKED,
        [BODY_CLOSE] = FRAME_CLOSE,
    };
    struct framing body, next_body;
    struct http_head next;
    if (framing_of_response(h, method, &body) != END_OK)
        return;
    CHECK(body.kind != BODY_CLOSE || !body.keep_alive);
    CHECK(body.kind != BODY_LENGTH || body.length > 0);
    CHECK(method != METHOD_HEAD || body.kind == BODY_NONE);
    bool bodiless = method == METHOD_HEAD || h->status == 204 || h->status == 304;
    struct forward_response f = {
        .framing = bodiless ? FRAME_NONE : framing_for[body.kind],
        .length = bodiless ? body.declared_length : body.length,
        .declared_length = bodiless && h->status != 204 && body.length_declared,
        .close = body.kind == BODY_CLOSE,
        .via = h->status % 2,
        .date = STR("Sun, 06 Nov 1994 08:49:37 GMT"),
    };
    struct out o = out_into(written, WRITTEN_BYTES_MAX);
    forward_response_head(&o, h, &f);
    CHECK(!o.full);
    struct str s = { written, out_len(&o) };
    if (!fits(h, s))
        return;
    check_next(&next, s, h);
    CHECK(count_fields(&next, FIELD_DATE) >= 1);
    CHECK(framing_of_response(&next, method, &next_body) == END_OK);
    CHECK(next_body.kind == body.kind && next_body.length == body.length);
    CHECK(next_body.keep_alive == !f.close);
    if (f.declared_length)
        CHECK(next_body.declared_length == body.declared_length);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct str s = { (const char *)bytes, len };
    struct http_head h, next;
    enum end_reason why = END_OK;
    enum h1_result r = parse_in_pieces(h1_parse_response, s, &h, &why);
    CHECK(r != H1_ERROR || end_reason_info(why)->status == 502);
    if (r != H1_DONE)
        return 0;
    CHECK(h.head_bytes <= len && h.status >= 100 && h.status <= 999);
    check_fields(&h);
    char *written = malloc(WRITTEN_BYTES_MAX);
    CHECK(written);
    if (h.status >= 200) {
        forward(&h, METHOD_GET, written);
        forward(&h, METHOD_HEAD, written);
    } else {
        struct out o = out_into(written, WRITTEN_BYTES_MAX);
        forward_interim_head(&o, &h, h.status % 2, false);
        CHECK(!o.full);
        struct str interim = { written, out_len(&o) };
        if (fits(&h, interim)) {
            check_next(&next, interim, &h);
            CHECK(!head_field(&next, FIELD_CONTENT_LENGTH));
            CHECK(!head_field(&next, FIELD_TRANSFER_ENCODING));
        }
    }
    free(written);
    return 0;
}
