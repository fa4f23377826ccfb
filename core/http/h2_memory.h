/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The memory of an HTTP/2 codec (nghttp2). Half of what an idle connection would hold is a table of
 * streams without any and a buffer for frames that were sent: these two lie in pages of their own,
 * which the kernel gets back while the connection rests. */
#ifndef SLUICE_HTTP_H2_MEMORY_H
#define SLUICE_HTTP_H2_MEMORY_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct h2_memory {
    nghttp2_mem hooks; /* for nghttp2_session_*_new3(); point to this struct */
    uint8_t *pages;    /* one for the table, then those for frames; NULL: all is malloc()'s */
    bool table_lent, frames_lent;
};

/* m stays where it is. Without memory for the pages it goes without them. */
void h2_memory_init(struct h2_memory *m);

/* All was given back. */
void h2_memory_destroy(struct h2_memory *m);

/* Nothing is being sent and there is no stream: the pages hold nothing that is needed. */
void h2_memory_rest(struct h2_memory *m);

#endif
