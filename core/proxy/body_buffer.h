/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A bounded queue of body bytes between a source and a sink: the source runs ahead of the sink by
 * so many bytes. What was taken can be kept, to be given again.
 *
 * It holds the worker's buffers, and all of a worker's queues together hold at most half of them:
 * beyond, each takes one piece at a time, as without. */
#ifndef SLUICE_PROXY_BODY_BUFFER_H
#define SLUICE_PROXY_BODY_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/proxy/body.h"

struct worker;

struct body_piece {
    struct body_piece *next;
    struct buf_slice data;
    bool ours; /* nobody else writes or reads that buffer: small pieces are added behind */
};

struct body_buffer {
    struct body_sink sink;     /* where it is filled */
    struct body_source source; /* of what comes out */
    struct body_source *from;  /* resumed when there is room again; NULL: gone */
    struct body_sink *to;      /* NULL: nobody takes */
    struct worker *w;
    struct arena *arena;                  /* of trailers */
    struct body_piece *first, *last, *at; /* at: the next to be given; NULL: none is left */
    struct body_piece *spare;             /* for the next piece, while there is room; or NULL */
    struct body_piece own;                /* so that an empty buffer takes a piece without memory */
    bool own_used;
    const struct http_head *trailers; /* NULL: none */
    uint64_t bytes, bytes_max;        /* held */
    bool keep;                        /* what was given stays */
    bool given;                       /* it cannot be given from the beginning any more */
    bool ended, end_given;
    bool closed; /* it takes nothing more */
};

/* NULL without memory of the arena. */
struct body_buffer *body_buffer_create(struct worker *w, struct arena *arena, uint64_t bytes_max);

/* Bytes that came before their sink could take them: *b (NULL: made now) gets them. False without
 * memory, or if it takes nothing more: they stay the caller's. */
bool body_buffer_keep_early(struct body_buffer **b, struct worker *w, struct arena *arena,
                            struct buf_slice data);

/* Lets go of all it holds; it takes and gives nothing more. b may be NULL. */
void body_buffer_clear(struct body_buffer *b);

/* From now on, or from the beginning again if everything was kept, it gives to this sink (NULL:
 * nobody). */
void body_buffer_give_to(struct body_buffer *b, struct body_sink *to);

/* Nobody will want it again. */
void body_buffer_forget(struct body_buffer *b);

/* Gives what the sink has room for; the caller flushes that. */
void body_buffer_drain(struct body_buffer *b);

#endif
