/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/proxy/count.h"

#include "core/base/counters.h"
#include "core/proxy/exchange.h"
#include "core/proxy/plan.h"
#include "core/proxy/worker.h"

static unsigned status_class(uint16_t status)
{
    return status < 600 ? status / 100 : 5;
}

static uint64_t us_between(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (to_ns - from_ns) / 1000 : 0;
}

/* The time that is ours: from a request's last byte received to its last byte taken by the kernel,
 * and the same of the answer. Not the time in which a body is on its way, which is the client's and
 * the server's; nor that of an answer so long that the kernel may have waited for the client. */
static uint64_t overhead_us(const struct exchange *ex, uint64_t now_ns)
{
    uint64_t us = 0;
    if (ex->framing.kind == BODY_NONE && ex->attempt.request_taken_ns)
        us += us_between(ex->sent_ns, ex->attempt.request_taken_ns);
    if (ex->answer_ns && ex->out.sent_bytes <= BODY_WINDOW_BYTES)
        us += us_between(ex->answer_ns, now_ns);
    return us;
}

static void count_for_site(struct site_counters *n, const struct exchange *ex, uint64_t bytes_in,
                           uint64_t now_ns)
{
    counter_add(&n->status[status_class(ex->status)], 1);
    counter_add(&n->ended[ex->reason], 1);
    counter_add(&n->cache[ex->cache_status], 1);
    counter_add(&n->bytes_in, bytes_in);
    counter_add(&n->bytes_out, ex->out.sent_bytes);
    histogram_add(&n->total, us_between(ex->start_ns, now_ns));
}

/* Of routes that have a cache. */
static void count_for_route(const struct exchange *ex)
{
    const struct plan_use *use = ex->use;
    uint32_t i = plan_route_index(use->plan->config, ex->site, ex->match.route);
    struct route_counters *n = &use->counters->routes[i];
    counter_add(&n->cache[ex->cache_status], 1);
    if (ex->cache_status == CACHE_HIT || ex->cache_status == CACHE_STALE)
        counter_add(&n->cache_bytes, ex->out.sent_bytes);
}

void count_exchange(const struct exchange *ex)
{
    struct counters *n = ex->w->counters;
    uint64_t now_ns = ex->w->loop->now_ns;
    uint64_t bytes_in = ex->bytes_in + ex->body_in.taken_bytes;
    counter_add(&n->exchanges, 1);
    counter_add(&n->ended[ex->reason], 1);
    counter_add(&n->bytes_from_clients, bytes_in);
    counter_add(&n->bytes_to_clients, ex->out.sent_bytes);
    count_for_site(plan_site_counters(ex->use, ex->site), ex, bytes_in, now_ns);
    if (ex->cache_status != CACHE_NONE && ex->match.route)
        count_for_route(ex);
    if (!ex->tries)
        return;
    unsigned class = status_class(ex->server_status);
    counter_add(&ex->server->counters->status[class], 1);
    if (ex->backend)
        counter_add(&ex->backend->counters->status[class], 1);
    if (ex->attempt.first_byte_ns && ex->backend)
        histogram_add(&ex->backend->counters->first_byte,
                      us_between(ex->sent_ns, ex->attempt.first_byte_ns));
    if (ex->reason == END_OK)
        histogram_add(&n->overhead, overhead_us(ex, now_ns));
}
