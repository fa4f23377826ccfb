/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SSLKEYLOGFILE, as browsers and curl know it: for debugging with Wireshark. */
#ifndef SLUICE_KEY_LOG_H
#define SLUICE_KEY_LOG_H

#include <stdbool.h>

/* The file that the environment names, opened for appending; -1: none. told: it is said on stderr.
 */
int key_log_of_environment(bool told);

#endif
