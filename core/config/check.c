/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What shows only when all is read: things nobody refers to, names that do not resolve now. */
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/check.h"
#include "core/config/loader.h"

/* The time that names may take in all: a dead name server must not keep a start waiting. */
#define RESOLVE_S_MAX 10

static void warn_unused(struct loader *l, const struct names *n)
{
    uint32_t i = 0;
    for (const struct node *e = n->node ? n->node->first : NULL; e; e = e->next, i++)
        if (!n->used[i])
            report_warning(l->report, e->key->place, "%s '%s' is not used", n->what,
                           quote(e->key->text).text);
}

static void warn_weightless(struct loader *l, const struct node *n, const struct backend_config *b)
{
    for (uint32_t i = 0; i < b->servers_count; i++)
        if (b->servers[i].weight)
            return;
    if (b->servers_file)
        return; /* it may hold others */
    report_warning(l->report, n->key->place, "every server of backend '%s' has weight 0", b->name);
}

static void check_user(struct loader *l)
{
    const struct node *user = node_get(l->root, STR("user"));
    if (user && l->config->user && !getpwnam(l->config->user))
        report_warning(l->report, user->place, "this machine has no user '%s'",
                       quote(user->text).text);
}

/* ---- Names of servers ----------------------------------------------------------------------- */

bool config_resolve_name(const char *host, uint16_t port, struct addr *out, const char **why)
{
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *found;
    int err = getaddrinfo(host, service, &hints, &found);
    if (err) {
        *why = gai_strerror(err);
        return false;
    }
    /* One address: IPv4 if there is one, as most servers that listen on one family listen there. */
    const struct addrinfo *best = found;
    while (best && best->ai_family != AF_INET)
        best = best->ai_next;
    if (!best)
        best = found;
    CHECK(best->ai_addrlen <= sizeof(struct sockaddr_in6));
    *out = (struct addr){ .len = best->ai_addrlen };
    memcpy(&out->v6, best->ai_addr, best->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

struct resolver {
    struct loader *l;
    config_resolve_fn resolve;
    time_t deadline;
};

static time_t now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static void resolve_server(struct resolver *r, const struct node *n, struct server_config *s)
{
    char host[256];
    const char *colon = strchr(s->host, ':'), *why = "names took too long";
    size_t len = (size_t)(colon - s->host);
    struct addr port;
    CHECK(colon && len < sizeof host && addr_parse(str_of(colon), true, &port, &why));
    memcpy(host, s->host, len);
    host[len] = '\0';
    why = "not tried, as other names took too long";
    if (now_s() < r->deadline && r->resolve(host, ntohs(port.v6.sin6_port), &s->addr, &why))
        return;
    s->addr = (struct addr){ 0 };
    report_warning(r->l->report, n->place, "'%s' does not resolve now: %s; the server gets nothing",
                   quote(str_of(s->host)).text, why);
}

static void resolve_backend(struct resolver *r, const struct node *n, struct backend_config *b)
{
    const struct node *servers = node_get(n, STR("servers"));
    const struct node *item = servers && servers->kind == NODE_LIST ? servers->first : servers;
    for (uint32_t i = 0; i < b->servers_count; i++, item = item->next)
        if (b->servers[i].kind == SERVER_NAME)
            resolve_server(r, item, &b->servers[i]);
}

void check_all(struct loader *l)
{
    struct config *c = l->config;
    struct resolver r = { l, l->input->resolve ? l->input->resolve : config_resolve_name,
                          now_s() + RESOLVE_S_MAX };
    warn_unused(l, &l->logs);
    warn_unused(l, &l->backends);
    warn_unused(l, &l->sites);
    check_user(l);
    check_routes(l);
    uint32_t i = 0;
    for (const struct node *n = l->backends.node ? l->backends.node->first : NULL; n; n = n->next) {
        warn_weightless(l, n, &c->backends[i]);
        if (!l->input->keep_names)
            resolve_backend(&r, n, &c->backends[i]);
        i++;
    }
}
