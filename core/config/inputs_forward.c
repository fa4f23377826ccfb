/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forward proxies: each becomes a site of its own, behind those of `sites`. */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/config/inputs.h"
#include "core/config/lines.h"

/* ---- Lists of hosts ------------------------------------------------------------------------- */

static void add_name(struct loader *l, struct place at, struct suffix_builder *b, struct str name)
{
    const char *why;
    if (!report_full(l->report) && !suffix_builder_add(b, name, &why))
        report_error(l->report, at, "'%s': %s", quote(name).text, why);
}

/* Takes the next word off; empty: there is none. */
static struct str next_word(struct str *rest)
{
    size_t from = 0, to;
    while (from < rest->len && (rest->ptr[from] == ' ' || rest->ptr[from] == '\t'))
        from++;
    for (to = from; to < rest->len && !strchr(" \t#", rest->ptr[to]); to++)
        ;
    struct str word = { rest->ptr + from, to - from };
    *rest = (struct str){ rest->ptr + to, rest->len - to };
    return word;
}

/* Without its comment; of a line of a hosts file ("0.0.0.0 NAME") the name. */
static struct str name_of_line(struct str line)
{
    char text[HOST_NAME_BYTES_MAX + 1];
    bool is_ip;
    struct str rest = line, first = next_word(&rest), second = next_word(&rest);
    if (second.len == 0)
        return first;
    bool hosts_file = host_name_normal(first, text, &is_ip) && is_ip && !next_word(&rest).len;
    return hosts_file ? second : line;
}

static void add_file(struct loader *l, const struct node *n, const char *path,
                     struct suffix_builder *b)
{
    struct source *s = tree_read_data(l->tree, path, n->place, false);
    struct lines lines = { .source = s };
    struct str line;
    while (s && next_line(&lines, &line))
        add_name(l, line_place(&lines, line), b, name_of_line(line));
}

void take_hosts(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    (void)count;
    const struct hosts_input *in = read;
    struct forward_rule *rule = container_of(out, struct forward_rule, hosts);
    const struct node *names = n->kind == NODE_MAP ? node_get(n, STR("names")) : n;
    const struct node *item = names && names->kind == NODE_LIST ? names->first : names;
    struct suffix_builder b = { 0 };
    rule->any_host = false;
    for (uint32_t i = 0; i < in->names_count; i++, item = item->next)
        if (in->names[i].ptr)
            add_name(l, item->place, &b, in->names[i]);
    for (uint32_t i = 0; i < in->files_count; i++)
        if (in->files[i])
            add_file(l, n, in->files[i], &b);
    size_t bytes = suffix_builder_seal(&b);
    void *memory = bytes ? load_alloc(l, bytes) : NULL;
    if (memory)
        suffix_builder_write(&b, memory, out);
    else if (report_ok(l->report))
        report_warning(l->report, n->place, "there is no host in it: the rule meets nothing");
    suffix_builder_free(&b);
}

/* ---- Other values --------------------------------------------------------------------------- */

static void set_source(struct loader *l, const struct node *n, const struct addr *read,
                       uint32_t count, struct source_addresses *to)
{
    const struct node *item = n->kind == NODE_LIST ? n->first : n;
    for (uint32_t i = 0; i < count; i++, item = item->next) {
        struct addr *a = read[i].len && read[i].sa.sa_family == AF_INET6 ? &to->v6 : &to->v4;
        if (read[i].len && a->len)
            report_error(l->report, item->place, "one address of each family is enough");
        else if (read[i].len)
            *a = read[i];
    }
}

void take_source(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    set_source(l, n, read, count, &((struct forward_rule *)out)->source);
}

void take_forward_source(struct loader *l, const struct node *n, void *read, uint32_t count,
                         void *out)
{
    set_source(l, n, read, count, &((struct forward_input *)out)->forward.source);
}

void begin_forward_rule(struct loader *l, const struct node *n, void *out)
{
    char name[32];
    snprintf(name, sizeof name, "rules[%u]", n->index);
    struct forward_rule *rule = out;
    rule->name = load_str(l, str_of(name)).ptr;
    rule->any_host = true;
}

/* ---- The proxy ------------------------------------------------------------------------------ */

/* What `defaults` say for sites with servers of our own is not said to all the others: what edits
 * messages, and what is kept of them. */
void begin_forward(struct loader *l, const struct node *n, void *out)
{
    begin_site(l, n, &((struct forward_input *)out)->site);
    struct handling *h = &((struct forward_input *)out)->site.handling;
    h->hsts = (struct str){ 0 };
    h->via = h->forwarded = false;
    h->host_rule = HOST_PRESERVE;
    h->request_edits = h->response_edits = (struct header_edits){ 0 };
    h->location_own = false;
    h->location = h->cookie_domain = h->cookie_path = (struct prefix_rewrites){ 0 };
    h->cache = NULL;
    h->compress = NULL;
}

static void use_default_ports(struct loader *l, struct port_ranges *p)
{
    static const struct port_range ports[] = { { 80, 80 }, { 443, 443 }, { 1024, 65535 } };
    p->items = load_extend(l, ports, ARRAY_LEN(ports), 0, sizeof ports[0]);
    p->items_count = p->items ? ARRAY_LEN(ports) : 0;
}

static void take_pac(struct loader *l, const struct node *n, const char *path,
                     struct forward_config *f)
{
    const struct node *pac = node_get(n, STR("pac"));
    f->pac = pac != NULL;
    if (!pac || !path || str_eq(pac->text, STR("auto")))
        return;
    struct source *s = tree_read_data(l->tree, path, pac->place, false);
    if (s && s->text.len == 0)
        report_error(l->report, pac->place, "'%s' is empty", path);
    else if (s)
        f->pac_text = load_str(l, s->text);
}

/* Anybody on the net may use it: not what was meant, mostly. */
static void warn_open(struct loader *l, const struct node *n, const struct handling *h)
{
    const struct node *listener = n->parent;
    const struct node *bind = listener ? node_get(listener, STR("bind")) : NULL;
    const struct node *item = bind && bind->kind == NODE_LIST ? bind->first : bind;
    if (h->basic_auth || h->external_auth || h->access.allows_count ||
        node_get(listener, STR("tls")))
        return;
    for (; item; item = item->next) {
        struct addr a;
        const char *why;
        bool parsed = item->kind == NODE_SCALAR && addr_parse(item->text, true, &a, &why);
        bool here =
            parsed && (a.sa.sa_family == AF_UNIX ||
                       (a.sa.sa_family == AF_INET && ntohl(a.v4.sin_addr.s_addr) >> 24 == 127) ||
                       (a.sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a.v6.sin6_addr)));
        if (parsed && !here) {
            report_warning(l->report, n->key->place,
                           "an open proxy: whoever reaches '%s' may use it; see 'allow' and "
                           "'basic_auth'",
                           quote(item->text).text);
            return;
        }
        if (bind->kind != NODE_LIST)
            return;
    }
}

/* There are as many more sites as there are listeners, at most. */
static struct site_config *add_site(struct loader *l)
{
    struct config *c = l->config;
    if (!l->sites_made)
        take_sites(l, NULL, NULL, 0, NULL);
    return c->sites ? &c->sites[c->sites_count++] : NULL;
}

void take_sites(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    (void)n;
    (void)out;
    const struct node *listeners = node_get(l->root, STR("listeners"));
    uint32_t more = listeners ? listeners->count : 0;
    l->config->sites = load_extend(l, read, count, more, sizeof *l->config->sites);
    l->config->sites_count = l->config->sites ? count : 0;
    l->sites_made = true;
}

void take_forward(struct loader *l, const struct node *n, void *read, uint32_t count, void *out)
{
    (void)count;
    struct forward_input *in = read;
    struct listener_config *listener = container_of(out, struct listener_config, forward);
    struct forward_config *f = load_alloc(l, sizeof *f);
    struct site_config *site = add_site(l);
    if (!f || !site)
        return;
    for (uint32_t i = 0; i + 1 < l->config->sites_count; i++)
        if (listener->name && strcmp(l->config->sites[i].name, listener->name) == 0)
            report_error(l->report, n->key->place,
                         "a site is called '%s', too: logs and metrics "
                         "could not tell them apart",
                         listener->name);
    *f = in->forward;
    if (!f->ports.items_count)
        use_default_ports(l, &f->ports);
    if (f->via_name.len > VIA_NAME_BYTES_MAX)
        report_error(l->report, node_get(n, STR("via_name"))->place, "longer than %d bytes",
                     VIA_NAME_BYTES_MAX);
    if (!f->via_name.len)
        f->via_name = STR("sluice");
    take_pac(l, n, in->pac, f);
    warn_open(l, n, &in->site.handling);
    *site = in->site;
    site->name = listener->name;
    site->forward = f;
    listener->forward = site;
}
