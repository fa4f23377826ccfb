/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dictionaries of structured fields (RFC 8941 3.2, 4.2.2), as far as fields that sluice understands
 * use them: a value is told by its type; only booleans and integers are read. Used for targeted
 * cache control (RFC 9213) and for priorities (RFC 9218). */
#ifndef SLUICE_HTTP_STRUCTURED_H
#define SLUICE_HTTP_STRUCTURED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

enum sf_type { SF_BOOLEAN, SF_INTEGER, SF_DECIMAL, SF_STRING, SF_TOKEN, SF_BYTES, SF_INNER_LIST };

struct sf_member {
    struct str key;
    enum sf_type type;
    int64_t integer; /* SF_INTEGER; SF_BOOLEAN: 0 or 1; else 0 */
};

enum sf_result { SF_MEMBER, SF_END, SF_ERROR };

/* The next member of a dictionary; parameters are checked and passed over. *rest starts as the
 * field's value. After SF_ERROR the whole field is to be ignored. */
enum sf_result sf_dictionary_next(struct str *rest, struct sf_member *m);

#endif
