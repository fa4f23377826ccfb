/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control thread: receives the signals, loads configurations anew, writes the log, and ends
 * everything in order. It never touches traffic. */
#ifndef SLUICE_CONTROL_H
#define SLUICE_CONTROL_H

#include "core/config/config.h"

/* Runs the proxy until it is told to stop; gives the exit code. Takes the configuration over. path:
 * where it came from, to be read again on SIGHUP; NULL: the command line. keeper: the socket to the
 * keeper, which binds; -1: there is none. Messages go to stderr. */
int control_run(struct config *config, const char *path, int keeper);

#endif
