/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors, and core/ring/sock.h on the virtual network. */
#include "core/ring/sock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "tests/sim/ring_sim.h"

/* ---- descriptors ------------------------------------------------------------------------------
 */

#define VFD_FIRST 1000 /* clear of the process's own */

void ring_sim_init(struct ring_sim *r, struct sim *s, struct net *n)
{
    *r = (struct ring_sim){ .sim = s, .net = n };
    r->source = net_addr(1, 0);
}

void ring_sim_destroy(struct ring_sim *r)
{
    CHECK(r->fds_open == 0);
    free(r->fds);
}

int vfd_new(struct ring_sim *r, enum vfd_kind kind, int family)
{
    if (r->fds_count == r->fds_max) {
        r->fds_max = r->fds_max ? r->fds_max * 2 : 64;
        r->fds = realloc(r->fds, r->fds_max * sizeof *r->fds);
        CHECK(r->fds);
    }
    struct vfd *v = sim_alloc(r->sim, sizeof *v);
    *v = (struct vfd){ .ring = r, .kind = kind, .family = family };
    list_init(&v->flights);
    r->fds[r->fds_count] = v;
    r->fds_open++;
    return VFD_FIRST + (int)r->fds_count++;
}

struct vfd *vfd_get(struct ring_sim *r, int fd)
{
    CHECK(fd >= VFD_FIRST && (uint32_t)(fd - VFD_FIRST) < r->fds_count);
    struct vfd *v = r->fds[fd - VFD_FIRST];
    CHECK(v->kind != VFD_CLOSED);
    return v;
}

/* ---- sock.h
 * -------------------------------------------------------------------------------------- */

/* sock.h's functions ask a kernel, of which there is one: so it is here. One world at a time. */
static struct ring_sim *installed;

void ring_sim_install(struct ring_sim *r)
{
    installed = r;
}

struct ring_sim *ring_sim_installed(void)
{
    CHECK(installed);
    return installed;
}

int sock_listen(const struct addr *a, int backlog, unsigned flags, struct addr *bound)
{
    struct ring_sim *r = ring_sim_installed();
    for (struct list *i = r->net->listeners.next; i != &r->net->listeners; i = i->next)
        if (net_addr_eq(&container_of(i, struct net_listener, node)->addr, a) &&
            !(flags & SOCK_LISTEN_REUSEPORT))
            return -EADDRINUSE;
    int fd = vfd_new(r, VFD_LISTENER, a->sa.sa_family);
    struct vfd *v = vfd_get(r, fd);
    v->listener = net_listen(r->net, a, (uint32_t)backlog, vfd_pending, v);
    if (bound)
        *bound = *a;
    return fd;
}

int sock_open(int family)
{
    struct ring_sim *r = ring_sim_installed();
    if (sim_chance(r->sim, r->faults.open_error)) {
        sim_cover(r->sim, COVER_OPEN_ERRORS);
        return -EMFILE;
    }
    return vfd_new(r, VFD_SOCKET, family);
}

int sock_open_from(int family, const struct addr *source)
{
    CHECK(!source); /* no world has another address */
    return sock_open(family);
}

bool sock_is_local(const struct addr *a)
{
    struct addr own = ring_sim_installed()->source;
    struct peer_addr x = peer_addr_of(a), y = peer_addr_of(&own);
    return x.family == y.family && memcmp(x.ip, y.ip, sizeof x.ip) == 0;
}

bool sock_awaited(int fd)
{
    return vfd_get(ring_sim_installed(), fd)->listener->queued > 0;
}

int sock_peer(int fd, struct addr *out)
{
    const struct vfd *v = vfd_get(ring_sim_installed(), fd);
    if (v->kind != VFD_STREAM || v->end->state != NET_OPEN)
        return -ENOTCONN;
    *out = v->end->remote;
    return 0;
}

int sock_local(int fd, struct addr *out)
{
    const struct vfd *v = vfd_get(ring_sim_installed(), fd);
    if (v->kind != VFD_STREAM || v->end->state != NET_OPEN)
        return -ENOTCONN;
    *out = v->end->local;
    return 0;
}

int sock_peek(int fd, void *p, size_t n)
{
    const struct vfd *v = vfd_get(ring_sim_installed(), fd);
    const struct net_way *way = &v->end->peer->out;
    uint64_t there = way->arrived - way->taken;
    if (there == 0)
        return way->fin_arrived ? 0 : v->end->reset ? -ECONNRESET : -EAGAIN;
    if (n > there)
        n = (size_t)there;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = way->bytes[(way->taken + i) % way->window];
    return (int)n;
}

void sock_skip(int fd, size_t n)
{
    uint8_t byte;
    while (n-- > 0 && net_read(vfd_get(ring_sim_installed(), fd)->end, &byte, 1) == 1)
        ;
}

void sock_low_water(int fd, int bytes)
{
    (void)bytes;
    vfd_get(ring_sim_installed(), fd);
}

void sock_shutdown_write(int fd)
{
    const struct vfd *v = vfd_get(ring_sim_installed(), fd);
    if (v->kind == VFD_STREAM)
        net_shutdown_write(v->end);
}

void sock_shutdown(int fd)
{
    const struct vfd *v = vfd_get(ring_sim_installed(), fd);
    if (v->kind == VFD_STREAM)
        net_shutdown(v->end);
}

void sock_close(int fd, bool reset)
{
    struct ring_sim *r = ring_sim_installed();
    struct vfd *v = vfd_get(r, fd);
    CHECK(list_empty(&v->flights)); /* else: closed with an op in flight */
    if (v->listener)
        net_listener_close(v->listener);
    if (v->end) {
        sim_trace(r->sim, "net %u: fd %d closed%s", v->end->number, fd, reset ? ", reset" : "");
        net_close(v->end, reset);
    }
    v->kind = VFD_CLOSED;
    r->fds_open--;
}
