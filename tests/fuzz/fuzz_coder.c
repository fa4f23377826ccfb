/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Content codings: the first byte chooses one, and sizes of pieces. Whatever the rest is, decoding
 * it ends, within its memory; and what we encode comes back the same. */
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/http/coder.h"

#define OUT_BYTES_MAX (1 << 20) /* a bomb is not followed further */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Gives the bytes that came out; SIZE_MAX: bad, or too many. */
static size_t run(struct coder *c, const uint8_t *in, size_t len, size_t piece, uint8_t *out)
{
    size_t at = 0, n = 0;
    for (unsigned still = 0; still < 4;) {
        size_t most = len - at < piece ? len - at : piece;
        enum coder_step step = most ? CODER_RUN : CODER_FINISH;
        struct coder_io io = { in + at, most, out + n, OUT_BYTES_MAX - n };
        enum coder_result r = coder_run(c, &io, step);
        size_t taken = most - io.in_len, given = (size_t)(io.out - out) - n;
        if (r == CODER_BAD || io.out_len == 0)
            return SIZE_MAX;
        if (step == CODER_FINISH && r == CODER_OK)
            return n + given;
        still = taken || given ? 0 : still + 1;
        CHECK(still < 4 || r == CODER_FULL); /* else it stands still */
        at += taken;
        n += given;
    }
    return SIZE_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t coded[OUT_BYTES_MAX], back[OUT_BYTES_MAX];
    if (size < 2 || size > 65536)
        return 0;
    enum coding coding = (enum coding)(CODING_GZIP + data[0] % 3);
    size_t piece = 1 + data[0] / 3u * 7u;
    data++;
    size--;
    struct coder_pool pool;
    struct coder c;
    coder_pool_init(&pool, 32 << 20);
    bool begun = coder_decode(&c, &pool, coding, false);
    CHECK(begun);
    run(&c, data, size, piece, back);
    coder_end(&c);
    begun = coder_encode(&c, &pool, coding, 1 + size % 4, size % 2 ? size : UINT64_MAX);
    CHECK(begun);
    size_t n = run(&c, data, size, piece, coded);
    coder_end(&c);
    CHECK(n != SIZE_MAX);
    begun = coder_decode(&c, &pool, coding, true);
    CHECK(begun && run(&c, coded, n, piece, back) == size && memcmp(back, data, size) == 0);
    coder_end(&c);
    coder_pool_destroy(&pool);
    return 0;
}
