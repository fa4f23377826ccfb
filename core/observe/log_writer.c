/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/observe/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/observe/log_format.h"
#include "core/ring/op.h"

_Static_assert(LOG_BATCH_BYTES > LOG_LINE_BYTES_MAX, "a batch takes any line");
_Static_assert(LOG_RING_BYTES >= RECORD_RING_BYTES_MIN, "a ring takes any record");

/* Between two writes an interval passes, unless a batch was full: at most 100 wakes a second from
 * each worker, and batches worth their system call. */
enum log_state {
    LOG_ASLEEP,  /* nothing in flight, no timer; every source was asked, its next record wakes us */
    LOG_WAITING, /* nothing in flight; the timer is set */
    LOG_WRITING, /* a write of batch[written..len) is in flight */
    LOG_STOPPED, /* nothing in flight, no wake under way; on_stopped was called or is deferred */
};

struct log_source {
    struct log_port port;
    struct msg wake;
    struct log_writer *writer;
    bool asked; /* for a wake that has not come */
};

struct log_writer {
    struct loop *loop;
    struct log_writer_config config;
    struct log_writer_stats stats;
    enum log_state state;
    int fd;
    bool torn;          /* the file ends inside a line */
    bool more;          /* the batch was full: do not wait for the timer */
    bool reopen_wanted; /* before the next batch */
    bool stopping, abandoned;
    int error; /* the last since the last complaint, 0: none */
    struct op write;
    struct timer timer, deadline;
    struct task stopped_task;
    void (*on_stopped)(struct log_writer *w, void *arg);
    void *on_stopped_arg;
    uint64_t complaint_ns;  /* no complaint before */
    uint64_t complained_of; /* lines missing, at the last complaint */
    char *batch;
    uint32_t len, written;
    uint32_t sources_count, next_source;
    struct log_source sources[];
};

static void pump(struct log_writer *w);

static bool is_stdout(const struct log_writer *w)
{
    return strcmp(w->config.path, "-") == 0;
}

static const char *name_of(const struct log_writer *w)
{
    return is_stdout(w) ? "on stdout" : w->config.path;
}

/* A descriptor or -errno. */
static int open_file(const struct log_writer *w)
{
    if (is_stdout(w))
        return STDOUT_FILENO;
    int fd = open(w->config.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    return fd < 0 ? -errno : fd;
}

/* ---- complaints ---- */

static uint64_t lines_missing(const struct log_writer *w)
{
    uint64_t n = w->stats.records_lost;
    for (uint32_t i = 0; i < w->sources_count; i++)
        n += counter_read(w->sources[i].port.dropped);
    return n;
}

/* At most once per interval (but for the last one), and only when there is news. */
static void complain(struct log_writer *w, bool last)
{
    uint64_t missing = lines_missing(w);
    if (missing == w->complained_of || (w->loop->now_ns < w->complaint_ns && !last))
        return;
    fprintf(stderr, "sluice: access log %s: %s; lines lost since the last message: %llu\n",
            name_of(w), w->error ? strerror(w->error) : "cannot keep up",
            (unsigned long long)(missing - w->complained_of));
    w->error = 0;
    w->complained_of = missing;
    w->complaint_ns = w->loop->now_ns + ms_to_ns(LOG_COMPLAINT_INTERVAL_MS);
}

/* ---- from records to a batch ---- */

/* False: the batch has no room for the record. */
static bool add_line(struct log_writer *w, const struct record *r)
{
    struct out o = out_into(w->batch + w->len, LOG_BATCH_BYTES - w->len);
    log_format_line(&o, w->config.format, w->config.colour, r);
    if (o.full)
        return false;
    w->len += (uint32_t)out_len(&o);
    return true;
}

/* False: the batch is full. */
static bool drain(struct log_writer *w, struct record_ring *ring)
{
    struct record r;
    while (record_ring_peek(ring, &r)) {
        if (w->abandoned)
            w->stats.records_lost++;
        else if (!add_line(w, &r))
            return false;
        record_ring_pop(ring);
    }
    return true;
}

static void fill(struct log_writer *w)
{
    w->len = w->written = 0;
    w->more = false;
    if (w->torn)
        w->batch[w->len++] = '\n';
    uint32_t empty_len = w->len;
    for (uint32_t i = 0; i < w->sources_count && !w->more; i++) {
        w->more = !drain(w, w->sources[w->next_source].port.ring);
        w->next_source = (w->next_source + 1) % w->sources_count;
    }
    if (w->len == empty_len)
        w->len = 0;
}

/* Lines that end in batch[from..len). */
static uint64_t count_lines(const struct log_writer *w, uint32_t from)
{
    uint64_t n = 0;
    const char *end = w->batch + w->len;
    for (const char *p = w->batch + from; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        n++;
    /* The newline that mends a torn line is nobody's line. */
    return w->torn && from == 0 ? n - 1 : n;
}

/* ---- writing ---- */

static void wait_for_timer(struct log_writer *w)
{
    w->state = LOG_WAITING;
    loop_timer_set(w->loop, &w->timer, w->loop->now_ns + ms_to_ns(LOG_INTERVAL_MS));
}

static void reopen_if_wanted(struct log_writer *w)
{
    if (!w->reopen_wanted)
        return;
    w->reopen_wanted = false;
    int fd = open_file(w);
    if (fd < 0) {
        w->stats.reopen_errors++;
        fprintf(stderr, "sluice: access log %s: %s; going on with the old file\n", name_of(w),
                strerror(-fd));
        return;
    }
    if (fd != w->fd)
        close(w->fd);
    w->fd = fd;
    w->torn = w->torn && is_stdout(w);
}

static void write_on(struct log_writer *w)
{
    w->state = LOG_WRITING;
    op_write(w->loop, &w->write, w->fd, w->batch + w->written, w->len - w->written);
}

static void batch_done(struct log_writer *w, int error)
{
    uint64_t lost = error ? count_lines(w, w->written) : 0;
    w->stats.records += count_lines(w, 0) - lost;
    w->stats.records_lost += lost;
    w->stats.write_errors += error != 0;
    if (error)
        w->error = error;
    if (w->written > 0)
        w->torn = w->batch[w->written - 1] != '\n';
    complain(w, false);
    if (w->stopping || (w->more && !error))
        pump(w);
    else
        wait_for_timer(w);
}

static void written(struct op *op, struct op_result result)
{
    struct log_writer *w = container_of(op, struct log_writer, write);
    w->stats.writes++;
    if (result.res > 0)
        w->written += (uint32_t)result.res;
    if (result.res > 0 && w->written < w->len && !w->abandoned)
        write_on(w);
    else if (w->written == w->len)
        batch_done(w, 0);
    else
        batch_done(w, result.res < 0 ? -result.res : ECANCELED);
}

/* ---- sleeping, stopping ---- */

/* False: a source got a record meanwhile. */
static bool ask_all(struct log_writer *w)
{
    for (uint32_t i = 0; i < w->sources_count; i++) {
        struct log_source *s = &w->sources[i];
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
    for (uint32_t i = 0; i < w->sources_count; i++) {
        struct log_source *s = &w->sources[i];
        if (s->asked && !record_ring_unask_wake(s->port.ring))
            return;
        s->asked = false;
    }
    w->state = LOG_STOPPED;
    timer_remove(&w->loop->timers, &w->deadline);
    complain(w, true);
    loop_defer(w->loop, &w->stopped_task);
}

/* Nothing is in flight: writes what there is, or sleeps. */
static void pump(struct log_writer *w)
{
    timer_remove(&w->loop->timers, &w->timer);
    reopen_if_wanted(w);
    fill(w);
    if (w->len)
        write_on(w);
    else if (w->stopping)
        finish(w);
    else if (ask_all(w))
        w->state = LOG_ASLEEP;
    else
        wait_for_timer(w);
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
    w->abandoned = true;
    op_cancel(w->loop, &w->write);
}

/* ---- for control ---- */

struct log_writer *log_writer_create(struct loop *l, const struct log_writer_config *config,
                                     char *why, uint32_t why_bytes)
{
    size_t bytes = sizeof(struct log_writer) + config->ports_max * sizeof(struct log_source);
    struct log_writer *w = calloc(1, bytes);
    char *batch = malloc(LOG_BATCH_BYTES);
    if (!w || !batch) {
        snprintf(why, why_bytes, "access log: out of memory");
        goto fail;
    }
    w->loop = l;
    w->config = *config;
    w->batch = batch;
    w->fd = open_file(w);
    if (w->fd < 0) {
        snprintf(why, why_bytes, "access log %s: %s", name_of(w), strerror(-w->fd));
        goto fail;
    }
    op_init(&w->write, written);
    timer_init(&w->timer, timer_due);
    timer_init(&w->deadline, deadline_passed);
    w->stopped_task.run = run_stopped;
    return w;
fail:
    free(batch);
    free(w);
    return NULL;
}

struct log_port *log_writer_port(struct log_writer *w, counter *dropped)
{
    CHECK(w->sources_count < w->config.ports_max && w->state == LOG_ASLEEP);
    struct record_ring *ring = record_ring_create(LOG_RING_BYTES);
    if (!ring)
        return NULL;
    struct log_source *s = &w->sources[w->sources_count++];
    *s = (struct log_source){
        .port = { ring, dropped, wake },
        .wake = { .run = woken },
        .writer = w,
        .asked = record_ring_ask_wake(ring),
    };
    return &s->port;
}

void log_writer_reopen(struct log_writer *w)
{
    w->reopen_wanted = true;
    if (w->state == LOG_ASLEEP || w->state == LOG_WAITING)
        reopen_if_wanted(w);
}

void log_writer_stop(struct log_writer *w, uint64_t deadline_ns,
                     void (*on_stopped)(struct log_writer *w, void *arg), void *arg)
{
    CHECK(!w->stopping);
    w->stopping = true;
    w->on_stopped = on_stopped;
    w->on_stopped_arg = arg;
    loop_timer_set(w->loop, &w->deadline, deadline_ns);
    if (w->state != LOG_WRITING)
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
    CHECK(!op_busy(&w->write));
    timer_remove(&w->loop->timers, &w->timer);
    for (uint32_t i = 0; i < w->sources_count; i++)
        record_ring_destroy(w->sources[i].port.ring);
    if (!is_stdout(w))
        close(w->fd);
    free(w->batch);
    free(w);
}
