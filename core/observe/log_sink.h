/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where log lines go: a file, stdout, or syslog (RFC 5424 in datagrams to /dev/log). Lines are
 * collected in one batch while another is being written; what cannot be written is lost, counted,
 * and said on stderr once in a while. Logs that name the same destination share its sink. */
#ifndef SLUICE_OBSERVE_LOG_SINK_H
#define SLUICE_OBSERVE_LOG_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/record.h"
#include "core/config/config.h"
#include "core/ring/loop.h"

struct log_sink;

struct log_writer_stats {
    uint64_t writes;
    uint64_t records;      /* written whole */
    uint64_t records_lost; /* to failed writes; what found its ring full is in the port's counter */
    uint64_t write_errors;
    uint64_t reopen_errors;
};

/* Who opens the files: a process that may. */
struct log_files {
    int (*open)(struct log_files *f, const char *path); /* as log_file_open() */
};

struct log_sink_user {
    struct log_files *files;        /* NULL: log_file_open() */
    struct log_writer_stats *stats; /* of all sinks of the user */
    bool colour;
    /* A write ended: there is room. The last thing that is done with the sink in a callback. */
    void (*on_room)(struct log_sink_user *u);
};

/* Opens the destination, files for appending. On failure NULL, and why says the cause. */
struct log_sink *log_sink_open(struct loop *l, struct log_sink_user *u, const struct log_config *c,
                               char *why, uint32_t why_bytes);
bool log_sink_is(const struct log_sink *s, const struct log_config *c);

/* No write is in flight. */
void log_sink_close(struct log_sink *s);

/* Adds a line. False: no room until on_room, and the write in flight is not stuck. */
bool log_sink_put(struct log_sink *s, const struct log_config *c, const struct record *r);

/* Writes what is collected, unless a write is in flight. */
void log_sink_flush(struct log_sink *s);

/* All that was put is written, or lost. */
bool log_sink_idle(const struct log_sink *s);

/* Opens the destination anew, before the next write; if that fails the old one is kept. */
void log_sink_reopen(struct log_sink *s);

/* What is not written is lost. */
void log_sink_abandon(struct log_sink *s);

/* Says on stderr what was lost and not yet said; not too often but for the last time. */
void log_sink_complain(struct log_sink *s, bool last);

#endif
