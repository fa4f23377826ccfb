/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keeper: a small process, privileged if started so, that never touches traffic. It binds and
 * holds every listening socket, starts the server process (which drops its privileges) and starts
 * it again, with the last good configuration and the same sockets, when it dies; signals it passes
 * on. The server process asks it for sockets over a socket pair. */
#ifndef SLUICE_KEEPER_H
#define SLUICE_KEEPER_H

#include "core/config/config.h"

/* Runs keeper and server process until told to stop; gives the exit code. Takes the configuration
 * over; path: where it came from. */
int keeper_run(struct config *config, const char *path);

#endif
