/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When which request is due, and what became of it. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "bench/load.h"
#include "core/base/check.h"

#define QUEUE_FIRST 1024

const char *const load_error_words[LOAD_ERRORS] = {
    "refused", "connect", "tls",    "protocol", "reset",     "closed",
    "timeout", "unsent",  "status", "length",   "malformed",
};

bool schedule_init(struct load_worker *w)
{
    const struct load_options *o = w->options;
    w->queue_size = QUEUE_FIRST;
    w->queue = malloc(w->queue_size * sizeof *w->queue);
    /* A request may end so much later than it was due; twice, when it was retried. */
    w->interval_count = (unsigned)(2 * o->timeout_ns / o->interval_ns) + 4;
    w->intervals = calloc(w->interval_count, sizeof *w->intervals);
    return w->queue && w->intervals;
}

void schedule_free(struct load_worker *w)
{
    free(w->queue);
    free(w->intervals);
}

/* (0, 1] */
static double uniform(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1p-53 + 0x1p-53;
}

/* After request next_index was taken: when the one behind it is due. */
static void find_next(struct load_worker *w)
{
    const struct load_options *o = w->options;
    uint64_t global = w->next_index * o->threads + w->index;
    if (o->trace) {
        w->next_ns = global < o->trace_count ? w->start_ns + o->trace[global].at_ns : TIMER_NEVER;
    } else if (o->poisson) {
        double mean_ns = 1e9 * o->threads / o->rate;
        w->next_ns += (uint64_t)(-log(uniform(&w->rng)) * mean_ns);
    } else {
        w->next_ns = w->start_ns + (uint64_t)((double)global * 1e9 / o->rate);
    }
    if (!o->trace && w->next_ns >= w->end_ns)
        w->next_ns = TIMER_NEVER;
}

void schedule_begin(struct load_worker *w, uint64_t start_ns)
{
    w->start_ns = w->next_ns = start_ns;
    w->end_ns = start_ns + (uint64_t)(w->options->seconds * 1e9);
    if (w->options->rate > 0 || w->options->trace)
        find_next(w);
}

static void grow(struct load_worker *w)
{
    size_t size = 2 * w->queue_size;
    struct due *queue = malloc(size * sizeof *queue);
    CHECK(queue);
    for (size_t i = 0; i < w->queue_count; i++)
        queue[i] = w->queue[(w->queue_at + i) % w->queue_size];
    free(w->queue);
    w->queue = queue;
    w->queue_size = size;
    w->queue_at = 0;
}

/* What is older than all that are kept (this process itself stood still) counts for the oldest. */
static struct interval *interval_of(struct load_worker *w, uint64_t due_ns)
{
    uint64_t number = (due_ns - w->start_ns) / w->options->interval_ns;
    if (number < w->interval_first)
        number = w->interval_first;
    CHECK(number < w->interval_first + w->interval_count);
    return &w->intervals[number % w->interval_count];
}

static void push(struct load_worker *w, uint64_t due_ns)
{
    if (w->queue_count == w->queue_size)
        grow(w);
    w->queue[(w->queue_at + w->queue_count++) % w->queue_size] =
        (struct due){ .due_ns = due_ns, .index = w->next_index++ };
    if (w->queue_count > w->queue_max)
        w->queue_max = w->queue_count;
    interval_of(w, due_ns)->sent++;
}

void schedule_put_back(struct load_worker *w, struct due due)
{
    if (w->queue_count == w->queue_size)
        grow(w);
    w->queue_at = (w->queue_at + w->queue_size - 1) % w->queue_size;
    w->queue[w->queue_at] = due;
    w->queue_count++;
}

void schedule_advance(struct load_worker *w, uint64_t now_ns)
{
    if (w->options->rate == 0 && !w->options->trace) {
        /* closed loop: as many as the connections carry, each due when it can be sent */
        if (now_ns >= w->end_ns || atomic_load_explicit(w->stop, memory_order_relaxed)) {
            w->next_ns = TIMER_NEVER;
            return;
        }
        while (w->queue_count + w->in_flight < w->connection_count * w->options->streams)
            push(w, now_ns);
        w->next_ns = w->end_ns;
        return;
    }
    if (atomic_load_explicit(w->stop, memory_order_relaxed))
        w->next_ns = TIMER_NEVER;
    while (w->next_ns <= now_ns) {
        hdr_add(&w->lateness, (now_ns - w->next_ns) / 1000);
        push(w, w->next_ns);
        find_next(w);
    }
}

struct due schedule_take(struct load_worker *w)
{
    struct due due = w->queue[w->queue_at];
    w->queue_at = (w->queue_at + 1) % w->queue_size;
    w->queue_count--;
    return due;
}

struct trace_entry schedule_what(const struct load_worker *w, uint64_t index)
{
    const struct load_options *o = w->options;
    uint64_t global = index * o->threads + w->index;
    if (o->trace)
        return o->trace[global];
    return (struct trace_entry){ .method = o->method,
                                 .target = o->paths[global % o->path_count],
                                 .body_bytes = o->body_bytes };
}

enum load_error load_judge(const struct load_options *o, int status, uint64_t body_bytes,
                           struct str method)
{
    if (o->expect_status ? status != o->expect_status : status >= 400)
        return LOAD_STATUS;
    if (o->expect_bytes >= 0 && !str_eq(method, STR("HEAD")) &&
        body_bytes != (uint64_t)o->expect_bytes)
        return LOAD_LENGTH;
    return LOAD_FINE;
}

void schedule_record(struct load_worker *w, struct due due, enum load_error error,
                     uint64_t latency_ns, int status, uint64_t body_bytes)
{
    const struct load_options *o = w->options;
    struct interval *at = interval_of(w, due.due_ns);
    if (error == LOAD_FINE) {
        w->done++;
        at->done++;
        hdr_add(&w->latency, latency_ns / 1000);
        hdr_add(&at->latency, latency_ns / 1000);
    } else {
        w->errors[error]++;
        at->errors++;
    }
    w->last_done_ns = w->loop->now_ns;
    if (o->log)
        fprintf(o->log, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %d %" PRIu64 " %s\n",
                due.index * o->threads + w->index, (due.due_ns - w->start_ns) / 1000,
                latency_ns / 1000, status, body_bytes,
                error == LOAD_FINE ? "ok" : load_error_words[error]);
}

static void print_interval(const struct load_worker *w, const struct interval *at, uint64_t number)
{
    flockfile(stdout);
    printf("interval {\"t\":%.3f,\"sent\":%" PRIu64 ",\"done\":%" PRIu64 ",\"errors\":%" PRIu64
           ",\"histogram\":",
           (double)(number * w->options->interval_ns) / 1e9, at->sent, at->done, at->errors);
    hdr_write(&at->latency, stdout);
    printf("}\n");
    fflush(stdout);
    funlockfile(stdout);
}

void schedule_flush(struct load_worker *w, uint64_t now_ns, bool all)
{
    const struct load_options *o = w->options;
    uint64_t current = now_ns < w->start_ns ? 0 : (now_ns - w->start_ns) / o->interval_ns;
    uint64_t last = w->interval_first;
    if (all) {
        for (uint64_t n = w->interval_first; n < w->interval_first + w->interval_count; n++)
            if (w->intervals[n % w->interval_count].sent > 0)
                last = n + 1;
    } else if (current + 2 > w->interval_first + w->interval_count) {
        last = current + 2 - w->interval_count;
    }
    for (; w->interval_first < last; w->interval_first++) {
        struct interval *at = &w->intervals[w->interval_first % w->interval_count];
        print_interval(w, at, w->interval_first);
        *at = (struct interval){ 0 };
    }
}

void schedule_expire(struct load_worker *w, uint64_t now_ns)
{
    while (w->queue_count > 0) {
        struct due due = w->queue[w->queue_at];
        if (now_ns - due.due_ns < w->options->timeout_ns)
            return;
        schedule_take(w);
        schedule_record(w, due, LOAD_UNSENT, now_ns - due.due_ns, 0, 0);
    }
}
