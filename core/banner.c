/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/banner.h"

#include <stdio.h>
#include <string.h>

void print_banner(const struct fleet *f)
{
    const struct config *config = f->plan->config;
    char text[ADDR_TEXT_MAX], example[ADDR_TEXT_MAX] = "";
    const char *scheme = config->binds[0].listener->tls ? "-k https" : "http";
    for (uint32_t i = 0; i < config->binds_count; i++) {
        const struct addr *a = listen_set_bound(&f->listen, &config->binds[i]);
        addr_format(a, text);
        fprintf(stderr, "sluice: listening on %s\n", text);
        if (a->sa.sa_family == AF_UNIX || example[0])
            continue;
        scheme = config->binds[i].listener->tls ? "-k https" : "http";
        unsigned port = ntohs(a->sa.sa_family == AF_INET ? a->v4.sin_port : a->v6.sin6_port);
        bool any =
            a->dual_stack || strncmp(text, "0.0.0.0:", 8) == 0 || strncmp(text, "[::]:", 5) == 0;
        if (any)
            snprintf(example, sizeof example, "localhost:%u", port);
        else
            memcpy(example, text, sizeof example);
    }
    uint32_t routes = 0, servers = 0;
    for (uint32_t i = 0; i < config->sites_count; i++)
        routes += config->sites[i].routes_count;
    for (uint32_t i = 0; i < config->backends_count; i++)
        servers += config->backends[i].servers_count;
    fprintf(stderr, "sluice: %u worker%s, %u route%s, %u server%s\n", f->workers,
            f->workers == 1 ? "" : "s", routes, routes == 1 ? "" : "s", servers,
            servers == 1 ? "" : "s");
    if (example[0])
        fprintf(stderr, "sluice: try  curl -i %s://%s/\n", scheme, example);
    else
        fprintf(stderr, "sluice: try  curl -i --unix-socket %s %s://localhost/\n", text + 5,
                scheme);
}
