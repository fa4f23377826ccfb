/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line: one table of options makes the parser and the help. */
#ifndef SLUICE_OPTIONS_H
#define SLUICE_OPTIONS_H

#include <stdio.h>

#include "core/base/arena.h"
#include "core/config/config.h"

/* Exit codes (DESIGN 8). */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 78 };

/* What the arguments say, and the memory that it points to besides argv. */
struct options {
    struct config config;
    struct server_config servers[SERVERS_MAX];
    struct arena kept; /* pieces of values */
    char first[1024];
};

/* Reads the arguments of `sluice proxy` (argv[0] is "proxy") into a configuration on top of the
 * defaults. Gives 0, or EXIT_USAGE after a message with the usage line on stderr, or -1 when help
 * was asked for and printed. options_release() follows in any case. */
int options_proxy(int argc, char **argv, struct options *o);
void options_release(struct options *o);

void options_print_help(FILE *to);
void options_print_proxy_help(FILE *to);

#endif
