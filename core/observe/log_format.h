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

/* No line is longer, its line end included: each of six strings may need six times its length. */
#define LOG_LINE_BYTES_MAX (7 * 6 * RECORD_STR_MAX + 2048)

/* LOG_JSON: an object a line. What did not happen or is not known is absent: a phase, a status, a
 * server, a path that could not be read.
 * LOG_HUMAN: for a terminal; long paths are cut.
 * LOG_COMBINED: Apache's combined format; bytes are those sent, head included. A request that got
 * no answer has status 499 when the client broke it and 444 otherwise, as nginx has it.
 * colour: LOG_HUMAN only. */
void log_format_line(struct out *o, enum log_format format, bool colour, const struct record *r);

#endif
