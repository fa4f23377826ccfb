/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/prober.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/http/framing.h"
#include "core/http/h1_head.h"
#include "tls/context.h"
#include "tls/transport.h"

#define HEAD_BYTES (8 * 1024)
#define ANSWER_BYTES (HEAD_BYTES + HEALTH_BODY_BYTES_MAX)

enum probe_state {
    PROBE_WAITING, /* for its next time: the timer runs, there is no connection */
    PROBE_ASKING,  /* connecting, or waiting for the answer: the timer is the deadline */
    PROBE_CLOSING, /* transport_close() was called; what came out is known */
};

/* How a server is checked: copied, so that configurations may go. */
struct rules {
    struct health_rules health;
    struct health_config config; /* its texts are the following */
    char *body;
    char *request;
    struct tls_context *tls;
    struct str tls_name; /* in request's memory or the server's */
    struct addr addr;
};

struct probe {
    struct prober *prober;
    struct list node;
    struct shared_server *server; /* a reference */
    struct rules rules;
    struct rules next;  /* from the next check on; request NULL: the same */
    uint32_t wanted_as; /* prober.marked_as, when it was wanted last */
    bool leaving;       /* to be freed when its connection is closed */
    struct health health;
    enum probe_state state;
    struct timer timer;
    struct transport t;
    struct tls_resume resume;
    struct iovec iov;
    uint32_t received;
    char answer[ANSWER_BYTES];
};

static const struct transport_user transport_user;

/* ---- rules ---- */

static void free_rules(struct rules *r)
{
    free(r->body);
    free(r->request);
    if (r->tls)
        tls_context_unref(r->tls);
    *r = (struct rules){ 0 };
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
static bool make_rules(struct rules *r, const struct shared_server *s,
                       const struct backend_config *bc, struct tls_context *tls)
{
    const struct health_config *h = &bc->health;
    bool by_tls = h->kind != PROBE_TCP && tls;
    *r = (struct rules){ .config = *h,
                         .health = { h->rise, h->fall, ms_to_ns(h->interval_ms) },
                         .addr = address_of(s, h->port) };
    r->body = copy(h->body);
    struct str host = h->host.len ? h->host : s->host_name.len ? s->host_name : str_of(s->host);
    int n = asprintf(&r->request,
                     "GET %.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: sluice\r\nAccept: */*\r\n"
                     "Connection: close\r\n\r\n",
                     (int)h->path.len, h->path.ptr, (int)host.len, host.ptr);
    if (n < 0)
        r->request = NULL;
    if (!r->body || !r->request)
        return false;
    if (by_tls) {
        bool own = s->sni.len && s->sni.ptr[0] != '$';
        r->tls_name = own ? s->sni : host;
        if (!own) /* in the request it stays */
            r->tls_name.ptr = strstr(r->request, "Host: ") + 6;
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
    if (p->next.request) {
        free_rules(&p->rules);
        p->rules = p->next;
        p->next = (struct rules){ 0 };
    }
    loop_timer_set(l, &p->timer, health_next_ns(&p->health, &p->rules.health, l->now_ns, &l->rng));
}

/* why: in words, of a bad one; NULL: it is good. */
static void result(struct probe *p, const char *why)
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
    p->received = 0;
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

/* ---- the answer ---- */

static bool holds(const char *text, size_t len, const char *what)
{
    return memmem(text, len, what, strlen(what)) != NULL;
}

/* Whether all of the body is there, as far as its head says. */
static bool is_whole(const struct probe *p, const struct http_head *h)
{
    struct framing f;
    const char *body = p->answer + h->head_bytes;
    uint32_t len = p->received - h->head_bytes;
    if (framing_of_response(h, METHOD_GET, &f) != END_OK)
        return true;
    if (f.kind == BODY_CHUNKED)
        return len >= 5 && memcmp(body + len - 5, "0\r\n\r\n", 5) == 0;
    return f.kind == BODY_NONE || (f.kind == BODY_LENGTH && len >= f.length);
}

/* ended: nothing more comes. */
static void look_at_answer(struct probe *p, bool ended)
{
    struct http_head h;
    enum end_reason why = END_OK;
    const struct health_config *c = &p->rules.config;
    for (;;) {
        switch (h1_parse_response(p->answer, p->received, 0, &h, &why)) {
        case H1_ERROR:
            result(p, "it does not answer in HTTP");
            return;
        case H1_PARTIAL:
            if (ended || p->received >= HEAD_BYTES)
                result(p, "its answer is not whole");
            else
                transport_read(&p->t);
            return;
        case H1_DONE:
            break;
        }
        if (h.status >= 200)
            break;
        p->received -= h.head_bytes;
        memmove(p->answer, p->answer + h.head_bytes, p->received);
    }
    char text[64];
    snprintf(text, sizeof text, "it answers %u", h.status);
    if (h.status < c->status_min || h.status > c->status_max)
        result(p, text);
    else if (!p->rules.body[0] ||
             holds(p->answer + h.head_bytes, p->received - h.head_bytes, p->rules.body))
        result(p, NULL);
    else if (ended || p->received == sizeof p->answer || is_whole(p, &h))
        result(p, "its answer does not hold the text");
    else
        transport_read(&p->t);
}

static void on_ready(struct transport *t, int err)
{
    struct probe *p = container_of(t, struct probe, t);
    if (err) {
        result(p, err == -ECONNREFUSED ? "it refuses connections" : "no connection could be made");
    } else if (p->rules.config.kind != PROBE_HTTP) {
        result(p, NULL);
    } else {
        p->iov = (struct iovec){ p->rules.request, strlen(p->rules.request) };
        transport_send(t, &p->iov, 1);
        transport_read(t);
    }
}

static void on_data(struct transport *t, struct buf_slice data)
{
    struct probe *p = container_of(t, struct probe, t);
    uint32_t room = (uint32_t)sizeof p->answer - p->received;
    uint32_t n = data.len < room ? data.len : room;
    memcpy(p->answer + p->received, data.buf->data + data.off, n);
    p->received += n;
    buf_unref(data.buf);
    if (p->state == PROBE_ASKING)
        look_at_answer(p, false);
}

static void on_end(struct transport *t, int err)
{
    struct probe *p = container_of(t, struct probe, t);
    if (p->state != PROBE_ASKING)
        return;
    if (err || !p->received)
        result(p, "it closed the connection");
    else
        look_at_answer(p, true);
}

static void on_sent(struct transport *t, int err, uint64_t sent_bytes)
{
    (void)t;
    (void)err; /* the receiving side tells */
    (void)sent_bytes;
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
        result(p, "it did not answer in time");
}

static void leave(struct probe *p)
{
    p->leaving = true;
    shared_server_mark(p->server, 0, SERVER_UNHEALTHY, p->prober->loop->now_ns);
    if (p->state == PROBE_WAITING)
        free_probe(p);
    else if (p->state == PROBE_ASKING)
        result(p, NULL);
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
    struct rules rules;
    struct probe *probe = find(p, s);
    if (!make_rules(&rules, s, bc, tls) || (!probe && !(probe = make(p, s)))) {
        free_rules(&rules);
        return;
    }
    probe->wanted_as = p->marked_as;
    struct rules *to = probe->state == PROBE_WAITING ? &probe->rules : &probe->next;
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
