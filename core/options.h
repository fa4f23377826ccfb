/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line: one table of options makes the parser and the help. */
#ifndef SLUICE_OPTIONS_H
#define SLUICE_OPTIONS_H

#include <stdio.h>

#include "core/config/config.h"

/* Exit codes (DESIGN 8). */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 78 };

/* Reads the arguments of `sluice proxy` (argv[0] is "proxy") into what config_new_proxy() made.
 * Some strings point into argv. Gives 0, or EXIT_USAGE after a message with the usage line on
 * stderr, or -1 when help was asked for and printed. */
int options_proxy(int argc, char **argv, struct config *c);

void options_print_proxy_help(FILE *to);

#endif
