/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Other programs at work on sluice: shell commands in the test's directory, and certificates. */
#ifndef SLUICE_TESTS_TOOLS_H
#define SLUICE_TESTS_TOOLS_H

#include "tests/wire/wire.h"

/* The test's directory; made if it is not there. */
const char *folder(struct wire *w);

/* What a shell command prints, errors included; it runs in the test's directory, for 20 s at most.
 * $SERVER is sluice's first address, $PORT its port. The command holds no single quote. */
const char *shell(struct wire *w, const char *command);

/* The text has this part; it has it not. */
void contains(struct wire *w, const char *text, const char *part);
void contains_not(struct wire *w, const char *text, const char *part);

#define EC "ec -pkeyopt ec_paramgen_curve:prime256v1"

/* NAME.pem and NAME.key: a certificate by itself, for these alternative names ("DNS:a.test"). */
void make_pair(struct wire *w, const char *name, const char *kind, const char *hosts);

#endif
