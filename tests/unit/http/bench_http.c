/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nanoseconds per head: parsed, understood, written anew. Prints the least of many short rounds,
 * the figure that a shared machine disturbs least. Built with the tests, run by hand. */
#include <stdio.h>
#include <time.h>

#include "core/base/check.h"
#include "core/http/forward.h"
#include "core/http/framing.h"
#include "core/http/h1_chunked.h"
#include "core/http/h1_head.h"
#include "core/http/target.h"

#define ROUNDS 200
#define PER_ROUND 2000

static const struct str small = { .ptr = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n",
                                  .len = 40 };

static const char usual[] =
    "GET /api/v1/items/42?sort=asc&page=3 HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Cookie: session=0a4d55a8d778e5022fab701977c5d840bbc486d0\r\n\r\n";

static const char browser[] =
    "GET /assets/app-4f2a9c.js?v=17 HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "Connection: keep-alive\r\n"
    "sec-ch-ua: \"Chromium\";v=\"126\", \"Not-A.Brand\";v=\"8\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36\r\n"
    "sec-ch-ua-platform: \"Linux\"\r\n"
    "Accept: */*\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: no-cors\r\n"
    "Sec-Fetch-Dest: script\r\n"
    "Referer: https://www.example.com/start\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en-US;q=0.9,en;q=0.8\r\n"
    "If-None-Match: \"66a1c0f2-1b3d\"\r\n"
    "Cookie: _ga=GA1.2.1234567890.1234567890; session=0a4d55a8d778e5022fab701977c5d840bbc486d0; "
    "theme=dark; consent=1; csrftoken=6jKq3mVJ0VZs9tq8m0Ew2vXq7h5fJr1o\r\n\r\n";

static const char response[] = "HTTP/1.1 200 OK\r\n"
                               "Server: nginx/1.22.1\r\n"
                               "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n"
                               "Content-Type: text/plain\r\n"
                               "Content-Length: 13\r\n"
                               "Connection: keep-alive\r\n\r\n";

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void parse_only(struct str s)
{
    struct http_head h;
    enum end_reason why;
    CHECK(h1_parse_request(s.ptr, s.len, 0, &h, &why) == H1_DONE);
    __asm__ volatile("" ::"r"(&h) : "memory");
}

static void understand(struct str s)
{
    struct http_head h;
    enum end_reason why;
    char block[1024];
    struct arena a;
    struct target t;
    struct framing fr;
    arena_init(&a, block, sizeof block, 0);
    CHECK(h1_parse_request(s.ptr, s.len, 0, &h, &why) == H1_DONE);
    CHECK(target_parse(&h, &a, &t) == END_OK && framing_of_request(&h, &fr) == END_OK);
    __asm__ volatile("" ::"r"(&t), "r"(&fr) : "memory");
}

static void forward(struct str s)
{
    struct http_head h;
    enum end_reason why;
    char block[1024], written[4096];
    struct arena a;
    struct target t;
    struct framing fr;
    arena_init(&a, block, sizeof block, 0);
    CHECK(h1_parse_request(s.ptr, s.len, 0, &h, &why) == H1_DONE);
    CHECK(target_parse(&h, &a, &t) == END_OK && framing_of_request(&h, &fr) == END_OK &&
          forward_check_connection(&h) == END_OK);
    struct out o = out_into(written, sizeof written);
    struct forward_request f = { .target = &t,
                                 .framing = FRAME_NONE,
                                 .peer_ip = STR("192.0.2.17"),
                                 .scheme = STR("http"),
                                 .request_id = STR("0123456789abcdef0123456789abcdef"),
                                 .host = t.authority,
                                 .max_forwards = -1 };
    forward_request_head(&o, &h, &f);
    CHECK(!o.full);
    __asm__ volatile("" ::"r"(written) : "memory");
}

static void parse_response(struct str s)
{
    struct http_head h;
    enum end_reason why;
    CHECK(h1_parse_response(s.ptr, s.len, 0, &h, &why) == H1_DONE);
    __asm__ volatile("" ::"r"(&h) : "memory");
}

static void forward_back(struct str s)
{
    struct http_head h;
    enum end_reason why;
    struct framing fr;
    char written[4096];
    CHECK(h1_parse_response(s.ptr, s.len, 0, &h, &why) == H1_DONE);
    CHECK(framing_of_response(&h, METHOD_GET, &fr) == END_OK);
    struct out o = out_into(written, sizeof written);
    struct forward_response f = { .framing = FRAME_LENGTH, .length = fr.length };
    forward_response_head(&o, &h, &f);
    CHECK(!o.full);
    __asm__ volatile("" ::"r"(written) : "memory");
}

static void measure(const char *what, struct str input, void (*run)(struct str))
{
    uint64_t best = UINT64_MAX;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t start = now_ns();
        for (unsigned i = 0; i < PER_ROUND; i++)
            run(input);
        uint64_t took = now_ns() - start;
        best = took < best ? took : best;
    }
    printf("%-44s %5zu bytes %7.1f ns\n", what, input.len, (double)best / PER_ROUND);
}

#define TEXT(array) ((struct str){ array, sizeof(array) - 1 })

int main(void)
{
    measure("parse request, 1 field", small, parse_only);
    measure("parse request, 6 fields", TEXT(usual), parse_only);
    measure("parse request, 15 fields", TEXT(browser), parse_only);
    measure("parse + target + framing, 6 fields", TEXT(usual), understand);
    measure("parse + all + write request, 1 field", small, forward);
    measure("parse + all + write request, 6 fields", TEXT(usual), forward);
    measure("parse + all + write request, 15 fields", TEXT(browser), forward);
    measure("parse response, 5 fields", TEXT(response), parse_response);
    measure("parse + all + write response, 5 fields", TEXT(response), forward_back);
    return 0;
}
