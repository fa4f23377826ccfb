/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The load generator's reader of responses: however the bytes are cut, the result is the same, and
 * nothing is read beyond them. */
#include <stdlib.h>

#include "bench/load_response.h"
#include "core/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* In pieces of exactly so many bytes, each in memory of its own. */
static struct response take(const uint8_t *bytes, size_t len, size_t piece, bool head_only)
{
    struct response r = { 0 };
    response_begin(&r, head_only);
    for (size_t at = 0; at < len; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        char *copy = malloc(n);
        CHECK(copy);
        memcpy(copy, bytes + at, n);
        response_take(&r, (struct str){ copy, n });
        free(copy);
    }
    response_free(&r);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 2)
        return 0;
    bool head_only = bytes[0] & 1;
    size_t piece = 1 + bytes[0] / 2;
    bytes++;
    len--;
    struct response whole = take(bytes, len, len, head_only);
    struct response cut = take(bytes, len, piece, head_only);
    CHECK(whole.state == cut.state);
    if (whole.state != RESPONSE_MALFORMED) {
        CHECK(whole.status == cut.status && whole.body_bytes == cut.body_bytes);
        CHECK(whole.keep_alive == cut.keep_alive);
        CHECK(whole.body_bytes <= len);
    }
    return 0;
}
