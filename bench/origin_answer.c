/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/origin_answer.h"

#include <math.h>

#include "core/base/check.h"

const char answer_help[] =
    "  /                      13 bytes: Hello, world!\n"
    "  /size/N                N bytes with Content-Length\n"
    "  /json/N                N bytes of JSON with Content-Length\n"
    "  /chunked/N[/CHUNK]     N bytes in chunks of CHUNK (default 4096)\n"
    "  /trailers[/N]          the same, with trailer fields behind it\n"
    "  /close[/N]             N bytes ended by closing the connection\n"
    "  /status/CODE           that status with a short text\n"
    "  /error/PERCENT         500 for so many of a hundred requests, else as /\n"
    "  /delay/MS[/...]        after so many milliseconds, what the rest of the path says;\n"
    "                         MS is a number, A-B (uniform), exp:MEAN, or pareto:LEAST (a\n"
    "                         heavy tail, alpha 1.5)\n"
    "  /chance/PERCENT/...    for so many of a hundred requests what the rest says, else as /\n"
    "  /drip/N[/PIECE[/MS]]   N bytes with Content-Length, in pieces (default 1024 bytes)\n"
    "                         with a pause (default 10 ms) between them\n"
    "  /echo                  the request: its head and its body as it comes\n"
    "  /websocket             echoes the messages of a WebSocket (RFC 6455)\n"
    "  /upload                the number of bytes in the request's body\n"
    "  /continue[/N]          N times (default 1) 100 Continue, then as /upload\n"
    "  /early[/CODE]          answers at once, then reads the request's body and drops it\n"
    "  /reset[/N]             resets the connection, after N bytes of a longer body\n";

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    { 100, "Continue" },
    { 101, "Switching Protocols" },
    { 103, "Early Hints" },
    { 200, "OK" },
    { 201, "Created" },
    { 204, "No Content" },
    { 206, "Partial Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 304, "Not Modified" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 413, "Content Too Large" },
    { 426, "Upgrade Required" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
};

void answer_put_status(struct out *o, int status)
{
    out_lit(o, "HTTP/1.1 ");
    out_u64(o, (uint64_t)status);
    out_char(o, ' ');
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            out_str(o, str_of(reasons[i].reason));
    out_lit(o, "\r\n");
}

bool answer_is_bodiless(int status)
{
    return status < 200 || status == 204 || status == 304;
}

/* Cuts the next segment off a path: "/size/13" gives "size" and leaves "/13". */
static struct str next_segment(struct str *path)
{
    struct str s = { path->ptr, 0 };
    if (path->len > 0 && *path->ptr == '/')
        s.ptr++;
    const char *end = path->ptr + path->len;
    while (s.ptr + s.len < end && s.ptr[s.len] != '/')
        s.len++;
    path->len = (size_t)(end - (s.ptr + s.len));
    path->ptr = s.ptr + s.len;
    return s;
}

/* The next segment as a number; `absent` when the path ends here. */
static bool next_number(struct str *path, uint64_t absent, uint64_t max, uint64_t *out)
{
    struct str s = next_segment(path);
    *out = s.len > 0 ? 0 : absent;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(s.ptr[i] - '0');
        if (*out > max)
            return false;
    }
    return true;
}

#define DELAY_MS_MAX (UINT64_C(24) * 3600 * 1000)
#define PARETO_ALPHA 1.5

/* (0, 1] */
static double uniform(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1p-53 + 0x1p-53;
}

static bool read_number(struct str s, uint64_t *out)
{
    return s.len > 0 && next_number(&s, 0, DELAY_MS_MAX, out) && s.len == 0;
}

static bool has_prefix(struct str s, struct str prefix, struct str *rest)
{
    if (s.len < prefix.len || memcmp(s.ptr, prefix.ptr, prefix.len) != 0)
        return false;
    *rest = (struct str){ s.ptr + prefix.len, s.len - prefix.len };
    return true;
}

/* A delay as the help says, drawn. */
static bool read_delay(struct str s, struct rng *rng, uint64_t *out)
{
    struct str rest;
    uint64_t low, high;
    double drawn;
    if (has_prefix(s, STR("exp:"), &rest)) {
        if (!read_number(rest, &low))
            return false;
        drawn = -log(uniform(rng)) * (double)low;
    } else if (has_prefix(s, STR("pareto:"), &rest)) {
        if (!read_number(rest, &low))
            return false;
        drawn = (double)low / pow(uniform(rng), 1 / PARETO_ALPHA);
    } else {
        const char *dash = s.len ? memchr(s.ptr, '-', s.len) : NULL;
        if (!dash)
            return read_number(s, out);
        struct str first = { s.ptr, (size_t)(dash - s.ptr) };
        if (!read_number(first, &low) ||
            !read_number((struct str){ dash + 1, s.len - first.len - 1 }, &high) || high < low)
            return false;
        drawn = (double)low + uniform(rng) * (double)(high - low);
    }
    *out = drawn < (double)DELAY_MS_MAX ? (uint64_t)(drawn + 0.5) : DELAY_MS_MAX;
    return true;
}

#define SIZE_MAX_BYTES (UINT64_C(1) << 50)
#define HELLO STR("Hello, world!")

static bool sized(struct answer *a, enum answer_body body, struct str *path)
{
    a->body = body;
    return next_number(path, HELLO.len, SIZE_MAX_BYTES, &a->size);
}

static bool chunked(struct answer *a, struct str *path)
{
    return sized(a, ANSWER_CHUNKED, path) && next_number(path, 4096, SIZE_MAX_BYTES, &a->chunk) &&
           a->chunk > 0;
}

static bool dripping(struct answer *a, struct str *path)
{
    return sized(a, ANSWER_SIZE, path) && next_number(path, 1024, SIZE_MAX_BYTES, &a->chunk) &&
           a->chunk > 0 && next_number(path, 10, DELAY_MS_MAX, &a->drip_ms) && a->drip_ms > 0;
}

static bool with_status(struct answer *a, uint64_t absent, struct str *path)
{
    uint64_t status;
    if (!next_number(path, absent, 999, &status) || status < 200)
        return false;
    a->status = (int)status;
    a->text = STR("This is what was asked for.\n");
    return true;
}

/* What a path without delays says; false: nothing. */
static bool read_path(struct str path, struct rng *rng, struct answer *a)
{
    struct str word = next_segment(&path);
    if (word.len == 0)
        return path.len == 0;
    if (str_eq(word, STR("size")))
        return sized(a, ANSWER_SIZE, &path);
    if (str_eq(word, STR("chunked")))
        return chunked(a, &path);
    if (str_eq(word, STR("trailers"))) {
        a->trailers = true;
        return chunked(a, &path);
    }
    if (str_eq(word, STR("close")))
        return sized(a, ANSWER_UNTIL_CLOSE, &path);
    if (str_eq(word, STR("drip")))
        return dripping(a, &path);
    if (str_eq(word, STR("status")))
        return with_status(a, 200, &path);
    if (str_eq(word, STR("error"))) {
        uint64_t percent;
        if (!next_number(&path, 100, 100, &percent))
            return false;
        if (rng_below(rng, 100) < percent)
            a->status = 500;
        return true;
    }
    if (str_eq(word, STR("json"))) {
        a->json = true;
        return sized(a, ANSWER_SIZE, &path);
    }
    if (str_eq(word, STR("echo"))) {
        a->body = ANSWER_ECHO;
        return true;
    }
    if (str_eq(word, STR("websocket"))) {
        a->body = ANSWER_WEBSOCKET;
        return path.len == 0;
    }
    if (str_eq(word, STR("upload"))) {
        a->body = ANSWER_COUNT;
        return true;
    }
    if (str_eq(word, STR("continue"))) {
        a->body = ANSWER_COUNT;
        return next_number(&path, 1, 1000000, &a->interim);
    }
    if (str_eq(word, STR("early"))) {
        a->early = true;
        return with_status(a, 200, &path);
    }
    if (str_eq(word, STR("reset"))) {
        a->reset = true;
        a->body = ANSWER_SIZE;
        return next_number(&path, 0, SIZE_MAX_BYTES, &a->size);
    }
    return false;
}

/* Cuts the delays and chances off the front. */
static bool read_prefixes(struct str *path, struct rng *rng, struct answer *a)
{
    for (;;) {
        struct str rest = *path, word = next_segment(&rest);
        uint64_t percent, delay_ms;
        if (str_eq(word, STR("delay"))) {
            if (!read_delay(next_segment(&rest), rng, &delay_ms))
                return false;
            a->delay_ms += delay_ms;
        } else if (str_eq(word, STR("chance"))) {
            if (!next_number(&rest, 100, 100, &percent))
                return false;
            if (rng_below(rng, 100) >= percent)
                rest.len = 0;
        } else {
            return true;
        }
        *path = rest;
    }
}

struct answer answer_for(struct str target, struct rng *rng)
{
    struct answer a = { .status = 200, .text = HELLO };
    const char *query = memchr(target.ptr, '?', target.len);
    struct str path = { target.ptr, query ? (size_t)(query - target.ptr) : target.len };
    if (!read_prefixes(&path, rng, &a) || !read_path(path, rng, &a))
        a = (struct answer){ .status = 404, .text = STR("No such path here.\n") };
    return a;
}
