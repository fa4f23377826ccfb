/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_PROXY_LOG_H
#define SLUICE_PROXY_LOG_H

struct exchange;
struct http_head;

/* Counts an ended exchange and puts its record into the worker's log port, if its log wants it. */
void log_exchange(struct exchange *ex);

/* The server's final head: keeps what the log wants of it. */
void log_capture_response(struct exchange *ex, const struct http_head *h);

#endif
