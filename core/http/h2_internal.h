/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What h2.c and h2_stream.c share. */
#ifndef SLUICE_HTTP_H2_INTERNAL_H
#define SLUICE_HTTP_H2_INTERNAL_H

#include "core/http/h2.h"

/* Room for a frame that is copied, so that many leave in one buffer. */
#define H2_FRAME_ROOM_BYTES 512

void h2_attach(struct h2 *h, struct h2_stream *st, int32_t id);
void h2_detach(struct h2_stream *st);

int h2_on_send_data(nghttp2_session *s, nghttp2_frame *frame, const uint8_t *head, size_t length,
                    nghttp2_data_source *source, void *user);

#endif
