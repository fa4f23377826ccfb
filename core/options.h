/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the commands share (core/command.h says what a command is). stdout is data, stderr is
 * messages. */
#ifndef SLUICE_OPTIONS_H
#define SLUICE_OPTIONS_H

#include <stdbool.h>

#include "core/command.h"
#include "core/config/config.h"

/* Exit codes (DESIGN 8). */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 78 };

#define OPTIONS_DEFAULT_PATH "/etc/sluice/sluice.yaml" /* of the configuration */

/* What the verbs that read a configuration begin their options with, and the rows for it. */
struct file_options {
    const char *path; /* OPTIONS_DEFAULT_PATH unless given */
    bool json;        /* --format json */
};

bool options_read_config(void *file_options, const char *value);
bool options_read_format(void *file_options, const char *value);

#define OPTION_CONFIG                                                                              \
    {                                                                                              \
        "--config", "-c", "FILE",                                                                  \
            "the configuration; default " OPTIONS_DEFAULT_PATH ",\n'-': standard input",           \
            options_read_config, COMPLETE_FILE, NULL                                               \
    }
#define OPTION_FORMAT                                                                              \
    {                                                                                              \
        "--format", NULL, "text|json", "messages for people (default) or for programs",            \
            options_read_format, COMPLETE_WORDS, "text json"                                       \
    }

/* Whether messages on stderr may be coloured: a terminal, and NO_COLOR does not forbid it. */
bool options_colour(void);

/* Reads the arguments of `sluice proxy` (argv[0] is "proxy") into what config_new_proxy() made.
 * Some strings point into argv. Gives 0, EXIT_USAGE after a message with the usage line on
 * stderr, or -1 when help was asked for and printed. */
int options_proxy(int argc, char **argv, struct config *c);

/* The commands, one where its code is. */
extern const struct command command_proxy, command_run, command_check, command_reload, command_ctl,
    command_route, command_help, command_schema, command_reference, command_version;

#endif
