/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/listener.h"

#include <stdlib.h>

#include "core/base/check.h"
#include "core/config/networks.h"
#include "core/proxy/client.h"
#include "core/proxy/intake.h"
#include "core/proxy/plan.h"
#include "core/proxy/tcp.h"
#include "core/proxy/worker.h"
#include "core/ring/sock.h"

/* Descriptors come back within such a time when clients go. */
#define RETRY_MS 50

/* Under a flood the queue may never be found empty. */
#define CLOSINGS_MAX 64

static void finish_close(struct listener *l)
{
    struct worker *w = l->w;
    timer_remove(&w->loop->timers, &l->retry);
    worker_listener_gone(w, l);
    listener_unref(l);
}

void listener_unref(struct listener *l)
{
    CHECK(l->refs > 0);
    if (--l->refs)
        return;
    plan_use_unref(l->use);
    free(l);
}

void listener_assign(struct listener *l, struct plan_use *use, const struct bind_config *bind)
{
    plan_use_ref(use);
    plan_use_unref(l->use);
    l->use = use;
    l->bind = bind;
    l->site = bind->listener->site;
    l->counters = &use->counters->listeners[bind->listener - use->plan->config->listeners];
}

void listener_count_error(struct listener *l)
{
    counter_add(&l->w->counters->accept_errors, 1);
    counter_add(&l->counters->accept_errors, 1);
}

static void start(struct listener *l)
{
    l->state = LISTENER_ACCEPTING;
    op_accept(l->w->loop, &l->accept, l->fd);
}

void listener_take(struct listener *l, int fd, const struct peer_addr *peer)
{
    const struct backend_config *tcp = l->bind->listener->tcp;
    if (tcp)
        tcp_begin(l, fd, peer, plan_backend(l->use, tcp), (struct buf_slice){ 0 }, true);
    else
        client_accept(l, fd, peer);
}

static void accepted(struct listener *l, int fd)
{
    const struct networks *proxies = &l->bind->listener->proxy_protocol;
    struct addr a;
    if (sock_peer(fd, &a) != 0)
        a = (struct addr){ 0 };
    struct peer_addr peer = peer_addr_of(&a);
    if (proxies->items_count && networks_has(proxies, &peer))
        intake_begin(l, fd, &peer);
    else
        listener_take(l, fd, &peer);
}

/* Who is queued would be reset with the socket. And where others accept on it too: a connection
 * wakes one of those who wait, and if that was the accept that is being cancelled, the others sleep
 * on. */
static void close_when_empty(struct listener *l)
{
    bool again = l->w->state < WORKER_STOPPING && !l->w->queue_stays && l->closings < CLOSINGS_MAX;
    if (again && sock_awaited(l->fd)) {
        l->closings++;
        op_accept(l->w->loop, &l->accept, l->fd);
        op_cancel(l->w->loop, &l->accept);
    } else {
        finish_close(l);
    }
}

static void on_accept(struct op *op, struct op_result result)
{
    struct listener *l = container_of(op, struct listener, accept);
    struct worker *w = l->w;
    if (result.res >= 0) {
        uint32_t max = l->use->plan->config->clients_max;
        if (max && w->clients.live + w->tunnels.live >= max) {
            listener_count_error(l);
            sock_close(result.res, true);
        } else {
            accepted(l, result.res);
        }
    }
    if (result.more)
        return;
    if (l->state == LISTENER_CLOSING) {
        close_when_empty(l);
        return;
    }
    if (result.res >= 0) {
        start(l);
        return;
    }
    listener_count_error(l);
    l->state = LISTENER_PAUSED;
    loop_timer_set(w->loop, &l->retry, w->loop->now_ns + ms_to_ns(RETRY_MS));
}

static void on_retry(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    struct listener *l = container_of(t, struct listener, retry);
    if (l->state == LISTENER_PAUSED)
        start(l);
}

struct listener *listener_start(struct plan_use *use, const struct bind_config *bind, int fd)
{
    struct listener *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->w = use->w;
    l->refs = 1;
    l->fd = fd;
    struct addr at;
    if (sock_local(fd, &at) == 0)
        l->address = peer_addr_of(&at);
    listener_assign(l, use, bind);
    op_init(&l->accept, on_accept);
    timer_init(&l->retry, on_retry);
    start(l);
    return l;
}

void listener_close(struct listener *l)
{
    if (l->state == LISTENER_CLOSING)
        return;
    bool in_flight = l->state == LISTENER_ACCEPTING;
    l->state = LISTENER_CLOSING;
    if (in_flight)
        op_cancel(l->w->loop, &l->accept);
    else
        finish_close(l);
}
