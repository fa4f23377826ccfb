/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 7932. A window of 128 KiB: the next doublings gain little on pages, and cost every stream
 * that much. From level 4 on the encoder looks at 64 KiB at a time, which takes too long for one
 * step: it is made to give what it has before. */
#include <brotli/decode.h>
#include <brotli/encode.h>

#include "core/http/coder.h"

#define WINDOW_BITS 17
#define RUN_BYTES_MAX (16 * 1024)
#define SLOW_LEVEL 4

/* --- encoding --- */

static enum coder_result encode(struct coder *c, struct coder_io *io, enum coder_step step)
{
    static const BrotliEncoderOperation operation[] = {
        BROTLI_OPERATION_PROCESS,
        BROTLI_OPERATION_FLUSH,
        BROTLI_OPERATION_FINISH,
    };
    BrotliEncoderState *b = c->state;
    if (!BrotliEncoderCompressStream(b, operation[step], &io->in_len, &io->in, &io->out_len,
                                     &io->out, NULL))
        return CODER_BAD;
    return io->in_len || BrotliEncoderHasMoreOutput(b) ||
                   (step == CODER_FINISH && !BrotliEncoderIsFinished(b))
               ? CODER_FULL
               : CODER_OK;
}

static void end_encoding(struct coder *c)
{
    BrotliEncoderDestroyInstance(c->state);
}

static const struct coder_ops encoder = { encode, end_encoding };

bool brotli_encode(struct coder *c, unsigned level, uint64_t length)
{
    BrotliEncoderState *b = BrotliEncoderCreateInstance(coder_alloc, coder_free, c);
    if (!b)
        return false;
    BrotliEncoderSetParameter(b, BROTLI_PARAM_QUALITY, level);
    BrotliEncoderSetParameter(b, BROTLI_PARAM_LGWIN,
                              coder_window_bits(length, BROTLI_MIN_WINDOW_BITS, WINDOW_BITS));
    if (length < UINT32_MAX)
        BrotliEncoderSetParameter(b, BROTLI_PARAM_SIZE_HINT, (uint32_t)length);
    if (level >= SLOW_LEVEL)
        c->run_bytes_max = RUN_BYTES_MAX;
    c->state = b;
    c->ops = &encoder;
    return true;
}

/* --- decoding --- */

static enum coder_result decode(struct coder *c, struct coder_io *io, enum coder_step step)
{
    BrotliDecoderState *b = c->state;
    BrotliDecoderResult r =
        BrotliDecoderDecompressStream(b, &io->in_len, &io->in, &io->out_len, &io->out, NULL);
    switch (r) {
    case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
        return CODER_FULL;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
        return step == CODER_FINISH ? CODER_BAD : CODER_OK;
    case BROTLI_DECODER_RESULT_SUCCESS:
        return io->in_len ? CODER_BAD : CODER_OK;
    default:
        return CODER_BAD;
    }
}

static void end_decoding(struct coder *c)
{
    BrotliDecoderDestroyInstance(c->state);
}

static const struct coder_ops decoder = { decode, end_decoding };

bool brotli_decode(struct coder *c)
{
    c->state = BrotliDecoderCreateInstance(coder_alloc, coder_free, c);
    c->ops = &decoder;
    return c->state != NULL;
}
