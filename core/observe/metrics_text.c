/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/observe/metrics_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/counters.h"
#include "core/http/h2_budget.h"
#include "core/observe/metrics.h"
#include "tls/service.h"

enum form {
    FORM_COUNTER,
    FORM_GAUGE,     /* what came less what went, see `less` */
    FORM_STATUS,    /* a counter for each class of status */
    FORM_CACHE,     /* a counter for each status of the cache, where there was any */
    FORM_REASON,    /* a counter for each end reason that happened */
    FORM_HISTOGRAM, /* of microseconds, in seconds */
    FORM_STATE,     /* of a server: 1 for the state it is in */
    FORM_INFLIGHT,  /* of a server */
    FORM_CIRCUIT,   /* of a backend: 1 for the state that its circuit breaker is in */
    FORM_OPENED,    /* of a backend's circuit breaker */
};

struct family {
    const char *name, *help;
    enum series_kind kind;
    enum form form;
    size_t offset, less; /* in the counters of the kind; less: FORM_GAUGE */
};

#define AT(what, member) offsetof(struct what##_counters, member)

static const struct family families[] = {
    { "sluice_listener_connections_total", "Client connections accepted.", SERIES_LISTENER,
      FORM_COUNTER, AT(listener, accepted), 0 },
    { "sluice_listener_connections", "Client connections open now.", SERIES_LISTENER, FORM_GAUGE,
      AT(listener, accepted), AT(listener, closed) },
    { "sluice_listener_accept_errors_total", "Client connections that could not be taken.",
      SERIES_LISTENER, FORM_COUNTER, AT(listener, accept_errors), 0 },
    { "sluice_site_requests_total", "Requests that ended, by status sent (none: no answer).",
      SERIES_SITE, FORM_STATUS, AT(site, status), 0 },
    { "sluice_site_ends_total", "Requests by the reason they ended, and who broke them.",
      SERIES_SITE, FORM_REASON, AT(site, ended), 0 },
    { "sluice_site_cache_requests_total",
      "Requests of routes with a cache, by how they came by their answer.", SERIES_SITE, FORM_CACHE,
      AT(site, cache), 0 },
    { "sluice_site_received_bytes_total", "Bytes of requests, heads included.", SERIES_SITE,
      FORM_COUNTER, AT(site, bytes_in), 0 },
    { "sluice_site_sent_bytes_total", "Bytes of responses, heads included.", SERIES_SITE,
      FORM_COUNTER, AT(site, bytes_out), 0 },
    { "sluice_site_request_duration_seconds",
      "From the first byte of a request to the last of its response taken by the kernel.",
      SERIES_SITE, FORM_HISTOGRAM, AT(site, total), 0 },
    { "sluice_backend_responses_total",
      "Requests passed on, by status the backend answered (none: no answer).", SERIES_BACKEND,
      FORM_STATUS, AT(backend, status), 0 },
    { "sluice_backend_retries_total", "Attempts after a failed one.", SERIES_BACKEND, FORM_COUNTER,
      AT(backend, retried), 0 },
    { "sluice_backend_circuit_state",
      "1 for the state that the circuit breaker is in: closed, open (requests are refused), "
      "half_open (some are let through on trial).",
      SERIES_BACKEND, FORM_CIRCUIT, 0, 0 },
    { "sluice_backend_circuit_opened_total", "Times that the circuit breaker opened.",
      SERIES_BACKEND, FORM_OPENED, 0, 0 },
    { "sluice_backend_queued_requests", "Requests that wait for a server with room now.",
      SERIES_BACKEND, FORM_GAUGE, AT(backend, queued), AT(backend, unqueued) },
    { "sluice_backend_queue_seconds",
      "How long requests waited for a server with room, of those that had to.", SERIES_BACKEND,
      FORM_HISTOGRAM, AT(backend, queue), 0 },
    { "sluice_backend_first_byte_seconds",
      "From a request begun to be sent to the first byte of its response.", SERIES_BACKEND,
      FORM_HISTOGRAM, AT(backend, first_byte), 0 },
    { "sluice_server_responses_total",
      "Requests passed on last to the server, by status it answered (none: no answer).",
      SERIES_SERVER, FORM_STATUS, AT(server, status), 0 },
    { "sluice_server_connections_opened_total", "Connections begun to be opened.", SERIES_SERVER,
      FORM_COUNTER, AT(server, opened), 0 },
    { "sluice_server_connections_failed_total", "Connections that could not be opened.",
      SERIES_SERVER, FORM_COUNTER, AT(server, failed), 0 },
    { "sluice_server_connections_reused_total", "Requests sent on a pooled connection.",
      SERIES_SERVER, FORM_COUNTER, AT(server, reused), 0 },
    { "sluice_server_connections", "Connections open now.", SERIES_SERVER, FORM_GAUGE,
      AT(server, opened), AT(server, closed) },
    { "sluice_server_idle_connections", "Connections pooled now.", SERIES_SERVER, FORM_GAUGE,
      AT(server, pooled), AT(server, unpooled) },
    { "sluice_server_state",
      "1 for the state that a server is in: up, unhealthy (by its checks), ejected (by its "
      "answers), draining, maintenance, unresolved (a name without an address).",
      SERIES_SERVER, FORM_STATE, 0, 0 },
    { "sluice_server_requests_in_flight", "Requests that the server works on now.", SERIES_SERVER,
      FORM_INFLIGHT, 0, 0 },
    { "sluice_server_tls_handshakes_total", "TLS handshakes that were done.", SERIES_SERVER,
      FORM_COUNTER, AT(server, handshakes), 0 },
    { "sluice_server_tls_resumed_total", "TLS handshakes that resumed a session.", SERIES_SERVER,
      FORM_COUNTER, AT(server, resumed), 0 },
};

static const char *const types[] = { "counter",   "gauge", "counter", "counter", "counter",
                                     "histogram", "gauge", "gauge",   "gauge",   "counter" };

static void put_family(FILE *to, const char *name, const char *type, const char *help)
{
    fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* ---- labels ---- */

static void put_label_value(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            fputs("\\n", to);
        else if (*text == '"' || *text == '\\')
            fprintf(to, "\\%c", *text);
        else
            fputc(*text, to);
    }
}

static void put_label(FILE *to, const char *name, const char *value)
{
    fprintf(to, "%s=\"", name);
    put_label_value(to, value);
    fputc('"', to);
}

/* Who it is about, without the closing brace. */
static void put_series(FILE *to, const char *name, const char *suffix, const struct series *s)
{
    static const char *const labels[] = { "listener", "site", "backend", "server" };
    fprintf(to, "%s%s{", name, suffix);
    if (s->kind == SERIES_SERVER) {
        put_label(to, "backend", s->parent);
        fputc(',', to);
    }
    put_label(to, labels[s->kind], s->name);
}

/* ---- samples ---- */

static void put_seconds(FILE *to, uint64_t ticks, uint64_t ticks_per_s)
{
    fprintf(to, " %.9g\n", (double)ticks / (double)ticks_per_s);
}

/* values: shaped like struct histogram. s: NULL for none. */
static void put_histogram(FILE *to, const char *name, const struct series *s,
                          const uint64_t *values, uint64_t ticks_per_s)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        sum += values[1 + i];
        if (s) {
            put_series(to, name, "_bucket", s);
            fputc(',', to);
        } else {
            fprintf(to, "%s_bucket{", name);
        }
        if (i < HISTOGRAM_BOUNDS)
            fprintf(to, "le=\"%g\"} %" PRIu64 "\n",
                    (double)histogram_bounds[i] / (double)ticks_per_s, sum);
        else
            fprintf(to, "le=\"+Inf\"} %" PRIu64 "\n", sum);
    }
    static const char *const ends[] = { "_sum", "_count" };
    for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
        if (s) {
            put_series(to, name, ends[i], s);
            fputc('}', to);
        } else {
            fprintf(to, "%s%s", name, ends[i]);
        }
        if (i == 0)
            put_seconds(to, values[0], ticks_per_s);
        else
            fprintf(to, " %" PRIu64 "\n", sum);
    }
}

static void put_statuses(FILE *to, const char *name, const struct series *s, const uint64_t *values)
{
    static const char *const classes[STATUS_CLASSES] = {
        "none", "1xx", "2xx", "3xx", "4xx", "5xx"
    };
    for (unsigned i = 0; i < STATUS_CLASSES; i++) {
        put_series(to, name, "", s);
        fprintf(to, ",status=\"%s\"} %" PRIu64 "\n", classes[i], values[i]);
    }
}

static void put_reasons(FILE *to, const char *name, const struct series *s, const uint64_t *values)
{
    for (unsigned i = 0; i < END_REASON_COUNT; i++) {
        const struct end_reason_info *end = end_reason_info((enum end_reason)i);
        if (!values[i] && i != END_OK)
            continue;
        put_series(to, name, "", s);
        fprintf(to, ",reason=\"%s\",broken_by=\"%s\"} %" PRIu64 "\n", end->word,
                end->who == WHO_NONE ? "" : end_who_word(end->who), values[i]);
    }
}

static void put_cache_statuses(FILE *to, const char *name, const struct series *s,
                               const uint64_t *values)
{
    uint64_t sum = 0;
    for (unsigned i = CACHE_NONE + 1; i < CACHE_STATUS_COUNT; i++)
        sum += values[i];
    for (unsigned i = CACHE_NONE + 1; sum && i < CACHE_STATUS_COUNT; i++) {
        put_series(to, name, "", s);
        fprintf(to, ",cache=\"%s\"} %" PRIu64 "\n", cache_status_word((enum cache_status)i),
                values[i]);
    }
}

static void put_state(FILE *to, const char *name, const struct series *s)
{
    static const struct {
        const char *word;
        uint32_t flag;
    } states[] = { { "maintenance", SERVER_MAINTENANCE }, { "draining", SERVER_DRAINING },
                   { "unhealthy", SERVER_UNHEALTHY },     { "ejected", SERVER_EJECTED },
                   { "unresolved", SERVER_UNRESOLVED },   { "up", 0 } };
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        bool is = !found && (!states[i].flag || (s->flags & states[i].flag));
        found = found || is;
        put_series(to, name, "", s);
        fprintf(to, ",state=\"%s\"} %d\n", states[i].word, is);
    }
}

static void put_circuit(FILE *to, const char *name, const struct series *s)
{
    static const char *const states[] = { "closed", "open", "half_open" };
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        put_series(to, name, "", s);
        fprintf(to, ",state=\"%s\"} %d\n", states[i], s->flags == i);
    }
}

static void put_sample(FILE *to, const struct family *f, const struct series *s)
{
    const uint64_t *at = s->values + f->offset / sizeof(counter);
    uint64_t value = *at;
    switch (f->form) {
    case FORM_STATUS:
        put_statuses(to, f->name, s, at);
        return;
    case FORM_CACHE:
        put_cache_statuses(to, f->name, s, at);
        return;
    case FORM_REASON:
        put_reasons(to, f->name, s, at);
        return;
    case FORM_HISTOGRAM:
        put_histogram(to, f->name, s, at, 1000000);
        return;
    case FORM_STATE:
        put_state(to, f->name, s);
        return;
    case FORM_CIRCUIT:
        put_circuit(to, f->name, s);
        return;
    case FORM_OPENED:
        value = s->opened;
        break;
    case FORM_INFLIGHT:
        value = s->inflight;
        break;
    case FORM_GAUGE: {
        /* Workers go on while they are read: what went may be newer than what came. */
        uint64_t less = s->values[f->less / sizeof(counter)];
        value = value > less ? value - less : 0;
        break;
    }
    case FORM_COUNTER:
        break;
    }
    put_series(to, f->name, "", s);
    fprintf(to, "} %" PRIu64 "\n", value);
}

void metrics_text_series(const struct series *first, FILE *to)
{
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        const struct family *f = &families[i];
        put_family(to, f->name, types[f->form], f->help);
        for (const struct series *s = first; s; s = s->next)
            if (s->kind == f->kind)
                put_sample(to, f, s);
    }
}

/* ---- the process ---- */

enum process_family {
    OVERHEAD,
    TURNS,
    WORKERS,
    TUNNELS,
    TUNNELS_OPEN,
    PIPES_REFUSED,
    HTTP2_ABUSE,
    LOG_LINES,
    CODERS_REFUSED,
    LOG_LOST,
    LOG_ERRORS,
    CACHE_OBJECTS,
    CACHE_USED,
    CACHE_BUDGET,
    CACHE_STORED,
    CACHE_BROKEN,
    CACHE_REFUSED,
    CACHE_EVICTED,
    CACHE_PURGED,
    CERTIFICATES,
    CERTIFICATE_EXPIRY,
    RELOADS,
    RELOAD_GOOD,
    CONFIG_TIME,
    READY,
    START_TIME,
    UPTIME,
    BUILD,
};

static const struct metric_info process_families[] = {
    [OVERHEAD] = { "sluice_proxy_overhead_seconds", "histogram",
                   "The time that sluice itself adds to an exchange: its handling of the request "
                   "and of the answer, without waiting for client or server.",
                   NULL, NULL },
    [TURNS] = { "sluice_worker_turn_seconds", "histogram",
                "Length of the turns of the workers' loops, without their sleep.", NULL, NULL },
    [WORKERS] = { "sluice_workers", "gauge", "Workers running.", NULL, NULL },
    [TUNNELS] = { "sluice_tunnels_total", "counter", "Tunnels opened: by upgrades, and of layer 4.",
                  NULL, NULL },
    [TUNNELS_OPEN] = { "sluice_tunnels", "gauge", "Tunnels open now.", NULL, NULL },
    [PIPES_REFUSED] = { "sluice_relay_pipes_refused_total", "counter",
                        "Times that there was no pipe to splice through; bytes were copied.", NULL,
                        NULL },
    [HTTP2_ABUSE] = { "sluice_http2_floods_total", "counter",
                      "HTTP/2 connections of clients that were closed for too much of something "
                      "that asks for nothing.",
                      NULL, "kind" },
    [LOG_LINES] = { "sluice_log_lines_total", "counter", "Access log lines written.", NULL, NULL },
    [CODERS_REFUSED] = { "sluice_coders_refused_total", "counter",
                         "Answers that stayed uncompressed: coders had no memory left.", NULL,
                         NULL },
    [LOG_LOST] = { "sluice_log_lost_lines_total", "counter",
                   "Access log lines lost: to a full queue, or to a log that could not be written.",
                   NULL, "cause" },
    [LOG_ERRORS] = { "sluice_log_write_errors_total", "counter", "Failed writes of access logs.",
                     NULL, NULL },
    [CACHE_OBJECTS] = { "sluice_cache_objects", "gauge",
                        "Answers in the cache, those that are just fetched among them.", NULL,
                        NULL },
    [CACHE_USED] = { "sluice_cache_used_bytes", "gauge",
                     "Memory of what is in the cache, all of it counted.", NULL, NULL },
    [CACHE_BUDGET] = { "sluice_cache_budget_bytes", "gauge",
                       "Memory that what is in the cache may have.", NULL, NULL },
    [CACHE_STORED] = { "sluice_cache_stored_total", "counter",
                       "Answers that were fetched and kept.", NULL, NULL },
    [CACHE_BROKEN] = { "sluice_cache_broken_total", "counter",
                       "Fetches that ended before their answer was whole; it was not kept.", NULL,
                       NULL },
    [CACHE_REFUSED] = { "sluice_cache_refused_total", "counter",
                        "Answers not kept for want of memory, or for too many variants.", NULL,
                        NULL },
    [CACHE_EVICTED] = { "sluice_cache_evicted_total", "counter",
                        "Answers that had to make room for others.", NULL, NULL },
    [CACHE_PURGED] = { "sluice_cache_purged_total", "counter",
                       "Answers removed or made stale by their URL: by the admin socket, and by "
                       "requests that change what they name.",
                       NULL, NULL },
    [CERTIFICATES] = { "sluice_tls_certificates", "gauge", "Certificates of a listener.",
                       "listener", NULL },
    [CERTIFICATE_EXPIRY] = { "sluice_tls_certificate_expiry_seconds", "gauge",
                             "When the first of a listener's certificates expires, since the "
                             "epoch: the label says which.",
                             "listener", "certificate" },
    [RELOADS] = { "sluice_reloads_total", "counter", "Reloads of the configuration by result.",
                  NULL, "result" },
    [RELOAD_GOOD] = { "sluice_reload_last_good", "gauge",
                      "1: the last reload was good, or none was.", NULL, NULL },
    [CONFIG_TIME] = { "sluice_config_time_seconds", "gauge",
                      "When the configuration in force was taken up.", NULL, NULL },
    [READY] = { "sluice_ready", "gauge", "1: takes requests and is not draining.", NULL, NULL },
    [START_TIME] = { "sluice_start_time_seconds", "gauge", "When sluice was started.", NULL, NULL },
    [UPTIME] = { "sluice_uptime_seconds", "gauge", "Since sluice was started.", NULL, NULL },
    [BUILD] = { "sluice_build_info", "gauge", "The version, as a label.", NULL, "version" },
};

bool metrics_text_family(uint32_t i, struct metric_info *out)
{
    static const char *const of[] = { "listener", "site", "backend", "backend, server" };
    static const char *const by[] = {
        [FORM_STATUS] = "status", [FORM_CACHE] = "cache", [FORM_REASON] = "reason, broken_by",
        [FORM_STATE] = "state",   [FORM_INFLIGHT] = NULL, [FORM_CIRCUIT] = "state",
        [FORM_OPENED] = NULL
    };
    if (i < ARRAY_LEN(families)) {
        const struct family *f = &families[i];
        *out = (struct metric_info){ f->name, types[f->form], f->help, of[f->kind], by[f->form] };
        return true;
    }
    i -= ARRAY_LEN(families);
    if (i >= ARRAY_LEN(process_families))
        return false;
    *out = process_families[i];
    return true;
}

/* Its head, then its name: the samples follow. */
static const char *put_head(FILE *to, enum process_family f)
{
    const struct metric_info *m = &process_families[f];
    put_family(to, m->name, m->type, m->help);
    return m->name;
}

static void put_one(FILE *to, enum process_family f, uint64_t value)
{
    fprintf(to, "%s %" PRIu64 "\n", put_head(to, f), value);
}

static void put_two(FILE *to, enum process_family f, const char *a, uint64_t of_a, const char *b,
                    uint64_t of_b)
{
    const char *name = put_head(to, f), *label = process_families[f].by;
    fprintf(to, "%s{%s=\"%s\"} %" PRIu64 "\n%s{%s=\"%s\"} %" PRIu64 "\n", name, label, a, of_a,
            name, label, b, of_b);
}

static void put_time(FILE *to, enum process_family f, uint64_t wall_us)
{
    fprintf(to, "%s %" PRIu64 ".%06" PRIu64 "\n", put_head(to, f), wall_us / 1000000,
            wall_us % 1000000);
}

static uint64_t sum_of(const struct metrics_process *p, size_t offset)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < p->workers_count; i++)
        sum += counter_read((const counter *)((const char *)p->workers[i] + offset));
    return sum;
}

static void put_summed_histogram(FILE *to, const struct metrics_process *p, enum process_family f,
                                 size_t offset, uint64_t ticks_per_s)
{
    uint64_t values[sizeof(struct histogram) / sizeof(counter)];
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        values[i] = sum_of(p, offset + i * sizeof(counter));
    put_histogram(to, put_head(to, f), NULL, values, ticks_per_s);
}

static void put_floods(FILE *to, const struct metrics_process *p)
{
    const char *name = put_head(to, HTTP2_ABUSE), *label = process_families[HTTP2_ABUSE].by;
    for (unsigned i = 0; i < H2_ABUSE_COUNT; i++)
        fprintf(to, "%s{%s=\"%s\"} %" PRIu64 "\n", name, label, h2_abuse_word((enum h2_abuse)i),
                sum_of(p, offsetof(struct counters, h2_abuse) + i * sizeof(counter)));
}

static void put_cache(FILE *to, struct cache *c)
{
    struct cache_figures f = { 0 };
    const struct cache_stats none = { 0 }, *s = c ? &c->stats : &none;
    if (c)
        f = cache_figures(c);
    put_one(to, CACHE_OBJECTS, f.objects);
    put_one(to, CACHE_USED, f.used_bytes);
    put_one(to, CACHE_BUDGET, f.budget_bytes);
    put_one(to, CACHE_STORED, atomic_load(&s->stored));
    put_one(to, CACHE_BROKEN, atomic_load(&s->broken));
    put_one(to, CACHE_REFUSED, atomic_load(&s->refused));
    put_one(to, CACHE_EVICTED, f.evicted);
    put_one(to, CACHE_PURGED, atomic_load(&s->purged));
}

static const struct certificate_set *certificates_of(const struct config *c, uint32_t i)
{
    const struct listener_tls *tls = c->listeners[i].tls;
    return tls && tls->service ? tls->service->certificates : NULL;
}

static const struct certificate_entry *first_to_expire(const struct certificate_set *set)
{
    const struct certificate_entry *first = certificate_set_at(set, 0);
    for (uint32_t k = 1; k < certificate_set_count(set); k++) {
        const struct certificate_entry *e = certificate_set_at(set, k);
        if (e->certificate->not_after_s < first->certificate->not_after_s)
            first = e;
    }
    return first;
}

static void put_certificates(FILE *to, const struct config *c)
{
    const struct certificate_set *set;
    const char *name = put_head(to, CERTIFICATES);
    for (uint32_t i = 0; c && i < c->listeners_count; i++) {
        if (!(set = certificates_of(c, i)))
            continue;
        fprintf(to, "%s{", name);
        put_label(to, "listener", c->listeners[i].name);
        fprintf(to, "} %" PRIu32 "\n", certificate_set_count(set));
    }
    name = put_head(to, CERTIFICATE_EXPIRY);
    for (uint32_t i = 0; c && i < c->listeners_count; i++) {
        if (!(set = certificates_of(c, i)))
            continue;
        const struct certificate_entry *e = first_to_expire(set);
        fprintf(to, "%s{", name);
        put_label(to, "listener", c->listeners[i].name);
        fputc(',', to);
        put_label(to, "certificate", e->path);
        fprintf(to, "} %" PRId64 "\n", e->certificate->not_after_s);
    }
}

void metrics_text_process(const struct metrics_process *p, FILE *to)
{
    put_summed_histogram(to, p, OVERHEAD, offsetof(struct counters, overhead), 1000000);
    put_summed_histogram(to, p, TURNS, offsetof(struct counters, turns), 10000000);
    put_one(to, WORKERS, p->workers_running);
    uint64_t opened = sum_of(p, offsetof(struct counters, tunnels_opened));
    put_one(to, TUNNELS, opened);
    put_one(to, TUNNELS_OPEN, opened - sum_of(p, offsetof(struct counters, tunnels_closed)));
    put_one(to, PIPES_REFUSED, sum_of(p, offsetof(struct counters, pipes_refused)));
    put_floods(to, p);
    put_one(to, LOG_LINES, p->logs->records);
    put_one(to, CODERS_REFUSED, sum_of(p, offsetof(struct counters, coders_refused)));
    put_two(to, LOG_LOST, "queue", sum_of(p, offsetof(struct counters, log_dropped)), "write",
            p->logs->records_lost);
    put_one(to, LOG_ERRORS, p->logs->write_errors);
    put_cache(to, p->cache);
    put_certificates(to, p->config);
    put_two(to, RELOADS, "good", p->reloads_good, "bad", p->reloads_bad);
    put_one(to, RELOAD_GOOD, p->reload_good);
    put_time(to, CONFIG_TIME, p->reload_wall_us);
    put_one(to, READY, p->ready);
    put_time(to, START_TIME, p->start_wall_us);
    fprintf(to, "%s %.3f\n", put_head(to, UPTIME), (double)(p->now_ns - p->start_ns) / 1e9);
    fprintf(to, "%s{version=\"%s\"} 1\n", put_head(to, BUILD), p->version);
}
