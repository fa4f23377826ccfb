/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sluice-load: HTTP requests at a fixed rate, each timed from when it was due (open loop). */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "bench/load.h"
#include "bench/load_options.h"
#include "bench/origin_answer.h"
#include "core/base/check.h"

#define OPEN_NS_MAX (UINT64_C(5) * 1000000000) /* until all connections stand, before the start */
#define WAIT_NS_MAX (UINT64_C(50) * 1000000)   /* a signal is seen so late */

/* Beyond these it is the generator that is measured. */
#define BUSY_SHARE_MAX 0.95
#define LATE_US_MAX 5000 /* so late 5 % of the requests were taken from the schedule */
#define LATE_SHARE 0.95

static uint64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool stopped(const struct load_worker *w)
{
    return atomic_load_explicit(w->stop, memory_order_relaxed);
}

static bool start_worker(struct load_worker *w)
{
    const struct load_options *o = w->options;
    w->loop = loop_create(&(struct loop_config){ 0 }, w->why, sizeof w->why);
    if (!w->loop)
        return false;
    w->rng = w->loop->rng;
    w->body = malloc(LOAD_BODY_PIECE);
    CHECK(w->body && schedule_init(w));
    for (size_t i = 0; i < LOAD_BODY_PIECE; i += PATTERN_PERIOD)
        memcpy(w->body + i, PATTERN, PATTERN_PERIOD);
    if (o->websocket) {
        uint64_t key = rng_next(&w->rng);
        memcpy(w->mask, &key, sizeof w->mask);
        for (size_t i = 0; i < LOAD_BODY_PIECE; i++)
            w->body[i] = (char)(w->body[i] ^ w->mask[i % 4]);
    }
    if (o->tls) {
        tls_worker_init(&w->tls, w->loop);
        struct tls_client_config config = { .alpn = o->http2 ? "h2" : NULL, .classic = true };
        w->context = tls_context_client(w->loop, &config, w->why, sizeof w->why);
        if (!w->context)
            return false;
    }
    return true;
}

static void end_worker(struct load_worker *w)
{
    w->engine->free(w);
    if (w->options->tls) {
        tls_resume_clear(&w->resume);
        tls_context_unref(w->context);
        tls_worker_destroy(&w->tls);
    }
    free(w->body);
    loop_destroy(w->loop);
}

/* What this thread ran, and what it was ready to run but had no CPU (schedstat(5)): on a crowded
 * machine it is late all the same. */
static uint64_t thread_busy_ns(void)
{
    uint64_t ran = clock_ns(CLOCK_THREAD_CPUTIME_ID), read_ran, waited = 0;
    FILE *f = fopen("/proc/thread-self/schedstat", "r");
    if (!f)
        return ran; /* a kernel without it */
    if (fscanf(f, "%" SCNu64 " %" SCNu64, &read_ran, &waited) != 2)
        waited = 0;
    fclose(f);
    return ran + waited;
}

/* How long the loop may sleep: until the next request is due. The loop's own clock stands still
 * within a turn. */
static uint64_t sleep_ns(const struct load_worker *w)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    uint64_t left = w->next_ns <= now ? 0 : w->next_ns - now;
    return left < WAIT_NS_MAX ? left : WAIT_NS_MAX;
}

static void run_schedule(struct load_worker *w)
{
    uint64_t busy = thread_busy_ns();
    schedule_begin(w, w->loop->now_ns);
    while (w->next_ns != TIMER_NEVER) {
        loop_turn(w->loop, sleep_ns(w));
        schedule_flush(w, w->loop->now_ns, false);
        schedule_advance(w, w->loop->now_ns);
        schedule_expire(w, w->loop->now_ns);
        w->engine->dispatch(w);
    }
    w->busy_ns = thread_busy_ns() - busy;
    w->end_ns = w->loop->now_ns;
    while ((w->in_flight > 0 || w->queue_count > 0) && !stopped(w)) {
        loop_turn(w->loop, WAIT_NS_MAX);
        schedule_flush(w, w->loop->now_ns, false);
        schedule_expire(w, w->loop->now_ns);
        w->engine->dispatch(w);
    }
}

static void *run_worker(void *arg)
{
    struct load_worker *w = arg;
    prctl(PR_SET_TIMERSLACK, 1);
    if (!start_worker(w))
        return NULL;
    list_init(&w->free);
    w->down_count = w->connection_count;
    w->engine->open(w);
    uint64_t began = w->loop->now_ns;
    while (w->connecting_count > 0 && w->loop->now_ns - began < OPEN_NS_MAX && !stopped(w))
        loop_turn(w->loop, WAIT_NS_MAX);
    run_schedule(w);
    w->cut += w->queue_count;
    w->engine->close(w);
    while (w->down_count < w->connection_count)
        loop_turn(w->loop, WAIT_NS_MAX);
    schedule_flush(w, w->loop->now_ns, true);
    end_worker(w);
    return NULL;
}

/* ---- The result ---- */

/* Why the generator was the limit; NULL: it was not. */
static const char *saturation(const struct load_worker *w, char text[256])
{
    double wall = (double)(w->end_ns - w->start_ns);
    double busy = wall > 0 ? (double)w->busy_ns / wall : 0;
    uint64_t late = hdr_share_us(&w->lateness, LATE_SHARE);
    bool open = w->options->rate > 0 || w->options->trace;
    if (open && busy > BUSY_SHARE_MAX)
        snprintf(text, 256,
                 "a thread of sluice-load was busy, or waited for a CPU, for %.0f %% of the time",
                 100 * busy);
    else if (open && late > LATE_US_MAX)
        snprintf(text, 256,
                 "5 %% of the requests were noticed more than %" PRIu64 " ms after they were due",
                 late / 1000);
    else
        return NULL;
    return text;
}

static void print_total(struct load_worker *workers, unsigned count)
{
    const struct load_options *o = workers->options;
    struct load_worker *sum = &workers[0];
    char text[256];
    const char *saturated = saturation(sum, text);
    double seconds = (double)(sum->end_ns - sum->start_ns) / 1e9;
    if (sum->end_ns < sum->last_done_ns)
        seconds = (double)(sum->last_done_ns - sum->start_ns) / 1e9;
    for (unsigned i = 1; i < count; i++) {
        const struct load_worker *w = &workers[i];
        saturated = saturated ? saturated : saturation(w, text);
        sum->done += w->done;
        sum->received_bytes += w->received_bytes;
        sum->retries += w->retries;
        sum->opened += w->opened;
        sum->resumed += w->resumed;
        sum->queue_max += w->queue_max;
        sum->next_index += w->next_index;
        sum->cut += w->cut;
        for (unsigned e = 0; e < LOAD_ERRORS; e++)
            sum->errors[e] += w->errors[e];
        hdr_merge(&sum->latency, &w->latency);
        hdr_merge(&sum->lateness, &w->lateness);
    }
    double offered = o->rate;
    if (o->trace && seconds > 0)
        offered = (double)sum->next_index / seconds;
    printf("{\"sent\":%" PRIu64 ",\"done\":%" PRIu64 ",\"seconds\":%.6f,\"offered\":%.3f,"
           "\"received_bytes\":%" PRIu64 ",\"connections_opened\":%" PRIu64
           ",\"sessions_resumed\":%" PRIu64 ",\"retries\":%" PRIu64
           ",\"queue_max\":%zu,\"late_p95_us\":%" PRIu64 ",\"saturated\":\"%s\",\"errors\":{",
           sum->next_index - sum->cut, sum->done, seconds, offered, sum->received_bytes,
           sum->opened, sum->resumed, sum->retries, sum->queue_max,
           hdr_share_us(&sum->lateness, LATE_SHARE), saturated ? saturated : "");
    for (unsigned e = 0; e < LOAD_ERRORS; e++)
        printf("%s\"%s\":%" PRIu64, e ? "," : "", load_error_words[e], sum->errors[e]);
    printf("},\"histogram\":");
    hdr_write(&sum->latency, stdout);
    printf("}\n");
}

/* ---- The whole ---- */

/* Starts the workers and waits for them; INT and TERM end them early. False: one could not run. */
static bool run_workers(struct load_worker *workers, const struct load_options *o,
                        atomic_bool *stop)
{
    sigset_t signals;
    struct timespec moment = { 0, 20000000 };
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < o->threads; i++) {
        struct load_worker *w = &workers[i];
        w->options = o;
        w->engine = o->http2 ? &load_h2 : &load_h1;
        w->stop = stop;
        w->index = i;
        w->connection_count = o->connections / o->threads + (i < o->connections % o->threads);
        CHECK(pthread_create(&w->thread, NULL, run_worker, w) == 0);
    }
    bool ok = true;
    for (unsigned i = 0; i < o->threads;) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += moment.tv_nsec;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (pthread_timedjoin_np(workers[i].thread, NULL, &until) == 0) {
            if (workers[i].why[0]) {
                fprintf(stderr, "sluice-load: %s\n", workers[i].why);
                ok = false;
            }
            i++;
        } else if (sigtimedwait(&signals, NULL, &(struct timespec){ 0 }) > 0) {
            atomic_store(stop, true);
        }
    }
    return ok;
}

int main(int argc, char **argv)
{
    struct load_options o;
    atomic_bool stop = false;
    int ends = load_options_read(argc, argv, &o);
    if (ends >= 0)
        return ends;
    struct load_worker *workers = calloc(o.threads, sizeof *workers);
    CHECK(workers);
    if (o.tls)
        tls_library_init();
    bool ok = run_workers(workers, &o, &stop);
    if (ok)
        print_total(workers, o.threads);
    for (unsigned i = 0; i < o.threads; i++)
        schedule_free(&workers[i]);
    if (o.tls)
        tls_library_exit();
    free(workers);
    load_options_free(&o);
    return ok ? 0 : 1;
}
