/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A fetch for the cache: an exchange with a server on behalf of nobody in particular, which
 * outlives the client that asked first. It goes the way of every exchange (balancing, attempts,
 * deadlines); its answer goes into a cache_maker instead of to a client. */
#ifndef SLUICE_PROXY_FETCH_H
#define SLUICE_PROXY_FETCH_H

#include "core/cache/cache.h"
#include "core/proxy/attempt.h"
#include "core/proxy/client.h"
#include "core/proxy/exchange.h"

struct cache_port;
struct cache_reader;

struct fetch {
    struct cache_port *port;
    struct list node;
    struct client client;        /* stands in for the one who asked: what is known of its peer */
    struct exchange *ex;         /* the fetch's own */
    struct exchange *asked;      /* the one who asked: its memory holds the request */
    struct cache_maker maker;    /* o == NULL: it has ended */
    struct cache_object *stale;  /* to be validated; one reference; NULL: none */
    struct cache_reader *reader; /* of the one who asked; NULL: it is gone, or never waited */
    struct body_sink sink;
    struct body_source *source; /* NULL: gone */
    uint64_t requested_s;
    uint8_t form; /* enum object_form: how it is stored */
    uint8_t coding;
    bool passing;  /* it is not stored */
    bool received; /* all came, which its coder is yet to give */
    bool given;    /* its coder gave all */
    bool ended;    /* its memory goes with the end of this turn */
};

/* Begins the fetch of what the exchange asks for, into m. stale: what there is already, to be
 * validated (takes over a reference), or NULL. reader: that will follow it, or NULL. Without memory
 * the maker has ended: its readers see that. */
void fetch_begin(struct exchange *asked, struct cache_maker *m, struct cache_object *stale,
                 struct cache_reader *reader);

/* Its reader has read more, or is gone. */
void fetch_go_on(struct fetch *f);
void fetch_reader_gone(struct fetch *f);

/* Those of the port whose answers are not stored: their readers, on whatever worker, may have read
 * more, or be gone. */
void fetches_go_on(struct cache_port *p);

/* The worker stops. */
void fetch_abandon(struct fetch *f);

/* Frees those of the port that have ended. */
void fetches_sweep(struct cache_port *p);

/* What exchange.c and request.c call for an exchange with ex->fetch. */
void fetch_failed(struct exchange *ex, enum end_reason why);
bool fetch_edit_request(struct exchange *ex, struct forward_request *r, struct out *o);
void fetch_free(struct fetch *f);

void fetch_ops_init(struct attempt_ops *ops);

#endif
