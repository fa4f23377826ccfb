/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/observe/admin_pages.h"

#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/observe/admin.h"
#include "core/observe/admin_cache.h"

static int get_index(struct admin_user *u, FILE *to, const char **type);

static int get_health(struct admin_user *u, FILE *to, const char **type)
{
    (void)u;
    (void)type;
    fputs("ok\n", to);
    return 200;
}

static int get_ready(struct admin_user *u, FILE *to, const char **type)
{
    (void)type;
    bool ready = u->ready(u);
    fputs(ready ? "ready\n" : "not ready\n", to);
    return ready ? 200 : 503;
}

static int get_metrics(struct admin_user *u, FILE *to, const char **type)
{
    *type = "text/plain; version=0.0.4; charset=utf-8";
    u->metrics(u, to);
    return 200;
}

static int get_config(struct admin_user *u, FILE *to, const char **type)
{
    (void)type;
    if (u->config(u, to))
        return 200;
    fputs("the configuration was made by the command line\n", to);
    return 404;
}

static int get_version(struct admin_user *u, FILE *to, const char **type)
{
    *type = "application/json";
    fprintf(to, "{\"version\":\"%s\",\"pid\":%ld}\n", u->version, (long)getpid());
    return 200;
}

static int put_no_cache(FILE *to)
{
    fputs("{\"ok\":false,\"error\":\"there is no cache yet\"}\n", to);
    return 503;
}

static int get_cache(struct admin_user *u, FILE *to, const char **type)
{
    *type = "application/json";
    struct cache *c = u->cache(u);
    if (!c)
        return put_no_cache(to);
    admin_cache_figures(c, u->plan(u), to);
    return 200;
}

static int post_cache_purge(struct admin_user *u, struct str query, FILE *to, const char **type)
{
    *type = "application/json";
    struct cache *c = u->cache(u);
    return c ? admin_cache_purge(c, query, to) : put_no_cache(to);
}

static const struct admin_page pages[] = {
    { "/", "this", get_index, NULL, false },
    { "/metrics", "all counters, as Prometheus reads them", get_metrics, NULL, false },
    { "/healthz", "200 while the process answers", get_health, NULL, false },
    { "/readyz", "200 while it takes requests; 503 before, and when it is about to end", get_ready,
      NULL, false },
    { "/config", "the configuration that is running, secrets removed", get_config, NULL, false },
    { "/version", "version and process", get_version, NULL, false },
    { "/reload", "reads the configuration again; answers with success or every error", NULL, NULL,
      false },
    { "/backends", "servers; and GET, POST, PATCH, DELETE of /backends/NAME/servers[/ID]", NULL,
      NULL, true },
    { "/cache", "figures of the cache", get_cache, NULL, false },
    { "/cache/purge",
      "forgets answers: url=, prefix=, tag= or all=1; soft=1: they are stale from now on", NULL,
      post_cache_purge, false },
};

static int get_index(struct admin_user *u, FILE *to, const char **type)
{
    (void)u;
    (void)type;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        fprintf(to, "%-4s %-13s %s\n", pages[i].get || pages[i].tree ? "GET" : "POST",
                pages[i].path, pages[i].help);
    return 200;
}

static bool is_there(const struct admin_page *p, struct str path)
{
    size_t n = strlen(p->path);
    bool below = p->tree && path.len > n && path.ptr[n] == '/';
    return below ? memcmp(path.ptr, p->path, n) == 0 : str_eq(path, str_of(p->path));
}

const struct admin_page *admin_page_find(struct str path)
{
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (is_there(&pages[i], path))
            return &pages[i];
    return NULL;
}
