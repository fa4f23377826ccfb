/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_BENCH_LOAD_OPTIONS_H
#define SLUICE_BENCH_LOAD_OPTIONS_H

#include "bench/load.h"

/* Reads the command line: -1 to go on, else the exit code; what is wrong was said on stderr. */
int load_options_read(int argc, char **argv, struct load_options *o);

void load_options_free(struct load_options *o);

#endif
