/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules, a request and an answer, a NUL between them: the index of routes finds the first route
 * that matches when each is looked at; what edits and rewrites write are whole lines, and nothing
 * else. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/config/load.h"
#include "core/http/h1_head.h"
#include "core/proxy/edit.h"
#include "core/proxy/exchange.h"
#include "core/proxy/rewrite.h"
#include "core/proxy/route.h"

#define BYTES_MAX (16 * 1024)
#define ROUTES_MAX 200
#define WRITTEN_BYTES_MAX (64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char *environment(const char *name)
{
    return name[0] == 'A' ? "value" : NULL;
}

/* Cuts the next part off. */
static struct str next_part(struct str *rest)
{
    const char *nul = rest->len ? memchr(rest->ptr, 0, rest->len) : NULL;
    struct str part = { rest->len ? rest->ptr : "", nul ? (size_t)(nul - rest->ptr) : rest->len };
    size_t skip = part.len + (nul ? 1 : 0);
    *rest = (struct str){ rest->ptr + skip, rest->len - skip };
    return part;
}

/* "Name: value\r\n" any number of times, no control character but tabs in values. */
static void check_lines(struct str lines)
{
    for (size_t i = 0; i < lines.len; i++) {
        size_t start = i;
        while (i < lines.len && lines.ptr[i] != '\r') {
            unsigned char c = (unsigned char)lines.ptr[i++];
            CHECK((c >= ' ' && c != 0x7f) || c == '\t');
        }
        CHECK(i + 1 < lines.len && lines.ptr[i + 1] == '\n');
        const char *colon = memchr(lines.ptr + start, ':', i - start);
        CHECK(colon && colon > lines.ptr + start);
        i++;
    }
}

static void check_edits(const struct field_edits *e, bool ok, const char *room)
{
    if (!ok)
        return; /* said to have no room */
    CHECK(e->added.len == 0 ||
          (e->added.ptr >= room && e->added.ptr + e->added.len <= room + WRITTEN_BYTES_MAX));
    check_lines(e->added);
}

static void check_handling(const struct route_request *q, const struct route_match *m,
                           const struct handling *h, struct str answer)
{
    char *room = malloc(WRITTEN_BYTES_MAX);
    CHECK(room);
    struct template_ctx ctx = { .head = q->head,
                                .target = q->target,
                                .match = m,
                                .client_ip = STR("192.0.2.1"),
                                .host = q->host,
                                .scheme = STR("http"),
                                .request_id = STR("0123") };
    struct field_edits edits = { 0 };
    struct out o = out_into(room, WRITTEN_BYTES_MAX);
    check_edits(&edits, edits_apply(&edits, q->head, &h->request_edits, &ctx, &o), room);
    struct http_head response;
    enum end_reason why;
    if (h1_parse_response(answer.ptr, answer.len, 0, &response, &why) == H1_DONE) {
        static const struct exchange nothing;
        struct exchange *ex = malloc(sizeof *ex);
        CHECK(ex);
        memcpy(ex, &nothing, sizeof *ex);
        ex->handling = h;
        edits = (struct field_edits){ 0 };
        o = out_into(room, WRITTEN_BYTES_MAX);
        check_edits(&edits, rewrite_response(&edits, ex, &response, &o), room);
        edits = (struct field_edits){ 0 };
        o = out_into(room, WRITTEN_BYTES_MAX);
        ctx.response = &response;
        ctx.status = response.status;
        check_edits(&edits, edits_apply(&edits, &response, &h->response_edits, &ctx, &o), room);
        free(ex);
    }
    free(room);
}

static void check_target(const struct route_request *q, const struct route_match *m)
{
    char room[TARGET_BYTES_MAX];
    const struct template_ctx ctx = {
        .head = q->head, .target = q->target, .match = m, .host = q->host
    };
    struct out o = out_into(room, sizeof room);
    struct str path = q->target->path, query = q->target->query;
    if (!rewrite_target(m->route, &ctx, &o, &path, &query))
        return;
    CHECK(path.len > 0 && (path.ptr[0] == '/' || str_eq(path, STR("*"))));
    for (size_t i = 0; i < path.len; i++)
        CHECK((unsigned char)path.ptr[i] > ' ' && path.ptr[i] != 0x7f);
    for (size_t i = 0; i < query.len; i++)
        CHECK((unsigned char)query.ptr[i] > ' ' && query.ptr[i] != 0x7f);
}

static void check_site(const struct site_config *site, const struct route_request *q,
                       struct str answer)
{
    struct site_routes *routes = site_routes_create(site);
    struct route_scratch *scratch = route_scratch_create();
    CHECK(routes && scratch);
    struct route_match found, alone;
    route_find(routes, scratch, q, &found);
    const struct route_config *first = NULL;
    bool exploded = false;
    for (uint32_t i = 0; i < site->routes_count && !first && !exploded; i++) {
        enum route_miss miss = route_test(&site->routes[i], scratch, q, &alone);
        exploded = miss == MISS_EXPLODED;
        first = miss == MISS_NONE ? &site->routes[i] : NULL;
    }
    CHECK(found.route == first && found.exploded == exploded);
    if (first) {
        CHECK(found.captures_count == alone.captures_count);
        if (first->action == ACTION_PROXY)
            check_target(q, &found);
    }
    const struct handling *h = first ? &first->handling : &site->handling;
    struct handling plain = *h;
    plain.location_own = false; /* it takes a whole exchange */
    check_handling(q, &found, &plain, answer);
    route_scratch_destroy(scratch);
    site_routes_destroy(routes);
}

static void check_request(const struct config *c, struct str request, struct str answer)
{
    struct http_head head;
    struct target target;
    struct arena arena;
    enum end_reason why;
    char block[1024];
    if (h1_parse_request(request.ptr, request.len, 0, &head, &why) != H1_DONE)
        return;
    arena_init(&arena, block, sizeof block, 0);
    if (target_parse(&head, &arena, &target) == END_OK) {
        const struct route_request q = { .head = &head,
                                         .target = &target,
                                         .host = target.host,
                                         .client = { .family = AF_INET, .ip = { 192, 0, 2, 1 } } };
        for (uint32_t i = 0; i < c->sites_count; i++)
            if (c->sites[i].routes_count <= ROUTES_MAX)
                check_site(&c->sites[i], &q, answer);
    }
    arena_reset(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct str rest = { (const char *)bytes, len };
    if (len > BYTES_MAX)
        return 0;
    const struct config_input in = { .path = "fuzz.yaml",
                                     .text = next_part(&rest),
                                     .getenv = environment,
                                     .keep_names = true,
                                     .no_files = true };
    struct str request = next_part(&rest), answer = next_part(&rest);
    struct config_report report;
    config_report_init(&report);
    struct config *c = config_load_input(&in, &report);
    if (c)
        check_request(c, request, answer);
    config_free(c);
    config_report_free(&report);
    return 0;
}
