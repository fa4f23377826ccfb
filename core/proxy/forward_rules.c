/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/forward_rules.h"

#include "core/base/public_address.h"
#include "core/config/networks.h"

static bool has_port(const struct port_ranges *p, uint16_t port)
{
    for (uint32_t i = 0; i < p->items_count; i++)
        if (port >= p->items[i].first && port <= p->items[i].last)
            return true;
    return false;
}

static bool has_host(const struct forward_rule *rule, const struct forward_question *q)
{
    size_t len;
    return suffix_set_has(&rule->hosts, q->host, &len) && (!q->host_is_ip || len == q->host.len);
}

static bool has_user(const struct strings *users, struct str user)
{
    for (uint32_t i = 0; i < users->items_count; i++)
        if (str_eq(users->items[i], user))
            return true;
    return false;
}

static bool is_for(const struct forward_rule *rule, const struct forward_question *q)
{
    return (!rule->ports.items_count || has_port(&rule->ports, q->port)) &&
           (!rule->clients.items_count || networks_has(&rule->clients, &q->client)) &&
           (!rule->users.items_count || has_user(&rule->users, q->user)) &&
           (rule->any_host || has_host(rule, q));
}

struct forward_verdict forward_judge(const struct forward_config *f,
                                     const struct forward_question *q)
{
    if (!has_port(&f->ports, q->port))
        return (struct forward_verdict){ .by = "ports" };
    for (uint32_t i = 0; i < f->rules_count; i++) {
        const struct forward_rule *rule = &f->rules[i];
        if (is_for(rule, q))
            return (struct forward_verdict){ rule->allows, rule->name, rule };
    }
    return (struct forward_verdict){ f->otherwise_allows, "otherwise", NULL };
}

bool forward_may_reach(const struct forward_config *f, const struct peer_addr *to)
{
    struct peer_addr inner;
    return address_is_public(to) || networks_has(&f->private_allows, to) ||
           (address_inner(to, &inner) && networks_has(&f->private_allows, &inner));
}

const struct addr *forward_source(const struct forward_config *f, const struct forward_rule *rule,
                                  int family)
{
    const struct source_addresses *s = &f->source;
    if (rule && (rule->source.v4.len || rule->source.v6.len))
        s = &rule->source;
    const struct addr *a = family == AF_INET6 ? &s->v6 : &s->v4;
    return a->len ? a : NULL;
}
