/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/tcp.h"

#include <errno.h>
#include <string.h>

#include "core/base/check.h"
#include "core/proxy/backend.h"
#include "core/proxy/listener.h"
#include "core/proxy/log.h"
#include "core/proxy/plan.h"
#include "core/proxy/preamble.h"
#include "core/proxy/worker.h"
#include "core/ring/sock.h"
#include "tls/client_hello.h"

static const struct timeouts *timeouts_of(const struct tunnel *t)
{
    return &t->backend->config->timeouts;
}

uint64_t tcp_deadline(const struct tunnel *t, enum end_reason *why)
{
    if (t->state == TUNNEL_HANDSHAKE) {
        *why = END_TLS_TIMEOUT;
        return t->since_ns + ms_to_ns(t->use->plan->config->timeouts.client_head_ms);
    }
    *why = END_CONNECT_TIMEOUT;
    return t->t[TUNNEL_SERVER].closing ? TIMER_NEVER
                                       : t->since_ns + ms_to_ns(timeouts_of(t)->connect_ms);
}

/* --- the server --- */

/* On with the next server, or without one: the last one's reason says why. */
static void connect_next(struct tunnel *t, enum end_reason none)
{
    struct worker *w = t->w;
    const struct backend_config *config = t->backend->config;
    bool full = false;
    struct server *s = t->tries < config->retry.attempts_max && t->tries < TUNNEL_ATTEMPTS_MAX
                           ? backend_pick_tcp(t->backend, w, &t->client, t->tried, t->tries, &full)
                           : NULL;
    if (!s) {
        tunnel_close(t, full ? END_QUEUE_FULL : none); /* connections do not wait in a queue */
        return;
    }
    if (t->tries)
        counter_add(&t->backend->counters->retried, 1);
    t->tried[t->tries++] = s->shared->id;
    t->server = s;
    s->active_count++;
    s->connections++;
    t->since_ns = w->loop->now_ns;
    t->ticket = server_connect_begin(s, w->loop->now_ns);
    counter_add(&w->counters->upstream_opened, 1);
    server_count(s, opened);
    t->state = TUNNEL_CONNECTING;
    transport_init_plain_client(&t->t[TUNNEL_SERVER], w->loop, &tunnel_server_user);
    if (!preamble_set(&t->t[TUNNEL_SERVER], config, &t->peer, t->t[TUNNEL_CLIENT].fd)) {
        server_connect_abandoned(s, t->ticket);
        tunnel_close(t, END_OVERLOADED);
        return;
    }
    transport_connect(&t->t[TUNNEL_SERVER], s->addr);
    tunnel_arm(t);
}

/* Its connection is closed first; tcp_server_gone() goes on. */
static void give_up_server(struct tunnel *t, enum end_reason why)
{
    t->reason = (uint8_t)why;
    transport_close(&t->t[TUNNEL_SERVER], true);
    tunnel_arm(t);
}

void tcp_server_gone(struct tunnel *t)
{
    struct server *s = t->server;
    t->server = NULL;
    t->t[TUNNEL_SERVER] = (struct transport){ .fd = -1 };
    s->active_count--;
    server_leave(s);
    counter_add(&t->w->counters->upstream_closed, 1);
    server_connection_gone(s);
    connect_next(t, (enum end_reason)t->reason);
}

static void server_ready(struct tunnel *t, int err)
{
    struct server *s = t->server;
    if (err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -EADDRNOTAVAIL) {
        server_connect_abandoned(s, t->ticket);
        tunnel_close(t, END_OVERLOADED);
    } else if (err) {
        server_connect_failed(s, t->ticket);
        server_failed(s);
        give_up_server(t, err == -ECONNREFUSED || err == -ENOENT ? END_CONNECT_REFUSED
                                                                 : END_CONNECT_FAILED);
    } else {
        server_connected(s);
        uint64_t us = (t->w->loop->now_ns - t->since_ns) / 1000;
        t->connect_us = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX - 1;
        struct buf_slice first = t->way[TUNNEL_CLIENT].waiting;
        log_tunnel(t, END_TUNNEL_OPENED);
        tunnel_begin(t, first, (struct buf_slice){ 0 });
    }
}

void tcp_too_late(struct tunnel *t, enum end_reason why)
{
    if (t->state == TUNNEL_HANDSHAKE) {
        tunnel_close(t, why);
    } else if (!t->t[TUNNEL_SERVER].closing) {
        server_connect_failed(t->server, t->ticket);
        server_failed(t->server);
        give_up_server(t, why);
    }
}

/* --- the client --- */

void tcp_ready(struct tunnel *t, unsigned side, int err)
{
    if (side == TUNNEL_SERVER)
        server_ready(t, err);
    else if (err)
        tunnel_close(t, END_TLS_HANDSHAKE);
    else
        connect_next(t, END_NO_SERVER);
}

static void set_backend(struct tunnel *t, struct backend *b)
{
    t->backend = b;
    t->idle_ms = b->config->timeouts.tunnel_idle_ms;
    t->server_write_ms = b->config->timeouts.stall_ms;
}

static void fill_in(struct tunnel *t, struct listener *l, struct backend *b,
                    const struct peer_addr *peer)
{
    struct worker *w = t->w;
    const struct config *config = l->use->plan->config;
    t->listener = l;
    l->refs++;
    t->use = l->use;
    plan_use_ref(t->use);
    set_backend(t, b);
    t->log = l->bind->listener->log;
    t->id_hi = rng_next(&w->loop->rng);
    t->id_lo = rng_next(&w->loop->rng);
    t->connection = ++w->connections;
    t->start_wall_us = w->loop->wall_us;
    t->start_ns = t->since_ns = w->loop->now_ns;
    t->client_write_ms = config->timeouts.client_write_ms;
    t->peer = t->client = *peer;
}

/* --- the name that the client asks for --- */

/* The exact name, then "*." in place of its first label; NULL: none. */
static const struct backend_config *find_sni(const struct listener_config *l, struct str name)
{
    const struct backend_config *wild = NULL;
    const char *dot = name.len ? memchr(name.ptr, '.', name.len) : NULL;
    struct str rest = { dot, dot ? (size_t)(name.ptr + name.len - dot) : 0 };
    for (uint32_t i = 0; i < l->sni_count; i++) {
        struct str own = l->sni[i].name;
        if (str_eq(own, name))
            return l->sni[i].backend;
        if (dot && own.ptr[0] == '*' && str_eq((struct str){ own.ptr + 1, own.len - 1 }, rest))
            wild = l->sni[i].backend;
    }
    return wild;
}

void tcp_hello(struct tunnel *t, struct buf_slice data)
{
    struct buf_slice *all = &t->way[TUNNEL_CLIENT].waiting;
    struct client_hello hello = { 0 };
    if (!all->buf) {
        *all = data;
    } else {
        bool fits = data.len <= BUFFER_BYTES - all->off - all->len;
        if (fits)
            memcpy(all->buf->data + all->off + all->len, data.buf->data + data.off, data.len);
        all->len += fits ? data.len : 0;
        buf_unref(data.buf);
        if (!fits) { /* no ClientHello is so long */
            tunnel_close(t, END_TLS_HANDSHAKE);
            return;
        }
    }
    enum hello_result r = client_hello_parse(all->buf->data + all->off, all->len, &hello);
    if (r == HELLO_PARTIAL) {
        transport_read(&t->t[TUNNEL_CLIENT]);
        return;
    }
    const struct backend_config *b =
        r == HELLO_OK
            ? find_sni(t->listener->bind->listener, (struct str){ hello.name, hello.name_len })
            : NULL;
    if (b)
        set_backend(t, plan_backend(t->use, b));
    connect_next(t, END_NO_SERVER);
}

static void await_hello(struct tunnel *t, struct buf_slice first)
{
    t->state = TUNNEL_HANDSHAKE;
    tunnel_arm(t);
    if (first.buf)
        tcp_hello(t, first);
    else
        transport_read(&t->t[TUNNEL_CLIENT]);
}

void tcp_begin(struct listener *l, int fd, const struct peer_addr *peer, struct backend *b,
               struct buf_slice first, bool tls)
{
    struct worker *w = l->w;
    struct tunnel *t = tunnel_create(w);
    if (!t) {
        buf_unref(first.buf);
        sock_close(fd, true);
        listener_count_error(l);
        return;
    }
    counter_add(&w->counters->clients_accepted, 1);
    counter_add(&l->counters->accepted, 1);
    fill_in(t, l, b, peer);
    struct transport *client = &t->t[TUNNEL_CLIENT];
    if (l->bind->listener->sni_count) {
        transport_init_plain(client, w->loop, &tunnel_client_user, fd);
        await_hello(t, first);
        return;
    }
    t->way[TUNNEL_CLIENT].waiting = first;
    struct tls_context *context = tls ? plan_tls(l->use, l->bind->listener) : NULL;
    if (context && transport_init_tls_server(client, &w->tls, &tunnel_client_user, context, fd)) {
        t->state = TUNNEL_HANDSHAKE;
        tunnel_arm(t);
        return;
    }
    transport_init_plain(client, w->loop, &tunnel_client_user, fd);
    if (context)
        tunnel_close(t, END_OVERLOADED);
    else
        connect_next(t, END_NO_SERVER);
}
