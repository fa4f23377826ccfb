/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams that a client has had: nghttp2 keeps no memory of them here, and would take no notice of
 * what comes on one (RFC 9113 5.1, 5.1.1). On the server's side only. */
#ifndef SLUICE_HTTP_H2_CLOSED_H
#define SLUICE_HTTP_H2_CLOSED_H

#include <stdbool.h>
#include <stdint.h>

struct h2;

/* Frames may still come on streams that we reset: so many of them are known. */
#define H2_RESETS_KEPT 16

struct h2_closed {
    int32_t last_id;                   /* the highest that was opened */
    uint32_t opened_count;             /* so many were; those between were passed over */
    int32_t was_reset[H2_RESETS_KEPT]; /* by us: a ring */
    uint32_t resets_count;
    uint32_t frame_left_bytes; /* of the frame, or the preface, that is being received */
    uint8_t head_bytes;        /* of a frame's head: those received so far */
    uint8_t head[9];
};

/* HEADERS begin on that stream. False: h->error says why they may not. */
bool h2_check_head(struct h2 *h, int32_t id);

/* Goes through what is about to be received, up to and with the last byte of the next head of DATA:
 * on *data_on, to be checked when all before that byte was received; 0: there is none in these
 * bytes. Gives how far it went. */
uint32_t h2_scan(struct h2 *h, const uint8_t *p, uint32_t bytes, int32_t *data_on);

/* DATA begins on that stream. False: as above. */
bool h2_check_data(struct h2 *h, int32_t id);

void h2_note_reset(struct h2 *h, int32_t id);

#endif
