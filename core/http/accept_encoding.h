/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which coding of a response a client takes (RFC 9110 12.5.3). */
#ifndef SLUICE_HTTP_ACCEPT_ENCODING_H
#define SLUICE_HTTP_ACCEPT_ENCODING_H

#include <stdint.h>

#include "core/base/coding.h"
#include "core/http/head.h"

/* Weights 0 to 1000 of each, as the request's Accept-Encoding says; 0: not acceptable. Without the
 * field all but identity are 0: a client that does not say that it understands them may not. */
void accept_encoding_read(const struct http_head *request, uint16_t weights[CODING_COUNT]);

/* Of those in `offered` (a bit 1 << enum coding each) the one of the highest weight; among equals
 * the first in `preferred` (preferred_count of them), then identity. Identity where nothing else
 * is acceptable, even if it is not: an answer that is not understood is better than none (RFC 9110
 * 12.5.3 leaves it open). */
enum coding accept_encoding_choose(const uint16_t weights[CODING_COUNT], uint32_t offered,
                                   const uint8_t *preferred, uint32_t preferred_count);

/* "gzip", "br", "zstd", "identity"; and back, also "x-gzip"; CODING_COUNT: another. */
struct str coding_name(enum coding c);
enum coding coding_of_name(struct str name);

#endif
