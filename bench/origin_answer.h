/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the origin answers, by URL. */
#ifndef SLUICE_BENCH_ORIGIN_ANSWER_H
#define SLUICE_BENCH_ORIGIN_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/out.h"
#include "core/base/rng.h"

/* A body's byte at position i. */
#define PATTERN "0123456789abcdef"
#define PATTERN_PERIOD 16

enum answer_body {
    ANSWER_TEXT,        /* `text`, with its length */
    ANSWER_SIZE,        /* `size` bytes of pattern, with their length */
    ANSWER_CHUNKED,     /* ... in chunks of `chunk` bytes */
    ANSWER_UNTIL_CLOSE, /* ... ended by closing */
    ANSWER_COUNT,       /* the number of bytes of the request's body, and a newline */
    ANSWER_ECHO,        /* the request's head and body, in chunks as they come */
    ANSWER_WEBSOCKET,   /* another protocol */
};

struct answer {
    int status;
    enum answer_body body;
    struct str text;
    uint64_t size;
    uint64_t chunk;
    uint64_t delay_ms; /* before it */
    uint64_t drip_ms;  /* between pieces of `chunk` bytes */
    uint64_t interim;  /* 100 (Continue) responses before it */
    bool json;         /* bytes of JSON in place of the pattern */
    bool trailers;
    bool early; /* before the request's body is read, which is dropped afterwards */
    bool reset; /* RST instead of, or in the middle of, the answer */
};

/* Paths that are none of ours get a 404. */
struct answer answer_for(struct str target, struct rng *rng);

/* The list of paths, for --help. */
extern const char answer_help[];

/* Puts a status line: "HTTP/1.1 200 OK" CR LF. */
void answer_put_status(struct out *o, int status);

/* Without a body whatever is asked for: 1xx, 204, 304. */
bool answer_is_bodiless(int status);

#endif
