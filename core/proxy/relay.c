/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/relay.h"

#include "core/ring/loop.h"

/* Below it a pipe costs more than a copy. */
#define PIECE_BYTES_MIN 4096

/* So many small pieces in a row end splicing. */
#define SMALL_PIECES_MAX 4

void relay_habit_note(struct relay_habit *h, const struct relay_config *rules, uint32_t bytes,
                      uint32_t most)
{
    if (rules->strategy == RELAY_COPY) {
        h->splices = false;
        return;
    }
    if (h->splices) {
        h->small = bytes < PIECE_BYTES_MIN ? h->small + 1 : 0;
        if (h->small >= SMALL_PIECES_MAX)
            *h = (struct relay_habit){ 0 };
        return;
    }
    h->bulk_bytes = bytes == most ? h->bulk_bytes + bytes : 0;
    h->splices = rules->strategy == RELAY_SPLICE || h->bulk_bytes >= rules->splice_bytes;
}

void relay_configure(struct loop *l, const struct relay_config *rules)
{
    l->pipes.how = rules->strategy == RELAY_RING_SPLICE ? SPLICE_BY_RING : SPLICE_BY_CALL;
    l->pipes.pipe_bytes = (uint32_t)rules->pipe_bytes;
}
