/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dates in fields (RFC 9110 5.6.7). */
#ifndef SLUICE_HTTP_DATE_H
#define SLUICE_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

/* IMF-fixdate of seconds since the epoch: exactly 29 bytes. */
#define HTTP_DATE_BYTES 29
void http_date(char out[HTTP_DATE_BYTES], uint64_t unix_s);

/* Reads any of the three forms: IMF-fixdate, that of RFC 850 (two digits of the year: the past,
 * where the date would be more than 50 years after now_s) and asctime's. False: it is none of
 * them, or no such day. What is before 1970 reads as 0. */
bool http_date_parse(struct str s, uint64_t now_s, uint64_t *unix_s);

#endif
