/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of backends, sites and logs, where others refer to them. */
#include <stdlib.h>
#include <string.h>

#include "core/config/loader.h"
#include "core/config/suggest.h"
#include "core/config/values.h"

static int order(struct str a, struct str b)
{
    int c = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return c ? c : a.len < b.len ? -1 : a.len > b.len;
}

static int by_name(const void *a, const void *b)
{
    return order(((const struct names_entry *)a)->name, ((const struct names_entry *)b)->name);
}

void names_init(struct loader *l, struct names *n, const char *what, const char *map)
{
    *n = (struct names){ .what = what, .map = map };
    const struct node *node = node_get(l->root, str_of(map));
    if (!node || node->kind != NODE_MAP || node->count == 0)
        return;
    n->sorted = tree_alloc(l->tree, node->count * sizeof *n->sorted);
    n->used = tree_alloc(l->tree, node->count * sizeof *n->used);
    if (!n->sorted || !n->used)
        return;
    n->node = node;
    for (const struct node *i = node->first; i; i = i->next) {
        n->sorted[n->count] = (struct names_entry){ i->key->text, n->count };
        n->count++;
    }
    qsort(n->sorted, n->count, sizeof *n->sorted, by_name);
}

uint32_t names_find(struct loader *l, struct names *n, const struct node *name)
{
    const struct names_entry key = { .name = name->text };
    const struct names_entry *e =
        n->count ? bsearch(&key, n->sorted, n->count, sizeof key, by_name) : NULL;
    if (e) {
        n->used[e->index] = true;
        return e->index;
    }
    struct suggestion s;
    suggest_begin(&s, name->text);
    for (uint32_t i = 0; i < n->count && !report_full(l->report); i++)
        suggest(&s, n->sorted[i].name);
    report_error(l->report, name->place, "no %s '%s'%s%s%s", n->what, quote(name->text).text,
                 s.nearest.ptr ? "; did you mean '" : "",
                 s.nearest.ptr ? quote(s.nearest).text : "", s.nearest.ptr ? "'?" : "");
    return UINT32_MAX;
}

static void read_backend(struct loader *l, const struct schema_key *k, const struct node *n,
                         void *out)
{
    (void)k;
    uint32_t i = names_find(l, &l->backends, n);
    if (i < l->config->backends_count)
        *(const struct backend_config **)out = &l->config->backends[i];
}

static void read_site(struct loader *l, const struct schema_key *k, const struct node *n, void *out)
{
    (void)k;
    uint32_t i = names_find(l, &l->sites, n);
    if (i < l->config->sites_count)
        *(const struct site_config **)out = &l->config->sites[i];
}

static void read_log(struct loader *l, const struct schema_key *k, const struct node *n, void *out)
{
    (void)k;
    const struct log_config *log = NULL;
    if (!str_eq(n->text, STR("off"))) {
        uint32_t i = names_find(l, &l->logs, n);
        if (i < l->config->logs_count)
            log = &l->config->logs[i];
    }
    *(const struct log_config **)out = log;
}

const struct value_type value_backend = {
    .name = "backend",
    .form = "the name of a backend",
    .json = "\"type\":\"string\"",
    .bytes = sizeof(void *),
    .read = read_backend,
    .example = "app",
};
const struct value_type value_site = {
    .name = "site",
    .form = "the name of a site",
    .json = "\"type\":\"string\"",
    .bytes = sizeof(void *),
    .read = read_site,
    .example = "www",
};
const struct value_type value_log = {
    .name = "log",
    .form = "the name of a log, or off",
    .json = "\"anyOf\":[{\"type\":\"string\"},{\"const\":false}]",
    .bytes = sizeof(void *),
    .read = read_log,
    .example = "access",
};
