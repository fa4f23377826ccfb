/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A set of host names, each of which stands for itself and for all names below it: "example.com"
 * holds example.com and www.example.com, but not badexample.com. Made once, then immutable; a name
 * costs less than its text (10 to 14 bytes in a million), looking one up less than a microsecond or
 * two (bench_suffix_set).
 *
 * Names are kept backwards and sorted, a '.' before every other character; those below another are
 * left out. So the one that could hold a name is the last that does not come after it. They are
 * front-coded in blocks: of each but a block's first only what differs from the one before. */
#ifndef SLUICE_BASE_SUFFIX_SET_H
#define SLUICE_BASE_SUFFIX_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

#define HOST_NAME_BYTES_MAX 253 /* RFC 1035 2.3.4, as text without the root's dot */

struct suffix_set {
    const uint64_t *heads;   /* of each block: the first 8 bytes of its first name */
    const uint32_t *offsets; /* of each block, in `bytes` */
    const unsigned char *bytes;
    uint32_t blocks_count;
    uint32_t names_count; /* without those below others */
};

/* Whether one of the names holds this one: lower case, without the root's dot. *held_len (may be
 * NULL): the length of the one that does, so that who must not be below it (an IP address) can
 * tell. */
bool suffix_set_has(const struct suffix_set *s, struct str name, size_t *held_len);

/* Collects the names. All zero: empty. */
struct suffix_builder {
    unsigned char *pool;
    uint32_t *names; /* where each begins in the pool: its length, then the bytes */
    size_t pool_len, pool_cap;
    uint32_t count, cap;
};

/* Any case, with or without a dot at either end; IP addresses as text. What stands for nothing is
 * refused: false, and *why says the cause, static text. */
bool suffix_builder_add(struct suffix_builder *b, struct str name, const char **why);

/* Sorts what was added, and leaves out what is below others. Gives the bytes that
 * suffix_builder_write() needs. */
size_t suffix_builder_seal(struct suffix_builder *b);

/* memory: of that size, aligned for a uint64_t; the set lives in it. */
void suffix_builder_write(const struct suffix_builder *b, void *memory, struct suffix_set *out);

void suffix_builder_free(struct suffix_builder *b);

/* Writes an IP address in its one form ("2001:db8::1", without brackets), a name in lower case
 * without the root's dot: as suffix_set_has() wants it. 0: it is neither. *is_ip tells which. */
size_t host_name_normal(struct str host, char out[HOST_NAME_BYTES_MAX + 1], bool *is_ip);

#endif
