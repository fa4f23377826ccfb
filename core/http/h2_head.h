/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Field sections of HTTP/2 (RFC 9113 8) from and to the heads that everything else works with.
 *
 * What is received is written down as an HTTP/1.1 head and then read by its strict parser: so
 * nothing can come in by HTTP/2 that could not come by HTTP/1, and what is forwarded is made of the
 * same spans. Extended CONNECT (RFC 8441) becomes what it stands for there: a GET with Upgrade.
 * What is sent begins as the lines that core/http/forward.h writes. */
#ifndef SLUICE_HTTP_H2_HEAD_H
#define SLUICE_HTTP_H2_HEAD_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/end_reason.h"
#include "core/http/head.h"

enum h2_section { H2_REQUEST, H2_RESPONSE, H2_TRAILERS };

struct h2_text {
    char *mem; /* in the arena; NULL: empty */
    uint32_t len, cap;
};

/* One section that is being received. */
struct h2_collect {
    struct arena *arena;
    struct h2_text text;   /* the head, in HTTP/1's form */
    struct h2_text cookie; /* RFC 9113 8.2.3: the crumbs put together */
    struct str method, scheme, authority, path, protocol, status; /* copies in the arena */
    uint32_t fields_count;
    uint8_t section; /* enum h2_section */
    uint8_t why;     /* enum end_reason: what is wrong so far; the rest is not kept */
    bool started;    /* the start line is written: no pseudo-header may follow */
};

/* The arena is the collector's alone until h2_collect_end(). */
void h2_collect_begin(struct h2_collect *c, enum h2_section section, struct arena *arena);

/* The next field, as HPACK gave it. False: the message is malformed (RFC 9113 8.1.1), which is a
 * stream error. What is too large or too many is only noted. */
bool h2_collect_field(struct h2_collect *c, struct str name, struct str value);

/* The section is complete. False: malformed, as above. Else *why is END_OK and *h is filled with
 * spans of the arena; or why the message is refused in the way of HTTP/1 (too large, a bad Host),
 * *h then holds what was understood of the request line. */
bool h2_collect_end(struct h2_collect *c, struct http_head *h, enum end_reason *why);

#define H2_FIELDS_MAX (2 * HEAD_FIELDS_MAX + 56)

/* Takes lines "NAME: VALUE CRLF" apart, up to an empty one: names are made lower case in place,
 * pairs point into the text. Gives their number, or -1 if they are more than H2_FIELDS_MAX. */
int h2_fields_of(char *text, size_t bytes, nghttp2_nv fields[H2_FIELDS_MAX]);

#endif
