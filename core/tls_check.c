/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/tls_check.h"

#include "core/proxy/server_tls.h"

/* Whether another backend before it has the same settings, and so the same faults. */
static bool is_known(const struct config *c, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (c->backends[k].tls && c->backends[k].tls->id == c->backends[i].tls->id)
            return true;
    return false;
}

static void check_backend(const struct backend_config *b, struct config_report *r)
{
    char why[512];
    if (server_tls_check(b->tls, why, sizeof why))
        return;
    const struct source file = { .name = b->tls->file, .secret = true };
    const struct place at = { b->tls->file ? &file : NULL, b->tls->line, 1, 0 };
    report_error(r, at, "backends.%s.tls: %s", b->name, why);
}

struct config *tls_checked(struct config *config, struct config_report *report)
{
    if (!config)
        return NULL;
    for (uint32_t i = 0; i < config->backends_count; i++)
        if (config->backends[i].tls && !is_known(config, i))
            check_backend(&config->backends[i], report);
    if (report_ok(report))
        return config;
    config_report_sort(report);
    config_free(config);
    return NULL;
}
