/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line. Each verb gets its arguments with argv[0] its own name, does what they say and
 * gives the exit code. stdout is data, stderr is messages. */
#ifndef SLUICE_OPTIONS_H
#define SLUICE_OPTIONS_H

#include <stdio.h>

#include "core/config/config.h"

/* Exit codes (DESIGN 8). */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 78 };

#define OPTIONS_DEFAULT_PATH "/etc/sluice/sluice.yaml" /* of the configuration */

/* Reads the arguments of `sluice proxy` (argv[0] is "proxy") into what config_new_proxy() made.
 * Some strings point into argv. Gives 0, or EXIT_USAGE after a message with the usage line on
 * stderr, or -1 when help was asked for and printed. One table of options makes the parser and the
 * help. */
int options_proxy(int argc, char **argv, struct config *c);
void options_print_proxy_help(FILE *to);

int options_run(int argc, char **argv);
int options_check(int argc, char **argv);
int options_reload(int argc, char **argv);
int options_help(int argc, char **argv);
int options_schema(int argc, char **argv);

/* verb NULL: none was given. */
int options_unknown(const char *verb);

#endif
