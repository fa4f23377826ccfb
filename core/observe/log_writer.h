/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The access logs' writing end: on the control thread's loop it takes the workers' records and
 * gives each to its log. Workers are never held up, and no log holds up another for long: one that
 * cannot be written loses lines, counts them and says so on stderr, once in a while. */
#ifndef SLUICE_OBSERVE_LOG_WRITER_H
#define SLUICE_OBSERVE_LOG_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/record.h"
#include "core/config/config.h"
#include "core/observe/log_sink.h"
#include "core/ring/loop.h"

struct log_writer;
struct log_group;

/* colour: of human lines. files: who opens them, outlives the writer; NULL: log_file_open(). NULL
 * without memory. SIGPIPE must be ignored by the process. */
struct log_writer *log_writer_create(struct loop *l, bool colour, struct log_files *files);

/* Opens the logs of a configuration, which outlives the group. On failure NULL, and why (of
 * why_bytes) says the cause. */
struct log_group *log_writer_open(struct log_writer *w, const struct config *config, char *why,
                                  uint32_t why_bytes);

/* What a record of the configuration's log i says: that and i. */
uint16_t log_group_first(const struct log_group *g);

/* Nothing more is logged for the group: when all that was is with its logs, on_closed is called
 * from the loop, and the configuration may go. */
void log_group_close(struct log_group *g, void (*on_closed)(void *arg), void *arg);

/* A port for one worker; dropped is that worker's counter and outlives the writer. NULL without
 * memory. */
struct log_port *log_writer_port(struct log_writer *w, counter *dropped);

/* After files were moved away: goes on in new ones of the same name, at the next line. What cannot
 * be opened stays as it is. */
void log_writer_reopen(struct log_writer *w);

/* Writes what is left and calls on_stopped from the loop. No worker uses its port any more. What
 * is not written by the deadline is lost. */
void log_writer_stop(struct log_writer *w, uint64_t deadline_ns,
                     void (*on_stopped)(struct log_writer *w, void *arg), void *arg);

const struct log_writer_stats *log_writer_stats(const struct log_writer *w);

/* After on_stopped, or while nothing was ever logged through a port of it. w may be NULL. */
void log_writer_destroy(struct log_writer *w);

#endif
