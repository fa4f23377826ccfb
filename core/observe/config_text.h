/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of the configuration that runs, as its files had it when they were read, without what
 * should not be shown: values of keys and headers that are named like secrets, and password hashes.
 * Values of the environment are not in it: ${NAME} stays as it was written. */
#ifndef SLUICE_OBSERVE_CONFIG_TEXT_H
#define SLUICE_OBSERVE_CONFIG_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "core/config/config.h"

/* False: there is no text, the command line made it. */
bool config_text_print(const struct config *c, FILE *to);

#endif
