/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/websocket.h"

#include <string.h>

#include "core/base/check.h"

#define FIN 0x80
#define RESERVED 0x70
#define OPCODE 0x0f
#define MASKED 0x80
#define LENGTH 0x7f
#define CONTROL 0x08 /* of an opcode */
#define CONTROL_BYTES_MAX 125
#define SHORT_MAX 125
#define LENGTH_16 126
#define LENGTH_64 127

/* ---- SHA-1 (FIPS 180-4), of one key: RFC 6455 wants it, for no secret ---- */

#define SHA1_BLOCK 64
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static uint32_t rotated(uint32_t x, unsigned by)
{
    return x << by | x >> (32 - by);
}

static void sha1_block(uint32_t h[5], const uint8_t block[SHA1_BLOCK])
{
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (unsigned i = 16; i < 80; i++)
        w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (unsigned i = 0; i < 80; i++) {
        uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                     : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                     : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                              : (b ^ c ^ d) + 0xca62c1d6;
        uint32_t next = rotated(a, 5) + f + e + w[i];
        e = d;
        d = c;
        c = rotated(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

/* Of two blocks at most. */
static void sha1(const char *text, size_t bytes, uint8_t out[20])
{
    uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
    uint8_t padded[2 * SHA1_BLOCK] = { 0 };
    size_t blocks = bytes + 9 <= SHA1_BLOCK ? 1 : 2;
    CHECK(bytes + 9 <= sizeof padded);
    memcpy(padded, text, bytes);
    padded[bytes] = 0x80;
    padded[blocks * SHA1_BLOCK - 2] = (uint8_t)(bytes * 8 >> 8);
    padded[blocks * SHA1_BLOCK - 1] = (uint8_t)(bytes * 8);
    for (size_t i = 0; i < blocks; i++)
        sha1_block(h, padded + i * SHA1_BLOCK);
    for (unsigned i = 0; i < 20; i++)
        out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void base64(const uint8_t in[20], char out[WEBSOCKET_ACCEPT_BYTES])
{
    const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (unsigned i = 0; i < 7; i++) {
        uint32_t three =
            (uint32_t)in[3 * i] << 16 | (uint32_t)in[3 * i + 1] << 8 | (i < 6 ? in[3 * i + 2] : 0);
        for (unsigned j = 0; j < 4; j++)
            out[4 * i + j] = digits[three >> (18 - 6 * j) & 63];
    }
    out[WEBSOCKET_ACCEPT_BYTES - 1] = '=';
}

void websocket_accept(struct str key, char out[WEBSOCKET_ACCEPT_BYTES])
{
    char text[WEBSOCKET_KEY_BYTES + sizeof GUID];
    uint8_t digest[20];
    size_t used = key.len < WEBSOCKET_KEY_BYTES ? key.len : WEBSOCKET_KEY_BYTES;
    memcpy(text, key.ptr, used);
    memcpy(text + used, GUID, sizeof GUID - 1);
    sha1(text, used + sizeof GUID - 1, digest);
    base64(digest, out);
}

/* ---- Frames ---- */

static unsigned opcode(const struct websocket *w)
{
    return w->head[0] & OPCODE;
}

static bool is_control(const struct websocket *w)
{
    return opcode(w) & CONTROL;
}

/* How long the head is, as far as what there is of it tells: at least so much. */
static unsigned head_needs(const struct websocket *w)
{
    if (w->head_bytes < 2)
        return 2;
    unsigned length = w->head[1] & LENGTH;
    return 2u +
           (length == LENGTH_16   ? 2
            : length == LENGTH_64 ? 8
                                  : 0) +
           (w->head[1] & MASKED ? 4 : 0);
}

static uint64_t head_length(const struct websocket *w)
{
    unsigned length = w->head[1] & LENGTH, bytes = length == LENGTH_16 ? 2 : 8;
    uint64_t whole = 0;
    if (length <= SHORT_MAX)
        return length;
    for (unsigned i = 0; i < bytes; i++)
        whole = whole << 8 | w->head[2 + i];
    return whole;
}

/* RFC 6455 5.2 to 5.5, of a complete head. */
static bool head_is_sound(const struct websocket *w, bool from_client)
{
    unsigned length = w->head[1] & LENGTH;
    uint64_t whole = head_length(w);
    bool fin = w->head[0] & FIN;
    if (w->head[0] & RESERVED || !!(w->head[1] & MASKED) != from_client)
        return false;
    if ((length == LENGTH_16 && whole <= SHORT_MAX) ||
        (length == LENGTH_64 && (whole <= UINT16_MAX || whole > INT64_MAX)))
        return false;
    switch (opcode(w)) {
    case WEBSOCKET_CONTINUATION:
        return w->in_message;
    case WEBSOCKET_TEXT:
    case WEBSOCKET_BINARY:
        return !w->in_message;
    case WEBSOCKET_CLOSE:
    case WEBSOCKET_PING:
    case WEBSOCKET_PONG:
        return fin && length <= CONTROL_BYTES_MAX;
    default:
        return false;
    }
}

/* Takes a head's bytes. MESSAGE: it is complete. */
static enum websocket_event take_head(struct websocket *w, struct str *text, bool from_client)
{
    while (w->head_bytes < head_needs(w)) {
        if (text->len == 0)
            return WEBSOCKET_MORE;
        w->head[w->head_bytes++] = (uint8_t)*text->ptr;
        *text = (struct str){ text->ptr + 1, text->len - 1 };
    }
    if (!head_is_sound(w, from_client))
        return WEBSOCKET_MALFORMED;
    w->in_payload = true;
    w->left = head_length(w);
    w->mask_at = 0;
    if (from_client)
        memcpy(w->mask, w->head + w->head_bytes - 4, 4);
    if (!is_control(w))
        w->in_message = true;
    return WEBSOCKET_MESSAGE;
}

/* The payload is through: what the frame was the end of. */
static enum websocket_event end_frame(struct websocket *w)
{
    bool last = w->head[0] & FIN, control = is_control(w), close = opcode(w) == WEBSOCKET_CLOSE;
    w->in_payload = false;
    w->head_bytes = 0;
    if (control)
        return close ? WEBSOCKET_OVER : WEBSOCKET_MORE;
    w->in_message = !last;
    return last ? WEBSOCKET_MESSAGE : WEBSOCKET_MORE;
}

static void put_head(struct out *o, uint8_t first, uint64_t bytes, const uint8_t *mask)
{
    uint8_t head[WEBSOCKET_HEAD_MAX] = { first };
    unsigned used = 2, of_length = bytes <= SHORT_MAX ? 0 : bytes <= UINT16_MAX ? 2 : 8;
    head[1] = (uint8_t)(of_length == 0 ? bytes : of_length == 2 ? LENGTH_16 : LENGTH_64);
    for (unsigned i = 0; i < of_length; i++)
        head[used++] = (uint8_t)(bytes >> 8 * (of_length - 1 - i));
    if (mask) {
        head[1] |= MASKED;
        memcpy(head + used, mask, 4);
        used += 4;
    }
    out_mem(o, head, used);
}

void websocket_put_head(struct out *o, uint64_t bytes, const uint8_t mask[4])
{
    put_head(o, FIN | WEBSOCKET_BINARY, bytes, mask);
}

static size_t room(const struct out *o)
{
    return (size_t)(o->end - o->at);
}

/* Unmasks what fits of the payload into o; nothing of a pong. */
static void echo_payload(struct websocket *w, struct str *text, struct out *o)
{
    bool silent = opcode(w) == WEBSOCKET_PONG;
    size_t n = text->len < w->left ? text->len : (size_t)w->left;
    if (!silent && n > room(o))
        n = room(o);
    if (!silent) {
        uint8_t *to = (uint8_t *)o->at;
        for (size_t i = 0; i < n; i++)
            to[i] = (uint8_t)text->ptr[i] ^ w->mask[(w->mask_at + i) & 3];
        o->at += n;
    }
    w->mask_at = (uint8_t)((w->mask_at + n) & 3);
    w->left -= n;
    *text = (struct str){ text->ptr + n, text->len - n };
}

enum websocket_event websocket_echo(struct websocket *w, struct str *text, struct out *o)
{
    for (;;) {
        if (room(o) < WEBSOCKET_HEAD_MAX)
            return WEBSOCKET_FULL;
        if (!w->in_payload) {
            enum websocket_event e = take_head(w, text, true);
            if (e != WEBSOCKET_MESSAGE)
                return e;
            uint8_t first = w->head[0];
            if (opcode(w) == WEBSOCKET_PING)
                first = FIN | WEBSOCKET_PONG;
            if (opcode(w) != WEBSOCKET_PONG)
                put_head(o, first, w->left, NULL);
        }
        echo_payload(w, text, o);
        if (w->left > 0) {
            if (text->len == 0)
                return WEBSOCKET_MORE;
            continue;
        }
        if (end_frame(w) == WEBSOCKET_OVER)
            return WEBSOCKET_OVER;
    }
}

enum websocket_event websocket_read(struct websocket *w, struct str *text, uint64_t *message_bytes)
{
    for (;;) {
        if (!w->in_payload) {
            enum websocket_event e = take_head(w, text, false);
            if (e != WEBSOCKET_MESSAGE)
                return e;
        }
        size_t n = text->len < w->left ? text->len : (size_t)w->left;
        w->left -= n;
        *text = (struct str){ text->ptr + n, text->len - n };
        if (!is_control(w))
            *message_bytes += n;
        if (w->left > 0)
            return WEBSOCKET_MORE;
        enum websocket_event e = end_frame(w);
        if (e != WEBSOCKET_MORE)
            return e;
    }
}
