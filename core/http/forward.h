/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes on to the other side: heads are written anew from what was understood, never echoed
 * (RFC 9110 7.6, DESIGN 7). Both directions remove hop-by-hop fields (Connection, Keep-Alive,
 * Proxy-Connection, TE, Transfer-Encoding, Upgrade, Trailer where trailers are not forwarded,
 * Proxy-Authenticate/-Authorization/-Authentication-Info, HTTP2-Settings) and those that Connection
 * names. */
#ifndef SLUICE_HTTP_FORWARD_H
#define SLUICE_HTTP_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/end_reason.h"
#include "core/base/out.h"
#include "core/http/framing.h"
#include "core/http/head.h"
#include "core/http/target.h"

/* How the body is framed towards the next hop. */
enum body_framing {
    FRAME_NONE,    /* no body and no field about it */
    FRAME_LENGTH,  /* Content-Length: length (also 0) */
    FRAME_CHUNKED, /* Transfer-Encoding: chunked */
    FRAME_CLOSE,   /* responses to HTTP/1.0 clients: until the connection ends */
};

/* Changes that a rule wants, already worked out for this head. All zero: none. */
struct field_edits {
    uint64_t dropped[2]; /* received fields that are not passed on: a bit per position */
    uint64_t ids;        /* known fields that we do not write by ourselves: a bit per id */
    struct str added;    /* whole field lines */
};
_Static_assert(HEAD_FIELDS_MAX <= 128, "a set of fields of one head is two words");

struct forward_request {
    bool http2; /* to an HTTP/2 server: see forward_request_head() */
    const struct target *target;
    struct str method; /* in place of the received; empty: that */
    struct field_edits edits;
    enum body_framing framing;
    uint64_t length;
    struct str peer_ip;       /* "192.0.2.1", "2001:db8::1"; empty: unknown (Unix socket) */
    struct str scheme;        /* "http" or "https": the client's */
    struct str server_scheme; /* to HTTP/2: of the connection to the server (RFC 9113 8.3.1) */
    struct str request_id;    /* replaces X-Request-Id */
    struct str host;          /* Host to send: target->authority by default (`preserve`) */
    bool peer_trusted;        /* X-Forwarded-* of the peer are appended to, not replaced */
    bool via;                 /* add Via: 1.x sluice ... */
    struct str via_name;      /* ... or this name; empty: that */
    bool forwarded;           /* add Forwarded (RFC 7239) */
    bool expect_continue;     /* pass Expect: 100-continue on */
    bool underscores;     /* keep field names with '_' (else dropped), but those that with '-' would
                             be dropped */
    struct str upgrade;   /* protocols to ask for; empty: none */
    int32_t max_forwards; /* >= 0: value to send in place of the received */
};

/* Connection may not name Host, Content-Length, Transfer-Encoding, routing or forwarding fields
 * (X-Forwarded-*, Forwarded, Via, Authorization, Cookie, X-Request-Id, ...): END_BAD_CONNECTION.
 * END_OK otherwise. "close", "keep-alive", "te" and "upgrade" are the usual members. */
enum end_reason forward_check_connection(const struct http_head *h);

/* To HTTP/2, in place of a start line and of Host, lines stand for the pseudo-headers (":path: /"),
 * names may still be in upper case, and no field is about the connection or the framing but
 * Content-Length, and "TE: trailers" if the client said so. core/http/h2_head.h takes the lines
 * apart.
 *
 * Writes "METHOD path?query HTTP/1.1", fields and the empty line; always HTTP/1.1, with keep-alive
 * left implicit. An empty Host field is sent when the client (HTTP/1.0) gave none. TE is replaced
 * by nothing; out->full says that it did not fit. */
void forward_request_head(struct out *o, const struct http_head *h,
                          const struct forward_request *f);

struct forward_response {
    struct field_edits edits;
    enum body_framing framing;
    uint64_t length;
    bool declared_length;   /* HEAD and 304: pass the server's Content-Length on, value in length */
    bool close;             /* Connection: close to the client */
    bool keep_alive_http10; /* Connection: keep-alive, for an HTTP/1.0 client that asked */
    bool via;
    struct str upgrade; /* 101: the protocol that is switched to; empty: another status */
    struct str date;    /* IMF-fixdate to add when the server sent none (RFC 9110 6.6.1) */
    bool http2;         /* to an HTTP/2 client */
};

/* Writes "HTTP/1.1 STATUS reason", fields, empty line: a final response; 101 for HTTP/2 is 200. A
 * 204 gets no field about a body, whatever f says. */
void forward_response_head(struct out *o, const struct http_head *h,
                           const struct forward_response *f);

/* Writes an interim (1xx) response head. */
void forward_interim_head(struct out *o, const struct http_head *h, bool via, bool http2);

/* Writes the first line of a response: "HTTP/1.1 404 Not Found" or ":status: 404", without its
 * end. */
void forward_status(struct out *o, unsigned status, struct str reason, bool http2);

/* Writes a trailer section: field lines that may be trailers (RFC 9110 6.5.1: no framing, routing,
 * authentication, or hop-by-hop fields), then the empty line. */
void forward_trailers(struct out *o, const struct http_head *trailers);

/* The standard reason phrase ("Not Found"), or "" for a status without one. */
struct str http_status_reason(unsigned status);

#endif
