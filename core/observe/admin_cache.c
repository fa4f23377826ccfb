/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/observe/admin_cache.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/cache_status.h"
#include "core/base/check.h"
#include "core/base/out.h"
#include "core/config/config.h"
#include "core/http/chars.h"
#include "core/http/h1_head.h"
#include "core/http/target.h"
#include "core/observe/admin.h"
#include "core/proxy/cache_rules.h"
#include "core/proxy/plan.h"

#define TEXT_BYTES_MAX (2 * ADMIN_HEAD_BYTES_MAX) /* of a URL and what is put around it */

/* ---- figures ---- */

/* How the requests of a route came by their answers, since its configuration was taken up. */
static void put_route(const struct plan *p, const struct site_config *site,
                      const struct route_config *route, bool first, FILE *to)
{
    uint32_t index = plan_route_index(p->config, site, route);
    uint64_t counts[CACHE_STATUS_COUNT] = { 0 }, bytes = 0;
    for (uint32_t w = 0; w < WORKERS_MAX; w++) {
        const struct route_counters *n = p->counters[w] ? &p->counters[w]->routes[index] : NULL;
        for (unsigned i = 0; n && i < CACHE_STATUS_COUNT; i++)
            counts[i] += counter_read(&n->cache[i]);
        bytes += n ? counter_read(&n->cache_bytes) : 0;
    }
    char names[512];
    struct out o = out_into(names, sizeof names);
    out_lit(&o, "{\"site\":\"");
    out_json(&o, str_of(site->name));
    out_lit(&o, "\",\"route\":\"");
    out_json(&o, str_of(route->name));
    out_char(&o, '"');
    fprintf(to, "%s%.*s", first ? "" : ",", (int)out_len(&o), names);
    for (unsigned i = 1; i < CACHE_STATUS_COUNT; i++)
        fprintf(to, ",\"%s\":%" PRIu64, cache_status_word((enum cache_status)i), counts[i]);
    fprintf(to, ",\"bytes\":%" PRIu64 "}", bytes);
}

static void put_routes(const struct plan *p, FILE *to)
{
    bool first = true;
    for (uint32_t i = 0; p && i < p->config->sites_count; i++) {
        const struct site_config *site = &p->config->sites[i];
        for (uint32_t k = 0; k < site->routes_count; k++) {
            if (!site->routes[k].handling.cache)
                continue;
            put_route(p, site, &site->routes[k], first, to);
            first = false;
        }
    }
}

void admin_cache_figures(struct cache *c, const struct plan *p, FILE *to)
{
    struct cache_figures f = cache_figures(c);
    const struct cache_stats *s = &c->stats;
    fprintf(to,
            "{\"objects\":%" PRIu64 ",\"used_bytes\":%" PRIu64 ",\"budget_bytes\":%" PRIu64
            ",\"evicted\":%" PRIu64 ",\"stored\":%" PRIu64 ",\"broken\":%" PRIu64
            ",\"refused\":%" PRIu64 ",\"purged\":%" PRIu64 ",\"routes\":[",
            f.objects, f.used_bytes, f.budget_bytes, f.evicted, atomic_load(&s->stored),
            atomic_load(&s->broken), atomic_load(&s->refused), atomic_load(&s->purged));
    put_routes(p, to);
    fputs("]}\n", to);
}

/* ---- what is asked for ---- */

enum argument { ARG_URL, ARG_PREFIX, ARG_TAG, ARG_ALL, ARG_SOFT, ARG_COUNT };

struct purge {
    struct str values[ARG_COUNT]; /* decoded; ptr NULL: not there */
};

/* In place of what it is decoded from. False: a malformed percent triplet. */
static bool decode(struct str *s, struct out *o)
{
    char *start = o->at;
    for (size_t i = 0; i < s->len; i++) {
        if (s->ptr[i] != '%') {
            out_char(o, s->ptr[i]);
            continue;
        }
        int high = s->len - i > 2 ? char_hex_value(s->ptr[i + 1]) : -1;
        int low = s->len - i > 2 ? char_hex_value(s->ptr[i + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        out_char(o, (char)(high << 4 | low));
        i += 2;
    }
    *s = (struct str){ start, (size_t)(o->at - start) };
    return true;
}

/* NULL, or what is wrong. */
static const char *take_argument(struct purge *p, struct str name, struct str value, struct out *o)
{
    static const char *const names[] = { "url", "prefix", "tag", "all", "soft" };
    unsigned i = 0;
    while (i < ARG_COUNT && !str_eq(name, str_of(names[i])))
        i++;
    if (i == ARG_COUNT)
        return "there are the arguments url, prefix, tag, all and soft; an & within a value is "
               "written %26";
    if (p->values[i].ptr)
        return "an argument is there twice";
    if (!decode(&value, o))
        return "a value has a % that two hexadecimal digits do not follow; a % itself is written "
               "%25";
    if (value.len == 0)
        return "an argument is empty";
    if (i == ARG_ALL && !str_eq(value, STR("1")))
        return "all: only 1 can be said";
    if (i == ARG_SOFT && !str_eq(value, STR("1")) && !str_eq(value, STR("0")))
        return "soft: 1 or 0";
    p->values[i] = value;
    return NULL;
}

static const char *read_query(struct purge *p, struct str query, struct out *o)
{
    const char *at = query.ptr, *end = query.ptr + query.len;
    while (at < end) {
        const char *amp = memchr(at, '&', (size_t)(end - at));
        const char *stop = amp ? amp : end;
        const char *eq = memchr(at, '=', (size_t)(stop - at));
        const char *name_end = eq ? eq : stop;
        struct str value = { eq ? eq + 1 : stop, (size_t)(stop - (eq ? eq + 1 : stop)) };
        const char *wrong = take_argument(p, (struct str){ at, (size_t)(name_end - at) }, value, o);
        if (wrong)
            return wrong;
        at = amp ? amp + 1 : end;
    }
    unsigned count = 0;
    for (unsigned i = ARG_URL; i <= ARG_ALL; i++)
        count += p->values[i].ptr != NULL;
    return count == 1 ? NULL : "one of url=, prefix=, tag= and all=1 is needed, and only one";
}

/* ---- URLs in the form that keys have ---- */

/* Writes it to o: scheme and host in lower case, without the scheme's usual port, the path in its
 * normal form; the query as it is. False: it is no URL of a resource. */
static bool normalise(struct str url, struct out *o)
{
    char text[TEXT_BYTES_MAX], block[TEXT_BYTES_MAX];
    struct out request = out_into(text, sizeof text);
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] == 0x7f)
            return false;
    bool tls = url.len > 8 && str_eq_fold((struct str){ url.ptr, 8 }, STR("https://"));
    bool plain = url.len > 7 && str_eq_fold((struct str){ url.ptr, 7 }, STR("http://"));
    if (!tls && !plain)
        return false;
    out_lit(&request, "GET ");
    out_str(&request, url);
    out_lit(&request, " HTTP/1.0\r\n\r\n");
    CHECK(!request.full);
    struct http_head h;
    enum end_reason why;
    if (h1_parse_request(text, out_len(&request), 0, &h, &why) != H1_DONE)
        return false;
    struct arena arena;
    arena_init(&arena, block, sizeof block, 0);
    struct target t;
    bool good = target_parse(&h, &arena, &t) == END_OK && t.form == TARGET_ABSOLUTE;
    if (good) {
        char *host = text + (t.host.ptr - text);
        for (size_t i = 0; i < t.host.len; i++)
            host[i] = ascii_lower(host[i]);
        const struct cache_config as_it_is = { .query_key = QUERY_ALL };
        cache_key_url(o, &as_it_is, tls ? STR("https") : STR("http"), t.host, t.port, t.path,
                      t.query);
    }
    arena_reset(&arena);
    return good && !o->full;
}

/* A prefix without a path would match other hosts, too. */
static bool has_path(struct str url)
{
    const char *slashes = memmem(url.ptr, url.len, "://", 3);
    return slashes && memchr(slashes + 3, '/', (size_t)(url.ptr + url.len - slashes - 3));
}

/* ---- doing it ---- */

static int refuse(FILE *to, const char *why)
{
    fprintf(to, "{\"ok\":false,\"error\":\"%s\"}\n", why);
    return 400;
}

/* what: the argument that chose; value: what it was taken for, or ptr NULL. */
static void put_done(FILE *to, bool soft, const char *what, struct str value)
{
    char text[6 * TEXT_BYTES_MAX];
    struct out o = out_into(text, sizeof text);
    out_json(&o, value);
    CHECK(!o.full);
    fprintf(to, "{\"ok\":true,\"soft\":%s,\"%s\":", soft ? "true" : "false", what);
    if (value.ptr)
        fprintf(to, "\"%.*s\"", (int)out_len(&o), text);
    else
        fputs("true", to);
}

static void put_count(FILE *to, uint64_t count)
{
    fprintf(to, ",\"count\":%" PRIu64 "}\n", count);
}

static int purge_by_url(struct cache *c, const struct purge *p, bool soft, FILE *to)
{
    bool one = p->values[ARG_URL].ptr;
    struct str said = p->values[one ? ARG_URL : ARG_PREFIX];
    char text[TEXT_BYTES_MAX];
    struct out o = out_into(text, sizeof text);
    if (!normalise(said, &o))
        return refuse(to, "that is no URL of the form http://host/path?query or https://...");
    if (!one && !has_path(said))
        return refuse(to, "a prefix has a host and the beginning of a path: http://host/");
    struct str url = { text, out_len(&o) };
    uint64_t count = one ? cache_purge_url(c, url, soft) : cache_purge_prefix(c, url, soft);
    put_done(to, soft, one ? "url" : "prefix", url);
    put_count(to, count);
    return 200;
}

int admin_cache_purge(struct cache *c, struct str query, FILE *to)
{
    struct purge p = { 0 };
    char text[ADMIN_HEAD_BYTES_MAX]; /* values; the query was part of a head */
    struct out o = out_into(text, sizeof text);
    const char *wrong = read_query(&p, query, &o);
    if (wrong)
        return refuse(to, wrong);
    CHECK(!o.full);
    bool soft = str_eq(p.values[ARG_SOFT], STR("1"));
    if (p.values[ARG_TAG].ptr) {
        cache_purge_tag(c, p.values[ARG_TAG], soft);
        put_done(to, soft, "tag", p.values[ARG_TAG]);
        fputs("}\n", to);
    } else if (p.values[ARG_ALL].ptr && soft) {
        uint64_t count = cache_purge_prefix(c, STR(""), true);
        put_done(to, soft, "all", (struct str){ 0 });
        put_count(to, count);
    } else if (p.values[ARG_ALL].ptr) {
        cache_purge_all(c);
        put_done(to, soft, "all", (struct str){ 0 });
        fputs("}\n", to);
    } else {
        return purge_by_url(c, &p, soft, to);
    }
    return 200;
}
