/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is wrong with a configuration: all of it, each with its place, as a compiler says it. */
#ifndef SLUICE_CONFIG_REPORT_H
#define SLUICE_CONFIG_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/arena.h"
#include "core/base/str.h"

/* A file's text while it is being read. */
struct source {
    const char *name; /* for messages */
    struct str text;
    bool data;      /* named by a value: a list, a page */
    bool secret;    /* its lines are not shown */
    uint32_t order; /* messages are sorted by it: the first file first */
    struct source *included_by;
    uint64_t device, inode;
};

/* Characters of one line. */
struct place {
    const struct source *source; /* NULL: nowhere */
    uint32_t line, column;       /* from 1; line 0: the file as a whole */
    uint32_t width;
};

/* The text of a line (from 1), without its end. */
struct str source_line(const struct source *s, uint32_t line);

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct config_message {
    enum severity severity;
    const char *file; /* NULL: of no file */
    uint32_t order;
    uint32_t line, column, width;
    const char *text;
    const char *source_line; /* NULL: none to show */
};

/* So many are kept; the others are only counted. */
#define CONFIG_MESSAGES_MAX 200

struct config_report {
    struct config_message messages[CONFIG_MESSAGES_MAX];
    uint32_t messages_count;
    uint32_t errors_count, warnings_count; /* all, also those that are not kept */
    bool out_of_memory;                    /* counts as an error */
    struct arena arena;
};

void config_report_init(struct config_report *r);
void config_report_free(struct config_report *r);

/* The same on the heap, NULL without memory; r may be NULL. */
struct config_report *config_report_create(void);
void config_report_destroy(struct config_report *r);

/* The format's text is one sentence without a full stop. A message that is there already, at the
 * same place, is not repeated. */
void report_error(struct config_report *r, struct place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_warning(struct config_report *r, struct place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Memory or its bound ran out: said once. */
void report_out_of_memory(struct config_report *r);

static inline bool report_ok(const struct config_report *r)
{
    return r->errors_count == 0;
}

/* Whether further messages are only counted: then there is no need to look for suggestions. */
static inline bool report_full(const struct config_report *r)
{
    return r->messages_count == CONFIG_MESSAGES_MAX;
}

/* A value for a message: shortened, control characters replaced. */
struct quoted {
    char text[88];
};
struct quoted quote(struct str s);

/* In the order of the files' lines. */
void config_report_sort(struct config_report *r);

/* FILE:LINE:COLUMN: error: ..., the source line and a caret; a last line counts. */
void config_report_print(const struct config_report *r, FILE *to, bool colour);

/* {"ok": ..., "errors": N, "warnings": N, "messages": [{"severity", "file", "line", "column",
 * "message"}]}, one line. */
void config_report_print_json(const struct config_report *r, FILE *to);

#endif
