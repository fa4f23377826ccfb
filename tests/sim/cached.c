/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/cached.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/proxy/cache_hub.h"
#include "tests/sim/message.h"

#define PIECE_MAX 16384
#define PATIENCE_NS (3600 * SIM_S)

/* Beyond lifetime and grace: whole seconds, heads on their way, connects that are repeated. */
#define AGE_SLACK_NS (15 * SIM_S)

struct cached_ask {
    const struct cached_object *object;
    bool head, begun, answered, cut, forwarded;
    bool said_last; /* the connection ends after it */
    uint32_t version;
    uint16_t status;
    uint64_t begun_ns, wire_bytes;
    /* as logged */
    uint32_t records;
    uint8_t reason, cache;
    uint16_t logged_status;
    uint64_t logged_bytes_out;
};

/* Asks for one object after the other, on one connection. */
struct cached_client {
    struct world *world;
    struct net_end *end;
    struct addr local;
    uint32_t number;
    struct cached_ask *asks;
    uint32_t asks_count, at;
    struct wire out;
    uint32_t written;
    struct message in;
    uint32_t read_max;
    uint64_t read_pause_ns, read_at_ns, think_ns;
    bool asking, done, vanished;
    uint32_t leaves_at; /* while that one is asked; asks_count: never */
    uint64_t leaves_after_ns;
};

static struct sim *sim_of(struct cached_client *c)
{
    return &c->world->sim;
}

static struct cached_ask *asked(struct cached_client *c)
{
    return &c->asks[c->at];
}

_Noreturn static void blame(const struct cached_client *c, const struct cached_ask *a,
                            const char *what)
{
    sim_fail(&c->world->sim,
             "cached client %u, request %u, of object %u (lifetime %u s%s, newest %u, broken %u "
             "times): %s\n  client: %s %u%s%s, version %u, %llu bytes, %llu of its body\n"
             "  log: %u, %s, %u, %s, %llu bytes",
             c->number, (uint32_t)(a - c->asks), a->object->id, a->object->lifetime_s,
             a->object->passes ? ", passes" : "", a->object->version, a->object->faults, what,
             a->answered ? "answered" : "not answered", a->status, a->cut ? ", cut" : "",
             c->vanished ? ", left" : "", a->version, (unsigned long long)a->wire_bytes,
             (unsigned long long)c->in.body_bytes, a->records,
             a->records ? end_reason_info((enum end_reason)a->reason)->word : "not logged",
             a->logged_status, cache_status_word((enum cache_status)a->cache),
             (unsigned long long)a->logged_bytes_out);
}

static void leave(struct cached_client *c, bool reset)
{
    if (c->done)
        return;
    net_close(c->end, reset);
    c->done = true;
    c->world->clients_done++;
    sim_trace(sim_of(c), "client %u: net %u: leaves%s", c->number, c->end->number,
              reset ? " hard" : "");
}

/* ---- answers ----------------------------------------------------------------------------------
 */

/* When a server last said that it was the newest, or that there was a newer one after it. */
static void check_age(struct cached_client *c, const struct cached_ask *a)
{
    const struct cached *all = c->world->cached;
    uint64_t good_ns = (a->object->lifetime_s + all->grace_s) * SIM_S + AGE_SLACK_NS;
    uint64_t given_ns = a->object->given_ns[a->version];
    if (!c->world->plan.faults.turn_stall && given_ns + good_ns < a->begun_ns)
        blame(c, a, "older than it may be");
}

static void on_head(struct message *m, void *user)
{
    struct cached_client *c = user;
    struct cached_ask *a = asked(c);
    a->status = strlen(m->first) > 12 ? (uint16_t)atoi(m->first + 9) : 0;
    const char *object = message_field(m, "x-object"), *version = message_field(m, "x-version");
    const char *close = message_field(m, "connection");
    a->forwarded = object != NULL;
    a->said_last = close && strcmp(close, "close") == 0;
    m->no_body = a->head;
    if (!a->forwarded)
        return;
    if (!version || (uint32_t)atoi(object) != a->object->id || message_field_count(m, "etag") > 1)
        blame(c, a, "it has another's answer");
    a->version = (uint32_t)atoi(version);
    if (a->status != 200 || a->version > a->object->version)
        blame(c, a, "no server has such a version");
    if (m->has_length && m->length != a->object->body_bytes[a->version])
        blame(c, a, "another length is said");
    check_age(c, a);
}

static void on_body(struct message *m, const uint8_t *bytes, size_t n, void *user)
{
    struct cached_client *c = user;
    struct cached_ask *a = asked(c);
    uint32_t id = cached_body_id(a->object, a->version);
    for (size_t i = 0; a->forwarded && i < n; i++)
        if (bytes[i] != body_byte(id, BODY_OF_ANSWER, m->body_bytes + i))
            blame(c, a, "its body is wrong");
}

static void on_wake(void *arg, uint64_t n);

static void answered(struct cached_client *c)
{
    struct sim *s = sim_of(c);
    struct cached_ask *a = asked(c);
    a->answered = true;
    a->wire_bytes = c->in.wire_bytes;
    sim_cover(s, COVER_ANSWERS);
    if (a->forwarded && !a->head && c->in.body_bytes != a->object->body_bytes[a->version])
        blame(c, a, "an orderly end before all of it came");
    message_reset(&c->in);
    c->asking = false;
    if (a->said_last || ++c->at == c->asks_count)
        leave(c, false);
    else
        sim_after(s, sim_range(s, 0, c->think_ns), on_wake, c, c->at);
}

/* The other side ended the connection. */
static void ended(struct cached_client *c)
{
    struct cached_ask *a = asked(c);
    if (c->asking && message_begun(&c->in)) {
        a->cut = true;
        a->wire_bytes = c->in.wire_bytes;
        sim_cover(sim_of(c), COVER_ANSWERS_CUT);
    }
    leave(c, false);
}

static void read_some(struct cached_client *c)
{
    struct sim *s = sim_of(c);
    uint8_t bytes[PIECE_MAX];
    while (!c->done && net_readable(c->end) && s->now_ns >= c->read_at_ns) {
        int n = net_read(c->end, bytes, 1 + sim_below(s, c->read_max));
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            ended(c);
            return;
        }
        if (!c->asking)
            sim_fail(s, "cached client %u is answered and has not asked", c->number);
        uint32_t used = (uint32_t)message_feed(&c->in, bytes, (uint32_t)n);
        if (c->in.error || used < (uint32_t)n)
            blame(c, asked(c), c->in.error ? c->in.error : "bytes follow its answer");
        if (c->in.state == MESSAGE_DONE)
            answered(c);
        if (!c->done && c->read_pause_ns) {
            c->read_at_ns = s->now_ns + sim_range(s, 1, c->read_pause_ns);
            sim_at(s, c->read_at_ns, on_wake, c, UINT64_MAX);
        }
    }
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static void on_leave(void *arg, uint64_t at)
{
    struct cached_client *c = arg;
    if (c->done || c->at != at || !c->asking)
        return;
    c->vanished = true;
    sim_cover(sim_of(c), COVER_VANISHED);
    leave(c, sim_chance(sim_of(c), 500));
}

static void on_patience(void *arg, uint64_t at)
{
    struct cached_client *c = arg;
    if (!c->done && c->at == at && c->asking)
        blame(c, asked(c), "waits for ever");
}

static void ask(struct cached_client *c)
{
    struct sim *s = sim_of(c);
    struct cached_ask *a = asked(c);
    c->asking = a->begun = true;
    a->begun_ns = s->now_ns;
    c->out.len = c->written = 0;
    wire_format(&c->out, "%s /o/%u HTTP/1.1\r\nHost: a\r\n\r\n", a->head ? "HEAD" : "GET",
                a->object->id);
    sim_cover(s, COVER_ASKS_BEGUN);
    sim_trace(s, "client %u: net %u: asks for %u", c->number, c->end->number, a->object->id);
    sim_after(s, PATIENCE_NS, on_patience, c, c->at);
    if (c->at == c->leaves_at)
        sim_after(s, c->leaves_after_ns, on_leave, c, c->at);
}

static void write_some(struct cached_client *c)
{
    while (!c->done && c->asking && c->written < c->out.len) {
        int n = net_write(c->end, c->out.bytes + c->written, c->out.len - c->written);
        if (n == -EAGAIN)
            return;
        if (n < 0) {
            ended(c);
            return;
        }
        c->written += (uint32_t)n;
    }
}

static void step(struct cached_client *c)
{
    if (c->done || c->end->state == NET_CONNECTING)
        return;
    if (c->end->state == NET_FAILED) {
        leave(c, false);
        return;
    }
    read_some(c);
    write_some(c);
}

/* at: the request whose time has come; UINT64_MAX: none. */
static void on_wake(void *arg, uint64_t at)
{
    struct cached_client *c = arg;
    if (!c->done && c->at == at && !c->asking)
        ask(c);
    step(c);
}

static void on_change(struct net_end *e, void *user)
{
    struct cached_client *c = user;
    if (e->state == NET_OPEN && c->at == 0 && !c->asks[0].begun)
        ask(c);
    step(c);
}

static void on_start(void *arg, uint64_t n)
{
    struct cached_client *c = arg;
    (void)n;
    c->end = net_connect(&c->world->net, &c->local, &c->world->listen_addr, on_change, c);
}

/* ---- scripts ----------------------------------------------------------------------------------
 */

static void script(struct cached_client *c, struct world *w, uint32_t number)
{
    struct sim *s = &w->sim;
    const struct world_plan *p = &w->plan;
    uint16_t host = (uint16_t)(1000 + number), port = (uint16_t)(40000 + number);
    c->world = w;
    c->number = number;
    c->local = p->ipv6 ? net_addr6(host, port) : net_addr(host, port);
    c->asks_count = 1 + sim_below(s, p->asks_per_client_max);
    c->asks = sim_alloc(s, c->asks_count * sizeof *c->asks);
    for (uint32_t i = 0; i < c->asks_count; i++) {
        c->asks[i].object = &w->cached->objects[sim_below(s, w->cached->objects_count)];
        c->asks[i].head = sim_chance(s, 100);
        sim_cover(s, COVER_ASKS);
    }
    c->out.sim = s;
    message_init(&c->in, s, false);
    c->in.on_head = on_head;
    c->in.on_body = on_body;
    c->in.user = c;
    c->read_max = PIECE_MAX;
    if (sim_chance(s, p->slow_reader)) {
        c->read_max = 100 + sim_below(s, 3000);
        c->read_pause_ns = 50 * SIM_MS;
    }
    c->think_ns = sim_chance(s, 500) ? SIM_MS : 10 * SIM_S;
    c->leaves_at = sim_chance(s, p->vanish) ? sim_below(s, c->asks_count) : c->asks_count;
    c->leaves_after_ns = sim_range(s, 0, sim_chance(s, 500) ? 20 * SIM_MS : SIM_S);
}

void cached_make(struct world *w)
{
    struct sim *s = &w->sim;
    w->cached->clients = sim_alloc(s, w->plan.clients * sizeof *w->cached->clients);
    for (uint32_t i = 0; i < w->plan.clients; i++) {
        struct cached_client *c = &w->cached->clients[i];
        script(c, w, i);
        sim_cover(s, COVER_CLIENTS);
        /* In crowds. */
        sim_after(s, sim_below(s, 5) * 4 * SIM_S + sim_range(s, 0, 20 * SIM_MS), on_start, c, 0);
    }
}

static void make_objects(struct world *w)
{
    struct sim *s = &w->sim;
    struct cached *c = w->cached;
    static const uint32_t lifetimes_s[] = { 0, 1, 3, 3600 };
    c->object_bytes_max = 100 + sim_below(s, w->plan.body_bytes_max);
    c->objects_count = 1 + sim_below(s, 6);
    c->objects = sim_alloc(s, c->objects_count * sizeof *c->objects);
    for (uint32_t i = 0; i < c->objects_count; i++) {
        struct cached_object *o = &c->objects[i];
        o->id = i;
        o->lifetime_s = lifetimes_s[sim_below(s, ARRAY_LEN(lifetimes_s))];
        o->passes = sim_chance(s, 200);
        o->no_store = o->passes && sim_chance(s, 500);
        o->validates = o->lifetime_s == 0 || sim_chance(s, 500);
        o->body_bytes[0] = sim_below(s, o->passes ? 4 * c->object_bytes_max : c->object_bytes_max);
    }
}

void cached_configure(struct world *w)
{
    struct sim *s = &w->sim;
    struct cache_config *rules = sim_alloc(s, sizeof *rules);
    w->cached = sim_alloc(s, sizeof *w->cached);
    w->cached->grace_s = sim_chance(s, 500) ? 0 : 1 + sim_below(s, 10);
    make_objects(w);
    *rules = (struct cache_config){
        .grace_s = w->cached->grace_s,
        .pass_s = 1 + sim_below(s, 10),
        .object_bytes_max = w->cached->object_bytes_max,
        .status_field = sim_chance(s, 500),
        .query_key = QUERY_ALL,
    };
    w->plan.config->sites[0].routes[0].handling.cache = rules;
    /* Its tables are most of the small one: hardly anything is kept. */
    uint64_t budget_bytes = sim_chance(s, 300) ? 600000 + sim_below(s, 200000) : 64 << 20;
    w->cache = cache_hub_create(budget_bytes, w->plan.workers);
    CHECK(w->cache);
    w->cache->cache->seed = sim_below(s, UINT32_MAX);
}

/* ---- the judge --------------------------------------------------------------------------------
 */

void cached_judge_record(struct world *w, const struct record *rec)
{
    static const enum cover_id covers[CACHE_STATUS_COUNT] = {
        [CACHE_MISS] = COVER_CACHE_MISSES,       [CACHE_COLLAPSED] = COVER_CACHE_COLLAPSED,
        [CACHE_HIT] = COVER_CACHE_HITS,          [CACHE_STALE] = COVER_CACHE_STALE,
        [CACHE_REVALIDATED] = COVER_CACHE_ASKED, [CACHE_PASS] = COVER_CACHE_PASSES,
    };
    sim_cover(&w->sim, COVER_RECORDS);
    w->cached->records++;
    for (uint32_t i = 0; i < w->plan.clients; i++) {
        struct cached_client *c = &w->cached->clients[i];
        struct peer_addr own = peer_addr_of(&c->local);
        if (memcmp(&own, &rec->peer, sizeof own) != 0)
            continue;
        if (rec->request < 1 || rec->request > c->asks_count || !c->asks[rec->request - 1].begun)
            break;
        struct cached_ask *a = &c->asks[rec->request - 1];
        a->reason = rec->end_reason;
        a->cache = rec->cache;
        a->logged_status = rec->status;
        a->logged_bytes_out = rec->bytes_out;
        if (++a->records > 1)
            blame(c, a, "logged twice");
        if (covers[a->cache])
            sim_cover(&w->sim, covers[a->cache]);
        return;
    }
    sim_fail(&w->sim, "a log record of nobody's request, number %u", rec->request);
}

/* Whether something may have gone wrong that was not its client. */
static bool may_fail(const struct world *w, const struct cached_ask *a)
{
    return a->object->faults || w->draining_early || (w->plan.tolerance & MAY_FAIL);
}

static void judge_answer(const struct cached_client *c, const struct cached_ask *a)
{
    const struct world *w = c->world;
    bool own = a->status == 502 || a->status == 503 || a->status == 504 ||
               (a->status == 408 && (w->plan.tolerance & MAY_TIME_OUT)) ||
               (a->status == 431 && (w->plan.tolerance & MAY_BE_SHED));
    if (!a->forwarded && (!own || !may_fail(w, a)))
        blame(c, a, "answered by the proxy itself");
    if (a->logged_status != a->status)
        blame(c, a, "another status is logged");
    if (w->draining_early || (w->plan.tolerance & MAY_FAIL))
        return; /* of our own ends the client may know nothing */
    if (a->forwarded && a->reason != END_OK)
        blame(c, a, "a whole answer is logged as a failure");
    if (a->logged_bytes_out != a->wire_bytes && !a->head)
        blame(c, a, "other bytes are logged than came");
}

static void judge_ask(const struct cached_client *c, const struct cached_ask *a)
{
    const struct world *w = c->world;
    bool slow = a->reason == END_CLIENT_WRITE_TIMEOUT && c->read_pause_ns;
    if (a->begun && !a->records && (a->answered || a->cut))
        blame(c, a, "not logged");
    if (!a->begun || c->vanished)
        return;
    if (a->answered)
        judge_answer(c, a);
    else if (!may_fail(w, a) && !slow)
        blame(c, a, a->cut ? "cut without need" : "not answered");
    else if (a->cut && a->reason == END_OK && !w->draining_early)
        blame(c, a, "logged as answered in full");
}

void cached_judge(struct world *w, uint64_t counted)
{
    for (uint32_t i = 0; i < w->plan.clients; i++) {
        const struct cached_client *c = &w->cached->clients[i];
        for (uint32_t k = 0; k < c->asks_count; k++)
            judge_ask(c, &c->asks[k]);
    }
    if (counted != w->cached->records)
        sim_fail(&w->sim, "%llu exchanges are counted, %llu logged", (unsigned long long)counted,
                 (unsigned long long)w->cached->records);
}
