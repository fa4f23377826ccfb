/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the bytes of bodies and tunnels go from one connection to the other (DESIGN 6):
 *  - copy: received into a buffer (bulk: a large one), sent from that buffer; small things, TLS,
 *    anything looked at;
 *  - splice: through a pipe of the worker's pool, past user space, by splice(2) or by the ring's
 *    own operation (core/ring/splice.h). Both sides must be sockets without TLS.
 * Which way is decided for each receive: by the bytes that are known to come, and by what has come
 * so far. */
#ifndef SLUICE_PROXY_RELAY_H
#define SLUICE_PROXY_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config/config.h"

struct h1_in;
struct loop;
struct transport;

/* From now on the loop splices as these rules say. */
void relay_configure(struct loop *l, const struct relay_config *rules);

/* What a direction has been like lately. */
struct relay_habit {
    uint32_t bulk_bytes; /* that came in whole buffers, one after the other */
    uint8_t small;       /* pieces in a row that were not worth a pipe */
    bool full;           /* the last piece was all that could come at once */
    bool splices;        /* it proved to be bulky */
    bool trickles;       /* ... or not to be, whatever is still to come */
};

/* A piece came, which could have been `most` bytes long. */
void relay_habit_note(struct relay_habit *h, const struct relay_config *rules, uint32_t bytes,
                      uint32_t most);

/* Asks t for more of the body that is read from it, in the way that fits. False: nothing is asked
 * for until the sink has room, as it goes on through pipes. */
bool relay_read(struct transport *t, const struct h1_in *in, const struct relay_habit *h,
                const struct relay_config *rules);

#endif
