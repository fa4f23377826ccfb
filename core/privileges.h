/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who serves: root only as long as it has to be. user NULL: stays who it is. */
#ifndef SLUICE_PRIVILEGES_H
#define SLUICE_PRIVILEGES_H

#include <stdbool.h>

/* Whether privileges_drop() would find the user; who is not root stays who it is anyway. */
bool privileges_user_exists(const char *user);

/* For good: no more privileges, none to be had by executing something. False after a message. */
bool privileges_drop(const char *user);

/* Every client and every server takes a descriptor: as many as we may have. */
void raise_descriptor_limit(void);

#endif
