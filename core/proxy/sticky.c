/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/sticky.h"

struct siphash sticky_tag(const struct sticky_config *c, const char *backend, const char *server)
{
    static const uint64_t none[2];
    struct siphash key = siphash_bytes(c->secret.ptr, c->secret.len, none);
    struct siphash of_backend =
        siphash_bytes(backend, strlen(backend), (uint64_t[2]){ key.lo, key.hi });
    return siphash_bytes(server, strlen(server), (uint64_t[2]){ of_backend.lo, of_backend.hi });
}

void sticky_write(const struct siphash *tag, char out[STICKY_VALUE_CHARS])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < 16; i++) {
        out[i] = digits[tag->lo >> 4 * i & 15];
        out[16 + i] = digits[tag->hi >> 4 * i & 15];
    }
}

bool sticky_read(struct str value, struct siphash *tag)
{
    uint64_t halves[2] = { 0 };
    if (value.len != STICKY_VALUE_CHARS)
        return false;
    for (unsigned i = 0; i < STICKY_VALUE_CHARS; i++) {
        char c = value.ptr[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                                : 16;
        if (digit > 15)
            return false;
        halves[i / 16] |= (uint64_t)digit << 4 * (i % 16);
    }
    *tag = (struct siphash){ .lo = halves[0], .hi = halves[1] };
    return true;
}
