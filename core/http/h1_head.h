/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strict HTTP/1.x head parser (RFC 9112 2-5): stateless, no allocation, SIMD where it pays.
 *
 * Refused: bare CR, bare LF, obs-fold, white space before a colon or between start line and first
 * field, control characters (NUL, DEL too) in names, values and targets, empty names, more than one
 * space in the request line, any version but HTTP/1.x (505 for a well-formed other one), methods
 * longer than METHOD_BYTES_MAX. HTTP/1.2 to 1.9 are taken as the highest we have, 1.1 (RFC 9110
 * 2.5). Obs-text (0x80-0xff) is allowed in values, not in targets. A few empty lines (CRLF) before
 * a request line are skipped (RFC 9112 2.2), at most 2. */
#ifndef SLUICE_HTTP_H1_HEAD_H
#define SLUICE_HTTP_H1_HEAD_H

#include "core/base/end_reason.h"
#include "core/http/head.h"

enum h1_result {
    H1_DONE,    /* a whole head: h is filled, h->head_bytes were consumed */
    H1_PARTIAL, /* so far so good: call again with more bytes after these */
    H1_ERROR,   /* *why says what is wrong */
};

/* Parses a request head at p[0..n). seen_bytes: how many of these were there at the last call that
 * answered H1_PARTIAL (0 at first): only a hint that saves scanning the same bytes again for the
 * end of the head; the result does not depend on it. On H1_DONE h->base == p. A head that cannot
 * fit HEAD_BYTES_MAX, a target beyond TARGET_BYTES_MAX and more than HEAD_FIELDS_MAX fields are
 * errors as soon as they are certain. So is what is wrong in the request line (a TLS client is
 * told by its first byte); what is wrong in a field line is told once a LF followed. */
enum h1_result h1_parse_request(const char *p, size_t n, size_t seen_bytes, struct http_head *h,
                                enum end_reason *why);

/* The same for a response head; no empty line is skipped. A missing reason phrase is accepted, with
 * and without the space before it. Errors: END_BAD_STATUS_LINE, END_RESPONSE_HEAD_BAD,
 * END_RESPONSE_HEAD_TOO_LARGE. */
enum h1_result h1_parse_response(const char *p, size_t n, size_t seen_bytes, struct http_head *h,
                                 enum end_reason *why);

/* Parses a trailer section (field lines and the final empty line) of exactly n bytes into h's
 * fields. Only H1_DONE or H1_ERROR (END_BAD_TRAILER). */
enum h1_result h1_parse_trailers(const char *p, size_t n, struct http_head *h,
                                 enum end_reason *why);

#endif
