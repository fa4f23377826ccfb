/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conditions and ranges that a stored response answers (RFC 9110 13 and 14, RFC 9111 4.3.2).
 * If-Match and If-Unmodified-Since are the server's: a request that has one is not answered from a
 * cache. */
#ifndef SLUICE_HTTP_CONDITION_H
#define SLUICE_HTTP_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/http/head.h"

/* Whether two entity tags match; malformed ones never do (RFC 9110 8.8.3.2). */
bool etag_matches_weakly(struct str a, struct str b);
bool etag_matches_strongly(struct str a, struct str b);

/* Whether the request's If-None-Match, or else its If-Modified-Since, says that the client has this
 * response already: 304. stored_date_s: its Date, or when it was received; it counts where it has
 * no Last-Modified. now_s: for two-digit years. */
bool condition_not_modified(const struct http_head *request, const struct http_head *stored,
                            uint64_t stored_date_s, uint64_t now_s);

/* Whether the request has a condition that only the server can judge. */
bool condition_is_for_the_server(const struct http_head *request);

struct byte_range {
    uint64_t first, length; /* length > 0 */
};

#define RANGES_MAX 16 /* of one answer; a request for more is answered with all */

enum range_result {
    RANGE_NONE,          /* all of it: no range, an unknown unit, malformed, or If-Range failed */
    RANGE_SOME,          /* 206: ranges[0..*count) */
    RANGE_UNSATISFIABLE, /* 416 */
};

/* What the Range of a GET asks of a stored representation of length bytes, its If-Range looked at.
 * The ranges are those asked for, in their order, but that overlapping and touching ones that
 * follow each other are one (RFC 9110 14.2: against clients that ask for all of it many times). */
enum range_result range_read(const struct http_head *request, const struct http_head *stored,
                             uint64_t length, uint64_t now_s, struct byte_range ranges[RANGES_MAX],
                             uint32_t *count);

#endif
