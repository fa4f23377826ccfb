/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of h2_slot.h share; nobody else includes it. */
#ifndef SLUICE_PROXY_H2_SLOT_INTERNAL_H
#define SLUICE_PROXY_H2_SLOT_INTERNAL_H

#include "core/proxy/h2_slot.h"
#include "core/proxy/h2_upstream.h"

static inline struct h2_slot *h2_slot_of_stream(struct h2_stream *st)
{
    return container_of(st, struct h2_slot, stream);
}

static inline uint64_t h2_slot_now(const struct h2_slot *slot)
{
    return h2_upstream_now(slot->hu);
}

/* --- h2_slot.c --- */

/* h2_slot_pump() comes with the end of this delivery. */
void h2_slot_touch(struct h2_slot *slot);
/* After something changed that a deadline depends on. */
void h2_slot_arm(struct h2_slot *slot);
/* Ends the attempt of a slot that has a stream, or is to get one: as fits what was passed on. */
void h2_slot_end_badly(struct h2_slot *slot, enum end_reason why, bool untouched);
/* All of the response was passed on: ends the attempt. */
void h2_slot_received(struct h2_slot *slot);

/* --- h2_slot_response.c --- */

extern const struct body_source_ops h2_slot_source_ops;

#endif
