/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one normal form of a path, matched and forwarded (RFC 3986 6.2.2): percent triplets of
 * unreserved characters decoded, other triplets in upper case, dot segments removed (also those
 * that were encoded). "%2F" stays, empty segments and ';' stay. */
#ifndef SLUICE_HTTP_PATH_H
#define SLUICE_HTTP_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/str.h"

/* Whether the path (starting with '/') is in normal form already: the usual case, without a copy.
 * *valid false: a malformed triplet, "%00", or a character that may not stand in a path. */
bool path_is_normal(struct str path, bool *valid);

/* Writes the normal form of a valid path into out (path.len bytes suffice); gives its length. */
size_t path_normalise(struct str path, char *out);

#endif
