/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A message that leaves by a stream of HTTP/2, request or response: how much of its body is taken,
 * and how it ends. */
#ifndef SLUICE_PROXY_H2_OUT_H
#define SLUICE_PROXY_H2_OUT_H

#include <stdbool.h>

#include "core/http/h2.h"
#include "core/proxy/message.h"

/* What the sink takes now: what one stalled stream may hold is a buffer, and more only as the peer
 * lets it go. open: the message has a body. */
void h2_out_update_room(struct message_out *m, const struct h2_stream *st, bool open);

/* The end of its body. Of the trailers (NULL: none) those that may be passed on go with it, as
 * lines in the stream's arena; without memory none. */
void h2_out_end(struct h2_stream *st, const struct http_head *trailers);

#endif
