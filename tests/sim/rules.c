/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/config/load.h"

#define BURST 2

/* clang-format off */
static const char text[] =
    "listeners: { l: { bind: \":80\", site: s } }\n"
    "sites:\n"
    "  s:\n"
    "    request_headers: { set: { X-Rule: $path }, remove: [Cookie] }\n"
    "    response_headers: { set: { X-Rule: $path, X-Status: $status }, remove: [Set-Cookie] }\n"
    "    routes:\n"
    "      - { match: { path: \"~ ^/redirect/([0-9]+)$\" },\n"
    "          redirect: { to: \"/to/$1\", status: 307 } }\n"
    "      - { match: { path: /respond/* },\n"
    "          respond: { status: 410, body: \"$path\", headers: { X-Rule: $path } } }\n"
    "      - { match: { path: /methods/* }, methods: [PUT], to: app }\n"
    "      - { match: { path: /limit/* }, rate_limit: { rate: 1/h, burst: 2, ipv6_prefix: 128 },\n"
    "          respond: { status: 410, headers: { X-Rule: $path } } }\n"
    "      - { match: { path: /buffers/* }, buffers: { request: 32KiB, response: 32KiB }, to: app }\n"
    "      - { match: { path: /strip/* }, strip_prefix: /strip, to: app }\n"
    "      - { to: app }\n"
    "backends: { app: { servers: \"10.0.0.1:1\" } }\n";
/* clang-format on */

static const struct {
    const char *asks, *reaches;
    uint16_t status; /* the proxy's own; 0: a server's */
} rules[RULES] = {
    [RULE_NONE] = { "/r/", "/r/", 0 },           [RULE_BUFFERS] = { "/buffers/", "/buffers/", 0 },
    [RULE_STRIP] = { "/strip/r/", "/r/", 0 },    [RULE_REDIRECT] = { "/redirect/", NULL, 307 },
    [RULE_RESPOND] = { "/respond/", NULL, 410 }, [RULE_METHODS] = { "/methods/", NULL, 405 },
    [RULE_LIMIT] = { "/limit/", NULL, 429 },
};

struct config *rules_config(struct sim *s)
{
    (void)s;
    const struct config_input in = { .path = "rules.yaml",
                                     .text = { text, sizeof text - 1 },
                                     .no_files = true,
                                     .keep_names = true };
    struct config_report report;
    config_report_init(&report);
    struct config *c = config_load_input(&in, &report);
    if (!c)
        config_report_print(&report, stderr, false);
    CHECK(c);
    config_report_free(&report);
    return c;
}

const char *rule_prefix(enum ask_rule rule)
{
    return rules[rule].asks;
}

const char *rule_server_prefix(enum ask_rule rule)
{
    return rules[rule].reaches ? rules[rule].reaches : "/nowhere/";
}

void rules_choose(struct ask *a, struct sim *s, const struct world_plan *p)
{
    a->rule = RULE_NONE;
    if (!p->rules || !sim_chance(s, p->rules))
        return;
    a->rule = 1 + sim_below(s, RULES - 1);
    if (a->client->number % 3 == 0 && a->body == ASK_NO_BODY)
        a->rule = RULE_LIMIT; /* more often than it allows */
    if (rules[a->rule].status && (a->body != ASK_NO_BODY || a->answer.fault != FAULT_NONE))
        a->rule = RULE_BUFFERS; /* what comes of a body that nobody wants is another matter */
    a->own_status = rules[a->rule].status;
}

static bool ends_with_id(const char *path, const struct ask *a)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash && (uint32_t)atoi(slash + 1) == a->id;
}

void rules_check_request(struct sim *s, const struct ask *a, const struct message *m)
{
    if (a->own_status)
        sim_fail(s, "request %u reached a server, and the proxy is to answer it", a->id);
    if (message_field_count(m, "x-rule") != 1 || !ends_with_id(message_field(m, "x-rule"), a))
        sim_fail(s, "request %u reached a server without what a rule adds", a->id);
    if (message_field(m, "cookie"))
        sim_fail(s, "request %u reached a server with what a rule removes", a->id);
}

void rules_check_answer(struct sim *s, const struct ask *a, const struct message *m)
{
    bool forwarded = message_field(m, "x-id") != NULL;
    bool by_rule = !forwarded && (a->status == 307 || a->status == 410);
    if (!forwarded && !by_rule)
        return; /* an error */
    if (by_rule && !rules_allow(a))
        sim_fail(s, "request %u was answered by a rule that is not its own", a->id);
    if (by_rule && a->status == 307) {
        if (!ends_with_id(message_field(m, "location"), a))
            sim_fail(s, "request %u is sent to %s", a->id, message_field(m, "location"));
        return;
    }
    if (message_field_count(m, "x-rule") != 1 || !ends_with_id(message_field(m, "x-rule"), a))
        sim_fail(s, "the answer to %u is without what a rule adds, or it is of another", a->id);
    if (by_rule)
        return;
    const char *status = message_field(m, "x-status");
    if (!status || atoi(status) != a->status)
        sim_fail(s, "the answer to %u says another status", a->id);
    if (message_field(m, "set-cookie"))
        sim_fail(s, "the answer to %u has what a rule removes", a->id);
}

bool rules_allow(const struct ask *a)
{
    return a->own_status &&
           (a->status == a->own_status || (a->rule == RULE_LIMIT && a->status == 410));
}

void rules_judge(struct world *w)
{
    for (uint32_t i = 0; i < w->plan.clients; i++) {
        uint32_t passed = 0, refused = 0;
        for (uint32_t k = 0; k < w->clients[i]->asks_count; k++) {
            const struct ask *a = w->clients[i]->asks[k];
            passed += a->answered && a->rule == RULE_LIMIT && a->status == 410;
            refused += a->answered && a->rule == RULE_LIMIT && a->status == 429;
        }
        if (passed > BURST)
            sim_fail(&w->sim, "client %u passed a limit of %u %u times", i, BURST, passed);
        if (refused && passed < BURST && !w->plan.tolerance)
            sim_fail(&w->sim, "client %u was limited after %u of %u", i, passed, BURST);
    }
}
