/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Socket addresses, from text and to text. No name resolution. */
#ifndef SLUICE_BASE_ADDR_H
#define SLUICE_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/str.h"

struct addr {
    socklen_t len;   /* 0: none */
    bool dual_stack; /* from ":PORT": the IPv6 any-address, taking IPv4 too */
    union {
        struct sockaddr sa;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    };
};

/* Small form for what is kept per connection: IP only (a Unix peer has no address). */
struct peer_addr {
    unsigned char ip[16]; /* IPv4 in the first four */
    unsigned short port;
    unsigned char family; /* AF_INET, AF_INET6, AF_UNIX */
};

/* Longest text addr_format() writes, with its NUL. */
#define ADDR_TEXT_MAX 128

/* Reads "127.0.0.1:80", "[::1]:80", ":80" (dual-stack any; only if any_allowed), "*:80" (the same),
 * "unix:/path" (absolute), "unix:@abstract". Port 0 is allowed (the kernel chooses). On failure
 * returns false and *why names the cause in words ("the port is above 65535"), static text. */
bool addr_parse(struct str text, bool any_allowed, struct addr *out, const char **why);

/* The inverse; IPv4-mapped IPv6 is shown as IPv4, none as "-"; returns the length without NUL. */
size_t addr_format(const struct addr *a, char out[ADDR_TEXT_MAX]);

/* IPv4-mapped IPv6 becomes IPv4. */
struct peer_addr peer_addr_of(const struct addr *a);

/* Address without port ("127.0.0.1", "::1", "unix", "-"); returns the length without NUL. */
size_t peer_addr_format_ip(const struct peer_addr *p, char out[ADDR_TEXT_MAX]);

/* Address with port ("127.0.0.1:80", "[::1]:80", "unix"). */
size_t peer_addr_format(const struct peer_addr *p, char out[ADDR_TEXT_MAX]);

#endif
