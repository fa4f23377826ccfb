/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/config/config.h"

void config_default_timeouts(struct timeouts *t)
{
    *t = (struct timeouts){
        .client_head_ms = CLIENT_HEAD_TIMEOUT_MS,
        .client_body_ms = CLIENT_BODY_TIMEOUT_MS,
        .client_idle_ms = CLIENT_IDLE_TIMEOUT_MS,
        .client_write_ms = CLIENT_WRITE_TIMEOUT_MS,
        .client_linger_ms = CLIENT_LINGER_TIMEOUT_MS,
        .connect_ms = UPSTREAM_CONNECT_TIMEOUT_MS,
        .queue_ms = UPSTREAM_QUEUE_TIMEOUT_MS,
        .first_byte_ms = UPSTREAM_FIRST_BYTE_TIMEOUT_MS,
        .stall_ms = UPSTREAM_STALL_TIMEOUT_MS,
        .upstream_idle_ms = UPSTREAM_IDLE_TIMEOUT_MS,
        .tunnel_idle_ms = TUNNEL_IDLE_TIMEOUT_MS,
        .drain_ms = DRAIN_TIMEOUT_MS,
    };
}

void config_default_backend(struct backend_config *b)
{
    *b = (struct backend_config){
        .policy = "round_robin",
        .attempts_max = ATTEMPTS_MAX,
        .pool_idle_max = POOL_IDLE_MAX,
        .pool_uses_max = POOL_USES_MAX,
        .backoff_min_ms = SERVER_BACKOFF_MIN_MS,
        .backoff_max_ms = SERVER_BACKOFF_MAX_MS,
    };
    config_default_timeouts(&b->timeouts);
}

void config_default_site(struct site_config *s)
{
    *s = (struct site_config){
        .limits = { HEAD_BYTES_MAX, HEAD_FIELDS_MAX, TARGET_BYTES_MAX },
        .handling.body_bytes_max = BODY_UNLIMITED,
    };
    config_default_timeouts(&s->handling.timeouts);
}
