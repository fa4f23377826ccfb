/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Host names as they are written: which texts are names, in one form. */
#ifndef SLUICE_BASE_HOST_NAME_H
#define SLUICE_BASE_HOST_NAME_H

#include <stdbool.h>

#include "core/base/str.h"

#define HOST_NAME_BYTES_MAX 253 /* without the dot at its end (RFC 1035 2.3.4) */

/* A checked name in lower case, NUL-terminated. */
struct host_name {
    char text[HOST_NAME_BYTES_MAX + 1];
    unsigned char len;
    unsigned char dots;
    bool absolute; /* it was written with a dot at its end, which is not in text */
};

/* Reads a name: labels of letters, digits and hyphens, 1 to 63 of them, none with a hyphen first or
 * last (RFC 1123 2.1), the last label not of digits alone (nothing that looks like an address is a
 * name). '_' is taken too: services (RFC 2782) and machines in containers have it. False, and *why
 * says the cause (static text), if it is none. */
bool host_name_parse(struct str text, struct host_name *out, const char **why);

#endif
