/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/retry.h"

#include "core/proxy/backend.h"
#include "core/proxy/body_buffer.h"
#include "core/proxy/server_tls.h"
#include "core/proxy/worker.h"

const struct retry_config *retry_rules(const struct exchange *ex)
{
    const struct route_config *route = ex->match.route;
    return route && route->retries ? route->retries : &ex->backend->config->retry;
}

void retry_note_request(struct exchange *ex)
{
    retry_budget_request(&ex->backend->retries, retry_rules(ex)->budget_ppm);
}

static bool body_can_be_sent_again(const struct exchange *ex)
{
    const struct body_buffer *b = ex->request_buffer;
    return b ? !b->given : ex->body_in.taken_bytes == 0;
}

static bool may_be_repeated(const struct exchange *ex, bool untouched)
{
    const struct retry_config *r = retry_rules(ex);
    return ex->tries < r->attempts_max && ex->tries < ATTEMPTS_MAX && body_can_be_sent_again(ex) &&
           ex->w->state != WORKER_STOPPING &&
           (untouched || r->non_idempotent ||
            http_method_idempotent((enum http_method)ex->head.method_id));
}

static uint32_t kind_of(enum end_reason why)
{
    switch (why) {
    case END_CONNECT_REFUSED:
    case END_CONNECT_TIMEOUT:
    case END_CONNECT_FAILED:
    case END_SERVER_NO_HTTP2:
        return RETRY_CONNECT;
    case END_SERVER_REFUSED: /* as good as a connection that was refused */
        return RETRY_CONNECT | RETRY_RESET;
    case END_SERVER_RESET:
    case END_SERVER_PROTOCOL:
    case END_SERVER_PING_TIMEOUT:
        return RETRY_RESET;
    case END_SERVER_FIRST_BYTE_TIMEOUT:
        return RETRY_TIMEOUT;
    default:
        return server_tls_failed(why) ? RETRY_CONNECT : 0;
    }
}

bool retry_after_failure(struct exchange *ex, enum end_reason why, bool untouched)
{
    if (!may_be_repeated(ex, untouched))
        return false;
    if (why == END_SERVER_STALE) /* a pooled connection was old: tells nothing of anybody's load */
        return true;
    return (retry_rules(ex)->on & kind_of(why)) && retry_budget_take(&ex->backend->retries);
}

bool retry_after_status(struct exchange *ex, uint16_t status)
{
    const struct retry_config *r = retry_rules(ex);
    bool wanted = status >= 500 && (r->on & RETRY_5XX);
    for (uint32_t i = 0; i < r->statuses_count; i++)
        wanted = wanted || r->statuses[i] == status;
    return wanted && may_be_repeated(ex, false) && retry_budget_take(&ex->backend->retries);
}
