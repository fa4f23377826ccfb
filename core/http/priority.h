/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Extensible priorities (RFC 9218 4): how urgent an answer is, and whether a part of it is of use.
 * Pure. */
#ifndef SLUICE_HTTP_PRIORITY_H
#define SLUICE_HTTP_PRIORITY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

#define PRIORITY_LEAST 7

struct http_priority {
    uint8_t urgency; /* 0 first, PRIORITY_LEAST last */
    bool incremental;
};

/* What is so urgent where nobody says anything. */
static inline struct http_priority priority_default(void)
{
    return (struct http_priority){ .urgency = 3 };
}

/* Takes over what the value of a Priority field says; what it does not say, or not in a way that is
 * understood, stays. */
void priority_merge(struct http_priority *p, struct str value);

#endif
