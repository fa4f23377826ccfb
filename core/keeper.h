/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keeper: a small process, privileged if started so, that never touches traffic. It reads
 * everything from disk that a configuration names, binds and holds every listening socket, opens
 * the log files, starts the server process (which drops its privileges) and starts it again, with
 * the last good configuration and the same sockets, when it dies; signals it passes on. The server
 * process asks it for all that over a socket pair (keeper_socket.h). */
#ifndef SLUICE_KEEPER_H
#define SLUICE_KEEPER_H

#include "core/reading.h"

/* Runs keeper and server process until told to stop; gives the exit code. Takes the reading, which
 * has a configuration, over; path: where it came from. */
int keeper_run(struct reading *first, const char *path);

#endif
