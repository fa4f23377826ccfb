/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What caches read in heads: the input is the fields of a request, an empty line, the fields of a
 * response. Whatever they say, times stay within bounds, ranges within the body, a response varies
 * as it was stored to, and only codings that are acceptable are chosen. */
#include <string.h>

#include "core/base/check.h"
#include "core/cache/vary.h"
#include "core/http/accept_encoding.h"
#include "core/http/condition.h"
#include "core/http/date.h"
#include "core/http/freshness.h"
#include "core/http/h1_head.h"

#define NOW_S UINT64_C(1795000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool parse(struct http_head *h, char *text, size_t room, const char *line,
                  const char *fields, size_t n, bool request)
{
    struct out o = out_into(text, room);
    enum end_reason why;
    out_str(&o, str_of(line));
    out_mem(&o, fields, n);
    out_lit(&o, "\r\n\r\n");
    return !o.full && (request ? h1_parse_request : h1_parse_response)(text, out_len(&o), 0, h,
                                                                       &why) == H1_DONE;
}

static void check_freshness(const struct http_head *request, const struct http_head *response)
{
    static const struct freshness_rules rules = {
        .targeted = { "cdn-cache-control", 17 },
        .heuristic_percent = 10,
        .heuristic_max_s = 86400,
        .default_s = 5,
        .grace_s = 7,
    };
    struct freshness f;
    struct cache_control cc;
    freshness_read(&f, response, &rules, NOW_S - 1, NOW_S);
    CHECK(f.born_s <= NOW_S && f.lifetime_s <= DELTA_SECONDS_MAX);
    CHECK(freshness_age_s(&f, 0) == 0); /* a clock that stepped back */
    CHECK(freshness_age_s(&f, NOW_S) <= DELTA_SECONDS_MAX);
    cache_control_read(&cc, response);
    enum store_verdict v = freshness_may_store(request, response, &f, &rules);
    if (cc.given & (CC_NO_STORE | CC_PRIVATE) && !head_field(response, FIELD_CDN_CACHE_CONTROL))
        CHECK(v != STORE_OK);
    enum reuse now = freshness_reuse(&f, request, &rules, NOW_S);
    if (f.always_ask)
        CHECK(now == REUSE_VALIDATE);
    if (f.never_stale && freshness_age_s(&f, NOW_S) > f.lifetime_s)
        CHECK(now == REUSE_VALIDATE);
}

static void check_ranges(const struct http_head *request, const struct http_head *response)
{
    static const uint64_t lengths[] = { 0, 1, 10, 1000, UINT64_C(1) << 40 };
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct byte_range ranges[RANGES_MAX];
        uint32_t count = 0;
        if (range_read(request, response, lengths[i], NOW_S, ranges, &count) != RANGE_SOME)
            continue;
        CHECK(count > 0 && count <= RANGES_MAX);
        for (uint32_t k = 0; k < count; k++)
            CHECK(ranges[k].length > 0 && ranges[k].first < lengths[i] &&
                  ranges[k].length <= lengths[i] - ranges[k].first);
    }
}

static void check_vary(const struct http_head *request, const struct http_head *response)
{
    char text[VARY_BYTES_MAX];
    struct out o = out_into(text, sizeof text);
    if (vary_write(&o, response, request, STR("accept-encoding")))
        CHECK(vary_matches((struct str){ text, out_len(&o) }, request));
}

static void check_codings(const struct http_head *request)
{
    static const uint8_t order[] = { CODING_ZSTD, CODING_BROTLI, CODING_GZIP };
    uint16_t weights[CODING_COUNT];
    accept_encoding_read(request, weights);
    for (uint32_t offered = 0; offered < 16; offered++) {
        enum coding c = accept_encoding_choose(weights, offered, order, ARRAY_LEN(order));
        CHECK(c == CODING_IDENTITY || (weights[c] > 0 && offered & UINT32_C(1) << c));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head request, response;
    static char texts[2][HEAD_BYTES_MAX];
    const char *at = (const char *)data, *split = memmem(data, size, "\n\n", 2);
    size_t first = split ? (size_t)(split - at) : size;
    if (!parse(&request, texts[0], sizeof texts[0], "GET / HTTP/1.1\r\nHost: a\r\n", at, first,
               true) ||
        !parse(&response, texts[1], sizeof texts[1], "HTTP/1.1 200 OK\r\n", split ? split + 2 : "",
               split ? size - first - 2 : 0, false))
        return 0;
    uint64_t s;
    const struct http_field *date = head_field(&response, FIELD_DATE);
    if (date && http_date_parse(head_value(&response, date), NOW_S, &s)) {
        char again[HTTP_DATE_BYTES];
        uint64_t t;
        http_date(again, s);
        CHECK(http_date_parse((struct str){ again, sizeof again }, NOW_S, &t) && t == s);
    }
    check_freshness(&request, &response);
    check_ranges(&request, &response);
    check_vary(&request, &response);
    check_codings(&request);
    condition_not_modified(&request, &response, NOW_S, NOW_S);
    return 0;
}
