/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of one thing a line, where '#' begins a comment: inside core/config only. */
#ifndef SLUICE_CONFIG_LINES_H
#define SLUICE_CONFIG_LINES_H

#include <stdbool.h>

#include "core/config/report.h"

struct lines {
    const struct source *source;
    size_t at;
    uint32_t number; /* of the line at hand, from 1 */
};

/* The next line that holds something, without space around it. */
bool next_line(struct lines *l, struct str *line);

struct place line_place(const struct lines *l, struct str line);

/* Without the space around it. */
struct str line_trim(struct str s);

#endif
