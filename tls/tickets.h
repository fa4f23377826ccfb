/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Session tickets without a store: whoever knows the secret can resume a session, so that all
 * workers can, and with a common key file a fleet.
 *
 * Keys follow from the secret and the hour: every worker derives the same ones by itself, and
 * nothing is handed around. A secret of our own making is a ratchet: each period's secret is the
 * hash of the last, which is forgotten, so that what a worker knows today opens no ticket older
 * than TICKET_LIFETIME_S. The secret of a file stays what the file holds. */
#ifndef SLUICE_TLS_TICKETS_H
#define SLUICE_TLS_TICKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

#define TICKET_PERIOD_S (6 * 3600)
#define TICKET_LIFETIME_S (2 * TICKET_PERIOD_S) /* at most; at least one period */
#define TICKET_SECRET_BYTES 32
#define TICKET_NAME_BYTES 16
#define TICKET_IV_BYTES 16
#define TICKET_MAC_BYTES 32

/* What all workers start from. */
struct ticket_secret {
    uint8_t bytes[TICKET_SECRET_BYTES];
    uint64_t period; /* it is this period's; 0: every period's (from a file) */
};

void ticket_secret_random(struct ticket_secret *s, uint64_t now_s);

/* From the contents of a key file: at least TICKET_SECRET_BYTES of randomness. */
bool ticket_secret_from(struct ticket_secret *s, struct str file);

struct ticket_key; /* with a cipher set up */

/* One worker's keys: those of this period, which seal, and of the last, which open too. */
struct ticket_ring {
    struct ticket_secret secret; /* of the current period */
    struct ticket_key *keys[2];  /* this period's, the last one's */
    uint64_t period;             /* of keys[0]; 0: none yet */
};

/* False without memory. */
bool ticket_ring_init(struct ticket_ring *r, const struct ticket_secret *s);
void ticket_ring_destroy(struct ticket_ring *r);

/* Seals bytes in place. `scope` says for whom: a ticket opens only in the scope it was made in. */
bool ticket_seal(struct ticket_ring *r, uint64_t now_s, struct str scope,
                 uint8_t name[TICKET_NAME_BYTES], uint8_t iv[TICKET_IV_BYTES],
                 uint8_t mac[TICKET_MAC_BYTES], uint8_t *bytes, uint32_t len);

enum ticket_opened { TICKET_REFUSED, TICKET_OPENED, TICKET_OPENED_OLD /* make a new one */ };

enum ticket_opened ticket_open(struct ticket_ring *r, uint64_t now_s, struct str scope,
                               const uint8_t name[TICKET_NAME_BYTES],
                               const uint8_t iv[TICKET_IV_BYTES],
                               const uint8_t mac[TICKET_MAC_BYTES], uint8_t *bytes, uint32_t len);

#endif
