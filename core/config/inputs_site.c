/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Before and after defaults, sites and routes are read. */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/config/inputs.h"

void begin_defaults(struct loader *l, const struct node *n, void *out)
{
    (void)l;
    (void)n;
    ((struct defaults *)out)->handling.timeouts = (struct timeouts){ 0 };
}

void take_defaults(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    (void)n;
    (void)count;
    (void)out;
    l->defaults = *(struct defaults *)read;
}

void begin_site(struct loader *l, const struct node *n, void *out)
{
    (void)n;
    struct site_config *s = out;
    s->handling = l->defaults.handling;
    s->handling.timeouts = (struct timeouts){ 0 };
    s->limits = l->defaults.limits;
    l->site = &s->handling;
    l->captures = -1;
}

const char *load_file_name(struct loader *l, const struct source *s)
{
    const char **kept = &l->files[s->order];
    if (!*kept)
        *kept = load_str(l, str_of(s->name)).ptr;
    return *kept;
}

void begin_route(struct loader *l, const struct node *n, void *out)
{
    struct route_config *r = out;
    char name[32];
    snprintf(name, sizeof name, "routes[%u]", n->index);
    r->name = load_str(l, str_of(name)).ptr;
    r->index = n->index;
    r->file = load_file_name(l, n->place.source);
    r->line = n->place.line;
    r->handling = *l->site;
    r->handling.timeouts = (struct timeouts){ 0 };
    l->captures = -1;
}

void end_match(struct loader *l, const struct node *n, void *out)
{
    (void)n;
    const struct match_config *m = out;
    for (uint32_t i = 0; i < m->paths_count; i++)
        if (m->paths[i].regex && (int)m->paths[i].regex->captures > l->captures)
            l->captures = (int)m->paths[i].regex->captures;
}

/* ---- The end of a route --------------------------------------------------------------------- */

static void check_targets(struct loader *l, const struct node *to, const struct route_config *r)
{
    uint64_t sum = 0;
    const struct node *item = to->first;
    if (r->targets_count > TARGETS_MAX) {
        report_error(l->report, to->place, "%u backends; a route has at most %d", r->targets_count,
                     TARGETS_MAX);
        return;
    }
    for (uint32_t i = 0; i < r->targets_count; i++) {
        sum += r->targets[i].weight;
        for (uint32_t k = 0; k < i && item; k++)
            if (r->targets[i].backend && r->targets[i].backend == r->targets[k].backend)
                report_error(l->report, item->place, "backend '%s' is there already",
                             r->targets[i].backend->name);
        item = item ? item->next : NULL;
    }
    if (r->targets_count == 0)
        report_error(l->report, to->place, "'to' names at least one backend");
    else if (sum == 0)
        report_error(l->report, to->place, "every weight is 0: nobody could answer");
}

/* A key that has no effect beside what the route does. */
static void refuse(struct loader *l, const struct node *n, struct str key, const char *why)
{
    const struct node *there = node_get(n, key);
    if (there)
        report_error(l->report, there->key->place, "'%.*s' %s", (int)key.len, key.ptr, why);
}

static bool has_unknown_key(const struct node *route)
{
    for (const struct node *i = route->first; i; i = i->next)
        if (!schema_find(&schema_route, i->key->text))
            return true;
    return false;
}

void end_route(struct loader *l, const struct node *n, void *out)
{
    static const struct {
        struct str key;
        enum action action;
    } actions[] = {
        { { "to", 2 }, ACTION_PROXY },
        { { "redirect", 8 }, ACTION_REDIRECT },
        { { "respond", 7 }, ACTION_RESPOND },
    };
    struct route_config *r = out;
    const struct node *first = NULL;
    l->captures = -1;
    if (n->kind != NODE_MAP)
        return;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        const struct node *a = node_get(n, actions[i].key);
        if (a && first)
            report_error(l->report, a->key->place,
                         "a route has one of 'to', 'redirect' and "
                         "'respond'; here is '%s' too",
                         first->key->text.ptr);
        if (!a || first)
            continue;
        first = a;
        r->action = actions[i].action;
    }
    if (!first) {
        if (!has_unknown_key(n)) /* which was meant for one of them, perhaps */
            report_error(l->report, n->place, "'to', 'redirect' or 'respond' is missing%s",
                         node_path_in(n).text);
        return;
    }
    if (r->action == ACTION_PROXY) {
        check_targets(l, first, r);
        if (node_get(n, STR("rewrite")))
            refuse(l, n, STR("strip_prefix"), "and 'rewrite' exclude each other");
    } else {
        refuse(l, n, STR("strip_prefix"), "is for routes with 'to'");
        refuse(l, n, STR("rewrite"), "is for routes with 'to'");
    }
}
