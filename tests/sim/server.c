/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/check.h"
#include "tests/sim/caps.h"
#include "tests/sim/client.h"
#include "tests/sim/rules.h"

#define PIECE_MAX 16384

struct conn {
    struct conn *next;
    struct sim_server *host;
    struct net_end *end;
    struct seam seam; /* on it */
    struct message in;
    struct ask *ask; /* being read or answered; NULL: between requests */
    struct wire out;
    uint32_t written;
    uint32_t limit; /* of out: there the answer ends or breaks */
    bool answering; /* the answer is in `out` */
    bool answered;  /* ... and written up to the limit */
    bool faulty;    /* it breaks */
    uint64_t write_at_ns, read_at_ns;
    uint64_t pause_ns; /* a slow server's */
    uint32_t piece_max;
    uint32_t requests;
};

static void step(struct conn *k);

static struct sim *sim_of(struct conn *k)
{
    return &k->host->world->sim;
}

static void on_wake(void *arg, uint64_t n)
{
    (void)n;
    step(arg);
}

static void hang_up(struct conn *k, bool reset)
{
    if (k->ask && k->in.state != MESSAGE_DONE)
        sim_cover(sim_of(k), COVER_SERVER_CUT);
    seam_close(&k->seam, reset);
}

/* ---- the request ------------------------------------------------------------------------------
 */

static void check_fields(struct conn *k, const struct ask *a)
{
    struct sim *s = sim_of(k);
    const struct message *m = &k->in;
    static const char *const never[] = {
        "connection", "keep-alive",    "proxy-connection",    "te",     "upgrade",
        "x-hop",      "x-under_score", "proxy-authorization", "trailer"
    };
    for (uint32_t i = 0; i < ARRAY_LEN(never); i++)
        if (message_field(m, never[i]))
            sim_fail(s, "request %u reached a server with a field %s", a->id, never[i]);
    static const char *const once[] = {
        "host", "x-id", "x-request-id", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"
    };
    for (uint32_t i = 0; i < ARRAY_LEN(once); i++)
        if (message_field_count(m, once[i]) != 1)
            sim_fail(s, "request %u reached a server with %u fields %s", a->id,
                     message_field_count(m, once[i]), once[i]);
    char ip[ADDR_TEXT_MAX];
    struct peer_addr peer = peer_addr_of(&a->client->local);
    peer_addr_format_ip(&peer, ip);
    if (strcmp(message_field(m, "x-forwarded-for"), ip) != 0)
        sim_fail(s, "request %u is said to be of %s, not %s", a->id,
                 message_field(m, "x-forwarded-for"), ip);
    if (strcmp(message_field(m, "x-request-id"), "spoofed") == 0)
        sim_fail(s, "request %u kept the id that its client gave", a->id);
    if (message_field(m, "expect") && !a->expects)
        sim_fail(s, "request %u expects something", a->id);
}

static void check_framing(struct conn *k, const struct ask *a)
{
    const struct message *m = &k->in;
    bool right = a->body == ASK_CHUNKED ? m->chunked : !m->chunked;
    if (a->body == ASK_LENGTH)
        right = right && m->has_length && m->length == a->body_bytes;
    if (a->body == ASK_NO_BODY)
        right = right && m->length == 0;
    if (!right)
        sim_fail(sim_of(k), "request %u reached a server with another framing", a->id);
}

/* Requests that it has not answered, of which the proxy may still want the answer. */
static uint32_t in_flight(const struct sim_server *host)
{
    uint32_t n = 0;
    for (const struct conn *k = host->conns; k; k = k->next)
        n += k->ask && !k->answered && seam_open(&k->seam) && k->end->peer &&
             k->end->peer->state == NET_OPEN;
    return n;
}

static void on_head(struct message *m, void *user)
{
    struct conn *k = user;
    struct world *w = k->host->world;
    struct sim *s = &w->sim;
    char method[40], target[200];
    if (sscanf(m->first, "%39s %199s HTTP/1.1", method, target) != 2 ||
        strlen(m->first) != strlen(method) + strlen(target) + 10)
        sim_fail(s, "server %u got the request line '%s'", k->host->number, m->first);
    const char *id = message_field(m, "x-id");
    struct ask *a = id ? world_ask(w, (uint32_t)atoi(id)) : NULL;
    if (!a)
        sim_fail(s, "server %u got a request of nobody: %s", k->host->number, m->first);
    if (a->bad && !a->bad->may_arrive)
        sim_fail(s, "the malformed request %u (%s) reached a server", a->id, a->bad->name);
    if (!a->bad && (strcmp(method, a->method) != 0 || strcmp(target, a->target) != 0))
        sim_fail(s, "request %u reached a server as %s", a->id, m->first);
    if (!a->bad)
        check_framing(k, a);
    check_fields(k, a);
    if (w->plan.rules)
        rules_check_request(s, a, m);
    k->ask = a;
    k->requests++;
    caps_check_server(w, k->host->number, in_flight(k->host));
    a->arrivals++;
    sim_cover(s, COVER_SERVER_REQUESTS);
    if (a->arrivals > 1)
        sim_cover(s, COVER_SERVER_AGAIN);
    if (a->arrivals > 1 && !a->idempotent)
        sim_fail(s, "request %u (%s) reached a server twice", a->id, a->method);
    sim_trace(s, "server %u: net %u: %s, time %u", k->host->number, k->end->number, m->first,
              a->arrivals);
}

static void on_body(struct message *m, const uint8_t *bytes, size_t n, void *user)
{
    struct conn *k = user;
    const struct ask *a = k->ask;
    if (a->bad)
        return;
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != body_byte(a->id, BODY_OF_REQUEST, m->body_bytes + i))
            sim_fail(sim_of(k), "the body of %u is wrong at byte %llu", a->id,
                     (unsigned long long)(m->body_bytes + i));
}

static void check_whole(struct conn *k)
{
    struct sim *s = sim_of(k);
    struct ask *a = k->ask;
    a->arrivals_whole++;
    if (a->bad)
        sim_fail(s, "the malformed request %u (%s) reached a server whole", a->id, a->bad->name);
    if (k->in.body_bytes != a->body_bytes || a->sent_bytes < a->wire.len)
        sim_fail(s, "request %u ends cleanly after %llu bytes of %u, %u of %u sent", a->id,
                 (unsigned long long)k->in.body_bytes, a->body_bytes, a->sent_bytes, a->wire.len);
    if (a->trailers && !(a->tolerance & MAY_BE_SHED) &&
        (k->in.trailers_count != 1 || (uint32_t)atoi(k->in.trailers[0].value) != a->id))
        sim_fail(s, "request %u lost its trailer", a->id);
}

/* ---- the answer -------------------------------------------------------------------------------
 */

/* An answer that nobody asked for, in the same packet as the end of the right one. Only where the
 * proxy can but see it: its receive takes both. */
static void add_surplus(struct conn *k)
{
    if (k->seam.ssl) /* it could be in a record of its own */
        return;
    struct net_way *way = &k->end->out;
    if (way->window - (uint32_t)(way->written - way->taken) < k->out.len + 100)
        return;
    wire_str(&k->out, "HTTP/1.1 299 Poison\r\nX-Id: 0\r\nContent-Length: 0\r\n\r\n");
    k->limit = k->out.len;
    k->end->peer->whole_reads = true;
    k->piece_max = UINT32_MAX;
    k->pause_ns = 0;
}

static void prepare_answer(struct conn *k)
{
    struct sim *s = sim_of(k);
    struct ask *a = k->ask;
    struct answer_script *r = &a->answer;
    uint32_t before = k->out.len;
    k->answering = true;
    k->faulty = r->fault != FAULT_NONE && a->arrivals <= r->fault_times;
    if (k->faulty && r->fault == FAULT_BAD)
        bad_text(&k->out, r->bad->text, a->id, r->bad->fill, r->bad->fill_bytes);
    else
        answer_write(&k->out, a);
    k->limit = k->out.len;
    if (k->faulty && r->fault != FAULT_BAD)
        k->limit = before + (uint32_t)((uint64_t)(k->out.len - before) * r->fault_permille / 1000);
    if (!k->faulty && r->surplus)
        add_surplus(k);
    if (k->faulty)
        sim_cover(s, COVER_SERVER_FAULTS);
    if (k->in.state != MESSAGE_DONE)
        sim_cover(s, COVER_SERVER_EARLY);
    k->write_at_ns = s->now_ns + r->delay_ns;
    sim_at(s, k->write_at_ns, on_wake, k, 0);
}

static void on_idle_over(void *arg, uint64_t requests)
{
    struct conn *k = arg;
    if (!seam_open(&k->seam) || k->ask || k->requests != requests || message_begun(&k->in))
        return;
    sim_cover(sim_of(k), COVER_SERVER_STALE);
    sim_trace(sim_of(k), "server %u: net %u: closes idle", k->host->number, k->end->number);
    /* RST only when the proxy has read its answer: it could lose it. */
    bool read = seam_all_taken(&k->seam);
    hang_up(k, read && sim_chance(sim_of(k), 500));
}

static void next_request(struct conn *k)
{
    struct sim *s = sim_of(k);
    k->ask = NULL;
    k->answering = k->answered = k->faulty = false;
    k->out.len = k->written = 0;
    message_reset(&k->in);
    if (sim_chance(s, k->host->world->plan.stale_close))
        sim_after(s, sim_range(s, 0, 5 * SIM_S), on_idle_over, k, k->requests);
}

/* The answer is written as far as it goes. */
static void answer_written(struct conn *k)
{
    struct sim *s = sim_of(k);
    const struct answer_script *r = &k->ask->answer;
    bool whole = k->in.state == MESSAGE_DONE;
    k->answered = true;
    if (k->faulty) {
        if (r->fault == FAULT_RESET)
            hang_up(k, true);
        else if (r->fault == FAULT_CUT || (r->fault == FAULT_BAD && sim_chance(s, 500)))
            hang_up(k, false);
        return; /* else: stands there */
    }
    if (r->closes || r->framing == ANSWER_CLOSE || (!whole && !r->reads_rest)) {
        if (r->closes && !r->says_close && r->framing != ANSWER_CLOSE)
            sim_cover(s, COVER_SERVER_STALE);
        hang_up(k, false);
        return;
    }
    if (whole)
        next_request(k);
}

static void write_some(struct conn *k)
{
    struct sim *s = sim_of(k);
    while (seam_open(&k->seam) && k->out.len > 0 && !k->answered) {
        if (s->now_ns < k->write_at_ns && k->answering)
            return;
        uint32_t end = k->answering ? k->limit : k->out.len;
        if (k->written == end) {
            if (k->answering)
                answer_written(k);
            return;
        }
        uint32_t n = end - k->written;
        if (n > k->piece_max)
            n = 1 + sim_below(s, k->piece_max);
        int res = seam_write(&k->seam, k->out.bytes + k->written, n);
        if (res == -EAGAIN)
            return;
        if (res < 0) {
            hang_up(k, false);
            return;
        }
        k->written += (uint32_t)res;
        if (k->answering && k->written == k->limit) {
            answer_written(k);
        } else if (k->pause_ns) {
            k->write_at_ns = s->now_ns + sim_range(s, 0, k->pause_ns);
            sim_at(s, k->write_at_ns, on_wake, k, 0);
        }
    }
}

/* ---- the connection ---------------------------------------------------------------------------
 */

static void feed(struct conn *k, const uint8_t *bytes, uint32_t n)
{
    struct sim *s = sim_of(k);
    while (n > 0) {
        if (k->in.state == MESSAGE_DONE)
            sim_fail(s, "net %u: the proxy sends on before the answer to %u is out", k->end->number,
                     k->ask->id);
        bool had_head = k->ask != NULL;
        uint32_t used = (uint32_t)message_feed(&k->in, bytes, n);
        if (k->in.error)
            sim_fail(s, "net %u: what reached server %u is malformed: %s", k->end->number,
                     k->host->number, k->in.error);
        bytes += used;
        n -= used;
        if (k->ask && !had_head) {
            const struct answer_script *r = &k->ask->answer;
            if (message_field(&k->in, "expect") && r->continues && !r->early)
                wire_str(&k->out, "HTTP/1.1 100 Continue\r\n\r\n");
            if (r->early)
                prepare_answer(k);
        }
        if (k->in.state == MESSAGE_DONE) {
            check_whole(k);
            if (!k->answering)
                prepare_answer(k);
            else if (k->answered && !k->faulty)
                next_request(k);
        }
    }
}

static void read_some(struct conn *k)
{
    struct sim *s = sim_of(k);
    uint8_t bytes[PIECE_MAX];
    while (seam_readable(&k->seam) && s->now_ns >= k->read_at_ns) {
        uint32_t max = k->piece_max < PIECE_MAX ? 1 + sim_below(s, k->piece_max) : PIECE_MAX;
        int res = seam_read(&k->seam, bytes, max);
        if (res == -EAGAIN)
            return;
        if (res <= 0) {
            sim_trace(s, "server %u: net %u: sees %s", k->host->number, k->end->number,
                      res ? "a reset" : "the end");
            hang_up(k, false);
            return;
        }
        feed(k, bytes, (uint32_t)res);
        if (k->pause_ns) {
            k->read_at_ns = s->now_ns + sim_range(s, 0, k->pause_ns);
            sim_at(s, k->read_at_ns, on_wake, k, 0);
        }
    }
}

static void step(struct conn *k)
{
    if (seam_open(&k->seam))
        read_some(k);
    if (seam_open(&k->seam))
        write_some(k);
}

static void on_change(struct seam *m, void *user)
{
    (void)m;
    struct conn *k = user;
    if (k->seam.fate_met && k->seam.fate == SEAM_RESETS && seam_open(&k->seam))
        hang_up(k, true);
    else
        step(k);
}

static void choose_seam_fate(struct conn *k, struct sim *s, const struct world_plan *p)
{
    if (!k->seam.group || !sim_chance(s, p->tls_faults))
        return;
    sim_cover(s, COVER_SERVER_FAULTS);
    k->seam.fate = SEAM_STALLS + sim_below(s, 3);
    k->seam.fate_at = sim_below(s, 2000);
}

static void on_pending(struct net_listener *l, void *user)
{
    struct sim_server *host = user;
    struct sim *s = &host->world->sim;
    struct net_end *e;
    while ((e = net_accept(l))) {
        struct conn *k = sim_alloc(s, sizeof *k);
        k->host = host;
        k->next = host->conns;
        host->conns = k;
        k->end = e;
        caps_check_server(host->world, host->number, 0);
        k->out.sim = s;
        k->piece_max = UINT32_MAX;
        if (sim_chance(s, host->world->plan.slow_server)) {
            k->piece_max = 200 + sim_below(s, 2000);
            k->pause_ns = sim_range(s, 1, 20 * SIM_MS);
        }
        message_init(&k->in, s, true);
        k->in.on_head = on_head;
        k->in.on_body = on_body;
        k->in.user = k;
        seam_init(&k->seam, host->world->plan.tls_servers ? &host->world->seams : NULL, e, false,
                  on_change, k);
        choose_seam_fate(k, s, &host->world->plan);
        step(k);
    }
}

struct sim_server *server_make(struct world *w, uint32_t number, const struct addr *addr,
                               enum net_host mode)
{
    struct sim_server *host = sim_alloc(&w->sim, sizeof *host);
    host->world = w;
    host->number = number;
    host->addr = *addr;
    host->listener = net_listen(&w->net, addr, 128, on_pending, host);
    host->listener->mode = mode;
    return host;
}
