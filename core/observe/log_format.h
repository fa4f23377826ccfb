/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line of the access log from one record. Pure.
 *
 * Whatever a client sent, a line is one line and its fields stay in their places: control
 * characters, quotes, backslashes and what is not UTF-8 are escaped in every format. */
#ifndef SLUICE_OBSERVE_LOG_FORMAT_H
#define SLUICE_OBSERVE_LOG_FORMAT_H

#include <stdbool.h>

#include "core/base/out.h"
#include "core/base/record.h"
#include "core/config/config.h"

/* No line is longer, its line end included: each of thirteen strings may need six times its length,
 * and the names of captured headers are bounded. */
#define LOG_LINE_BYTES_MAX (13 * 6 * RECORD_STR_MAX + LOG_CAPTURES_BYTES_MAX + 2048)
#define LOG_CAPTURES_BYTES_MAX (16 * 1024)

/* The fields of a line of the JSON log (log_field.def), for the manual; NULL past the last. */
struct log_field {
    const char *name, *type, *when, *doc;
};
const struct log_field *log_field_at(uint32_t i);

/* LOG_JSON: an object a line. What did not happen or is not known is absent: a phase, a status, a
 * server, a path that could not be read.
 * LOG_HUMAN: for a terminal; long paths are cut.
 * LOG_COMBINED: Apache's combined format; bytes are those sent, head included. A request that got
 * no answer has status 499 when the client broke it and 444 otherwise, as nginx has it.
 * LOG_TRACE: see log_trace_line().
 * Of the log's configuration: its format; which query arguments are redacted, in path and referer,
 * and which segments, in the path; which headers were captured (LOG_JSON only). colour: LOG_HUMAN
 * only. */
void log_format_line(struct out *o, const struct log_config *log, bool colour,
                     const struct record *r);

/* The time in RFC 3339, UTC, with microseconds. */
void log_format_time(struct out *o, uint64_t wall_us);

/* A target or URL (of RECORD_STR_MAX at most) without the values of those query arguments: the text
 * itself if there is nothing to redact, else written to `into`. Names are compared
 * percent-decoded. */
#define LOG_REDACTED_BYTES_MAX (5 * RECORD_STR_MAX) /* "/a" grows most */
struct str log_redact(struct str text, const struct strings *names,
                      char into[LOG_REDACTED_BYTES_MAX]);

/* A target (of LOG_REDACTED_BYTES_MAX at most) without the segments that stand in a star's place of
 * the first rule that fits; segments are compared percent-decoded. What is behind a dot segment is
 * not written at all: the path that counts is another one. As above; without a rule the text
 * itself. */
struct str log_redact_path(struct str text, const struct strings *rules,
                           char into[LOG_REDACTED_BYTES_MAX]);

/* A line for sluice-bench replay: an object with `at` (microseconds since the epoch), method, path,
 * request_bytes and response_bytes (of the bodies), status, `us` (all of it) and `end`. */
void log_trace_line(struct out *o, const struct record *r);

#endif
