/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

#define SYN_RETRY_NS SIM_S
#define UNREACHABLE_NS (500 * SIM_MS)

void net_init(struct net *n, struct sim *s, const struct net_params *params)
{
    *n = (struct net){ .sim = s, .params = *params };
    list_init(&n->ends);
    list_init(&n->listeners);
}

void net_destroy(struct net *n)
{
    for (struct list *i = n->ends.next; i != &n->ends; i = i->next)
        free(container_of(i, struct net_end, node)->out.bytes);
}

bool net_addr_eq(const struct addr *a, const struct addr *b)
{
    return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
}

struct addr net_addr(uint16_t host, uint16_t port)
{
    return (struct addr){
        .len = sizeof(struct sockaddr_in),
        .v4 = { .sin_family = AF_INET,
                .sin_port = htons(port),
                .sin_addr.s_addr = htonl(0x0a000000U | host) },
    };
}

struct addr net_addr6(uint16_t host, uint16_t port)
{
    struct addr a = { .len = sizeof a.v6 };
    a.v6.sin6_family = AF_INET6;
    a.v6.sin6_port = htons(port);
    a.v6.sin6_addr.s6_addr[0] = 0xfd;
    a.v6.sin6_addr.s6_addr[14] = (uint8_t)(host >> 8);
    a.v6.sin6_addr.s6_addr[15] = (uint8_t)host;
    return a;
}

/* ---- what is on the way --------------------------------------------------------------------- */

static struct net_end *end_new(struct net *n, uint64_t latency_ns)
{
    struct net_end *e = sim_alloc(n->sim, sizeof *e);
    e->net = n;
    e->latency_ns = latency_ns;
    e->refused_at_ns = e->out.fin_at = UINT64_MAX;
    e->out.window = (uint32_t)sim_range(n->sim, n->params.window_min, n->params.window_max);
    list_push_back(&n->ends, &e->node);
    return e;
}

static void changed(struct net_end *e)
{
    if (e->state != NET_CLOSED && e->on_change)
        e->on_change(e, e->user);
}

static void on_room(void *arg, uint64_t n)
{
    (void)n;
    changed(arg);
}

/* When what e sends now arrives: after all it sent before. */
static uint64_t arrival_ns(struct net_end *e)
{
    struct sim *s = e->net->sim;
    uint64_t at = s->now_ns + e->latency_ns + sim_below(s, (uint32_t)(e->latency_ns / 4 + 2));
    if (at < e->out.last_arrival_ns)
        at = e->out.last_arrival_ns;
    e->out.last_arrival_ns = at;
    return at;
}

/* RST, sent behind the byte at `position`. */
static void on_reset(void *arg, uint64_t position)
{
    struct net_end *e = arg;
    if (e->state == NET_CLOSED || e->reset)
        return;
    struct net *net = e->net;
    struct net_way *in = &e->peer->out;
    if (position > in->arrived)
        in->arrived = position;
    e->reset = true;
    sim_cover(net->sim, COVER_RESETS);
    if (net->params.reset_discards && in->taken < in->arrived) {
        in->taken = in->arrived;
        sim_cover(net->sim, COVER_RESET_LOST_DATA);
    }
    sim_trace(net->sim, "net %u: reset arrives", e->number);
    changed(e);
}

/* RST from e to its peer. */
static void send_reset(struct net_end *e)
{
    struct sim *s = e->net->sim;
    if (sim_chance(s, e->net->params.reset_overtakes_permille)) {
        e->out.written = e->out.arrived;
        sim_after(s, e->latency_ns, on_reset, e->peer, e->out.written);
    } else {
        sim_at(s, arrival_ns(e), on_reset, e->peer, e->out.written);
    }
}

/* What e wrote up to `position` (or its FIN) is at the peer. */
static void on_arrival(void *arg, uint64_t position)
{
    struct net_end *e = arg, *peer = e->peer;
    struct net_way *w = &e->out;
    if (position > w->written) /* a reset overtook it */
        position = w->written;
    if (position > w->arrived)
        w->arrived = position;
    if (w->fin_at == position)
        w->fin_arrived = true;
    if (peer->state == NET_CLOSED) {
        if (w->taken < w->arrived) { /* nobody will read it */
            w->taken = w->arrived;
            if (e->refused_at_ns == UINT64_MAX)
                e->refused_at_ns = e->net->sim->now_ns;
            send_reset(peer);
        }
        return;
    }
    changed(peer);
}

int net_write(struct net_end *e, const void *bytes, uint32_t len)
{
    CHECK(e->state == NET_OPEN && len > 0);
    struct net_way *w = &e->out;
    if (e->reset) {
        bool first = !e->reset_told;
        e->reset_told = true;
        return first ? -ECONNRESET : -EPIPE;
    }
    if (w->fin_at != UINT64_MAX)
        return -EPIPE;
    uint32_t room = w->window - (uint32_t)(w->written - w->taken);
    if (room == 0)
        return -EAGAIN;
    if (!w->bytes) {
        w->bytes = malloc(w->window);
        CHECK(w->bytes);
    }
    uint32_t n = len < room ? len : room;
    uint32_t place = (uint32_t)(w->written % w->window);
    uint32_t first = n < w->window - place ? n : w->window - place;
    memcpy(w->bytes + place, bytes, first);
    memcpy(w->bytes, (const uint8_t *)bytes + first, n - first);
    w->written += n;
    sim_at(e->net->sim, arrival_ns(e), on_arrival, e, w->written);
    return (int)n;
}

int net_read(struct net_end *e, void *bytes, uint32_t len)
{
    CHECK(e->state == NET_OPEN && len > 0);
    struct net_way *w = &e->peer->out;
    uint32_t there = (uint32_t)(w->arrived - w->taken);
    if (there == 0) {
        if (e->reset && !e->reset_told) {
            e->reset_told = true;
            return -ECONNRESET;
        }
        return e->reset || w->fin_arrived || e->read_closed ? 0 : -EAGAIN;
    }
    uint32_t n = len < there ? len : there;
    uint32_t place = (uint32_t)(w->taken % w->window);
    uint32_t first = n < w->window - place ? n : w->window - place;
    memcpy(bytes, w->bytes + place, first);
    memcpy((uint8_t *)bytes + first, w->bytes, n - first);
    w->taken += n;
    /* The window opens at the other end some time later. */
    sim_after(e->net->sim, e->latency_ns, on_room, e->peer, 0);
    return (int)n;
}

bool net_readable(const struct net_end *e)
{
    if (e->state != NET_OPEN)
        return false;
    const struct net_way *w = &e->peer->out;
    return w->taken < w->arrived || w->fin_arrived || e->reset || e->read_closed;
}

bool net_writable(const struct net_end *e)
{
    const struct net_way *w = &e->out;
    return e->state == NET_OPEN &&
           (e->reset || w->fin_at != UINT64_MAX || w->written - w->taken < w->window);
}

/* ---- ends -------------------------------------------------------------------------------------
 */

void net_shutdown_write(struct net_end *e)
{
    if (e->state != NET_OPEN || e->out.fin_at != UINT64_MAX || e->reset)
        return;
    e->out.fin_at = e->out.written;
    sim_at(e->net->sim, arrival_ns(e), on_arrival, e, e->out.written);
}

void net_shutdown(struct net_end *e)
{
    if (e->state != NET_OPEN)
        return;
    net_shutdown_write(e);
    e->read_closed = true;
    sim_after(e->net->sim, 0, on_room, e, 0);
}

void net_close(struct net_end *e, bool reset)
{
    CHECK(e->state != NET_CLOSED);
    bool linked = e->peer && e->state != NET_FAILED; /* perhaps not yet told so */
    if (linked && !e->reset) {
        struct net_way *in = &e->peer->out;
        if (reset || e->state == NET_CONNECTING || in->taken < in->arrived) {
            in->taken = in->arrived;
            send_reset(e);
        } else {
            net_shutdown_write(e);
        }
    }
    e->state = NET_CLOSED;
    if (linked && e->peer->state == NET_CLOSED) {
        free(e->out.bytes);
        free(e->peer->out.bytes);
        e->out.bytes = e->peer->out.bytes = NULL;
    }
}

/* ---- connecting -------------------------------------------------------------------------------
 */

struct net_listener *net_listen(struct net *n, const struct addr *a, uint32_t backlog,
                                void (*on_pending)(struct net_listener *l, void *user), void *user)
{
    struct net_listener *l = sim_alloc(n->sim, sizeof *l);
    *l = (struct net_listener){
        .net = n, .addr = *a, .backlog = backlog, .on_pending = on_pending, .user = user
    };
    l->queue = sim_alloc(n->sim, backlog * sizeof *l->queue);
    list_push_back(&n->listeners, &l->node);
    return l;
}

struct net_end *net_accept(struct net_listener *l)
{
    if (l->queued == 0)
        return NULL;
    struct net_end *e = l->queue[0];
    memmove(l->queue, l->queue + 1, --l->queued * sizeof *l->queue);
    return e;
}

void net_listener_close(struct net_listener *l)
{
    CHECK(!l->closed);
    l->closed = true;
    list_remove(&l->node);
    struct net_end *e;
    while ((e = net_accept(l)))
        net_close(e, true);
}

/* One of those that listen on the address, as SO_REUSEPORT deals. */
static struct net_listener *find_listener(struct net *n, const struct addr *a)
{
    struct net_listener *found = NULL;
    uint32_t seen = 0;
    for (struct list *i = n->listeners.next; i != &n->listeners; i = i->next) {
        struct net_listener *l = container_of(i, struct net_listener, node);
        if (net_addr_eq(&l->addr, a) && sim_below(n->sim, ++seen) == 0)
            found = l;
    }
    return found;
}

static void on_connected(void *arg, uint64_t error)
{
    struct net_end *e = arg;
    if (e->state != NET_CONNECTING)
        return;
    e->state = error ? NET_FAILED : NET_OPEN;
    e->error = (int)error;
    changed(e);
}

static void on_pending_event(void *arg, uint64_t n)
{
    (void)n;
    struct net_listener *l = arg;
    if (!l->closed)
        l->on_pending(l, l->user);
}

/* The first packet is at the host. */
static void on_syn(void *arg, uint64_t n)
{
    (void)n;
    struct net_end *e = arg;
    struct sim *s = e->net->sim;
    if (e->state != NET_CONNECTING)
        return;
    struct net_listener *l = find_listener(e->net, &e->remote);
    enum net_host mode = l ? l->mode : NET_HOST_REFUSES;
    if (mode == NET_HOST_SILENT)
        return;
    if (mode == NET_HOST_REFUSES) {
        sim_after(s, e->latency_ns, on_connected, e, ECONNREFUSED);
        return;
    }
    if (mode == NET_HOST_UNREACHABLE) {
        sim_after(s, UNREACHABLE_NS, on_connected, e, EHOSTUNREACH);
        return;
    }
    if (l->queued == l->backlog) {
        sim_cover(s, COVER_SYN_DROPPED);
        sim_after(s, SYN_RETRY_NS, on_syn, e, 0);
        return;
    }
    struct net_end *far = end_new(e->net, e->latency_ns);
    far->number = e->number;
    far->state = NET_OPEN;
    far->local = e->remote;
    far->remote = e->local;
    far->peer = e;
    e->peer = far;
    l->queue[l->queued++] = far;
    sim_after(s, 0, on_pending_event, l, 0);
    sim_after(s, e->latency_ns, on_connected, e, 0);
}

struct net_end *net_connect(struct net *n, const struct addr *from, const struct addr *to,
                            net_end_fn on_change, void *user)
{
    struct net_end *e =
        end_new(n, sim_range(n->sim, n->params.latency_min_ns, n->params.latency_max_ns));
    e->number = ++n->connections;
    e->local = *from;
    e->remote = *to;
    e->on_change = on_change;
    e->user = user;
    sim_after(n->sim, e->latency_ns, on_syn, e, 0);
    return e;
}
