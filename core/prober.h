/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks servers how they are, for all workers, on the control thread's loop: each server on its own
 * time, a new connection for each check. What comes out is published in the registry. */
#ifndef SLUICE_PROBER_H
#define SLUICE_PROBER_H

#include "balance/health.h"
#include "core/proxy/registry.h"
#include "core/ring/loop.h"
#include "tls/tls.h"

struct prober {
    struct loop *loop;
    struct tls_worker tls;
    struct list probes;
    uint32_t count;     /* probes whose memory is there */
    uint32_t marked_as; /* of those that the last prober_begin() .. prober_end() wanted */
    void (*on_none)(void *arg);
    void *arg; /* of on_none */
};

void prober_init(struct prober *p, struct loop *l);

/* Between the two, prober_want() says which servers are to be checked and how. Those that were
 * checked already keep their state; those that are not wanted any more are left alone, and count as
 * healthy. */
void prober_begin(struct prober *p);
/* tls: a context for bc->tls; NULL without. Without memory the server is not checked. */
void prober_want(struct prober *p, struct shared_server *s, const struct backend_config *bc,
                 struct tls_context *tls);
void prober_end(struct prober *p);

/* Ends all; on_none is called when the last is gone, perhaps at once. */
void prober_stop(struct prober *p, void (*on_none)(void *arg), void *arg);
void prober_destroy(struct prober *p);

#endif
