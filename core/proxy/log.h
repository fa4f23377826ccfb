/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_PROXY_LOG_H
#define SLUICE_PROXY_LOG_H

#include "core/base/end_reason.h"

struct exchange;
struct http_head;
struct intake;
struct tunnel;

/* Counts an ended exchange and puts its record into the worker's log port, if its log wants it. */
void log_exchange(struct exchange *ex);

/* A tunnel opened (END_TUNNEL_OPENED; after an upgrade its exchange says so) or ended, or could not
 * be made. */
void log_tunnel(const struct tunnel *t, enum end_reason why);

/* A connection that never got past its PROXY header, by in->reason. */
void log_intake(const struct intake *in);

/* The server's final head: keeps what the log wants of it. */
void log_capture_response(struct exchange *ex, const struct http_head *h);

#endif
