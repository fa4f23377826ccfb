/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long is this message's body, and may the connection be used again (RFC 9112 6, 9.3). */
#ifndef SLUICE_HTTP_FRAMING_H
#define SLUICE_HTTP_FRAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/end_reason.h"
#include "core/http/head.h"

enum body_kind {
    BODY_NONE,    /* nothing follows the head */
    BODY_LENGTH,  /* length bytes follow, length > 0 */
    BODY_CHUNKED, /* chunked coding follows, or DATA frames of a length that nobody said */
    BODY_CLOSE,   /* responses only: until the connection ends */
};

struct framing {
    enum body_kind kind;
    uint64_t length;      /* BODY_LENGTH */
    bool length_declared; /* a Content-Length was given, even 0 (HEAD and 304 keep theirs: then
                             declared_length is it while kind is BODY_NONE) */
    uint64_t declared_length;
    bool keep_alive;      /* by version and Connection: the peer will keep the connection */
    bool expect_continue; /* requests: an HTTP/1.1 client with a body to send waits for our 100 */
};

/* Refuses (END_...): Content-Length with Transfer-Encoding; a repeated Content-Length, differing
 * or not; a malformed one (signs, lists, overflow of 63 bits); Transfer-Encoding that is not
 * exactly one "chunked" (END_UNKNOWN_CODING for a coding we do not have, END_BAD_TRANSFER_CODING
 * for chunked repeated, not final or empty) or that comes with HTTP/1.0; an Expect
 * other than 100-continue (END_BAD_EXPECT). END_OK: *f is filled. */
enum end_reason framing_of_request(const struct http_head *h, struct framing *f);

/* The response to a request of that method, received on a connection (not 1xx: those have no body
 * and are not asked about). HEAD, 204, 304: BODY_NONE. Refuses END_RESPONSE_CONTENT_LENGTH (also
 * together with Transfer-Encoding), END_RESPONSE_CODING. BODY_CLOSE implies !keep_alive. */
enum end_reason framing_of_response(const struct http_head *h, enum http_method request_method,
                                    struct framing *f);

#endif
