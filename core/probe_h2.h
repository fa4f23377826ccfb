/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request by HTTP/2 on the connection of a check, for the kinds of checks that speak it. */
#ifndef SLUICE_PROBE_H2_H
#define SLUICE_PROBE_H2_H

#include "core/http/head.h"
#include "core/probe.h"

/* What comes of it. Each may end the check (probe_result()); nothing more is called then. */
struct probe_h2_ops {
    /* The final head. */
    void (*head)(struct probe *p, const struct http_head *h);
    /* More of the body is there: all of it so far, but no more than there is room for; full: there
     * was more. */
    void (*body)(struct probe *p, struct str so_far, bool full);
    /* The answer is complete: has to end the check. last: the trailers, or the head if nothing
     * followed it; NULL: a body without trailers was the last. */
    void (*end)(struct probe *p, struct str body, const struct http_head *last);
};

/* Of struct probe_ops: begin() of a kind calls the first, the others are these.
 * head: lines (core/http/h2.h), allocated by the caller, taken over; NULL: there was no memory.
 * body: of the request, copied, at most PROBE_H2_BODY_BYTES_MAX; empty: none. */
#define PROBE_H2_BODY_BYTES_MAX 128
void probe_h2_begin(struct probe *p, const struct probe_h2_ops *ops, char *head, struct str body);
void probe_h2_data(struct probe *p, struct buf_slice data);
void probe_h2_end(struct probe *p, int err);
void probe_h2_sent(struct probe *p);
void probe_h2_drop(struct probe *p);

#endif
