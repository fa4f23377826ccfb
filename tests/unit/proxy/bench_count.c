/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What counting costs: nanoseconds for each exchange, and for each turn of a loop. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/check.h"
#include "core/proxy/count.h"
#include "core/proxy/exchange.h"
#include "core/proxy/plan.h"
#include "core/proxy/worker.h"

#define ROUNDS 5000000

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(void)
{
    static struct counters counters;
    static struct worker w;
    static struct exchange ex;
    struct loop loop = { .now_ns = 10000000 };
    struct config *c = config_new_proxy();
    CHECK(c);
    c->backends[0].servers = config_alloc(c, sizeof *c->backends[0].servers);
    c->backends[0].servers[0] =
        (struct server_config){ .name = "10.0.0.1:80", .host = "", .weight = 1 };
    c->backends[0].servers_count = 1;
    struct registry *r = registry_create();
    struct plan *p = r ? plan_create(c, r, 0, NULL, NULL) : NULL;
    struct plan_use *u = p ? plan_use_create(p, 0) : NULL;
    CHECK(u);
    w.loop = &loop;
    w.counters = &counters;
    ex.w = &w;
    ex.use = u;
    ex.site = &c->sites[0];
    ex.backend = &u->backends[0];
    struct server server = { 0 };
    server.counters = &shared_server_cell(p->lists[0]->shared[0], 0)->counters;
    ex.server = &server;
    ex.tries = 1;
    ex.status = ex.server_status = 200;
    ex.start_ns = ex.sent_ns = 8000000;
    double start = now_ns();
    for (unsigned i = 0; i < ROUNDS; i++) {
        ex.attempt.first_byte_ns = 8000000 + (i * UINT64_C(2654435761)) % 2000000;
        ex.attempt.request_taken_ns = 8000000 + i % 100000;
        ex.answer_ns = ex.attempt.first_byte_ns;
        count_exchange(&ex);
    }
    printf("exchange: %.1f ns\n", (now_ns() - start) / ROUNDS);
    start = now_ns();
    for (unsigned i = 0; i < ROUNDS; i++)
        histogram_add(&counters.turns, (uint64_t)(now_ns() - start) % 1000);
    printf("turn (a clock, a histogram): %.1f ns\n", (now_ns() - start) / ROUNDS);
    plan_use_unref(u);
    plan_unuse(p);
    registry_destroy(r);
    return 0;
}
