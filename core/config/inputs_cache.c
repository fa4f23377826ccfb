/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/config/inputs.h"

#define HEURISTIC_PERCENT 10
#define HEURISTIC_MAX_S 86400
#define PPM_PER_PERCENT 10000

static void take_query(struct loader *l, const struct node *n, const struct cache_input *in,
                       struct cache_config *c)
{
    const struct node *key = node_get(n, STR("key"));
    c->query_key = in->query;
    if (in->only_count && in->except_count)
        report_error(l->report, key->place, "'only' and 'except' exclude each other");
    else if (in->query == QUERY_NONE && (in->only_count || in->except_count))
        report_error(l->report, key->place, "'query: none' leaves nothing to choose from");
    else if (in->only_count)
        c->query_key = QUERY_ONLY;
    else if (in->except_count)
        c->query_key = QUERY_EXCEPT;
    c->query_names = c->query_key == QUERY_ONLY ? (struct strings){ in->only, in->only_count }
                                                : (struct strings){ in->except, in->except_count };
}

void take_cache(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    const struct cache_input *in = read;
    struct cache_config *c = NULL;
    if (count && in->enabled) {
        c = load_alloc(l, sizeof *c);
        if (!c)
            return;
        *c = in->cache;
        c->heuristic_max_s = HEURISTIC_MAX_S;
        c->heuristic_percent = HEURISTIC_PERCENT;
        if (n->kind == NODE_MAP && node_get(n, STR("heuristic")))
            c->heuristic_percent = in->heuristic_ppm / PPM_PER_PERCENT;
        c->ignore_request_control = !in->client_control;
        if (c->targeted.len == 0)
            c->targeted = STR("CDN-Cache-Control");
        take_query(l, n, in, c);
    }
    *(const struct cache_config **)out = c;
}
