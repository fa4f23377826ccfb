/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 1952. A window of 32 KiB and memLevel 8 are zlib's own choice: 256 KiB and 6 KiB of state;
 * memLevel 9 takes 128 KiB more and gains nothing on text. Bodies that are known to be short get
 * less of both: their tables are then cleared in less time. */
#include <limits.h>
#define ZLIB_CONST
#include <zlib.h>

#include "core/http/coder.h"

#define GZIP_FORMAT 16 /* to be added to window bits */
#define WINDOW_BITS_MIN 10
#define MEM_LEVEL 8

static void *alloc(void *coder, uInt items, uInt size)
{
    return coder_alloc(coder, (size_t)items * size);
}

static z_stream *make_state(struct coder *c)
{
    z_stream *z = coder_alloc(c, sizeof *z);
    if (z)
        *z = (z_stream){ .zalloc = alloc, .zfree = coder_free, .opaque = c };
    c->state = z;
    return z;
}

static void begin_io(z_stream *z, const struct coder_io *io)
{
    z->next_in = io->in;
    z->avail_in = io->in_len < UINT_MAX ? (unsigned)io->in_len : UINT_MAX;
    z->next_out = io->out;
    z->avail_out = io->out_len < UINT_MAX ? (unsigned)io->out_len : UINT_MAX;
}

static void end_io(const z_stream *z, struct coder_io *io)
{
    io->in_len -= (size_t)(z->next_in - io->in);
    io->in = z->next_in;
    io->out_len -= (size_t)(z->next_out - io->out);
    io->out = z->next_out;
}

/* --- encoding --- */

static enum coder_result encode(struct coder *c, struct coder_io *io, enum coder_step step)
{
    static const int flush[] = { Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH };
    z_stream *z = c->state;
    begin_io(z, io);
    int r = deflate(z, flush[step]);
    end_io(z, io);
    if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR) /* BUF_ERROR: nothing to do */
        return CODER_BAD;
    if (step == CODER_FINISH)
        return r == Z_STREAM_END ? CODER_OK : CODER_FULL;
    return io->out_len == 0 ? CODER_FULL : CODER_OK;
}

static void end_encoding(struct coder *c)
{
    deflateEnd(c->state);
    coder_free(c, c->state);
}

static const struct coder_ops encoder = { encode, end_encoding };

bool gzip_encode(struct coder *c, unsigned level, uint64_t length)
{
    z_stream *z = make_state(c);
    unsigned bits = coder_window_bits(length, WINDOW_BITS_MIN, MAX_WBITS);
    int mem_level = MEM_LEVEL - (int)(MAX_WBITS - bits);
    if (!z)
        return false;
    if (deflateInit2(z, (int)level, Z_DEFLATED, (int)bits + GZIP_FORMAT, mem_level,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        coder_free(c, z);
        return false;
    }
    c->ops = &encoder;
    return true;
}

/* --- decoding --- */

/* Several members follow each other as one (RFC 1952 2.2). */
static enum coder_result decode(struct coder *c, struct coder_io *io, enum coder_step step)
{
    z_stream *z = c->state;
    for (;;) {
        size_t in_len = io->in_len, out_len = io->out_len;
        if (c->at_end && in_len == 0)
            break;
        if (out_len == 0)
            return CODER_FULL;
        if (c->at_end)
            inflateReset(z);
        begin_io(z, io);
        int r = inflate(z, Z_NO_FLUSH);
        end_io(z, io);
        if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
            return CODER_BAD;
        c->at_end = r == Z_STREAM_END;
        if (io->in_len == in_len && io->out_len == out_len)
            break;
    }
    return step == CODER_FINISH && !c->at_end ? CODER_BAD : CODER_OK;
}

static void end_decoding(struct coder *c)
{
    inflateEnd(c->state);
    coder_free(c, c->state);
}

static const struct coder_ops decoder = { decode, end_decoding };

bool gzip_decode(struct coder *c)
{
    z_stream *z = make_state(c);
    if (!z)
        return false;
    if (inflateInit2(z, MAX_WBITS + GZIP_FORMAT) != Z_OK) {
        coder_free(c, z);
        return false;
    }
    c->ops = &decoder;
    return true;
}
