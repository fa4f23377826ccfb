/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/config/config.h"

void config_defaults(struct config *c)
{
    *c = (struct config){
        .backend = {
            .name = "default",
            .policy = "round_robin",
            .attempts_max = ATTEMPTS_MAX,
            .pool_idle_max = POOL_IDLE_MAX,
            .pool_uses_max = POOL_USES_MAX,
            .backoff_min_ms = SERVER_BACKOFF_MIN_MS,
            .backoff_max_ms = SERVER_BACKOFF_MAX_MS,
        },
        .timeouts = {
            .client_head_ms = CLIENT_HEAD_TIMEOUT_MS,
            .client_body_ms = CLIENT_BODY_TIMEOUT_MS,
            .client_idle_ms = CLIENT_IDLE_TIMEOUT_MS,
            .client_write_ms = CLIENT_WRITE_TIMEOUT_MS,
            .client_linger_ms = CLIENT_LINGER_TIMEOUT_MS,
            .connect_ms = UPSTREAM_CONNECT_TIMEOUT_MS,
            .first_byte_ms = UPSTREAM_FIRST_BYTE_TIMEOUT_MS,
            .stall_ms = UPSTREAM_STALL_TIMEOUT_MS,
            .upstream_idle_ms = UPSTREAM_IDLE_TIMEOUT_MS,
            .drain_ms = DRAIN_TIMEOUT_MS,
        },
        .log_format = LOG_NONE,
    };
}
