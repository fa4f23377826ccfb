/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `dns`, and what this machine says of names: /etc/resolv.conf and /etc/hosts, read with the
 * configuration by whoever reads that. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/host_name.h"
#include "core/config/dns.h"
#include "core/config/inputs.h"

#define DNS_PORT 53
#define NDOTS_MAX 15
#define TIMEOUT_S_MAX 30
#define ATTEMPTS_OF_SYSTEM_MAX 5

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of a line, which goes on behind it. Empty: there is none. */
static struct str next_word(struct str *line)
{
    while (line->len && is_space(line->ptr[0]))
        *line = (struct str){ line->ptr + 1, line->len - 1 };
    struct str word = { line->ptr, 0 };
    while (word.len < line->len && !is_space(word.ptr[word.len]))
        word.len++;
    *line = (struct str){ word.ptr + word.len, line->len - word.len };
    return word;
}

/* The next line, without what follows one of `comments`. */
static bool next_line(struct str *text, const char *comments, struct str *line)
{
    if (text->len == 0)
        return false;
    const char *end = memchr(text->ptr, '\n', text->len);
    size_t len = end ? (size_t)(end - text->ptr) : text->len;
    *line = (struct str){ text->ptr, len };
    size_t past = end ? len + 1 : len;
    *text = (struct str){ text->ptr + past, text->len - past };
    for (size_t i = 0; i < line->len; i++)
        if (strchr(comments, line->ptr[i]))
            line->len = i;
    return true;
}

bool dns_server_parse(struct str text, struct addr *out)
{
    char ip[INET6_ADDRSTRLEN];
    *out = (struct addr){ 0 };
    if (text.len >= sizeof ip)
        return false;
    memcpy(ip, text.ptr, text.len);
    ip[text.len] = '\0';
    if (inet_pton(AF_INET, ip, &out->v4.sin_addr) == 1) {
        out->len = sizeof out->v4;
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(DNS_PORT);
    } else if (inet_pton(AF_INET6, ip, &out->v6.sin6_addr) == 1) {
        out->len = sizeof out->v6;
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(DNS_PORT);
    }
    return out->len > 0;
}

/* ---- /etc/resolv.conf ----------------------------------------------------------------------- */

static bool option(struct str word, struct str name, uint32_t max, uint32_t *out)
{
    if (word.len <= name.len || memcmp(word.ptr, name.ptr, name.len) != 0)
        return false;
    uint32_t n = 0;
    for (size_t i = name.len; i < word.len; i++) {
        if (word.ptr[i] < '0' || word.ptr[i] > '9')
            return false;
        if (n <= max)
            n = n * 10 + (uint32_t)(word.ptr[i] - '0');
    }
    *out = n < max ? n : max;
    return true;
}

static void read_search(struct str line, struct resolv_conf *c)
{
    c->search_count = 0; /* the last line counts (resolv.conf(5)) */
    struct str word;
    struct host_name name;
    const char *why;
    while ((word = next_word(&line)).len && c->search_count < DNS_SEARCH_MAX)
        if (host_name_parse(word, &name, &why))
            c->search[c->search_count++] = (struct str){ word.ptr, name.len };
}

void resolv_conf_parse(struct str text, struct resolv_conf *out)
{
    struct str line, word;
    *out = (struct resolv_conf){ .ndots = 1 };
    while (next_line(&text, "#;", &line)) {
        struct str key = next_word(&line);
        if (str_eq(key, STR("nameserver"))) {
            struct addr *to = &out->servers[out->servers_count];
            /* Those of a link ("fe80::1%eth0") are passed over. */
            if (out->servers_count < DNS_SERVERS_MAX && dns_server_parse(next_word(&line), to))
                out->servers_count++;
        } else if (str_eq(key, STR("search")) || str_eq(key, STR("domain"))) {
            read_search(line, out);
        } else if (str_eq(key, STR("options"))) {
            while ((word = next_word(&line)).len)
                (void)(option(word, STR("ndots:"), NDOTS_MAX, &out->ndots) ||
                       option(word, STR("timeout:"), TIMEOUT_S_MAX, &out->timeout_s) ||
                       option(word, STR("attempts:"), ATTEMPTS_OF_SYSTEM_MAX, &out->attempts));
        }
    }
}

/* ---- /etc/hosts ----------------------------------------------------------------------------- */

uint32_t hosts_parse(struct str text, struct host_entry *out, uint32_t room)
{
    struct str line, word;
    uint32_t count = 0;
    while (next_line(&text, "#", &line)) {
        struct addr addr;
        struct host_name name;
        const char *why;
        if (!dns_server_parse(next_word(&line), &addr))
            continue;
        addr.v4.sin_port = 0;
        while ((word = next_word(&line)).len) {
            if (!host_name_parse(word, &name, &why))
                continue;
            if (count < room)
                out[count] = (struct host_entry){ { word.ptr, name.len }, addr };
            count++;
        }
    }
    return count;
}

static int compare_names(struct str a, struct str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int c = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;
    return c ? c : a.len < b.len ? -1 : a.len > b.len;
}

/* Their names point into one buffer that is in the order of the file. */
static int by_name(const void *pa, const void *pb)
{
    const struct host_entry *a = pa, *b = pb;
    int c = compare_names(a->name, b->name);
    return c ? c : a->name.ptr < b->name.ptr ? -1 : a->name.ptr > b->name.ptr;
}

static void lower(char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p[i] = ascii_lower(p[i]);
}

/* text: the configuration's own copy, which becomes lower case. */
void hosts_seal(struct str text, struct host_entry *hosts, uint32_t count)
{
    lower((char *)text.ptr, text.len);
    if (count)
        qsort(hosts, count, sizeof *hosts, by_name);
}

uint32_t hosts_find(const struct host_entry *hosts, uint32_t count, struct str name,
                    uint32_t *found)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_names(hosts[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    uint32_t end = low;
    while (end < count && str_eq(hosts[end].name, name))
        end++;
    *found = end - low;
    return low;
}

/* ---- Into the configuration ----------------------------------------------------------------- */

static bool fill_hosts(struct config *c, struct str text)
{
    struct dns_config *d = &c->dns;
    struct str own = config_str(c, text);
    uint32_t count = hosts_parse(own, NULL, 0);
    if (own.ptr && count)
        d->hosts = config_alloc(c, count * sizeof *d->hosts);
    if (!own.ptr || (count && !d->hosts))
        return false;
    d->hosts_count = hosts_parse(own, d->hosts, count);
    hosts_seal(own, d->hosts, d->hosts_count);
    return true;
}

static bool fill_servers(struct config *c, const struct resolv_conf *r)
{
    struct dns_config *d = &c->dns;
    struct addr here;
    dns_server_parse(STR("127.0.0.1"), &here); /* who says nothing means this machine */
    uint32_t count = r->servers_count ? r->servers_count : 1;
    d->servers = config_alloc(c, count * sizeof *d->servers);
    if (!d->servers)
        return false;
    memcpy(d->servers, r->servers_count ? r->servers : &here, count * sizeof *d->servers);
    d->servers_count = count;
    return true;
}

static bool fill_search(struct config *c, const struct resolv_conf *r)
{
    struct strings *s = &c->dns.search;
    s->items = r->search_count ? config_alloc(c, r->search_count * sizeof *s->items) : NULL;
    if (r->search_count && !s->items)
        return false;
    for (uint32_t i = 0; i < r->search_count; i++) {
        s->items[i] = config_str(c, r->search[i]);
        if (!s->items[i].ptr)
            return false;
        lower((char *)s->items[i].ptr, s->items[i].len);
    }
    s->items_count = r->search_count;
    return true;
}

bool config_fill_dns(struct config *c, struct str resolv_conf, struct str hosts)
{
    struct dns_config *d = &c->dns;
    struct resolv_conf r;
    resolv_conf_parse(resolv_conf, &r);
    if (!fill_hosts(c, hosts) || (!d->servers_count && !fill_servers(c, &r)) ||
        (!d->search.items_count && !fill_search(c, &r)))
        return false;
    if (!d->ndots)
        d->ndots = r.ndots;
    if (!d->timeout_ms)
        d->timeout_ms = r.timeout_s ? r.timeout_s * 1000 : DNS_TIMEOUT_MS;
    if (!d->attempts)
        d->attempts = r.attempts ? r.attempts : DNS_ATTEMPTS;
    return true;
}

void load_dns(struct loader *l)
{
    const struct source *resolv_conf = tree_try_data(l->tree, "/etc/resolv.conf");
    const struct source *hosts = tree_try_data(l->tree, "/etc/hosts");
    const struct dns_config *d = &l->config->dns;
    if (!config_fill_dns(l->config, resolv_conf ? resolv_conf->text : STR(""),
                         hosts ? hosts->text : STR("")))
        report_out_of_memory(l->report);
    if (d->ttl_min_ms > d->ttl_max_ms)
        report_error(l->report, node_get(l->root, STR("dns"))->place,
                     "'ttl_min' is longer than 'ttl_max'");
}
