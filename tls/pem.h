/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_TLS_PEM_H
#define SLUICE_TLS_PEM_H

#include <stdbool.h>
#include <string.h>

#include "core/base/str.h"

/* Takes the next "-----BEGIN ..." with its end line off the text (RFC 7468). False: none is left. A
 * block without an end is all the rest. */
static inline bool pem_next(struct str *text, struct str *block)
{
    static const char begin[] = "-----BEGIN ", end[] = "-----END ";
    const char *at = text->len ? memmem(text->ptr, text->len, begin, sizeof begin - 1) : NULL;
    if (!at)
        return false;
    const char *limit = text->ptr + text->len;
    const char *stop = memmem(at, (size_t)(limit - at), end, sizeof end - 1);
    const char *line = stop ? memchr(stop, '\n', (size_t)(limit - stop)) : NULL;
    const char *next = line ? line + 1 : limit;
    *block = (struct str){ at, (size_t)(next - at) };
    *text = (struct str){ next, (size_t)(limit - next) };
    return true;
}

#endif
