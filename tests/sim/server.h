/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A scripted server: accepts, checks what reaches it, answers as the request's script says. */
#ifndef SLUICE_SIM_SERVER_H
#define SLUICE_SIM_SERVER_H

#include "tests/sim/message.h"
#include "tests/sim/world.h"

struct sim_server {
    struct world *world;
    struct addr addr;
    struct net_listener *listener;
    uint32_t number;
    struct conn *conns; /* all that there ever were */
};

struct sim_server *server_make(struct world *w, uint32_t number, const struct addr *addr,
                               enum net_host mode);

#endif
