/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bench's reader of WebSocket frames: however the bytes are cut, the echo is the same; nothing
 * is read beyond them, nothing written beyond the room. */
#include <stdlib.h>

#include "bench/websocket.h"
#include "core/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct echoed {
    enum websocket_event event;
    char *out;
    size_t out_bytes, used;
};

/* One piece, in memory of its own, with as little room as may be. */
static void take_piece(struct websocket *w, struct echoed *e, const uint8_t *bytes, size_t n,
                       size_t room)
{
    char *copy = malloc(n ? n : 1), *out = malloc(room);
    CHECK(copy && out);
    memcpy(copy, bytes, n);
    struct str text = { copy, n };
    do {
        struct out o = out_into(out, room);
        e->event = websocket_echo(w, &text, &o);
        CHECK(!o.full);
        memcpy(e->out + e->out_bytes, out, out_len(&o));
        e->out_bytes += out_len(&o);
    } while (e->event == WEBSOCKET_FULL);
    e->used += n - text.len;
    free(copy);
    free(out);
}

static struct echoed echo(const uint8_t *bytes, size_t len, size_t piece, size_t room)
{
    struct websocket w = { 0 };
    struct echoed e = { .event = WEBSOCKET_MORE, .out = malloc(8 * len + 64) };
    CHECK(e.out);
    for (size_t at = 0; at < len && e.event == WEBSOCKET_MORE; at += piece)
        take_piece(&w, &e, bytes + at, len - at < piece ? len - at : piece, room);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 2)
        return 0;
    size_t piece = 1 + bytes[0] / 2, room = WEBSOCKET_HEAD_MAX + 1 + bytes[0] % 16;
    bytes++;
    len--;
    struct echoed whole = echo(bytes, len, len, 8 * len + 64), cut = echo(bytes, len, piece, room);
    CHECK(whole.event == cut.event && whole.used == cut.used);
    CHECK(whole.out_bytes == cut.out_bytes && !memcmp(whole.out, cut.out, cut.out_bytes));
    free(whole.out);
    free(cut.out);
    struct websocket w = { 0 };
    struct str text = { (const char *)bytes, len };
    uint64_t message_bytes = 0;
    while (text.len > 0 && websocket_read(&w, &text, &message_bytes) < WEBSOCKET_OVER)
        CHECK(message_bytes <= len);
    return 0;
}
