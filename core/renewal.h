/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The control thread's looks at the files of certificates, through the keeper: every two seconds at
 * most, and for a hundredth of a core at most. Once a day it names on stderr those that soon expire
 * (as the start and each reload do). */
#ifndef SLUICE_RENEWAL_H
#define SLUICE_RENEWAL_H

#include <stdbool.h>

#include "core/config/config.h"
#include "core/ring/loop.h"

struct renewal {
    struct loop *loop;
    int keeper;
    const struct config *(*config)(struct renewal *r); /* in force; NULL: no change is wanted now */
    void (*changed)(struct renewal *r, int fd); /* what the keeper read, or -errno (reading_load) */

    struct timer timer;
    struct timer daily;
};

void renewal_start(struct renewal *r, struct loop *l, int keeper,
                   const struct config *(*config)(struct renewal *r),
                   void (*changed)(struct renewal *r, int fd));

#endif
