/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by both directions of forwarding (forward.h). */
#ifndef SLUICE_HTTP_FORWARD_FIELDS_H
#define SLUICE_HTTP_FORWARD_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/out.h"
#include "core/http/forward.h"
#include "core/http/head.h"

_Static_assert(FIELD_ID_COUNT <= 64, "a set of known fields is a word");
#define FIELD_BIT(id) (UINT64_C(1) << FIELD_##id)

/* Fields that are about one connection (RFC 9110 7.6.1), and the framing, which is written anew. */
#define FIELDS_HOP_BY_HOP                                                                          \
    (FIELD_BIT(CONNECTION) | FIELD_BIT(KEEP_ALIVE) | FIELD_BIT(PROXY_CONNECTION) | FIELD_BIT(TE) | \
     FIELD_BIT(UPGRADE) | FIELD_BIT(PROXY_AUTHENTICATE) | FIELD_BIT(PROXY_AUTHORIZATION) |         \
     FIELD_BIT(PROXY_AUTHENTICATION_INFO) | FIELD_BIT(HTTP2_SETTINGS))
#define FIELDS_FRAMING (FIELD_BIT(CONTENT_LENGTH) | FIELD_BIT(TRANSFER_ENCODING))

/* What of a head is not copied. */
struct dropped {
    uint64_t ids;      /* known fields, a bit each */
    uint64_t named[2]; /* fields by position, a bit each */
    bool underscores;  /* names with '_' */
    bool x_forwarded;  /* X-Forwarded-ANYTHING */
};

/* Whether a rule writes this field in our place. */
#define EDITED(edits, id) ((edits).ids & FIELD_BIT(id))

/* Adds what Connection names. */
void dropped_by_connection(struct dropped *d, const struct http_head *h);

/* ... and what a rule takes out. */
static inline void dropped_by_rule(struct dropped *d, const struct field_edits *e)
{
    d->named[0] |= e->dropped[0];
    d->named[1] |= e->dropped[1];
}

/* Whether the name begins with "X-Forwarded-", in any case. */
bool field_is_x_forwarded(struct str name);

/* Writes the fields that are not dropped, in their order and as they were written. */
void write_fields(struct out *o, const struct http_head *h, const struct dropped *d);

/* "NAME: value\r\n"; head is "NAME: ". */
static inline void write_field(struct out *o, struct str head, struct str value)
{
    out_str(o, head);
    out_str(o, value);
    out_lit(o, "\r\n");
}

/* "NAME: a, b, ", of all fields of that id; the caller writes the last member and the line's end.
 */
void write_list_start(struct out *o, const struct http_head *h, enum http_field_id id,
                      struct str head);

/* Upgrade, and Connection for it; nothing if there is none. */
void write_upgrade(struct out *o, struct str protocols);

/* Content-Length or Transfer-Encoding, as the body needs it; HTTP/2 knows no codings. */
void write_framing(struct out *o, enum body_framing framing, uint64_t length, bool http2);

/* Adds us to Via (RFC 9110 7.6.3), with the version in which the message was received. */
void write_via(struct out *o, const struct http_head *h, struct str name);

#endif
