/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/client.h"
#include "tests/sim/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/check.h"

#define PATIENCE_NS (7200 * SIM_S)
#define PIECE_MAX 16384

static void step(struct sim_client *c);
static void on_expect_over(void *arg, uint64_t place);

static struct sim *sim_of(struct sim_client *c)
{
    return &c->world->sim;
}

static void on_wake(void *arg, uint64_t n)
{
    (void)n;
    step(arg);
}

static void wake_at(struct sim_client *c, uint64_t at_ns)
{
    sim_at(sim_of(c), at_ns, on_wake, c, 0);
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static void finish(struct sim_client *c, bool reset)
{
    if (!seam_closed(&c->seam))
        seam_close(&c->seam, reset);
    c->phase = PHASE_DONE;
    c->world->clients_done++;
    sim_trace(sim_of(c), "client %u: done, %u of %u answered%s", c->number, c->answering,
              c->asks_count, c->vanished ? ", vanished" : "");
}

static void vanish(struct sim_client *c, bool reset)
{
    sim_cover(sim_of(c), COVER_VANISHED);
    c->vanished = true;
    finish(c, reset);
}

static void on_patience_over(void *arg, uint64_t n)
{
    (void)n;
    struct sim_client *c = arg;
    if (c->phase == PHASE_DONE)
        return;
    if (c->stuck) {
        finish(c, true);
        return;
    }
    sim_fail(sim_of(c), "client %u waits for ever: phase %d, %u of %u answered, %u begun",
             c->number, c->phase, c->answering, c->asks_count, c->writing);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

/* How far the request at that place may be sent now. */
static uint32_t sendable(const struct sim_client *c, uint32_t place)
{
    const struct ask *a = c->asks[place];
    if (!a->begun && (place - c->answering >= c->pipeline || c->told_last))
        return 0;
    return a->expects && c->expecting && place == c->writing ? a->head_bytes : a->wire.len;
}

/* The next bytes to be sent: several requests may be in one piece. */
static uint32_t gather(const struct sim_client *c, uint8_t *piece, uint32_t max)
{
    uint32_t n = 0;
    for (uint32_t place = c->writing; place < c->asks_count && n < max; place++) {
        const struct ask *a = c->asks[place];
        uint32_t end = sendable(c, place), from = a->sent_bytes;
        if (a->expects && place != c->writing)
            end = end < a->head_bytes ? end : a->head_bytes;
        uint32_t run = end > from ? end - from : 0;
        if (run > max - n)
            run = max - n;
        memcpy(piece + n, a->wire.bytes + from, run);
        n += run;
        if (from + run < a->wire.len)
            break;
    }
    return n;
}

static void cover_begun(struct sim_client *c, struct ask *a, uint32_t place)
{
    struct sim *s = sim_of(c);
    a->begun = true;
    sim_cover(s, COVER_ASKS_BEGUN);
    if (a->bad)
        sim_cover(s, COVER_ASKS_BAD);
    if (place > c->answering)
        sim_cover(s, COVER_ASKS_PIPELINED);
    if (a->body == ASK_LENGTH)
        sim_cover(s, COVER_ASKS_BODY_LENGTH);
    if (a->body == ASK_CHUNKED)
        sim_cover(s, COVER_ASKS_BODY_CHUNKED);
    if (a->expects)
        sim_cover(s, COVER_ASKS_EXPECT);
    if (a->minor == 0)
        sim_cover(s, COVER_ASKS_HTTP10);
    sim_trace(s, "client %u: asks %u: %s%s", c->number, a->id, a->bad ? "bad, " : a->method,
              a->bad ? a->bad->name : "");
}

/* The network took n bytes of what gather() gave. */
static void advance(struct sim_client *c, uint32_t n)
{
    c->sent += n;
    while (n > 0) {
        struct ask *a = c->asks[c->writing];
        if (!a->begun)
            cover_begun(c, a, c->writing);
        uint32_t run = a->wire.len - a->sent_bytes;
        if (run > n)
            run = n;
        bool head_was_out = a->sent_bytes >= a->head_bytes;
        a->sent_bytes += run;
        n -= run;
        if (a->expects && !head_was_out && a->sent_bytes >= a->head_bytes)
            sim_after(sim_of(c), SIM_S, on_expect_over, c, c->writing);
        if (a->sent_bytes == a->wire.len) {
            c->writing++;
            c->expecting = true;
        }
    }
}

/* What happens at `fate_at` bytes sent; true: nothing more is written. */
static bool meet_fate(struct sim_client *c)
{
    if (c->sent < c->fate_at)
        return false;
    switch (c->fate) {
    case FATE_FIN:
    case FATE_RESET:
        vanish(c, c->fate == FATE_RESET);
        return true;
    case FATE_STUCK_WRITER:
        c->stuck = true;
        return true;
    default:
        return false;
    }
}

static void write_some(struct sim_client *c)
{
    struct sim *s = sim_of(c);
    uint8_t piece[PIECE_MAX];
    CHECK(c->write_max <= sizeof piece);
    while (c->phase == PHASE_TALKS && !c->write_broken && !c->shut && !meet_fate(c)) {
        if (s->now_ns < c->write_at_ns)
            return;
        uint32_t max = 1 + sim_below(s, c->write_max);
        bool limited = c->fate == FATE_FIN || c->fate == FATE_RESET || c->fate == FATE_STUCK_WRITER;
        if (limited && max > c->fate_at - c->sent)
            max = (uint32_t)(c->fate_at - c->sent);
        uint32_t n = gather(c, piece, max);
        if (n == 0)
            break;
        int res = seam_write(&c->seam, piece, n);
        if (res == -EAGAIN)
            return;
        if (res < 0) {
            c->write_broken = true;
            return;
        }
        advance(c, (uint32_t)res);
        if (c->write_pause_ns) {
            c->write_at_ns = s->now_ns + sim_range(s, 0, c->write_pause_ns);
            wake_at(c, c->write_at_ns);
        }
    }
    if (c->phase == PHASE_TALKS && c->fate == FATE_HALF_CLOSE && c->writing == c->asks_count &&
        !c->shut) {
        sim_cover(s, COVER_HALF_CLOSED);
        c->shut = true;
        seam_shutdown_write(&c->seam);
    }
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static void refuse_field(struct sim_client *c, const struct ask *a, const char *name)
{
    if (message_field(&c->in, name))
        sim_fail(sim_of(c), "the answer to %u has a field %s", a->id, name);
}

static void check_interim(struct sim_client *c, struct ask *a, unsigned status)
{
    struct sim *s = sim_of(c);
    sim_cover(s, COVER_ANSWERS_INTERIM);
    a->interims_seen++;
    if (a->minor == 0 || status == 101)
        sim_fail(s, "request %u was answered %u in between", a->id, status);
    if (a->answer.fault != FAULT_BAD && a->interims_seen > a->answer.interims + a->expects)
        sim_fail(s, "request %u got an interim answer too many", a->id);
    if (status == 100)
        c->expecting = false;
    c->in.interim = true;
}

static void check_forwarded(struct sim_client *c, struct ask *a, const char *id)
{
    struct sim *s = sim_of(c);
    a->forwarded = true;
    if ((uint32_t)atoi(id) != a->id)
        sim_fail(s, "request %u got the answer to %s", a->id, id);
    if (a->bad && !a->bad->may_arrive)
        sim_fail(s, "the malformed request %u (%s) was answered by a server", a->id, a->bad->name);
    if (a->status != a->answer.status && a->answer.fault != FAULT_BAD)
        sim_fail(s, "request %u got %u instead of %u", a->id, a->status, a->answer.status);
    if (a->arrivals == 0)
        sim_fail(s, "request %u was answered by a server it never reached", a->id);
    static const char *const hop_by_hop[] = { "keep-alive", "proxy-connection",  "te", "upgrade",
                                              "x-hop",      "proxy-authenticate" };
    for (uint32_t i = 0; i < ARRAY_LEN(hop_by_hop); i++)
        refuse_field(c, a, hop_by_hop[i]);
    uint32_t cookies = message_field_count(&c->in, "set-cookie");
    if (cookies != 0 && cookies != 2 && !c->world->plan.rules)
        sim_fail(s, "request %u lost a cookie", a->id);
}

static void on_head(struct message *m, void *user)
{
    struct sim_client *c = user;
    struct sim *s = sim_of(c);
    struct ask *a = c->asks[c->answering];
    unsigned status;
    int used = 0;
    if (sscanf(m->first, "HTTP/1.1 %3u %n", &status, &used) != 1 || used != 13)
        sim_fail(s, "request %u got the status line '%s'", a->id, m->first);
    if (status < 200) {
        check_interim(c, a, status);
        return;
    }
    a->status = (uint16_t)status;
    const char *id = message_field(m, "x-id");
    if (id)
        check_forwarded(c, a, id);
    if (c->world->plan.rules)
        rules_check_answer(s, a, m);
    if (message_field_count(m, "date") != 1)
        sim_fail(s, "the answer to %u has %u dates", a->id, message_field_count(m, "date"));
    if (a->minor == 0 && m->chunked)
        sim_fail(s, "request %u of HTTP/1.0 got chunks", a->id);
    const char *connection = message_field(m, "connection");
    c->told_last = connection && strcmp(connection, "close") == 0;
    if (a->minor == 0 && !(connection && strcmp(connection, "keep-alive") == 0))
        c->told_last = true;
    bool head = strcmp(a->method, "HEAD") == 0;
    m->no_body = head || status == 204 || status == 304;
    /* Who refuses a part of a head may not know that it is one of HEAD. */
    c->ignores_rest =
        head && !id && c->told_last && (status == 408 || (a->tolerance & MAY_BE_SHED));
    a->said_last = c->told_last;
    if (!c->told_last && !m->no_body && !m->has_length && !m->chunked)
        sim_fail(s, "the answer to %u ends nowhere", a->id);
    sim_trace(s, "client %u: %u is answered %u%s%s", c->number, a->id, status,
              id ? "" : " by the proxy", c->told_last ? ", the last" : "");
}

static void on_body(struct message *m, const uint8_t *bytes, size_t n, void *user)
{
    struct sim_client *c = user;
    const struct ask *a = c->asks[c->answering];
    if (!a->forwarded || a->answer.fault == FAULT_BAD)
        return;
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != body_byte(a->id, BODY_OF_ANSWER, m->body_bytes + i))
            sim_fail(sim_of(c), "the answer to %u is wrong at byte %llu", a->id,
                     (unsigned long long)(m->body_bytes + i));
}

static void check_whole(struct sim_client *c, const struct ask *a)
{
    struct sim *s = sim_of(c);
    const struct message *m = &c->in;
    if (!a->forwarded)
        return;
    if (a->answer.fault == FAULT_BAD)
        sim_fail(s, "request %u got a broken answer (%s) as a whole one", a->id,
                 a->answer.bad->name);
    if (!m->no_body && m->body_bytes != a->answer.body_bytes)
        sim_fail(s, "the answer to %u ends cleanly after %llu bytes of %u", a->id,
                 (unsigned long long)m->body_bytes, a->answer.body_bytes);
    if (m->chunked && !m->no_body && a->answer.trailers && !(a->tolerance & MAY_BE_SHED) &&
        (m->trailers_count != 1 || (uint32_t)atoi(m->trailers[0].value) != a->id))
        sim_fail(s, "the answer to %u lost its trailer", a->id);
}

static void answer_complete(struct sim_client *c)
{
    struct sim *s = sim_of(c);
    struct ask *a = c->asks[c->answering];
    check_whole(c, a);
    a->answered = true;
    a->answer_wire_bytes = c->in.wire_bytes;
    sim_cover(s, COVER_ANSWERS);
    if (a->forwarded)
        sim_cover(s, COVER_ANSWERS_FORWARDED);
    else
        sim_cover(s, a->status < 500 ? COVER_ANSWERS_4XX : COVER_ANSWERS_5XX);
    message_reset(&c->in);
    c->answering++;
    if (a->sent_bytes < a->wire.len && !c->told_last)
        sim_fail(s, "request %u was answered before its end, and the connection kept", a->id);
    if (c->think_ns && c->writing == c->answering && c->writing < c->asks_count &&
        !c->asks[c->writing]->begun) {
        c->write_at_ns = s->now_ns + c->think_ns;
        wake_at(c, c->write_at_ns);
    }
    if (c->told_last || c->answering == c->asks_count)
        c->phase = PHASE_WAITS;
}

static void feed(struct sim_client *c, const uint8_t *bytes, uint32_t n)
{
    while (n > 0) {
        const struct ask *a = c->answering < c->asks_count ? c->asks[c->answering] : NULL;
        if (c->phase == PHASE_WAITS && c->ignores_rest)
            return;
        if (c->phase != PHASE_TALKS || !a || !a->begun)
            sim_fail(sim_of(c), "client %u got bytes that it did not ask for: %.*s", c->number,
                     (int)(n < 60 ? n : 60), (const char *)bytes);
        uint32_t used = (uint32_t)message_feed(&c->in, bytes, n);
        if (c->in.error)
            sim_fail(sim_of(c), "the answer to %u is malformed: %s", a->id, c->in.error);
        bytes += used;
        n -= used;
        if (c->in.state == MESSAGE_DONE)
            answer_complete(c);
    }
}

/* The other side ended the connection. */
static void ended(struct sim_client *c, bool reset)
{
    struct sim *s = sim_of(c);
    sim_trace(s, "client %u: sees %s", c->number, reset ? "a reset" : "the end");
    if (message_begun(&c->in)) {
        struct ask *a = c->asks[c->answering];
        if (!reset && c->in.state == MESSAGE_UNTIL_CLOSE) {
            answer_complete(c);
        } else {
            a->cut = true;
            a->answer_wire_bytes = c->in.wire_bytes;
            sim_cover(s, COVER_ANSWERS_CUT);
        }
    } else if (c->phase == PHASE_TALKS && c->answering < c->writing) {
        sim_cover(s, COVER_UNANSWERED);
    }
    finish(c, false);
}

static void read_some(struct sim_client *c)
{
    struct sim *s = sim_of(c);
    uint8_t bytes[PIECE_MAX];
    CHECK(c->read_max <= sizeof bytes);
    while (c->phase != PHASE_DONE && seam_readable(&c->seam) && s->now_ns >= c->read_at_ns) {
        uint32_t max = 1 + sim_below(s, c->read_max);
        if (c->fate == FATE_STUCK_READER && c->received + max > c->fate_at) {
            max = (uint32_t)(c->fate_at - c->received);
            if (max == 0) {
                c->stuck = true;
                if (seam_was_cut(&c->seam))
                    finish(c, true);
                return;
            }
        }
        int res = seam_read(&c->seam, bytes, max);
        if (res == -EAGAIN)
            return;
        if (res <= 0) {
            ended(c, seam_was_cut(&c->seam)); /* writing may have been told of it */
            return;
        }
        c->received += (uint32_t)res;
        feed(c, bytes, (uint32_t)res);
        if (c->fate == FATE_DEAF_RESET && c->received >= c->fate_at) {
            vanish(c, true);
            return;
        }
        if (c->read_pause_ns) {
            c->read_at_ns = s->now_ns + sim_range(s, 0, c->read_pause_ns);
            wake_at(c, c->read_at_ns);
        }
    }
}

/* Its bytes were broken on their way, as its script has it. False: that was its end. */
static bool meet_seam_fate(struct sim_client *c)
{
    if (c->seam_fate == SEAM_RESETS) {
        vanish(c, true);
        return false;
    }
    if (c->seam_fate == SEAM_STALLS)
        c->stuck = true;
    c->vanished = true; /* what it asks for need not be answered any more */
    return true;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static void step(struct sim_client *c)
{
    if (c->phase == PHASE_DONE)
        return;
    if (c->phase == PHASE_CONNECTS) {
        if (c->end->state == NET_CONNECTING)
            return;
        if (c->end->state == NET_FAILED) {
            if (!c->world->draining)
                sim_fail(sim_of(c), "client %u could not connect", c->number);
            finish(c, false);
            return;
        }
        c->phase = PHASE_TALKS;
    }
    if (c->seam.fate_met && !meet_seam_fate(c))
        return;
    read_some(c);
    if (c->phase == PHASE_TALKS)
        write_some(c);
    if (c->phase == PHASE_WAITS && c->leaves_at_once)
        finish(c, false);
}

/* A second after the head: the body is sent without having been told to. */
static void on_expect_over(void *arg, uint64_t place)
{
    struct sim_client *c = arg;
    if (c->phase == PHASE_TALKS && c->writing == place)
        c->expecting = false;
    step(c);
}

static void on_change(struct seam *m, void *user)
{
    (void)m;
    step(user);
}

void client_start(struct sim_client *c)
{
    message_init(&c->in, sim_of(c), false);
    c->in.on_head = on_head;
    c->in.on_body = on_body;
    c->in.user = c;
    c->expecting = true;
    c->end = net_connect(&c->world->net, &c->local, &c->world->listen_addr, NULL, NULL);
    seam_init(&c->seam, c->world->plan.tls_clients ? &c->world->seams : NULL, c->end, true,
              on_change, c);
    c->seam.fate = c->seam_fate;
    c->seam.fate_at = c->seam_fate_at;
    sim_trace(sim_of(c), "client %u: net %u: connects", c->number, c->end->number);
    sim_after(sim_of(c), PATIENCE_NS, on_patience_over, c, 0);
}
