/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control thread: receives the signals, loads configurations anew, writes the log, and ends
 * everything in order. It never touches traffic. */
#ifndef SLUICE_CONTROL_H
#define SLUICE_CONTROL_H

#include "core/config/config.h"

/* Runs the proxy until it is told to stop; gives the exit code. Messages go to stderr. Of `sluice
 * run`: config NULL, path where it came from, keeper the socket to the keeper, which reads, binds
 * and opens everything. Of the command line: its configuration, which is taken over, NULL, -1. */
int control_run(struct config *config, const char *path, int keeper);

#endif
