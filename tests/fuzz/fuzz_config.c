/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as a configuration: it is taken or refused with a message, in bounded memory and time,
 * and what is taken hangs together. No other file is read, no name resolved. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/check.h"
#include "core/config/load.h"

#define BYTES_MAX (64 * 1024)

static const char *environment(const char *name)
{
    return name[0] == 'A' ? "value" : NULL;
}

static void check_site(const struct config *c, const struct site_config *s)
{
    CHECK(s->name && s->handling.timeouts.client_head_ms > 0);
    for (uint32_t i = 0; i < s->routes_count; i++) {
        const struct route_config *r = &s->routes[i];
        CHECK(r->name && r->index == i && r->handling.timeouts.stall_ms > 0);
        CHECK((r->action == ACTION_PROXY) == (r->targets_count > 0));
        for (uint32_t k = 0; k < r->targets_count; k++) {
            const struct target_config *t = &r->targets[k];
            CHECK(t->backend >= c->backends && t->backend < c->backends + c->backends_count);
            CHECK(t->timeouts.connect_ms > 0);
        }
        for (uint32_t k = 0; k < r->match.paths_count; k++) {
            const struct text_match *m = &r->match.paths[k];
            CHECK((m->kind == MATCH_REGEX) == (m->regex != NULL));
            CHECK(m->kind == MATCH_REGEX || m->kind == MATCH_ANY || m->text.ptr[0] == '/');
        }
    }
}

static void check_config(const struct config *c)
{
    CHECK(c->binds_count > 0 || c->listeners_count == 0);
    for (uint32_t i = 0; i < c->binds_count; i++)
        CHECK(c->binds[i].addr.len && c->binds[i].listener->site);
    for (uint32_t i = 0; i < c->sites_count; i++)
        check_site(c, &c->sites[i]);
    for (uint32_t i = 0; i < c->backends_count; i++) {
        CHECK(c->backends[i].servers_count > 0 && c->backends[i].balance.policy);
        for (uint32_t k = 0; k < c->backends[i].servers_count; k++)
            CHECK(c->backends[i].servers[k].name && c->backends[i].servers[k].host);
    }
}

static void print_all(const struct config_report *r)
{
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    CHECK(f);
    config_report_print(r, f, true);
    config_report_print_json(r, f);
    fclose(f);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len > BYTES_MAX)
        return 0;
    const struct config_input in = { .path = "fuzz.yaml",
                                     .text = { len ? (const char *)bytes : "", len },
                                     .getenv = environment,
                                     .keep_names = true,
                                     .no_files = true };
    struct config_report report;
    config_report_init(&report);
    struct config *c = config_load_input(&in, &report);
    CHECK((c == NULL) == (report.errors_count > 0));
    CHECK(!report.out_of_memory);
    if (c)
        check_config(c);
    print_all(&report);
    config_free(c);
    config_report_free(&report);
    return 0;
}
