/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A chunked body: decoded whole and in pieces, with the same result; what was decoded, encoded
 * again, decodes to the same; trailers are judged and forwarded. */
#include <stdlib.h>

#include "core/base/rng.h"
#include "core/http/forward.h"
#include "core/http/h1_chunked.h"
#include "tests/fuzz/heads.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct decoded {
    struct h1_chunked decoder;
    enum h1_chunk_event last;
    size_t used, body_len, trailers_len;
    char *body; /* as long as the input, which is longer than what it holds */
    char trailers[TRAILER_BYTES_MAX];
};

static void begin(struct decoded *d, size_t len)
{
    h1_chunked_init(&d->decoder);
    d->last = CHUNK_EVENT_MORE;
    d->used = d->body_len = d->trailers_len = 0;
    d->body = malloc(len + 1);
    CHECK(d->body);
}

static void feed(struct decoded *d, const char *p, size_t n)
{
    for (;;) {
        const char *data;
        size_t used, len;
        d->last = h1_chunked_next(&d->decoder, p, n, &used, &data, &len);
        CHECK(used <= n);
        p += used;
        n -= used;
        d->used += used;
        if (d->last == CHUNK_EVENT_DATA) {
            CHECK(len > 0 && data + len == p);
            memcpy(d->body + d->body_len, data, len);
            d->body_len += len;
        } else if (d->last == CHUNK_EVENT_TRAILER) {
            CHECK(len > 0 && data + len == p && d->trailers_len + len <= TRAILER_BYTES_MAX);
            memcpy(d->trailers + d->trailers_len, data, len);
            d->trailers_len += len;
        } else {
            CHECK(d->last != CHUNK_EVENT_MORE || n == 0);
            return;
        }
    }
}

static void feed_in_pieces(struct decoded *d, struct str s, struct rng *rng)
{
    uint32_t longest = 1 + rng_below(rng, 40);
    for (size_t i = 0; i < s.len && d->last == CHUNK_EVENT_MORE;) {
        size_t n = 1 + rng_below(rng, longest);
        if (n > s.len - i)
            n = s.len - i;
        feed(d, s.ptr + i, n);
        i += n;
    }
}

static void check_same(const struct decoded *a, const struct decoded *b)
{
    CHECK(a->last == b->last && a->body_len == b->body_len);
    CHECK(memcmp(a->body, b->body, a->body_len) == 0);
    if (a->last != CHUNK_EVENT_DONE)
        return;
    CHECK(a->used == b->used && a->trailers_len == b->trailers_len);
    CHECK(memcmp(a->trailers, b->trailers, a->trailers_len) == 0);
}

/* As one chunk, or none. */
static void check_encoded(const struct decoded *whole)
{
    char *coded = malloc(whole->body_len + H1_CHUNK_HEADER_MAX + 8);
    size_t n = 0;
    CHECK(coded);
    if (whole->body_len) {
        n = h1_chunk_header(coded, whole->body_len);
        memcpy(coded + n, whole->body, whole->body_len);
        memcpy(coded + n + whole->body_len, "\r\n", 2);
        n += whole->body_len + 2;
    }
    memcpy(coded + n, "0\r\n\r\n", 5);
    struct decoded again;
    begin(&again, n + 5);
    feed(&again, coded, n + 5);
    CHECK(again.last == CHUNK_EVENT_DONE && again.used == n + 5);
    CHECK(again.body_len == whole->body_len);
    CHECK(memcmp(again.body, whole->body, again.body_len) == 0);
    free(again.body);
    free(coded);
}

static void check_trailers(const struct decoded *whole)
{
    struct http_head h, next;
    enum end_reason why = END_OK;
    char written[2 * TRAILER_BYTES_MAX];
    if (h1_parse_trailers(whole->trailers, whole->trailers_len, &h, &why) != H1_DONE) {
        CHECK(why == END_BAD_TRAILER);
        return;
    }
    check_fields(&h);
    struct out o = out_into(written, sizeof written);
    forward_trailers(&o, &h);
    CHECK(!o.full);
    CHECK(h1_parse_trailers(written, out_len(&o), &next, &why) == H1_DONE);
    for (uint32_t i = 0; i < next.fields_count; i++) {
        CHECK(next.fields[i].id == FIELD_OTHER);
        CHECK(has_field(&h, head_str(&next, next.fields[i].name),
                        head_value(&next, &next.fields[i])));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct str s = { (const char *)bytes, len };
    struct rng rng = { len };
    struct decoded whole, pieces;
    for (size_t i = 0; i < len; i++)
        rng.state = rng.state * 31 + bytes[i];
    begin(&whole, len);
    feed(&whole, s.ptr, s.len);
    CHECK(whole.last != CHUNK_EVENT_MORE || whole.used == len);
    for (unsigned i = 0; i < 3; i++) {
        begin(&pieces, len);
        feed_in_pieces(&pieces, s, &rng);
        check_same(&pieces, &whole);
        free(pieces.body);
    }
    if (whole.last == CHUNK_EVENT_DONE) {
        check_encoded(&whole);
        check_trailers(&whole);
    }
    free(whole.body);
    return 0;
}
