/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The request target and the authority it is meant for (RFC 9112 3.2, RFC 9110 7.2, RFC 3986). */
#ifndef SLUICE_HTTP_TARGET_H
#define SLUICE_HTTP_TARGET_H

#include "core/base/arena.h"
#include "core/base/end_reason.h"
#include "core/http/head.h"

enum target_form {
    TARGET_ORIGIN,    /* /path?query */
    TARGET_ABSOLUTE,  /* http://host/path?query: its authority wins over Host */
    TARGET_AUTHORITY, /* host:port, with CONNECT only */
    TARGET_ASTERISK,  /* *, with OPTIONS only; also http://host with it (RFC 9112 3.2.4) */
};

struct target {
    enum target_form form;
    struct str authority; /* of absolute or authority form, else of Host; empty with HTTP/1.0 and no
                             Host, or with an empty Host */
    struct str host;      /* authority without its port; brackets of IPv6 kept */
    uint32_t port;        /* 0: none given */
    struct str path;      /* normal form (see path.h); "*" for asterisk form; starts with '/'
                             otherwise; empty with authority form */
    struct str query;     /* with its '?', as received; empty without */
};

/* Understands target and Host of a parsed request. Refuses: no Host with HTTP/1.1, several, a
 * malformed one (userinfo, bad port, bad characters, unbalanced brackets) (END_BAD_HOST, also when
 * the target is absolute); schemes but http and https, userinfo, fragments, malformed percent
 * triplets, "%00" in a path, characters that are not allowed in a path or query, a form that does
 * not go with the method (END_BAD_TARGET). Allowed beyond RFC 3986, because browsers send them as
 * they are: "[]|^" in paths and queries, "`{}" in queries. Spans point into the head, or into the
 * arena where normalising changed the path; END_OVERLOADED when the arena is full. */
enum end_reason target_parse(const struct http_head *h, struct arena *a, struct target *out);

#endif
