/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers of broken servers: the client gets our 502 or, where the head was good and is out, a cut;
 * never a clean end. '$' stands for the id. */
#include "core/base/check.h"
#include "tests/sim/ask.h"

#define OK "HTTP/1.1 200 OK\r\nX-Id: $\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"
#define INTERIM "HTTP/1.1 103 Early Hints\r\n\r\n"
#define INTERIMS_6 INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM

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

static const struct bad_answer bad_answers[] = {
    BAD("garbage", "I am no HTTP server $\r\n\r\n", BAD_STATUS_LINE),
    BAD("binary", "\0\1\2\3\r\n\r\n", BAD_STATUS_LINE),
    BAD("two-digit status", "HTTP/1.1 20 OK\r\n\r\n", BAD_STATUS_LINE),
    BAD("HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", BAD_STATUS_LINE),
    BAD("no status line", "Content-Length: 3\r\n\r\nabc", BAD_STATUS_LINE),
    BAD("NUL", OK "A: b\0c\r\nContent-Length: 0\r\n\r\n", RESPONSE_HEAD_BAD),
    BAD("folded", OK "A: b\r\n c\r\nContent-Length: 0\r\n\r\n", RESPONSE_HEAD_BAD),
    BAD("bare LF", OK "Content-Length: 0\n\n", RESPONSE_HEAD_BAD),
    BAD("no name", OK ": b\r\nContent-Length: 0\r\n\r\n", RESPONSE_HEAD_BAD),
    BAD("two lengths", OK "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        RESPONSE_CONTENT_LENGTH),
    BAD("same length twice", OK "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        RESPONSE_CONTENT_LENGTH),
    BAD("negative length", OK "Content-Length: -3\r\n\r\nabc", RESPONSE_CONTENT_LENGTH),
    BAD("length and coding", OK "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        RESPONSE_CONTENT_LENGTH),
    BAD("unknown coding", OK "Transfer-Encoding: gzip\r\n\r\nabc", RESPONSE_CODING),
    BAD("unasked 101",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        RESPONSE_INTERIM),
    BAD("endless 1xx", INTERIMS_6 INTERIMS_6 INTERIMS_6, RESPONSE_INTERIM),
    BIG("big head", OK "A: ~\r\nContent-Length: 0\r\n\r\n", RESPONSE_HEAD_TOO_LARGE, 34000, "x"),
    BIG("many fields", OK "~Content-Length: 0\r\n\r\n", RESPONSE_HEAD_TOO_LARGE, 700, "A: b\r\n"),
    LATE("no size", CHUNKED "zz\r\n", RESPONSE_CHUNK),
    LATE("chunk too long", CHUNKED "1\r\n\r\n\r\n0\r\n\r\n", RESPONSE_CHUNK),
    LATE("bad trailer", CHUNKED "0\r\nA b\r\n\r\n", RESPONSE_TRAILER),
};

const struct bad_answer *bad_answer_pick(struct sim *s)
{
    return &bad_answers[sim_below(s, ARRAY_LEN(bad_answers))];
}
