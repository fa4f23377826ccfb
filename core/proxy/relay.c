/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/relay.h"

#include "core/proxy/h1_in.h"
#include "core/ring/loop.h"
#include "tls/transport.h"

/* Below it a pipe costs more than a copy. */
#define PIECE_BYTES_MIN 4096

/* So many small pieces in a row end splicing. */
#define SMALL_PIECES_MAX 4

void relay_configure(struct loop *l, const struct relay_config *rules)
{
    l->pipes.how = rules->strategy == RELAY_RING_SPLICE ? SPLICE_BY_RING : SPLICE_BY_CALL;
    l->pipes.pipe_bytes = (uint32_t)rules->pipe_bytes;
}

void relay_habit_note(struct relay_habit *h, const struct relay_config *rules, uint32_t bytes,
                      uint32_t most)
{
    if (rules->strategy == RELAY_COPY) {
        *h = (struct relay_habit){ .full = bytes == most };
        return;
    }
    h->full = bytes == most;
    h->small = bytes < PIECE_BYTES_MIN ? h->small + 1 : 0;
    h->bulk_bytes = bytes == most ? h->bulk_bytes + bytes : 0;
    if (h->small >= SMALL_PIECES_MAX) {
        *h = (struct relay_habit){ .trickles = true, .full = h->full };
    } else if (rules->strategy == RELAY_SPLICE || h->bulk_bytes >= rules->splice_bytes) {
        h->splices = true;
        h->trickles = false;
        h->bulk_bytes = 0;
    }
}

static bool is_worth_it(const struct h1_in *in, const struct relay_habit *h,
                        const struct relay_config *rules)
{
    uint64_t run = in_run(in);
    if (rules->strategy == RELAY_SPLICE)
        return run > 0;
    return in->kind == BODY_CLOSE ? h->splices : run >= rules->splice_bytes && !h->trickles;
}

bool relay_read(struct transport *t, const struct h1_in *in, const struct relay_habit *h,
                const struct relay_config *rules)
{
    const struct body_sink *sink = in->m.sink;
    if (rules->strategy == RELAY_COPY || !sink || !sink->pipes || !transport_can_splice(t) ||
        !is_worth_it(in, h, rules) || !sink->pipes->possible(sink)) {
        if (h->full && sink && (sink->pipes || sink->bulk))
            transport_read_large(t);
        else
            transport_read(t);
        return true;
    }
    if (sink->room == 0)
        return false;
    uint64_t run = in_run(in);
    transport_read_pipe(t, run < SPLICE_BYTES_MAX ? (uint32_t)run : SPLICE_BYTES_MAX);
    return true;
}
