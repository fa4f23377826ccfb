/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The servers of cached worlds: they have the objects, change them, validate them, and break some
 * of their answers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "tests/sim/cached.h"
#include "tests/sim/message.h"

#define PIECE_MAX 16384

struct cached_conn {
    struct cached_conn *next;
    struct world *world;
    struct net_end *end;
    struct message in;
    struct cached_object *object; /* asked for; NULL: between requests */
    struct wire out;
    uint32_t written, limit; /* of out: there it breaks */
    enum answer_fault fault;
    bool answering, faulty, closes;
    bool heads;        /* HEAD: of what passes, and without memory */
    uint64_t begun_ns; /* the first byte of the answer; 0: none yet */
    uint64_t write_at_ns, pause_ns;
    uint32_t piece_max;
};

static struct sim *sim_of(struct cached_conn *k)
{
    return &k->world->sim;
}

/* ---- no fetch beside another -------------------------------------------------------------------
 */

/* Whether the other fetch's answer may be of no use to who asks now. */
static bool may_be_old(const struct world *w, const struct cached_conn *k)
{
    uint64_t good_s = k->object->lifetime_s > 1 ? k->object->lifetime_s - 1 : 1;
    if (!k->begun_ns)
        return false;
    /* Where turns are held up, workers' clocks are set by themselves. */
    return w->plan.faults.turn_stall || w->sim.now_ns >= k->begun_ns + good_s * SIM_S;
}

static bool is_in_flight(const struct cached_conn *k)
{
    bool broken = k->faulty && k->answering && k->written == k->limit;
    return k->object && !broken && k->end->state == NET_OPEN && k->end->peer &&
           k->end->peer->state == NET_OPEN;
}

static void check_alone(struct cached_conn *k)
{
    struct world *w = k->world;
    if (k->object->passes || (w->plan.tolerance & MAY_FAIL))
        return;
    for (struct cached_conn *o = w->cached->conns; o; o = o->next)
        if (o != k && o->object == k->object && is_in_flight(o) && !may_be_old(w, o))
            sim_fail(&w->sim, "object %u is fetched by net %u while net %u fetches it",
                     k->object->id, k->end->number, o->end->number);
}

/* ---- the request ------------------------------------------------------------------------------
 */

static void on_head(struct message *m, void *user)
{
    struct cached_conn *k = user;
    struct cached *c = k->world->cached;
    uint32_t id = UINT32_MAX;
    char method[8];
    k->heads = strncmp(m->first, "HEAD", 4) == 0;
    if (sscanf(m->first, "%7s /o/%u HTTP/1.1", method, &id) != 2 || id >= c->objects_count ||
        strcmp(method, k->heads ? "HEAD" : "GET") != 0)
        sim_fail(sim_of(k), "a server got the request line '%s'", m->first);
    k->object = &c->objects[id];
    k->begun_ns = 0;
    sim_cover(sim_of(k), COVER_SERVER_REQUESTS);
    sim_trace(sim_of(k), "server: net %u: object %u", k->end->number, id);
    check_alone(k);
}

static void on_body(struct message *m, const uint8_t *bytes, size_t n, void *user)
{
    struct cached_conn *k = user;
    (void)m, (void)bytes, (void)n;
    sim_fail(sim_of(k), "a fetch has a body");
}

/* ---- the answer -------------------------------------------------------------------------------
 */

static void change(struct cached_conn *k)
{
    struct sim *s = sim_of(k);
    struct cached_object *o = k->object;
    uint32_t max = k->world->cached->object_bytes_max;
    if (o->version + 1 == CACHED_VERSIONS_MAX)
        return;
    o->version++;
    o->body_bytes[o->version] = sim_below(s, o->passes ? 4 * max : max + 1);
}

static void write_answer(struct cached_conn *k)
{
    struct sim *s = sim_of(k);
    struct cached_object *o = k->object;
    char etag[40];
    const char *known = message_field(&k->in, "if-none-match");
    if (sim_chance(s, 300))
        change(k);
    snprintf(etag, sizeof etag, "\"%u-%u\"", o->id, o->version);
    bool same = known && strcmp(known, etag) == 0;
    uint32_t n = o->body_bytes[o->version], id = cached_body_id(o, o->version);
    wire_format(&k->out, "HTTP/1.1 %s\r\nX-Object: %u\r\nX-Version: %u\r\n",
                same ? "304 Not Modified" : "200 OK", o->id, o->version);
    if (o->validates)
        wire_format(&k->out, "ETag: %s\r\n", etag);
    if (o->no_store)
        wire_str(&k->out, "Cache-Control: no-store\r\n");
    else
        wire_format(&k->out, "Cache-Control: max-age=%u\r\n", o->lifetime_s);
    if (same) {
        sim_cover(s, COVER_CACHE_VALIDATED);
        wire_str(&k->out, "\r\n");
        return;
    }
    switch (sim_below(s, 3)) {
    case 0:
        wire_str(&k->out, "Transfer-Encoding: chunked\r\n\r\n");
        if (!k->heads)
            wire_chunked(&k->out, id, BODY_OF_ANSWER, n, false);
        return;
    case 1:
        k->closes = true;
        wire_str(&k->out, "Connection: close\r\n\r\n");
        if (k->fault == FAULT_CUT) /* an end there would be none too early */
            k->fault = FAULT_RESET;
        break;
    default:
        wire_format(&k->out, "Content-Length: %u\r\n\r\n", n);
        break;
    }
    if (!k->heads)
        wire_body(&k->out, id, BODY_OF_ANSWER, 0, n);
}

static void choose_fault(struct cached_conn *k)
{
    struct sim *s = sim_of(k);
    const struct world_plan *p = &k->world->plan;
    k->fault = sim_chance(s, p->cut_answer)       ? FAULT_CUT
               : sim_chance(s, p->reset_answer)   ? FAULT_RESET
               : sim_chance(s, p->stalled_answer) ? FAULT_STALL
                                                  : FAULT_NONE;
}

static void on_wake(void *arg, uint64_t n);

static void prepare_answer(struct cached_conn *k)
{
    struct sim *s = sim_of(k);
    const struct world_plan *p = &k->world->plan;
    k->answering = true;
    k->closes = sim_chance(s, p->closes);
    choose_fault(k);
    write_answer(k);
    k->limit = k->out.len;
    k->faulty = k->fault != FAULT_NONE;
    if (k->faulty) {
        k->limit = sim_below(s, k->out.len);
        k->object->faults++;
        sim_cover(s, COVER_SERVER_FAULTS);
    }
    k->object->given_ns[k->object->version] = s->now_ns;
    k->write_at_ns = s->now_ns + (sim_chance(s, p->delayed) ? sim_range(s, 0, SIM_S) : 0);
    sim_at(s, k->write_at_ns, on_wake, k, 0);
}

static void answer_written(struct cached_conn *k)
{
    if (k->faulty && k->fault == FAULT_STALL)
        return;
    sim_trace(sim_of(k), "server: net %u: object %u: %s", k->end->number, k->object->id,
              k->faulty ? "breaks" : "whole");
    if (k->faulty || k->closes) {
        net_close(k->end, k->faulty && k->fault == FAULT_RESET);
        return;
    }
    k->object = NULL;
    k->answering = false;
    k->out.len = k->written = 0;
    message_reset(&k->in);
}

static void write_some(struct cached_conn *k)
{
    struct sim *s = sim_of(k);
    while (k->end->state == NET_OPEN && k->answering && s->now_ns >= k->write_at_ns) {
        if (k->written == k->limit) {
            answer_written(k);
            return;
        }
        uint32_t n = k->limit - k->written;
        if (n > k->piece_max)
            n = 1 + sim_below(s, k->piece_max);
        int res = net_write(k->end, k->out.bytes + k->written, n);
        if (res == -EAGAIN)
            return;
        if (res < 0) {
            net_close(k->end, false);
            return;
        }
        if (!k->begun_ns)
            k->begun_ns = s->now_ns;
        k->written += (uint32_t)res;
        if (k->pause_ns && k->written < k->limit) {
            k->write_at_ns = s->now_ns + sim_range(s, 0, k->pause_ns);
            sim_at(s, k->write_at_ns, on_wake, k, 0);
        }
    }
}

/* ---- the connection ---------------------------------------------------------------------------
 */

static void read_some(struct cached_conn *k)
{
    uint8_t bytes[PIECE_MAX];
    while (k->end->state == NET_OPEN && net_readable(k->end)) {
        int n = net_read(k->end, bytes, sizeof bytes);
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            net_close(k->end, false);
            return;
        }
        if (k->answering)
            sim_fail(sim_of(k), "net %u: the proxy sends on before the answer", k->end->number);
        uint32_t used = (uint32_t)message_feed(&k->in, bytes, (uint32_t)n);
        if (k->in.error || used < (uint32_t)n)
            sim_fail(sim_of(k), "net %u: a malformed fetch", k->end->number);
        if (k->in.state == MESSAGE_DONE)
            prepare_answer(k);
    }
}

static void step(struct cached_conn *k)
{
    read_some(k);
    write_some(k);
}

static void on_wake(void *arg, uint64_t n)
{
    (void)n;
    step(arg);
}

static void on_change(struct net_end *e, void *user)
{
    (void)e;
    step(user);
}

static void on_pending(struct net_listener *l, void *user)
{
    struct world *w = user;
    struct sim *s = &w->sim;
    struct net_end *e;
    while ((e = net_accept(l))) {
        struct cached_conn *k = sim_alloc(s, sizeof *k);
        *k = (struct cached_conn){
            .next = w->cached->conns, .world = w, .end = e, .piece_max = UINT32_MAX
        };
        w->cached->conns = k;
        k->out.sim = s;
        message_init(&k->in, s, true);
        k->in.on_head = on_head;
        k->in.on_body = on_body;
        k->in.user = k;
        if (sim_chance(s, w->plan.slow_server)) {
            k->piece_max = 200 + sim_below(s, 2000);
            k->pause_ns = sim_range(s, 1, 200 * SIM_MS);
        }
        e->on_change = on_change;
        e->user = k;
        step(k);
    }
}

struct addr cached_listen(struct world *w, uint32_t number)
{
    struct addr a = net_addr((uint16_t)(100 + number), 9000);
    net_listen(&w->net, &a, 128, on_pending, w);
    return a;
}
