/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Many clients that ask for one thing at once. */
#ifndef SLUICE_BENCH_CACHE_CROWD_H
#define SLUICE_BENCH_CACHE_CROWD_H

#include <stdint.h>

#define CROWD_MAX 10000

/* Prints one JSON object: when the first of them got its first byte, after the last one had asked,
 * and how much later the last one did, in ms. The exit code: 1 when some got none in time. */
int crowd_run(uint16_t port, const char *path, unsigned clients);

#endif
