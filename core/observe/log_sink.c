/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/observe/log_sink.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/observe/log_file.h"
#include "core/observe/log_format.h"
#include "core/ring/op.h"
#include "core/ring/sock.h"

_Static_assert(LOG_BATCH_BYTES > LOG_LINE_BYTES_MAX + 512, "a batch takes any line");

#define SYSLOG_PATH "/dev/log"
#define SYSLOG_PRIORITY "<134>1 " /* facility local0, severity info; version */

enum sink_state {
    SINK_IDLE,    /* nothing in flight; `taken` is empty */
    SINK_WRITING, /* a write of taken[written..len) is in flight */
};

/* Lines one after the other; those for syslog each behind its length. */
struct batch {
    char *bytes;
    uint32_t len;
    uint32_t lines;
};

struct log_sink {
    struct loop *loop;
    struct log_sink_user *user;
    char *path; /* as configured */
    enum log_destination destination;
    enum sink_state state;
    int fd;
    struct op write;
    struct batch filling, taken;
    uint32_t written;    /* of taken */
    uint32_t lines_done; /* of taken: written whole */
    uint64_t write_ns;   /* when the batch in flight last got on */
    bool torn;           /* the file ends inside a line */
    bool reopen_wanted;  /* before the next write */
    bool reconnected;    /* for this batch */
    bool abandoned;
    int error;             /* the last since the last complaint, 0: none */
    uint64_t lost;         /* lines */
    uint64_t lost_said;    /* of them: complained of */
    uint64_t complaint_ns; /* no complaint before */
    char host[HOST_NAME_MAX + 1];
};

static void write_on(struct log_sink *s);

static const char *name_of(const struct log_sink *s)
{
    return s->destination == LOG_TO_STDOUT ? "on stdout" : s->path;
}

/* A descriptor or -errno. */
static int open_destination(const struct log_sink *s)
{
    struct log_files *files = s->user->files;
    switch (s->destination) {
    case LOG_TO_STDOUT:
        return STDOUT_FILENO;
    case LOG_TO_SYSLOG:
        return sock_datagram(strcmp(s->path, "syslog") == 0 ? SYSLOG_PATH : s->path);
    case LOG_TO_FILE:
        break;
    }
    return files ? files->open(files, s->path) : log_file_open(s->path);
}

static void close_destination(struct log_sink *s)
{
    if (s->destination != LOG_TO_STDOUT)
        close(s->fd);
}

/* ---- losses ---- */

static void lose(struct log_sink *s, uint64_t lines)
{
    s->lost += lines;
    s->user->stats->records_lost += lines;
}

void log_sink_complain(struct log_sink *s, bool last)
{
    if (s->lost == s->lost_said || (s->loop->now_ns < s->complaint_ns && !last))
        return;
    fprintf(stderr, "sluice: access log %s: %s; lines lost since the last message: %llu\n",
            name_of(s), s->error ? strerror(s->error) : "cannot keep up",
            (unsigned long long)(s->lost - s->lost_said));
    s->error = 0;
    s->lost_said = s->lost;
    s->complaint_ns = s->loop->now_ns + ms_to_ns(LOG_COMPLAINT_INTERVAL_MS);
}

/* ---- lines ---- */

static void put_syslog_head(struct log_sink *s, struct out *o, const struct log_config *c,
                            const struct record *r)
{
    out_lit(o, SYSLOG_PRIORITY);
    log_format_time(o, r->start_wall_us);
    out_char(o, ' ');
    out_str(o, str_of(s->host));
    out_lit(o, " sluice ");
    out_u64(o, (uint64_t)getpid());
    out_char(o, ' ');
    out_mem(o, c->name, strnlen(c->name, 32)); /* MSGID has no more */
    out_lit(o, " - ");
}

/* False: no room. */
static bool add(struct log_sink *s, const struct log_config *c, const struct record *r)
{
    struct batch *b = &s->filling;
    struct out o = out_into(b->bytes + b->len, LOG_BATCH_BYTES - b->len);
    uint32_t bytes = 0;
    if (s->destination == LOG_TO_SYSLOG) {
        out_mem(&o, &bytes, sizeof bytes);
        put_syslog_head(s, &o, c, r);
    }
    log_format_line(&o, c, s->user->colour, r);
    if (o.full)
        return false;
    if (s->destination == LOG_TO_SYSLOG) {
        o.at--; /* without the line's end */
        bytes = (uint32_t)(out_len(&o) - sizeof bytes);
        memcpy(o.start, &bytes, sizeof bytes);
    }
    b->len += (uint32_t)out_len(&o);
    b->lines++;
    return true;
}

bool log_sink_put(struct log_sink *s, const struct log_config *c, const struct record *r)
{
    if (s->abandoned) {
        lose(s, 1);
        return true;
    }
    if (add(s, c, r))
        return true;
    if (s->state == SINK_IDLE && s->filling.lines) {
        log_sink_flush(s);
        if (add(s, c, r))
            return true;
    }
    bool stuck = s->loop->now_ns - s->write_ns > ms_to_ns(LOG_STALL_MS);
    if (s->filling.lines && !stuck)
        return false;
    lose(s, 1); /* or longer than any line may be */
    return true;
}

/* ---- writing ---- */

static void reopen_if_wanted(struct log_sink *s)
{
    if (!s->reopen_wanted)
        return;
    s->reopen_wanted = false;
    int fd = open_destination(s);
    if (fd < 0) {
        s->user->stats->reopen_errors++;
        fprintf(stderr, "sluice: access log %s: %s; going on with the old file\n", name_of(s),
                strerror(-fd));
        return;
    }
    close_destination(s);
    s->fd = fd;
    s->torn = s->torn && s->destination == LOG_TO_STDOUT;
}

static void start_write(struct log_sink *s)
{
    reopen_if_wanted(s);
    struct batch b = s->taken;
    s->taken = s->filling;
    s->filling = b;
    s->filling.len = s->filling.lines = 0;
    s->written = s->lines_done = 0;
    s->reconnected = false;
    s->write_ns = s->loop->now_ns;
    s->state = SINK_WRITING;
    write_on(s);
}

void log_sink_flush(struct log_sink *s)
{
    if (s->state == SINK_IDLE && s->filling.lines)
        start_write(s);
}

static void batch_done(struct log_sink *s, int error)
{
    struct log_writer_stats *stats = s->user->stats;
    uint32_t lost = s->taken.lines - s->lines_done;
    stats->records += s->lines_done;
    stats->write_errors += error != 0;
    if (error)
        s->error = error;
    lose(s, lost);
    s->taken.len = s->taken.lines = 0;
    s->state = SINK_IDLE;
    log_sink_complain(s, false);
    s->user->on_room(s->user);
}

/* --- files --- */

/* A line that the disk had no room for is ended first, so that the others stay whole. */
static bool mend(struct log_sink *s)
{
    return s->torn && s->written == 0;
}

static void file_write_on(struct log_sink *s)
{
    if (mend(s))
        op_write(s->loop, &s->write, s->fd, "\n", 1);
    else
        op_write(s->loop, &s->write, s->fd, s->taken.bytes + s->written, s->taken.len - s->written);
}

static uint32_t count_lines(const char *p, uint32_t n)
{
    uint32_t lines = 0;
    const char *end = p + n;
    while ((p = memchr(p, '\n', (size_t)(end - p)))) {
        lines++;
        p++;
    }
    return lines;
}

static void file_written(struct log_sink *s, int32_t res)
{
    if (res > 0 && mend(s)) {
        s->torn = false;
    } else if (res > 0) {
        s->lines_done += count_lines(s->taken.bytes + s->written, (uint32_t)res);
        s->written += (uint32_t)res;
        s->torn = s->taken.bytes[s->written - 1] != '\n';
    }
    if (s->written == s->taken.len)
        batch_done(s, 0);
    else if (res > 0 && !s->abandoned)
        write_on(s);
    else
        batch_done(s, res < 0 ? -res : ECANCELED);
}

/* --- syslog --- */

static uint32_t datagram(const struct log_sink *s, const char **bytes)
{
    uint32_t n;
    memcpy(&n, s->taken.bytes + s->written, sizeof n);
    *bytes = s->taken.bytes + s->written + sizeof n;
    return n;
}

static void syslog_write_on(struct log_sink *s)
{
    const char *bytes;
    uint32_t n = datagram(s, &bytes);
    op_send(s->loop, &s->write, s->fd, bytes, n);
}

/* Whoever listened was started anew. */
static bool reconnect(struct log_sink *s)
{
    int fd = s->reconnected ? -ENOTCONN : open_destination(s);
    s->reconnected = true;
    if (fd < 0)
        return false;
    close(s->fd);
    s->fd = fd;
    return true;
}

static void syslog_written(struct log_sink *s, int32_t res)
{
    const char *bytes;
    uint32_t n = datagram(s, &bytes);
    bool too_long = res == -EMSGSIZE;
    if (res >= 0 || too_long) {
        s->written += (uint32_t)sizeof n + n;
        s->lines_done += res >= 0;
        if (too_long)
            s->error = EMSGSIZE;
    } else if (s->abandoned || !reconnect(s)) {
        batch_done(s, -res);
        return;
    }
    if (s->written == s->taken.len)
        batch_done(s, 0);
    else if (s->abandoned)
        batch_done(s, ECANCELED);
    else
        write_on(s);
}

static void write_on(struct log_sink *s)
{
    if (s->destination == LOG_TO_SYSLOG)
        syslog_write_on(s);
    else
        file_write_on(s);
}

static void written(struct op *op, struct op_result result)
{
    struct log_sink *s = container_of(op, struct log_sink, write);
    s->user->stats->writes++;
    s->write_ns = s->loop->now_ns;
    if (s->destination == LOG_TO_SYSLOG)
        syslog_written(s, result.res);
    else
        file_written(s, result.res);
}

/* ---- life ---- */

static void free_sink(struct log_sink *s)
{
    free(s->path);
    free(s->filling.bytes);
    free(s->taken.bytes);
    free(s);
}

struct log_sink *log_sink_open(struct loop *l, struct log_sink_user *u, const struct log_config *c,
                               char *why, uint32_t why_bytes)
{
    struct log_sink *s = calloc(1, sizeof *s);
    if (s) {
        s->path = strdup(c->path);
        s->filling.bytes = malloc(LOG_BATCH_BYTES);
        s->taken.bytes = malloc(LOG_BATCH_BYTES);
    }
    if (!s || !s->path || !s->filling.bytes || !s->taken.bytes) {
        snprintf(why, why_bytes, "access log: out of memory");
        if (s)
            free_sink(s);
        return NULL;
    }
    s->loop = l;
    s->user = u;
    s->destination = c->destination;
    s->fd = open_destination(s);
    if (s->fd < 0) {
        snprintf(why, why_bytes, "access log %s: %s%s", name_of(s), strerror(-s->fd),
                 s->fd == -ELOOP
                     ? " (root follows no link in a folder that others may write: give the folder "
                       "to root)"
                     : "");
        free_sink(s);
        return NULL;
    }
    if (gethostname(s->host, sizeof s->host - 1) != 0 || !s->host[0])
        strcpy(s->host, "-");
    op_init(&s->write, written);
    return s;
}

bool log_sink_is(const struct log_sink *s, const struct log_config *c)
{
    return s->destination == c->destination && strcmp(s->path, c->path) == 0;
}

void log_sink_close(struct log_sink *s)
{
    CHECK(s->state == SINK_IDLE);
    log_sink_complain(s, true);
    close_destination(s);
    free_sink(s);
}

bool log_sink_idle(const struct log_sink *s)
{
    return s->state == SINK_IDLE && s->filling.lines == 0;
}

void log_sink_reopen(struct log_sink *s)
{
    s->reopen_wanted = true;
    if (s->state == SINK_IDLE)
        reopen_if_wanted(s);
}

void log_sink_abandon(struct log_sink *s)
{
    s->abandoned = true;
    lose(s, s->filling.lines);
    s->filling.len = s->filling.lines = 0;
    op_cancel(s->loop, &s->write);
}
