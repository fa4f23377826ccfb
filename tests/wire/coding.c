/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/wire/coding.h"

#include <stdint.h>
#include <string.h>

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

static size_t gunzip(const char *in, size_t n, char *out, size_t room)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)in,
                   .avail_in = (unsigned)n,
                   .next_out = (Bytef *)out,
                   .avail_out = (unsigned)room };
    inflateInit2(&z, 31);
    int r = inflate(&z, Z_SYNC_FLUSH);
    size_t len = room - z.avail_out;
    inflateEnd(&z);
    return r == Z_STREAM_END || r == Z_OK || r == Z_BUF_ERROR ? len : SIZE_MAX;
}

static size_t unbrotli(const char *in, size_t n, char *out, size_t room)
{
    BrotliDecoderState *b = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    const uint8_t *next_in = (const uint8_t *)in;
    uint8_t *next_out = (uint8_t *)out;
    size_t left = room;
    BrotliDecoderResult r = BrotliDecoderDecompressStream(b, &n, &next_in, &left, &next_out, NULL);
    BrotliDecoderDestroyInstance(b);
    return r == BROTLI_DECODER_RESULT_ERROR ? SIZE_MAX : room - left;
}

static size_t unzstd(const char *in, size_t n, char *out, size_t room)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    ZSTD_inBuffer from = { in, n, 0 };
    ZSTD_outBuffer to = { out, room, 0 };
    size_t r = 1;
    while (from.pos < from.size && !ZSTD_isError(r))
        r = ZSTD_decompressStream(z, &to, &from);
    ZSTD_freeDCtx(z);
    return ZSTD_isError(r) ? SIZE_MAX : to.pos;
}

size_t decode(const char *coding, const char *in, size_t n, char *out, size_t room)
{
    if (strcmp(coding, "gzip") == 0)
        return gunzip(in, n, out, room);
    if (strcmp(coding, "br") == 0)
        return unbrotli(in, n, out, room);
    return strcmp(coding, "zstd") == 0 ? unzstd(in, n, out, room) : SIZE_MAX;
}
