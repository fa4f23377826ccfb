/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A bounded writer into the caller's memory. Past the end nothing is written and `full` stays set:
 * check it once, at the end. */
#ifndef SLUICE_BASE_OUT_H
#define SLUICE_BASE_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/str.h"

struct out {
    char *start, *at, *end;
    bool full;
};

static inline struct out out_into(void *memory, size_t bytes)
{
    return (struct out){ memory, memory, (char *)memory + bytes, false };
}

static inline size_t out_len(const struct out *o)
{
    return (size_t)(o->at - o->start);
}

static inline void out_mem(struct out *o, const void *p, size_t n)
{
    if (n > (size_t)(o->end - o->at)) {
        o->full = true;
        return;
    }
    if (n) {
        memcpy(o->at, p, n);
        o->at += n;
    }
}

static inline void out_str(struct out *o, struct str s)
{
    out_mem(o, s.ptr, s.len);
}

#define out_lit(o, literal) out_mem((o), "" literal, sizeof(literal) - 1)

static inline void out_char(struct out *o, char c)
{
    out_mem(o, &c, 1);
}

/* Decimal and lower-case hexadecimal, without leading zeros. */
void out_u64(struct out *o, uint64_t v);
void out_hex(struct out *o, uint64_t v);

/* Hexadecimal, padded with zeros to at least width digits (width <= 16). */
void out_hex_padded(struct out *o, uint64_t v, unsigned width);

/* Decimal, padded with zeros to at least width digits (width <= 20). */
void out_u64_padded(struct out *o, uint64_t v, unsigned width);

/* Length of the well-formed UTF-8 character that begins s (RFC 3629 4), 0 if there is none. */
size_t utf8_len(struct str s);

/* Whether that character is a control character: C0, DEL, or C1, which terminals obey. */
bool utf8_is_control(struct str character);

/* Bytes as JSON string contents (no quotes), RFC 8259 7: control characters (DEL and C1 too, which
 * terminals obey) and what is not UTF-8 come as \u00XX, or as \n, \r, \t. */
void out_json(struct out *o, struct str s);

#endif
