/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The access log's writing end: on the control thread's loop it drains the workers' records,
 * formats them and writes them in batches. Workers are never held up: a log that cannot be written
 * loses lines, counts them and says so on stderr, once in a while. */
#ifndef SLUICE_OBSERVE_LOG_WRITER_H
#define SLUICE_OBSERVE_LOG_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/record.h"
#include "core/config/config.h"
#include "core/ring/loop.h"

struct log_writer;

struct log_writer_config {
    const char *path; /* "-": stdout. The string outlives the writer */
    enum log_format format;
    bool colour;        /* LOG_HUMAN only */
    uint32_t ports_max; /* workers that will log */
};

struct log_writer_stats {
    uint64_t writes;
    uint64_t records;      /* written whole */
    uint64_t records_lost; /* to failed writes; what found its ring full is in the port's counter */
    uint64_t write_errors;
    uint64_t reopen_errors;
};

/* Opens the file, appending. On failure NULL, and why (of why_bytes) says the cause. SIGPIPE must
 * be ignored by the process if the path may be a pipe. */
struct log_writer *log_writer_create(struct loop *l, const struct log_writer_config *config,
                                     char *why, uint32_t why_bytes);

/* A port for one worker; dropped is that worker's counter and outlives the writer. Before the
 * worker starts. NULL without memory. */
struct log_port *log_writer_port(struct log_writer *w, counter *dropped);

/* After the file was moved away: goes on in a new one of the same name, at the next line. If it
 * cannot be opened, the old one is kept. */
void log_writer_reopen(struct log_writer *w);

/* Writes what is left and calls on_stopped from the loop. No worker uses its port any more. What
 * is not written by the deadline is lost. */
void log_writer_stop(struct log_writer *w, uint64_t deadline_ns,
                     void (*on_stopped)(struct log_writer *w, void *arg), void *arg);

const struct log_writer_stats *log_writer_stats(const struct log_writer *w);

/* After on_stopped, or while nothing was ever logged through a port of it. */
void log_writer_destroy(struct log_writer *w);

#endif
