/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/out.h"
#include "core/config/load.h"
#include "core/config/networks.h"
#include "core/http/h1_head.h"
#include "core/options.h"
#include "core/options_route_gates.h"
#include "core/proxy/rewrite.h"
#include "core/proxy/route.h"
#include "core/proxy/template.h"

struct question {
    struct file_options file;
    const char *from, *method, *url;
    const char *headers[HEAD_FIELDS_MAX];
    int headers_count;
};

/* What the question was understood as. */
struct asked {
    char text[HEAD_BYTES_MAX];
    char memory[2 * TARGET_BYTES_MAX];
    char host[TARGET_BYTES_MAX];
    struct arena arena;
    struct http_head head;
    struct target target;
    struct route_request request;
    struct route_scratch *scratch;
    struct route_match match;
    struct str from;
    uint32_t port;
};

static bool read_from(void *to, const char *value)
{
    struct question *q = to;
    q->from = value;
    return true;
}

static bool read_header(void *to, const char *value)
{
    struct question *q = to;
    if (q->headers_count == HEAD_FIELDS_MAX) {
        fputs("sluice route: too many headers\n", stderr);
        return false;
    }
    q->headers[q->headers_count++] = value;
    return true;
}

static bool take_argument(void *to, const char *at)
{
    struct question *q = to;
    if (!q->method) {
        q->method = at;
    } else if (!q->url) {
        q->url = at;
    } else {
        fprintf(stderr, "sluice route: '%s': more than a method and a URL\n", at);
        return false;
    }
    return true;
}

/* Writes the request as a client would, so that the same parser decides. */
static bool write_request(const struct question *q, struct out *o)
{
    const char *url = q->url, *host = NULL;
    size_t host_len = 0;
    if (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0) {
        host = strstr(url, "//") + 2;
        host_len = strcspn(host, "/?#");
        url = host + host_len;
    }
    out_str(o, str_of(q->method));
    out_char(o, ' ');
    if (*url != '/' && strcmp(url, "*") != 0)
        out_char(o, '/');
    out_str(o, str_of(url));
    out_lit(o, " HTTP/1.1\r\n");
    bool has_host = host != NULL;
    if (host) {
        out_lit(o, "Host: ");
        out_mem(o, host, host_len);
        out_lit(o, "\r\n");
    }
    for (int i = 0; i < q->headers_count; i++) {
        has_host |= strncasecmp(q->headers[i], "host:", 5) == 0;
        out_str(o, str_of(q->headers[i]));
        out_lit(o, "\r\n");
    }
    if (!has_host)
        out_lit(o, "Host: localhost\r\n");
    out_lit(o, "\r\n");
    return !o->full;
}

static bool understand(const struct question *q, struct asked *a, const char **why)
{
    struct out o = out_into(a->text, sizeof a->text);
    char from[ADDR_TEXT_MAX];
    struct addr addr;
    enum end_reason reason = END_HEAD_TOO_LARGE;
    snprintf(from, sizeof from, strchr(q->from, ':') && q->from[0] != '[' ? "[%s]:0" : "%s:0",
             q->from);
    if (!addr_parse(str_of(from), false, &addr, why))
        return false;
    arena_init(&a->arena, a->memory, sizeof a->memory, 0);
    if (!write_request(q, &o) ||
        h1_parse_request(a->text, out_len(&o), 0, &a->head, &reason) != H1_DONE ||
        (reason = target_parse(&a->head, &a->arena, &a->target)) != END_OK) {
        *why = end_reason_info(reason)->text;
        return false;
    }
    for (size_t i = 0; i < a->target.host.len; i++)
        a->host[i] = ascii_lower(a->target.host.ptr[i]);
    a->from = str_of(q->from);
    a->request = (struct route_request){
        &a->head, &a->target, { a->host, a->target.host.len }, peer_addr_of(&addr)
    };
    a->scratch = route_scratch_create();
    *why = "out of memory";
    return a->scratch != NULL;
}

/* --- the answer --- */

static const char *miss_text(enum route_miss miss)
{
    static const char *const texts[] = {
        [MISS_NONE] = "matches",
        [MISS_HOST] = "another host",
        [MISS_PATH] = "another path",
        [MISS_METHOD] = "another method",
        [MISS_HEADER] = "a header is not as wanted",
        [MISS_ARGUMENT] = "an argument is not as wanted",
        [MISS_CLIENT] = "another client network",
        [MISS_EXPLODED] = "its regular expression takes too long (answered 500)",
    };
    return texts[miss];
}

static void print_text(const char *label, struct str s)
{
    printf("%-10s %.*s\n", label, (int)s.len, s.ptr);
}

static void print_template(const char *label, const char *name, const struct template *t,
                           const struct template_ctx *ctx)
{
    char text[4096];
    struct out o = out_into(text, sizeof text);
    template_write(&o, t, ctx);
    printf("%-10s %s%s%.*s\n", label, name, *name ? ": " : "", (int)out_len(&o), text);
}

static void print_edits(const char *label, const struct header_edits *edits,
                        const struct template_ctx *ctx)
{
    static const char *const signs[] = { "-", "=", "+" };
    for (uint32_t i = 0; i < edits->items_count; i++) {
        const struct header_edit *e = &edits->items[i];
        char name[256];
        snprintf(name, sizeof name, "%s %.*s", signs[e->op], (int)e->name.len, e->name.ptr);
        if (e->op == EDIT_REMOVE)
            printf("%-10s %s\n", label, name);
        else
            print_template(label, name, &e->value, ctx);
    }
}

static void print_target(const struct target_config *t, bool split)
{
    uint32_t servers = t->backend->servers_count;
    printf("%-10s %s (", "backend", t->backend->name);
    if (split)
        printf("weight %u, ", t->weight);
    printf("%u server%s)\n", servers, servers == 1 ? "" : "s");
}

static void print_action(const struct route_config *r, const struct asked *a,
                         struct template_ctx *ctx)
{
    char text[TARGET_BYTES_MAX];
    struct out o = out_into(text, sizeof text);
    struct str path, query;
    switch (r->action) {
    case ACTION_REDIRECT:
        printf("%-10s redirect, status %u\n", "action", r->redirect.status);
        print_template("location", "", &r->redirect.to, ctx);
        return;
    case ACTION_RESPOND:
        printf("%-10s respond, status %u\n", "action", r->respond.status);
        return;
    case ACTION_PROXY:
        break;
    }
    for (uint32_t i = 0; i < r->targets_count; i++)
        print_target(&r->targets[i], r->targets_count > 1);
    if (!rewrite_target(r, ctx, &o, &path, &query))
        printf("%-10s the rewrite makes no path (answered 500)\n", "path");
    else if (!str_eq(path, a->target.path) || !str_eq(query, a->target.query))
        printf("%-10s %.*s%.*s\n", "path", (int)path.len, path.ptr, (int)query.len, query.ptr);
    print_edits("request", &r->handling.request_edits, ctx);
    print_edits("response", &r->handling.response_edits, ctx);
}

static void print_site(const struct site_config *site, struct asked *a)
{
    struct str method = head_str(&a->head, a->head.method);
    for (uint32_t i = 0; i < site->routes_count; i++) {
        const struct route_config *r = &site->routes[i];
        enum route_miss miss = route_test(r, a->scratch, &a->request, &a->match);
        printf("  %-20s %s", r->name, miss_text(miss));
        if (r->file)
            printf("   (%s:%u)", r->file, r->line);
        putchar('\n');
        if (miss == MISS_EXPLODED)
            return;
        if (miss != MISS_NONE)
            continue;
        struct template_ctx ctx = {
            .head = &a->head,
            .target = &a->target,
            .match = &a->match,
            .client_ip = a->from,
            .peer_ip = a->from,
            .host = a->request.host,
            .scheme = STR("http"),
            .request_id = STR("REQUEST-ID"),
            .backend = r->targets_count == 1 ? str_of(r->targets[0].backend->name) : STR("BACKEND"),
            .server = STR("SERVER"),
            .user = STR("USER"),
            .site = str_of(site->name),
            .route = str_of(r->name),
            .port = a->target.port,
        };
        if (route_print_gates(site, &r->handling, &a->request.client, method))
            print_action(r, a, &ctx);
        return;
    }
    if (route_print_gates(site, &site->handling, &a->request.client, method))
        puts("answered   404: no route for this request (no_route)");
}

static void print_answer(const struct config *c, struct asked *a)
{
    print_text("host", a->request.host);
    print_text("path", a->target.path);
    /* Listeners that share a site share the answer. */
    for (uint32_t i = 0; i < c->sites_count; i++) {
        const char *comma = "";
        for (uint32_t k = 0; k < c->listeners_count; k++) {
            if (c->listeners[k].site != &c->sites[i])
                continue;
            if (!comma[0])
                printf("%-10s ", "listener");
            printf("%s%s", comma, c->listeners[k].name);
            comma = ", ";
        }
        if (!comma[0])
            continue;
        printf(", site %s\n", c->sites[i].name);
        print_site(&c->sites[i], a);
    }
}

static int route(int argc, char **argv)
{
    struct question q = { .file.path = OPTIONS_DEFAULT_PATH, .from = "127.0.0.1" };
    const char *why;
    int code = command_parse(&command_route, argc, argv, &q);
    if (code)
        return code < 0 ? EXIT_OK : code;
    if (!q.url)
        return command_usage(&command_route, "a method and a URL are wanted");
    struct asked *a = calloc(1, sizeof *a);
    if (!a)
        return EXIT_FAILED;
    struct config_report report;
    config_report_init(&report);
    struct config *config = NULL;
    if (!understand(&q, a, &why)) {
        code = command_usage(&command_route, "%s", why);
    } else {
        config = config_load(q.file.path, &report);
        config_report_print(&report, stderr, options_colour());
        code = config ? EXIT_OK : EXIT_CONFIG;
    }
    if (config)
        print_answer(config, a);
    config_free(config);
    config_report_free(&report);
    route_scratch_destroy(a->scratch);
    free(a);
    return code;
}

static const struct option options[] = {
    OPTION_CONFIG,
    { "--from", NULL, "ADDR", "the client's address; default 127.0.0.1", read_from,
      COMPLETE_NOTHING, NULL },
    { "--header", "-H", "'NAME: VALUE'", "a header field of the request; may be repeated",
      read_header, COMPLETE_NOTHING, NULL },
    { 0 },
};
static const struct example examples[] = {
    { "sluice route GET http://example.com/", "which route a request would meet" },
    { "sluice route -c site.yaml --from 192.0.2.7 POST /login -H 'Host: example.com'",
      "from another file, from that client, with a header" },
    { NULL, NULL },
};
const struct command command_route = {
    .name = "route",
    .synopsis = "[-c FILE] [--from ADDR] METHOD URL [-H 'NAME: VALUE'...]",
    .doc =
        "Says offline which route a request would meet on each listener, why the earlier ones do "
        "not match, and what would change on the way to the server and back.",
    .examples = examples,
    .options = options,
    .argument = take_argument,
    .complete = COMPLETE_WORDS,
    .words = "GET HEAD POST PUT PATCH DELETE OPTIONS",
    .run = route,
};
