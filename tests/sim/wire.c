/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/wire.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/check.h"

static uint8_t *room(struct wire *w, uint32_t n)
{
    if (w->len + n > w->cap) {
        uint32_t cap = w->cap ? w->cap : 512;
        while (cap < w->len + n)
            cap *= 2;
        uint8_t *bytes = sim_alloc(w->sim, cap);
        if (w->len)
            memcpy(bytes, w->bytes, w->len);
        w->bytes = bytes;
        w->cap = cap;
    }
    w->len += n;
    return w->bytes + w->len - n;
}

void wire_mem(struct wire *w, const void *bytes, uint32_t n)
{
    if (n)
        memcpy(room(w, n), bytes, n);
}

void wire_str(struct wire *w, const char *text)
{
    wire_mem(w, text, (uint32_t)strlen(text));
}

void wire_format(struct wire *w, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(n >= 0 && (size_t)n < sizeof text);
    wire_mem(w, text, (uint32_t)n);
}

void wire_body(struct wire *w, uint32_t id, enum body_of of, uint32_t offset, uint32_t n)
{
    uint8_t *at = room(w, n);
    for (uint32_t i = 0; i < n; i++)
        at[i] = body_byte(id, of, offset + i);
}

void wire_chunked(struct wire *w, uint32_t id, enum body_of of, uint32_t n, bool trailers)
{
    struct sim *s = w->sim;
    static const char *const extensions[] = { ";a", ";a=b", ";a=\"q;\\\"\"", " ; a = b" };
    uint32_t usual = 1 + sim_below(s, sim_chance(s, 500) ? 64 : 20000);
    for (uint32_t offset = 0; offset < n;) {
        uint32_t size = 1 + sim_below(s, usual);
        if (size > n - offset)
            size = n - offset;
        wire_format(w, sim_chance(s, 500) ? "%x" : "%04X", size);
        if (n < 4000 && sim_chance(s, 30))
            wire_str(w, extensions[sim_below(s, 4)]);
        wire_str(w, "\r\n");
        wire_body(w, id, of, offset, size);
        wire_str(w, "\r\n");
        offset += size;
    }
    wire_str(w, "0\r\n");
    if (trailers)
        wire_format(w, "X-Trailer: %u\r\n", id);
    wire_str(w, "\r\n");
}
