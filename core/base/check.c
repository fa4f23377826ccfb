/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *file, int line, const char *func, const char *what)
{
    fprintf(stderr, "%s:%d: %s: CHECK failed: %s\n", file, line, func, what);
    abort();
}
