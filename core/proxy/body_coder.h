/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A sink and a source of a body (body.h) with a change of its content coding in between.
 *
 * What came leaves without waiting for more: when nothing came for a turn of the loop, what the
 * coder still holds is flushed. The coders of a worker share a part of each turn: what they do not
 * get done in it waits for the next, in the order in which they came. */
#ifndef SLUICE_PROXY_BODY_CODER_H
#define SLUICE_PROXY_BODY_CODER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/end_reason.h"
#include "core/base/list.h"
#include "core/http/coder.h"
#include "core/proxy/body.h"
#include "core/ring/loop.h"

struct body_coder;
struct worker;

/* A worker's part in it. */
struct coders {
    struct coder_pool pool;
    struct list waiting; /* struct body_coder */
    struct task task;
    uint64_t turn; /* of the loop, to which spent_ns belongs */
    uint64_t spent_ns;
};

struct body_coder_user {
    /* The body is not what it says, or there is no memory: it takes and gives nothing more. Called
     * from the loop, or from resume(). */
    void (*failed)(struct body_coder *c);
    /* Around what is done from the loop: it stays in between. */
    void (*hold)(struct body_coder *c);
    void (*release)(struct body_coder *c);
};

#define BODY_CODER_SLICES 8

enum body_coder_state {
    CODER_OPEN,   /* takes bytes */
    CODER_ENDED,  /* all came; not all was given */
    CODER_DONE,   /* the end was given */
    CODER_FAILED, /* failed() is due, or was called */
    CODER_CLEARED /* holds nothing */
};

struct body_coder {
    struct body_sink sink;     /* where it is filled */
    struct body_source source; /* of what comes out */
    struct body_source *from;  /* resumed when there is room again; NULL: gone */
    struct body_sink *to;
    struct worker *w;
    struct arena *arena; /* of trailers */
    const struct body_coder_user *user;
    struct coder coder;
    struct list node; /* of those that wait for the loop's next turn */
    struct buf_slice in[BODY_CODER_SLICES];
    uint32_t in_count, in_bytes;
    uint32_t since_flush;             /* bytes taken */
    uint32_t since_look;              /* ... since a flush was last thought of */
    struct buf *out;                  /* being filled; NULL: none */
    uint32_t out_bytes;               /* in it */
    const struct http_head *trailers; /* NULL: none */
    uint8_t state;                    /* enum body_coder_state */
    uint8_t why;                      /* CODER_FAILED: enum end_reason */
    bool flushing;                    /* a flush has begun and is not done */
    bool urgent; /* what is in `out` leaves after it, though there is more room */
};

void coders_init(struct coders *s, size_t memory_bytes);
void coders_destroy(struct coders *s);

/* c->coder is begun by the caller, as from and to are set, before anything comes. */
void body_coder_init(struct body_coder *c, struct worker *w, struct arena *arena,
                     const struct body_coder_user *user);

/* Its user wants no more of it: failed() follows, from the loop. */
void body_coder_fail(struct body_coder *c, enum end_reason why);

/* Lets go of all it holds; c may be NULL. */
void body_coder_clear(struct body_coder *c);

#endif
