/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a response varies by (RFC 9111 4.1), as text that is kept with it: for each field that its
 * Vary names a line "name:value\n", where the value is the request's in a normal form: several
 * fields joined by a comma, white space around commas gone and other white space made one space.
 * An absent field is a line "name\n". */
#ifndef SLUICE_CACHE_VARY_H
#define SLUICE_CACHE_VARY_H

#include <stdbool.h>

#include "core/base/out.h"
#include "core/http/head.h"

#define VARY_FIELDS_MAX 16
#define VARY_BYTES_MAX 4096 /* of the whole text */

/* Writes it; nothing without Vary. False: "*", too many fields, or no room: such a response cannot
 * be kept. `but` is a field that the caller answers for itself (Accept-Encoding); empty: none. */
bool vary_write(struct out *o, const struct http_head *response, const struct http_head *request,
                struct str but);

/* Whether the request has the values that the text names. */
bool vary_matches(struct str text, const struct http_head *request);

#endif
