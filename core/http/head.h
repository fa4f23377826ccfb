/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A message head as understood, whatever protocol brought it: h1 fills it today, h2 later.
 * Everything in it is a span of one contiguous run of bytes, so that moving the bytes is a memcpy
 * and a new base pointer. */
#ifndef SLUICE_HTTP_HEAD_H
#define SLUICE_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/limits.h"
#include "core/base/str.h"

enum http_method {
    METHOD_OTHER, /* any other token */
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_CONNECT,
    METHOD_OPTIONS,
    METHOD_TRACE,
    METHOD_PATCH,
};

/* RFC 9110 9.2.2, of the methods known here; others: false. */
bool http_method_idempotent(enum http_method m);

/* Fields that forwarding, framing or logging must know. FIELD(id, "lower-case-name") */
#define HTTP_FIELDS(FIELD)                                                                         \
    FIELD(HOST, "host")                                                                            \
    FIELD(CONNECTION, "connection")                                                                \
    FIELD(CONTENT_LENGTH, "content-length")                                                        \
    FIELD(TRANSFER_ENCODING, "transfer-encoding")                                                  \
    FIELD(TE, "te")                                                                                \
    FIELD(TRAILER, "trailer")                                                                      \
    FIELD(UPGRADE, "upgrade")                                                                      \
    FIELD(KEEP_ALIVE, "keep-alive")                                                                \
    FIELD(PROXY_CONNECTION, "proxy-connection")                                                    \
    FIELD(PROXY_AUTHORIZATION, "proxy-authorization")                                              \
    FIELD(PROXY_AUTHENTICATE, "proxy-authenticate")                                                \
    FIELD(PROXY_AUTHENTICATION_INFO, "proxy-authentication-info")                                  \
    FIELD(HTTP2_SETTINGS, "http2-settings")                                                        \
    FIELD(EXPECT, "expect")                                                                        \
    FIELD(MAX_FORWARDS, "max-forwards")                                                            \
    FIELD(VIA, "via")                                                                              \
    FIELD(FORWARDED, "forwarded")                                                                  \
    FIELD(X_FORWARDED_FOR, "x-forwarded-for")                                                      \
    FIELD(X_FORWARDED_PROTO, "x-forwarded-proto")                                                  \
    FIELD(X_FORWARDED_HOST, "x-forwarded-host")                                                    \
    FIELD(X_FORWARDED_PORT, "x-forwarded-port")                                                    \
    FIELD(X_REQUEST_ID, "x-request-id")                                                            \
    FIELD(DATE, "date")                                                                            \
    FIELD(SERVER, "server")                                                                        \
    FIELD(CONTENT_TYPE, "content-type")                                                            \
    FIELD(COOKIE, "cookie")                                                                        \
    FIELD(AUTHORIZATION, "authorization")                                                          \
    FIELD(REFERER, "referer")                                                                      \
    FIELD(USER_AGENT, "user-agent")                                                                \
    FIELD(SET_COOKIE, "set-cookie")                                                                \
    FIELD(LOCATION, "location")                                                                    \
    FIELD(CACHE_CONTROL, "cache-control")                                                          \
    FIELD(CDN_CACHE_CONTROL, "cdn-cache-control")                                                  \
    FIELD(AGE, "age")                                                                              \
    FIELD(EXPIRES, "expires")                                                                      \
    FIELD(ETAG, "etag")                                                                            \
    FIELD(LAST_MODIFIED, "last-modified")                                                          \
    FIELD(VARY, "vary")                                                                            \
    FIELD(IF_MATCH, "if-match")                                                                    \
    FIELD(IF_NONE_MATCH, "if-none-match")                                                          \
    FIELD(IF_MODIFIED_SINCE, "if-modified-since")                                                  \
    FIELD(IF_UNMODIFIED_SINCE, "if-unmodified-since")                                              \
    FIELD(IF_RANGE, "if-range")                                                                    \
    FIELD(RANGE, "range")                                                                          \
    FIELD(ACCEPT_ENCODING, "accept-encoding")                                                      \
    FIELD(CONTENT_ENCODING, "content-encoding")                                                    \
    FIELD(PRAGMA, "pragma")                                                                        \
    FIELD(PRIORITY, "priority")

enum http_field_id {
    FIELD_OTHER,
#define FIELD(id, name) FIELD_##id,
    HTTP_FIELDS(FIELD)
#undef FIELD
        FIELD_ID_COUNT
};

struct http_span {
    uint32_t off, len; /* in head->base */
};

struct http_field {
    struct http_span name, value; /* value: without surrounding white space; may be empty */
    uint8_t id;                   /* enum http_field_id */
    uint8_t next;                 /* position + 1 of the next field of the same known id; 0: none */
    bool underscore;              /* the name holds a '_' */
};

struct http_head {
    const char *base;
    uint32_t head_bytes;             /* of the head on the wire, its empty line included */
    uint8_t version_major;           /* 1 or 2 */
    bool ended;                      /* HTTP/2: nothing follows the head */
    bool extended_connect;           /* HTTP/2: it was CONNECT with :protocol (RFC 8441) */
    uint8_t version_minor;           /* HTTP/1.0 or 1.1; HTTP/2 can do what 1.1 can */
    uint8_t method_id;               /* requests: enum http_method */
    uint16_t status;                 /* responses: 100..999 */
    struct http_span method, target; /* requests */
    struct http_span reason;         /* responses: may be empty */
    uint32_t fields_count;
    uint8_t first[FIELD_ID_COUNT]; /* position + 1 of the first field of a known id; 0: absent */
    struct http_field fields[HEAD_FIELDS_MAX];
};

static inline struct str head_str(const struct http_head *h, struct http_span s)
{
    return (struct str){ h->base + s.off, s.len };
}

/* The first field of a known id, or NULL. */
static inline const struct http_field *head_field(const struct http_head *h, enum http_field_id id)
{
    return h->first[id] ? &h->fields[h->first[id] - 1] : NULL;
}

static inline const struct http_field *head_field_next(const struct http_head *h,
                                                       const struct http_field *f)
{
    return f->next ? &h->fields[f->next - 1] : NULL;
}

static inline struct str head_value(const struct http_head *h, const struct http_field *f)
{
    return head_str(h, f->value);
}

/* The first field of that name (any case), or NULL. */
const struct http_field *head_field_named(const struct http_head *h, struct str name);

/* The known field of that name (any case), or FIELD_OTHER. */
enum http_field_id http_field_lookup(struct str name);

/* Walks a comma-separated list value (RFC 9110 5.6.1): the next element without white space
 * around it, empty ones skipped; quoted strings are kept whole. False at the end. *rest starts as
 * the value. */
bool http_list_next(struct str *rest, struct str *element);

/* Whether the comma-separated lists of all fields of that id hold the token (any case). */
bool head_list_has(const struct http_head *h, enum http_field_id id, struct str token);

#endif
