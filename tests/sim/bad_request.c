/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Malformed requests (DESIGN 7): each is refused with its status, the connection ends, nothing of
 * it or after it reaches a server, and the log says why. '$' stands for the id. */
#include "core/base/check.h"
#include "tests/sim/ask.h"

#define GET "GET /r/$ HTTP/1.1\r\nHost: h\r\nX-Id: $\r\n"
#define POST "POST /r/$ HTTP/1.1\r\nHost: h\r\nX-Id: $\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
/* What a laxer parser would take for another request. */
#define SMUGGLED "GET /r/$ HTTP/1.1\r\nHost: h\r\nX-Id: $\r\n\r\n"

#define BAD(name, text, reason)                                                                    \
    {                                                                                              \
        name, STR(text), END_##reason, false, 0, NULL                                              \
    }
#define LATE(name, text, reason)                                                                   \
    {                                                                                              \
        name, STR(text), END_##reason, true, 0, NULL                                               \
    }
#define BIG(name, text, reason, bytes, fill)                                                       \
    {                                                                                              \
        name, STR(text), END_##reason, false, bytes, fill                                          \
    }

static const struct bad_request bad_requests[] = {
    /* start line */
    BAD("no version", "GET /r/$\r\n\r\n", BAD_REQUEST_LINE),
    BAD("two spaces", "GET  /r/$ HTTP/1.1\r\nHost: h\r\n\r\n", BAD_REQUEST_LINE),
    BAD("space at the end", "GET /r/$ HTTP/1.1 \r\nHost: h\r\n\r\n", BAD_REQUEST_LINE),
    BAD("lower-case version", "GET /r/$ http/1.1\r\nHost: h\r\n\r\n", BAD_VERSION),
    BAD("HTTP/2.0", "GET /r/$ HTTP/2.0\r\nHost: h\r\n\r\n", VERSION_UNSUPPORTED),
    BAD("bad method", "G(T /r/$ HTTP/1.1\r\nHost: h\r\n\r\n", BAD_METHOD),
    BAD("TLS on a plain port", "\x16\x03\x01\x02$\r\n\r\n", BAD_METHOD),
    BAD("NUL in the target", "GET /r/\0$ HTTP/1.1\r\nHost: h\r\n\r\n", BAD_TARGET),
    BAD("bad triplet", "GET /r/%zz$ HTTP/1.1\r\nHost: h\r\n\r\n", BAD_TARGET),
    BAD("encoded NUL", "GET /r/%00$ HTTP/1.1\r\nHost: h\r\n\r\n", BAD_TARGET),
    BAD("fragment", "GET /r/$#x HTTP/1.1\r\nHost: h\r\n\r\n", BAD_TARGET),
    BAD("no slash", "GET r/$ HTTP/1.1\r\nHost: h\r\n\r\n", BAD_TARGET),
    BAD("scheme", "GET ftp://h/r/$ HTTP/1.1\r\nHost: h\r\n\r\n", BAD_TARGET),
    BIG("long target", "GET /r/$/~ HTTP/1.1\r\nHost: h\r\n\r\n", TARGET_TOO_LONG, 9000, "a"),
    BAD("CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nX-Id: $\r\n\r\n", NOT_IMPLEMENTED),
    BAD("TRACE", "TRACE /r/$ HTTP/1.1\r\nHost: h\r\n\r\n", METHOD_NOT_ALLOWED),
    /* lines */
    BAD("bare LF", "GET /r/$ HTTP/1.1\nHost: h\n\n", BAD_LINE_END),
    BAD("bare LF after a field", GET "A: b\nC: d\r\n\r\n", BAD_LINE_END),
    BAD("bare CR", GET "A: b\rC: d\r\n\r\n", BAD_LINE_END),
    BAD("folded", GET "A: b\r\n c\r\n\r\n", OBS_FOLD),
    BAD("space before the colon", GET "A : b\r\n\r\n", BAD_FIELD_NAME),
    BAD("no name", GET ": b\r\n\r\n", BAD_FIELD_NAME),
    BAD("no colon", GET "Ab\r\n\r\n", BAD_FIELD_NAME),
    BAD("NUL in a name", GET "A\0b: c\r\n\r\n", BAD_FIELD_NAME),
    BAD("NUL in a value", GET "A: b\0c\r\n\r\n", BAD_FIELD_VALUE),
    BAD("DEL in a value", GET "A: b\x7f\r\n\r\n", BAD_FIELD_VALUE),
    BIG("big head", GET "A: ~\r\n\r\n", HEAD_TOO_LARGE, 34000, "x"),
    BIG("many fields", GET "~\r\n", TOO_MANY_FIELDS, 700, "A: b\r\n"),
    /* Host */
    BAD("no Host", "GET /r/$ HTTP/1.1\r\nX-Id: $\r\n\r\n", BAD_HOST),
    BAD("two Hosts", GET "Host: h\r\n\r\n", BAD_HOST),
    BAD("bad Host", "GET /r/$ HTTP/1.1\r\nHost: a b\r\n\r\n", BAD_HOST),
    BAD("userinfo", "GET /r/$ HTTP/1.1\r\nHost: u@h\r\n\r\n", BAD_HOST),
    /* framing */
    BAD("lengths", POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", BAD_CONTENT_LENGTH),
    BAD("length list", POST "Content-Length: 3, 3\r\n\r\nabc", BAD_CONTENT_LENGTH),
    BAD("signed length", POST "Content-Length: +3\r\n\r\nabc", BAD_CONTENT_LENGTH),
    BAD("length overflow", POST "Content-Length: 99999999999999999999\r\n\r\n", BAD_CONTENT_LENGTH),
    BAD("empty length", POST "Content-Length:\r\n\r\n" SMUGGLED, BAD_CONTENT_LENGTH),
    BAD("length and coding",
        POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
        LENGTH_WITH_CODING),
    BAD("unknown coding", POST "Transfer-Encoding: gzip\r\n\r\n" SMUGGLED, UNKNOWN_CODING),
    BAD("coded, then chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n" SMUGGLED,
        UNKNOWN_CODING),
    BAD("chunked twice", POST "Transfer-Encoding: chunked, chunked\r\n\r\n" SMUGGLED,
        BAD_TRANSFER_CODING),
    BAD("chunked in 1.0",
        "POST /r/$ HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" SMUGGLED,
        BAD_TRANSFER_CODING),
    BAD("Connection names Host", GET "Connection: host\r\n\r\n", BAD_CONNECTION),
    BAD("Connection names length",
        POST "Connection: content-length\r\nContent-Length: 3\r\n\r\nabc", BAD_CONNECTION),
    BAD("unknown expectation", GET "Expect: miracles\r\n\r\n", BAD_EXPECT),
    /* bodies: their heads are good */
    LATE("no size", CHUNKED "zz\r\n" SMUGGLED, BAD_CHUNK),
    LATE("negative size", CHUNKED "-3\r\nabc\r\n0\r\n\r\n", BAD_CHUNK),
    LATE("prefixed size", CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", BAD_CHUNK),
    LATE("size overflow", CHUNKED "11111111111111111\r\nabc", BAD_CHUNK),
    LATE("chunk too long", CHUNKED "3\r\nabcd\r\n0\r\n\r\n", BAD_CHUNK),
    LATE("bare LF after a size", CHUNKED "3\nabc\r\n0\r\n\r\n", BAD_CHUNK),
    LATE("bad second chunk", CHUNKED "3\r\nabc\r\n;\r\n\r\n", BAD_CHUNK),
    LATE("bad extension", CHUNKED "3;=\r\nabc\r\n0\r\n\r\n", BAD_CHUNK),
    LATE("bad trailer", CHUNKED "3\r\nabc\r\n0\r\nA b\r\n\r\n", BAD_TRAILER),
};

const struct bad_request *bad_request_pick(struct sim *s)
{
    return &bad_requests[sim_below(s, ARRAY_LEN(bad_requests))];
}
