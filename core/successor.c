/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/successor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/ring/sock.h"

static void on_outcome(struct op *op, struct op_result result)
{
    struct successor *s = container_of(op, struct successor, op);
    struct keeper_outcome *o = &s->outcome;
    sock_close(s->fd, false);
    s->coming = false;
    if (result.res != (int32_t)sizeof *o)
        *o = (struct keeper_outcome){ .why = "the keeper is gone" };
    o->why[sizeof o->why - 1] = '\0';
    if (o->good)
        s->on_ready(s);
    else
        s->on_failed(s, o->why);
}

bool successor_start(struct successor *s, const char *user, char *why, uint32_t why_bytes)
{
    CHECK(!s->coming);
    int fd = keeper_replace(s->keeper);
    if (fd == -ENOENT)
        snprintf(why, why_bytes, "this machine has no user '%s'", user);
    else if (fd < 0)
        snprintf(why, why_bytes, "no new server process can be started: %s%s", strerror(-fd),
                 fd == -EAGAIN ? " (are many of before still draining?)" : "");
    if (fd < 0)
        return false;
    s->coming = true;
    s->fd = fd;
    op_init(&s->op, on_outcome);
    op_read(s->loop, &s->op, fd, &s->outcome, sizeof s->outcome);
    return true;
}
