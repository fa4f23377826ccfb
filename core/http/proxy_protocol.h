/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The PROXY protocol's header, versions 1 and 2 (haproxy.org, "The PROXY protocol", 2020): who the
 * client of a connection is, said by the proxy in front at its very begin. Pure. */
#ifndef SLUICE_HTTP_PROXY_PROTOCOL_H
#define SLUICE_HTTP_PROXY_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/addr.h"

/* Longer ones are malformed: the addresses and some 4 KiB of extensions (TLV). */
#define PROXY_HEADER_BYTES_MAX 4096

/* What proxy_header_write() needs. */
#define PROXY_HEADER_WRITE_MAX 128

enum proxy_header {
    PROXY_HEADER_PARTIAL, /* all right so far: more is needed */
    PROXY_HEADER_DONE,
    PROXY_HEADER_BAD,
};

struct proxy_addrs {
    bool known; /* false: the proxy speaks for itself (LOCAL), or does not know (UNKNOWN) */
    struct peer_addr from, to;
};

/* Reads a header at p[0..n). DONE: *out is filled and *used bytes belong to it. Strict: a version 1
 * line of at most 107 bytes with exactly the fields of its family, addresses and ports in normal
 * form; a version 2 header whose length holds its addresses and whole TLVs, with the right checksum
 * if it has one. */
enum proxy_header proxy_header_parse(const uint8_t *p, size_t n, struct proxy_addrs *out,
                                     size_t *used);

/* Writes a header of version 1 or 2; gives its length. Addresses of different families, or of Unix
 * sockets, are not known. */
size_t proxy_header_write(uint8_t out[PROXY_HEADER_WRITE_MAX], unsigned version,
                          const struct peer_addr *from, const struct peer_addr *to);

#endif
