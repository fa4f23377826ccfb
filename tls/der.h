/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading DER (X.690), as far as a few fields of certificates and OCSP responses need it. */
#ifndef SLUICE_TLS_DER_H
#define SLUICE_TLS_DER_H

#include <stdbool.h>
#include <stdint.h>

enum der_tag {
    DER_INTEGER = 0x02,
    DER_OCTETS = 0x04,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_UTF8 = 0x0c,
    DER_PRINTABLE = 0x13,
    DER_T61 = 0x14,
    DER_IA5 = 0x16,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT = 0xa0, /* [0], constructed */
};

struct der {
    const uint8_t *at;
    uint32_t left;
};

/* Takes the next element off: its tag and contents (which may go into `in`: then that goes down
 * into the element), and (whole may be NULL) all of it with its header. False at the end, or where
 * it is malformed: then nothing is left. */
static inline bool der_next(struct der *in, uint8_t *tag, struct der *contents, struct der *whole)
{
    const uint8_t *start = in->at;
    uint32_t len = in->left >= 2 ? in->at[1] : 0, head = 2;
    bool ok = in->left >= 2 && (in->at[0] & 0x1f) != 0x1f;
    if (ok && len >= 0x80) {
        uint32_t bytes = len & 0x7f;
        ok = bytes >= 1 && bytes <= 3 && in->left >= 2 + bytes;
        len = 0;
        for (uint32_t i = 0; ok && i < bytes; i++)
            len = len << 8 | in->at[2 + i];
        head += bytes;
    }
    if (!ok || len > in->left - head) {
        in->left = 0;
        return false;
    }
    *tag = start[0];
    in->at += head + len;
    in->left -= head + len;
    if (whole)
        *whole = (struct der){ start, head + len };
    *contents = (struct der){ start + head, len };
    return true;
}

/* The next element, which has this tag; false (and nothing is left): it has not. */
static inline bool der_take(struct der *in, uint8_t wanted, struct der *contents)
{
    uint8_t tag;
    if (der_next(in, &tag, contents, (struct der *)0) && tag == wanted)
        return true;
    in->left = 0;
    return false;
}

/* Skips the next element if it has this tag. */
static inline void der_skip(struct der *in, uint8_t tag)
{
    struct der ignored;
    uint8_t found;
    if (in->left && in->at[0] == tag)
        (void)der_next(in, &found, &ignored, (struct der *)0);
}

#endif
