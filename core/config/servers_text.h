/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a file with servers says: one server a line ("10.0.0.1:9000", with "weight=2", "backup=true"
 * and other keys of a server behind it), or a list in YAML or JSON, written as `servers` is. */
#ifndef SLUICE_CONFIG_SERVERS_TEXT_H
#define SLUICE_CONFIG_SERVERS_TEXT_H

#include "core/config/config.h"
#include "core/config/report.h"

#define SERVERS_TEXT_BYTES_MAX ((size_t)1 << 20)

struct servers_text {
    struct config *memory; /* all of the following */
    struct server_config *servers;
    uint32_t servers_count;
};

/* NULL: it has mistakes, which are in the report. path: for them. An empty text is a mistake; an
 * empty list ("[]") is none. */
struct servers_text *servers_text_read(const char *path, struct str text,
                                       struct config_report *report);
void servers_text_free(struct servers_text *t); /* may be NULL */

#endif
