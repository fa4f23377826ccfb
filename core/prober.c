/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"

static const struct transport_user transport_user;

/* ---- rules ---- */

static void free_rules(struct probe_rules *r)
{
    free(r->path);
    free(r->host);
    free(r->body);
    free(r->service);
    if (r->tls)
        tls_context_unref(r->tls);
    *r = (struct probe_rules){ 0 };
}

static char *copy(struct str s)
{
    return strndup(s.ptr ? s.ptr : "", s.len);
}

static struct addr address_of(const struct shared_server *s, uint32_t port)
{
    struct addr a = s->addr;
    if (port && a.sa.sa_family == AF_INET)
        a.v4.sin_port = htons((uint16_t)port);
    else if (port && a.sa.sa_family == AF_INET6)
        a.v6.sin6_port = htons((uint16_t)port);
    return a;
}

/* False without memory. */
static bool make_rules(struct probe_rules *r, const struct shared_server *s,
                       const struct backend_config *bc, struct tls_context *tls)
{
    const struct health_config *h = &bc->health;
    *r = (struct probe_rules){ .config = *h,
                               .protocol = bc->protocol,
                               .health = { h->rise, h->fall, ms_to_ns(h->interval_ms) },
                               .addr = address_of(s, h->port) };
    r->path = copy(h->path);
    r->host = copy(h->host.len ? h->host : s->host_name.len ? s->host_name : str_of(s->host));
    r->body = copy(h->body);
    r->service = copy(h->service);
    if (!r->path || !r->host || !r->body || !r->service)
        return false;
    if (h->kind != PROBE_TCP && tls) {
        bool own = s->sni.len && s->sni.ptr[0] != '$';
        r->tls_name = own ? s->sni : str_of(r->host);
        r->tls = tls;
        tls_context_ref(tls);
    }
    return true;
}

/* ---- a result ---- */

static void wait_for_next(struct probe *p)
{
    struct loop *l = p->prober->loop;
    p->state = PROBE_WAITING;
    if (p->next.host) {
        free_rules(&p->rules);
        p->rules = p->next;
        p->next = (struct probe_rules){ 0 };
    }
    loop_timer_set(l, &p->timer, health_next_ns(&p->health, &p->rules.health, l->now_ns, &l->rng));
}

void probe_result(struct probe *p, const char *why)
{
    struct loop *l = p->prober->loop;
    CHECK(p->state == PROBE_ASKING);
    p->state = PROBE_CLOSING;
    timer_remove(&l->timers, &p->timer);
    transport_close(&p->t, true);
    if (p->leaving || !health_result(&p->health, &p->rules.health, !why))
        return;
    const struct shared_server *s = p->server;
    bool down = p->health.state == HEALTH_DOWN;
    shared_server_mark(p->server, down ? SERVER_UNHEALTHY : 0, down ? 0 : SERVER_UNHEALTHY,
                       l->now_ns);
    fprintf(stderr, "sluice: backend %s: server %s is %s%s\n", s->backend->name, s->name,
            down ? "down: " : "up again", down ? why : "");
}

static void ask(struct probe *p)
{
    struct loop *l = p->prober->loop;
    p->state = PROBE_ASKING;
    p->ops = NULL;
    p->h2 = NULL;
    if (p->rules.tls) {
        if (!transport_init_tls_client(&p->t, &p->prober->tls, &transport_user, p->rules.tls,
                                       p->rules.tls_name, &p->resume)) {
            wait_for_next(p); /* without memory: says nothing about the server */
            return;
        }
    } else {
        transport_init_plain_client(&p->t, l, &transport_user);
    }
    loop_timer_set(l, &p->timer, l->now_ns + ms_to_ns(p->rules.config.timeout_ms));
    transport_connect(&p->t, &p->rules.addr);
}

/* ---- the connection ---- */

/* Whether the server, with which there is a connection, speaks HTTP/2: as relayed requests are
 * asked by it. */
static bool is_http2(struct probe *p)
{
    struct tls_facts facts;
    if (!p->rules.tls)
        return p->rules.protocol == PROTOCOL_H2;
    return transport_tls_facts(&p->t, &facts) && str_eq(facts.protocol, STR("h2"));
}

static void ask_by_http(struct probe *p)
{
    bool http2 = is_http2(p);
    if (p->rules.protocol == PROTOCOL_H2 && !http2) {
        probe_result(p, "it does not agree on HTTP/2");
        return;
    }
    p->ops = http2 ? &probe_http2 : &probe_http1;
    p->ops->begin(p);
}

static void on_ready(struct transport *t, int err)
{
    struct probe *p = container_of(t, struct probe, t);
    if (err) {
        probe_result(p, err == -ECONNREFUSED ? "it refuses connections"
                                             : "no connection could be made");
        return;
    }
    switch (p->rules.config.kind) {
    case PROBE_HTTP:
        ask_by_http(p);
        return;
    case PROBE_GRPC:
        p->ops = &probe_grpc;
        p->ops->begin(p);
        return;
    default: /* that there is a connection says it all */
        probe_result(p, NULL);
    }
}

static void on_data(struct transport *t, struct buf_slice data)
{
    struct probe *p = container_of(t, struct probe, t);
    if (p->state == PROBE_ASKING)
        p->ops->data(p, data);
    else
        buf_unref(data.buf);
}

static void on_end(struct transport *t, int err)
{
    struct probe *p = container_of(t, struct probe, t);
    if (p->state == PROBE_ASKING)
        p->ops->end(p, err);
}

static void on_sent(struct transport *t, int err, uint64_t sent_bytes)
{
    struct probe *p = container_of(t, struct probe, t);
    (void)sent_bytes;
    if (p->state == PROBE_ASKING && !err) /* of an error the receiving side tells */
        p->ops->sent(p);
}

/* ---- life ---- */

static void free_probe(struct probe *p)
{
    struct prober *all = p->prober;
    timer_remove(&all->loop->timers, &p->timer);
    tls_resume_clear(&p->resume);
    free_rules(&p->rules);
    free_rules(&p->next);
    list_remove(&p->node);
    shared_server_unref(p->server);
    free(p);
    if (--all->count == 0 && all->on_none)
        all->on_none(all->arg);
}

static void on_closed(struct transport *t)
{
    struct probe *p = container_of(t, struct probe, t);
    if (p->ops)
        p->ops->drop(p);
    if (p->leaving)
        free_probe(p);
    else
        wait_for_next(p);
}

static const struct transport_user transport_user = {
    .on_ready = on_ready,
    .on_data = on_data,
    .on_end = on_end,
    .on_sent = on_sent,
    .on_closed = on_closed,
};

static void on_timer(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    struct probe *p = container_of(t, struct probe, timer);
    if (p->state == PROBE_WAITING)
        ask(p);
    else
        probe_result(p, "it did not answer in time");
}

static void leave(struct probe *p)
{
    p->leaving = true;
    shared_server_mark(p->server, 0, SERVER_UNHEALTHY, p->prober->loop->now_ns);
    if (p->state == PROBE_WAITING)
        free_probe(p);
    else if (p->state == PROBE_ASKING)
        probe_result(p, NULL);
}

void prober_init(struct prober *p, struct loop *l)
{
    *p = (struct prober){ .loop = l };
    tls_worker_init(&p->tls, l);
    list_init(&p->probes);
}

void prober_begin(struct prober *p)
{
    p->marked_as++;
}

static struct probe *find(struct prober *p, const struct shared_server *s)
{
    for (struct list *n = p->probes.next; n != &p->probes; n = n->next) {
        struct probe *probe = container_of(n, struct probe, node);
        if (probe->server == s && !probe->leaving)
            return probe;
    }
    return NULL;
}

static struct probe *make(struct prober *p, struct shared_server *s)
{
    struct probe *probe = calloc(1, sizeof *probe);
    if (!probe)
        return NULL;
    probe->prober = p;
    probe->server = s;
    shared_server_ref(s);
    timer_init(&probe->timer, on_timer);
    list_push_back(&p->probes, &probe->node);
    p->count++;
    /* All of them in the first interval, one after the other; the first at once. */
    loop_timer_set(p->loop, &probe->timer, p->loop->now_ns + ms_to_ns(p->count % 100));
    return probe;
}

void prober_want(struct prober *p, struct shared_server *s, const struct backend_config *bc,
                 struct tls_context *tls)
{
    struct probe_rules rules;
    struct probe *probe = find(p, s);
    if (!make_rules(&rules, s, bc, tls) || (!probe && !(probe = make(p, s)))) {
        free_rules(&rules);
        return;
    }
    probe->wanted_as = p->marked_as;
    struct probe_rules *to = probe->state == PROBE_WAITING ? &probe->rules : &probe->next;
    free_rules(to);
    *to = rules;
}

void prober_end(struct prober *p)
{
    for (struct list *n = p->probes.next, *next; n != &p->probes; n = next) {
        next = n->next;
        struct probe *probe = container_of(n, struct probe, node);
        if (probe->wanted_as != p->marked_as && !probe->leaving)
            leave(probe);
    }
}

void prober_stop(struct prober *p, void (*on_none)(void *arg), void *arg)
{
    p->marked_as++;
    prober_end(p);
    if (p->count) {
        p->on_none = on_none;
        p->arg = arg;
    } else {
        on_none(arg);
    }
}

void prober_destroy(struct prober *p)
{
    CHECK(p->count == 0);
    tls_worker_destroy(&p->tls);
}
