/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SLUICE_OPTIONS_ROUTE_H
#define SLUICE_OPTIONS_ROUTE_H

/* `sluice route [-c FILE] [--from ADDR] METHOD URL [-H "Name: value"...]`: which route would this
 * request meet, why the earlier ones do not match, and what would change. Offline. argv[0] is
 * "route". Gives the exit code. */
int route_main(int argc, char **argv);

#endif
