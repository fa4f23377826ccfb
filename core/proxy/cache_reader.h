/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An exchange that is answered from the cache: from what is stored, or from what is being fetched,
 * as it comes. */
#ifndef SLUICE_PROXY_CACHE_READER_H
#define SLUICE_PROXY_CACHE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/cache_status.h"
#include "core/base/list.h"
#include "core/cache/cache.h"
#include "core/http/condition.h"
#include "core/proxy/body.h"

struct cache_port;
struct exchange;
struct fetch;

struct cache_reader {
    struct exchange *ex;
    struct cache_port *port;
    struct cache_object *o;     /* one reference */
    struct cache_object *body;  /* whose body is read: o, or (one reference) a variant of it; NULL:
                                   the head has not come */
    struct cache_object *stale; /* to be used if the fetch fails; one reference; NULL: none */
    struct fetch *fetch;        /* that this exchange asked for, while it runs; NULL: none */
    struct list node;           /* of the port's followers, while the object is being filled */
    struct cache_cursor cursor;
    struct body_source source;
    struct body_sink *to;      /* NULL: the head has not been answered, or the end was given */
    uint64_t skip, left;       /* bytes of the body before and of what is to be sent; left may be
                                  CACHE_LENGTH_UNKNOWN */
    struct byte_range *ranges; /* of a multipart answer, the next first; NULL: it is none */
    uint32_t ranges_count;
    struct str content_type; /* of its parts */
    struct str lines;        /* that the answer's head gets in addition */
    bool owner;              /* it is this exchange that the fetch was begun for */
    bool failed;             /* no memory */
    bool following;
    bool begun;        /* the cursor is in use */
    bool served;       /* the first bytes of the body were given, in a crowd */
    bool length_known; /* that of `body`, or it will be, is what is sent */
};

/* Answers from o, of which it takes over a reference: at once, or when its head comes. stale: see
 * above, the reference is taken over as well. Gives the reader, which the exchange has until it is
 * gone; NULL: no memory, nothing is taken over. */
struct cache_reader *cache_reader_create(struct exchange *ex, struct cache_object *o,
                                         struct cache_object *stale);
void cache_reader_begin(struct cache_reader *r);

/* What a port's followers can have now. */
void cache_readers_go_on(struct cache_port *p);

/* No final head was queued: the exchange goes on without what it waited for. EX_HEAD from now on,
 * and the reader is gone. */
void cache_reader_leave(struct cache_reader *r);

/* The exchange has ended: nothing more is read. */
void cache_reader_end(struct cache_reader *r);

/* Its memory goes, and what was sent from goes with it. */
void cache_reader_release(struct cache_reader *r);

#endif
