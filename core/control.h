/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control thread: binds, starts the workers, receives the signals, writes the log, and ends
 * everything in order. It never touches traffic. (The keeper process will take over binding and
 * signals.) */
#ifndef SLUICE_CONTROL_H
#define SLUICE_CONTROL_H

#include "core/config/config.h"

/* Runs the proxy until it is told to stop; gives the exit code. Takes the configuration over.
 * Messages go to stderr. */
int control_run(struct config *config);

#endif
