/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said when everything is up. */
#ifndef SLUICE_BANNER_H
#define SLUICE_BANNER_H

#include "core/fleet.h"

/* Where it listens, what it has, what to try first: on stderr. */
void print_banner(const struct fleet *f);

#endif
