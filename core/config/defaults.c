/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The schema's defaults, for what `sluice proxy` has one of. */
#include "core/config/config.h"
#include "core/config/schema.h"

void config_default_timeouts(struct timeouts *t)
{
    *t = (struct timeouts){ 0 };
    schema_put_defaults(&schema_timeouts_all, t);
}

void config_default_dns(struct dns_config *d)
{
    *d = (struct dns_config){ 0 };
    schema_put_defaults(&schema_dns, d);
}

void config_default_backend(struct backend_config *b)
{
    *b = (struct backend_config){ .balance.policy = "round_robin",
                                  .retry.on = RETRY_CONNECT | RETRY_RESET };
    schema_put_defaults(&schema_backend, b);
    config_default_timeouts(&b->timeouts);
}

void config_default_site(struct site_config *s)
{
    *s = (struct site_config){ 0 };
    schema_put_defaults(&schema_site, s);
    config_default_timeouts(&s->handling.timeouts);
}
