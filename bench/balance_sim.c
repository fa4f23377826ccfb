/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Simulates servers behind the real policies (balance/): requests come at random, each to one of
 * the workers, which picks by what it knows: its own requests as they are, the others' as they were
 * at the last sum (every millisecond). A server works on one request at a time, in turn. Discrete
 * events, virtual time, one seed one result. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balance/balance.h"
#include "core/base/check.h"
#include "core/base/hash.h"

#define SERVERS 256
#define WORKERS 64
#define MS 1000000.0
#define MOVEMENT_KEYS 20000

struct scenario {
    uint32_t servers, workers;
    double load;      /* of what all servers can do */
    double service;   /* mean, ns */
    double slow;      /* server 0 takes so much longer */
    double skew;      /* of keys: Zipf's exponent */
    uint32_t failing; /* servers that are gone in the third quarter of the time */
    uint32_t requests;
    uint64_t seed;
    bool sums; /* workers hear of each other */
};

struct result {
    double mean, p50, p99, p999; /* in mean service times */
    double slow_share;
    double peak; /* the busiest server's requests over the average of equal ones */
    double movement;
};

/* A request that will be done. */
struct event {
    double at;
    uint32_t server, worker;
    double began;
};

struct sim {
    const struct scenario *c;
    struct rng rng;
    double now, next_sum;
    struct server_set *set;
    struct balancer *balancers[WORKERS];
    struct server_load *cells; /* by worker, then server */
    struct server_load *loads[WORKERS][SERVERS];
    uint64_t usable[SET_WORDS(SERVERS)];
    uint32_t usable_count;
    double free_at[SERVERS];
    uint32_t picked[SERVERS];
    struct latency latency[SERVERS];
    double fresh_sum[SERVERS];
    uint32_t fresh[SERVERS];
    double *zipf; /* cumulative */
    struct event *heap;
    uint32_t heap_count;
    float *times;
    uint32_t times_count;
};

#define KEYS 10000
static const struct balance_options options = { .bound = 1.25, .decay_ns = 10000000000 };

static double uniform(struct rng *r)
{
    return ((double)(rng_next(r) >> 11) + 0.5) * 0x1p-53;
}

static double exponential(struct rng *r, double mean)
{
    return -mean * log(uniform(r));
}

/* ---- events ---- */

static void push(struct sim *s, struct event e)
{
    uint32_t i = s->heap_count++;
    for (; i && s->heap[(i - 1) / 2].at > e.at; i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = e;
}

static struct event pop(struct sim *s)
{
    struct event top = s->heap[0], last = s->heap[--s->heap_count];
    uint32_t i = 0;
    for (uint32_t child; (child = 2 * i + 1) < s->heap_count; i = child) {
        if (child + 1 < s->heap_count && s->heap[child + 1].at < s->heap[child].at)
            child++;
        if (s->heap[child].at >= last.at)
            break;
        s->heap[i] = s->heap[child];
    }
    s->heap[i] = last;
    return top;
}

/* ---- what workers know ---- */

/* As the control thread does (core/proxy/registry.c). */
static void sum_up(struct sim *s)
{
    for (uint32_t i = 0; i < s->c->servers; i++) {
        uint32_t inflight = 0;
        for (uint32_t w = 0; w < s->c->workers; w++)
            inflight += atomic_load_explicit(&s->loads[w][i]->own, memory_order_relaxed);
        if (s->fresh[i])
            latency_observe(&s->latency[i], (float)(s->fresh_sum[i] / s->fresh[i]),
                            (uint64_t)s->now, options.decay_ns);
        s->fresh[i] = 0;
        s->fresh_sum[i] = 0;
        float latency = latency_at(&s->latency[i], (uint64_t)s->now, options.decay_ns);
        for (uint32_t w = 0; w < s->c->workers; w++) {
            struct server_load *l = s->loads[w][i];
            uint32_t own = atomic_load_explicit(&l->own, memory_order_relaxed);
            atomic_store_explicit(&l->others, inflight - own, memory_order_relaxed);
            atomic_store_explicit(&l->others_latency, latency, memory_order_relaxed);
        }
    }
}

static void finish(struct sim *s, const struct event *e)
{
    struct server_load *l = s->loads[e->worker][e->server];
    double took = e->at - e->began;
    server_load_end(l);
    server_load_answered(l, (uint64_t)took, (uint64_t)e->at, options.decay_ns);
    s->fresh[e->server]++;
    s->fresh_sum[e->server] += took;
    s->times[s->times_count++] = (float)(took / s->c->service);
}

/* ---- a run ---- */

static void set_usable(struct sim *s, uint32_t i, bool usable)
{
    if ((s->usable[i / 64] >> (i % 64) & 1) != usable) {
        s->usable[i / 64] ^= UINT64_C(1) << (i % 64);
        s->usable_count += usable ? 1 : -1;
    }
}

static struct server_set *make_set(uint32_t count, uint32_t without)
{
    struct server_info servers[SERVERS];
    char names[SERVERS][32];
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i == without)
            continue;
        int len = snprintf(names[n], sizeof names[n], "10.0.%u.%u:80", i / 250, i % 250);
        servers[n] = (struct server_info){ i, { names[n], (size_t)len }, 1 };
        n++;
    }
    struct server_set *set = server_set_create(1, servers, n);
    CHECK(set);
    return set;
}

static uint64_t draw_key(struct sim *s)
{
    double u = uniform(&s->rng) * s->zipf[KEYS - 1];
    uint32_t low = 0, high = KEYS - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (s->zipf[middle] < u)
            low = middle + 1;
        else
            high = middle;
    }
    return hash_bytes(&low, sizeof low, 0);
}

static void arrive(struct sim *s)
{
    const struct scenario *c = s->c;
    uint32_t w = rng_below(&s->rng, c->workers);
    struct pick_ctx ctx = { .now_ns = (uint64_t)s->now,
                            .rng = &s->rng,
                            .has_key = true,
                            .key_hash = draw_key(s),
                            .usable = s->usable,
                            .usable_count = s->usable_count,
                            .loads = s->loads[w] };
    for (uint32_t i = 0; i < c->servers; i++)
        ctx.inflight += server_load_inflight(s->loads[w][i]);
    int32_t i = balancer_pick(s->balancers[w], &ctx);
    CHECK(i >= 0);
    double service = exponential(&s->rng, c->service) * (i == 0 ? c->slow : 1);
    double start = s->free_at[i] > s->now ? s->free_at[i] : s->now;
    s->free_at[i] = start + service;
    s->picked[i]++;
    server_load_begin(s->loads[w][i]);
    push(s, (struct event){ s->free_at[i], (uint32_t)i, w, s->now });
}

static void until(struct sim *s, double at)
{
    for (;;) {
        bool ended = isinf(at) && s->heap_count == 0;
        bool sums = s->c->sums && s->next_sum <= at && !ended;
        if (s->heap_count && s->heap[0].at <= at && (!sums || s->heap[0].at <= s->next_sum)) {
            struct event e = pop(s);
            s->now = e.at;
            finish(s, &e);
        } else if (sums) {
            s->now = s->next_sum;
            s->next_sum += MS;
            sum_up(s);
        } else {
            break;
        }
    }
    s->now = at;
}

static struct sim *create(const struct balance_policy *policy, const struct scenario *c)
{
    struct sim *s = calloc(1, sizeof *s);
    CHECK(s && c->servers <= SERVERS && c->workers <= WORKERS);
    s->c = c;
    s->rng.state = c->seed;
    s->set = make_set(c->servers, SERVERS);
    s->cells = aligned_alloc(64, sizeof *s->cells * c->workers * c->servers);
    s->heap = calloc(c->requests + 1, sizeof *s->heap);
    s->times = calloc(c->requests + 1, sizeof *s->times);
    s->zipf = calloc(KEYS, sizeof *s->zipf);
    CHECK(s->cells && s->heap && s->times && s->zipf);
    memset(s->cells, 0, sizeof *s->cells * c->workers * c->servers);
    double sum = 0;
    for (uint32_t i = 0; i < KEYS; i++)
        s->zipf[i] = sum += pow(i + 1, -c->skew);
    for (uint32_t w = 0; w < c->workers; w++) {
        s->balancers[w] = policy->create(s->set, &options, w);
        CHECK(s->balancers[w]);
        for (uint32_t i = 0; i < c->servers; i++)
            s->loads[w][i] = &s->cells[w * c->servers + i];
    }
    for (uint32_t i = 0; i < c->servers; i++)
        set_usable(s, i, true);
    return s;
}

static void destroy(struct sim *s)
{
    for (uint32_t w = 0; w < s->c->workers; w++)
        balancer_destroy(s->balancers[w]);
    server_set_destroy(s->set);
    free(s->cells);
    free(s->heap);
    free(s->times);
    free(s->zipf);
    free(s);
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* The share of keys that move when one of the servers is lost; 0 for policies without keys. */
static double movement(const struct balance_policy *policy, uint32_t servers)
{
    if (!policy->keyed)
        return 0;
    struct server_set *before = make_set(servers, SERVERS), *after = make_set(servers, servers / 2);
    struct balancer *b = policy->create(before, &options, 0),
                    *a = policy->create(after, &options, 0);
    static struct server_load idle[SERVERS];
    struct server_load *loads[SERVERS];
    uint64_t usable[SET_WORDS(SERVERS)];
    memset(usable, 0xff, sizeof usable);
    for (uint32_t i = 0; i < SERVERS; i++)
        loads[i] = &idle[i];
    CHECK(a && b);
    uint32_t moved = 0;
    for (uint32_t key = 0; key < MOVEMENT_KEYS; key++) {
        struct pick_ctx ctx = { .has_key = true,
                                .key_hash = hash_bytes(&key, sizeof key, 0),
                                .usable = usable,
                                .usable_count = servers,
                                .loads = loads };
        uint64_t first = before->servers[balancer_pick(b, &ctx)].id;
        ctx.usable_count = servers - 1;
        moved += after->servers[balancer_pick(a, &ctx)].id != first;
    }
    balancer_destroy(a);
    balancer_destroy(b);
    server_set_destroy(before);
    server_set_destroy(after);
    return (double)moved / MOVEMENT_KEYS;
}

static struct result run(const struct balance_policy *policy, const struct scenario *c)
{
    struct sim *s = create(policy, c);
    double capacity = (c->servers - 1 + 1 / c->slow) / c->service;
    double gap = 1 / (capacity * c->load);
    for (uint32_t i = 0; i < c->requests; i++) {
        until(s, s->now + exponential(&s->rng, gap));
        for (uint32_t k = 1; k <= c->failing; k++)
            set_usable(s, k, i < c->requests / 2 || i >= c->requests / 4 * 3);
        arrive(s);
    }
    until(s, INFINITY);
    uint32_t first = c->requests / 10, n = s->times_count - first; /* the beginning is no guide */
    float *times = s->times + first;
    qsort(times, n, sizeof *times, by_size);
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += times[i];
    struct result r = { .mean = sum / n,
                        .p50 = times[n / 2],
                        .p99 = times[(uint64_t)n * 99 / 100],
                        .p999 = times[(uint64_t)n * 999 / 1000],
                        .slow_share = (double)s->picked[0] / c->requests,
                        .movement = movement(policy, c->servers) };
    uint32_t peak = 0;
    for (uint32_t i = 1; i < c->servers; i++)
        peak = s->picked[i] > peak ? s->picked[i] : peak;
    r.peak = peak / ((double)(c->requests - s->picked[0]) / (c->servers - 1));
    destroy(s);
    return r;
}

/* ---- the command line ---- */

static void print(const char *name, const struct scenario *c, const struct result *r, bool csv)
{
    const char *format = csv ? "%s,%u,%.3f,%.3f,%.3f,%.5f,%.4f,%.4f\n"
                             : "%-16s %7u %9.2f %9.2f %9.2f %10.4f %9.3f %9.4f\n";
    printf(format, name, c->workers, r->p50, r->p99, r->p999, r->slow_share, r->peak, r->movement);
}

static void print_all(const struct scenario *c, const char *only, bool csv)
{
    const struct balance_policy *p;
    for (uint32_t i = 0; (p = balance_policy_at(i)) != NULL; i++) {
        if (only && strcmp(only, p->name) != 0)
            continue;
        struct result r = run(p, c);
        print(p->name, c, &r, csv);
    }
}

static bool holds(const char *what, double value, double most)
{
    printf("%-64s %8.3f <= %.3f %s\n", what, value, most, value <= most ? "" : "  NO");
    return value <= most;
}

/* The figures that the project promises, with fixed seeds. */
static int check(void)
{
    struct scenario c = { .servers = 10,
                          .workers = 1,
                          .load = 0.7,
                          .service = 10 * MS,
                          .slow = 10,
                          .requests = 100000,
                          .sums = true };
    bool good = true;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        c.seed = seed;
        c.workers = 1;
        struct result two = run(&balance_power_of_two, &c), ewma = run(&balance_peak_ewma, &c);
        struct result least = run(&balance_least_requests, &c);
        good &= holds("one of ten 10x slower, load 0.7: p99 of peak_ewma / power_of_two",
                      ewma.p99 / two.p99, 0.4);
        c.workers = 64;
        good &= holds("64 workers / 1: p99 of power_of_two",
                      run(&balance_power_of_two, &c).p99 / two.p99, 1.5);
        good &= holds("64 workers / 1: p99 of peak_ewma",
                      run(&balance_peak_ewma, &c).p99 / ewma.p99, 1.5);
        good &= holds("64 workers / 1: p99 of least_requests",
                      run(&balance_least_requests, &c).p99 / least.p99, 1.5);
    }
    /* Equal servers: the mean of a queue with two choices, 2.6 and 3.4 service times in theory. */
    struct scenario equal = { .servers = 100,
                              .workers = 1,
                              .service = 10 * MS,
                              .slow = 1,
                              .requests = 1000000,
                              .seed = 1,
                              .sums = true };
    equal.load = 0.90;
    good &= holds("100 equal servers, load 0.90: mean of power_of_two",
                  run(&balance_power_of_two, &equal).mean, 2.6 * 1.05);
    equal.load = 0.95;
    good &= holds("100 equal servers, load 0.95: mean of power_of_two",
                  run(&balance_power_of_two, &equal).mean, 3.4 * 1.05);
    return good ? 0 : 1;
}

static int usage(FILE *to)
{
    fputs(
        "  balance_sim                              ten servers, one of them 10x slower, all "
        "policies\n"
        "  balance_sim --workers 64 --isolated      workers that do not hear of each other\n"
        "  balance_sim --servers 100 --slow 1 --skew 1.1 --failing 20\n"
        "  balance_sim --check                      the promised figures, with fixed seeds\n\n"
        "Options: --policy NAME --servers N --workers N --load X --service-ms X --slow X\n"
        "--skew X --failing N --requests N --seed N --isolated --csv\n"
        "Times are in mean service times; slow: the share of requests to the slow server;\n"
        "peak: the busiest of the others over their average; movement: of keys, one server lost.\n",
        to);
    return to == stdout ? 0 : 2;
}

static bool read_option(struct scenario *c, const char *name, double value)
{
    if (strcmp(name, "--servers") == 0)
        c->servers = (uint32_t)value;
    else if (strcmp(name, "--workers") == 0)
        c->workers = (uint32_t)value;
    else if (strcmp(name, "--load") == 0)
        c->load = value;
    else if (strcmp(name, "--service-ms") == 0)
        c->service = value * MS;
    else if (strcmp(name, "--slow") == 0)
        c->slow = value;
    else if (strcmp(name, "--skew") == 0)
        c->skew = value;
    else if (strcmp(name, "--failing") == 0)
        c->failing = (uint32_t)value;
    else if (strcmp(name, "--requests") == 0)
        c->requests = (uint32_t)value;
    else if (strcmp(name, "--seed") == 0)
        c->seed = (uint64_t)value;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct scenario c = { .servers = 10,
                          .workers = 1,
                          .load = 0.7,
                          .service = 10 * MS,
                          .slow = 10,
                          .requests = 300000,
                          .seed = 1,
                          .sums = true };
    const char *only = NULL;
    bool csv = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0)
            return check();
        if (strcmp(argv[i], "--help") == 0)
            return usage(stdout);
        if (strcmp(argv[i], "--isolated") == 0)
            c.sums = false;
        else if (strcmp(argv[i], "--csv") == 0)
            csv = true;
        else if (strcmp(argv[i], "--policy") == 0 && i + 1 < argc)
            only = argv[++i];
        else if (i + 1 == argc || !read_option(&c, argv[i], atof(argv[i + 1])))
            return usage(stderr);
        else
            i++;
    }
    if (c.servers < 2 || c.servers > SERVERS || c.workers < 1 || c.workers > WORKERS ||
        c.failing + 1 >= c.servers || c.load <= 0 || c.load >= 1 || c.slow <= 0 || c.service <= 0 ||
        c.requests < 100)
        return usage(stderr);
    if (csv)
        puts("policy,workers,p50,p99,p999,slow_share,peak,movement");
    else
        puts("policy           workers       p50       p99     p99.9       slow      peak  "
             "movement");
    print_all(&c, only, csv);
    return 0;
}
