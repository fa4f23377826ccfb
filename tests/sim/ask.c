/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/ask.h"

#include <stdio.h>

#include "core/base/check.h"
#include "tests/sim/client.h"
#include "tests/sim/rules.h"

/* ---- what is asked ----------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    bool idempotent, has_body;
    uint32_t share;
} methods[] = {
    { "GET", true, false, 45 },  { "HEAD", true, false, 10 },  { "POST", false, true, 25 },
    { "PUT", true, true, 8 },    { "DELETE", true, false, 4 }, { "OPTIONS", true, false, 4 },
    { "PATCH", false, true, 2 }, { "BREW", false, false, 2 },
};

static uint32_t body_size(struct sim *s, uint32_t max)
{
    uint32_t die = sim_below(s, 100), limit = max;
    if (die < 10)
        return 0;
    if (die < 50)
        limit = 100;
    else if (die < 80)
        limit = 4000;
    else if (die < 95)
        limit = 40000;
    return 1 + sim_below(s, limit < max ? limit : max);
}

static void choose_request(struct ask *a, struct sim *s, const struct world_plan *p)
{
    uint32_t die = sim_below(s, 100), i = 0;
    while (die >= methods[i].share)
        die -= methods[i++].share;
    a->method = methods[i].name;
    a->idempotent = methods[i].idempotent;
    a->minor = !sim_chance(s, p->http10);
    if (methods[i].has_body) {
        a->body_bytes = body_size(s, p->body_bytes_max);
        a->body = a->minor && sim_chance(s, 500) ? ASK_CHUNKED : ASK_LENGTH;
        a->trailers = a->body == ASK_CHUNKED && sim_chance(s, 200);
        a->expects = a->minor && sim_chance(s, p->expect) && a->body_bytes;
    }
    a->ends_connection = a->minor ? sim_chance(s, p->asks_close) : sim_chance(s, 500);
}

static void choose_answer(struct ask *a, struct sim *s, const struct world_plan *p)
{
    static const uint16_t statuses[] = {
        200, 200, 200, 200, 201, 206, 301, 404, 410, 500, 502, 503
    };
    struct answer_script *r = &a->answer;
    r->status = statuses[sim_below(s, ARRAY_LEN(statuses))];
    r->minor = !sim_chance(s, p->http10 / 2);
    r->body_bytes = body_size(s, p->body_bytes_max);
    uint32_t die = sim_below(s, 100);
    r->framing = die < 50 ? ANSWER_LENGTH : die < 80 ? ANSWER_CHUNKED : ANSWER_CLOSE;
    if (die >= 90) {
        r->framing = ANSWER_EMPTY;
        r->status = sim_chance(s, 500) ? 204 : 304;
        r->body_bytes = 0;
    }
    if (r->minor == 0 && r->framing == ANSWER_CHUNKED)
        r->framing = ANSWER_LENGTH;
    r->trailers = r->framing == ANSWER_CHUNKED && sim_chance(s, 200);
    r->interims = r->minor && sim_chance(s, p->interim) ? 1 + sim_below(s, 3) : 0;
    r->continues = r->minor && sim_chance(s, 700);
    r->early = sim_chance(s, p->early);
    r->reads_rest = sim_chance(s, 500);
    r->closes = sim_chance(s, p->closes);
    r->says_close = !sim_chance(s, p->closes_silently);
    if (r->minor == 0 && r->framing != ANSWER_CLOSE) {
        r->closes = true; /* it never says keep-alive */
        r->says_close = true;
    }
    r->delay_ns = sim_chance(s, p->delayed) ? sim_range(s, SIM_MS, 3 * SIM_S) : 0;
}

static void choose_fault(struct ask *a, struct sim *s, const struct world_plan *p)
{
    struct answer_script *r = &a->answer;
    r->fault_permille = sim_chance(s, 300) ? 0 : sim_below(s, 1000);
    r->fault_times = sim_chance(s, 500) ? 1 : UINT32_MAX;
    if (sim_chance(s, p->cut_answer)) {
        r->fault = FAULT_CUT;
        if (r->framing == ANSWER_CLOSE) /* nobody could tell */
            r->framing = ANSWER_LENGTH;
    } else if (sim_chance(s, p->reset_answer)) {
        r->fault = FAULT_RESET;
    } else if (sim_chance(s, p->stalled_answer)) {
        r->fault = FAULT_STALL;
        r->fault_times = UINT32_MAX;
    } else if (sim_chance(s, p->bad_answer)) {
        r->fault = FAULT_BAD;
        r->fault_times = UINT32_MAX;
        do {
            r->bad = bad_answer_pick(s);
        } while (r->bad->after_head && strcmp(a->method, "HEAD") == 0); /* it has no body */
    } else if (sim_chance(s, p->surplus)) {
        r->surplus = true;
        r->closes = r->early = false;
        r->interims = 0;
        r->body_bytes %= 100;
        if (r->framing == ANSWER_CLOSE)
            r->framing = ANSWER_LENGTH;
    }
    if (r->fault != FAULT_NONE) {
        r->early = false;
        r->interims = 0;
    }
}

/* ---- how it is written ------------------------------------------------------------------------
 */

/* Writes the target in one of its forms; all mean a->target. */
static void write_target(struct ask *a, struct sim *s)
{
    static const char *const queries[] = { "", "", "?a=1&b=%2f", "?" };
    const char *query = queries[sim_below(s, 4)];
    if (a->rule != RULE_NONE) {
        snprintf(a->target, sizeof a->target, "%s%u%s", rule_server_prefix(a->rule), a->id, query);
        wire_format(&a->wire, "%s%u%s", rule_prefix(a->rule), a->id, query);
        return;
    }
    static const char *const paths[] = { "/r/%u",   "/r/%u",         "/a/../r/%u",
                                         "/r/./%u", "/%%72/x/../%u", "/r/a/%%2E%%2e/%u" };
    snprintf(a->target, sizeof a->target, "/r/%u%s", a->id, query);
    if (sim_chance(s, 100))
        wire_str(&a->wire, "http://far.example:81");
    char path[64];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(path, sizeof path, paths[sim_below(s, ARRAY_LEN(paths))], a->id);
#pragma GCC diagnostic pop
    wire_str(&a->wire, path);
    wire_str(&a->wire, query);
}

/* Fields that must not get through, and some that must be replaced. */
static void write_noise(struct ask *a, struct sim *s)
{
    static const char *const noise[] = {
        "Keep-Alive: timeout=5\r\n", "Proxy-Connection: keep-alive\r\n",
        "TE: trailers\r\n",          "X-Forwarded-For: 6.6.6.6\r\n",
        "X-Under_Score: 1\r\n",      "Proxy-Authorization: Basic eDp5\r\n",
        "X-Request-Id: spoofed\r\n", "Cookie: a=1; b=2\r\n",
        "User-Agent: sim\r\n",       "Accept: */*\r\n",
    };
    for (uint32_t i = 0; i < ARRAY_LEN(noise); i++)
        if (sim_chance(s, 100))
            wire_str(&a->wire, noise[i]);
    if (sim_chance(s, 100)) /* to a server a path, to us a name to be dropped */
        wire_str(&a->wire, "Connection: x-hop\r\nX-Hop: 1\r\n");
}

static void write_request(struct ask *a, struct sim *s, const struct world_plan *p)
{
    struct wire *w = &a->wire;
    if (sim_chance(s, 30))
        wire_str(w, "\r\n");
    wire_format(w, "%s ", a->method);
    write_target(a, s);
    wire_format(w, " HTTP/1.%u\r\nHost: site.example\r\nX-Id: %u\r\n", a->minor, a->id);
    if (a->minor ? a->ends_connection : !a->ends_connection)
        wire_format(w, "Connection: %s\r\n", a->minor ? "close" : "keep-alive");
    write_noise(a, s);
    if (sim_chance(s, p->big_head)) {
        wire_str(w, "X-Pad: ");
        for (uint32_t n = sim_below(s, 20000); n > 0; n--)
            wire_str(w, "p");
        wire_str(w, "\r\n");
    }
    if (a->expects)
        wire_str(w, "Expect: 100-continue\r\n");
    if (a->body == ASK_LENGTH)
        wire_format(w, "Content-Length: %u\r\n", a->body_bytes);
    if (a->body == ASK_CHUNKED)
        wire_str(w, "Transfer-Encoding: chunked\r\n");
    wire_str(w, "\r\n");
    a->head_bytes = w->len;
    if (a->body == ASK_LENGTH)
        wire_body(w, a->id, BODY_OF_REQUEST, 0, a->body_bytes);
    if (a->body == ASK_CHUNKED)
        wire_chunked(w, a->id, BODY_OF_REQUEST, a->body_bytes, a->trailers);
}

void bad_text(struct wire *w, struct str text, uint32_t id, const char *fill, uint32_t fill_bytes)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '$') {
            wire_format(w, "%u", id);
        } else if (text.ptr[i] == '~') {
            for (uint32_t n = 0; n < fill_bytes; n += (uint32_t)strlen(fill))
                wire_str(w, fill);
        } else {
            wire_mem(w, text.ptr + i, 1);
        }
    }
}

struct ask *ask_make(struct world *w, struct sim_client *c, uint32_t position)
{
    struct sim *s = &w->sim;
    struct ask *a = sim_alloc(s, sizeof *a);
    CHECK(w->asks_count < w->asks_max);
    w->asks[w->asks_count++] = a;
    a->id = w->asks_count;
    a->client = c;
    a->position = position;
    a->wire.sim = s;
    sim_cover(s, COVER_ASKS);
    if (sim_chance(s, w->plan.bad_request)) {
        a->bad = bad_request_pick(s);
        a->method = "?";
        a->minor = 1;
        a->answer.status = 200;
        bad_text(&a->wire, a->bad->text, a->id, a->bad->fill, a->bad->fill_bytes);
        a->head_bytes = a->wire.len;
        return a;
    }
    choose_request(a, s, &w->plan);
    choose_answer(a, s, &w->plan);
    choose_fault(a, s, &w->plan);
    rules_choose(a, s, &w->plan);
    if (a->own_status && strcmp(a->method, "PUT") == 0)
        a->method = "GET"; /* it is the one that may */
    write_request(a, s, &w->plan);
    return a;
}

/* ---- how it is answered -----------------------------------------------------------------------
 */

void answer_write(struct wire *out, const struct ask *a)
{
    const struct answer_script *r = &a->answer;
    struct sim *s = out->sim;
    bool empty = r->framing == ANSWER_EMPTY || strcmp(a->method, "HEAD") == 0;
    for (uint32_t i = 0; i < r->interims; i++)
        wire_format(out, "HTTP/1.1 103 Early Hints\r\nX-Id: %u\r\nLink: </%u>\r\n\r\n", a->id, i);
    wire_format(out, "HTTP/1.%u %u %s\r\nX-Id: %u\r\n", r->minor, r->status,
                sim_chance(s, 900) ? "Some Reason" : "", a->id);
    if (sim_chance(s, 500))
        wire_str(out, "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n");
    if (sim_chance(s, 200))
        wire_str(out, "Keep-Alive: timeout=5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n");
    if (sim_chance(s, 100))
        wire_str(out, "Connection: x-hop\r\nX-Hop: 1\r\nProxy-Connection: keep-alive\r\n");
    bool leaves = (r->framing == ANSWER_CLOSE && empty) || (r->early && !r->reads_rest);
    if (r->closes ? r->says_close : leaves)
        wire_str(out, "Connection: close\r\n");
    if (r->framing == ANSWER_LENGTH)
        wire_format(out, "Content-Length: %u\r\n", r->body_bytes);
    if (r->framing == ANSWER_CHUNKED)
        wire_str(out, "Transfer-Encoding: chunked\r\n");
    wire_str(out, "\r\n");
    if (empty)
        return;
    if (r->framing == ANSWER_CHUNKED)
        wire_chunked(out, a->id, BODY_OF_ANSWER, r->body_bytes, r->trailers);
    else
        wire_body(out, a->id, BODY_OF_ANSWER, 0, r->body_bytes);
}
