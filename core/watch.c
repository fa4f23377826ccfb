/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/watch.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/check.h"
#include "core/proxy/server_tls.h"

#define INTERVAL_MS_MIN 1
#define INTERVAL_MS_MAX 64 /* nothing happens: nobody has to be told */

/* ---- ejection ---- */

static struct outlier_rules rules_of(const struct ejection_config *e)
{
    return (struct outlier_rules){ .consecutive = e->consecutive,
                                   .error_rate_ppm = e->error_rate_ppm,
                                   .latency_factor = e->latency_ppm / 1e6,
                                   .requests_min = e->requests_min,
                                   .time_ns = ms_to_ns(e->time_ms),
                                   .time_max_ns = ms_to_ns(e->time_max_ms),
                                   .share_max_ppm = e->share_max_ppm };
}

static uint32_t count_out(const struct server_list *l)
{
    uint32_t out = 0;
    for (uint32_t i = 0; i < l->set->count; i++)
        out += l->shared[i]->outlier.ejected;
    return out;
}

static void eject(const struct server_list *l, struct shared_server *s,
                  const struct outlier_rules *r, uint64_t now_ns, const char *why)
{
    if (!outlier_eject(&s->outlier, r, count_out(l), l->set->count, now_ns))
        return;
    shared_server_mark(s, SERVER_EJECTED, 0, now_ns);
    fprintf(stderr, "sluice: backend %s: server %s is ejected for %.3g s: %s\n", l->backend->name,
            s->name, (double)(s->outlier.until_ns - now_ns) / 1e9, why);
}

static void take_back(struct shared_server *s, uint64_t now_ns)
{
    shared_server_mark(s, 0, SERVER_EJECTED, now_ns);
    fprintf(stderr, "sluice: backend %s: server %s is back\n", s->backend->name, s->name);
}

static void look_at_answers(const struct server_list *l, const struct outlier_rules *r,
                            uint64_t now_ns)
{
    for (uint32_t i = 0; i < l->set->count; i++) {
        struct shared_server *s = l->shared[i];
        outlier_observe(&s->outlier, (uint32_t)s->fresh.answered, (uint32_t)s->fresh.failed,
                        s->fresh.latency_sum_us);
        s->fresh = (struct registry_seen){ 0 };
        if (outlier_release(&s->outlier, now_ns))
            take_back(s, now_ns);
        if (outlier_run_is_over(&s->outlier, r))
            eject(l, s, r, now_ns, "too many failures in a row");
    }
}

static void judge(const struct server_list *l, const struct outlier_rules *r, uint64_t now_ns)
{
    struct outlier *all[SERVERS_MAX];
    bool verdicts[SERVERS_MAX];
    for (uint32_t i = 0; i < l->set->count; i++)
        all[i] = &l->shared[i]->outlier;
    outlier_judge(all, l->set->count, r, verdicts);
    for (uint32_t i = 0; i < l->set->count; i++)
        if (verdicts[i])
            eject(l, l->shared[i], r, now_ns, "it fails too often, or is too slow");
}

/* Of a configuration that knows no ejection any more. */
static void forget(const struct server_list *l, uint64_t now_ns)
{
    for (uint32_t i = 0; i < l->set->count; i++) {
        struct shared_server *s = l->shared[i];
        s->fresh = (struct registry_seen){ 0 };
        if (s->outlier.ejected)
            take_back(s, now_ns);
        s->outlier = (struct outlier){ 0 };
    }
}

/* ---- the circuit breaker ---- */

static void look_at_circuit(const struct server_list *l, const struct breaker_config *c,
                            uint64_t now_ns)
{
    static const char *const words[] = { "closed", "open", "half open" };
    const struct breaker_rules r = { .error_rate_ppm = c->error_rate_ppm,
                                     .requests_min = c->requests_min,
                                     .interval_ns = ms_to_ns(c->interval_ms),
                                     .time_ns = ms_to_ns(c->time_ms),
                                     .time_max_ns = ms_to_ns(c->time_max_ms),
                                     .trials = c->trials };
    struct breaker *b = &l->backend->breaker;
    uint64_t answered = 0, failed = 0;
    enum breaker_state before = b->state;
    for (uint32_t i = 0; i < l->set->count; i++) {
        answered += l->shared[i]->fresh.answered;
        failed += l->shared[i]->fresh.failed;
    }
    if (!breaker_observe(b, &r, (uint32_t)answered, (uint32_t)failed, now_ns))
        return;
    shared_backend_publish_circuit(l->backend, r.trials);
    if (b->state != before)
        fprintf(stderr, "sluice: backend %s: the circuit is %s\n", l->backend->name,
                words[b->state]);
}

/* ---- all of a backend ---- */

static void look_at_backend(struct watch *w, uint32_t i, uint64_t now_ns)
{
    const struct ejection_config *e = &w->plan->config->backends[i].ejection;
    const struct server_list *l = w->plan->lists[i];
    look_at_circuit(l, &w->plan->config->backends[i].breaker, now_ns);
    if (!e->on) {
        forget(l, now_ns);
        return;
    }
    const struct outlier_rules rules = rules_of(e);
    look_at_answers(l, &rules, now_ns);
    if (now_ns < w->judge_at_ns[i])
        return;
    w->judge_at_ns[i] = now_ns + ms_to_ns(e->interval_ms);
    judge(l, &rules, now_ns);
}

/* ---- all of it ---- */

static void on_timer(struct timer *t, uint64_t now_ns)
{
    struct watch *w = container_of(t, struct watch, timer);
    bool changed = registry_sum(w->registry, now_ns);
    for (uint32_t i = 0; w->plan && i < w->plan->config->backends_count; i++)
        look_at_backend(w, i, now_ns);
    if (changed)
        w->interval_ms = INTERVAL_MS_MIN;
    else if (w->interval_ms < INTERVAL_MS_MAX)
        w->interval_ms *= 2;
    loop_timer_set(w->loop, &w->timer, now_ns + ms_to_ns(w->interval_ms));
}

void watch_start(struct watch *w, struct loop *l, struct registry *r)
{
    *w = (struct watch){ .loop = l, .registry = r, .interval_ms = INTERVAL_MS_MIN };
    prober_init(&w->prober, l);
    timer_init(&w->timer, on_timer);
    loop_timer_set(l, &w->timer, l->now_ns + ms_to_ns(w->interval_ms));
}

/* As for requests: see h2_upstream.c. */
static const char *alpn_of(const struct backend_config *bc)
{
    if (bc->health.kind == PROBE_GRPC || bc->protocol == PROTOCOL_H2)
        return "h2";
    return bc->protocol == PROTOCOL_AUTO ? "h2,http/1.1" : NULL;
}

static void check_backend(struct watch *w, uint32_t i)
{
    const struct backend_config *bc = &w->plan->config->backends[i];
    const struct server_list *l = w->plan->lists[i];
    char ignored[256]; /* the settings were checked when they were read */
    if (bc->health.kind == PROBE_NONE)
        return;
    struct tls_context *tls =
        bc->tls ? server_tls_context(bc->tls, alpn_of(bc), ignored, sizeof ignored) : NULL;
    if (bc->tls && !tls)
        return; /* no memory: unchecked servers count as healthy */
    for (uint32_t k = 0; k < l->set->count; k++)
        if (l->shared[k]->addr.len)
            prober_want(&w->prober, l->shared[k], bc, tls);
    if (tls)
        tls_context_unref(tls);
}

void watch_plan(struct watch *w, struct plan *p)
{
    struct plan *old = w->plan;
    uint64_t *judge_at_ns =
        old == p ? w->judge_at_ns : calloc(p->config->backends_count + 1, sizeof *judge_at_ns);
    if (!judge_at_ns)
        return; /* what was watched goes on to be */
    if (old != p) {
        plan_use_more(p);
        free(w->judge_at_ns);
    }
    w->plan = p;
    w->judge_at_ns = judge_at_ns;
    prober_begin(&w->prober);
    for (uint32_t i = 0; i < p->config->backends_count; i++)
        check_backend(w, i);
    prober_end(&w->prober);
    if (old != p)
        plan_unuse(old);
}

void watch_stop(struct watch *w, void (*on_stopped)(void *arg), void *arg)
{
    timer_remove(&w->loop->timers, &w->timer);
    plan_unuse(w->plan);
    w->plan = NULL;
    free(w->judge_at_ns);
    w->judge_at_ns = NULL;
    prober_stop(&w->prober, on_stopped, arg);
}

void watch_destroy(struct watch *w)
{
    if (w->loop)
        prober_destroy(&w->prober);
}
