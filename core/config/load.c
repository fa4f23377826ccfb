/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/config/load.h"

#include <stdlib.h>
#include <string.h>

#include "core/config/loader.h"

static const char *machine_getenv(const char *name)
{
    return getenv(name);
}

static struct node *parse_input(struct tree *t, const struct config_input *in)
{
    const struct place nowhere = { 0 };
    struct source *s =
        in->text.ptr ? tree_add_text(t, in->path, in->text) : tree_read_file(t, in->path, nowhere);
    struct node *root = s ? tree_parse(t, s) : NULL;
    if (!root)
        return NULL;
    if (root->kind != NODE_MAP) {
        report_error(t->report, root->place, "a configuration is a map ('listeners: ...'), not %s",
                     node_kind_text(root));
        return NULL;
    }
    tree_include(t, root, s);
    return root;
}

/* The configuration's texts stay with it, to be shown; what values name (lists, users) does not. */
static void keep_sources(struct loader *l)
{
    struct tree *t = l->tree;
    struct config_source *kept = load_alloc(l, t->sources_count * sizeof *kept);
    uint32_t count = 0;
    for (uint32_t i = 0; kept && i < t->sources_count; i++) {
        if (t->sources[i]->data)
            continue;
        kept[count].name = load_file_name(l, t->sources[i]);
        kept[count].text = load_str(l, t->sources[i]->text);
        if (!kept[count].name || !kept[count].text.ptr)
            return; /* reported */
        count++;
    }
    l->config->sources = kept;
    l->config->sources_count = count;
}

/* Whether it could be read; what is wrong in it is in the report. */
static void read_root(struct loader *l)
{
    struct config *c = l->config;
    names_init(l, &l->backends, "backend", "backends");
    names_init(l, &l->logs, "log", "logs");
    names_init(l, &l->sites, "site", "sites");
    schema_put_defaults(&schema_defaults, &l->defaults);
    l->defaults.handling.timeouts = (struct timeouts){ 0 };
    c->binds = load_alloc(l, LISTENERS_MAX * sizeof *c->binds);
    if (!c->binds)
        return;
    read_object(l, &schema_root, l->root, c);
    load_dns(l);
    if (!report_ok(l->report))
        return;
    inherit_timeouts(l);
    check_all(l);
}

struct config *config_load_input(const struct config_input *in, struct config_report *report)
{
    struct tree *tree = calloc(1, sizeof *tree);
    struct loader *l = calloc(1, sizeof *l);
    size_t memory_max = in->memory_max ? in->memory_max : CONFIG_MEMORY_BYTES_MAX;
    struct config *c = config_new(memory_max);
    struct config_files disk = disk_files();
    struct config_files *files = in->no_files ? NULL : in->files ? in->files : &disk;
    if (tree && l && c) {
        tree_init(tree, report, in->getenv ? in->getenv : machine_getenv, files, memory_max);
        *l = (struct loader){ .config = c,
                              .report = report,
                              .tree = tree,
                              .input = in,
                              .root = parse_input(tree, in),
                              .captures = -1 };
        if (l->root)
            read_root(l);
        if (report_ok(report))
            keep_sources(l);
        tree_free(tree);
    } else {
        report_out_of_memory(report);
    }
    config_report_sort(report);
    free(tree);
    free(l);
    if (report_ok(report))
        return c;
    config_free(c);
    return NULL;
}

struct config *config_load(const char *path, struct config_report *report)
{
    const struct config_input in = { .path = path };
    return config_load_input(&in, report);
}
