/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an operator does to the cache of a running proxy, and sees of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/tools.h"
#include "tests/wire/wire.h"

#define CONFIG                                                                                     \
    "admin: %s\n"                                                                                  \
    "listeners: { web: { bind: \"$LISTEN\", site: s } }\n"                                         \
    "sites:\n"                                                                                     \
    "  s:\n"                                                                                       \
    "    log: access\n"                                                                            \
    "    routes: [{ to: app, cache: { bypass: { headers: [X-Past] } } }]\n"                        \
    "backends: { app: { servers: [$SERVERS] } }\n"

#define GET(path, fields) "GET " path " HTTP/1.1\r\nHost: a\r\n" fields "\r\n"
#define KEPT(fields, body)                                                                         \
    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n" fields "Content-Length: 3\r\n\r\n" body

struct cached {
    struct wire *w;
    struct origin *o;
    struct conn *c, *s; /* a client's connection, a server's */
};

static struct cached run(struct wire *w)
{
    struct cached k = { .w = w, .o = origin_open(w) };
    sluice_run_config(w, CONFIG, wire_path(w, "admin.sock"));
    k.c = client_dial(w);
    return k;
}

/* A request that the server has to answer. */
static void fetch(struct cached *k, const char *request, const char *answer, const char *body)
{
    say(k->c, request);
    k->s = k->s ? k->s : origin_accept(k->o);
    hear_request(k->s);
    say(k->s, answer);
    hear_answered(k->c, 200, body);
}

static void begins(const struct message *m, const char *begin)
{
    const char *status = field(m, "Cache-Status");
    if (!status || strncmp(status, begin, strlen(begin)) != 0)
        wire_fail(m->w, "Cache-Status is '%s', not '%s'", status ? status : "", begin);
}

static void hit(struct cached *k, const char *request, const char *body)
{
    say(k->c, request);
    struct message m = hear_answered(k->c, 200, body);
    begins(&m, "sluice; hit");
    hear_nothing(k->s);
}

static struct message ask(struct wire *w, const char *method, const char *target)
{
    struct conn *c = client_dial_to(w, wire_text(w, "unix:%s", wire_path(w, "admin.sock")));
    sayf(c, "%s %s HTTP/1.1\r\nHost: a\r\n\r\n", method, target);
    struct message m = hear_answer_to(c, method);
    hear_end(c);
    hang_up(c);
    return m;
}

static void purge(struct wire *w, const char *query, int status, const char *answer)
{
    struct message m = ask(w, "POST", wire_text(w, "/cache/purge%s", query));
    if (m.status != status || !strstr(m.body, answer))
        wire_fail(w, "%s: %d %s, not %d with %s", query, m.status, m.body, status, answer);
    has_field(&m, "Content-Type", "application/json");
}

/* ---- */

static void a_purge_by_url_takes_that_away_and_no_more(struct wire *w)
{
    struct cached k = run(w);
    fetch(&k, GET("/a?x=1&y=%41", ""), KEPT("Vary: Accept\r\n", "one"), "one");
    fetch(&k, GET("/a?x=1&y=%41", "Accept: b\r\n"), KEPT("Vary: Accept\r\n", "two"), "two");
    fetch(&k, GET("/a", ""), KEPT("", "yes"), "yes");
    purge(w, "?url=http://a/none", 200, "\"count\":0}");
    purge(w, "?url=https://a/a", 200, "\"count\":0}");
    hit(&k, GET("/a", ""), "yes");
    /* Given as people write it; said as keys have it. */
    purge(w, "?url=HTTP://A:80/b/../%2561?x=1%26y=%2541", 200,
          "{\"ok\":true,\"soft\":false,\"url\":\"http://a/a?x=1&y=%41\",\"count\":2}\n");
    hit(&k, GET("/a", ""), "yes");
    fetch(&k, GET("/a?x=1&y=%41", ""), KEPT("", "new"), "new");
}

static void a_purge_by_prefix_tag_or_of_all(struct wire *w)
{
    struct cached k = run(w);
    fetch(&k, GET("/p/1", ""), KEPT("Cache-Tag: t, u\r\n", "one"), "one");
    fetch(&k, GET("/p/2", ""), KEPT("Surrogate-Key: v t\r\n", "two"), "two");
    fetch(&k, GET("/q", ""), KEPT("", "yes"), "yes");
    purge(w, "?prefix=http://a/p/&soft=0", 200,
          "{\"ok\":true,\"soft\":false,\"prefix\":\"http://a/p/\",\"count\":2}\n");
    hit(&k, GET("/q", ""), "yes");
    fetch(&k, GET("/p/1", ""), KEPT("Cache-Tag: t, u\r\n", "uno"), "uno");
    fetch(&k, GET("/p/2", ""), KEPT("Surrogate-Key: v t\r\n", "due"), "due");
    purge(w, "?tag=u", 200, "{\"ok\":true,\"soft\":false,\"tag\":\"u\"}\n");
    hit(&k, GET("/p/2", ""), "due");
    fetch(&k, GET("/p/1", ""), KEPT("", "new"), "new");
    purge(w, "?all=1", 200, "{\"ok\":true,\"soft\":false,\"all\":true}\n");
    fetch(&k, GET("/p/2", ""), KEPT("", "new"), "new");
    fetch(&k, GET("/q", ""), KEPT("", "new"), "new");
}

static void after_a_soft_purge_there_is_stale_then_new(struct wire *w)
{
    static const char *const queries[] = { "?url=http://a/&soft=1", "?prefix=http://a/&soft=1",
                                           "?tag=t&soft=1", "?all=1&soft=1" };
    struct cached k = run(w);
    fetch(&k, GET("/", ""), KEPT("Cache-Tag: t\r\n", "old"), "old");
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        wire_note(w, "%s", queries[i]);
        purge(w, queries[i], 200, "{\"ok\":true,\"soft\":true,");
        say(k.c, GET("/", ""));
        struct message m = hear_status(k.c, 200); /* before the server was answered */
        begins(&m, "sluice; hit; detail=stale");
        hear_request(k.s);
        const char *body = i % 2 ? "old" : "new";
        say(k.s, i % 2 ? KEPT("Cache-Tag: t\r\n", "old") : KEPT("Cache-Tag: t\r\n", "new"));
        do { /* the fetch ends by itself */
            say(k.c, GET("/", ""));
            m = hear_status(k.c, 200);
        } while (strcmp(m.body, body) != 0);
        begins(&m, "sluice; hit");
        hear_nothing(k.s);
    }
}

/* Who reads goes on reading; nobody new gets what was asked for before the purge. */
static void a_purge_while_loading(struct wire *w)
{
    static const char *const queries[] = { "?url=http://a/", "?prefix=http://a/", "?tag=t",
                                           "?all=1" };
    struct cached k = run(w);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        wire_note(w, "%s", queries[i]);
        say(k.c, GET("/", ""));
        struct conn *s = origin_accept(k.o), *other = client_dial(w);
        hear_request(s);
        say(s, KEPT("Cache-Tag: t\r\n", "o"));
        hear_head(k.c);
        purge(w, queries[i], 200, "\"ok\":true");
        say(other, GET("/", ""));
        k.s = origin_accept(k.o);
        hear_request(k.s);
        say(k.s, KEPT("", "new"));
        struct message m = hear_answered(other, 200, "new");
        begins(&m, "sluice; fwd=miss");
        say(s, "ld");
        hear(k.c, "old");
        hang_up(s);
        hit(&k, GET("/", ""), "new");
        purge(w, "?all=1", 200, "\"ok\":true");
        hang_up(k.s);
        hang_up(other);
    }
}

static void a_bad_purge_is_refused_with_its_reason(struct wire *w)
{
    static const struct {
        const char *query, *why;
    } cases[] = {
        { "", "one of url=, prefix=, tag= and all=1 is needed" },
        { "?", "one of url=" },
        { "?soft=1", "one of url=" },
        { "?url=http://a/&tag=t", "only one" },
        { "?url=http://a/&all=1", "only one" },
        { "?tag=t&tag=u", "twice" },
        { "?tag=", "empty" },
        { "?tag", "empty" },
        { "?tag=%4", "%25" },
        { "?tag=%zz", "%25" },
        { "?all=yes", "only 1" },
        { "?all=1&soft=yes", "soft: 1 or 0" },
        { "?url=http://a/?x=1&y=2", "written %26" },
        { "?all=1&", "\"ok\":true" }, /* as browsers and curl may send it */
        { "?url=/a", "no URL" },
        { "?url=ftp://a/", "no URL" },
        { "?url=http://", "no URL" },
        { "?url=http://u@a/", "no URL" },
        { "?url=http://a/%2523", "\"ok\":true" },
        { "?url=http://a/%23", "no URL" },
        { "?url=http://a/%25", "no URL" },
        { "?url=http://a/%0d%0aX:%20y", "no URL" },
        { "?prefix=http://a", "beginning of a path" },
        { "?prefix=http", "no URL" },
    };
    struct cached k = run(w);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        purge(w, cases[i].query, strstr(cases[i].why, "true") ? 200 : 400, cases[i].why);
    fetch(&k, GET("/", ""), KEPT("", "yes"), "yes");
    purge(w, "?url=http://b/&what=1", 400, "\"ok\":false");
    hit(&k, GET("/", ""), "yes");
}

/* ---- figures ---- */

static void has_sample(struct wire *w, const char *metrics, const char *name, double value)
{
    const char *at = strstr(metrics, wire_text(w, "\n%s ", name));
    if (!at || strtod(at + strlen(name) + 2, NULL) != value)
        wire_fail(w, "no sample %s %g in:\n%s", name, value, metrics);
}

static void figures_tell_what_is_kept(struct wire *w)
{
    struct cached k = run(w);
    const char *m = ask(w, "GET", "/metrics").body;
    assert_null(strstr(m, "sluice_site_cache_requests_total{"));
    fetch(&k, GET("/", ""), KEPT("", "yes"), "yes");
    logged(w, "cache=miss");
    hit(&k, GET("/", ""), "yes");
    logged(w, "cache=hit");
    fetch(&k, GET("/", "X-Past: 1\r\n"), KEPT("", "new"), "new");
    logged(w, "cache=bypass");
    m = ask(w, "GET", "/metrics").body;
    has_sample(w, m, "sluice_cache_objects", 1);
    has_sample(w, m, "sluice_cache_stored_total", 1);
    has_sample(w, m, "sluice_cache_evicted_total", 0);
    has_sample(w, m, "sluice_site_cache_requests_total{site=\"s\",cache=\"miss\"}", 1);
    has_sample(w, m, "sluice_site_cache_requests_total{site=\"s\",cache=\"hit\"}", 1);
    has_sample(w, m, "sluice_site_cache_requests_total{site=\"s\",cache=\"bypass\"}", 1);
    has_sample(w, m, "sluice_site_cache_requests_total{site=\"s\",cache=\"stale\"}", 0);
    struct message json = ask(w, "GET", "/cache");
    has_field(&json, "Content-Type", "application/json");
    unsigned long long objects, used, budget, stored, purged;
    int at = 0;
    int n = sscanf(json.body,
                   "{\"objects\":%llu,\"used_bytes\":%llu,\"budget_bytes\":%llu,\"evicted\":0,"
                   "\"stored\":%llu,\"broken\":0,\"refused\":0,\"purged\":%llu,\"routes\":[%n",
                   &objects, &used, &budget, &stored, &purged, &at);
    if (n != 5 || !at || objects != 1 || stored != 1 || purged != 0)
        wire_fail(w, "figures: %s", json.body);
    assert_true(used > 100 && used < budget);
    const char *route = strstr(json.body, "{\"site\":\"s\",\"route\":\"");
    if (!route || !strstr(route, "\"bypass\":1,\"pass\":0,\"miss\":1,\"collapsed\":0,\"hit\":1,"))
        wire_fail(w, "figures of routes: %s", json.body);
    const char *said = shell(w, wire_text(w, "\"$SLUICE_BIN\" ctl cache stats --socket '%s'",
                                          wire_path(w, "admin.sock")));
    const char *table = strstr(said, "\n\nSITE ");
    unsigned bypass, pass, miss, collapsed, hits;
    if (!strstr(said, "objects        1\n") || !table ||
        sscanf(table, " SITE ROUTE BYPASS PASS MISS COLLAPSED HIT %*[^\n] s %*s %u %u %u %u %u",
               &bypass, &pass, &miss, &collapsed, &hits) != 5)
        wire_fail(w, "ctl cache stats: %s", said);
    assert_int_equal(bypass, 1);
    assert_int_equal(pass, 0);
    assert_int_equal(miss, 1);
    assert_int_equal(hits, 1);
    purge(w, "?url=http://a/", 200, "\"count\":1");
    m = ask(w, "GET", "/metrics").body;
    has_sample(w, m, "sluice_cache_objects", 0);
    has_sample(w, m, "sluice_cache_purged_total", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_purge_by_url_takes_that_away_and_no_more), TEST(a_purge_by_prefix_tag_or_of_all),
        TEST(after_a_soft_purge_there_is_stale_then_new), TEST(a_purge_while_loading),
        TEST(a_bad_purge_is_refused_with_its_reason),     TEST(figures_tell_what_is_kept),
    };
    return cmocka_run_group_tests_name("cache_admin", tests, NULL, NULL);
}
