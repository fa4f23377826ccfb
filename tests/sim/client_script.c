/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "tests/sim/client.h"

/* Clients come within this time. */
#define START_SPREAD_NS (2 * SIM_S)

/* No client takes much longer than this on purpose. */
#define SLOW_NS (300 * SIM_S)

/* The longest that the network and the client's pace can take with so many bytes. */
static uint64_t longest_ns(const struct world_plan *p, uint64_t bytes, uint32_t piece,
                           uint64_t pause_ns)
{
    uint64_t windows = bytes / p->net.window_min + 1;
    return windows * 3 * p->net.latency_max_ns + (bytes / piece + 1) * pause_ns;
}

static void choose_pace(struct sim_client *c, struct sim *s, const struct world_plan *p)
{
    static const uint32_t pieces[] = { 1, 8, 128, 1024, 16384, 16384 };
    static const uint64_t pauses_ns[] = { SIM_MS, 30 * SIM_MS, SIM_S };
    c->pipeline = sim_chance(s, p->pipelining) ? 2 + sim_below(s, 5) : 1;
    c->read_max = c->write_max = 16384;
    c->think_ns = sim_chance(s, 300) ? sim_range(s, 0, 6 * SIM_S) : 0;
    if (sim_chance(s, 20))
        c->think_ns = sim_range(s, 55 * SIM_S, 65 * SIM_S); /* about the idle timeout */
    if (sim_chance(s, p->slow_writer)) {
        c->write_max = pieces[sim_below(s, 6)];
        c->write_pause_ns = pauses_ns[sim_below(s, 3)];
    }
    if (sim_chance(s, p->slow_reader)) {
        c->read_max = pieces[1 + sim_below(s, 5)];
        c->read_pause_ns = pauses_ns[sim_below(s, 3)] / 10;
    }
    uint64_t asked = 0, answered = 0;
    for (uint32_t i = 0; i < c->asks_count; i++) {
        asked += c->asks[i]->wire.len;
        answered += c->asks[i]->answer.body_bytes;
    }
    while (longest_ns(p, asked, c->write_max, c->write_pause_ns) > SLOW_NS && c->write_max < 16384)
        c->write_max *= 2;
    while (longest_ns(p, answered, c->read_max, c->read_pause_ns) > SLOW_NS && c->read_max < 16384)
        c->read_max *= 2;
    c->leaves_at_once = sim_chance(s, 500);
}

/* Mostly in the handshake, of which a client's part is some 2000 bytes. */
static void choose_seam_fate(struct sim_client *c, struct sim *s, const struct world_plan *p)
{
    if (!p->tls_clients || !sim_chance(s, p->tls_faults))
        return;
    c->seam_fate = SEAM_STALLS + sim_below(s, 3);
    c->seam_fate_at = sim_below(s, sim_chance(s, 800) ? 2000 : 20000);
}

static void choose_fate(struct sim_client *c, struct sim *s, const struct world_plan *p)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < c->asks_count; i++)
        all += c->asks[i]->wire.len;
    c->fate_at = 1 + rng_next(&s->rng) % all;
    if (sim_chance(s, p->vanish)) {
        c->fate = FATE_FIN + sim_below(s, 3);
        if (c->fate == FATE_DEAF_RESET)
            c->fate_at = 1 + sim_below(s, sim_chance(s, 500) ? 300 : 30000);
    } else if (sim_chance(s, p->half_close)) {
        c->fate = FATE_HALF_CLOSE;
    } else if (sim_chance(s, p->stuck_writer)) {
        c->fate = FATE_STUCK_WRITER;
    } else if (sim_chance(s, p->stuck_reader)) {
        c->fate = FATE_STUCK_READER;
        c->fate_at = sim_below(s, 3000);
    } else if (sim_chance(s, p->idle)) {
        c->fate = FATE_STUCK_WRITER;
        c->fate_at = 0;
    }
}

/* What its requests may suffer for the client's own sake. */
static unsigned tolerance(const struct sim_client *c, const struct world_plan *p)
{
    unsigned t = 0;
    uint64_t head_max = 0, answers = 0;
    for (uint32_t i = 0; i < c->asks_count; i++) {
        const struct ask *a = c->asks[i];
        head_max = a->head_bytes > head_max ? a->head_bytes : head_max;
        answers += a->answer.body_bytes;
    }
    /* A head may begin behind the body before it: the pace is what counts. */
    if (longest_ns(p, head_max, c->write_max, c->write_pause_ns) > 3 * SIM_S ||
        c->write_pause_ns > 10 * SIM_MS || c->fate == FATE_STUCK_WRITER)
        t |= MAY_TIME_OUT;
    /* What the proxy thinks idle may be busy reading. */
    if (c->think_ns + longest_ns(p, answers, c->read_max, c->read_pause_ns) > 50 * SIM_S)
        t |= MAY_BE_IGNORED;
    if (c->fate == FATE_STUCK_READER)
        t |= MAY_BE_CUT | MAY_BE_IGNORED;
    return t;
}

static void on_start(void *arg, uint64_t n)
{
    (void)n;
    client_start(arg);
}

struct sim_client *client_make(struct world *w, uint32_t number)
{
    struct sim *s = &w->sim;
    const struct world_plan *p = &w->plan;
    struct sim_client *c = sim_alloc(s, sizeof *c);
    sim_cover(s, COVER_CLIENTS);
    c->world = w;
    c->number = number;
    c->local = p->ipv6 ? net_addr6((uint16_t)(1000 + number), (uint16_t)(40000 + number))
                       : net_addr((uint16_t)(1000 + number), (uint16_t)(40000 + number));
    uint32_t count = 1 + sim_below(s, p->asks_per_client_max);
    c->asks = sim_alloc(s, count * sizeof *c->asks);
    while (c->asks_count < count) {
        struct ask *a = ask_make(w, c, c->asks_count + 1);
        c->asks[c->asks_count++] = a;
        if ((a->ends_connection || a->bad) && sim_chance(s, 700))
            break; /* else: what follows is never answered */
    }
    choose_pace(c, s, p);
    choose_fate(c, s, p);
    choose_seam_fate(c, s, p);
    unsigned t = p->tolerance | tolerance(c, p);
    for (uint32_t i = 0; i < c->asks_count; i++)
        c->asks[i]->tolerance = t;
    sim_after(s, sim_range(s, 0, START_SPREAD_NS), on_start, c, 0);
    return c;
}
