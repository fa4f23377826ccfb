/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/fleet_servers.h"

#include <stdlib.h>

#include "core/base/check.h"

/* For one worker; it frees it. */
struct change {
    struct msg msg;
    struct change *next;
    struct worker_thread *to;
    const struct plan *plan;
    uint32_t backend;
    struct server_list *list; /* a reference */
    struct balancer *balancer;
};

static void free_change(struct change *c)
{
    balancer_destroy(c->balancer);
    server_list_unref(c->list);
    free(c);
}

static void run_change(struct msg *m, struct loop *at)
{
    (void)at;
    struct change *c = container_of(m, struct change, msg);
    struct worker *w = &c->to->worker;
    if (w->use && w->use->plan == c->plan) {
        backend_change(&w->use->backends[c->backend], w, c->list, c->balancer);
        free(c);
    } else {
        free_change(c); /* it is leaving */
    }
}

static struct change *make_change(struct worker_thread *t, const struct plan *p, uint32_t backend,
                                  struct server_list *list)
{
    struct change *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    *c = (struct change){
        .msg = { .run = run_change }, .to = t, .plan = p, .backend = backend, .list = list
    };
    server_list_ref(list);
    c->balancer = backend_make_balancer(&p->config->backends[backend], list, t->index);
    if (c->balancer)
        return c;
    free_change(c);
    return NULL;
}

bool fleet_change_servers(struct fleet *f, uint32_t backend, const struct server_config *servers,
                          uint32_t count)
{
    struct plan *p = f->plan;
    if (f->state != FLEET_STEADY || f->stopping || !p)
        return false;
    CHECK(backend < p->config->backends_count);
    struct server_list *old = p->lists[backend];
    struct server_list *list =
        server_list_create(p->registry, &p->config->backends[backend], servers, count,
                           old->set->version + 1, f->loop->now_ns);
    struct change *all = NULL;
    bool made = list != NULL;
    for (uint32_t i = 0; made && i < WORKERS_MAX; i++) {
        struct worker_thread *t = f->threads[i];
        if (!t || t->state != THREAD_UP)
            continue;
        struct change *c = make_change(t, p, backend, list);
        made = c != NULL;
        if (made) {
            c->next = all;
            all = c;
        }
    }
    for (struct change *c = all, *next; c; c = next) {
        next = c->next;
        if (made)
            loop_post(c->to->loop, &c->msg);
        else
            free_change(c);
    }
    if (!made) {
        server_list_unref(list);
        return false;
    }
    server_list_unref(old);
    p->lists[backend] = list;
    return true;
}
