/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/observe/log_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/limits.h"

_Static_assert(LOG_RING_BYTES >= RECORD_RING_BYTES_MIN, "a ring takes any record");
_Static_assert(LOG_SLOTS_MAX <= UINT16_MAX, "a record names its log with 16 bits");

/* Between two writes of a log an interval passes, unless a batch was full: at most 100 wakes a
 * second from each worker, and batches worth their system call. */
enum log_state {
    LOG_ASLEEP,  /* no timer; every source was asked, its next record wakes us */
    LOG_WAITING, /* the timer is set */
    LOG_STOPPED, /* no write in flight, no wake under way; on_stopped was called or is deferred */
};

/* One worker's records. */
struct log_source {
    struct log_port port;
    struct msg wake;
    struct log_writer *writer;
    struct log_source *next;
    bool asked; /* for a wake that has not come */
    bool held;  /* its next record waits for room in its log */
};

/* An open destination, shared by the logs that name it. */
struct destination {
    struct destination *next;
    struct log_sink *sink;
    uint32_t users; /* 0: closed when all is written */
};

/* One log of one configuration. */
struct log_slot {
    const struct log_config *config; /* NULL: free */
    struct destination *destination;
};

struct log_group {
    struct log_writer *writer;
    struct log_group *next; /* closing */
    uint32_t first, count;  /* slots */
    struct task closed;
    void (*on_closed)(void *arg);
    void *arg;
};

struct log_writer {
    struct loop *loop;
    struct log_sink_user user;
    struct log_writer_stats stats;
    enum log_state state;
    bool stopping;
    struct timer timer, deadline;
    struct task stopped_task;
    void (*on_stopped)(struct log_writer *w, void *arg);
    void *on_stopped_arg;
    uint64_t complaint_ns; /* about full rings; no complaint before */
    uint64_t dropped_said;
    struct log_source *sources; /* the one to begin with first */
    struct destination *destinations;
    struct log_group *closing;
    struct log_slot slots[LOG_SLOTS_MAX];
};

static void pump(struct log_writer *w);

/* ---- complaints ---- */

static void complain_of_drops(struct log_writer *w, bool last)
{
    uint64_t dropped = 0;
    for (struct log_source *s = w->sources; s; s = s->next)
        dropped += counter_read(s->port.dropped);
    if (dropped == w->dropped_said || (w->loop->now_ns < w->complaint_ns && !last))
        return;
    fprintf(stderr, "sluice: access log: cannot keep up; lines lost since the last message: %llu\n",
            (unsigned long long)(dropped - w->dropped_said));
    w->dropped_said = dropped;
    w->complaint_ns = w->loop->now_ns + ms_to_ns(LOG_COMPLAINT_INTERVAL_MS);
}

/* ---- from rings to logs ---- */

/* Gives a source's records to their logs until it is empty, or its log has no room. */
static bool drain(struct log_writer *w, struct log_source *s)
{
    struct record r;
    s->held = false;
    while (!s->held && record_ring_peek(s->port.ring, &r)) {
        CHECK(r.log < LOG_SLOTS_MAX && w->slots[r.log].config);
        const struct log_slot *slot = &w->slots[r.log];
        s->held = !log_sink_put(slot->destination->sink, slot->config, &r);
        if (!s->held)
            record_ring_pop(s->port.ring);
    }
    return !s->held;
}

/* Whether every source was found empty. */
static bool drain_all(struct log_writer *w)
{
    bool empty = true;
    for (struct log_source *s = w->sources; s; s = s->next)
        empty &= drain(w, s);
    /* Another one is first the next time. */
    struct log_source *first = w->sources, **last = &w->sources;
    if (first && first->next) {
        w->sources = first->next;
        while (*last)
            last = &(*last)->next;
        *last = first;
        first->next = NULL;
    }
    return empty;
}

/* ---- groups ---- */

static void run_closed(struct task *t)
{
    struct log_group *g = container_of(t, struct log_group, closed);
    void (*on_closed)(void *arg) = g->on_closed;
    void *arg = g->arg;
    free(g);
    on_closed(arg);
}

static void release_slots(struct log_group *g)
{
    for (uint32_t i = g->first; i < g->first + g->count; i++) {
        g->writer->slots[i].destination->users--;
        g->writer->slots[i] = (struct log_slot){ 0 };
    }
}

/* Every record of theirs is with its log. */
static void close_groups(struct log_writer *w)
{
    while (w->closing) {
        struct log_group *g = w->closing;
        w->closing = g->next;
        release_slots(g);
        loop_defer(w->loop, &g->closed);
    }
}

static void close_unused(struct log_writer *w)
{
    struct destination **at = &w->destinations, *d;
    while ((d = *at)) {
        if (d->users || !log_sink_idle(d->sink)) {
            at = &d->next;
            continue;
        }
        *at = d->next;
        log_sink_close(d->sink);
        free(d);
    }
}

/* ---- sleeping, stopping ---- */

/* Whether all that was put is written, or lost. */
static bool all_idle(const struct log_writer *w)
{
    for (struct destination *d = w->destinations; d; d = d->next)
        if (!log_sink_idle(d->sink))
            return false;
    return true;
}

/* False: a source got a record meanwhile. */
static bool ask_all(struct log_writer *w)
{
    for (struct log_source *s = w->sources; s; s = s->next) {
        if (!s->asked)
            s->asked = record_ring_ask_wake(s->port.ring);
        if (!s->asked)
            return false;
    }
    return true;
}

static void run_stopped(struct task *t)
{
    struct log_writer *w = container_of(t, struct log_writer, stopped_task);
    w->on_stopped(w, w->on_stopped_arg);
}

/* All is written. A wake that is under way holds its source's memory: it comes first. */
static void finish(struct log_writer *w)
{
    w->state = LOG_ASLEEP;
    for (struct log_source *s = w->sources; s; s = s->next) {
        if (s->asked && !record_ring_unask_wake(s->port.ring))
            return;
        s->asked = false;
    }
    w->state = LOG_STOPPED;
    timer_remove(&w->loop->timers, &w->deadline);
    complain_of_drops(w, true);
    for (struct destination *d = w->destinations; d; d = d->next)
        log_sink_complain(d->sink, true);
    loop_defer(w->loop, &w->stopped_task);
}

static void pump(struct log_writer *w)
{
    if (w->state == LOG_STOPPED)
        return;
    timer_remove(&w->loop->timers, &w->timer);
    if (drain_all(w))
        close_groups(w);
    for (struct destination *d = w->destinations; d; d = d->next)
        log_sink_flush(d->sink);
    close_unused(w);
    complain_of_drops(w, false);
    if (all_idle(w)) {
        if (w->stopping) {
            finish(w);
            return;
        }
        if (ask_all(w)) {
            w->state = LOG_ASLEEP;
            return;
        }
    }
    w->state = LOG_WAITING;
    loop_timer_set(w->loop, &w->timer, w->loop->now_ns + ms_to_ns(LOG_INTERVAL_MS));
}

static void on_room(struct log_sink_user *u)
{
    struct log_writer *w = container_of(u, struct log_writer, user);
    bool held = w->stopping || w->closing;
    for (struct log_source *s = w->sources; s && !held; s = s->next)
        held = s->held;
    if (held)
        pump(w);
}

static void timer_due(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    pump(container_of(t, struct log_writer, timer));
}

static void woken(struct msg *m, struct loop *at)
{
    (void)at;
    struct log_source *s = container_of(m, struct log_source, wake);
    s->asked = false;
    if (s->writer->state == LOG_ASLEEP)
        pump(s->writer);
}

static void wake(struct log_port *port)
{
    struct log_source *s = container_of(port, struct log_source, port);
    loop_post(s->writer->loop, &s->wake);
}

static void deadline_passed(struct timer *t, uint64_t now_ns)
{
    (void)now_ns;
    struct log_writer *w = container_of(t, struct log_writer, deadline);
    for (struct destination *d = w->destinations; d; d = d->next)
        log_sink_abandon(d->sink);
    pump(w);
}

/* ---- for control ---- */

struct log_writer *log_writer_create(struct loop *l, bool colour, struct log_files *files)
{
    struct log_writer *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->loop = l;
    w->user = (struct log_sink_user){
        .files = files, .stats = &w->stats, .colour = colour, .on_room = on_room
    };
    timer_init(&w->timer, timer_due);
    timer_init(&w->deadline, deadline_passed);
    w->stopped_task.run = run_stopped;
    return w;
}

/* So many free slots in a row; LOG_SLOTS_MAX: there are none. */
static uint32_t find_slots(const struct log_writer *w, uint32_t count)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < LOG_SLOTS_MAX && i - first < count; i++)
        if (w->slots[i].config)
            first = i + 1;
    return first + count <= LOG_SLOTS_MAX ? first : LOG_SLOTS_MAX;
}

static struct destination *open_destination(struct log_writer *w, const struct log_config *c,
                                            char *why, uint32_t why_bytes)
{
    for (struct destination *d = w->destinations; d; d = d->next)
        if (log_sink_is(d->sink, c))
            return d;
    struct destination *d = calloc(1, sizeof *d);
    if (!d) {
        snprintf(why, why_bytes, "access log: out of memory");
        return NULL;
    }
    d->sink = log_sink_open(w->loop, &w->user, c, why, why_bytes);
    if (!d->sink) {
        free(d);
        return NULL;
    }
    d->next = w->destinations;
    return w->destinations = d;
}

struct log_group *log_writer_open(struct log_writer *w, const struct config *config, char *why,
                                  uint32_t why_bytes)
{
    struct log_group *g = calloc(1, sizeof *g);
    uint32_t first = find_slots(w, config->logs_count);
    if (!g || first == LOG_SLOTS_MAX) {
        snprintf(why, why_bytes,
                 g ? "access log: too many, those of configurations before that "
                     "are still in use included"
                   : "access log: out of memory");
        free(g);
        return NULL;
    }
    g->writer = w;
    g->first = first;
    g->closed.run = run_closed;
    for (; g->count < config->logs_count; g->count++) {
        const struct log_config *c = &config->logs[g->count];
        struct destination *d = open_destination(w, c, why, why_bytes);
        if (!d) {
            release_slots(g);
            close_unused(w);
            free(g);
            return NULL;
        }
        d->users++;
        w->slots[first + g->count] = (struct log_slot){ c, d };
    }
    return g;
}

uint16_t log_group_first(const struct log_group *g)
{
    return (uint16_t)g->first;
}

void log_group_close(struct log_group *g, void (*on_closed)(void *arg), void *arg)
{
    struct log_writer *w = g->writer;
    g->on_closed = on_closed;
    g->arg = arg;
    g->next = w->closing;
    w->closing = g;
    pump(w);
}

struct log_port *log_writer_port(struct log_writer *w, counter *dropped)
{
    struct log_source *s = calloc(1, sizeof *s);
    struct record_ring *ring = record_ring_create(LOG_RING_BYTES);
    if (!s || !ring) {
        free(s);
        record_ring_destroy(ring);
        return NULL;
    }
    *s = (struct log_source){
        .port = { ring, dropped, wake },
        .wake = { .run = woken },
        .writer = w,
        .next = w->sources,
        .asked = record_ring_ask_wake(ring),
    };
    w->sources = s;
    return &s->port;
}

void log_writer_reopen(struct log_writer *w)
{
    for (struct destination *d = w->destinations; d; d = d->next)
        log_sink_reopen(d->sink);
}

void log_writer_stop(struct log_writer *w, uint64_t deadline_ns,
                     void (*on_stopped)(struct log_writer *w, void *arg), void *arg)
{
    CHECK(!w->stopping);
    w->stopping = true;
    w->on_stopped = on_stopped;
    w->on_stopped_arg = arg;
    loop_timer_set(w->loop, &w->deadline, deadline_ns);
    pump(w);
}

const struct log_writer_stats *log_writer_stats(const struct log_writer *w)
{
    return &w->stats;
}

void log_writer_destroy(struct log_writer *w)
{
    if (!w)
        return;
    timer_remove(&w->loop->timers, &w->timer);
    timer_remove(&w->loop->timers, &w->deadline);
    while (w->sources) {
        struct log_source *s = w->sources;
        w->sources = s->next;
        record_ring_destroy(s->port.ring);
        free(s);
    }
    for (struct destination *d = w->destinations; d; d = d->next)
        d->users = 0;
    close_unused(w);
    CHECK(!w->destinations);
    free(w);
}
