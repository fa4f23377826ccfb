/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 8878. A window of 128 KiB, as for brotli; of others at most 8 MiB is decoded (RFC 9659).
 * Blocks of 128 KiB take too long for one step in the upper levels. */
#define ZSTD_STATIC_LINKING_ONLY /* memory of our own */
#include <zstd.h>

#include "core/http/coder.h"

#define WINDOW_BITS 17
#define WINDOW_BITS_MAX 23
#define RUN_BYTES_MAX (32 * 1024)
#define SLOW_LEVEL 5

static ZSTD_customMem memory_of(struct coder *c)
{
    return (ZSTD_customMem){ coder_alloc, coder_free, c };
}

static void moved(struct coder_io *io, const ZSTD_inBuffer *in, const ZSTD_outBuffer *out)
{
    io->in += in->pos;
    io->in_len -= in->pos;
    io->out += out->pos;
    io->out_len -= out->pos;
}

/* --- encoding --- */

static enum coder_result encode(struct coder *c, struct coder_io *io, enum coder_step step)
{
    static const ZSTD_EndDirective directive[] = { ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end };
    ZSTD_inBuffer in = { io->in, io->in_len, 0 };
    ZSTD_outBuffer out = { io->out, io->out_len, 0 };
    size_t left = ZSTD_compressStream2(c->state, &out, &in, directive[step]);
    moved(io, &in, &out);
    if (ZSTD_isError(left))
        return CODER_BAD;
    /* Nothing more may be asked of it once its end is out: it would begin anew. */
    bool more = step == CODER_RUN ? io->out_len == 0 : left > 0;
    return io->in_len || more ? CODER_FULL : CODER_OK;
}

static void end_encoding(struct coder *c)
{
    ZSTD_freeCCtx(c->state);
}

static const struct coder_ops encoder = { encode, end_encoding };

bool zstd_encode(struct coder *c, unsigned level, uint64_t length)
{
    ZSTD_CCtx *z = ZSTD_createCCtx_advanced(memory_of(c));
    if (!z)
        return false;
    unsigned bits = coder_window_bits(length, ZSTD_WINDOWLOG_MIN, WINDOW_BITS);
    ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, (int)level);
    ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, (int)bits);
    if (length <= 1 << WINDOW_BITS)
        ZSTD_CCtx_setParameter(z, ZSTD_c_srcSizeHint, (int)length);
    if (level >= SLOW_LEVEL)
        c->run_bytes_max = RUN_BYTES_MAX;
    c->state = z;
    c->ops = &encoder;
    return true;
}

/* --- decoding --- */

static enum coder_result decode(struct coder *c, struct coder_io *io, enum coder_step step)
{
    ZSTD_inBuffer in = { io->in, io->in_len, 0 };
    ZSTD_outBuffer out = { io->out, io->out_len, 0 };
    enum coder_result result = CODER_OK;
    for (;;) {
        size_t in_pos = in.pos, out_pos = out.pos;
        if (c->at_end && in_pos == in.size)
            break;
        if (out_pos == out.size) {
            result = CODER_FULL;
            break;
        }
        size_t left = ZSTD_decompressStream(c->state, &out, &in);
        if (ZSTD_isError(left))
            return CODER_BAD;
        if (in.pos == in_pos && out.pos == out_pos)
            break;
        c->at_end = left == 0;
    }
    moved(io, &in, &out);
    return step == CODER_FINISH && result == CODER_OK && !c->at_end ? CODER_BAD : result;
}

static void end_decoding(struct coder *c)
{
    ZSTD_freeDCtx(c->state);
}

static const struct coder_ops decoder = { decode, end_decoding };

bool zstd_decode(struct coder *c)
{
    ZSTD_DCtx *z = ZSTD_createDCtx_advanced(memory_of(c));
    if (!z)
        return false;
    ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, WINDOW_BITS_MAX);
    c->state = z;
    c->ops = &decoder;
    return true;
}
