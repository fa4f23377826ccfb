/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes of a message as scripted, growing; and what bodies consist of. */
#ifndef SLUICE_SIM_WIRE_H
#define SLUICE_SIM_WIRE_H

#include <stdint.h>

#include "core/base/str.h"
#include "tests/sim/sim.h"

struct wire {
    struct sim *sim;
    uint8_t *bytes;
    uint32_t len, cap;
};

/* A body's byte tells whose it is and where it stands. */
enum body_of { BODY_OF_REQUEST = 1, BODY_OF_ANSWER = 2 };

static inline uint8_t body_byte(uint32_t id, enum body_of of, uint64_t offset)
{
    uint32_t x = (id * 4 + (uint32_t)of) * 0x9e3779b1U ^ (uint32_t)offset * 0x85ebca6bU;
    x ^= x >> 15;
    x *= 0x2c1b3c6dU;
    return (uint8_t)(x >> 13);
}

void wire_mem(struct wire *w, const void *bytes, uint32_t n);
void wire_str(struct wire *w, const char *text);
__attribute__((format(printf, 2, 3))) void wire_format(struct wire *w, const char *format, ...);

/* n bytes of a body from an offset on. */
void wire_body(struct wire *w, uint32_t id, enum body_of of, uint32_t offset, uint32_t n);

/* A whole body in chunks of random sizes, some with extensions, its last chunk, and a trailer
 * section that tells the id if wanted. */
void wire_chunked(struct wire *w, uint32_t id, enum body_of of, uint32_t n, bool trailers);

#endif
