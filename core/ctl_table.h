/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `sluice ctl` prints for people, out of the admin API's JSON. */
#ifndef SLUICE_CTL_TABLE_H
#define SLUICE_CTL_TABLE_H

#include <jansson.h>
#include <stdio.h>

/* {"backends": [...]}, or one of them: a table of servers, and what is to be said of them below. */
void ctl_print_servers(const json_t *answer, FILE *to);

/* The cache's figures: a line for each, then a table of the routes that use it. */
void ctl_print_cache(const json_t *answer, FILE *to);

/* An object: a line for each member. */
void ctl_print_members(const json_t *object, FILE *to);

#endif
