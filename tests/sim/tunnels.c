/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/tunnels.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"

#define ID_BYTES 4 /* what each side sends first: its number */
#define PIECE_MAX 16384
#define PORT 9000

enum fate {
    FATE_STAYS,         /* sends all, ends its side, waits for the other's end */
    FATE_LEAVES,        /* closes when it has sent all */
    FATE_RESETS,        /* at `fate_at` bytes sent */
    FATE_RESETS_SECOND, /* at `fate_at` bytes received */
    FATES,
};

struct tunnel_peer {
    struct tunnel_peer *next; /* of the servers' */
    struct world *world;
    struct sim_tunnel *tunnel; /* a server's: NULL until it knows */
    struct net_end *end;
    uint32_t number, other; /* other: as it came, once all of it is there */
    bool is_client;
    enum fate fate;
    uint64_t fate_at;
    uint32_t piece_max;
    uint64_t pause_ns, read_at_ns, write_at_ns;

    /* before the tunnel: a head to be sent, one to be received */
    char head_out[128], head_in[1024];
    uint32_t head_out_len, head_out_sent, head_in_len;
    bool awaits_head, sends_early;

    uint64_t total, sent, received;
    bool shut;    /* its side: all is sent, and said to be */
    bool ended;   /* the other side's orderly end came */
    bool broken;  /* a reset came */
    bool refused; /* no tunnel was made */
    bool closed;
};

struct sim_tunnel {
    struct tunnel_peer client;
    struct tunnel_peer *server; /* NULL: none knows of it */
    struct addr local;
    uint32_t opened, closed; /* log records */
    uint8_t reason;
    uint64_t bytes_in, bytes_out;
};

static struct sim *sim_of(struct tunnel_peer *p)
{
    return &p->world->sim;
}

static uint8_t byte_at(const struct tunnel_peer *p, uint64_t at)
{
    if (at < ID_BYTES)
        return (uint8_t)(p->number >> (8 * at));
    return (uint8_t)(p->number * 31 + p->is_client * 17 + at * 7 + (at >> 8) * 13);
}

static void close_peer(struct tunnel_peer *p, bool reset)
{
    net_close(p->end, reset);
    p->closed = true;
    p->world->clients_done += p->is_client;
    sim_trace(sim_of(p), "%s %u: net %u: closes%s, sent %llu, received %llu",
              p->is_client ? "tunnel client" : "tunnel server", p->number, p->end->number,
              reset ? " hard" : "", (unsigned long long)p->sent, (unsigned long long)p->received);
}

/* ---- receiving ----------------------------------------------------------------------------- */

/* The other side's number is known: both must mean each other. */
static void meet(struct tunnel_peer *p)
{
    struct world *w = p->world;
    if (p->is_client) {
        struct tunnel_peer *server = w->tunnel_servers;
        while (server && server->number != p->other)
            server = server->next;
        if (!server || (p->tunnel->server && p->tunnel->server != server))
            sim_fail(&w->sim, "tunnel %u has bytes of another's server %u", p->number, p->other);
        p->tunnel->server = server;
        return;
    }
    struct sim_tunnel *t = p->other < w->plan.clients ? &w->tunnels[p->other] : NULL;
    if (!t || (t->server && t->server != p))
        sim_fail(&w->sim, "server %u has bytes of another's client %u", p->number, p->other);
    t->server = p;
    p->tunnel = t;
}

static void take(struct tunnel_peer *p, const uint8_t *bytes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++, p->received++) {
        if (p->received < ID_BYTES)
            p->other |= (uint32_t)bytes[i] << (8 * p->received);
        if (p->received == ID_BYTES - 1)
            meet(p);
        const struct tunnel_peer from = { .number = p->other, .is_client = !p->is_client };
        if (p->received >= ID_BYTES && bytes[i] != byte_at(&from, p->received))
            sim_fail(sim_of(p), "%s %u: byte %llu of the other side is wrong",
                     p->is_client ? "tunnel client" : "tunnel server", p->number,
                     (unsigned long long)p->received);
    }
}

/* Bytes of the head; what is behind it is the tunnel's. */
static uint32_t take_head(struct tunnel_peer *p, const uint8_t *bytes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        CHECK(p->head_in_len < sizeof p->head_in - 1);
        p->head_in[p->head_in_len++] = (char)bytes[i];
        if (p->head_in_len < 4 || memcmp(p->head_in + p->head_in_len - 4, "\r\n\r\n", 4) != 0)
            continue;
        p->awaits_head = false;
        p->refused = p->is_client && strncmp(p->head_in, "HTTP/1.1 200 ", 13) != 0 &&
                     strncmp(p->head_in, "HTTP/1.1 101 ", 13) != 0;
        return i + 1;
    }
    return n;
}

static void read_some(struct tunnel_peer *p)
{
    struct sim *s = sim_of(p);
    uint8_t bytes[PIECE_MAX];
    while (!p->closed && !p->ended && net_readable(p->end) && s->now_ns >= p->read_at_ns) {
        int n = net_read(p->end, bytes, 1 + sim_below(s, p->piece_max));
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            p->broken = n < 0;
            p->ended = n == 0;
            if (p->broken || p->awaits_head)
                close_peer(p, false);
            return;
        }
        uint32_t used = p->awaits_head ? take_head(p, bytes, (uint32_t)n) : 0;
        if (p->refused) {
            close_peer(p, false);
            return;
        }
        take(p, bytes + used, (uint32_t)n - used);
        if (p->fate == FATE_RESETS_SECOND && p->received >= p->fate_at)
            close_peer(p, true);
        if (p->pause_ns)
            p->read_at_ns = s->now_ns + sim_range(s, 1, p->pause_ns);
    }
}

/* ---- sending ------------------------------------------------------------------------------- */

static void all_sent(struct tunnel_peer *p)
{
    p->shut = true;
    if (p->fate == FATE_LEAVES)
        close_peer(p, false);
    else
        net_shutdown_write(p->end);
}

/* The next bytes that it may send: 0: none now. */
static uint32_t next_piece(struct tunnel_peer *p, uint8_t bytes[PIECE_MAX])
{
    uint32_t n = 0, max = 1 + sim_below(sim_of(p), p->piece_max);
    if (!p->is_client && p->awaits_head)
        return 0;
    while (n < max && p->head_out_sent + n < p->head_out_len) {
        bytes[n] = (uint8_t)p->head_out[p->head_out_sent + n];
        n++;
    }
    if (n || (p->awaits_head && !p->sends_early))
        return n;
    uint64_t end = p->fate == FATE_RESETS ? p->fate_at : p->total;
    while (n < max && p->sent + n < end) {
        bytes[n] = byte_at(p, p->sent + n);
        n++;
    }
    return n;
}

static void write_some(struct tunnel_peer *p)
{
    struct sim *s = sim_of(p);
    uint8_t bytes[PIECE_MAX];
    while (!p->closed && !p->shut && s->now_ns >= p->write_at_ns) {
        uint32_t n = next_piece(p, bytes);
        if (n == 0)
            break;
        int res = net_write(p->end, bytes, n);
        if (res == -EAGAIN)
            return;
        if (res < 0) {
            p->broken = true;
            close_peer(p, false);
            return;
        }
        if (p->head_out_sent < p->head_out_len)
            p->head_out_sent += (uint32_t)res;
        else
            p->sent += (uint32_t)res;
        if (p->pause_ns)
            p->write_at_ns = s->now_ns + sim_range(s, 1, p->pause_ns);
    }
    if (p->closed || p->shut)
        return;
    if (p->fate == FATE_RESETS && p->sent >= p->fate_at)
        close_peer(p, true);
    else if (p->sent == p->total)
        all_sent(p);
}

static void on_wake(void *arg, uint64_t n);

static void step(struct tunnel_peer *p)
{
    struct sim *s = sim_of(p);
    if (p->closed || p->end->state == NET_CONNECTING)
        return;
    if (p->end->state == NET_FAILED) {
        p->broken = true;
        close_peer(p, false);
        return;
    }
    read_some(p);
    if (!p->closed)
        write_some(p);
    if (!p->closed && p->ended && p->shut)
        close_peer(p, false);
    if (!p->closed && p->read_at_ns > s->now_ns)
        sim_at(s, p->read_at_ns, on_wake, p, 0);
    if (!p->closed && p->write_at_ns > s->now_ns)
        sim_at(s, p->write_at_ns, on_wake, p, 0);
}

static void on_wake(void *arg, uint64_t n)
{
    struct tunnel_peer *p = arg;
    (void)n;
    if (!p->closed && (p->read_at_ns <= sim_of(p)->now_ns || p->write_at_ns <= sim_of(p)->now_ns))
        step(p);
}

static void on_change(struct net_end *e, void *user)
{
    (void)e;
    step(user);
}

/* ---- scripts ------------------------------------------------------------------------------- */

static void script(struct tunnel_peer *p, struct world *w, uint32_t number, bool is_client)
{
    struct sim *s = &w->sim;
    static const uint32_t pieces[] = { 1, 100, 2000, PIECE_MAX, PIECE_MAX, PIECE_MAX };
    p->world = w;
    p->number = number;
    p->is_client = is_client;
    p->total = ID_BYTES + sim_below(s, sim_chance(s, 300) ? w->plan.body_bytes_max : 2000);
    p->piece_max = pieces[sim_below(s, ARRAY_LEN(pieces))];
    if (sim_chance(s, 200) && p->piece_max >= 100)
        p->pause_ns = 20 * SIM_MS;
    if (p->piece_max < 2000 && p->total > 5000)
        p->total = 5000;
    if (sim_chance(s, w->plan.vanish)) {
        p->fate = FATE_LEAVES + sim_below(s, FATES - FATE_LEAVES);
        p->fate_at = sim_below(s, (uint32_t)p->total + 1);
    }
}

static void on_pending(struct net_listener *l, void *user)
{
    struct world *w = user;
    struct net_end *e;
    while ((e = net_accept(l))) {
        struct tunnel_peer *p = sim_alloc(&w->sim, sizeof *p);
        script(p, w, w->tunnel_servers ? w->tunnel_servers->number + 1 : 0, false);
        p->next = w->tunnel_servers;
        w->tunnel_servers = p;
        p->end = e;
        e->on_change = on_change;
        e->user = p;
        if (w->plan.tunnels == TUNNELS_UPGRADE) {
            p->awaits_head = true;
            p->head_out_len = (uint32_t)snprintf(p->head_out, sizeof p->head_out,
                                                 "HTTP/1.1 101 Switching Protocols\r\n"
                                                 "Connection: upgrade\r\nUpgrade: sim\r\n\r\n");
        }
        step(p);
    }
}

/* Public ones: who asks by CONNECT may not reach others. */
static struct addr server_addr(uint32_t number)
{
    struct addr a = net_addr(1, PORT);
    a.v4.sin_addr.s_addr = htonl(0x08080064 + number);
    return a;
}

struct addr tunnels_listen(struct world *w, uint32_t number)
{
    struct addr a = server_addr(number);
    net_listen(&w->net, &a, 128, on_pending, w);
    return a;
}

static void on_start(void *arg, uint64_t n)
{
    struct tunnel_peer *p = arg;
    (void)n;
    p->end = net_connect(&p->world->net, &p->tunnel->local, &p->world->listen_addr, on_change, p);
    sim_trace(sim_of(p), "tunnel client %u: net %u: connects", p->number, p->end->number);
}

static void script_head(struct tunnel_peer *p)
{
    struct world *w = p->world;
    int n = 0;
    if (w->plan.tunnels == TUNNELS_TCP)
        return;
    p->awaits_head = true;
    if (w->plan.tunnels == TUNNELS_UPGRADE) {
        n = snprintf(p->head_out, sizeof p->head_out,
                     "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: sim\r\n\r\n");
    } else {
        char to[ADDR_TEXT_MAX];
        struct addr a = server_addr(sim_below(&w->sim, w->plan.servers));
        addr_format(&a, to);
        n = snprintf(p->head_out, sizeof p->head_out, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", to,
                     to);
        /* After a refusal it would be the next request. */
        p->sends_early = !(w->plan.tolerance & MAY_FAIL) && sim_chance(&w->sim, 400);
    }
    CHECK((size_t)n < sizeof p->head_out);
    p->head_out_len = (uint32_t)n;
}

void tunnels_make(struct world *w)
{
    struct sim *s = &w->sim;
    w->tunnels = sim_alloc(s, w->plan.clients * sizeof *w->tunnels);
    for (uint32_t i = 0; i < w->plan.clients; i++) {
        struct sim_tunnel *t = &w->tunnels[i];
        uint16_t host = (uint16_t)(1000 + i), port = (uint16_t)(40000 + i);
        t->local = w->plan.ipv6 ? net_addr6(host, port) : net_addr(host, port);
        t->client.tunnel = t;
        script(&t->client, w, i, true);
        script_head(&t->client);
        sim_cover(s, COVER_TUNNELS);
        sim_after(s, sim_range(s, 0, 2 * SIM_S), on_start, &t->client, 0);
    }
}

void tunnels_configure(struct world *w)
{
    struct config *c = w->plan.config;
    struct listener_config *l = &c->listeners[0];
    if (w->plan.tunnels == TUNNELS_TCP) {
        l->tcp = &c->backends[0];
        l->site = NULL;
        l->log = c->logs;
    } else if (w->plan.tunnels == TUNNELS_CONNECT) {
        struct forward_config *f = sim_alloc(&w->sim, sizeof *f);
        struct port_range *all = sim_alloc(&w->sim, sizeof *all);
        *all = (struct port_range){ 1, UINT16_MAX };
        *f = (struct forward_config){ .otherwise_allows = true,
                                      .ports = { all, 1 },
                                      .via_name = STR("sim"),
                                      .fallback_ms = 250 };
        c->sites[0].forward = f;
        l->forward = &c->sites[0];
    }
}

/* ---- the judge ----------------------------------------------------------------------------- */

void tunnels_judge_record(struct world *w, const struct record *rec)
{
    struct sim_tunnel *t = NULL;
    for (uint32_t i = 0; i < w->plan.clients && !t; i++) {
        struct peer_addr own = peer_addr_of(&w->tunnels[i].local);
        if (memcmp(&own, &rec->peer, sizeof own) == 0)
            t = &w->tunnels[i];
    }
    sim_cover(&w->sim, COVER_RECORDS);
    if (!t)
        sim_fail(&w->sim, "a log record of nobody's tunnel");
    if (rec->end_reason == END_TUNNEL_OPENED) {
        t->opened++;
        if (t->closed)
            sim_fail(&w->sim, "tunnel %u is logged opened after its end", t->client.number);
    } else {
        t->closed++;
        t->reason = rec->end_reason;
        t->bytes_in = rec->bytes_in;
        t->bytes_out = rec->bytes_out;
    }
    if (t->opened > 1 || t->closed > 1)
        sim_fail(&w->sim, "tunnel %u is logged twice", t->client.number);
}

_Noreturn static void blame(struct world *w, const struct sim_tunnel *t, const char *what)
{
    const struct tunnel_peer *c = &t->client, *s = t->server;
    sim_fail(&w->sim,
             "tunnel %u: %s\n  client: sent %llu of %llu, received %llu, fate %d%s%s%s\n"
             "  server: sent %llu of %llu, received %llu, fate %d%s%s\n"
             "  log: opened %u, closed %u, %s, %llu in, %llu out",
             c->number, what, (unsigned long long)c->sent, (unsigned long long)c->total,
             (unsigned long long)c->received, c->fate, c->ended ? ", ended" : "",
             c->broken ? ", broken" : "", c->refused ? ", refused" : "",
             (unsigned long long)(s ? s->sent : 0), (unsigned long long)(s ? s->total : 0),
             (unsigned long long)(s ? s->received : 0), s ? (int)s->fate : -1,
             s && s->ended ? ", ended" : "", s && s->broken ? ", broken" : "", t->opened, t->closed,
             t->closed ? end_reason_info((enum end_reason)t->reason)->word : "not logged",
             (unsigned long long)t->bytes_in, (unsigned long long)t->bytes_out);
}

/* An orderly end says that this was all. */
static bool ended_early(const struct tunnel_peer *to, const struct tunnel_peer *from)
{
    return to->ended && (!from->shut || to->received != from->total);
}

static bool whole(const struct sim_tunnel *t)
{
    const struct tunnel_peer *c = &t->client, *s = t->server;
    return s && c->ended && s->ended && c->shut && s->shut;
}

static void judge_whole(struct world *w, const struct sim_tunnel *t)
{
    if (t->opened != 1 || t->reason != END_TUNNEL_CLOSED)
        blame(w, t, "both sides ended in order, and the log says otherwise");
    if (t->bytes_in != t->client.total || t->bytes_out != t->server->total)
        blame(w, t, "other bytes are logged than passed");
    sim_cover(&w->sim, COVER_TUNNELS_WHOLE);
}

static void judge(struct world *w, const struct sim_tunnel *t)
{
    const struct tunnel_peer *c = &t->client, *s = t->server;
    bool may_fail = w->plan.tolerance & MAY_FAIL;
    if (t->opened && !t->closed)
        blame(w, t, "its end is not logged");
    if (s && (c->received > s->sent || s->received > c->sent))
        blame(w, t, "more came than was sent");
    if (s && (!t->opened || !t->closed))
        blame(w, t, "bytes passed, and it is not logged");
    if (c->refused && !may_fail && !w->plan.vanish) /* else its server may have broken first */
        blame(w, t, "refused");
    if (s && (ended_early(c, s) || ended_early(s, c)))
        blame(w, t, "an orderly end before all was there");
    if (whole(t)) {
        judge_whole(w, t);
    } else if (c->fate == FATE_STAYS && (!s || s->fate == FATE_STAYS) && !may_fail) {
        /* without a server known, that one broke before it said who it was */
        if (s || !w->plan.vanish)
            blame(w, t, "broken without need");
    }
}

bool tunnels_over(const struct world *w)
{
    for (const struct tunnel_peer *p = w->tunnel_servers; p; p = p->next)
        if (!p->closed)
            return false;
    return true;
}

void tunnels_judge(struct world *w)
{
    for (uint32_t i = 0; i < w->plan.clients; i++)
        judge(w, &w->tunnels[i]);
}
