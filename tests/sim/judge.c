/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must hold of every request, whatever happened (DESIGN 10): answered exactly once or visibly
 * not, with a status that its script allows; logged exactly once, as it was. (That bytes are the
 * right ones, in order, and heads clean is checked where they arrive: client.c, server.c.) */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/check.h"
#include "tests/sim/cached.h"
#include "tests/sim/client.h"
#include "tests/sim/rules.h"
#include "tests/sim/tunnels.h"

static const char *reason_word(const struct ask *a)
{
    return a->records ? end_reason_info((enum end_reason)a->reason)->word : "not logged";
}

_Noreturn static void blame(struct world *w, const struct ask *a, const char *what)
{
    const struct answer_script *r = &a->answer;
    sim_fail(&w->sim,
             "request %u (client %u, number %u, %s%s): %s\n"
             "  client: sent %u of %u, %s %u%s%s; servers: arrived %u, whole %u; log: %u, %s, %u\n"
             "  script: status %u, framing %d, body %u, early %d, closes %d, fault %d at %u/1000 "
             "x%u%s%s; tolerance %u",
             a->id, a->client->number, a->position, a->bad ? "bad: " : a->method,
             a->bad ? a->bad->name : "", what, a->sent_bytes, a->wire.len,
             a->answered ? "answered" : "not answered", a->status, a->cut ? ", cut" : "",
             a->client->vanished ? ", vanished" : "", a->arrivals, a->arrivals_whole, a->records,
             reason_word(a), a->logged_status, r->status, r->framing, r->body_bytes, r->early,
             r->closes, r->fault, r->fault_permille, r->fault_times, r->bad ? " " : "",
             r->bad ? r->bad->name : "", a->tolerance);
}

/* ---- the log ----------------------------------------------------------------------------------
 */

static struct sim_client *find_client(struct world *w, const struct record *rec)
{
    for (uint32_t i = 0; i < w->plan.clients; i++) {
        struct sim_client *c = w->clients[i];
        struct peer_addr peer = peer_addr_of(&c->local);
        if (memcmp(&peer, &rec->peer, sizeof peer) == 0)
            return c;
    }
    return NULL;
}

static struct ask *find_ask(struct world *w, const struct record *rec)
{
    struct sim_client *c = find_client(w, rec);
    return c && rec->request >= 1 && rec->request <= c->asks_count ? c->asks[rec->request - 1]
                                                                   : NULL;
}

static bool is_handshake(const struct record *rec)
{
    return rec->end_reason == END_TLS_HANDSHAKE || rec->end_reason == END_TLS_TIMEOUT;
}

/* A client that never came to ask. */
static void judge_handshake(struct world *w, const struct record *rec)
{
    const struct sim_client *c = find_client(w, rec);
    sim_cover(&w->sim, COVER_RECORDS);
    w->handshakes_logged++;
    if (!c || !w->plan.tls_clients)
        sim_fail(&w->sim, "a log record of nobody's handshake");
    bool excused = c->vanished || c->stuck || (w->plan.tolerance & (MAY_BE_IGNORED | MAY_TIME_OUT));
    if (c->seam.handshaken && !excused)
        sim_fail(&w->sim, "client %u's handshake is logged to have failed", c->number);
    if (!excused)
        sim_fail(&w->sim, "client %u's handshake failed", c->number);
}

void judge_log(struct world_worker *ww)
{
    struct world *w = ww->world;
    struct record rec;
    while (record_ring_peek(ww->log.ring, &rec)) {
        if (w->plan.tunnels) {
            tunnels_judge_record(w, &rec);
            record_ring_pop(ww->log.ring);
            continue;
        }
        if (w->plan.cached) {
            cached_judge_record(w, &rec);
            record_ring_pop(ww->log.ring);
            continue;
        }
        if (is_handshake(&rec)) {
            judge_handshake(w, &rec);
            record_ring_pop(ww->log.ring);
            continue;
        }
        struct ask *a = find_ask(w, &rec);
        sim_cover(&w->sim, COVER_RECORDS);
        if (!a || !a->begun)
            sim_fail(&w->sim, "a log record of nobody's request: %s, number %u",
                     end_reason_info((enum end_reason)rec.end_reason)->word, rec.request);
        a->records++;
        a->reason = rec.end_reason;
        a->logged_status = rec.status;
        a->logged_server_status = rec.server_status;
        a->logged_at_ns = w->sim.now_ns;
        a->logged_bytes_in = rec.bytes_in;
        a->logged_bytes_out = rec.bytes_out;
        if (a->records > 1)
            blame(w, a, "logged twice");
        if (rec.request > 1 ? rec.accept_us != UINT32_MAX : rec.accept_us == UINT32_MAX)
            blame(w, a, "the time since the accept is logged of the wrong request");
        record_ring_pop(ww->log.ring);
    }
}

/* We ended it before the client's end of it was known: the client may have it all the same. */
static bool ended_by_us(const struct ask *a)
{
    return a->reason == END_SHUTDOWN || a->reason == END_CLIENT_RESET ||
           a->reason == END_CLIENT_WRITE_TIMEOUT;
}

/* It said itself, then or later, that nothing would follow. */
static bool sends_on_after_last(const struct ask *a)
{
    const struct sim_client *c = a->client;
    for (uint32_t i = a->position; i < c->asks_count; i++)
        if (c->asks[i - 1]->ends_connection && c->asks[i]->begun)
            return true;
    return false;
}

/* A later answer on its connection broke off, which resets it. */
static bool broken_later(const struct ask *a)
{
    const struct sim_client *c = a->client;
    for (uint32_t i = a->position; i < c->asks_count; i++)
        if (c->asks[i]->records && c->asks[i]->reason != END_OK)
            return true;
    return false;
}

/* Its client sent something when we had listened long enough to a connection that was to end. */
static bool sends_too_late(const struct world *w, const struct ask *a)
{
    const struct net_end *e = a->client->end;
    return e->refused_at_ns != UINT64_MAX &&
           e->refused_at_ns >=
               a->logged_at_ns + ms_to_ns(w->plan.config->timeouts.client_linger_ms);
}

/* By what the log says; a rule's own answer has a reason of its own. */
static bool sent_in_full(const struct ask *a)
{
    return a->reason == END_OK || (a->own_status && a->own_status == a->logged_status);
}

/* Whether an answer that we sent in full may not have arrived in full. */
static bool may_be_lost(const struct world *w, const struct ask *a)
{
    return (w->draining && w->plan.stops) || sends_on_after_last(a) || broken_later(a) ||
           sends_too_late(w, a) ||
           (a->tolerance & MAY_BE_IGNORED); /* its client sends on when the idle time is over */
}

/* A receive waits for a buffer; what is to be decrypted from it into another cannot. */
static bool tls_is_starved(const struct world_plan *p)
{
    return p->config->buffers_max && (p->tls_clients || p->tls_servers);
}

/* Whether what the log says can have happened to that request in that world. */
static bool reason_is_possible(const struct world *w, const struct ask *a)
{
    const struct world_plan *p = &w->plan;
    const struct sim_client *c = a->client;
    const struct answer_script *r = &a->answer;
    enum end_reason reason = (enum end_reason)a->reason;
    bool tls_faults = p->tls_servers && p->tls_faults;
    bool breaks =
        r->fault == FAULT_CUT || r->fault == FAULT_RESET || answer_leaves(r) || tls_faults;
    if (c->seam.fate_met) /* whatever it seems to have done */
        return true;
    switch (reason) {
    case END_OK:
    case END_REPLIED:
        return true;
    case END_CLIENT_HEAD_TIMEOUT:
    case END_CLIENT_BODY_TIMEOUT:
        return (a->tolerance & MAY_TIME_OUT) != 0;
    case END_CLIENT_GONE:
    case END_CLIENT_RESET:
    case END_CLIENT_CUT_HEAD:
    case END_CLIENT_CUT_BODY:
        return c->vanished || c->stuck || c->leaves_at_once || tls_is_starved(p);
    case END_CLIENT_WRITE_TIMEOUT:
        return c->stuck || c->read_pause_ns;
    case END_OVERLOADED:
        return p->faults.alloc || p->faults.open_error || tls_is_starved(p);
    case END_SHUTDOWN:
        return w->draining;
    case END_QUEUE_FULL:
    case END_QUEUE_TIMEOUT:
        return p->capped && p->config->backends[0].queue_max < CAP_MAX;
    case END_CONNECT_REFUSED:
    case END_CONNECT_TIMEOUT:
    case END_CONNECT_FAILED:
    case END_NO_SERVER:
        return p->dead_servers || p->server_flaps || p->faults.open_error;
    case END_SERVER_TLS_NAME: /* a byte that was changed may be anywhere */
    case END_SERVER_TLS_EXPIRED:
    case END_SERVER_TLS_UNTRUSTED:
    case END_SERVER_TLS_REFUSED:
    case END_SERVER_TLS_HANDSHAKE:
        return tls_faults || p->faults.alloc || p->server_flaps;
    case END_SERVER_TLS_TIMEOUT:
        return tls_faults || (a->tolerance & MAY_TIME_OUT & w->plan.tolerance);
    case END_SERVER_STALE:
        return (a->tolerance & MAY_BE_STALE) || breaks;
    case END_SERVER_RESET:
    case END_RESPONSE_CUT_HEAD:
    case END_RESPONSE_CUT_BODY:
        return breaks;
    case END_SERVER_FIRST_BYTE_TIMEOUT:
    case END_SERVER_STALL:
        return r->fault == FAULT_STALL || tls_faults ||
               (a->tolerance & MAY_TIME_OUT & w->plan.tolerance);
    case END_METHOD_NOT_ALLOWED:
    case END_RATE_LIMITED:
        return a->own_status == a->logged_status || (a->bad && reason == a->bad->reason);
    default:
        return (a->bad && reason == a->bad->reason) ||
               (r->fault == FAULT_BAD && reason == r->bad->reason);
    }
}

static void judge_record(struct world *w, const struct ask *a)
{
    const struct end_reason_info *info = end_reason_info((enum end_reason)a->reason);
    if (a->records == 0) {
        if (a->answered || a->cut || a->arrivals > 0)
            blame(w, a, "not logged");
        return;
    }
    if (!reason_is_possible(w, a))
        blame(w, a, "the reason that is logged cannot be");
    if (a->reason == END_SHUTDOWN && !w->plan.stops &&
        (!w->draining ||
         a->logged_at_ns < w->drained_from_ns + ms_to_ns(w->plan.config->timeouts.drain_ms)))
        blame(w, a, "ended by us before the deadline");
    if (!a->answered && !a->client->vanished && sent_in_full(a) && !a->client->stuck &&
        !may_be_lost(w, a))
        blame(w, a, "logged as answered in full");
    if (!a->answered)
        return;
    if (a->logged_status != a->status)
        blame(w, a, "another status is logged than was received");
    if (a->forwarded && a->logged_server_status != a->status)
        blame(w, a, "another server status is logged");
    bool shed =
        (a->reason == END_OVERLOADED || a->reason == END_CLIENT_RESET) && tls_is_starved(&w->plan);
    if (shed || (ended_by_us(a) && (a->client->vanished || a->client->stuck || w->draining)))
        return;
    bool doubtful = !a->forwarded && a->said_last && strcmp(a->method, "HEAD") == 0;
    if (a->logged_bytes_out != a->answer_wire_bytes && !doubtful)
        blame(w, a, "other bytes out are logged than were received");
    if (a->forwarded && a->reason != END_OK)
        blame(w, a, "a whole answer is logged as a failure");
    if (a->forwarded && !a->bad && a->body != ASK_CHUNKED && !a->answer.early &&
        a->logged_bytes_in != a->wire.len)
        blame(w, a, "other bytes in are logged than were sent");
    if (!a->forwarded && info->status != a->status && a->reason != END_REPLIED)
        blame(w, a, "the reason that is logged has another status");
}

/* ---- the answer -------------------------------------------------------------------------------
 */

static bool own_error(uint16_t status)
{
    return status == 502 || status == 503 || status == 504;
}

static bool own_answer_allowed(const struct ask *a)
{
    const struct answer_script *r = &a->answer;
    if (rules_allow(a))
        return true;
    if (own_error(a->status) && (a->tolerance & MAY_FAIL))
        return true;
    if (a->status == 431 && (a->tolerance & MAY_BE_SHED))
        return true;
    if (a->status == 408 && (a->tolerance & MAY_TIME_OUT))
        return true;
    if (a->status == 502 && (a->tolerance & MAY_BE_STALE) &&
        (!a->idempotent || a->body != ASK_NO_BODY))
        return true;
    if (a->status == 502 && answer_leaves(r) && a->body != ASK_NO_BODY)
        return true; /* it closed with bytes unread: its answer may be lost */
    if (r->fault == FAULT_STALL)
        return a->status == 504;
    return r->fault != FAULT_NONE && a->status == 502;
}

static void judge_bad(struct world *w, const struct ask *a)
{
    const struct end_reason_info *info = end_reason_info(a->bad->reason);
    if (a->answered && own_answer_allowed(a))
        return;
    if (a->forwarded && a->cut)
        return; /* an early answer, then the body turned bad */
    if (!a->answered) {
        if (!(a->tolerance & (MAY_BE_IGNORED | MAY_BE_CUT)))
            blame(w, a, "a malformed request was not answered");
        return;
    }
    if (a->status != info->status)
        blame(w, a, "a malformed request was answered otherwise");
    if (a->reason != a->bad->reason && a->reason != END_SHUTDOWN)
        blame(w, a, "a malformed request is logged for another reason");
}

/* A slow reader of TLS takes a whole record from the network and then nothing until it has read all
 * of it: that may take longer than a write is waited for. */
static bool reads_too_slowly(const struct world *w, const struct ask *a)
{
    return a->reason == END_CLIENT_WRITE_TIMEOUT && w->plan.tls_clients && a->client->read_pause_ns;
}

static void judge_cut(struct world *w, const struct ask *a)
{
    const struct answer_script *r = &a->answer;
    bool by_script = r->fault == FAULT_CUT || r->fault == FAULT_RESET || r->fault == FAULT_STALL ||
                     (r->fault == FAULT_BAD && r->bad->after_head) ||
                     (a->reason == END_CLIENT_HEAD_TIMEOUT && (a->tolerance & MAY_TIME_OUT)) ||
                     answer_leaves(r) || (sent_in_full(a) && may_be_lost(w, a)) ||
                     reads_too_slowly(w, a);
    if (!by_script && !(a->tolerance & MAY_BE_CUT) && a->reason != END_SHUTDOWN)
        blame(w, a, a->cut ? "its answer was cut without need" : "not answered");
}

/* Nothing that follows the last request of a connection is a request. */
static void judge_order(struct world *w, const struct ask *a)
{
    const struct sim_client *c = a->client;
    for (uint32_t i = 0; i + 1 < a->position; i++) {
        const struct ask *b = c->asks[i];
        if ((b->bad || b->ends_connection || b->said_last) && (a->arrivals || a->records))
            blame(w, a, "taken for a request although one before it was the last");
    }
}

/* Whether the connection had ended, or was to, before its turn came. */
static bool had_no_turn(const struct ask *a)
{
    const struct sim_client *c = a->client;
    for (uint32_t i = 0; i + 1 < a->position; i++)
        if (!c->asks[i]->answered || c->asks[i]->said_last)
            return true;
    return false;
}

static void judge_ask(struct world *w, const struct ask *a)
{
    const struct sim_client *c = a->client;
    judge_record(w, a);
    judge_order(w, a);
    if (!a->begun || c->vanished)
        return;
    if (a->answered && a->bad) {
        judge_bad(w, a);
    } else if (a->answered) {
        if (!a->forwarded && !own_answer_allowed(a))
            blame(w, a, "answered by the proxy itself");
    } else if (had_no_turn(a)) {
        return;
    } else if (a->sent_bytes < a->wire.len && (a->tolerance & MAY_TIME_OUT)) {
        return; /* it was never asked in full */
    } else if (a->bad) {
        judge_bad(w, a);
    } else if (!(a->tolerance & MAY_BE_IGNORED) || a->cut) {
        judge_cut(w, a);
    }
}

void judge_asks(struct world *w)
{
    for (uint32_t i = 0; i < w->asks_count; i++)
        judge_ask(w, w->asks[i]);
    rules_judge(w);
}
